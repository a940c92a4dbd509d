"""The generated pages are up to date, and what the pages tell a reader to type exists."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import click
import pytest

from processing.cli import cli, load_commands

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
MACHINE = re.compile(r"/(?:home|root|work|Users)/\w+")
SOURCES = ("processing", "training", "dashboard", "assets", "benchmarks", "tests", "docs", ".ci")


@pytest.fixture(scope="module")
def commands() -> dict[str, click.Command]:
    load_commands()
    return dict(cli.commands)


@pytest.mark.parametrize("name", ["formats.md", "parameters.md"])
def test_generated_page_is_up_to_date(name: str) -> None:
    pages = runpy.run_path(str(ROOT / "docs" / "generate.py"))["PAGES"]
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == pages[name](), "run: make docs"


def typed(page: Path) -> list[list[str]]:
    """Words of every ``leadline ...`` and ``make ...`` line in the page's code blocks."""
    blocks = re.findall(r"^```(?:bash|console)?\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.split("#")[0].split() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and line[0] in {"leadline", "make"}]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_pages_exist(page: Path, commands: dict[str, click.Command]) -> None:
    words = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in typed(page):
        program, word, *rest = [*line, "--help"] if len(line) == 1 else line
        if program == "make":
            assert word in words | {"--help"}, f"{page.name}: make {word}"
            continue
        if word.startswith("-") or word.isupper():
            continue
        assert word in commands, f"{page.name}: leadline {word}"
        command = commands[word]
        if isinstance(command, click.Group):
            command = command.commands[rest.pop(0)]
        known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
        unknown = [flag for flag in rest if flag.startswith("-") and flag not in known | {"--help", "-h"}]
        assert not unknown, f"{page.name}: leadline {word} has no {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_no_file_names_a_path_of_one_machine() -> None:
    texts = [
        file for folder in SOURCES for file in (ROOT / folder).rglob("*") if file.suffix in {".py", ".md", ".toml", ""}
    ]
    texts += [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / "Makefile", ROOT / "requirements.lock"]
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in texts
        if path.is_file()
        for match in MACHINE.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []
