export function render({ model, el }) {
  const body = document.createElement("div");
  body.className = "body";
  const draw = () => { body.innerHTML = model.content; };
  const go = (event) => {
    const target = event.composedPath().find((node) => node.dataset?.go);
    if (!target) return;
    event.preventDefault();
    model.send_msg(JSON.parse(target.dataset.go));
  };
  body.addEventListener("click", go);
  body.addEventListener("keydown", (event) => { if (event.key === "Enter") go(event); });
  model.on("content", draw);
  draw();
  el.append(body);
}
