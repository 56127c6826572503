"""`benchmarks.paper`: what is finished is not done again, and the page tells what was found."""

import csv
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks._losses import loss_errors, loss_ratios, losses
from benchmarks._main import run_stages
from benchmarks._pages import copy_to_docs, markdown_table, with_error, write_page
from benchmarks._published import (
    EXPERIMENT,
    FINAL_NETWORK,
    FINAL_RATIOS,
    JOINT_NETWORK,
    LEAST_SQUARES,
    NAMES,
    NETWORKS,
    SETS,
    over_least_squares,
)
from benchmarks._settings import estimate_at_settings, grid
from benchmarks._stage import Outcome, Row, Stage
from benchmarks.paper import _experiment, _page, _percentages, _tables
from benchmarks.paper._bench import QUICK, Bench
from benchmarks.paper._page import STUDY
from skfrap import FRAPSimulator
from skfrap.replicates import compare_methods

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


@pytest.mark.slow
def test_tables_and_figures_that_need_no_network(run, tmp_path):
    stages = [STAGES[name] for name in ("table1", "table2", "figure1", "figure2", "figure3")]
    results, text = run(stages)
    assert text.startswith("# The DeepFRAP paper, reproduced\n")
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings[:-1] == [f"## {stage.title}" for stage in stages]
    for name in ("table1", "figure1", "figure2", "figure3"):
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


def networks(targets, ratio, told):
    """Make the outcome of Table 3 or 4 in which skfrap's loss is so many times least squares'."""
    ours = f"skfrap, {targets}"
    rows = [
        Row("Table", method, data, name, measure, value, 0.01, paper)
        for data in SETS
        for method, over in ((ours, ratio), ("BayesianFRAP", 0.9))
        for name, benchmark in zip(NAMES, LEAST_SQUARES, strict=True)
        for measure, value, paper in (
            ("loss", over * benchmark, benchmark),
            ("over least squares", over, None),
            ("over the floor", over / 0.9, None),
        )
    ]
    facts = {
        "n": 1000,
        "method": ours,
        "weights": 5,
        "paper": {name: papers(name) for name in told},
        "curves": 2000,
    }
    return Outcome(rows, facts)


def papers(network):
    """Give the paper's ratios with errors of 0.02."""
    return {data: [[value, 0.02] for value in over_least_squares(network, data)] for data in SETS}


@pytest.mark.parametrize(("ratio", "answer"), [(0.91, "yes"), (1.9, "no")])
def test_what_is_told_of_networks_follows_from_the_losses(ratio, answer):
    outcomes = {
        "table3": networks("joint", ratio, ["joint"]),
        "table4": networks("separate", ratio, ["separate", "final"]),
    }
    summary = _page.summarise(outcomes)
    assert summary.count(f"| {answer}, ") == 2 * len(NAMES)
    # 0.9625 of the paper and ours, with errors of 0.02 and 0.01.
    assert f"| {answer}, {abs(0.96251 - ratio) / np.hypot(0.02, 0.01):.1f} se |" in summary
    assert f"{ratio:.3f} ± 0.010" in summary
    assert "1,000 test curves" in summary
    for stage, outcome in outcomes.items():
        text = STAGES[stage].write(outcome)
        assert f"| {ratio:.3f} ± 0.010 | 0.900 ± 0.010 |" in text
        assert "| train: log10 D | 0.908 ± 0.020 |" in text or stage == "table4"
    assert "| test: joint | 0.980 ± 0.020 | 0.969 ± 0.020 |" in text


def test_the_papers_ratios_count_its_draws_of_curves():
    class Bench:
        sets = dict.fromkeys(SETS, FRAPSimulator().sample(100))

        def losses(self, method):
            return np.array(LEAST_SQUARES), 0.1 * np.array(LEAST_SQUARES)

    found = _tables.papers_ratios(Bench(), "joint")
    # 65,536 curves have an error of 10 % / sqrt(655.36), four times as many half of it.
    ratio, error = found["test"][0]
    assert ratio == pytest.approx(0.9625, abs=5e-5)
    assert error == pytest.approx(ratio * 0.1 / np.sqrt(655.36) * np.sqrt(1 + 1 / 4))
    assert found["train"][0][1] == pytest.approx(
        error * 0.9077 / 0.9625 * np.sqrt(17 / 20), rel=1e-3
    )


def keep_training(folder, kind, start, losses, n_outputs, answer):
    """Write the checkpoint of a network that gives one answer to all curves."""
    zero = (np.zeros((110, 4), np.float32), np.zeros(4, np.float32))
    last = (np.zeros((4, n_outputs), np.float32), np.array(answer, np.float32))
    weights = {f"best_weights/0/{k}": array for k, array in enumerate((*zero, *last))}
    path = folder / f"{kind}-{start}"
    path.mkdir(parents=True)
    history = {
        "history/seconds": 900.0 * np.arange(1, 1 + len(losses)),
        "history/validation_loss": np.array(losses, float).reshape(len(losses), n_outputs),
    }
    best = np.nanmin(np.mean(history["history/validation_loss"], axis=1), keepdims=True)
    np.savez(path / "start-0.npz", best_losses=best, **weights, **history)


class FewCurves(Bench):
    """Curves and what the stage of the paper's design asks of a bench, without training."""

    def estimator(self, method):
        history = {"step": np.array([64, 128]), "validation_loss": np.full((2, 3), 1e-4)}
        known = SimpleNamespace(history_=history, batch_size=1024)
        return known if method == "skfrap, joint" else super().estimator(method)


def test_a_kept_training_of_the_papers_design_is_told_of(tmp_path):
    nan = [np.nan] * 3
    keep_training(tmp_path, "joint", 0, [[3.0, 1.0, 2.0], nan, [2.0, 1.0, 1.0]], 3, [1, 0.7, 0.6])
    keep_training(tmp_path, "log10_D", 0, [[9.0]], 1, [9.0])
    keep_training(tmp_path, "log10_D", 1, [[9.0], [1e-9], [8.0]], 1, [1.5])
    bench = FewCurves(FEW, 0, tmp_path, tmp_path)
    outcome = STAGES["design"].run(bench)
    runs = outcome.facts["runs"]
    assert {kind: run["epochs"] for kind, run in runs.items()} == {"joint": 3, "log10_D": 3}
    assert (runs["joint"]["below"], runs["log10_D"]["below"]) == (None, 2)
    assert runs["log10_D"]["starts"] == 2
    # What one answer to all curves has for a loss; the final network has D from the joint one.
    sample = bench.fresh
    known = losses(sample, np.tile([1.5, 0.7, 0.6], (len(sample.data), 1)))
    base, _ = bench.losses("least squares")
    found = outcome.find(method="separate", target="log10 D")
    assert found.value == pytest.approx(known[0] / base[0], rel=1e-5)
    joint, final = (outcome.find(method=m, target="log10 D") for m in ("joint", "final"))
    assert joint.value == final.value != found.value
    assert outcome.find(method="final", target="joint") is None
    text = STAGES["design"].write(outcome)
    assert "| here, joint (459 weights) | 1 | 3 | 0.0063 % | 45 min | not reached |" in text
    assert "| here, separate, log10 D (449 weights) | 2 | 3 | 0.0063 % | 45 min | 2 |" in text
    assert "| paper | 4 | 48,000 | 100 % | 168 h | separate: about 4,000, 12 h |" in text
    assert "Losses over least squares on 512 test curves" in text


def test_without_a_training_the_papers_losses_are_told_alone(run):
    _, text = run([STAGES["design"]])
    assert "No such training was given" in text
    assert "| c0 | 3.1" in text


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
        for amounts in (FEW, replace(FEW, n_samples=1024))
        for seed in (0, 1)
    }
    assert len(folders) == 4


@pytest.mark.slow
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
    for number in (1, 2, 3, 4, 5, 6, 7, 10):
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


def test_the_papers_losses_agree_with_each_other():
    # A joint loss is the mean of three; the final network takes each from where the paper does.
    for network in NETWORKS.values():
        for losses_of_set in network.values():
            assert losses_of_set[3] == pytest.approx(np.mean(losses_of_set[:3]), rel=5e-5)
    assert LEAST_SQUARES[3] == pytest.approx(np.mean(LEAST_SQUARES[:3]), rel=5e-5)
    assert FINAL_NETWORK["test"][0] == JOINT_NETWORK["test"][0]
    np.testing.assert_allclose(FINAL_RATIOS, (0.9625, 1.4560, 1.0144, 0.9694), atol=5e-5)


def test_the_papers_settings_are_125_with_its_values():
    D, c0, alpha, a = grid()
    np.testing.assert_allclose(D, [3.1623, 10, 31.623, 100, 316.23], rtol=1e-4)
    np.testing.assert_allclose(a, [1e-4, 3.1623e-4, 1e-3, 3.1623e-3, 1e-2], rtol=1e-4)
    assert (c0, alpha) == ([0.75], [0.5, 0.6, 0.7, 0.8, 0.9])


def test_intervals_imply_the_spread_of_replicates():
    random = np.random.default_rng(0)
    values = 90 + 3 * random.standard_normal(_experiment.N_REPLICATES)
    mean, error = values.mean(), values.std(ddof=1) / np.sqrt(len(values))
    interval = mean - 2.093 * error, mean + 2.093 * error
    assert _experiment.implied_spread(mean, *interval) == pytest.approx(
        values.std(ddof=1) / mean, rel=1e-3
    )
    implied = [_experiment.implied_spread(*one) for m in EXPERIMENT.values() for one in m.values()]
    np.testing.assert_allclose(implied, [0.022, 0.036, 0.034, 0.036], atol=5e-4)


def test_the_methods_are_compared_as_replicates_are():
    random = np.random.default_rng(1)
    first = 10 + random.standard_normal((20, 3))
    second = first + 0.1 + 0.2 * random.standard_normal((20, 3))
    found = _experiment.compare(first, second)
    for k in range(3):
        methods = {"one": first[:, k], "other": second[:, k]}
        for pair, means, variances in (
            (False, "t, unpaired", "F"),
            (True, "t, paired", "Pitman-Morgan"),
        ):
            known = compare_methods(methods, scale="linear", pair=pair)
            # Welch's test has fewer degrees of freedom where variances differ a little.
            assert found[means][k] == pytest.approx(known.p_value[0], rel=1e-3)
            assert found[variances][k] == pytest.approx(known.variance_p_value[0], rel=1e-6)


def test_numbers_are_written_with_two_digits_of_their_errors():
    assert with_error(0.889123, 0.0093) == "0.8891 ± 0.0093"
    assert with_error(88.04, 0.49) == "88.04 ± 0.49"
    assert with_error(123.4, 12.0) == "123 ± 12"
    assert markdown_table(["a", "b"], [["x", 1]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
