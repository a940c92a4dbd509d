// A click or drag on the correlation surface: the cross follows the mouse at once, and where it is is told one place after
// the other, the next when the one before is drawn; of those in between only the last counts.

const PATIENCE = 2000;
let dragging = false;
let asked = 0;
let waiting = null;

export default function install({ cross, wire, answer }, event) {
  function tell() {
    const [x, y] = waiting;
    waiting = null;
    asked = performance.now();
    wire.data = { x: [x], y: [y] };
  }

  function put() {
    if (!Number.isFinite(event.x) || !Number.isFinite(event.y)) return;
    waiting = [event.x, event.y];
    cross.setv({ data: { x: [event.x], y: [event.y] } }, { sync: false });
    if (!asked || performance.now() - asked > PATIENCE) tell();
  }

  if (event === answer) {
    asked = 0;
    if (waiting) tell();
  } else if (event.event_name === "tap") {
    put();
  } else if (event.event_name === "panstart") {
    dragging = true;
    put();
  } else if (event.event_name === "pan" && dragging) {
    put();
  } else if (event.event_name === "panend" && dragging) {
    dragging = false;
    put();
  }
}
