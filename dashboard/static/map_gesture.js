// A drag on the map that does not move it: it draws a loop around segments, or carries the beams over the image. The loop
// is told once, at the end. Where the beams are carried is told one place after the other, the next when the one before
// is drawn; of those in between only the last counts.

const APART = 3;
const PATIENCE = 2000;
let told = 0;
let drag = null;
let asked = 0;
let waiting = null;

export default function install({ plot, mode, loop, wire, answer }, event) {
  const how = mode.data.how[0];

  const say = (message) => {
    told += 1;
    wire.data = { message: [JSON.stringify({ n: told, ...message })] };
  };

  const draw = (x, y) => loop.setv({ data: { x, y } }, { sync: false });

  function settle() {
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
    const { xs, ys } = drag;
    drag = null;
    if (how !== "loop") return;
    if (xs.length < 3) draw([], []);
    else say({ kind: "loop", xs, ys, add: Boolean(event.modifiers?.shift || event.modifiers?.ctrl) });
  }

  if (event === mode) settle();
  else if (event === answer) answered();
  else if (how !== "pan") ({ panstart: begins, pan: moves, panend: ends })[event.event_name]?.();
}
