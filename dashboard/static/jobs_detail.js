// The job that is looked at: how far it is, what it learns, what it uses, what it says, and how it ended.
import { area, curves } from "./jobs_chart.js";
import { element } from "./dom.js";
import { amount, bytes, clock, duration, lasted, left, pace, percent } from "./jobs_words.js";

const LONGEST = 600_000;
const STATES = { queued: "○ queued", running: "running", stopping: "◍ stopping", done: "✓ done", failed: "✕ failed", cancelled: "– cancelled", lost: "? lost" };
const SIGNS = { queued: "○", running: "●", stopping: "◍", done: "✓", failed: "✕", cancelled: "–", lost: "?" };
const ACTIVE = ["queued", "running", "stopping"];

const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };

export function makeDetail(send, named) {
  const title = element("h2", {});
  const state = element("span", { class: "pill" });
  const when = element("span", { class: "soft" });
  const cancel = element("button", { class: "small bad", onclick: () => named(() => send("cancel", { job: job.id })) }, "Cancel");
  const clone = element("button", { class: "small", onclick: () => send("form", { stage: job.stage, clone: job.id }) }, "Clone…");
  const see = element("button", { class: "small", onclick: () => send("go", goal()) });
  const chain = element("nav", { class: "chain", "aria-label": "Jobs ordered together" });
  const reason = element("p", { class: "reason", role: "status" });
  const waiting = element("p", { class: "waiting" }, element("span", { class: "spin" }), element("span", {}), element("span", { class: "soft" }));
  const bars = element("div", { class: "bars" });
  const granules = element("section", { class: "granules-of" });
  const learning = element("section", { class: "learning" });
  const ranks = element("section", { class: "ranks" });
  const usage = element("section", { class: "usage" });
  const links = element("p", { class: "links" });
  const facts = element("dl", { class: "facts" });
  const command = element("code", { class: "command" });
  const text = element("pre", { class: "log", tabindex: "0", "aria-label": "Log" });
  const search = element("input", { type: "search", placeholder: "Search the whole log", "aria-label": "Search the whole log", oninput: () => find() });
  const count = element("span", { class: "soft" });
  const download = element("a", { class: "small", download: "" }, "Download");
  const cut = element("p", { class: "soft cut", hidden: "" }, "The beginning is left out here; the download and the search have it.");
  const node = element("div", { class: "detail" },
    element("div", { class: "top" }, element("div", { class: "name" }, title, state, when), element("div", { class: "tools" }, see, clone, cancel)),
    element("div", { class: "scroll" }, chain, reason, waiting, bars, granules, learning, element("div", { class: "pair" }, ranks, usage), links,
      element("details", { class: "about" }, element("summary", {}, "What it was asked, by whom, with which code"), facts,
        element("h3", {}, "The same on the command line"), command),
      element("section", { class: "said" },
        element("div", { class: "said-top" }, element("h3", {}, "Log"), search, count, element("span", { class: "room" }), download), cut, text)));

  let job = null, epochs = 0, said = "", timer = 0, shownFor = 0;

  function goal() {
    if (job.stage === "freeboard") return { page: "freeboard", run: job.result };
    if (job.stage === "classify") return { page: "review", source: `prediction:${job.result}` };
    if (job.stage === "train") return { page: "compare", models: job.result };
    return { page: "review" };
  }

  function drawHead() {
    put(title, `#${job.id} ${job.title} ${job.what}`);
    state.className = `pill ${job.state}`;
    put(state, STATES[job.state]);
    drawWhen();
    cancel.hidden = !["queued", "running"].includes(job.state);
    clone.hidden = job.stage === "promote";
    const seen = { train: "Compare models", classify: "See the classes", freeboard: "See freeboard", snapshot: "", autolabel: "Review the labels" }[job.stage];
    see.hidden = job.state !== "done" || !seen || (job.stage !== "autolabel" && !job.result);
    put(see, seen || "");
    reason.hidden = !job.reason;
    reason.className = `reason ${job.state}`;
    put(reason, job.reason);
  }

  function drawChain() {
    chain.hidden = !job.chain_of.length;
    const now = JSON.stringify([job.id, job.chain_of]);
    if (chain.dataset.held === now) return;
    chain.dataset.held = now;
    chain.replaceChildren(...job.chain_of.map(({ id, title: name, state: how }) => element("button", { class: `link-of ${how}`, "aria-current": id === job.id ? "true" : null,
      title: STATES[how], onclick: () => send("show", { job: id }) }, `${SIGNS[how]} #${id} ${name}`)));
  }

  function drawWhen() {
    if (!job) return;
    const ran = job.started ? lasted(job.started, job.ended) : "";
    put(when, ACTIVE.includes(job.state)
      ? [job.who, job.started ? `for ${ran}` : `queued ${clock(job.queued)}`].join(" · ")
      : [job.who, clock(job.ended), ran && `took ${ran}`].filter(Boolean).join(" · "));
    const waits = job.state === "running" && (job.waiting || !job.bars.length);
    // As long as the job runs the line keeps its place, so that nothing below it moves.
    waiting.hidden = job.state !== "running";
    waiting.style.visibility = waits ? "visible" : "hidden";
    if (waits) {
      put(waiting.children[1], job.waiting || "starting");
      put(waiting.children[2], lasted(job.waiting ? job.since : job.started));
    }
  }

  function drawBars() {
    const drawn = job.bars.map((bar, place) => {
      const last = place === job.bars.length - 1;
      const share = bar.total ? Math.min(1, bar.done / bar.total) : 0;
      const line = element("i", {});
      line.style.width = `${100 * share}%`;
      const tasks = bar.tasks ? `${bar.tasks_done} of ${bar.tasks} tasks` : "";
      const rest = last && job.state === "running" && share < 1 ? left(bar.seconds_left) : "";
      return element("div", { class: `bar${share >= 1 ? " full" : ""}` },
        element("b", {}, bar.stage), element("span", { class: "track on" }, line), element("span", { class: "share" }, percent(share)),
        element("span", { class: "counts" }, [`${amount(bar.done)} of ${amount(bar.total)} ${bar.unit}`, pace(bar.rate, bar.unit), tasks, rest && `${rest} left`].filter(Boolean).join(" · ")),
        element("span", { class: "detail-of", title: bar.detail }, last && share < 1 ? bar.detail : ""));
    });
    bars.replaceChildren(...drawn);
  }

  function drawGranules() {
    const failed = Object.entries(job.failed);
    granules.hidden = !job.parts.length && !failed.length;
    const known = new Set(job.parts.map(({ name }) => name));
    const lines = [...job.parts, ...failed.filter(([name]) => !known.has(name)).map(([name]) => ({ name, done: 0, total: 1 }))].map(({ name, done, total }) => {
      const why = job.failed[name];
      const line = element("i", {});
      line.style.width = `${total ? (100 * done) / total : 0}%`;
      return element("div", { class: `part${why ? " bad" : done >= total ? " full" : ""}`, title: why ?? name },
        element("span", { class: "id" }, name), element("span", { class: "track on" }, line), element("span", { class: "soft" }, why ? "✕ left out" : percent(total ? done / total : 0)),
        why ? element("span", { class: "why" }, why) : null);
    });
    const done = job.parts.filter(({ done: units, total }) => units >= total).length;
    granules.replaceChildren(element("h3", {}, `Granules · ${done} of ${job.parts.length} done${failed.length ? `, ${failed.length} left out` : ""}`), element("div", { class: "parts" }, ...lines));
  }

  function drawLearning() {
    const told = job.epochs;
    learning.hidden = job.stage !== "train" || (!told.length && !["running", "stopping"].includes(job.state));
    if (learning.hidden) return;
    const width = Math.max(240, Math.floor((node.querySelector(".scroll").clientWidth - 64) / 2));
    const most = Math.max(epochs, told.length, 2);
    const last = told.at(-1);
    const measured = told.some(({ accuracy }) => accuracy !== null && accuracy !== undefined);
    const share = (value) => `${(100 * value).toFixed(1)}`;
    const by = (name) => told.map((epoch) => epoch[name] ?? NaN);
    const legend = (entries) => element("span", { class: "legend" }, ...entries.map(([name, words]) => element("span", { class: name }, words)));
    learning.replaceChildren(
      element("figure", {}, element("figcaption", {}, element("b", {}, "Loss"), legend([["loss", last ? last.loss.toPrecision(3) : "after the first epoch"]])), curves(width, 150, most, [{ name: "loss", values: by("loss") }])),
      element("figure", {}, element("figcaption", {}, element("b", {}, "On held-out labels, %"), measured
        ? legend([["accuracy", `● accuracy ${share(last.accuracy)}`], ["macro_f1", `■ macro F1 ${share(last.macro_f1)}`]]) : legend([["", told.length ? "nothing is held out" : "after the first epoch"]])),
        curves(width, 150, most, [{ name: "accuracy", values: by("accuracy") }, { name: "macro_f1", values: by("macro_f1") }], share)));
  }

  function drawRanks() {
    ranks.hidden = !job.ranks.length;
    if (ranks.hidden) return;
    const total = job.ranks.reduce((sum, { windows_per_second: one }) => sum + (one ?? 0), 0);
    const most = Math.max(...job.ranks.map(({ windows_per_second: one }) => one ?? 0), 1);
    ranks.replaceChildren(element("h3", {}, `Ranks · ${amount(total)} windows/s together`), ...job.ranks.map(({ rank, host, windows_per_second: one, epoch }) => {
      const line = element("i", {});
      line.style.width = `${(100 * (one ?? 0)) / most}%`;
      return element("div", { class: "part" }, element("span", { class: "id" }, `${rank} · ${host ?? ""}`), element("span", { class: "track on" }, line),
        element("span", { class: "soft" }, `${amount(one ?? 0)}/s`));
    }));
  }

  function drawUsage() {
    usage.hidden = job.usage.length < 2;
    if (usage.hidden) return;
    const cores = job.usage.map(([one]) => one), memory = job.usage.map(([, one]) => one);
    const ended = !ACTIVE.includes(job.state);
    const mean = cores.reduce((sum, one) => sum + one, 0) / cores.length;
    usage.replaceChildren(element("h3", {}, "In use"),
      element("div", { class: "use" }, element("span", {}, "Cores"), area(150, 26, cores, Math.max(job.most, ...cores)), element("b", {}, ended ? `${mean.toFixed(1)} on average` : `${cores.at(-1).toFixed(1)} of ${job.most}`)),
      element("div", { class: "use" }, element("span", {}, "Memory"), area(150, 26, memory, Math.max(...memory) * 1.15), element("b", {}, ended ? `${bytes(Math.max(...memory))} at most` : bytes(memory.at(-1)))));
  }

  function drawFacts() {
    const rows = [...job.facts, ...job.differing.map(([name, value]) => [name, value || "–"])];
    const now = rows.flat().join("\n");
    if (facts.dataset.held === now) return;
    facts.dataset.held = now;
    facts.replaceChildren(...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
    put(command, job.command);
  }

  function drawLinks() {
    links.hidden = !job.links.length || !ACTIVE.includes(job.state);
    links.replaceChildren(...job.links.map(({ name, url }) => element("a", { href: url, target: "_blank", rel: "noreferrer" }, `${name}'s own page ↗`)));
  }

  function drawLog() {
    const low = text.scrollHeight - text.scrollTop - text.clientHeight < 24;
    put(text, said || (job && ACTIVE.includes(job.state) ? "Nothing is said yet." : "It said nothing."));
    if (low) text.scrollTop = text.scrollHeight;
  }

  function find() {
    clearTimeout(timer);
    const wanted = search.value.trim();
    if (!wanted) {
      put(count, "");
      text.scrollTop = 0;
      drawLog();
      text.scrollTop = text.scrollHeight;
      return;
    }
    timer = setTimeout(() => send("search", { job: job.id, text: wanted }), 150);
  }

  return {
    node,
    tick: drawWhen,
    draw(told, all) {
      const other = job?.id !== told.id;
      if (other) {
        said = "";
        search.value = "";
        put(count, "");
        cut.hidden = true;
        node.querySelector(".about").open = false;
        node.querySelector(".scroll").scrollTop = 0;
        download.href = new URL(`jobs/${told.id}/log.txt`, document.baseURI).href;
        download.setAttribute("download", `leadline-job-${told.id}.txt`);
      }
      job = told;
      epochs = all;
      for (const part of [drawHead, drawChain, drawBars, drawGranules, drawLearning, drawRanks, drawUsage, drawFacts, drawLinks]) part();
      if (other) drawLog();
    },
    log({ job: id, text: more, fresh, cut: left_out }) {
      if (job?.id !== id) return;
      said = (fresh ? "" : said) + more;
      if (said.length > LONGEST) said = said.slice(-LONGEST).replace(/^[^\n]*\n/, "");
      if (fresh) cut.hidden = !left_out;
      if (!search.value.trim()) drawLog();
    },
    found({ job: id, text: wanted, lines, more }) {
      if (job?.id !== id || wanted !== search.value.trim()) return;
      put(count, lines.length ? `${lines.length}${more ? "+" : ""} ${lines.length === 1 ? "line" : "lines"}` : "no line has it");
      text.replaceChildren(...lines.flatMap(([number, line]) => {
        const at = line.toLowerCase().indexOf(wanted.toLowerCase());
        return [element("span", { class: "number" }, String(number)), line.slice(0, at), element("mark", {}, line.slice(at, at + wanted.length)), `${line.slice(at + wanted.length)}\n`];
      }));
    },
  };
}
