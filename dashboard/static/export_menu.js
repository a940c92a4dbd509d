// A menu of what can be downloaded. A file comes through a frame that nobody sees: where the server refuses, the frame
// gets the one line that says why, and the menu shows it; a cookie tells that a download has begun.
const { element } = await import(new URL("static-leadline/dom.js", document.baseURI).href);

const TOKEN = "leadline-download";
const LOOK = 300;
const PATIENCE = 900;

export function render({ model, el }) {
  const frame = element("iframe", { hidden: "", title: "download" });
  const told = element("p", { class: "told", role: "status" });
  const get = element("button", { type: "button", class: "get", onclick: () => download("export") }, "Download");
  const more = element("div", { class: "more" });
  const selects = Object.fromEntries(["extent", "what", "format"].map((name) => [name, element("select", { name, onchange: tell })]));
  const titles = { extent: "Part", what: "Table", format: "Format" };
  const menu = element("div", { class: "menu", popover: "auto", role: "dialog", "aria-label": "Export" },
    element("h2", {}, "Export"),
    ...Object.entries(selects).map(([name, select]) => element("label", { class: "field" }, element("span", {}, titles[name]), select)),
    told, get, more);
  const open = element("button", { type: "button", class: "open", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => menu.togglePopover() }, "Export ▾");
  let looking = 0;

  // Where something else stands first, such as a stretch just chosen, it is what is meant.
  function fill(select, entries) {
    const held = select.options[0]?.value === entries[0]?.key ? select.value : entries[0]?.key;
    select.replaceChildren(...entries.map(({ key, title }) => element("option", { value: key }, title)));
    if (entries.some(({ key }) => key === held)) select.value = held;
  }

  function draw() {
    fill(selects.extent, model.extents);
    fill(selects.what, model.tables);
    fill(selects.format, model.formats);
    more.replaceChildren(...model.links.map(({ route, title, words }) =>
      element("button", { type: "button", onclick: () => download(route, words) }, title)));
    more.hidden = model.links.length === 0;
    get.disabled = model.extents.length === 0;
    tell();
  }

  function chosen() {
    const extent = model.extents.find(({ key }) => key === selects.extent.value) ?? { words: {}, told: "" };
    return { ...extent, what: selects.what.value, format: selects.format.value };
  }

  function tell() {
    if (looking) return;
    const { told: extent } = chosen();
    const table = model.tables.find(({ key }) => key === selects.what.value);
    told.className = "told";
    told.textContent = [extent, table?.told].filter(Boolean).join(" ");
  }

  function download(route, words) {
    const asked = chosen();
    const token = Math.random().toString(36).slice(2);
    const query = new URLSearchParams({ ...(words ?? { what: asked.what, format: asked.format, ...asked.words }), token });
    told.className = "told";
    told.textContent = "Being made; the download begins by itself.";
    get.disabled = true;
    frame.onload = () => {
      const line = frame.contentDocument?.body?.textContent.trim();
      if (line) end(line, true);
    };
    frame.src = `${route}?${query}`;
    watch(token, PATIENCE * 1000 / LOOK);
  }

  function watch(token, left) {
    clearTimeout(looking);
    looking = setTimeout(() => {
      if (document.cookie.split("; ").includes(`${TOKEN}=${token}`)) end("Downloaded.", false);
      else if (left) watch(token, left - 1);
      else end("", false);
    }, LOOK);
  }

  function end(line, trouble) {
    clearTimeout(looking);
    looking = 0;
    get.disabled = model.extents.length === 0;
    told.textContent = line;
    told.className = trouble ? "told trouble" : "told";
  }

  menu.addEventListener("toggle", ({ newState }) => {
    const shown = newState === "open";
    if (shown) window.addEventListener("keydown", leave, true);
    else window.removeEventListener("keydown", leave, true);
    open.setAttribute("aria-expanded", String(shown));
    if (shown) selects.extent.focus();
    else if (!looking) tell();
  });
  menu.addEventListener("beforetoggle", ({ newState }) => {
    if (newState !== "open") return;
    const box = open.getBoundingClientRect();
    menu.style.top = `${box.bottom + 6}px`;
    menu.style.left = `${Math.max(8, Math.min(box.right - 348, innerWidth - 360))}px`;
  });
  // The page's keys are letters; in the menu they choose in the lists. Esc leaves the menu before it leaves anything else.
  menu.addEventListener("keydown", (event) => event.stopPropagation());
  const leave = (event) => {
    if (event.key !== "Escape") return;
    event.stopImmediatePropagation();
    event.preventDefault();
    menu.hidePopover();
    open.focus();
  };
  for (const name of ["extents", "tables", "formats", "links"]) model.on(name, draw);
  el.append(open, menu, frame);
  draw();
}
