"""Findings: what is to be known of a number before it is used, as data."""

import copy
import json
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.analysis import analyse_series
from skfrap.calibration import calibrate_noise
from skfrap.cli._batch import with_labels
from skfrap.comparison import compare_models
from skfrap.design import expected_errors, plan
from skfrap.estimators import FRAPEstimates
from skfrap.io import ImageSeries
from skfrap.judging import judge_fits
from skfrap.models import CurveModel, broadcast_parameters
from skfrap.parameters import Parameter, define, parameter
from skfrap.replicates import compare_groups, compare_methods, summarise_replicates
from skfrap.results import FINDINGS, Finding
from skfrap.results._finding import codes_in
from skfrap.results._kinds import SEVERITIES

ROOT = Path(__file__).resolve().parents[1]
SMALL = FRAPProtocol(
    shape=(64, 64), bleach_region=Circle(9.0), n_prebleach=10, n_postbleach=50, padding=32
)


# The list of codes


def test_a_finding_has_a_known_code_and_its_severity():
    finding = Finding("not_converged", "doubtful", "", "the fit did not converge", "raise max_nfev")
    assert str(finding) == "the fit did not converge: raise max_nfev"
    assert json.loads(json.dumps(finding.to_dict())) == {
        "code": "not_converged",
        "severity": "doubtful",
        "subject": "",
        "words": "the fit did not converge",
        "remedy": "raise max_nfev",
    }
    assert Finding.of("at_lower_bound", "D is at its lower bound", "D").label == "at_lower_bound:D"
    for code, severity, subject, message in (
        ("strange", "note", "", "code must be one of .*'strange'"),
        ("not_converged", "note", "", "severity of 'not_converged' must be 'doubtful'"),
        ("not_converged", "doubtful", "D and c0", "without blanks"),
    ):
        with pytest.raises(ValueError, match=message):
            Finding(code, severity, subject, "words")
    with pytest.raises(ValueError, match="code must be one of"):
        Finding.of("strange", "words")


def test_the_page_lists_every_code_and_no_other():
    page = (ROOT / "docs" / "guide" / "findings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    documented = {code: (severity, meaning, remedy) for code, severity, meaning, remedy in rows}
    assert len(documented) == len(rows)
    assert documented == {
        code: (kind.severity, kind.meaning, kind.remedy) for code, kind in FINDINGS.items()
    }
    assert {kind.severity for kind in FINDINGS.values()} == {*SEVERITIES}


def test_every_code_is_found_somewhere():
    sources = [
        path.read_text(encoding="utf-8")
        for path in (ROOT / "skfrap").rglob("*.py")
        if path.name != "_finding.py"
    ]
    for code in FINDINGS:
        assert any(f'"{code}"' in source for source in sources), code


# Estimates


def simulate(n, protocol=SMALL, **prior):
    return FRAPSimulator(protocol, {"a": 1e-3} | prior, random_state=0).sample(n).data


@pytest.fixture(scope="module")
def mixed():
    """Estimates of good curves, one of a wrong model, and one without bleaching."""
    X = np.concatenate(
        [
            simulate(4, D=10.0, alpha=0.5),
            simulate(1, D=10.0, alpha=0.5, mobile_fraction=0.6),
            simulate(1, D=10.0, alpha=1.0),
        ]
    )
    return LeastSquaresFRAP(SMALL).fit(X).estimate(X)


def test_flags_and_columns_follow_from_findings(mixed):
    assert [[one.code for one in some] for some in mixed.findings[:4]] == [[]] * 4
    assert mixed.has_finding("residuals_correlated").tolist() == [False] * 4 + [True, False]
    assert mixed.has_finding("no_bleaching_visible").tolist() == [False] * 5 + [True]
    assert mixed.poorly_determined.tolist() == [False] * 5 + [True]
    assert mixed.usable.tolist() == [True] * 4 + [False] * 2
    flags = ["; ".join(str(one) for one in some) for some in mixed.findings]
    assert mixed.flags.tolist() == flags
    assert flags[4].startswith("residuals are correlated: the model does not describe the curve; ")
    assert "mobile_fraction is needed too" in flags[4]
    table = mixed.to_frame()
    assert table["flags"].tolist() == flags
    assert table["poorly_determined"].tolist() == mixed.poorly_determined.tolist()
    for cell, some in zip(table["findings"], mixed.findings, strict=True):
        assert codes_in(cell) == [one.code for one in some]
    assert [line.endswith(flag) for line, flag in zip(mixed.summary(), flags, strict=True)]


def test_subjects_are_parameters_and_frames():
    X = simulate(2, D=5e3, alpha=0.5)
    estimates = LeastSquaresFRAP(SMALL, bounds={"D": (1.0, 100.0)}).fit(X).estimate(X)
    assert estimates.has_finding("at_upper_bound", "D").all()
    assert not estimates.has_finding("at_upper_bound", "c0").any()
    assert "at_upper_bound:D" in estimates.to_dict()["findings"][0]
    spoilt = simulate(2, D=10.0, alpha=0.5)
    spoilt[1, 30] += 0.3
    estimates = LeastSquaresFRAP(SMALL).fit(spoilt).estimate(spoilt)
    assert estimates.has_finding("frame_does_not_fit", "30").tolist() == [False, True]
    (finding,) = (one for one in estimates.findings[1] if one.code == "frame_does_not_fit")
    assert "spoilt" in finding.remedy


def test_estimates_are_importable_from_both_places():
    from skfrap import results

    assert results.FRAPEstimates is FRAPEstimates


# A rate on a linear scale


class _LinearTimeModel(CurveModel, name="linear_time"):
    define(Parameter("my_half_time", "s", "linear", 0.0, 1e3, "time of half the recovery"))

    def curves(self, my_half_time, c0, alpha):
        values = broadcast_parameters(my_half_time=my_half_time, c0=c0, alpha=alpha)
        time, c0, alpha = (value[:, np.newaxis] for value in values.values())
        halvings = np.clip(self.protocol.times / np.maximum(time, 1e-3), 0, 1000)
        missing = np.where(self.protocol.times > 0, (1 - alpha) * 2.0**-halvings, 0.0)
        return c0 * (1 - missing)


def estimate_linear_time(noise=0.01, **truth):
    curves = _LinearTimeModel(SMALL).curves(c0=0.7, **truth)
    X = curves + noise * np.random.default_rng(0).standard_normal((20, SMALL.n_frames))
    return LeastSquaresFRAP(SMALL, model="linear_time").fit(X).estimate(X)


def test_without_bleaching_there_is_no_time_on_any_scale():
    estimates = estimate_linear_time(my_half_time=5.0, alpha=1.0)
    assert estimates.has_finding("no_bleaching_visible").all()
    for end in ("", "_lower", "_upper"):
        assert np.isnan(getattr(estimates, f"my_half_time_s{end}")).all()
    assert not estimates.usable.any()


def test_an_undetermined_time_is_marked_on_any_scale():
    good = estimate_linear_time(my_half_time=3.0, alpha=0.5)
    assert good.usable.all()
    assert np.abs(good.my_half_time_s / 3.0 - 1).max() < 0.2
    estimates = estimate_linear_time(my_half_time=400.0, alpha=0.5, noise=0.04)
    marked = estimates.has_finding("interval_too_wide", "my_half_time")
    at_bound = estimates.has_finding("at_upper_bound", "my_half_time")
    assert marked.mean() > 0.3
    assert (marked | at_bound).mean() > 0.9
    assert (estimates.poorly_determined == (marked | at_bound)).all()


def test_linear_intervals_are_wide_in_relative_terms():
    time, D, fraction = parameter("my_half_time"), parameter("D"), parameter("mobile_fraction")
    assert time.is_rate
    assert D.is_rate
    assert not fraction.is_rate
    # From 1 to 9, from 0 to 10, and beyond 0.
    decades = time.decades(np.array([5.0, 5.0, 5.0]), np.array([4.0, 5.0, 6.0]))
    np.testing.assert_allclose(decades, [np.log10(3), np.inf, np.inf])
    assert D.decades(1.0, 0.3) == 0.3
    guess = {"my_half_time": [3.0, 400.0], "c0": 0.7, "alpha": 0.6}
    expected = expected_errors(SMALL, guess, a=2e-1, model="linear_time")
    assert expected.determined.tolist() == [True, False]
    assert [one.code for one in expected.findings[1]] == [
        "error_too_large",
        "recovery_hardly_begun",
    ]


# Means


def test_wrong_and_unfinished_fits_enter_no_mean_quietly(mixed, tmp_path):
    mixed.to_frame().to_csv(tmp_path / "table.csv", index=False)
    sources = mixed, mixed.to_dict(), mixed.to_frame(), pd.read_csv(tmp_path / "table.csv")
    for source in sources:
        summary = summarise_replicates(source)
        assert (summary.n[0], summary.n_left_out[0]) == (4, 2)
        assert summary.reasons[0] == ("residuals correlated", "no bleaching visible")
        assert "2 left out (1 residuals correlated, 1 no bleaching visible)" in summary.summary()[0]
        assert [one.code for one in summary.findings[0]][:1] == ["replicates_left_out"]
    X = simulate(5, D=10.0, alpha=0.5)
    unfinished = LeastSquaresFRAP(SMALL, max_nfev=1, init=[[0.0, 0.7, 0.5]]).fit(X).estimate(X)
    assert not unfinished.converged.any()
    summary = summarise_replicates(unfinished)
    assert (summary.n[0], summary.n_left_out[0]) == (0, 5)


def test_tables_without_findings_leave_out_what_has_not_converged():
    D = np.array([10.0, 11.0, 12.0, 13.0])
    table = {"D_um2_s": D, "converged": ["True", "False", "True", np.nan]}
    summary = summarise_replicates(table | {"poorly_determined": [False, False, True, False]})
    assert summary.values[0].tolist() == pytest.approx([10.0, 13.0])
    assert "(1 not converged, 1 poorly determined)" in summary.summary()[0]
    with pytest.raises(ValueError, match="column 'findings' holds 'scar tissue'"):
        summarise_replicates(table | {"findings": ["scar tissue", "", "", ""]})


def test_comparisons_leave_out_what_means_leave_out(mixed):
    groups = list("ababab")
    assert compare_groups(mixed, groups).n_first.tolist() == [2]
    assert compare_groups(mixed, groups).n_second.tolist() == [2]
    doubled = 2 * mixed.D_um2_s
    doubled[-1] = 20.0  # where the fit has none
    pair = compare_methods({"fit": mixed, "other": doubled})
    assert (pair.n_first[0], pair.n_second[0]) == (4, 4)


def test_means_have_findings_of_their_own():
    summary = summarise_replicates([5.0, np.nan, 6.0, 7.0], groups=list("abcc"))
    codes = [[one.code for one in some] for some in summary.findings]
    assert codes == [["single_replicate"], ["no_usable_replicate", "replicates_left_out"], []]
    assert summary.to_dict()["findings"].tolist() == [" ".join(some) for some in codes]
    assert "1 left out (1 no value)" in summary.flags[1]


# Elsewhere


def test_findings_of_plans_are_joined_over_guesses():
    guess = {"D": [0.001, 10.0, 3e3], "c0": 0.7, "alpha": 0.6}
    choice = plan(SMALL, guess, {"frame_interval": [0.2, 0.3]}, a=1e-6)
    for one, found, flag in zip(choice.expected, choice.findings, choice.flags, strict=True):
        per_guess = {finding.code for some in one.findings for finding in some}
        assert per_guess == {finding.code for finding in found}
        assert flag == "; ".join(map(str, found))
    late = next(one for one in choice.findings[0] if one.code == "recovery_hardly_begun")
    assert late.words.endswith("(D = 0.001)")
    assert choice.to_dict()["findings"][0].split() == [one.label for one in choice.findings[0]]


def test_noise_and_residuals_have_findings():
    light = np.full((40, 32, 32), 0.5)
    series = light + 0.02 * np.random.default_rng(0).standard_normal(light.shape)
    calibration = calibrate_noise(series)
    assert [one.label for one in calibration.findings] == ["noise_parts_undetermined:a,b"]
    assert calibration.flags == tuple(map(str, calibration.findings))
    X = simulate(2, D=10.0, alpha=0.5, mobile_fraction=0.6)
    goodness = judge_fits(LeastSquaresFRAP(SMALL).fit(X), X)
    assert [one.code for (one,) in goodness.findings] == ["model_visibly_wrong"] * 2
    comparison = compare_models(X, ["diffusion"], SMALL)
    assert "look for another model" in comparison.summary()[0]
    assert "model_visibly_wrong" in comparison.to_records()[0]["findings"].split()


def test_records_for_tables_and_for_machines():
    simulator = FRAPSimulator(SMALL, {"D": 10.0, "alpha": 1.0, "a": 1e-3}, random_state=0)
    series = ImageSeries(
        simulator.sample_images(1).data[0],
        pixel_size_um=SMALL.pixel_size,
        times_s=SMALL.times - SMALL.times[0],
        name="still",
        info={"protocol": SMALL.to_dict()},
    )
    analysis = analyse_series(series)
    record = analysis.to_record()
    assert record["findings"].split()[0] == "no_bleaching_visible"
    found = analysis.estimates.findings[0]
    rows = [{"file": "still.tif", "findings": found}, {"file": "absent.tif"}]
    assert with_labels(rows) == [
        {"file": "still.tif", "findings": record["findings"]},
        {"file": "absent.tif"},
    ]


def test_estimates_are_copied_and_pickled():
    protocol = FRAPProtocol(shape=(64, 64), n_postbleach=30)
    X = FRAPSimulator(protocol, random_state=0).sample(2).data
    estimates = LeastSquaresFRAP(protocol).fit(X).estimate(X)
    for other in (copy.copy(estimates), pickle.loads(pickle.dumps(estimates))):
        np.testing.assert_array_equal(other.D_um2_s, estimates.D_um2_s)
        assert other.findings == estimates.findings


def test_curves_tell_that_light_changed_before_bleaching():
    protocol = FRAPProtocol(
        shape=(48, 48), bleach_region=Circle(6.0), n_prebleach=10, n_bleach=1, n_postbleach=60,
        padding=16,
    )  # fmt: skip
    code = "light_changes_before_bleaching"
    values = {"D": 10.0, "c0": 0.8, "alpha": 0.6, "a": 3e-3}
    right = FRAPSimulator(protocol, values, random_state=0).sample(2000).data
    estimator = LeastSquaresFRAP(protocol).fit(right)
    assert estimator.estimate(right).has_finding(code).mean() < 2e-3
    for change in (0.06, -0.06):
        wrong = right[:200].copy()
        wrong[:, :10] *= np.linspace(1 - change, 1, 10)
        estimates = estimator.estimate(wrong)
        assert estimates.has_finding(code).mean() > 0.9
        (words,) = (one.words for one in estimates.findings[0] if one.code == code)
        assert ("rises" if change > 0 else "falls") in words
    # A model that fades has the change, and is right.
    parameters = "D", "c0", "alpha", "imaging_bleach"
    simulator = FRAPSimulator(protocol, values | {"imaging_bleach": 0.99}, random_state=0)
    faded = simulator.sample(200).data
    estimates = LeastSquaresFRAP(protocol, parameters=parameters).fit(faded).estimate(faded)
    assert estimates.has_finding(code).mean() < 0.01
