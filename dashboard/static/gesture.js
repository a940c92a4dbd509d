// Gestures on figures that share the along-track axis: a drag selects, Shift and drag or a sideways wheel pans, the wheel
// zooms about the mouse. What is being selected is drawn here; the server is told once, at the end. Moves are told one
// after the other, the next when the one before is drawn.

const MOVED = 3;
const ZOOM = 1 / 400;
const LINE = 16;
const TWICE = 400;

// One controller holds for all figures: this module may be loaded more than once at the same time.
export default function install({ figures, answer, ...models }, _event, _data, { index }) {
  const held = answer.gestures ??= controller({ answer, ...models });
  for (const figure of figures) {
    const view = index.find_one(figure);
    if (view) held.attach(view);
  }
}

function controller({ x, preview, wire, answer }) {
  const known = new WeakSet();
  let drag = null;
  let clicked = { time: -Infinity, at: 0 };
  let told = 0;
  let asked = 0;
  let waiting = false;

  const say = (message) => {
    told += 1;
    wire.data = { message: [JSON.stringify({ n: told, ...message })] };
  };

  // The layer of the preview knows no frame: it is kept inside.
  const inside = (at) => Math.min(Math.max(at, x.start), x.end);
  const show = (start, end) => preview.setv({ data: start === null ? { x0: [], x1: [] }
    : { x0: [inside(Math.min(start, end))], x1: [inside(Math.max(start, end))] } }, { sync: false });

  // A move is told when the server has drawn the one before; of those in between only the last counts.
  function move() {
    if (asked && performance.now() - asked < 2000) { waiting = true; return; }
    waiting = false;
    asked = performance.now();
    say({ kind: "move", start: x.start, end: x.end });
  }

  function answered() {
    asked = 0;
    if (!drag) show(null);
    if (waiting) move();
  }

  function go(start, end) {
    const length = Math.min(Math.max(end - start, x.min_interval ?? 0), x.max_interval ?? Infinity);
    const middle = (start + end) / 2;
    x.setv({ start: middle - length / 2, end: middle + length / 2 });
    move();
  }

  function place(view, event) {
    const box = view.canvas_view.events_el.getBoundingClientRect();
    const sx = event.clientX - box.left, sy = event.clientY - box.top;
    const { frame } = view;
    return { sx, x: frame.x_scale.invert(sx), y: frame.y_scale.invert(sy), inside: frame.bbox.contains(sx, sy),
      scale: (x.end - x.start) / frame.bbox.width };
  }

  function down(view, event) {
    if (event.button !== 0 || !event.isPrimary) return;
    const at = place(view, event);
    if (at.inside) drag = { view, at, pans: event.shiftKey, moved: false, start: x.start, end: x.end };
  }

  function moves(event) {
    if (!drag) return;
    const now = place(drag.view, event);
    if (!drag.moved && Math.abs(now.sx - drag.at.sx) < MOVED) return;
    drag.moved = true;
    if (!drag.pans) { show(drag.at.x, now.x); return; }
    const by = (now.sx - drag.at.sx) * drag.at.scale;
    go(drag.start - by, drag.end - by);
  }

  function up(event) {
    if (!drag) return;
    const { view, at, pans, moved } = drag;
    const now = place(view, event);
    drag = null;
    const add = event.ctrlKey || event.metaKey;
    if (moved && pans) return;
    if (moved) { say({ kind: "select", start: at.x, end: inside(now.x), free: event.altKey, add }); return; }
    const twice = event.timeStamp - clicked.time < TWICE && Math.abs(now.sx - clicked.at) < MOVED;
    clicked = { time: twice ? -Infinity : event.timeStamp, at: now.sx };
    if (twice) say({ kind: "run", x: now.x });
    else say({ kind: "click", figure: view.model.name, x: now.x, y: now.y, scale: now.scale });
  }

  function cancel() {
    if (!drag) return false;
    drag = null;
    show(null);
    return true;
  }

  function wheel(view, event) {
    const at = place(view, event);
    if (event.ctrlKey || !at.inside) return;
    event.preventDefault();
    const unit = event.deltaMode === 0 ? 1 : LINE;
    const across = event.deltaX * unit, along = event.deltaY * unit;
    const sideways = event.shiftKey ? across || along : across;
    if (event.shiftKey || Math.abs(across) > Math.abs(along)) {
      go(x.start + sideways * at.scale, x.end + sideways * at.scale);
      return;
    }
    const length = x.end - x.start;
    const wanted = Math.min(Math.max(length * Math.exp(along * ZOOM), x.min_interval ?? 0), x.max_interval ?? Infinity);
    const start = at.x - (at.x - x.start) * wanted / length;
    go(start, start + wanted);
  }

  function attach(view) {
    const area = view.canvas_view.events_el;
    if (known.has(area)) return;
    known.add(area);
    area.addEventListener("pointerdown", (event) => down(view, event));
    area.addEventListener("pointermove", moves);
    area.addEventListener("pointerup", up);
    area.addEventListener("pointercancel", cancel);
    area.style.outline = "none";
    area.addEventListener("wheel", (event) => wheel(view, event), { passive: false });
  }

  answer.properties.data.change.connect(answered);
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && cancel()) event.stopImmediatePropagation();
  }, true);
  return { attach };
}
