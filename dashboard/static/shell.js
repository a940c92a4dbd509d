const THEME_YEAR = 31536000;
const LONGEST_WAIT = 15000;

function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function typing() {
  let active = document.activeElement;
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  const type = active?.type;
  return active?.isContentEditable || ["TEXTAREA", "SELECT"].includes(active?.tagName)
    || (active?.tagName === "INPUT" && !["checkbox", "radio", "range", "button"].includes(type));
}

export function render({ model, el }) {
  const base = document.querySelector("base")?.href ?? "";
  const queryOf = (text) => Object.fromEntries(new URLSearchParams(text));
  const nav = element("nav", { "aria-label": "Pages" });
  const project = element("span", { class: "project", title: "Project" });
  const badge = element("span", { class: "badge", role: "note" });
  const theme = element("button", { class: "icon", "aria-label": "Light or dark", title: "Light or dark",
    onclick: () => setTheme(model.theme === "dark" ? "light" : "dark") });
  const help = element("button", { class: "icon", "aria-label": "Keys", title: "Keys (?)", onclick: () => toggleHelp() }, "?");
  const user = element("span", { class: "user" });
  const header = element("header", {},
    element("a", { class: "brand", href: "?", onclick: (event) => go(event, "overview") },
      element("img", { src: `${base}assets/logo.svg`, alt: "", width: 26, height: 26 }), element("strong", {}, "Leadline")),
    project, badge, nav, element("span", { class: "room" }), user, help, theme);
  const toasts = element("div", { class: "toasts", role: "status", "aria-live": "polite" });
  const overlay = element("div", { class: "overlay", hidden: "" });
  const offline = element("div", { class: "offline", role: "alert", hidden: "" },
    "Connection to the server lost. The view is frozen; reload the page when the server is back.",
    element("button", { onclick: () => location.reload() }, "Reload"));
  el.append(header, toasts, overlay, offline);

  function go(event, page) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button > 0) return;
    event.preventDefault();
    model.send_msg({ type: "navigate", page });
  }

  function drawNav() {
    nav.replaceChildren(...model.pages.map(({ key, title }) => element("a", {
      href: `?page=${key}`, "aria-current": key === model.page ? "page" : null, onclick: (event) => go(event, key) }, title)));
    const title = model.pages.find(({ key }) => key === model.page)?.title ?? "";
    document.title = `${title} · ${model.project} · Leadline`;
  }

  function drawTexts() {
    project.textContent = model.project;
    badge.textContent = model.badge;
    badge.hidden = !model.badge;
    badge.title = model.badge_meaning;
    user.textContent = model.user;
    user.hidden = !model.user;
  }

  function setTheme(value) {
    document.cookie = `leadline-theme=${value}; path=/; max-age=${THEME_YEAR}; samesite=strict`;
    model.theme = value;
  }

  function drawTheme() {
    document.documentElement.dataset.theme = model.theme;
    theme.textContent = model.theme === "dark" ? "☀" : "☾";
  }

  function writeAddress() {
    const text = model.query ? `?${model.query}` : location.pathname;
    if (location.search === (model.query ? `?${model.query}` : "")) return;
    const before = queryOf(location.search), after = queryOf(model.query);
    const turned = (before.page ?? "overview") !== (after.page ?? "overview")
      || (before.granule !== undefined && after.granule !== undefined && before.granule !== after.granule);
    history[turned ? "pushState" : "replaceState"]({}, "", text);
  }

  function toast({ level, text, seconds }) {
    for (const shown of [...toasts.children]) if (shown.firstChild.textContent === text) shown.remove();
    const node = element("div", { class: `toast ${level}` }, element("span", {}, text),
      element("button", { "aria-label": "Close", onclick: () => node.remove() }, "×"));
    toasts.append(node);
    while (toasts.children.length > 4) toasts.firstChild.remove();
    if (seconds) setTimeout(() => node.remove(), seconds * 1000);
  }

  function toggleHelp(shown = overlay.hidden) {
    overlay.hidden = !shown;
    if (!shown) return;
    const rows = model.keys.filter(({ pages }) => !pages.length || pages.includes(model.page)).map(({ keys, meaning }) =>
      element("tr", {}, element("td", {}, ...keys.map((key) => element("kbd", {}, key))), element("td", {}, meaning)));
    overlay.replaceChildren(element("div", { class: "sheet", role: "dialog", "aria-label": "Keys" },
      element("h2", {}, "Keys"), element("table", {}, ...rows),
      element("p", {}, "The address of the page holds the place and the view: copy it to share what you see.")));
  }

  function onKey(event) {
    if (!begun || event.ctrlKey || event.metaKey || event.altKey || typing()) return;
    if (event.key === "Escape") return toggleHelp(false);
    if (event.key === "?") return toggleHelp();
    const known = model.keys.some(({ codes, pages }) => codes.includes(event.key) && (!pages.length || pages.includes(model.page)));
    if (!known) return;
    event.preventDefault();
    model.send_msg({ type: "key", key: event.key, shift: event.shiftKey });
  }

  const onHistory = () => model.send_msg({ type: "address", query: queryOf(location.search) });
  overlay.addEventListener("click", (event) => { if (event.target === overlay) toggleHelp(false); });
  window.addEventListener("keydown", onKey);
  window.addEventListener("popstate", onHistory);
  for (const name of ["pages", "page"]) model.on(name, drawNav);
  for (const name of ["project", "badge", "user"]) model.on(name, drawTexts);
  model.on("theme", drawTheme);
  model.on("query", writeAddress);
  model.on("msg:custom", (message) => {
    if (message.type === "toast") toast(message);
    if (message.type === "ready") document.documentElement.dataset.ready = message.page;
  });
  drawNav();
  drawTexts();
  drawTheme();
  writeAddress();
  let begun = false;
  const started = performance.now();
  const waiting = setInterval(() => {
    const drawn = globalThis.Bokeh?.documents?.length && globalThis.Bokeh.documents.every((held) => held.is_idle);
    if (!drawn && performance.now() - started < LONGEST_WAIT) return;
    clearInterval(waiting);
    begun = true;
    for (const held of globalThis.Bokeh?.documents ?? []) {
      held.on_event("connection_lost", () => { offline.hidden = false; });
      held.on_event("client_reconnected", () => { offline.hidden = true; });
    }
    model.send_msg({ type: "hello" });
  }, 40);
  model.on("remove", () => {
    clearInterval(waiting);
    window.removeEventListener("keydown", onKey);
    window.removeEventListener("popstate", onHistory);
  });
}
