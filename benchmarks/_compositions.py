"""The ways of composing that `benchmarks.composition` tries."""

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import loguniform, uniform
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  it is a switch
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    ShuffleSplit,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    NeuralFRAP,
    make_frap_pipeline,
)
from skfrap.io import write_series
from skfrap.preprocessing import (
    BackgroundSubtractor,
    FlatFieldCorrector,
    IntensityRescaler,
    RecoveryCurveExtractor,
)

PROTOCOL = FRAPProtocol(
    shape=(48, 48),
    pixel_size=1.5,
    bleach_region=Circle(9.0),
    n_prebleach=4,
    n_bleach=2,
    n_postbleach=20,
)
SLOWER = PROTOCOL.replace(frame_interval=0.53)
BOX = {"D": (2.0, 50.0), "c0": (0.5, 0.9), "alpha": (0.4, 0.8)}
PRIOR = {
    "D": loguniform(*BOX["D"]),
    "c0": uniform(0.5, 0.4),
    "alpha": uniform(0.4, 0.4),
    "a": 1e-7,
}
NAMES = ["log10_D", "c0", "alpha"]
MSE = "neg_mean_squared_error"
BROKEN = 3  # of the stacks
LATE = slice(18, 21)  # frames that are missing


class Data:
    """What all ways share, made when it is first asked for."""

    def __init__(self, folder):
        self.folder = Path(folder)

    @cached_property
    def sample(self):
        return FRAPSimulator(PROTOCOL, PRIOR, random_state=0).sample(60)

    @cached_property
    def many(self):
        return FRAPSimulator(PROTOCOL, PRIOR, random_state=1).sample(1000)

    @cached_property
    def images(self):
        return FRAPSimulator(PROTOCOL, PRIOR, random_state=2).sample_images(12)

    @cached_property
    def counts(self):
        return FRAPSimulator(PROTOCOL, PRIOR, random_state=2, bit_depth=16).sample_images(12)

    @cached_property
    def frame(self):
        return pd.DataFrame(self.sample.data, columns=PROTOCOL.feature_names)

    @cached_property
    def y(self):
        return pd.DataFrame(self.sample.target, columns=NAMES)

    @cached_property
    def paths(self):
        paths = [self.folder / f"{k}.tif" for k in range(12)]
        for path, stack in zip(paths, self.images.data, strict=True):
            write_series(path, stack, pixel_size_um=1.5, frame_interval_s=0.265)
        return [str(path) for path in paths]


def least_squares(**options):
    return LeastSquaresFRAP(PROTOCOL, **options)


def network(**options):
    chosen = {"hidden_layer_sizes": (16, 16), "max_iter": 40, "batch_size": 64, "bounds": BOX}
    return NeuralFRAP(PROTOCOL, **(chosen | {"random_state": 0} | options))


def by_hand(estimator=None, correction=None):
    """Make an ordinary pipeline from stacks."""
    correction = BackgroundSubtractor(protocol=PROTOCOL) if correction is None else correction
    estimator = least_squares() if estimator is None else estimator
    return make_pipeline(correction, RecoveryCurveExtractor(PROTOCOL), estimator)


def from_stacks(estimator=None, **options):
    """Make a pipeline that holds the protocol."""
    return make_frap_pipeline(PROTOCOL, estimator, [BackgroundSubtractor()], **options)


def best_of(search, X, y, truth):
    """Fit a search; return what it answers, and what is right."""
    return search.fit(X, y).predict(X), truth


def scores_of_one(scores):
    """Return scores that are right if each is next to 1."""
    return scores, np.ones_like(scores)


def ways(folder):
    """List all ways, by section.

    Parameters
    ----------
    folder : path-like
        For files.

    Returns
    -------
    dict of str to list of (name, ask, options)
        ``ask()`` returns what is found and what is right. Options: `network`, where one is
        trained; `needs`, packages that skfrap does not depend on; `refusal`, a pattern of the
        message where the right answer is to refuse.
    """
    data = Data(folder)
    return {
        "searches": _searches(data),
        "splitters": _splitters(data),
        "meta-estimators": _meta_estimators(data),
        "inputs": _inputs(data),
        "targets and names": _targets(data),
    }


def _searches(data):
    def grid(estimator, searched, **options):
        return GridSearchCV(estimator, searched, cv=KFold(3), error_score="raise", **options)

    def from_images(search):
        return best_of(search, data.images.data, data.images.target, data.images.target)

    def from_curves(search):
        return best_of(search, data.sample.data, data.sample.target, data.sample.target)

    def random_bounds():
        searched = {"bounds": [BOX, None, {"D": (0.1, 1000.0)}], "n_init": [3, 5]}
        search = RandomizedSearchCV(least_squares(), searched, n_iter=4, cv=3, random_state=0)
        return from_curves(search)

    def halving():
        searched = {"loss": ["squared", "huber"], "max_nfev": [200, 500]}
        search = HalvingGridSearchCV(least_squares(), searched, cv=3, random_state=0)
        return from_curves(search)

    def whole_steps():
        steps = [least_squares(), BayesianFRAP(PROTOCOL, PRIOR, n_nodes=8)]
        searched = {"leastsquaresfrap": steps, "backgroundsubtractor": ["passthrough"]}
        return from_images(grid(by_hand(), searched))

    def over_clock():
        searched = {"protocol__frame_interval": [0.2, 0.265, 0.53]}
        return from_images(grid(from_stacks(), searched, scoring=MSE))

    def over_region():
        searched = {"protocol__bleach_region": [Circle(6.0), Circle(9.0), Circle(12.0)]}
        return from_images(grid(from_stacks(), searched, scoring=MSE, n_jobs=2))

    def estimates():
        search = grid(from_stacks(), {"backgroundsubtractor__sigma": [2.0, 6.0]})
        search.fit(data.images.data, data.images.target)
        estimates = search.best_estimator_.estimate(data.images.data)
        return np.log10(estimates.D_um2_s), data.images.target[:, 0]

    def networks():
        searched = {"hidden_layer_sizes": [(8, 8), (16, 16)]}
        search = grid(network(), searched, scoring=MSE).fit(data.many.data, data.many.target)
        return search.predict(data.sample.data), data.sample.target

    return [
        ("RandomizedSearchCV over bounds", random_bounds, {}),
        ("HalvingGridSearchCV over losses", halving, {}),
        ("GridSearchCV over whole steps", whole_steps, {}),
        ("GridSearchCV over protocol__frame_interval", over_clock, {}),
        ("GridSearchCV over protocol__bleach_region, n_jobs=2", over_region, {}),
        ("GridSearchCV, then best_estimator_.estimate(stacks)", estimates, {}),
        ("GridSearchCV over the layers of networks", networks, {"network": True}),
    ]


def _splitters(data):
    def predictions():
        X, y = data.images.data, data.images.target
        return cross_val_predict(from_stacks(), X, y, cv=KFold(4)), y

    def groups():
        X, y = data.sample.data, data.sample.target
        found = cross_validate(
            least_squares(),
            X,
            y,
            groups=np.arange(len(X)) % 5,
            cv=GroupKFold(5),
            scoring=["r2", "explained_variance"],
            return_estimator=True,
        )
        assert all(hasattr(one, "space_") for one in found["estimator"])
        return scores_of_one(np.stack([found["test_r2"], found["test_explained_variance"]]))

    def named_score():
        splits = ShuffleSplit(4, random_state=0)
        scores = cross_val_score(least_squares(), data.frame, data.y["alpha"], cv=splits)
        return scores_of_one(scores)

    def corrected():
        return FlatFieldCorrector(protocol=PROTOCOL).fit_transform(data.images.data)

    def split():
        parts = train_test_split(corrected(), data.images.target, random_state=0)
        train, test, y_train, y_test = parts
        pipeline = make_frap_pipeline(PROTOCOL).fit(train, y_train)
        return pipeline.predict(test), y_test

    def scores_of_corrected():
        y = data.images.target
        scores = cross_val_score(make_frap_pipeline(PROTOCOL), corrected(), y, cv=3)
        return scores_of_one(scores)

    return [
        ("cross_val_predict from stacks", predictions, {}),
        ("cross_validate by groups, with two scorers", groups, {}),
        ("cross_val_score of a named target, ShuffleSplit", named_score, {}),
        ("train_test_split of corrected stacks", split, {}),
        ("cross_val_score of corrected stacks", scores_of_corrected, {}),
    ]


def _meta_estimators(data):
    def fitted(estimator, target, sample=None):
        sample = data.sample if sample is None else sample
        found = estimator.fit(sample.data, target(sample.target)).predict(data.sample.data)
        return found, target(data.sample.target)

    def everything(target):
        return target

    def alpha(target):
        return pd.Series(target[:, 2], name="alpha")

    def both():
        return [("fit", least_squares()), ("mean", BayesianFRAP(PROTOCOL, PRIOR, n_nodes=8))]

    def natural():
        def to_targets(y):
            return np.column_stack([np.log10(y[:, 0]), y[:, 1:]])

        def to_natural(y):
            return np.column_stack([10 ** y[:, 0], y[:, 1:]])

        regressor = TransformedTargetRegressor(
            least_squares(), func=to_targets, inverse_func=to_natural
        )
        found, truth = fitted(regressor, to_natural)
        return to_targets(found), to_targets(truth)

    def standardised():
        raw = network(features="raw", early_stopping=False, max_iter=200, learning_rate_init=0.01)
        regressor = TransformedTargetRegressor(raw, transformer=StandardScaler())
        return fitted(regressor, everything, data.many)

    def columns():
        table = data.frame.assign(cell="HeLa", exposure=0.1)
        chosen = ColumnTransformer(
            [("curve", "passthrough", [*PROTOCOL.feature_names])], verbose_feature_names_out=False
        )
        pipeline = make_pipeline(chosen.set_output(transform="pandas"), least_squares())
        return pipeline.fit(table, data.y).predict(table), data.y

    def frozen():
        trained = network().fit(data.many.data, data.many.target)
        pipeline = make_frap_pipeline(PROTOCOL, FrozenEstimator(trained))
        return pipeline.fit(data.images.data).predict(data.images.data), data.images.target

    def several(estimator):
        return MultiOutputRegressor(estimator)

    def each_by_itself():
        return fitted(MultiOutputRegressor(least_squares()), everything)

    def each_by_a_network():
        return fitted(MultiOutputRegressor(network()), everything, data.many)

    def one_by_a_network():
        return fitted(network(), lambda target: pd.Series(target[:, 0], name="log10_D"), data.many)

    def stacked():
        return fitted(StackingRegressor(both(), LinearRegression()), alpha)

    def voted():
        return fitted(VotingRegressor(both()), alpha)

    def bagged():
        return fitted(BaggingRegressor(least_squares(), 3, random_state=0), everything)

    trains = {"network": True}
    return [
        ("MultiOutputRegressor of least squares", each_by_itself, {}),
        ("MultiOutputRegressor of networks", each_by_a_network, trains),
        ("a network of log10 D alone", one_by_a_network, trains),
        ("StackingRegressor of alpha", stacked, {}),
        ("VotingRegressor of alpha", voted, {}),
        ("BaggingRegressor of all targets", bagged, {}),
        ("TransformedTargetRegressor of D in um^2/s", natural, {}),
        ("TransformedTargetRegressor of standardised targets", standardised, trains),
        ("ColumnTransformer picks the frames of a table", columns, {}),
        ("FrozenEstimator of a trained network, from stacks", frozen, trains),
    ]


def _inputs(data):
    def answers(X, **options):
        return from_stacks(**options).fit(X).predict(X), data.images.target

    def memmap():
        path = data.folder / "stacks.npy"
        np.save(path, data.images.data)
        return answers(np.load(path, mmap_mode="r"))

    def hdf5():
        import h5py

        with h5py.File(data.folder / "stacks.h5", "w") as file:
            return answers(file.create_dataset("stacks", data=data.images.data))

    def dask():
        from dask import array

        return answers(array.from_array(data.images.data, chunks=(1, 24, 48, 48)))

    def zarr():
        import zarr

        return answers(zarr.array(data.images.data, chunks=(1, 24, 48, 48)))

    def xarray():
        import xarray

        return answers(xarray.DataArray(data.images.data, dims=("cell", "time", "y", "x")))

    def half_precision():
        return answers(data.images.data.astype(np.float16))

    def detector_counts():
        pipeline = make_frap_pipeline(PROTOCOL, None, [IntensityRescaler(16)])
        return pipeline.fit(data.counts.data).predict(data.counts.data), data.counts.target

    def one_is_broken():
        stacks = [*data.images.data]
        stacks[BROKEN] = stacks[BROKEN][:7]
        pipeline = make_frap_pipeline(PROTOCOL, least_squares(missing="omit"))
        pipeline.set_params(recoverycurveextractor__on_error="nan")
        truth = data.images.target.copy()
        truth[BROKEN] = np.nan
        return pipeline.fit(stacks).predict(stacks), truth

    def missing_frames():
        X = data.sample.data.copy()
        X[::2, LATE] = np.nan
        return least_squares(missing="omit").fit(X).predict(X), data.sample.target

    return [
        ("a list of arrays", lambda: answers([*data.images.data]), {}),
        ("paths of files", lambda: answers(data.paths), {"needs": ["tifffile"]}),
        ("a memory map", memmap, {}),
        ("a data set of h5py", hdf5, {"needs": ["h5py"]}),
        ("an array of Dask", dask, {"needs": ["dask"]}),
        ("an array of Zarr", zarr, {"needs": ["zarr"]}),
        ("an array of xarray", xarray, {"needs": ["xarray"]}),
        ("float16", half_precision, {}),
        ("counts of a detector", detector_counts, {}),
        ("one stack is broken: on_error and missing", one_is_broken, {}),
        ("frames are missing", missing_frames, {}),
    ]


def _targets(data):
    def answers(y, estimator=None, truth=None):
        fitted = (least_squares() if estimator is None else estimator).fit(data.sample.data, y)
        return fitted.predict(data.sample.data), y if truth is None else truth

    def of_polars():
        import polars

        y = polars.DataFrame({name: data.y[name].to_numpy() for name in ("c0", "log10_D")})
        return answers(y)

    def nameless():
        return answers(data.y["alpha"].to_numpy(), least_squares(target_names="alpha"))

    def unknown():
        return answers(data.y.assign(D=10 ** data.y["log10_D"])[["D", "c0"]])

    def another_clock():
        frame = pd.DataFrame(data.sample.data, columns=PROTOCOL.feature_names)
        return LeastSquaresFRAP(SLOWER).fit(frame).predict(frame), data.sample.target

    def steps_disagree():
        pipeline = from_stacks(LeastSquaresFRAP(SLOWER))
        return pipeline.fit(data.images.data).predict(data.images.data), data.images.target

    reordered = ["alpha", "log10_D", "c0"]
    clock, steps = {"refusal": "another experiment"}, {"refusal": "steps disagree"}
    return [
        ("columns of y in another order", lambda: answers(data.y[reordered]), {}),
        ("one target: a Series named alpha", lambda: answers(data.y["alpha"]), {}),
        ("two targets of polars", of_polars, {"needs": ["polars"]}),
        ("alpha without a name, by target_names", nameless, {}),
        ("a column D is refused", unknown, {"refusal": r"\bD\b"}),
        ("curves of another clock are refused, by their names", another_clock, clock),
        ("steps that disagree about the protocol are refused", steps_disagree, steps),
    ]
