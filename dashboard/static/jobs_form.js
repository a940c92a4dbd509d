// The form of a new job, made from what the stage says of its own parameters.
import { element } from "./dom.js";

const CHECK = 160;

const same = (one, other) => one === other || (one !== null && other !== null && String(one) === String(other));

function bounds({ low, high, unit, type }) {
  const range = low !== null && high !== null ? `${low} to ${high}` : low !== null ? `from ${low}` : "";
  return [type === "whole" && range ? "whole number" : "", range, unit].filter(Boolean).join(" ");
}

function several(field, changed) {
  const chosen = new Set(String(field.value ?? "").split(",").map((part) => part.trim()).filter(Boolean));
  const boxes = field.choices.map((choice) => element("label", { class: "tick" },
    element("input", { type: "checkbox", value: choice, checked: chosen.has(choice) ? "" : null, onchange: changed }), element("span", {}, choice)));
  const node = element("div", { class: "ticks", role: "group", "aria-label": field.label }, ...boxes);
  return { node, read: () => [...node.querySelectorAll("input:checked")].map(({ value }) => value).join(",") };
}

function control(field, changed) {
  const named = { name: field.name, id: `field-${field.name}`, "aria-describedby": `help-${field.name}` };
  if (field.type === "several") return several(field, changed);
  if (field.type === "switch") {
    const node = element("input", { ...named, type: "checkbox", checked: field.value ? "" : null, onchange: changed });
    return { node, read: () => node.checked };
  }
  if (field.type === "choice" || field.type === "named") {
    const options = field.type === "named" ? ["", ...field.choices] : field.choices;
    const known = options.some((choice) => same(choice, field.value));
    const node = element("select", { ...named, onchange: changed }, ...(known ? options : [...options, field.value]).map((choice) =>
      element("option", { value: choice, selected: same(choice, field.value) ? "" : null }, choice === "" ? "the newest" : choice)));
    return { node, read: () => node.value };
  }
  if (field.type === "whole" || field.type === "number") {
    const node = element("input", { ...named, type: "text", inputmode: field.type === "whole" ? "numeric" : "decimal", autocomplete: "off",
      value: field.value ?? "", placeholder: field.default === null ? "the model's own" : field.default, oninput: changed });
    return { node, read: () => (node.value.trim() === "" ? (field.default === null ? null : field.default) : node.value.trim()) };
  }
  const node = element("input", { ...named, type: "text", autocomplete: "off", spellcheck: "false", value: field.value ?? "", oninput: changed });
  return { node, read: () => node.value };
}

export function makeForm(send, named) {
  const title = element("h2", {});
  const about = element("p", { class: "soft" });
  const body = element("div", { class: "fields" });
  const command = element("code", { class: "command", "aria-label": "The same on the command line" });
  const copy = element("button", { type: "button", class: "small", onclick: async () => {
    await navigator.clipboard?.writeText(command.textContent);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  } }, "Copy");
  const waits = element("span", { class: "soft waits" });
  const trouble = element("p", { class: "trouble", role: "alert", hidden: "" });
  const launch = element("button", { class: "main launch" }, "Launch");
  const node = element("form", { class: "form", novalidate: "", onsubmit: (event) => {
    event.preventDefault();
    if (launch.disabled) return;
    named(() => {
      launch.disabled = true;
      launch.textContent = "Launching…";
      send("launch", { form: values() });
    });
  } },
    element("div", { class: "top" }, element("div", {}, title, about),
      element("button", { type: "button", class: "small", onclick: () => send("close") }, "Close")),
    body,
    element("div", { class: "bottom" }, trouble,
      element("div", { class: "same" }, element("h3", {}, "The same on the command line"), element("div", { class: "copying" }, command, copy)),
      element("div", { class: "buttons" }, waits, launch)));

  let stage = "", parts = {}, engine = {}, granules = [], cores = null, asked = 0, timer = 0, touched = false, fresh = {};

  const read = (controls) => Object.fromEntries(Object.entries(controls).map(([name, { read: value }]) => [name, value()]));

  function values() {
    const ticked = granules.filter(({ box }) => box.checked).map(({ id }) => id);
    const all = ticked.length === granules.length || ticked.length === 0;
    return { stage, parameters: read(parts), engine: read(engine), granules: all ? [] : ticked, cores: cores ? Number(cores.value) || 0 : null };
  }

  function changed() {
    const now = read(parts);
    const other = Object.keys(now).some((name) => !same(now[name], fresh[name]));
    // With another parameter every granule is made anew, so those that were current are due as well.
    if (!touched) for (const one of granules) one.box.checked = other || one.chosen || !granules.some(({ chosen }) => chosen);
    if (engine.master) drawEngine();
    clearTimeout(timer);
    timer = setTimeout(() => send("check", { n: ++asked, form: values() }), CHECK);
  }

  function row(field, made) {
    const mark = field.type === "switch" ? "row-field switch" : "row-field";
    return element("div", { class: mark, "data-field": field.name },
      element("label", { for: `field-${field.name}` }, field.label),
      element("div", { class: "control" }, made.node, field.unit && field.type !== "switch" ? element("span", { class: "unit" }, field.unit) : null),
      element("p", { class: "help", id: `help-${field.name}` }, field.help, bounds(field) && ["whole", "number"].includes(field.type) ? element("span", { class: "bounds" }, ` (${bounds(field)})`) : null),
      element("p", { class: "wrong", hidden: "" }));
  }

  function section(heading, fields, into) {
    const shown = [], more = [];
    for (const field of fields) {
      into[field.name] = control(field, changed);
      (field.more ? more : shown).push(row(field, into[field.name]));
    }
    const rest = more.length ? element("details", {}, element("summary", {}, `${more.length} more`), ...more) : null;
    return element("section", {}, heading ? element("h3", {}, heading) : null, ...shown, rest);
  }

  function drawEngine() {
    const spark = engine.engine.read() === "spark";
    for (const name of Object.keys(engine)) if (name !== "engine") body.querySelector(`[data-field="${CSS.escape(name)}"].of-engine`).hidden = !spark;
    if (cores) cores.closest(".row-field").hidden = spark;
  }

  function drawGranules(told) {
    granules = told.map((one) => ({ ...one, box: element("input", { type: "checkbox", value: one.id, onchange: () => { touched = true; changed(); } }) }));
    const due = told.filter(({ chosen }) => chosen).length;
    for (const one of granules) one.box.checked = one.chosen || due === 0;
    if (!told.length) return null;
    const all = (checked) => { touched = true; for (const { box } of granules) box.checked = checked; changed(); };
    return element("section", {}, element("h3", {}, "Granules"),
      element("p", { class: "help" }, due ? `${due} of ${told.length} wait for this or are stale; they are chosen.` : "All are up to date; what is current is not made again unless a parameter changes.",
        element("span", { class: "picks" }, element("button", { type: "button", class: "link", onclick: () => all(true) }, "all"), element("button", { type: "button", class: "link", onclick: () => all(false) }, "none"))),
      element("div", { class: "granules" }, ...granules.map(({ id, word, why, box }) => element("label", { class: "tick" }, box,
        element("span", { class: "id" }, id), element("span", { class: `stage ${word}` }, why)))));
  }

  function draw(told) {
    stage = told.stage;
    parts = {}, engine = {}, cores = null, touched = false;
    title.textContent = told.cloned ? `${told.title} again, as job #${told.cloned}` : told.title;
    about.textContent = told.about;
    const sections = [section("", told.fields, parts), drawGranules(told.granules)];
    if (told.engine.length) {
      const where = section("Where", told.engine, engine);
      for (const one of where.querySelectorAll(".row-field")) one.classList.add("of-engine");
      where.querySelector('[data-field="engine"]').classList.remove("of-engine");
      if (told.cores) {
        cores = element("input", { type: "text", inputmode: "numeric", id: "field-job-cores", value: told.cores.value || "", placeholder: `all ${told.cores.most}`, oninput: changed });
        where.append(element("div", { class: "row-field", "data-field": "job_cores" }, element("label", { for: "field-job-cores" }, "Cores here"),
          element("div", { class: "control" }, cores), element("p", { class: "help" }, "Cores of this machine that the job takes; fewer leave room for others"), element("p", { class: "wrong", hidden: "" })));
      }
      sections.push(where);
    }
    body.replaceChildren(...sections.filter(Boolean));
    fresh = read(parts);
    if (told.engine.length) drawEngine();
    launch.disabled = false;
    launch.textContent = "Launch";
    tell("", "");
    body.scrollTop = 0;
    changed();
  }

  // Tells what is wrong beside the field it concerns; without one, below the form.
  function tell(field, text) {
    for (const wrong of body.querySelectorAll(".row-field.bad")) {
      wrong.classList.remove("bad");
      wrong.querySelector(".wrong").hidden = true;
    }
    const at = field && body.querySelector(`[data-field="${CSS.escape(field)}"]`);
    trouble.hidden = !text || Boolean(at);
    trouble.textContent = at ? "" : text;
    if (!at) return;
    at.classList.add("bad");
    const wrong = at.querySelector(".wrong");
    wrong.textContent = text;
    wrong.hidden = false;
    const inside = at.closest("details");
    if (inside) inside.open = true;
  }

  return {
    node,
    draw,
    checked({ n, error, command: words = "", waits: text = "" }) {
      if (n !== asked) return;
      tell(error?.field ?? "", error?.text ?? "");
      launch.disabled = Boolean(error);
      if (!error) command.textContent = words;
      waits.textContent = text;
    },
    refused({ field, why }) {
      launch.disabled = false;
      launch.textContent = "Launch";
      if (why) tell(field, why);
    },
  };
}
