"""Jobs as an analyst meets them, all of them real: launched, watched, cancelled, found again after the server died."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from analyst import Analyst, Server

from dashboard.jobs.model import Job, JobState
from dashboard.jobs.processes import bearing
from dashboard.jobs.store import JobStore
from processing.cli import load_commands, run
from processing.io import tables
from processing.project import Project
from processing.spark.standalone import standalone

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RECIPE = """
[twin]
seed = 3
km = 4.0
swath = 6000.0

[stage.train]
model = "mlp"
epochs = 1
"""
_LONG = 240_000
"""A chain of real jobs on two cores that others use too, ms."""

_CANCELLED = 12_000
"""Ten seconds until nothing is left of a cancelled job, and what the page takes to show it, ms."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A project with every stage done, served by a process of its own."""
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    load_commands()
    words = ["demo", "--project", str(folder / "project"), "--recipe", str(folder / "recipe.toml"), "--no-serve"]
    assert run(words) == 0
    made = Server(folder / "project")
    yield made
    made.kill()


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The standalone cluster: a master and one worker of two cores."""
    with standalone(tmp_path_factory.mktemp("cluster"), workers=1, cores=2, memory=1024) as found:
        yield found.url


class Operator(Analyst):
    """Somebody at the jobs page."""

    def __init__(self, tab: Any, server: Server, name: str) -> None:
        super().__init__(tab, f"http://127.0.0.1:{server.port}/", name)
        self.server = server

    def at_jobs(self, **place: object) -> None:
        """Open the jobs page, or the form or the job that the address names."""
        asked = "&".join(f"{name}={value}" for name, value in {"page": "jobs", **place}.items())
        self.tab.goto(f"{self.address}?{asked}")
        self.ready("jobs")
        self.tab.locator(".aside .stages button").first.wait_for()

    def fill(self, stage: str, **values: str) -> None:
        """Open the form of a stage and fill it in."""
        self.tab.locator(f".stages [data-stage={stage}]").click()
        self.tab.locator(".form").wait_for()
        for name, value in values.items():
            field = self.tab.locator(f"#field-{name}")
            if not field.is_visible():
                self.tab.locator(".form details summary").first.click()
            if field.evaluate("node => node.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)

    def launch(self) -> int:
        """Press Launch and return the number of the job that is then shown."""
        before = int(self.place.get("job", 0))
        self.tab.locator(".form .launch").click()
        self.tab.locator(".detail").wait_for()
        self.until(lambda: int(self.place.get("job", 0)) not in (0, before))
        return int(self.place["job"])

    def await_state(self, state: str, number: int = 0, timeout: float = _LONG) -> None:
        """Wait until the list shows a job in a state."""
        self.tab.locator(f".row.{state}[data-job='{number}']").wait_for(timeout=timeout)

    def job(self, number: int) -> Job:
        """A job as it is recorded."""
        with JobStore(Project(self.server.root).database_url) as store:
            return store.job(number)


@pytest.fixture
def ada(tab: Any, server: Server) -> Operator:
    return Operator(tab, server, "ada")


def test_one_click_takes_corrected_labels_to_freeboard(ada: Operator, master: str) -> None:
    """Two Horovod ranks train, Spark classifies and computes freeboard, and the freeboard page shows the new run."""
    tab, project = ada.tab, Project(ada.server.root)
    before = set(project.runs("freeboard"))
    tab.goto(f"{ada.address}?page=review")
    ada.ready("review")
    tab.locator(".queue-list .row").first.click()
    tab.wait_for_function("() => document.documentElement.dataset.selection === 'known'")
    ada.edit("1")
    ada.edit("2")
    tab.locator(".sign.stale", has_text="4 due").click()
    tab.locator(".popover", has_text="labels were corrected").get_by_text("Choose how").click()
    ada.ready("jobs")
    tab.locator(".due [name=ranks]").fill("2")
    tab.locator(".due [name=engine]").select_option("spark")
    tab.locator(".due [name=master]").fill(master)
    tab.locator(".due .run").click()
    tab.locator(".detail .chain .link-of").nth(3).wait_for()
    chain = [int(text) for text in re.findall(r"#(\d+)", tab.locator(".detail .chain").inner_text())]
    train, classify, freeboard = chain[1:]
    tab.locator(".due", has_text="Under way").wait_for()
    tab.locator(f".row[data-job='{train}']").click()
    tab.locator(".ranks .part").nth(1).wait_for(timeout=_LONG)
    tab.locator(".learning .dot.loss").first.wait_for(timeout=_LONG)
    ada.await_state("running", classify)
    tab.locator(f".row[data-job='{classify}']").click()
    tab.locator(".detail .waiting:visible", has_text="Spark").wait_for(timeout=_LONG)
    tab.locator(".links a", has_text="Spark").wait_for(timeout=_LONG)
    ada.await_state("done", freeboard)
    tab.locator(".due.good").wait_for()
    tab.locator(f".row[data-job='{freeboard}']").click()
    tab.locator(".detail .tools", has_text="See freeboard").get_by_text("See freeboard").click()
    ada.ready("freeboard")
    made = ada.job(freeboard)
    assert {ada.place["run"]} == set(project.runs("freeboard")) - before == {made.result}
    assert tab.locator("select", has_text=made.result).first.input_value() == made.result
    _check_records([ada.job(number) for number in chain], master, project)
    assert not tab.complaints


def _check_records(jobs: list[Job], master: str, project: Project) -> None:
    """Who, what, from which snapshot, by which model and code, and where: each job's record says it."""
    snapshot, train, classify, freeboard = jobs
    assert [job.stage for job in jobs] == ["snapshot", "train", "classify", "freeboard"]
    assert {job.who for job in jobs} == {"ada"}
    assert all(job.state is JobState.DONE and job.commit and job.status == 0 for job in jobs)
    assert train.snapshot == snapshot.result
    assert train.parameters["workers"] == 2
    assert classify.model == train.result == freeboard.parameters["run_name"]
    assert classify.engine["master"] == freeboard.engine["master"] == master
    granule, beam = project.tracks("freeboard", freeboard.result)[0]
    stamp = tables.read_stamp(project.table_path("freeboard", granule, beam, freeboard.result))
    assert stamp is not None
    assert stamp.parameters["run_name"] == classify.result


def test_a_cancelled_training_leaves_nothing_running(ada: Operator) -> None:
    ada.at_jobs()
    ada.fill("train", epochs="900", seed="11", workers="2")
    number = ada.launch()
    ada.tab.locator(".ranks .part").nth(1).wait_for(timeout=_LONG)
    ada.tab.locator(".detail .tools", has_text="Cancel").get_by_text("Cancel").click()
    ada.await_state("cancelled", number, _CANCELLED)
    job = ada.job(number)
    assert (job.stop_by, job.reason) == ("ada", "cancelled by ada")
    ada.until(lambda: not bearing(job.token))
    assert not list(ada.server.root.rglob(".aside-*"))
    assert not job.result


def test_a_killed_server_finds_the_job_again(ada: Operator) -> None:
    ada.at_jobs()
    ada.fill("train", epochs="900", seed="12")
    number = ada.launch()
    ada.tab.locator(".detail .bar").first.wait_for(timeout=_LONG)
    page = ada.tab.evaluate("performance.timeOrigin")
    ada.server.kill()
    ada.tab.locator(".blocker", has_text="Connection lost").wait_for()
    assert bearing(ada.job(number).token)
    beat = ada.job(number).beat
    ada.until(lambda: ada.job(number).beat > beat)
    ada.server.begin()
    ada.tab.wait_for_function(f"() => performance.timeOrigin !== {page}")
    ada.ready("jobs")
    ada.await_state("running", number)
    ada.tab.locator(".sign.jobs.running").wait_for()
    ada.tab.locator(".detail .bar").first.wait_for()
    ada.tab.locator(".detail .tools", has_text="Cancel").get_by_text("Cancel").click()
    ada.await_state("cancelled", number, _CANCELLED)
    ada.until(lambda: not bearing(ada.job(number).token))


def test_two_people_launch_at_once(ada: Operator, chromium: Any) -> None:
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    ben = Operator(context.new_page(), ada.server, "ben")
    for who, seed in ((ada, "21"), (ben, "22")):
        who.at_jobs()
        who.fill("train", epochs="1", seed=seed)
    for who in (ada, ben):
        who.tab.locator(".form .launch").click()
    for who in (ada, ben):
        who.tab.locator(".detail").wait_for()
        who.until(lambda who=who: "job" in who.place)
    numbers = {who.name: int(who.place["job"]) for who in (ada, ben)}
    assert len(set(numbers.values())) == 2
    for who in (ada, ben):
        for number in numbers.values():
            who.await_state("done", number)
    assert {ada.job(number).who: ada.job(number).parameters["seed"] for number in numbers.values()} == {
        "ada": 21,
        "ben": 22,
    }
    context.close()


def test_the_same_again_is_refused_while_it_runs(ada: Operator) -> None:
    ada.at_jobs()
    ada.fill("train", epochs="900", seed="31")
    number = ada.launch()
    ada.fill("train", epochs="900", seed="31")
    ada.tab.locator(".form .launch").click()
    ada.tab.locator(".form .trouble", has_text=f"#{number} train, launched by ada, does exactly this").wait_for()
    ada.tab.locator(f".row[data-job='{number}']").click()
    ada.tab.locator(".detail .tools", has_text="Cancel").get_by_text("Cancel").click()
    ada.await_state("cancelled", number, _CANCELLED)


def test_a_failed_job_says_why_in_one_line_and_its_log_is_there(ada: Operator) -> None:
    weights = ada.server.root / "models" / "mlp-v0001" / "model.pt"
    weights.rename(weights.with_suffix(".away"))
    ada.at_jobs()
    ada.fill("classify", run_name="mlp-v0001", batch="512")
    number = ada.launch()
    ada.await_state("failed", number)
    reason = ada.tab.locator(".detail .reason").inner_text()
    assert "the model has no weights" in reason
    assert "\n" not in reason
    ada.tab.locator(".toast.error", has_text="the model has no weights").wait_for()
    ada.tab.locator(".said-top input").fill("no weights")
    ada.tab.locator(".log mark", has_text="no weights").first.wait_for()
    with ada.tab.expect_download() as found:
        ada.tab.locator(".said-top a", has_text="Download").click()
    assert "the model has no weights" in Path(found.value.path()).read_text(encoding="utf-8")
    weights.with_suffix(".away").rename(weights)
    assert "Traceback" not in ada.tab.locator("body").inner_text()


def test_a_form_says_what_is_wrong_beside_the_field_and_shows_the_command(ada: Operator) -> None:
    tab = ada.tab
    ada.at_jobs()
    ada.fill("freeboard", window="50")
    wrong = tab.locator("[data-field=window] .wrong")
    wrong.wait_for()
    assert "a number from 100 to 200000" in wrong.inner_text()
    assert tab.locator(".form .launch").is_disabled()
    tab.locator("#field-window").fill("8000")
    command = tab.locator(".form .command", has_text="--window=8000")
    command.wait_for()
    assert command.inner_text() == f"leadline freeboard {ada.server.root} --window=8000.0"
    tab.locator("#field-run_name").evaluate("node => node.add(new Option('x', '../../etc'))")
    tab.locator("#field-run_name").select_option("../../etc")
    tab.locator("[data-field=run_name] .wrong", has_text="is no name of a run").wait_for()


def test_a_job_is_cloned_with_one_field_changed(ada: Operator) -> None:
    tab = ada.tab
    ada.at_jobs()
    ada.fill("freeboard", window="9000")
    first = ada.launch()
    ada.await_state("done", first)
    tab.locator(".detail .tools", has_text="Clone").get_by_text("Clone").click()
    tab.locator(".form h2", has_text=f"as job #{first}").wait_for()
    assert float(tab.locator("#field-window").input_value()) == 9000.0
    tab.locator("#field-stride").fill("4000")
    second = ada.launch()
    ada.await_state("done", second)
    one, other = ada.job(first).parameters, ada.job(second).parameters
    assert {name for name in one if one[name] != other[name]} == {"stride"}
