// The jobs page: what is due and the list of jobs on the left; the form of a new job, or the job looked at, on the right.
const at = (name) => new URL(`static-leadline/${name}`, document.baseURI).href;
const [{ element }, { makeForm }, { makeDetail }, { clock, lasted, left, percent, pace }] =
  await Promise.all(["dom.js", "jobs_form.js", "jobs_detail.js", "jobs_words.js"].map((name) => import(at(name))));

const SIGNS = { queued: "○", running: "", stopping: "◍", done: "✓", failed: "✕", cancelled: "–", lost: "?" };
const ACTIVE = ["queued", "running", "stopping"];

export function render({ model, el }) {
  const send = (type, values = {}) => model.send_msg({ type, ...values });
  // Jobs bear a name, as corrections do: the page asks for it first where there is none.
  const named = (then) => window.dispatchEvent(new CustomEvent("leadline-named", { detail: { then } }));
  const jobs = new Map();
  const rows = new Map();
  let shown = 0;

  const due = element("section", { class: "due good" });
  const stages = element("div", { class: "stages", role: "group", "aria-label": "New job" });
  const list = element("div", { class: "list", role: "list", "aria-label": "Jobs" });
  const none = element("p", { class: "soft none" }, "No job yet. What is launched here goes on when the page or the server is closed.");
  const aside = element("section", { class: "card aside" }, due,
    element("div", { class: "new" }, element("h3", {}, "New job"), stages),
    element("div", { class: "jobs" }, element("h3", {}, "Jobs"), none, list));
  const main = element("section", { class: "card main-card", "aria-live": "off" });
  el.append(element("div", { class: "page" }, aside, main));

  const detail = makeDetail(send, named);
  const form = makeForm(send, named);

  function show(node) {
    if (main.firstChild !== node) main.replaceChildren(node);
  }

  function mark(id, stage = "") {
    shown = id;
    for (const [number, row] of rows) row.node.classList.toggle("here", number === id);
    for (const button of stages.children) button.setAttribute("aria-pressed", String(button.dataset.stage === stage));
  }

  function drawPlan({ due: stale, stages: offered, engine, ranks, refused, empty }) {
    const before = { ranks: due.querySelector("[name=ranks]")?.value, where: due.querySelector("[name=engine]")?.value,
      master: due.querySelector("[name=master]")?.value };
    stages.replaceChildren(...offered.map(({ stage, title }) => element("button", { "data-stage": stage, "aria-pressed": "false",
      disabled: refused ? "" : null, onclick: () => send("form", { stage }) }, title)));
    due.hidden = empty;
    if (empty) return;
    due.classList.toggle("good", !stale.length);
    if (!stale.length) {
      due.replaceChildren(element("h2", {}, "✓ Everything follows from its inputs"),
        element("p", { class: "soft" }, "Nothing is stale. When labels are corrected, an input is added or a parameter changes, this says what to run."));
      return;
    }
    const chips = stale.map(({ title, why, follows, job }) => element("li", { class: job ? "under-way" : follows ? "follows" : "", title: job ? `job #${job} does it` : why || "not made yet" }, title));
    const left_over = stale.filter(({ job }) => !job);
    const first = left_over[0] ?? stale[0];
    const learns = left_over.some(({ stage }) => stage === "train");
    const runs = left_over.some(({ stage }) => ["resample", "autolabel", "classify", "freeboard"].includes(stage));
    const rank = element("input", { type: "number", name: "ranks", min: 1, max: 1024, value: before.ranks ?? ranks, "aria-label": "Ranks that train" });
    const master = element("input", { type: "text", name: "master", spellcheck: "false", value: before.master ?? engine.master, "aria-label": "Spark master" });
    const where = element("select", { name: "engine", "aria-label": "Where tables are made" },
      element("option", { value: "local" }, "this machine"), element("option", { value: "spark" }, "Spark at"));
    where.value = before.where ?? engine.engine;
    const drawMaster = () => { master.hidden = where.value !== "spark"; };
    where.addEventListener("change", drawMaster);
    drawMaster();
    const run = element("button", { class: "main run", disabled: refused ? "" : null, onclick: () => named(() => send("chain", { options: {
      engine: { engine: where.value, ...(where.value === "spark" ? { master: master.value } : {}) },
      train: learns ? { workers: Number(rank.value) || 1 } : {} } })) },
      left_over.length ? `Run what is stale · ${left_over.length} ${left_over.length === 1 ? "job" : "jobs"}` : "Under way");
    run.disabled ||= !left_over.length;
    const how = [learns && element("label", {}, element("span", {}, "ranks"), rank), runs && element("label", { class: "where" }, element("span", {}, "tables on"), where, master)];
    due.replaceChildren(element("h2", {}, "No longer follows from its inputs"), element("ol", {}, ...chips),
      element("p", { class: "because", title: first.why }, `${first.title}: ${first.why || "not made yet"}`),
      element("div", { class: "how" }, ...(refused ? [refused] : how.filter(Boolean))), run);
  }

  function makeRow(id) {
    const parts = { sign: element("i", { class: "sign-of", "aria-hidden": "true" }), title: element("b", {}), what: element("span", { class: "what" }),
      when: element("span", { class: "when" }), bar: element("span", { class: "track" }, element("i", {})), told: element("span", { class: "told" }) };
    const node = element("div", { class: "row", role: "listitem", tabindex: "0", "data-job": id,
      onclick: () => send("show", { job: id }),
      onkeydown: (event) => { if (event.key === "Enter") send("show", { job: id }); } },
      parts.sign, element("div", { class: "head" }, parts.title, parts.what, parts.when), parts.bar, parts.told);
    const row = { node, ...parts };
    rows.set(id, row);
    return row;
  }

  const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };

  function told(job) {
    if (job.state === "queued") return job.reason;
    if (job.state === "stopping") return "stopping…";
    if (job.state === "running") {
      if (job.waiting) return `${job.waiting}…`;
      if (!job.step) return "starting…";
      const rest = left(job.step.seconds_left);
      return [percent(job.share), pace(job.step.rate, job.step.unit), rest && `${rest} left`].filter(Boolean).join(" · ");
    }
    return job.reason || job.result;
  }

  function drawRow(job) {
    const row = rows.get(job.id) ?? makeRow(job.id);
    row.node.className = `row ${job.state}${job.id === shown ? " here" : ""}`;
    row.node.setAttribute("aria-label", `Job ${job.id}, ${job.title}, ${job.state}`);
    put(row.sign, SIGNS[job.state]);
    put(row.title, `${job.title}`);
    put(row.what, `#${job.id} ${job.what}`);
    put(row.when, `${job.who} · ${ACTIVE.includes(job.state) ? (job.started ? lasted(job.started) : "queued") : clock(job.ended)}`);
    put(row.told, told(job) || "\u00a0");
    row.told.title = told(job) || "";
    const running = job.state === "running" || job.state === "stopping";
    row.bar.classList.toggle("on", running);
    row.bar.classList.toggle("unknown", running && (job.share === null || Boolean(job.waiting)));
    row.bar.firstChild.style.width = running ? `${100 * (job.share ?? 0)}%` : "0";
  }

  function drawJobs({ jobs: told, whole }) {
    if (whole) jobs.clear();
    for (const job of told) jobs.set(job.id, job);
    for (const job of told) drawRow(job);
    const order = [...jobs.values()].sort((one, other) => ACTIVE.includes(other.state) - ACTIVE.includes(one.state) || other.id - one.id);
    for (const [id, { node }] of rows) if (!jobs.has(id)) { node.remove(); rows.delete(id); }
    order.forEach(({ id }, place) => {
      const { node } = rows.get(id);
      if (list.children[place] !== node) list.insertBefore(node, list.children[place] ?? null);
    });
    none.hidden = jobs.size > 0;
  }

  function nothing() {
    mark(0);
    show(element("div", { class: "empty" }, element("h2", {}, "Choose a job to see what it does"),
      element("p", {}, "Progress, log, learning curves and cores in use show here. Jobs go on when the page is closed, and when the server is.")));
  }

  const answers = {
    plan: drawPlan,
    jobs: drawJobs,
    job: ({ job, epochs }) => { mark(job.id); show(detail.node); detail.draw(job, epochs); },
    log: (message) => detail.log(message),
    found: (message) => detail.found(message),
    form: ({ form: told }) => { mark(0, told.stage); form.draw(told); show(form.node); },
    checked: (message) => form.checked(message),
    refused: (message) => form.refused(message),
    nothing,
    unknown: ({ job }) => { mark(0); show(element("div", { class: "empty" }, element("h2", {}, `There is no job ${job}`), element("p", {}, "It may be of another project, or older than those listed."))); },
  };
  model.on("msg:custom", (message) => answers[message.type]?.(message));
  const ticking = setInterval(() => {
    for (const job of jobs.values()) if (ACTIVE.includes(job.state) && job.started) drawRow(job);
    detail.tick();
  }, 1000);
  model.on("remove", () => clearInterval(ticking));
  send("ready");
}
