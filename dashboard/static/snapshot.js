// The dialogue that freezes a snapshot: what changed since the last one, a name in words, and what came of it.
import { element } from "./dom.js";

const swatch = (code) => {
  const node = element("span", { class: "swatch" });
  node.style.background = `var(--class-${code})`;
  return node;
};

function table(title, rows) {
  if (!rows.length) return "";
  return element("div", {}, element("h3", {}, title), element("table", {}, ...rows.map(([name, { segments, metres }]) =>
    element("tr", {}, element("td", {}, ...name), element("td", {}, segments), element("td", {}, metres)))));
}

export function snapshotDialog(model) {
  const body = element("div", { class: "changes" });
  const note = element("input", { type: "text", maxlength: 200, placeholder: "such as: clouds of 4 November corrected", "aria-label": "Name in words" });
  const freeze = element("button", { class: "main" }, "Freeze");
  const close = element("button", { type: "button", onclick: () => node.close() }, "Close");
  const form = element("form", { method: "dialog", onsubmit: (event) => {
    event.preventDefault();
    model.send_msg({ type: "freeze", note: note.value });
  } }, element("h2", {}, "Snapshot of the labels"), body,
    element("label", {}, element("span", { class: "soft" }, "Name in words"), note),
    element("div", { class: "buttons" }, close, freeze));
  const node = element("dialog", { "aria-label": "Snapshot of the labels" }, form);
  let ticking = 0;

  function busy(text) {
    const since = Date.now();
    const time = element("span", { class: "soft" });
    const draw = () => { time.textContent = `${Math.round((Date.now() - since) / 1000)} s`; };
    draw();
    ticking = setInterval(draw, 1000);
    return [element("div", { class: "busy" }, element("span", { class: "spin" }), text, time), element("div", { class: "runner" }, element("i", {}))];
  }

  function compared(told) {
    const since = told.since ? `Since ${told.since}${told.note ? ` “${told.note}”` : ""}, ${told.created} UTC` : "Since the auto-labels: there is no snapshot yet";
    if (told.total.segments === "0") {
      return [element("p", {}, since), element("p", { class: "soft" }, told.events ? `${told.events} events, but no label is another than it was.` : "Nothing has changed.")];
    }
    const pair = ({ from, to }) => [swatch(from), ` ${told.names[from]} → `, swatch(to), ` ${told.names[to]}`];
    return [element("p", {}, since),
      element("p", {}, element("b", {}, `${told.total.segments} segments, ${told.total.metres}`), ` have another label, by ${told.events} events.`),
      table("By class", told.classes.map((row) => [pair(row), row])),
      table("By reason", told.reasons.map((row) => [[row.name], row])),
      table("By analyst", told.analysts.map((row) => [[row.name], row]))];
  }

  const views = {
    comparing: () => busy("Comparing with the last snapshot…"),
    freezing: () => busy("Freezing the labels… you may go on working."),
    compared,
    frozen: ({ name, new: fresh }) => [element("p", { class: "good" }, element("b", {}, fresh ? `✓ Frozen as ${name}` : `✓ ${name} holds these labels already`)),
      element("p", { class: "soft" }, fresh ? "Training and freeboard can name it from now on." : "It is the newest snapshot again.")],
    failed: ({ why }) => [element("p", { class: "bad" }, element("b", {}, "▲ "), why)],
  };

  return {
    node,
    open() {
      note.value = "";
      node.showModal();
      model.send_msg({ type: "compare" });
    },
    show(told) {
      clearInterval(ticking);
      if (!told.state) return;
      body.replaceChildren(...views[told.state](told));
      freeze.disabled = ["comparing", "freezing", "frozen"].includes(told.state);
      note.parentNode.hidden = told.state === "frozen";
      freeze.hidden = told.state === "frozen";
    },
  };
}
