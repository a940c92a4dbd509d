const { element } = await import(new URL("static-leadline/dom.js", document.baseURI).href);

const HEIGHT = 38;
const SPARE = 6;

const NAMES = { 0: "thick ice", 1: "thin ice", 2: "open water", "-1": "unlabelled" };
const count = (number) => number.toLocaleString("en-US");
const length = (metres) => (metres < 1000 ? `${metres} m` : `${(metres / 1000).toFixed(metres < 10000 ? 2 : 1)} km`);
const percent = (share) => `${share > 0.99 && share < 1 ? 99 : Math.round(100 * share)} %`;
const bar = (share) => {
  const node = element("span", { class: share >= 1 ? "track full" : "track" }, element("i", {}));
  node.firstChild.style.width = `${100 * Math.min(share, 1)}%`;
  return node;
};

export function render({ model, el }) {
  const title = element("div", { class: "title" }, element("h2", {}, "Queue"), element("span", {}));
  const total = bar(0);
  const filters = element("div", { class: "filters" });
  const room = element("div", { class: "room" });
  const empty = element("div", { class: "empty", hidden: "" });
  const list = element("div", { class: "list", role: "listbox", "aria-label": "Zones", tabindex: "0" }, room, empty);
  const more = element("div", { class: "more", hidden: "" });
  const progress = element("div", { class: "progress", "aria-label": "Progress by granule and beam" });
  el.append(element("div", { class: "frame" }, element("div", { class: "top" }, title, total, filters), list, more, progress));
  list.addEventListener("mousedown", (event) => event.preventDefault());

  let rows = null, shown = [], head = {}, most = 1;
  let drawn = new Map();

  const ident = (row) => `${rows.granules[rows.granule[row]]}/${rows.beams[rows.beam[row]]}/${rows.first[row]}`;
  const isDone = (row) => model.done[row] === "1";

  // What is to be done alone is chosen here, so that an edit needs no new rows.
  function choose() {
    const number = rows?.first.length ?? 0;
    shown = [];
    for (let row = 0; row < number; row += 1) if (!head.filter?.todo || !isDone(row)) shown.push(row);
    room.style.height = `${shown.length * HEIGHT}px`;
    drawn.forEach((node) => node.remove());
    drawn = new Map();
    drawEmpty();
    drawRows();
  }

  function takeRows() {
    rows = model.rows ? JSON.parse(model.rows) : null;
    most = Math.max(...(rows?.score ?? []).slice(0, 1), 1e-9);
    choose();
    reveal();
  }

  function row(at) {
    const index = shown[at], whys = rows.why[index].map((why) => rows.whys[why]);
    const label = rows.label[index], done = isDone(index);
    const dot = element("span", { class: "dot" });
    dot.style.background = `var(--why-${whys[0]})`;
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = `var(--class-${label})`;
    const others = whys.slice(1).join(", ");
    const node = element("div", { class: "row", role: "option", title: `${whys.join(", ")} · score ${rows.score[index]}` },
      dot, element("span", { class: "why" }, whys[0] ?? "", others ? element("small", {}, ` ${others}`) : null),
      element("span", { class: "metres" }, length(rows.metres[index])),
      element("span", { class: "tick" }, done ? "✓" : ""),
      element("span", { class: "below" }, `${rows.beams[rows.beam[index]]}`, swatch, NAMES[label] ?? ""),
      element("span", { class: "score" }, bar(rows.score[index] / most)));
    node.querySelector(".score .track").classList.remove("full");
    node.style.top = `${at * HEIGHT}px`;
    node.dataset.zone = ident(index);
    mark(node, index);
    return node;
  }

  function mark(node, index) {
    const here = node.dataset.zone === model.current, done = isDone(index);
    node.classList.toggle("here", here);
    node.classList.toggle("done", done);
    node.setAttribute("aria-selected", here);
    node.querySelector(".tick").textContent = done ? "✓" : "";
  }

  function drawRows() {
    if (!rows) return;
    const from = Math.max(Math.floor(list.scrollTop / HEIGHT) - SPARE, 0);
    const to = Math.min(Math.ceil((list.scrollTop + list.clientHeight) / HEIGHT) + SPARE, shown.length);
    for (const [at, node] of drawn) {
      if (at < from || at >= to) {
        node.remove();
        drawn.delete(at);
      }
    }
    for (let at = from; at < to; at += 1) {
      if (drawn.has(at)) mark(drawn.get(at), shown[at]);
      else {
        const node = row(at);
        drawn.set(at, node);
        room.append(node);
      }
    }
  }

  function place() {
    if (!rows || !model.current) return -1;
    const [granule, beam, first] = model.current.split("/");
    const g = rows.granules.indexOf(granule), b = rows.beams.indexOf(beam), f = Number(first);
    return shown.findIndex((index) => rows.first[index] === f && rows.beam[index] === b && rows.granule[index] === g);
  }

  function reveal() {
    drawRows();
    const at = place();
    if (at < 0) return;
    const top = at * HEIGHT, bottom = top + HEIGHT;
    if (top < list.scrollTop + HEIGHT) list.scrollTop = Math.max(top - 2 * HEIGHT, 0);
    else if (bottom > list.scrollTop + list.clientHeight - HEIGHT) list.scrollTop = bottom - list.clientHeight + 2 * HEIGHT;
  }

  function drawEmpty() {
    const nothing = shown.length === 0 && head.empty;
    empty.hidden = !nothing;
    if (!nothing) return;
    const { title: name, text, command, action } = head.empty;
    empty.replaceChildren(element("strong", {}, name), text ? element("p", {}, text) : "",
      command ? element("code", {}, command) : "",
      action ? element("button", { onclick: () => send({ why: "", where: "", kind: "", todo: false }) }, action) : "");
  }

  function send(values) {
    model.send_msg({ type: "filter", values });
  }

  function drawFilters() {
    const select = (name, label, options) => {
      const node = element("select", { "aria-label": label, class: head.filter[name] ? "set" : null,
        onchange: () => { send({ [name]: node.value }); node.blur(); } },
      ...options.map(([value, text]) => element("option", { value }, text)));
      node.value = head.filter[name];
      return node;
    };
    const todo = element("input", { type: "checkbox", onchange: () => { send({ todo: todo.checked }); todo.blur(); } });
    todo.checked = head.filter.todo;
    filters.replaceChildren(select("why", "Reason", head.whys), select("where", "Where", head.wheres),
      select("kind", "Class", head.kinds), element("label", {}, todo, "To do only"));
  }

  let before = "", lines = "";
  function drawHead() {
    const todo = head.filter?.todo;
    head = JSON.parse(model.head);
    if (!head.filter) return;
    const all = head.total > 0 && head.done === head.total;
    title.lastChild.textContent = head.total ? `${count(head.total)} zones, ${percent(head.share)} done` : "";
    title.lastChild.className = all ? "all" : "";
    title.lastChild.title = `${count(head.done)} of ${count(head.total)} zones; share of their length`;
    total.className = all ? "track full" : "track";
    total.firstChild.style.width = `${head.total ? 100 * head.share : 0}%`;
    const now = JSON.stringify([head.filter, head.wheres]);
    if (now !== before) drawFilters();
    before = now;
    more.hidden = !head.more;
    more.textContent = head.more ? `${count(head.more)} more that pay less are not listed` : "";
    const told = JSON.stringify(head.progress);
    if (told !== lines) drawProgress();
    lines = told;
    if (todo !== head.filter.todo || head.filter.todo) choose();
    else drawEmpty();
  }

  function drawProgress() {
    progress.hidden = head.progress.length === 0;
    progress.replaceChildren(...head.progress.map(({ name, where, done, total: of, share, level }) =>
      element("div", { class: level ? "item beam" : "item", title: where }, element("span", {}, name), bar(of ? share : 0),
        element("span", {}, of ? `${count(done)}/${count(of)}` : "no zones"))));
  }

  list.addEventListener("scroll", drawRows, { passive: true });
  list.addEventListener("click", (event) => {
    const hit = event.target.closest?.(".row");
    if (hit) model.send_msg({ type: "zone", zone: hit.dataset.zone });
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.min(Math.max(place() + step, 0), shown.length - 1);
    if (next >= 0) model.send_msg({ type: "zone", zone: ident(shown[next]) });
  });
  const sized = new ResizeObserver(drawRows);
  sized.observe(list);
  model.on("rows", takeRows);
  model.on("done", drawRows);
  model.on("head", drawHead);
  model.on("current", reveal);
  model.on("remove", () => sized.disconnect());
  drawHead();
  takeRows();
}
