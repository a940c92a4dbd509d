// Clickable HTML that keeps the keyboard's place when it is drawn anew. Parts with data-edit send an edit on its way
// through the page's outbox; parts with data-go tell the server where to go.
export function render({ model, el }) {
  const body = document.createElement("div");
  body.className = "body";
  const parts = () => [...body.querySelectorAll("[tabindex='0'], button")];

  function draw() {
    const held = parts().indexOf(body.getRootNode().activeElement);
    const { row, act } = parts()[held]?.dataset ?? {};
    body.innerHTML = model.content;
    if (held < 0) return;
    const now = parts();
    const same = now.find((part) => part.dataset.row === row && part.dataset.act === act);
    (same ?? now.slice(held).find((part) => part.dataset.act === act) ?? now.at(-1))?.focus({ preventScroll: !same });
  }

  function go(event) {
    const part = event.composedPath().find((node) => node.dataset?.go || node.dataset?.edit);
    if (!part) return;
    event.preventDefault();
    // The second click of a double click would land on what has moved to this place since.
    if (event.detail > 1) return;
    if (part.dataset.edit) {
      window.dispatchEvent(new CustomEvent("leadline-edit", { detail: JSON.parse(part.dataset.edit) }));
    } else {
      model.send_msg(JSON.parse(part.dataset.go));
    }
  }

  body.addEventListener("click", go);
  body.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.repeat) go(event); });
  model.on("content", draw);
  draw();
  el.append(body);
  model.send_msg({ ready: true });
}
