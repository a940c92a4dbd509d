const at = (name) => new URL(`static-leadline/${name}`, document.baseURI).href;
const [{ Outbox, identifier }, { Link }, { element }] =
  await Promise.all(["outbox.js", "link.js", "dom.js"].map((name) => import(at(name))));

const THEME_YEAR = 31536000;
const LONGEST_WAIT = 15000;
const UNSTORED = 4000;
const DEAF = 20000;
const SETTLED = 30;
const NAME = "leadline-analyst";
const REPEATING = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "+", "-", "=", "_"];

function focused() {
  let active = document.activeElement;
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  return active;
}

// Keys belong to what is being typed in, and Enter and the arrows to a control that was reached by keyboard.
function taken(key) {
  const active = focused();
  const kind = active?.tagName;
  if (active?.isContentEditable || ["TEXTAREA", "SELECT"].includes(kind)) return true;
  if (kind === "INPUT" && !["checkbox", "radio", "range", "button"].includes(active.type)) return true;
  const moves = key === "Enter" || key === " " || (key.startsWith("Arrow") && kind === "INPUT");
  return moves && active !== document.body && (active?.matches(":focus-visible") ?? false)
    && (["BUTTON", "A", "INPUT"].includes(kind) || active.hasAttribute("tabindex"));
}

const clock = (time, seconds) => time.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined });
const edits = (count) => (count === 1 ? "1 edit" : `${count} edits`);

export function render({ model, el }) {
  if (globalThis.leadlineBirth && globalThis.leadlineBirth !== model.birth) {
    location.reload();
    return;
  }
  globalThis.leadlineBirth = model.birth;
  const queryOf = (text) => Object.fromEntries(new URLSearchParams(text));
  const nav = element("nav", { "aria-label": "Pages" });
  const project = element("span", { class: "project", title: "Project" });
  const badge = element("span", { class: "badge", role: "note" });
  const saved = element("span", { class: "saved", role: "status" });
  const stale = element("button", { class: "sign stale", hidden: "", "aria-haspopup": "dialog", onclick: () => toggleStale() });
  const jobs = element("button", { class: "sign jobs", hidden: "", title: "Jobs (J)", onclick: () => toJob(0) });
  const popover = element("div", { class: "popover", role: "dialog", "aria-label": "What is stale", hidden: "" });
  const theme = element("button", { class: "icon", "aria-label": "Light or dark", title: "Light or dark",
    onclick: () => setTheme(model.theme === "dark" ? "light" : "dark") });
  const help = element("button", { class: "icon", "aria-label": "Keys", title: "Keys (?)", onclick: () => toggleHelp() }, "?");
  const user = element("button", { class: "user", onclick: () => askName() });
  const header = element("header", {},
    element("a", { class: "brand", href: "?", onclick: (event) => go(event, "overview") },
      element("img", { src: new URL("assets/logo.svg", document.baseURI).href, alt: "", width: 26, height: 26 }),
      element("strong", {}, "Leadline")),
    project, badge, nav, element("span", { class: "room" }), saved, jobs, stale, user, help, theme);
  const toasts = element("div", { class: "toasts", role: "status", "aria-live": "polite" });
  const overlay = element("div", { class: "overlay", hidden: "" });
  const blocker = element("div", { class: "blocker", role: "alertdialog", "aria-live": "assertive", hidden: "" });
  const dialog = element("dialog", { "aria-label": "Your name" });
  el.append(header, popover, toasts, overlay, blocker, dialog);

  let begun = false;
  let descriptor = null, looked = 0, known = 0;
  let reason = model.reason;
  let last = null;
  const sent = new Map();
  const outbox = new Outbox(model.project, drawSaved);
  const link = new Link(at("page.css"), drawBlocker);
  const analyst = () => model.user || localStorage.getItem(NAME) || "";

  function go(event, page) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button > 0) return;
    event.preventDefault();
    if (!link.lost) model.send_msg({ type: "navigate", page });
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
    const name = analyst();
    user.textContent = name || "your name?";
    user.disabled = Boolean(model.user);
    user.title = model.user ? "Logged in; corrections bear this name" : "Corrections bear this name; click to change it";
    user.classList.toggle("nobody", !name);
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

  const toJob = (job) => { if (!link.lost) model.send_msg({ type: "job", job }); };

  function drawJobs() {
    const { running = 0, text = "", share = null } = model.jobs;
    jobs.hidden = !text;
    jobs.classList.toggle("running", running > 0);
    jobs.style.setProperty("--share", `${Math.round(100 * (share ?? 0))}%`);
    jobs.classList.toggle("unknown", running > 0 && share === null);
    jobs.replaceChildren(element("i", { "aria-hidden": "true" }), element("span", {}, text));
    jobs.setAttribute("aria-label", `Jobs: ${text}`);
  }

  function drawStale() {
    const count = model.stale.length;
    stale.hidden = !count;
    stale.textContent = `▲ ${count} due`;
    stale.title = "Tables that no longer follow from their inputs, or are not made yet";
    if (!popover.hidden) toggleStale(count > 0);
  }

  function toggleStale(shown = popover.hidden) {
    popover.hidden = !shown;
    stale.setAttribute("aria-expanded", String(shown));
    if (!shown) return;
    const rows = model.stale.map(({ title, why }) => element("li", {}, element("b", {}, title), element("span", {}, why)));
    const count = model.stale.length;
    popover.replaceChildren(element("h2", {}, "No longer follows from its inputs"), element("ol", {}, ...rows),
      element("div", { class: "buttons" },
        element("button", { type: "button", onclick: () => { toggleStale(false); toJob(0); } }, "Choose how…"),
        element("button", { class: "main", onclick: () => { toggleStale(false); named(() => model.send_msg({ type: "make-right" })); } },
          `Run what is stale · ${count} ${count === 1 ? "job" : "jobs"}`)));
    popover.querySelector(".main").focus();
  }

  // Jobs bear a name, as corrections do.
  function named(then) {
    if (analyst()) then();
    else askName(then);
  }

  function toast({ level, text, seconds, job = 0 }) {
    for (const shown of [...toasts.children]) if (shown.firstChild.textContent === text) shown.remove();
    const show = job ? element("button", { class: "go", onclick: () => { node.remove(); toJob(job); } }, "Show") : null;
    const node = element("div", { class: `toast ${level}` }, element("span", {}, text), show,
      element("button", { "aria-label": "Close", onclick: () => node.remove() }, "×"));
    toasts.append(node);
    while (toasts.children.length > 4) toasts.firstChild.remove();
    if (seconds) setTimeout(() => node.remove(), seconds * 1000);
  }

  function helpGroup(name, lines) {
    const rows = lines.map(({ keys, meaning }) => element("div", { class: "line" },
      element("span", { class: "keys" }, ...keys.map((key) => element("kbd", {}, key))), element("span", {}, meaning)));
    return element("section", {}, element("h3", {}, name), ...rows);
  }

  function toggleHelp(shown = overlay.hidden) {
    overlay.hidden = !shown;
    if (!shown) return;
    const here = model.keys.filter(({ pages }) => !pages.length || pages.includes(model.page));
    const groups = [...new Set(here.map(({ group }) => group))];
    overlay.replaceChildren(element("div", { class: "sheet", role: "dialog", "aria-label": "Keys" },
      element("h2", {}, "Keys"),
      element("div", { class: "groups" }, ...groups.map((name) => helpGroup(name, here.filter(({ group }) => group === name)))),
      element("p", {}, "The address of the page holds the place and the view: copy it to share what you see.")));
  }

  function askName(then = null) {
    if (model.user) return;
    const field = element("input", { type: "text", maxlength: 60, autocomplete: "name", "aria-label": "Your name", placeholder: "Your name" });
    field.value = analyst();
    const form = element("form", { method: "dialog", onsubmit: (event) => {
      event.preventDefault();
      const name = field.value.trim();
      if (!name) return;
      localStorage.setItem(NAME, name);
      dialog.close();
      drawTexts();
      model.send_msg({ type: "analyst", name });
      then?.();
    } }, element("h2", {}, "Who are you?"),
      element("p", {}, "Every correction and every job bears this name. It is kept in this browser."), field,
      element("div", { class: "buttons" },
        element("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        element("button", { class: "main" }, "OK")));
    dialog.replaceChildren(form);
    dialog.showModal();
    field.select();
  }

  function drawSaved() {
    const waiting = outbox.count();
    const late = waiting && ![...sent.values()].some((since) => Date.now() - since < UNSTORED);
    saved.className = `saved ${late || (waiting && link.lost) ? "late" : waiting ? "busy" : "good"}`;
    if (late || (waiting && link.lost)) saved.textContent = `▲ ${edits(waiting)} not stored`;
    else if (waiting) saved.textContent = last ? saved.textContent : "saving…";
    else saved.textContent = last ? `✓ saved ${clock(last, true)}` : "";
  }

  function drawBlocker() {
    blocker.hidden = !link.lost;
    drawSaved();
    if (!link.lost) return;
    const waiting = outbox.count();
    const kept = waiting
      ? `${edits(waiting)} ${waiting === 1 ? "is" : "are"} not stored yet; kept in this browser and sent when the page is back.`
      : "Every edit made here is stored.";
    blocker.replaceChildren(element("div", { class: "sheet" },
      element("h2", {}, `Connection lost at ${clock(link.lost, false)}`), element("p", {}, kept),
      element("p", { class: "soft" }, element("span", { class: "spin" }), "Waiting for the server; the page goes on by itself."),
      element("div", { class: "buttons" }, element("button", { class: "main", onclick: () => location.reload() }, "Reload now"))));
  }

  const markKnown = () => { document.documentElement.dataset.selection = known === looked ? "known" : "asked"; };

  // What is selected is not known here between something that may change it and the server's answer.
  function look(pause = 0) {
    const n = ++looked;
    markKnown();
    if (pause) setTimeout(() => model.send_msg({ type: "look", n }), pause);
    else model.send_msg({ type: "look", n });
  }

  function edit({ kind, label = null, selection = undefined }) {
    if (link.lost || !begun) return;
    if (!analyst()) {
      askName(() => edit({ kind, label, selection }));
      return;
    }
    const turning = kind === "accept" && model.drifting ? "shift" : kind;
    const entry = { gesture: identifier(), kind: turning, label, reason, analyst: analyst(), opinion: model.opinion,
      selection: selection ?? (known === looked ? descriptor : null) };
    outbox.put(entry);
    send(entry);
  }

  function send(entry) {
    model.send_msg({ type: "edit", entry });
    look();
    expect(entry.gesture);
    drawSaved();
  }

  function expect(gesture) {
    const owed = () => sent.has(gesture);
    sent.set(gesture, Date.now());
    setTimeout(() => {
      if (!owed()) return;
      drawSaved();
      link.suspect(owed);
    }, UNSTORED);
    // A server that answers, but not here: the page's own connection is dead without having ended.
    setTimeout(() => { if (owed()) link.down(); }, DEAF);
  }

  function answered({ gesture, at: when }, stored) {
    sent.delete(gesture);
    if (stored) last = when ? new Date(when) : new Date();
    outbox.drop(gesture);
    window.dispatchEvent(new CustomEvent(stored ? "leadline-stored" : "leadline-refused", { detail: { gesture } }));
  }

  function pressed(key, shift) {
    const line = model.keys.find(({ codes, pages }) => codes.includes(key) && (!pages.length || pages.includes(model.page)));
    if (!line) return false;
    if (line.edits[key]) edit(line.edits[key]);
    else {
      reason = line.reasons[key] ?? reason;
      model.send_msg({ type: "key", key, shift });
      look();
    }
    return true;
  }

  function onKey(event) {
    if (!begun || event.ctrlKey || event.metaKey || event.altKey || dialog.open || taken(event.key)) return;
    if (link.lost) return;
    if (event.key === "Escape" && !overlay.hidden) return toggleHelp(false);
    if (event.key === "Escape" && !popover.hidden) return toggleStale(false);
    if (event.key === "?") return toggleHelp();
    if (event.repeat && !REPEATING.includes(event.key)) return;
    if (pressed(event.key, event.shiftKey)) event.preventDefault();
  }

  const onHistory = () => model.send_msg({ type: "address", query: queryOf(location.search) });
  const onEdit = (event) => edit(event.detail);
  const onNamed = (event) => named(event.detail.then);
  const onPress = (event) => pressed(event.detail.key, Boolean(event.detail.shift));
  const onPointer = (event) => {
    if (!begun || link.lost || model.page !== "review" || event.composedPath().includes(el)) return;
    look(SETTLED);
  };
  const listeners = { keydown: onKey, popstate: onHistory, "leadline-edit": onEdit, "leadline-key": onPress, "leadline-named": onNamed, pointerup: onPointer };
  el.getRootNode().addEventListener("pointerdown", (event) => {
    if (!popover.hidden && ![popover, stale].some((node) => event.composedPath().includes(node))) toggleStale(false);
  });
  overlay.addEventListener("click", (event) => { if (event.target === overlay) toggleHelp(false); });
  for (const [name, call] of Object.entries(listeners)) window.addEventListener(name, call, name === "pointerup");
  for (const name of ["pages", "page"]) model.on(name, drawNav);
  for (const name of ["project", "badge", "user", "analyst"]) model.on(name, drawTexts);
  model.on("theme", drawTheme);
  model.on("jobs", drawJobs);
  model.on("stale", drawStale);
  model.on("query", writeAddress);
  model.on("reason", () => { reason = model.reason; });
  const told = {
    toast,
    ready: ({ page }) => { document.documentElement.dataset.ready = page; },
    stored: (message) => answered(message, true),
    refused: (message) => {
      answered(message, false);
      toast({ level: message.level, text: message.why, seconds: message.level === "error" ? 0 : 8 });
    },
    selection: (message) => {
      descriptor = message.descriptor;
      known = Math.max(known, message.n ?? 0);
      markKnown();
    },
  };
  model.on("msg:custom", (message) => told[message.type]?.(message));
  drawNav();
  drawTexts();
  drawTheme();
  drawJobs();
  drawStale();
  drawSaved();
  writeAddress();

  async function begin() {
    const waiting = await outbox.orphans();
    if (link.ended) return;
    begun = true;
    for (const held of globalThis.Bokeh?.documents ?? []) link.watch(held);
    model.send_msg({ type: "hello", analyst: analyst() });
    for (const { gesture } of waiting) expect(gesture);
    if (waiting.length) model.send_msg({ type: "replay", entries: waiting });
    look();
    drawSaved();
  }

  const started = performance.now();
  const starting = setInterval(() => {
    const drawn = globalThis.Bokeh?.documents?.length && globalThis.Bokeh.documents.every((held) => held.is_idle);
    if (!drawn && performance.now() - started < LONGEST_WAIT) return;
    clearInterval(starting);
    begin();
  }, 10);
  model.on("remove", () => {
    clearInterval(starting);
    link.end();
    for (const [name, call] of Object.entries(listeners)) window.removeEventListener(name, call, name === "pointerup");
  });
}
