"""`benchmarks.paper`: what is finished is not done again, and the page tells what was found."""

import csv
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from benchmarks._bench import SETS
from benchmarks._losses import loss_errors, loss_ratios, losses
from benchmarks._main import run_stages
from benchmarks._pages import copy_to_docs, markdown_table, with_error, write_page
from benchmarks._published import BEST_RATIOS, JOINT_NETWORK, LEAST_SQUARES, NAMES
from benchmarks._settings import estimate_at_settings, grid
from benchmarks._stage import Outcome, Row, Stage
from benchmarks.paper import _page, _percentages
from benchmarks.paper._bench import QUICK, Bench
from benchmarks.paper._page import STUDY
from skfrap import FRAPSimulator

STAGES = {stage.name: stage for stage in STUDY.stages}
FEW = replace(QUICK, n_curves=512)


@pytest.fixture
def run(tmp_path):
    """Make a function that runs stages and returns the results and the text of the page."""

    def run_some(stages, seed=0, amounts=FEW, *, again=False):
        results = STUDY.results(tmp_path, amounts, seed)
        run_stages(stages, Bench(amounts, seed, tmp_path), results, again=again)
        page = write_page(replace(STUDY, stages=tuple(stages)), results, "some command")
        return results, page.read_text(encoding="utf-8")

    return run_some


def counting(outcome):
    """Make a stage that counts how often it is run."""
    calls = []

    def compute(bench):
        calls.append(bench.seed)
        return outcome

    return Stage("counted", "Counted", compute, lambda found: f"{len(found.rows)} rows"), calls


def test_finished_stages_are_not_run_again_unless_asked_or_settings_differ(run):
    row = Row("Table 2", "least squares", "test", "c0", "loss", 2.0, 0.1, paper=4.0)
    stage, calls = counting(Outcome([row], {"n": np.int64(3)}))
    results, text = run([stage])
    assert "## Counted\n\n1 rows\n" in text
    run([stage])
    assert calls == [0]
    run([stage], again=True)
    assert calls == [0, 0]
    run([stage], seed=1)
    run([stage], amounts=replace(FEW, n_curves=256))
    assert calls == [0, 0, 1, 0]
    with (results.folder / "results.csv").open(encoding="utf-8") as file:
        (kept,) = csv.DictReader(file)
    assert (float(kept["value"]), float(kept["paper"]), float(kept["ratio"])) == (2.0, 4.0, 0.5)


def test_tables_and_figures_that_need_no_network(run, tmp_path):
    stages = [STAGES[name] for name in ("table1", "table2", "figure1", "figure3")]
    results, text = run(stages)
    assert text.startswith("# The DeepFRAP paper, reproduced\n")
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings[:-1] == [f"## {stage.title}" for stage in stages]
    for name in ("table1", "figure1", "figure3"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"({name}.png)" in text
    drawn, _ = results.read(STAGES["table1"])
    assert min(drawn.facts["p"]) > 1e-3
    # Few curves: Table 2 within what so few can tell.
    found, _ = results.read(STAGES["table2"])
    for row in found.rows:
        if row.data == "test":
            assert abs(row.value - row.paper) < 5 * row.error, row
            assert f"{row.value:.4e}" in text


def networks(targets, ratio):
    """Make the outcome of Table 3 or 4 in which skfrap's loss is so many times least squares'."""
    methods = {f"skfrap, {targets}": ratio, f"paper's design, {targets}": 2.0, "BayesianFRAP": 0.9}
    rows = [
        Row("Table", method, data, name, measure, value, 0.01, paper)
        for data in SETS
        for method, over in methods.items()
        for name, benchmark in zip(NAMES, LEAST_SQUARES, strict=True)
        for measure, value, paper in (
            ("loss", over * benchmark, benchmark if data == "test" else None),
            ("over least squares", over, None),
            ("over the floor", over / 0.9, None),
        )
    ]
    facts = {
        "n": 1000,
        "doubled": 1.0,
        "weights": dict.fromkeys([*methods][:2], 5),
        "minutes": dict.fromkeys([*methods][:2], 7.0),
        "curves": 2000,
        "training curves": 3000,
        "passes": 60,
        "warm_up": 50,
        "epochs_per_step": 6,
    }
    return Outcome(rows, facts)


@pytest.mark.parametrize(("ratio", "answer"), [(0.91, "yes"), (1.9, "no")])
def test_what_is_told_of_networks_follows_from_the_losses(ratio, answer):
    outcomes = {f"table{k}": networks(one, ratio) for k, one in ((3, "joint"), (4, "separate"))}
    summary = _page.summarise(outcomes)
    assert summary.count(f"| {answer} |") == 2 * len(NAMES)
    assert f"{ratio:.3f} ± 0.010" in summary
    assert "1,000 test curves" in summary
    for stage, outcome in outcomes.items():
        text = STAGES[stage].write(outcome)
        assert f"| {ratio:.3f} ± 0.010 | 2.000 ± 0.010 | 0.900 ± 0.010 |" in text
        assert "in 60 passes" in text


@pytest.mark.parametrize("seconds", [None, 12.3])
def test_goals_that_were_not_reached_are_told_so(seconds):
    times = {"log10 D below least squares": seconds, "in all": 60.0}
    text = STAGES["figure5"].write(Outcome([], {"reached": {"skfrap, joint": times}}))
    assert f"| skfrap, joint | {'not' if seconds is None else '12.3 s'} | 60.0 s |" in text


def test_settings_in_which_the_network_is_worse_are_told_of_where_there_are_any():
    settings = np.array([[10.0, 0.7, 0.6, 1e-3], [100.0, 0.7, 0.9, 1e-2]])
    same = np.ones((2, 3))
    mape = {"least squares": same, "network": same, "Bayes": same}
    assert _percentages._worse(settings, mape, 0) is None
    mape["network"] = np.array([[1.0, 1, 1], [1.5, 1, 1]])
    found = _percentages._worse(settings, mape, 0)
    assert found["worst"] == {"D": 100.0, "alpha": 0.9, "a": 1e-2}
    assert (found["n"], found["posterior too"], found["ratio"]) == (1, 0, 1.5)
    assert "has 1.500 times" in _percentages._tell_worse(found)


def test_other_settings_have_other_networks(tmp_path):
    folders = {
        STUDY.results(tmp_path, amounts, seed).folder_of_networks
        for amounts in (FEW, replace(FEW, passes=(("joint", 1),)))
        for seed in (0, 1)
    }
    assert len(folders) == 4


def test_only_the_page_and_its_figures_go_into_the_docs(run, tmp_path):
    results, text = run([STAGES["figure1"]])
    (results.folder / "other.png").write_bytes(b"")
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "figure0.png").write_bytes(b"")
    page = copy_to_docs(STUDY, results, folder)
    assert page.read_text(encoding="utf-8") == text
    assert {path.name for path in folder.iterdir()} == {"index.md", "figure1.png"}


def test_every_table_and_figure_of_the_paper_has_a_stage():
    titles = " ".join(stage.title for stage in STAGES.values())
    for number in range(1, 5):
        assert f"Table {number}:" in titles
    for number in (1, 3, 4, 5, 6, 7, 10):
        assert f"Figure {number}" in titles
    assert "Figures 8 and 9 and section 3.4" in titles


def test_errors_by_bootstrap_are_those_of_drawing_curves():
    # Many small draws of a known loss: their spread is what the bootstrap must tell from one.
    random = np.random.default_rng(0)
    n, n_draws = 1000, 300

    class Sample:
        target = np.zeros((n, 3))
        sample_weight = np.ones(n)

    estimates = random.standard_normal((n_draws, n, 3))
    spread = np.std([losses(Sample, theta) for theta in estimates], axis=0)
    told = loss_errors(Sample, estimates[0], 0)
    np.testing.assert_allclose(told, spread, rtol=0.2)
    np.testing.assert_allclose(spread[:3], np.sqrt(2 / n), rtol=0.15)
    # A ratio to the same estimates is 1, whatever curves are drawn; to a multiple likewise.
    _, told = loss_ratios(Sample, 2 * estimates[0], estimates[0], 0)
    np.testing.assert_allclose(told, 0, atol=1e-12)


def test_settings_are_125_and_an_exact_estimator_has_no_error():
    values = grid()
    assert np.prod([len(value) for value in values]) == 125
    assert all(b > a for value in values for a, b in pairwise(value))

    class Truth:
        def predict(self, X):
            D, c0, alpha, _ = next(settings)
            return np.tile([np.log10(D), c0, alpha], (len(X), 1))

    few = [values[0][:2], values[1], values[2][:1], values[3][:1]]
    settings = iter([(D, few[1][0], few[2][0], 0) for D in few[0]])
    found = estimate_at_settings({"truth": Truth()}, FRAPSimulator(), few, 0)
    np.testing.assert_allclose(found.mape("truth"), 0, atol=1e-12)


def test_the_papers_best_is_the_better_of_its_two_networks():
    assert BEST_RATIOS[0] == JOINT_NETWORK[0] / LEAST_SQUARES[0]
    np.testing.assert_allclose(BEST_RATIOS, (0.9625, 1.4560, 1.0144, 0.9708), atol=5e-5)


def test_numbers_are_written_with_two_digits_of_their_errors():
    assert with_error(0.889123, 0.0093) == "0.8891 ± 0.0093"
    assert with_error(88.04, 0.49) == "88.04 ± 0.49"
    assert with_error(123.4, 12.0) == "123 ± 12"
    assert markdown_table(["a", "b"], [["x", 1]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
