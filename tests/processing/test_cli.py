"""The program's edge: failures become one line and a status."""

from __future__ import annotations

import errno

import click
import pytest

from processing import cli
from processing.errors import InputError
from processing.stages import STAGES, Resample


def _fails_with(error: BaseException) -> click.Command:
    @click.command("fail")
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (
            InputError("no band B03", where="S.SAFE", mend="add the whole product"),
            2,
            "S.SAFE: no band B03; add the whole",
        ),
        (OSError(errno.ENOSPC, "x", "out.parquet"), 2, "out.parquet: No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failures_end_in_one_line(
    error: BaseException, status: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cli.cli.commands, "fail", _fails_with(error))
    assert cli.run(["fail"]) == status
    message = capsys.readouterr().err.strip().splitlines()
    assert len(message) == 1
    assert line in message[0]


def test_other_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cli.cli.commands, "fail", _fails_with(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.run(["fail"])


def test_stage_options_follow_the_parameters() -> None:
    @click.command()
    @cli.stage_options(Resample)
    def command(**options: object) -> dict[str, object]:
        return cli.given(options, Resample)

    assert {parameter.name for parameter in command.params} == set(Resample.own_parameters())
    given = command.main(["--window", "5", "--no-first-photon"], standalone_mode=False)
    assert given == {"window": 5.0, "first_photon": False}
    with pytest.raises(click.BadParameter, match="not in the range"):
        command.main(["--window", "0"], standalone_mode=False)


def test_each_stage_can_be_options() -> None:
    for kind in STAGES.values():
        command = cli.stage_options(kind)(lambda **options: options)
        assert len(command.__click_params__) == len(kind.own_parameters())
