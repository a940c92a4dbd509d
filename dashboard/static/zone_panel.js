const at = (name) => new URL(`static-leadline/${name}`, document.baseURI).href;
const [{ snapshotDialog }, { element }] = await Promise.all(["snapshot.js", "dom.js"].map((name) => import(at(name))));

const percent = (share) => `${share > 0 && share < 0.01 ? "<1" : Math.round(100 * share)} %`;
const count = (number) => number.toLocaleString("en-US");
const tell = (type, detail) => window.dispatchEvent(new CustomEvent(type, { detail }));
const kept = (event) => event.preventDefault();

function coloured(name, kind, value) {
  const node = element("span", { class: name });
  node.style.background = `var(--${kind}-${value})`;
  return node;
}

export function render({ model, el }) {
  const fixed = JSON.parse(model.fixed);
  const read = (name) => JSON.parse(model[name]);

  const banner = element("div", { class: "banner", role: "status", hidden: "" });
  const zone = element("section", { class: "zone" });
  const labels = element("div", { class: "labels", role: "group", "aria-label": "Label" }, ...fixed.labels.map(({ key, label, name }) =>
    element("button", { "data-label": label, onmousedown: kept, onclick: () => tell("leadline-edit", { kind: "paint", label }) },
      element("kbd", {}, key), coloured("swatch", "class", label), element("span", {}, name))));
  const accept = element("button", { class: "accept", onmousedown: kept, onclick: () => tell("leadline-edit", { kind: "accept" }) },
    element("kbd", {}, "Enter"), element("span", {}, "Accept as it is"));
  const reasons = element("div", { class: "chips", role: "radiogroup", "aria-label": "Reason" }, ...fixed.reasons.map(({ key, reason }) =>
    element("button", { role: "radio", "data-reason": reason, onmousedown: kept, onclick: () => tell("leadline-key", { key: key.toLowerCase() }) },
      element("kbd", {}, key), reason)));
  const effects = element("section", { class: "effects" });
  const drift = element("section", { class: "drift" });
  const history = element("section", { class: "history" });
  const opinions = element("div", { class: "switch", role: "radiogroup", "aria-label": "Opinion" },
    ...[["first", "First", "The labels in force"], ["second", "Second, blind", "A second opinion; the first stays hidden"]].map(([value, text, title]) =>
      element("button", { role: "radio", "data-opinion": value, title, onmousedown: kept,
        onclick: () => model.send_msg({ type: "set", values: { opinion: value } }) }, text)));
  const snapshots = snapshotDialog(model);
  const freeze = element("button", { class: "freeze", onmousedown: kept, onclick: () => snapshots.open() }, "Snapshot…");
  const frame = element("div", { class: "frame" }, banner, zone,
    element("section", {}, labels, accept),
    element("section", { class: "reason-choice" }, element("h3", {}, "Reason"), reasons),
    effects, drift, history, element("div", { class: "foot" }, opinions, freeze));
  el.append(frame, snapshots.node);

  function drawMode() {
    const { reason, opinion, analyst } = read("mode");
    const second = opinion === "second";
    banner.hidden = !second;
    banner.textContent = "◐ Second opinion: changes no label in force";
    banner.title = `Blind: every earlier correction is hidden. What ${analyst || "you"} set${analyst ? "s" : ""} here is kept beside the labels in force.`;
    frame.classList.toggle("second", second);
    for (const node of reasons.children) node.setAttribute("aria-checked", node.dataset.reason === reason);
    for (const node of opinions.children) node.setAttribute("aria-checked", node.dataset.opinion === opinion);
  }

  function whyLine({ why, share }) {
    return element("span", { class: "reason" }, coloured("dot", "why", why), element("span", {}, why),
      element("span", { class: "soft", title: why === "entropy" ? "mean uncertainty of the model" : "share of the segments" },
        share === null || share === undefined ? "" : percent(share)));
  }

  function drawZone() {
    const told = read("zone");
    const chosen = Boolean(told.where);
    for (const node of [...labels.children, accept]) node.disabled = !chosen;
    if (!chosen) {
      zone.replaceChildren(element("div", { class: "head" }, element("h2", {}, told.title ?? "")),
        element("p", { class: "soft hint" }, "Drag over a stretch, click a zone, or press ", element("kbd", {}, "N"),
          " for the zone where looking pays most."));
      return;
    }
    const parts = element("span", { class: "parts", title: told.labels.map(([code, share]) => `${fixed.names[code]} ${percent(share)}`).join(", ") },
      ...told.labels.map(([code, share]) => {
        const node = coloured("part", "class", code);
        node.style.flexGrow = share;
        return node;
      }));
    const now = told.labels.slice().sort((a, b) => b[1] - a[1]).map(([code, share]) => `${fixed.names[code]} ${percent(share)}`).join(", ");
    zone.replaceChildren(
      element("div", { class: "head" }, element("h2", {}, told.title),
        told.done ? element("span", { class: "good" }, "✓ done") : "", element("span", { class: "length" }, told.length)),
      element("div", { class: "reasons" }, ...(told.why.length ? told.why.slice(0, 4).map(whyLine)
        : [element("span", { class: "soft" }, "nothing is flagged here")])),
      element("div", { class: "where", title: told.position }, told.where,
        element("span", { class: "soft" }, told.parts > 1 ? `${told.segments}, ${told.parts} parts` : told.segments)),
      parts, element("div", { class: "now soft" }, now ? `now ${now}` : ""));
  }

  function shiftCell(shift, title) {
    if (!shift) return element("td", { class: "soft" }, "–");
    return element("td", { title: shift.most ? `${title}: ${shift.most}` : null }, element("b", { class: shift.over ? null : "none" }, shift.by === "0" ? "0" : shift.by),
      element("small", {}, shift.over || " "));
  }

  function effectRow({ label, segments, surface, freeboard, bare, leads }) {
    const lost = bare ? element("span", { class: "sign", title: "a 10 km window loses its last lead" }, "▲") : "";
    const name = element("td", {}, element("span", { class: "name" }, coloured("swatch", "class", label), fixed.names[label], lost));
    if (!segments) return element("tr", { class: "same" }, name, element("td", { colspan: 3 }, "no change"));
    const change = leads[1] - leads[0];
    const title = change ? `${change > 0 ? "+" : "−"}${Math.abs(change)} ${Math.abs(change) === 1 ? "lead" : "leads"}` : "no lead more or less";
    return element("tr", { title }, name, element("td", {}, count(segments)), shiftCell(surface, "sea surface"), shiftCell(freeboard, "freeboard"));
  }

  function drawEffects() {
    const { rows, trouble, waiting } = read("effects");
    if (waiting && effects.querySelector("table")) {
      effects.classList.add("old");
      effects.setAttribute("aria-busy", "true");
      return;
    }
    effects.removeAttribute("aria-busy");
    effects.classList.remove("old");
    const head = element("tr", {}, ...["", "segments", "sea surface", "freeboard"].map((name) => element("th", {}, name)));
    const windows = Math.max(...(rows ?? []).map((row) => row.bare), 0);
    const warning = windows === 1 ? "a 10 km window loses its last lead" : `${windows} windows of 10 km lose their last lead`;
    const body = rows ? [element("table", {}, head, ...rows.map(effectRow))]
      : [element("p", { class: "soft" }, trouble ?? (waiting ? "Working out what each label would do…"
        : "Select a stretch to see what a label would do to sea surface and freeboard."))];
    const heading = windows ? element("div", { class: "warning", role: "note" }, `▲ ${warning}`) : element("h3", {}, "What this edit does");
    effects.replaceChildren(heading, element("div", { class: "table" }, ...body));
  }

  function drawDrift() {
    const told = read("drift");
    const button = element("button", { "aria-pressed": Boolean(told?.drifting), onmousedown: kept, disabled: told ? null : "",
      title: "Set the drift by hand (D)", onclick: () => tell("leadline-key", { key: "d" }) },
      element("kbd", {}, "D"), told?.drifting ? "leave" : "set");
    const about = told?.tried ? "not applied yet" : told?.manual ? `set by ${told.manual}` : `confidence ${told?.confidence}`;
    drift.replaceChildren(element("div", { class: "text" },
      element("div", {}, "Drift ", told ? element("b", {}, told.text) : element("span", { class: "soft" }, "unknown")),
      element("div", { class: "soft" }, told ? `${about} · scene ${told.minutes}` : "the auto-labels come first")), button);
  }

  function historyRow({ who, when, full, label, reason, holds }) {
    const what = reason === "accept" ? `accepted ${fixed.names[label]}` : fixed.names[label];
    return element("div", { class: holds ? "event" : "event undone", title: `${full} UTC · ${holds ? "in force or painted over" : "undone"}` },
      element("span", { class: "soft" }, when), coloured("swatch", "class", label),
      element("span", { class: "what" }, what, reason === "accept" ? "" : element("small", {}, ` ${reason}`)), element("span", { class: "who" }, who));
  }

  function drawHistory() {
    const { rows = [], more = 0 } = read("history");
    const chosen = Boolean(read("zone").where);
    const body = rows.length ? rows.map(historyRow)
      : [element("p", { class: "soft" }, chosen ? "Nobody has corrected this stretch." : "–")];
    history.replaceChildren(element("h3", {}, "History of this stretch"),
      element("div", { class: "events", tabindex: rows.length > 3 ? "0" : null }, ...body, more ? element("p", { class: "soft" }, `${count(more)} older`) : ""));
  }

  const parts = { mode: drawMode, zone: drawZone, effects: drawEffects, drift: drawDrift, history: drawHistory,
    snapshot: () => snapshots.show(read("snapshot")) };
  for (const [name, draw] of Object.entries(parts)) model.on(name, draw);
  for (const draw of Object.values(parts)) draw();
}
