// Small pictures of numbers over time: learning curves, and cores and memory in use.

const SPACE = "http://www.w3.org/2000/svg";

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const LEFT = 44, RIGHT = 12, TOP = 10, BOTTOM = 20;

function ticks(low, high) {
  const rough = (high - low) / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + 1e-9; value += step) found.push(value);
  return { found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

function range(values) {
  const low = Math.min(...values), high = Math.max(...values);
  const room = (high - low) * 0.08 || Math.abs(high) * 0.05 || 0.05;
  return [low - room, high + room];
}

// Lines over epochs 1 to `most`; each series has a name, a class and its values by place.
export function curves(width, height, most, series, format) {
  const node = svg("svg", { class: "curves", viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
  const all = series.flatMap(({ values }) => values).filter((value) => Number.isFinite(value));
  if (!all.length) return node;
  const [low, high] = range(all);
  const x = (place) => LEFT + ((width - LEFT - RIGHT) * place) / Math.max(1, most - 1);
  const y = (value) => TOP + (height - TOP - BOTTOM) * (1 - (value - low) / (high - low));
  const { found, digits } = ticks(low, high);
  for (const value of found) {
    node.append(svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }));
    const text = svg("text", { class: "tick", x: LEFT - 6, y: y(value) + 3.5, "text-anchor": "end" });
    text.textContent = format ? format(value) : value.toFixed(digits);
    node.append(text);
  }
  const every = Math.max(1, Math.ceil(most / 10));
  for (let epoch = 1; epoch <= most; epoch += epoch === 1 && every > 1 ? every - 1 : every) {
    const text = svg("text", { class: "tick", x: x(epoch - 1), y: height - 5, "text-anchor": "middle" });
    text.textContent = epoch;
    node.append(text);
  }
  for (const { name, values } of series) {
    const points = values.map((value, place) => [x(place), y(value)]).filter(([, at]) => Number.isFinite(at));
    node.append(svg("polyline", { class: `series ${name}`, points: points.map((point) => point.join(",")).join(" ") }));
    points.forEach(([px, py], place) => {
      const r = points.length > 40 ? 1.4 : 2.6;
      const dot = name === "macro_f1" ? svg("rect", { class: `dot ${name}`, x: px - r, y: py - r, width: 2 * r, height: 2 * r })
        : svg("circle", { class: `dot ${name}`, cx: px, cy: py, r });
      const title = svg("title");
      title.textContent = `epoch ${place + 1}: ${values[place].toPrecision(4)}`;
      dot.append(title);
      node.append(dot);
    });
  }
  return node;
}

// An area from 0 to `most`, one value after the other.
export function area(width, height, values, most) {
  const node = svg("svg", { class: "area", viewBox: `0 0 ${width} ${height}`, width, height, preserveAspectRatio: "none", "aria-hidden": "true" });
  if (values.length < 2) return node;
  const points = values.map((value, place) => `${(width * place) / (values.length - 1)},${height - (height - 2) * Math.min(1, value / (most || 1))}`);
  node.append(svg("polygon", { points: `0,${height} ${points.join(" ")} ${width},${height}` }), svg("polyline", { points: points.join(" ") }));
  return node;
}
