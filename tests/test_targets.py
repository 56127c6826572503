"""What y holds: by its names, by what is asked, by what the curves tell; one contract for all."""

import pickle
import warnings

import matplotlib.pyplot
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.stats import beta, lognorm, loguniform, uniform
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.metrics import make_scorer, r2_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    NeuralFRAP,
    metrics,
)
from skfrap.estimators._stopping import validation_of
from skfrap.inference.networks._options import TrainingOptions
from skfrap.inference.networks._task import Task
from skfrap.metrics import neg_weighted_mean_squared_error, weighted_mean_squared_error
from skfrap.models import InterpolationError
from skfrap.parameters import parameter_of_target
from skfrap.parameters._targets import names_of_targets
from skfrap.persistence import TRUSTED_TYPES, load, save
from skfrap.plotting import CoverageDisplay, EstimatedVersusTrueDisplay, PosteriorDisplay

pandas = pytest.importorskip("pandas")

PROTOCOL = FRAPProtocol(
    shape=(48, 48), pixel_size=1.5, bleach_region=Circle(9.0), n_prebleach=4, n_bleach=2,
    n_postbleach=20,
)  # fmt: skip
PRIOR = {
    "D": loguniform(1.0, 100.0), "c0": uniform(0.5, 0.5), "alpha": uniform(0.4, 0.4), "a": 1e-4,
}  # fmt: skip
NAMES = ["log10_D", "c0", "alpha"]
# Columns of y that are given, by form; "frame" and "series" of pandas, the others of polars.
FORMS = {
    "all": ("frame", NAMES),
    "reordered": ("frame", ["alpha", "log10_D", "c0"]),
    "subset": ("frame", ["alpha", "log10_D"]),
    "one column": ("frame", ["c0"]),
    "series": ("series", ["alpha"]),
    "polars": ("polars frame", ["alpha", "log10_D"]),
    "series of polars": ("polars series", ["c0"]),
}


@pytest.fixture(scope="module")
def sample():
    return FRAPSimulator(PROTOCOL, PRIOR, random_state=0).sample(300)


@pytest.fixture(scope="module")
def fresh():
    return FRAPSimulator(PROTOCOL, PRIOR, random_state=1).sample(80)


def least_squares(**changes):
    return LeastSquaresFRAP(PROTOCOL, **changes)


def posterior(**changes):
    return BayesianFRAP(PROTOCOL, PRIOR, n_nodes=8, **changes)


def network(**changes):
    options = {"hidden_layer_sizes": (8, 8), "max_iter": 30, "batch_size": 64, "random_state": 0}
    bounds = {"D": (1.0, 100.0), "c0": (0.5, 1.0), "alpha": (0.4, 0.8)}
    return NeuralFRAP(PROTOCOL, bounds=bounds, early_stopping=True, **(options | changes))


KINDS = [least_squares, posterior, network]
SLOW = pytest.mark.slow
of_all_kinds = pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
of_most_kinds = pytest.mark.parametrize(
    "make",
    [least_squares, posterior, pytest.param(network, marks=SLOW)],
    ids=lambda make: make.__name__,
)


def columns_of(target, names):
    return target[:, [NAMES.index(name) for name in names]]


def made(form, target, names):
    """Return y in a form, with names."""
    values = columns_of(target, names)
    if form.startswith("polars"):
        polars = pytest.importorskip("polars")
        if form == "polars series":
            return polars.Series(names[0], values[:, 0])
        return polars.DataFrame({name: values[:, k] for k, name in enumerate(names)})
    frame = pandas.DataFrame(values, columns=names)
    return frame[names[0]] if form == "series" else frame


# Some take a while: least squares tells whether names are read rightly.
QUICK = {
    least_squares: {*FORMS},
    posterior: {"reordered", "series of polars"},
    network: {"subset", "series"},
}
CASES = [
    pytest.param(
        (make, *FORMS[form]),
        id=f"{make.__name__}-{form.replace(' ', '_')}",
        marks=() if form in QUICK[make] else SLOW,
    )
    for make in KINDS
    for form in FORMS
]


@pytest.fixture(scope="module", params=CASES)
def case(request, sample):
    """Return an estimator, fitted to some form of y, the form, and the names."""
    make, kind, names = request.param
    return make().fit(sample.data, made(kind, sample.target, names)), kind, names


# The contract of names


def test_names_of_y_decide_what_is_answered(case, fresh):
    fitted, kind, names = case
    assert fitted.target_names_ == names
    theta, std = fitted.predict(fresh.data, return_std=True)
    assert theta.shape == std.shape == (80,) if "series" in kind else (80, len(names))
    truth = columns_of(fresh.target, names)
    theta, std = theta.reshape(80, -1), std.reshape(80, -1)
    assert (r2_score(truth, theta, multioutput="raw_values") > 0.8).all()
    ends = fitted.predict_interval(fresh.data)
    assert ends.shape == (80, len(names), 2)
    assert ((ends[..., 0] <= theta) & (theta <= ends[..., 1])).mean() > 0.95
    inside = (ends[..., 0] <= truth) & (truth <= ends[..., 1])
    assert (inside.mean(axis=0) > 0.85).all()
    estimates = fitted.estimate(fresh.data[:10])
    for k, name in enumerate(names):
        entry = parameter_of_target(name)
        np.testing.assert_allclose(
            estimates.values[entry.name], entry.from_target(theta[:10, k]), rtol=1e-9
        )
    assert {"D", "c0", "alpha"} <= {*estimates.values}


@pytest.mark.slow
def test_scores_and_displays_go_by_names(case, fresh):
    fitted, kind, names = case
    truth = made(kind, fresh.target, names)
    score = fitted.score(fresh.data, truth)
    assert score == r2_score(columns_of(fresh.target, names), fitted.predict(fresh.data))
    assert score > 0.8
    turned = pandas.DataFrame(columns_of(fresh.target, names[::-1]), columns=names[::-1])
    assert fitted.score(fresh.data, turned) == pytest.approx(score)
    turned = turned.squeeze(axis=1) if "series" in kind else turned
    loss = neg_weighted_mean_squared_error(fitted, fresh.data, turned)
    assert loss == pytest.approx(neg_weighted_mean_squared_error(fitted, fresh.data, truth))
    last = made("series", fresh.target, names[:1])
    assert fitted.score(fresh.data, last) > 0.8
    X = fresh.data[:20]
    for given in (turned.iloc[:20], last.iloc[:20]):
        display = EstimatedVersusTrueDisplay.from_estimator(fitted, X, given)
        shown = [ax.get_xlabel().split()[1] for ax in display.axes_]
        wanted = [*given.columns] if given.ndim > 1 else [given.name]
        assert shown == [parameter_of_target(name).name for name in wanted]
        close = np.abs(display.y_pred - display.y_true) < 0.3
        assert close.mean() > 0.8
        coverage = CoverageDisplay.from_estimator(fitted, X, given, levels=[0.95])
        assert (coverage.coverage > 0.7).all()
    matplotlib.pyplot.close("all")
    wrong = fresh.target if len(names) < 3 else fresh.target[:, :2]
    with pytest.raises(ValueError, match=r"inconsistent numbers|different number of output"):
        fitted.score(fresh.data, wrong)


def test_copies_answer_the_same(case, fresh, tmp_path):
    fitted, X = case[0], fresh.data[:5]
    save(fitted, tmp_path / "estimator.npz")
    skops = pytest.importorskip("skops.io")
    dumped = skops.dumps(fitted)
    assert {*skops.get_untrusted_types(data=dumped)} <= {*TRUSTED_TYPES}
    for copy in (
        load(tmp_path / "estimator.npz"),
        pickle.loads(pickle.dumps(fitted)),
        skops.loads(dumped, trusted=TRUSTED_TYPES),
    ):
        assert copy.target_names_ == fitted.target_names_
        assert copy.n_outputs_ == fitted.n_outputs_
        assert_array_equal(copy.predict(X), fitted.predict(X))
        assert_array_equal(copy.predict_interval(X), fitted.predict_interval(X))
        assert_array_equal(copy.fit_results(X).theta, fitted.fit_results(X).theta)


def test_a_posterior_is_drawn_in_the_columns_of_predictions(sample):
    y = made("frame", sample.target, ["alpha", "log10_D"])
    estimator = posterior().fit(sample.data, y)
    display = PosteriorDisplay.from_estimator(estimator, sample.data, truth=y.iloc[0])
    assert [ax.get_xlabel().split()[0] for ax in display.axes_[-1]] == ["alpha", "D"]
    inside = (display.intervals[:, 0] <= display.samples.mean(axis=0)) & (
        display.samples.mean(axis=0) <= display.intervals[:, 1]
    )
    assert inside.all()
    matplotlib.pyplot.close("all")


@of_all_kinds
def test_unknown_names_are_refused_in_words(make, sample):
    X, y = sample.data, pandas.DataFrame(sample.target, columns=NAMES)
    possible = r"possible are \['log10_D', 'c0', 'alpha'\]"
    with pytest.raises(ValueError, match=rf"'viscosity', .*{possible}"):
        make().fit(X, y.rename(columns={"c0": "viscosity"}))
    with pytest.raises(ValueError, match=rf"'y', .*{possible}"):
        make().fit(X, y["c0"].rename("y"))
    for name in ("D", "D_um2_s"):
        natural = (10 ** y["log10_D"]).rename(name)
        with pytest.raises(ValueError, match="D is estimated as log10_D: give log10 of D in µm²/s"):
            make().fit(X, natural)
    with pytest.raises(ValueError, match=r"each target once|unique column names"):
        make().fit(X, pandas.concat([y, y["c0"]], axis=1))
    with pytest.raises(ValueError, match="names for all of its columns or for none"):
        make().fit(X, y.rename(columns={"c0": 1}))
    fitted = make().fit(X, y[["c0"]])
    with pytest.raises(ValueError, match=r"y names 'alpha', .*possible are \['c0'\]"):
        fitted.score(X, y["alpha"])
    with pytest.raises(ValueError, match=r"y names 'alpha', .*possible are \['c0'\]"):
        EstimatedVersusTrueDisplay.from_estimator(fitted, X, y["alpha"])


@of_all_kinds
def test_named_targets_of_another_scale_are_refused(make, sample):
    y = pandas.DataFrame(sample.target, columns=NAMES)
    standardised = (y - y.mean()) / y.std()
    for wrong in (
        standardised,
        standardised["log10_D"],
        (10 ** y["log10_D"]).rename("log10_D"),
        (y["log10_D"] - 12).rename("log10_D"),
        (100 * y["alpha"]).rename("alpha"),
    ):
        with pytest.raises(ValueError, match="y does not hold what its names say"):
            make().fit(sample.data, wrong)


# Without names


@of_most_kinds
def test_what_a_nameless_column_is_can_be_asked_for(make, sample):
    X, values = sample.data, sample.target
    assert make(target_names=["alpha"]).fit(X, values[:, [2]]).target_names_ == ["alpha"]
    fitted = make(target_names=("alpha", "log10_D")).fit(X, values[:, [2, 0]])
    assert fitted.target_names_ == ["alpha", "log10_D"]
    assert fitted.score(X, values[:, [2, 0]]) > 0.8
    for wrong in ("D", ["log10_D", "viscosity"], ["c0", "c0"], [], 3):
        with pytest.raises((ValueError, TypeError), match=r"target_names|iterable"):
            make(target_names=wrong).fit(X, values[:, [0]])
    with pytest.raises(ValueError, match="y must have the columns"):
        make(target_names=["c0"]).fit(X, values)
    named = pandas.DataFrame(values, columns=NAMES)
    with pytest.raises(ValueError, match="give y those columns"):
        make(target_names=["c0"]).fit(X, named)
    fitted = make(target_names=NAMES).fit(X, named[NAMES[::-1]])
    assert fitted.target_names_ == NAMES[::-1]


@pytest.mark.parametrize("make", [least_squares, posterior], ids=lambda make: make.__name__)
def test_without_y_target_names_say_what_is_answered(make, sample):
    X = sample.data[:20]
    whole = make().fit(X).predict(X)
    assert_array_equal(make(target_names="alpha").fit(X).predict(X), whole[:, 2])
    assert_array_equal(make(target_names=["alpha", "c0"]).fit(X).predict(X), whole[:, [2, 1]])


@of_all_kinds
def test_a_nameless_column_is_the_target_that_it_follows(make, sample):
    """Meta-estimators hand over columns without names: only the curves tell what they are."""
    X, y = sample.data, sample.target
    for k, name in enumerate(NAMES):
        assert make().fit(X, y[:, k]).target_names_ == [name]
    assert make().fit(X, y[:, [2, 0]]).target_names_ == ["alpha", "log10_D"]
    assert make().fit(X, pandas.DataFrame(y)).target_names_ == NAMES
    # Also where the two are near to each other, and of labels from elsewhere.
    near = FRAPSimulator(PROTOCOL, PRIOR | {"D": loguniform(4.0, 8.0)}, random_state=3).sample(200)
    assert make().fit(near.data, near.target[:, 1]).target_names_ == ["c0"]
    assert make().fit(near.data, near.target[:, 0]).target_names_ == ["log10_D"]
    elsewhere = np.clip(y[:, 0] + np.random.default_rng(0).normal(0, 0.2, len(y)), 0, 2)
    assert make().fit(X, elsewhere).target_names_ == ["log10_D"]


@pytest.mark.parametrize("make", [least_squares, posterior], ids=lambda make: make.__name__)
def test_what_a_nameless_y_may_not_be_is_warned_of(make, sample):
    X, y = sample.data, sample.target
    scaled = StandardScaler().fit_transform(y)
    arbitrary = np.random.default_rng(0).uniform(size=len(y))
    for given, message in (
        (scaled, r"taken for \['log10_D', 'c0', 'alpha'\].*own scales"),
        (scaled[:, 0], r"log10_D"),
        (10 ** y[:, 0], "is bounded by"),
        (arbitrary, "differs from log10_D as the curves tell it"),
        (np.full(len(y), 0.75), "differs from log10_D as the curves tell it"),
    ):
        with pytest.warns(UserWarning, match=rf"y has no names.*{message}"):
            assert make().fit(X, given).target_names_[0] == "log10_D"
    with pytest.warns(UserWarning, match=r"taken for \['alpha'\], but column 0 follows c0"):
        make(target_names="alpha").fit(X, y[:, 1])
    with pytest.raises(ValueError, match="does not follow any of them"):
        make(target_names=["alpha", "c0"]).fit(X, arbitrary)
    with pytest.raises(ValueError, match="y must have the columns"):
        make().fit(X, np.tile(y, 2))
    # What a few curves cannot tell stays as it was.
    with pytest.warns(UserWarning, match="y has no names"):
        assert make().fit(X[:5], y[:5, 1]).target_names_ == ["log10_D"]


@pytest.mark.slow
def test_a_network_says_when_it_gives_up_the_protocol(sample):
    X, y = sample.data, sample.target
    arbitrary = X[:, -1] - X[:, 0]
    with pytest.warns(UserWarning, match="y has no names.*learnt as it stands"):
        fitted = network().fit(X, arbitrary)
    assert fitted.features_name_ == "raw"
    assert fitted.target_names_ == ["y0"]
    assert fitted.model_ is None
    assert r2_score(arbitrary, fitted.predict(X)) > 0.8
    # Scaled targets come back as they were, without what the model knows.
    scaled = TransformedTargetRegressor(network(max_iter=60), transformer=StandardScaler())
    with pytest.warns(UserWarning, match="y has no names.*learnt as it stands"):
        scaled.fit(X, y)
    assert scaled.score(X, y) > 0.5
    with pytest.raises(ValueError, match=r"outside of bounds\['c0'\]"):
        network(features="linearized", target_names="c0").fit(X, 1.05 * y[:, 1])


def test_a_network_says_when_the_model_is_too_much_for_its_features(sample, monkeypatch):
    def fails(task):
        raise InterpolationError("the model cannot be interpolated.")

    monkeypatch.setattr(Task, "fitter", fails)
    y = made("series", sample.target, ["alpha"])
    with pytest.warns(UserWarning, match="features='auto' sees curves as they are"):
        fitted = network(max_iter=2).fit(sample.data, y)
    assert fitted.features_name_ == "raw"
    assert fitted.target_names_ == ["alpha"]
    with pytest.raises(ValueError, match="knows a model"):
        fitted.estimate(sample.data[:2])
    with pytest.raises(InterpolationError):
        network(features="linearized").fit(sample.data, y)


# Meta-estimators


@of_most_kinds
def test_one_estimator_per_target_answers_each_target(make, sample, fresh):
    each = MultiOutputRegressor(make()).fit(sample.data, sample.target)
    assert [one.target_names_ for one in each.estimators_] == [[name] for name in NAMES]
    alone = [
        make().fit(sample.data, made("series", sample.target, [name])).predict(fresh.data)
        for name in NAMES
    ]
    assert_array_equal(each.predict(fresh.data), np.column_stack(alone))


@pytest.mark.parametrize(
    "make",
    [least_squares, pytest.param(posterior, marks=SLOW), pytest.param(network, marks=SLOW)],
    ids=lambda make: make.__name__,
)
def test_ensembles_of_one_target_answer_it(make, sample, fresh):
    X, alpha = sample.data, made("series", sample.target, ["alpha"])
    truth = made("series", fresh.target, ["alpha"])
    voting = VotingRegressor([("one", make()), ("other", least_squares())]).fit(X, alpha)
    assert voting.score(fresh.data, truth) > 0.9
    stacking = StackingRegressor(
        [("one", make())], final_estimator=LinearRegression(), cv=2
    ).fit(X, alpha)  # fmt: skip
    assert stacking.score(fresh.data, truth) > 0.9
    for names in (["alpha"], ["alpha", "log10_D"]):
        y = made("frame", sample.target, names)
        bagging = BaggingRegressor(make(), 2, random_state=0).fit(X, np.squeeze(y.to_numpy()))
        of_fresh = np.squeeze(columns_of(fresh.target, names))
        assert bagging.score(fresh.data, of_fresh) > 0.8


def test_a_chain_which_appends_targets_to_curves_is_refused(sample):
    with pytest.raises(ValueError, match=r"25 columns, .* 24 frames .* use MultiOutputReg"):
        RegressorChain(least_squares()).fit(sample.data, sample.target)


def test_searches_and_scorers_go_by_names(sample):
    X, y = sample.data, made("frame", sample.target, ["alpha", "log10_D"])
    search = GridSearchCV(
        make_pipeline(posterior()), {"bayesianfrap__weighting": ["1/a", None]},
        scoring=neg_weighted_mean_squared_error, cv=2,
    ).fit(X, y)  # fmt: skip
    turned = y[["log10_D", "alpha"]]
    for fitted in (search, search.best_estimator_, FrozenEstimator(search.best_estimator_[-1])):
        one, other = (neg_weighted_mean_squared_error(fitted, X, some) for some in (y, turned))
        assert one == other > -0.02
    with pytest.raises(ValueError, match="which are predicted"):
        neg_weighted_mean_squared_error(search, X, y[["alpha"]])
    plain = make_scorer(weighted_mean_squared_error, multioutput="uniform_average")
    scoring = {"ours": neg_weighted_mean_squared_error, "plain": plain}
    scores = cross_validate(least_squares(), X, y, cv=2, scoring=scoring)
    assert_array_equal(-scores["test_ours"], scores["test_plain"])
    another = metrics.neg_weighted_mean_squared_error  # each look-up makes one
    assert type(another) is type(neg_weighted_mean_squared_error)
    copy = pickle.loads(pickle.dumps(neg_weighted_mean_squared_error))
    assert copy(search, X, turned) == neg_weighted_mean_squared_error(search, X, turned)


# Networks


@pytest.mark.slow
def test_networks_see_all_of_the_model_whatever_they_answer(sample, fresh):
    for names in (["c0"], ["alpha", "log10_D"], ["alpha", "log10_D", "c0"]):
        y = made("frame", sample.target, names)
        for features in ("auto", "scores"):
            fitted = network(features=features, targets="merged").fit(sample.data, y)
            assert fitted.features_name_ == ("linearized" if features == "auto" else features)
            assert fitted.space_.target_names == NAMES
            # What it does not answer comes from the rough fit.
            assert r2_score(fresh.target, fitted.fit_results(fresh.data).theta) > 0.6


def test_what_a_network_does_not_answer_goes_along_with_what_it_does(sample, fresh):
    y = made("series", sample.target, ["log10_D"])
    trained = network(max_iter=1).fit(sample.data, y)._network
    rough, _ = trained.features.rough_fit(fresh.data)
    truth = fresh.target[:, [0]]
    whole, covariance = trained.complete(fresh.data, truth, np.full_like(truth, 0.01))
    assert_array_equal(whole[:, [0]], truth)
    np.testing.assert_allclose(covariance[:, 0, 0], 1e-4)
    errors = [np.sqrt(np.mean((one - fresh.target) ** 2, axis=0)) for one in (rough, whole)]
    assert errors[1][2] < 0.7 * errors[0][2]  # alpha, which D is confused with


@pytest.mark.slow
def test_a_stream_teaches_what_is_asked_for():
    simulator = FRAPSimulator(PROTOCOL, PRIOR, random_state=2)
    options = {"hidden_layer_sizes": (8, 8), "batch_size": 128, "random_state": 0}
    held = FRAPSimulator(PROTOCOL, PRIOR, random_state=5).sample(100)
    named = pandas.DataFrame(held.target, columns=NAMES)
    losses = []
    for y in (held.target, held.target[:, [2, 0]], named, named[["alpha", "log10_D"]]):
        fitted = NeuralFRAP(target_names=["alpha", "log10_D"], **options).fit_online(
            simulator, 64 * 128, validation=(held.data, y)
        )
        losses.append(fitted.history_["validation_loss"][-1])
    assert fitted.target_names_ == ["alpha", "log10_D"]
    assert fitted.features_name_ == "linearized"
    assert fitted.score(held.data, named[["log10_D", "alpha"]]) > 0.9
    for loss in losses:
        assert_array_equal(loss, losses[0])
    flat = NeuralFRAP(target_names="alpha", **options).fit_online(simulator, 64 * 128)
    assert flat.predict(held.data).shape == (100,)
    assert flat.score(held.data, named["alpha"]) > 0.9
    with pytest.raises(ValueError, match="target_names names 'D'"):
        NeuralFRAP(target_names="D", **options).fit_online(simulator, 64 * 128)


def test_the_goal_of_least_squares_is_that_of_the_targets(sample):
    names = ["alpha", "log10_D"]
    fitted = network(stop_at="least_squares", max_iter=1)
    fitted.fit(sample.data, made("frame", sample.target, names))
    held = sample.data, columns_of(sample.target, names), sample.sample_weight
    goal = validation_of(fitted._network, TrainingOptions.of(fitted.get_params()), held).goal
    rival = LeastSquaresFRAP(PROTOCOL, fitted.bounds_).fit(sample.data).predict(sample.data)
    expected = weighted_mean_squared_error(sample.target, rival, sample.sample_weight)[[2, 0]]
    np.testing.assert_allclose(goal, expected, rtol=1e-6)


def test_training_goes_on_with_the_same_targets_only(sample):
    y = pandas.DataFrame(sample.target, columns=NAMES)
    fitted = network().partial_fit(sample.data, y["alpha"])
    before = fitted.n_steps_
    fitted.partial_fit(sample.data, y["alpha"])
    assert fitted.n_steps_ == 2 * before
    with pytest.raises(ValueError, match="y must have the columns"):
        fitted.partial_fit(sample.data, y["c0"])
    with pytest.raises(ValueError, match=r"target_names must stay None"):
        fitted.set_params(target_names="c0").partial_fit(sample.data, y["c0"])


@pytest.mark.slow
def test_networks_of_single_targets_are_as_good_as_one_of_all():
    train = FRAPSimulator(PROTOCOL, random_state=0).sample(16384)
    test = FRAPSimulator(PROTOCOL, random_state=1).sample(20000)
    options = {"hidden_layer_sizes": (32, 32, 32), "max_iter": 20, "random_state": 0}

    def errors(estimator, y, truth):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            estimator.fit(train.data, y)
        return np.sqrt(np.mean((estimator.predict(test.data) - truth) ** 2, axis=0))

    joint = errors(NeuralFRAP(PROTOCOL, **options), train.target, test.target)
    each = MultiOutputRegressor(NeuralFRAP(PROTOCOL, **options))
    assert (errors(each, train.target, test.target) <= 1.02 * joint).all()
    for k, name in enumerate(NAMES):
        alone = NeuralFRAP(PROTOCOL, **options)
        y = made("series", train.target, [name])
        assert errors(alone, y, test.target[:, k]) <= 1.02 * joint[k]
    some = NeuralFRAP(PROTOCOL, **options)
    y = made("frame", train.target, ["alpha", "log10_D"])
    assert (errors(some, y, test.target[:, [2, 0]]) <= 1.02 * joint[[2, 0]]).all()


# Files, and names


def test_parameters_go_out_and_in_again():
    for make in KINDS:
        estimator = make(target_names=["alpha", "c0"])
        assert clone(estimator).get_params()["target_names"] == ["alpha", "c0"]


@pytest.mark.parametrize(
    "prior",
    [
        None,
        {"D": lognorm(0.5, scale=20.0)},
        {"D": loguniform(1, 100), "alpha": beta(2, 3), "mobile_fraction": 0.9},
    ],
    ids=["paper", "lognormal", "several"],
)
def test_skops_keeps_posteriors_with_the_trusted_types(prior, sample):
    """No distribution is among these: to unpickle one of scipy.stats is to run the file's text."""
    skops = pytest.importorskip("skops.io")
    fitted = BayesianFRAP(PROTOCOL, prior, n_nodes=8).fit(sample.data[:3])
    dumped = skops.dumps(fitted)
    assert {*skops.get_untrusted_types(data=dumped)} <= {*TRUSTED_TYPES}
    assert not any("scipy" in name for name in TRUSTED_TYPES)
    copy = skops.loads(dumped, trusted=TRUSTED_TYPES)
    X = sample.data[:3]
    assert_array_equal(copy.predict(X), fitted.predict(X))
    assert_array_equal(clone(copy).fit(X).predict(X), fitted.predict(X))
    unfitted = skops.loads(skops.dumps(clone(fitted)), trusted=TRUSTED_TYPES)
    assert_array_equal(unfitted.fit(X).predict(X), fitted.predict(X))


class _Table:
    def __init__(self, **names):
        vars(self).update(names)


def test_names_are_found_where_there_are_some():
    values = np.ones((2, 2))
    assert names_of_targets(values) is None
    assert names_of_targets([[1.0], [2.0]]) is None
    assert names_of_targets(pandas.DataFrame(values)) is None
    assert names_of_targets(pandas.Series([1.0])) is None
    assert names_of_targets(pandas.Series([1.0], name="alpha")) == ["alpha"]
    assert names_of_targets(pandas.DataFrame(values, columns=["c0", "alpha"])) == ["c0", "alpha"]
    # Of other tables: pyarrow names them so, polars numbers what has no names, HDF5 has paths.
    assert names_of_targets(_Table(column_names=["c0"], columns=[values])) == ["c0"]
    assert names_of_targets(_Table(columns=["column_0", "column_1"])) is None
    assert names_of_targets(_Table(name="/y")) is None
    assert names_of_targets(_Table(name="", to_frame=None)) is None
