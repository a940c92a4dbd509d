// Marks the spot under the mouse in the map and in the views along the track, and tells what the rows say of it.

const quietly = { sync: false };
const SIDE = 0.72;
const write = (source, data) => source.setv({ data }, quietly);

// Along-track distance to map.
function onMap({ x_atc, x, y }, at) {
  if (!x_atc.length || at < x_atc[0] || at > x_atc[x_atc.length - 1]) return null;
  let low = 0, high = x_atc.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x_atc[middle] <= at) low = middle; else high = middle;
  }
  const share = (at - x_atc[low]) / (x_atc[high] - x_atc[low]);
  return [x[low] + share * (x[high] - x[low]), y[low] + share * (y[high] - y[low])];
}

// Map to the along-track distance of the nearest point of the beam.
function onBeam({ x_atc, x, y }, px, py) {
  let best = Infinity, found = null;
  for (let i = 0; i + 1 < x_atc.length; i += 1) {
    const dx = x[i + 1] - x[i], dy = y[i + 1] - y[i];
    const length = dx * dx + dy * dy;
    const share = length ? Math.min(1, Math.max(0, ((px - x[i]) * dx + (py - y[i]) * dy) / length)) : 0;
    const away = (x[i] + share * dx - px) ** 2 + (y[i] + share * dy - py) ** 2;
    if (away < best) { best = away; found = x_atc[i] + share * (x_atc[i + 1] - x_atc[i]); }
  }
  return found;
}

function worded(kind, value, names) {
  if (kind in names) return names[kind][value] ?? "";
  if (!Number.isFinite(value)) return "";
  if (kind === "share") return `${Math.round(100 * value)} %`;
  if (kind === "rate") return `${value.toFixed(1)} a shot`;
  return value >= 1e5 ? `${(value / 1e6).toFixed(2)} MHz` : `${(value / 1e3).toFixed(1)} kHz`;
}

function readings(at, { spots, slots, names }) {
  const found = { y: [], text: [] };
  const { slot, kind, y } = spots.data;
  for (let row = 0; row < slot.length; row += 1) {
    const { image, x, dw } = slots[slot[row]].data;
    if (!image.length) continue;
    const values = image[0];
    const column = Math.floor((at - x[0]) / dw[0] * values.length);
    const text = column >= 0 && column < values.length ? worded(kind[row], values[column], names) : "";
    if (text) { found.y.push(y[row]); found.text.push(text); }
  }
  return found;
}

export default function follow(args, event, _data, { index }) {
  const { spot, knots, hover, told, map } = args;
  const origin = event.origin ?? event.model;
  const { start, end } = args.along;
  const over = event.event_name === "mouseleave" ? null
    : origin === map ? onBeam(knots.data, event.x, event.y) : event.x;
  const there = over === null ? null : onMap(knots.data, over);
  write(hover, there ? { x: [there[0]], y: [there[1]] } : { x: [], y: [] });
  if (over === null || over < start || over > end) {
    write(spot, { x: [] });
    write(told, { x: [], y: [], text: [], align: [], offset: [] });
    return;
  }
  write(spot, { x: [over] });
  if (!args.slots.length) return;
  const left = (over - start) / (end - start) > SIDE;
  const found = readings(over, args);
  const count = found.text.length;
  write(told, { ...found, x: Array(count).fill(over), align: Array(count).fill(left ? "right" : "left"),
    offset: Array(count).fill(left ? -7 : 7) });
}
