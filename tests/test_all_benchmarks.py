"""`python -m benchmarks`: all programs are in it, none runs twice; the table tells of all."""

import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import PROGRAMS, Program, main, page_of, read, run

ROOT = Path(__file__).parents[1]
NOT_FIGURES = {"golden", "structure", "pretrain", "paper_training"}  # they make something else
NOT_FIGURES |= {"images_recorded"}  # of recordings that are given
NOT_FIGURES |= {"tables"}  # it needs what others have published


def test_every_program_is_run_or_known_to_make_something_else():
    files = {path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py")}
    folders = {path.parent.name for path in (ROOT / "benchmarks").glob("*/__main__.py")}
    assert files | folders == {*PROGRAMS} | NOT_FIGURES


def test_what_has_ended_is_read_back_unless_it_is_asked_otherwise(tmp_path):
    program = Program("accuracy", full=("--no-such-option",), quick=())
    kept = run(program, tmp_path, quick=False)
    assert kept["status"] == 2
    assert "--no-such-option" in (tmp_path / "accuracy.txt").read_text()
    assert read(program, tmp_path, quick=False) == kept
    assert read(program, tmp_path, quick=True) is None


def test_table_tells_what_was_missed():
    figures = [["times", "a | b", "3", "<= 2", False], ["what", "c", "1", "<= 2", True]]
    environment = {"date": "2026-01-01", "cores": "2", "load": "0.1", "versions": "python"}
    kept = {"command": "python -m benchmarks.model", "status": 1, "seconds": 1.0}
    page = page_of([kept | {"figures": figures, "environment": environment}])
    assert "promise 2 figures, of which 1 are missed" in page
    assert r"| times: a \| b | 3 | <= 2 | **no** |" in page
    assert "| c | 1 | <= 2 | yes |" in page


def test_exit_status_tells_of_failures(tmp_path, monkeypatch, capsys):
    kept = {"command": "python -m benchmarks.model", "status": 3, "seconds": 1.0, "figures": []}
    environment = {"date": "2026-01-01", "cores": "2", "load": "0.1", "versions": "python"}
    monkeypatch.setattr(
        "benchmarks.__main__.run", lambda *_, **__: kept | {"environment": environment}
    )
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--only", "model", "--out", str(tmp_path)])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", PROGRAMS_SPEC, raising=False)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code is True
    assert "ended with status 3" in capsys.readouterr().out


class PROGRAMS_SPEC:  # noqa: N801
    """What `python -m benchmarks` has for its own name."""

    name = "benchmarks.__main__"
