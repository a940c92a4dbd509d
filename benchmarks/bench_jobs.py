"""Jobs of the page: nothing is left of fifty, how soon a launch shows progress, and how the page feels beside two.

Inputs are synthetic. Browser, server, jobs and cluster share the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench_review import CHROMIUM, Server, Tab, _moves, browser, context
from benchmarks.harness import Row
from benchmarks.job_storm import KINDS, Outcome, Storm
from dashboard.jobs.keeper import Keeper
from dashboard.jobs.model import Job
from dashboard.jobs.rules import checked
from processing.project import Project
from processing.spark.standalone import Standalone, standalone

STOP, PROGRESS, COLD = 10.0, 3.0, 15.0
LIMITS = {"pan or zoom": 200.0, "label": 200.0, "next zone": 300.0}
"""95th percentiles beside jobs, ms; of the next zone as on a page without."""

TRIES, COLD_TRIES = 3, 2
SETTLED = 4_500
"""Until the page has seen what the job before has changed: it draws the form anew then, ms."""

MOVES, EDITS, ZONES, TURNS = 36, 20, 12, 8
SEED = 20

_RECIPE = """
[twin]
seed = 3
km = 8.0
swath = 6000.0

[stage.train]
model = "mlp"
epochs = 2
"""
_PROGRAM = "import sys; from processing.cli import load_commands, run; load_commands(); sys.exit(run(sys.argv[1:]))"
_READY = "page => document.documentElement.dataset.ready === page"
_PAGES = ("overview", "review", "freeboard", "review")
"""In turn; turns are of a multiple of their number, so that the analyst ends where the work is."""

_TIMING = """() => {
  const find = (node) => { for (const one of node.querySelectorAll("*")) if (one.shadowRoot) {
    if (one.shadowRoot.querySelector(".main-card")) return one.shadowRoot
    const found = find(one.shadowRoot)
    if (found) return found } }
  const root = find(document), log = (window.launched = {})
  const seen = (name, value) => { log[name] ??= { at: performance.now() - log.click, text: value } }
  const look = () => {
    const bar = root.querySelector(".detail .bar b"), waiting = root.querySelector(".detail .waiting:not([hidden])")
    const text = waiting?.children[1].textContent ?? ""
    if (text) seen("waiting", text)
    if (text && text !== "starting") seen("told", text)
    if (bar) seen("bar", bar.textContent)
    const counts = root.querySelector(".detail .bars .bar:last-child .counts")?.textContent ?? "0 "
    if (!counts.startsWith("0 ")) seen("moved", counts)
    if (!log.moved) requestAnimationFrame(look) }
  root.addEventListener("click", ({ target }) => { if (target.closest(".launch")) {
    log.click = performance.now()
    requestAnimationFrame(look) } }, { capture: true, once: true })
}"""


def rows() -> Iterator[Row]:
    """Every figure of the jobs; those of the page only where Chromium is."""
    with tempfile.TemporaryDirectory(prefix="leadline-bench-jobs-") as folder:
        root = _made(Path(folder))
        with standalone(Path(folder) / "cluster", workers=1, cores=2, memory=1024) as cluster:
            if CHROMIUM.exists():
                with served(root) as server, browser() as chromium:
                    yield from _clicks(chromium, server, cluster)
                    yield from _beside(chromium, server, root)
            yield from _left(Storm(root, cluster, SEED).run())


def _made(folder: Path) -> Path:
    """A project of the twin with every stage done."""
    recipe = folder / "recipe.toml"
    recipe.write_text(_RECIPE, encoding="utf-8")
    words = ["demo", "--project", str(folder / "project"), "--recipe", str(recipe), "--no-serve"]
    subprocess.run([sys.executable, "-c", _PROGRAM, *words], check=True, capture_output=True)
    return folder / "project"


@contextmanager
def served(root: Path) -> Iterator[Server]:
    """The project's server, and no job left when it stops."""
    server = Server(root)
    try:
        yield server
    finally:
        _stop_all(root)
        server.stop()


def _left(outcome: Outcome) -> Iterator[Row]:
    """What is left of the storm."""
    count = sum(KINDS.values())
    states = ", ".join(f"{number} {state}" for state, number in outcome.states.most_common())
    why = "; ".join(f"{number} x {reason[:70]}" for reason, number in outcome.reasons.most_common(3))
    note = (
        f"{states}; {outcome.cancelled} were cancelled, {outcome.orphaned} supervisors and {outcome.killed} servers"
        f" killed by SIGKILL; failed or lost: {why or 'none'}"
    )
    left = f"; {'; '.join(outcome.processes[:3])}" if outcome.processes else ""
    yield _none(f"processes left of {count} jobs", len(outcome.processes), "processes", note + left)
    yield _none(f"Spark executors left of {count} jobs", len(outcome.executors), "processes",
                "; ".join(outcome.executors[:2]))  # fmt: skip
    half = ", ".join(str(file) for file in outcome.files[:3])
    yield _none(f"half-written files left of {count} jobs", len(outcome.files), "files", half)
    lost = max(0, outcome.states["lost"] - outcome.orphaned)
    yield _none(f"jobs lost of {count} whose supervisor nobody killed", lost, "jobs")
    yield _none(f"jobs without an end of {count}", outcome.endless, "jobs")
    yield Row("longest time from a cancel to the end", outcome.slowest, "s", f"<= {STOP:g} s", outcome.slowest <= STOP,
              note=f"{outcome.slowest_of}; of {outcome.cancelled}, those in the queue included")  # fmt: skip


def _none(name: str, count: int, unit: str, note: str = "") -> Row:
    return Row(name, count, unit, "0", count == 0, note=note)


class Launcher:
    """Somebody who launches jobs on the page, and times what the page shows of them."""

    def __init__(self, chromium: Any, server: Server, root: Path) -> None:
        self._root = root
        self._held = context(chromium, server.address)
        self.page = self._held.new_page()
        self.page.set_default_timeout(150_000)
        self.page.goto(f"{server.address}?page=jobs")
        self.page.wait_for_function(_READY, arg="jobs")

    def close(self) -> None:
        self._held.close()

    def time(self, stage: str, **values: str) -> dict[str, dict[str, Any]]:
        """Launch a stage; ms from the click to what is waited for, a bar, and its first step, and what these said."""
        self.page.locator(f".stages [data-stage={stage}]").click()
        self.page.locator(".form").wait_for()
        self.page.wait_for_timeout(SETTLED)
        for name, value in values.items():
            field = self.page.locator(f"#field-{name}").first
            field.evaluate("node => node.closest('details')?.setAttribute('open', '')")
            if field.evaluate("node => node.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)
        self.page.wait_for_timeout(500)  # the form is checked meanwhile, as while somebody reaches for the button
        self.page.evaluate(_TIMING)
        self.page.locator(".form .launch").click()
        self.page.wait_for_function("() => window.launched.moved")
        found: dict[str, dict[str, Any]] = self.page.evaluate("window.launched")
        _stop_all(self._root)
        return found


def _clicks(chromium: Any, server: Server, cluster: Standalone) -> Iterator[Row]:
    """From the click on Launch to what the page shows."""
    launcher = Launcher(chromium, server, cluster.logs.parent / "project")
    where = {"engine": "spark", "master": cluster.url}
    ways: list[tuple[str, int, float, str, dict[str, str]]] = [
        ("training, one rank", TRIES, PROGRESS, "train", {"workers": "1"}),
        ("training, two Horovod ranks", TRIES, PROGRESS, "train", {"workers": "2"}),
        ("freeboard on a standalone cluster, cold", COLD_TRIES, COLD, "freeboard", where),
    ]  # fmt: skip
    for place, (name, tries, limit, stage, values) in enumerate(ways):
        found = []
        for number in range(tries):
            other = {"epochs": "900", "seed": f"{100 * place + number}"} if stage == "train" else {}
            other |= {"window": f"{9000 + number}"} if stage == "freeboard" else {}
            found.append(launcher.time(stage, **values, **other))
        yield from _shown(name, found, limit)
    launcher.close()


def _shown(name: str, found: Sequence[dict[str, dict[str, Any]]], limit: float) -> Iterator[Row]:
    bars, told, moved = ([one[what]["at"] / 1e3 for one in found if what in one] for what in ("bar", "told", "moved"))
    worst = max(bars)
    note = f"{len(bars)} times, worst; median {np.median(bars):.1f} s; the bar of {found[0]['bar']['text']}"
    yield Row(f"click to first bar: {name}", worst, "s", f"<= {limit:g} s", worst <= limit, note=note)
    note = f"{len(moved)} times, worst; median {np.median(moved):.1f} s"
    yield Row(f"click to the bar's first step: {name}", max(moved), "s", note=note)
    if told:
        words = sorted({one["told"]["text"] for one in found if "told" in one})
        note = f"{len(told)} times, worst; median {np.median(told):.1f} s; {', '.join(words)}"
        yield Row(f"click to what is waited for: {name}", max(told), "s", note=note)


class Visit:
    """An analyst at work on the review page; times by what was done, ms."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self.times: dict[str, list[float]] = {name: [] for name in ("pan or zoom", "label", "next zone", "page turn")}

    def work(self, share: float = 1.0) -> None:
        """Pan, zoom, label, go on to the next zone, turn pages."""
        tab, times = self._tab, self.times
        times["pan or zoom"] += [tab.timed(act).whole for act in _moves(tab, int(MOVES * share))]
        for number in range(int(ZONES * share)):
            times["next zone"].append(tab.press("n").whole)
            if number < EDITS * share / 2:
                times["label"] += [tab.press(key, stored=True).edit for key in "12"]
        times["page turn"] += [self._turn(_PAGES[number % 4]) for number in range(int(TURNS * share))]

    def _turn(self, page: str) -> float:
        """ms from the click on a page's name to that page being ready."""
        self._tab.page.evaluate("() => { delete document.documentElement.dataset.ready }")
        began = time.perf_counter()
        self._tab.page.locator(f"a[href='?page={page}']").first.click()
        self._tab.page.wait_for_function(_READY, arg=page)
        took = time.perf_counter() - began
        self._tab.rest()
        return 1e3 * took


def _beside(chromium: Any, server: Server, root: Path) -> Iterator[Row]:
    """The page beside two trainings that keep both cores busy, and without: half before, half after."""
    held = context(chromium, server.address)
    tab = Tab(held, server.address)
    granule, beam = Project(root).tracks("autolabels")[0]
    tab.open(granule=granule, beam=beam, x="", span=4_000)
    Visit(tab).work(0.5)  # every page is built when it is first looked at
    without, beside = Visit(tab), Visit(tab)
    without.work(0.5)
    with _busy(root) as jobs:
        beside.work()
        cores = _in_use(root, jobs)
    without.work(0.5)
    held.close()
    for name, times in beside.times.items():
        alone = float(np.percentile(without.times[name], 95))
        p95 = float(np.percentile(times, 95))
        note = f"{len(times)} times, median {np.median(times):.0f} ms, alone {np.median(without.times[name]):.0f} ms"
        limit = LIMITS.get(name)
        bar = ("", None) if limit is None else (f"<= {limit:g} ms", p95 <= limit)
        yield Row(f"{name} beside two jobs ({cores:.1f} cores), p95", p95, "ms", *bar, alone, "no jobs, same run", note)


@contextmanager
def _busy(root: Path) -> Iterator[list[Job]]:
    """Two trainings at work, each on a core, both in their epochs."""
    with Keeper(root) as keeper:
        orders = [
            {"model": "mlp", "epochs": 1000, "batch": 32, "seed": 900 + number, "workers": 1} for number in range(2)
        ]
        asked = [{"stage": "train", "parameters": each} for each in orders]
        jobs = [keeper.store.add([checked(Project(root), each)], "bench")[0] for each in asked]
        keeper.start_due()
        records = [root / "jobs" / str(job.id) / "progress.jsonl" for job in jobs]
        while not all(file.exists() and '"epoch"' in file.read_text(encoding="utf-8") for file in records):
            time.sleep(0.1)
        try:
            yield jobs
        finally:
            _stop_all(root)


def _in_use(root: Path, jobs: Sequence[Job]) -> float:
    """Cores that the jobs used together of late, mean."""
    files = [root / "jobs" / str(job.id) / "usage.jsonl" for job in jobs]
    used = [[json.loads(line)["cores"] for line in file.read_text("utf-8").splitlines()[-15:]] for file in files]
    return float(sum(np.mean(each) for each in used))


def _stop_all(root: Path) -> None:
    """Cancel whatever is active and wait for its end."""
    with Keeper(root) as keeper:
        for job in keeper.store.active():
            keeper.store.ask_stop(job.id, "bench")
        while keeper.store.active():
            time.sleep(0.1)
