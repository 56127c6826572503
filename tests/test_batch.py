"""A run over many series keeps what it has found, whatever ends it, and writes over no input."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from skfrap import _files, analysis
from skfrap.cli import _batch, _output, cli
from skfrap.cli._journal import Journal
from skfrap.comparison import _comparison
from skfrap.io import read_series

SMALL = ["--shape", 48, 48, "--bleach-region", "circle:6", "--n-postbleach", 20]
N = 3
CURVE = "--data", "curve"  # where it does not matter what is fitted


def run(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Simulate a few series once; return their contents."""
    folder = tmp_path_factory.mktemp("made")
    for k in range(N):
        result = run("simulate", folder / f"cell{k}.tif", "--seed", k, *SMALL)
        assert result.exit_code == 0, result.output
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.fixture
def series(made, tmp_path):
    paths = [tmp_path / f"cell{k}.tif" for k in range(N)]
    for path, content in zip(paths, made, strict=True):
        path.write_bytes(content)
    return paths


@pytest.fixture
def limited(monkeypatch):
    """Have analyses of a run end in some way after the first few."""
    analyse_series = analysis.analyse_series

    def limit(n, end):
        left = [n]

        def analyse(source, options):
            if left[0] == 0:
                end()
            left[0] -= 1
            return analyse_series(source, options)

        monkeypatch.setattr(analysis, "analyse_series", analyse)
        return left

    return limit


def raise_(error):
    def end():
        raise error

    return end


def command(*arguments):
    return [sys.executable, "-m", "skfrap", *map(str, arguments)]


def test_table_is_there_after_each_series(series, tmp_path, monkeypatch):
    table, found = tmp_path / "results.csv", []

    def say(text, **_):
        found.append(len(pd.read_csv(table)))

    monkeypatch.setattr("skfrap.cli._estimate.say", say)
    assert run("estimate", *series, "--out", table, *CURVE).exit_code == 0
    assert found == [1, 2, 3]


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, MemoryError])
def test_what_ends_a_run_loses_only_the_series_in_hand(series, tmp_path, limited, end):
    table = tmp_path / "results.csv"
    limited(2, raise_(end()))
    run("estimate", *series, "--out", table)
    assert pd.read_csv(table).D_um2_s.notna().sum() == 2


def test_resumed_run_ends_as_one_that_was_not_interrupted(series, tmp_path, limited):
    whole, table = tmp_path / "whole.csv", tmp_path / "results.csv"
    expected = run("estimate", *series, "--out", whole, "--json")
    limited(2, raise_(KeyboardInterrupt()))
    run("estimate", *series, "--out", table)
    left = limited(1, raise_(AssertionError("analysed again")))
    result = run("estimate", *series, "--out", table, "--resume", "--json")
    assert result.exit_code == 0, result.output
    assert left == [0]
    assert "2 of 3 series are taken over" in result.stderr
    assert table.read_text() == whole.read_text()
    assert json.loads(result.stdout) == json.loads(expected.stdout)


def test_resumed_comparison_of_models_ends_as_one_that_was_not_interrupted(
    series, tmp_path, limited
):
    whole, table = tmp_path / "whole.csv", tmp_path / "results.csv"
    chosen = ["--models", "diffusion,diffusion+mobile_fraction"]
    expected = run("compare-models", *series, *chosen, "--out", whole)
    limited(2, raise_(KeyboardInterrupt()))
    run("compare-models", *series, *chosen, "--out", table)
    limited(1, raise_(AssertionError("analysed again")))
    result = run("compare-models", *series, *chosen, "--out", table, "--resume")
    assert result.exit_code == 0, result.output
    assert table.read_text() == whole.read_text()
    assert result.stdout.splitlines()[-1] == expected.stdout.splitlines()[-1]


def test_models_that_were_fitted_are_kept_where_the_next_is_broken_off(
    series, tmp_path, monkeypatch
):
    table = tmp_path / "results.csv"
    chosen = ["--models", "diffusion,diffusion+mobile_fraction", "--out", table]
    fit, ended = _comparison._fit_model, []

    def broken_off(name, *others):
        if name == "diffusion+mobile_fraction" and len(ended) == 1:
            raise KeyboardInterrupt
        ended.append(name)
        return fit(name, *others)

    monkeypatch.setattr(_comparison, "_fit_model", broken_off)
    result = run("compare-models", *series[:2], *chosen, "--json")
    assert result.exit_code == 1
    (kept,) = json.loads(result.stdout)
    assert kept["error"] == "ended before these were fitted: diffusion+mobile_fraction"
    (fitted,) = kept["models"]
    assert fitted["model"] == "diffusion"
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert float(row["D_um2_s"]) == pytest.approx(fitted["D_um2_s"])
    result = run("compare-models", *series[:2], *chosen, "--resume")
    assert "0 of 2 series are taken over" in result.stderr
    assert "ended" not in result.output
    rows = [*csv.DictReader(table.read_text().splitlines())]
    assert [row["model"] for row in rows] == 2 * ["diffusion", "diffusion+mobile_fraction"]


def test_resumed_run_takes_over_only_what_still_holds(series, tmp_path, limited):
    table = tmp_path / "results.csv"
    bad = tmp_path / "bad.tif"
    bad.write_bytes(series[0].read_bytes()[:2000])
    assert run("estimate", *series, bad, "--out", table, *CURVE).exit_code == 1
    changed = series[1]
    changed.write_bytes(series[2].read_bytes())
    os.utime(changed, ns=(1, 1))
    bad.write_bytes(series[0].read_bytes())
    result = run("estimate", *series, bad, "--out", table, *CURVE, "--resume", "--json")
    assert "2 of 4 series are taken over" in result.stderr
    D = {Path(one["file"]).name: one["D_um2_s"] for one in json.loads(result.stdout)}
    assert D["cell1.tif"] == D["cell2.tif"]
    assert D["bad.tif"] == D["cell0.tif"]
    for options, message in (
        (["--level", 0.9], "another --level (0.95, now 0.9)"),
        (["--model", "soumpasis"], "another --model (diffusion, now soumpasis)"),
    ):
        refused = run("estimate", *series, "--out", table, *CURVE, "--resume", *options)
        assert refused.exit_code == 1
        assert message in refused.output
    assert len(pd.read_csv(table)) == 4


def test_line_that_was_cut_short_counts_for_nothing(series, tmp_path):
    table = tmp_path / "results.csv"
    run("estimate", *series, "--out", table, *CURVE)
    journal = Journal(table, "estimate", {}).path
    journal.write_bytes(journal.read_bytes()[:-100])
    result = run("estimate", *series, "--out", table, *CURVE, "--resume")
    assert "2 of 3 series are taken over" in result.stderr
    assert len(pd.read_csv(table)) == len(journal.read_text().splitlines()) - 1 == 3
    assert "3 of 3" in run("estimate", *series, "--out", table, *CURVE, "--resume").stderr


@pytest.mark.slow
def test_two_runs_do_not_share_a_table(series, tmp_path, monkeypatch):
    table = tmp_path / "results.csv"
    analyse_series, others = analysis.analyse_series, []

    def analyse(source, options):
        if not others:
            others.append(subprocess.run(
                command("estimate", series[0], "--out", table), capture_output=True, text=True
            ))  # fmt: skip
        return analyse_series(source, options)

    monkeypatch.setattr(analysis, "analyse_series", analyse)
    first = run("estimate", *series, "--out", table)
    assert first.exit_code == 0, first.output
    assert others[0].returncode == 1
    assert "another run of skfrap is writing" in others[0].stderr
    assert len(pd.read_csv(table)) == N
    assert not [*tmp_path.glob(".*")]
    assert run("estimate", *series, "--out", table).exit_code == 0


def test_a_run_that_was_killed_holds_no_table(series, tmp_path):
    table = tmp_path / "results.csv"
    held = subprocess.Popen(
        [sys.executable, "-c", (
            "import sys, time; from pathlib import Path; from skfrap.cli._lock import Lock; "
            "lock = Lock(Path(sys.argv[1])); print('held', flush=True); time.sleep(600)"
        ), str(table)],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    with held:
        held.stdout.readline()
        refused = run("estimate", series[0], "--out", table)
        assert refused.exit_code == 1
        assert "another run" in refused.output
        held.kill()
    assert run("estimate", series[0], "--out", table).exit_code == 0


def test_resume_without_a_table_is_refused(series):
    result = run("estimate", *series, "--resume")
    assert result.exit_code == 2
    assert "--out" in result.output


def test_earlier_table_stays_until_there_is_a_new_one(series, tmp_path, limited):
    table = tmp_path / "results.csv"
    run("estimate", *series, "--out", table, *CURVE)
    before = table.read_text()
    result = run("estimate", tmp_path / "absent.tif", "--out", table, *CURVE)
    assert result.exit_code == 1
    assert "left as it was" in result.stderr
    assert table.read_text() == before
    limited(0, raise_(KeyboardInterrupt()))
    run("estimate", *series, "--out", table, *CURVE)
    assert table.read_text() == before


def test_full_disk_loses_only_what_was_to_be_written(series, tmp_path, monkeypatch):
    table, replace, left = tmp_path / "results.csv", os.replace, [5]

    def replace_while_there_is_space(source, target):
        if Path(target) == table:
            left[0] -= 1
            if left[0] < 4:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(_files.os, "replace", replace_while_there_is_space)
    result = run("estimate", *series, "--out", table, *CURVE)
    assert result.exit_code == 1
    assert "No space left" in result.stderr
    assert "--resume" in result.stderr
    assert len(pd.read_csv(table)) == 1
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(_files.PREFIX)]
    monkeypatch.setattr(_files.os, "replace", replace)
    resumed = run("estimate", *series, "--out", table, *CURVE, "--resume")
    assert "2 of 3 series are taken over" in resumed.stderr
    assert len(pd.read_csv(table)) == 3


def test_long_tables_are_not_written_after_each_series(tmp_path, monkeypatch):
    clock, writes = [0.0], []
    monkeypatch.setattr(_batch, "_AT_ONCE", 2)
    monkeypatch.setattr(_batch.time, "monotonic", lambda: clock[0])

    def save(text, path):
        clock[0] += 1.0
        writes.append(text.count("\n") - 1)

    monkeypatch.setattr(_batch, "save_text", save)
    names = [f"{k}.tif" for k in range(100)]
    table = tmp_path / "results.csv"
    with _batch.kept_records("estimate", {}, names, [], out=table) as kept:
        for name in kept.pending():
            clock[0] += 1.0
            kept.add({"file": name, "D_um2_s": 1.0, "error": ""})
    assert writes == [1, 2, 22, 42, 62, 82, 100]
    assert len((tmp_path / "results.csv.journal").read_text().splitlines()) == 101


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGHUP"])
def test_signals_lose_at_most_the_series_in_hand(made, tmp_path, name):
    if name != "SIGKILL" and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        pytest.skip(f"{name} is ignored here, as under nohup")
    for k in range(200):
        (tmp_path / f"cell{k}.tif").write_bytes(made[k % N])
    table = tmp_path / "results.csv"
    process = subprocess.Popen(
        command("estimate", tmp_path, "--out", table),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        printed = 0
        for line in process.stdout:
            printed += line.endswith(".tif\n")
            if printed == 5:
                break
        process.send_signal(getattr(signal, name))
        rest, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    printed += sum(line.endswith(".tif") for line in rest.splitlines())
    rows = pd.read_csv(table)
    assert printed <= len(rows) <= printed + 1 < 200
    assert rows.D_um2_s.notna().all()
    expected = -9 if name == "SIGKILL" else 128 + getattr(signal, name)
    assert process.returncode == expected


def running_in(group):
    """Return the processes of a group that are not dead."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().rpartition(")")
        except OSError:  # it ended meanwhile
            continue
        state, _, its_group = rest.split()[:3]
        if int(its_group) == group and state != "Z":
            found.append(name)
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are counted by /proc")
@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_leaves_what_was_found_and_no_process(made, tmp_path, jobs):
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        pytest.skip("Ctrl-C is ignored here, as in the background of a shell")
    for k in range(100):
        (tmp_path / f"cell{k:03d}.tif").write_bytes(made[k % N])
    table = tmp_path / "results.csv"
    process = subprocess.Popen(
        command("estimate", tmp_path, "--out", table, "--jobs", jobs),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,  # Ctrl-C goes to all processes of a terminal's group
    )
    try:
        printed = 0
        for line in process.stdout:
            printed += line.endswith(".tif\n")
            if printed == 5:
                break
        os.killpg(process.pid, signal.SIGINT)
        rest, said = process.communicate(timeout=120)
    finally:
        process.kill()
    printed += sum(line.endswith(".tif") for line in rest.splitlines())
    rows = pd.read_csv(table)
    assert process.returncode != 0
    assert "Traceback" not in said
    assert printed <= len(rows) <= printed + 1 < 100
    assert rows.D_um2_s.notna().all()
    assert list(rows.file) == sorted(rows.file)
    for _ in range(600):  # what keeps count of shared resources ends after all others
        if not running_in(process.pid):
            break
        time.sleep(0.1)
    assert not running_in(process.pid)


@pytest.mark.skipif(os.name == "nt", reason="descriptors of POSIX")
@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&- 2>&- <&-", "| head -1 > /dev/null", "> /dev/full"])
def test_closed_and_full_streams_lose_nothing(series, tmp_path, closed):
    table = tmp_path / "results.csv"
    words = " ".join(command("estimate", *series, "--out", table))
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {words} {closed}"], capture_output=True, text=True
    )
    assert len(pd.read_csv(table)) == 3
    full = "full" in closed
    assert done.returncode == full
    assert done.stderr == ("Error: not all was printed: " * full + done.stderr[28:] * full)
    assert "Traceback" not in done.stderr


def test_nothing_is_analysed_that_nobody_reads(series, monkeypatch, limited):
    left = limited(-1, None)
    monkeypatch.setitem(_output._unread, False, None)
    assert run("estimate", *series).exit_code == 0
    assert left == [-1]


@pytest.mark.slow
def test_names_are_no_formulas_and_no_commands(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [
        "=1+1.tif",
        "@x.tif",
        "+a,b.tif",
        "-c.tif",
        "\x1b[2Jd;=e.tif",
        "\tf\n.tif",
        "\x9b2J.tif",
    ]
    if os.name != "nt":
        names.append(os.fsdecode(b"\xff.tif"))
    for name in names:
        Path(name).write_bytes(made[0])
    Path("$x_{$.tif").write_bytes(made[0])
    drawn = [names[0], "$x_{$.tif", *names[7:]]
    run("estimate", "--out", "pictures.csv", "--plots", "=p", "--", *drawn)
    assert pd.read_csv("pictures.csv").picture[0] == "./=p/=1+1.png"
    assert len([*Path("=p").iterdir()]) == len(drawn)
    result = run("estimate", "--out", "results.csv", "--", *names)
    assert "\x1b" not in result.output
    assert "\\x1b[2Jd;=e.tif" in result.output
    text = Path("results.csv").read_text(encoding="utf-8")
    assert "\x1b" not in text
    assert len(text.splitlines()) == 1 + len(names)
    rows = pd.read_csv("results.csv", keep_default_na=False, dtype=str)
    cells = rows[["file", "series", "error"]].to_numpy().ravel()
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert rows.file[:4].map(lambda name: Path(name).exists()).all()
    assert (rows.D_um2_s != "").all()
    printed = run("estimate", "--json", "--", *names).stdout
    assert not {*"\x1b\x9b"} & {*printed}
    records = json.loads(printed)
    assert [record["file"] for record in records] == names


@pytest.mark.parametrize(
    "options",
    [
        ["estimate", "cell1.tif", "--out", "cell0.tif"],
        ["estimate", "cell1.tif", "--out", "cell1.tif"],
        ["estimate", "cell1.tif", "--out", "new.tif"],
        ["estimate", "cell1.tif", "--out", "link.csv"],
        ["estimate", "cell1.tif", "--out", "hard.csv"],
        ["estimate", "cell1.tif", "--out", "archive.csv"],
        ["estimate", ".", "--out", "journalled.csv"],
        ["estimate", "cell1.tif", "--bleach-region", "mask.csv", "--out", "mask.csv"],
        ["estimate", "cell1.tif", "--times", "clock.csv", "--out", "clock.csv"],
        ["estimate", "cell1.tif", "--report", "r.html", "--out", "./r.html"],
        ["estimate", "cell1.tif", "--save-rois", "r.zip", "--out", "r.zip"],
        ["compare-models", "cell1.tif", "--out", "cell0.tif"],
        ["compare-models", "cell1.tif", "--times", "clock.csv", "--out", "clock.csv"],
        ["noise", "cell1.tif", "--plot", "cell1.tif"],
        ["noise", "cell1.tif", "--plot", "photo.png"],
        ["plan", "--D", "1", "--plot", "cell0.tif"],
        ["plan", "--D", "1", "--plot", "photo.png"],
        ["replicates", "table.csv", "--out", "table.csv"],
        ["replicates", "table.csv", "--out", "photo.png"],
        ["replicates", "table.csv", "--plot", "photo.png"],
        ["simulate", "measured.tif"],
        ["simulate", "photo.png"],
    ],
    ids=lambda words: " ".join(words),
)
def test_nothing_is_written_over_inputs_and_images(series, tmp_path, monkeypatch, options):
    from skfrap.io import write_series

    monkeypatch.chdir(tmp_path)
    Path("link.csv").symlink_to("cell1.tif")
    Path("hard.csv").hardlink_to("cell1.tif")
    Path("photo.png").write_bytes(b"\x89PNG\r\n\x1a\n not ours")
    Path("archive.csv").write_bytes(b"PK\3\4\0\0")
    Path("journalled.csv.journal").write_text("notes\n")
    Path("mask.csv").write_text("an image, who knows")
    Path("clock.csv").write_text("".join(f"{0.2 * k}\n" for k in range(1000)))
    Path("table.csv").write_text("D_um2_s\n1.0\n2.0\n")
    frames = read_series("cell0.tif").frames
    write_series("measured.tif", frames, pixel_size_um=0.5, frame_interval_s=1.0)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    result = run(*options)
    assert result.exit_code == 1
    assert "name another" in result.output or "name a table" in result.output
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.slow
def test_pictures_in_a_folder_go_beside_what_is_there(series, tmp_path):
    photo = tmp_path / "cell0.png"
    photo.write_bytes(b"\x89PNG\r\n\x1a\n not ours")
    for _ in range(2):  # ours of the first time is drawn again
        (record,) = json.loads(run("estimate", series[0], "--plots", tmp_path, "--json").stdout)
        assert record["picture"] == str(tmp_path / "cell0-2.png")
    assert photo.read_bytes().endswith(b"not ours")


def test_long_region_is_no_path(series, tmp_path):
    table = tmp_path / "results.csv"
    corners = [f"{10 + k / 100:.4f},{10 + k % 2 + k / 50:.4f}" for k in range(100)]
    region = ["--bleach-region", "polygon:" + ";".join(corners)]
    for _ in range(2):  # the second time there is a table
        result = run("estimate", series[0], "--out", table, *region)
        assert "too long" not in result.output
    assert table.exists()


def test_simulated_series_may_be_simulated_again(series):
    assert run("simulate", series[0], "--seed", 7, *SMALL).exit_code == 0


def test_file_that_is_replaced_keeps_its_place_and_permissions(tmp_path):
    target, link = tmp_path / "a.csv", tmp_path / "b.csv"
    target.write_text("before")
    target.chmod(0o640)
    link.symlink_to(target)
    _files.write_bytes(link, b"after")
    assert link.is_symlink()
    assert target.read_text() == "after"
    assert target.stat().st_mode & 0o777 == 0o640
    with pytest.raises(TypeError):
        _files.write_bytes(target, "no bytes")
    assert target.read_text() == "after"
    assert len([*tmp_path.iterdir()]) == 2
