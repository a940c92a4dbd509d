// A drag on the map that does not move it: it draws a loop around segments, or carries the beams over the image. The loop
// is told once, at the end. Where the beams are carried is told one place after the other, the next when the one before
// is drawn; of those in between only the last counts.

const APART = 3;
const PATIENCE = 2000;
const CURSORS = { pan: "default", loop: "crosshair", carry: "grab", carrying: "grabbing" };
let told = 0;
let drag = null;
let asked = 0;
let waiting = null;

export default function install({ plot, mode, loop, wire, answer }, event, _data, { index }) {
  const how = mode.data.how[0];

  const say = (message) => {
    told += 1;
    wire.data = { message: [JSON.stringify({ n: told, ...message })] };
  };

  const draw = (x, y) => loop.setv({ data: { x, y } }, { sync: false });

  // The mouse shows what a drag would do; the figure sets its own cursor at every move.
  function point(to = how) {
    const canvas = index.find_one(plot)?.canvas_view;
    if (!canvas) return;
    if (!canvas.el.dataset.how) {
      const style = document.createElement("style");
      style.textContent = Object.entries(CURSORS).map(([name, cursor]) =>
        `:host([data-how="${name}"]) .bk-events { cursor: ${cursor} !important; }`).join("\n");
      canvas.shadow_el.append(style);
    }
    canvas.el.dataset.how = to;
  }

  function settle() {
    point();
    const pan = plot.toolbar.tools.find((tool) => tool.type === "PanTool");
    if (pan) pan.active = how === "pan";
    drag = null;
    waiting = null;
    draw([], []);
  }

  function carry() {
    const message = { kind: "carry", drag: drag?.number ?? waiting.number, x: waiting.x, y: waiting.y };
    waiting = null;
    asked = performance.now();
    say(message);
  }

  function answered() {
    asked = 0;
    if (!drag) draw([], []);
    if (waiting) carry();
  }

  function begins() {
    drag = { number: told + 1, x: event.x, y: event.y, sx: event.sx, sy: event.sy, xs: [event.x], ys: [event.y] };
    if (how === "carry") point("carrying");
  }

  function moves() {
    if (!drag) return;
    if (how === "carry") {
      waiting = { number: drag.number, x: event.x - drag.x, y: event.y - drag.y };
      if (!asked || performance.now() - asked > PATIENCE) carry();
    } else if (Math.hypot(event.sx - drag.sx, event.sy - drag.sy) >= APART) {
      [drag.sx, drag.sy] = [event.sx, event.sy];
      drag.xs.push(event.x);
      drag.ys.push(event.y);
      draw([...drag.xs], [...drag.ys]);
    }
  }

  function ends() {
    if (!drag) return;
    moves();
    point();
    const { xs, ys } = drag;
    drag = null;
    if (how !== "loop") return;
    if (xs.length < 3) draw([], []);
    else say({ kind: "loop", xs, ys, add: Boolean(event.modifiers?.shift || event.modifiers?.ctrl) });
  }

  if (event === mode) settle();
  else if (event === answer) answered();
  else if (event.event_name === "mouseenter") point();
  else if (how !== "pan") ({ panstart: begins, pan: moves, panend: ends })[event.event_name]?.();
}
