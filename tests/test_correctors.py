"""What any correction of stacks must keep to; and that nothing is read or prepared twice."""

import pickle
from collections import Counter

import numpy as np
import pytest
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.analysis import ExperimentOptions, _analyse, analyse_series
from skfrap.io import write_series
from skfrap.preprocessing import (
    BackgroundSubtractor,
    FadingCorrector,
    FlatFieldCorrector,
    IntensityRescaler,
    RecoveryCurveExtractor,
    StackCorrector,
    StackSequence,
    _images,
    _kept,
    _stacks,
    check_corrector,
)

PROTOCOL = FRAPProtocol(
    shape=(40, 48), pixel_size=1.0, bleach_region=Circle(5.0, (22.0, 19.0)), n_prebleach=5,
    n_bleach=1, n_postbleach=20, frame_interval=0.5, padding=16,
)  # fmt: skip


class DarkCornerSubtractor(StackCorrector):
    """The example of the documentation."""

    def __init__(self, size=8):
        self.size = size

    def learn(self, stacks):
        if self.size < 1:
            raise ValueError(f"size must be at least 1 pixel, got {self.size!r}.")
        self.corner_ = slice(self.size)

    def prepare(self, view):
        return view.read(rows=self.corner_, columns=self.corner_).mean(axis=(1, 2))

    def apply(self, block, level, frames, rows, columns):
        block -= level[frames, np.newaxis, np.newaxis]


class Halver(StackCorrector):
    """The least that a correction can be: nothing to learn, nothing to prepare."""

    def apply(self, block, state, frames, rows, columns):
        assert state is None
        block *= 0.5


# A correction, a change of it, and whether it refuses pixels that are not finite. What is added
# here has to pass what follows.
CORRECTORS = [
    (IntensityRescaler(16), {"offset": 20.0}, False),
    (BackgroundSubtractor(2.0, protocol=PROTOCOL), {"sigma": 4.0}, True),
    (FlatFieldCorrector(2.0, protocol=PROTOCOL), {"sigma": 0.0}, True),
    (FadingCorrector(PROTOCOL), {"per_frame": False}, True),
    (DarkCornerSubtractor(), {"size": 4}, False),
    (Halver(), {}, False),
]
every_corrector = pytest.mark.parametrize(
    ("corrector", "changes", "refuses"), CORRECTORS, ids=[type(c).__name__ for c, *_ in CORRECTORS]
)


@pytest.fixture(scope="module")
def counts():
    """Stacks of 16 bits, uneven and fading."""
    y, x = np.ogrid[-1:1:40j, -1:1:48j]
    simulator = FRAPSimulator(
        PROTOCOL, {"D": 5.0, "c0": 0.6, "alpha": 0.5, "a": 1e-4}, background=-0.1 * (x**2 + y),
        random_state=0,
    )  # fmt: skip
    fading = 0.995 ** np.arange(PROTOCOL.n_frames)[:, np.newaxis, np.newaxis]
    return np.rint(65535 * np.clip(simulator.sample_images(3).data * fading, 0, 1)).astype("uint16")


@pytest.fixture(scope="module")
def paths(counts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    for k, stack in enumerate(counts):
        write_series(
            folder / f"{k}.tif", stack, pixel_size_um=1.0, frame_interval_s=0.5,
            info={"protocol": PROTOCOL.to_dict()},
        )  # fmt: skip
    return [str(path) for path in sorted(folder.iterdir())]


def as_type(counts, dtype):
    return counts.copy() if dtype == "uint16" else (counts / 65535).astype(dtype)


def rescaler_for(corrector, dtype):
    """Give the rescaler the range of floats."""
    is_rescaler = isinstance(corrector, IntensityRescaler)
    return clone(corrector).set_params(bit_depth=None) if is_rescaler and dtype != "uint16" else (
        clone(corrector)
    )  # fmt: skip


# What any correction must keep to


@every_corrector
@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_corrections_keep_to_their_contract(corrector, changes, refuses, dtype, counts):
    check_corrector(rescaler_for(corrector, dtype), as_type(counts, dtype))


def test_the_contract_sees_what_is_wrong_with_a_correction(counts):
    class Blind(Halver):
        def prepare(self, view):
            return view.read().mean(axis=0)

        def apply(self, block, mean, frames, rows, columns):
            height, width = block.shape[1:]
            block -= mean[:height, :width]

    class Remembering(Halver):
        def prepare(self, view):
            self.seen_ = getattr(self, "seen_", 0) + 1
            return self.seen_

        def apply(self, block, seen, frames, rows, columns):
            block *= seen

    class Eager(Halver):
        def transform(self, X):
            return np.asarray(X) * 0.5

    class Changing(Halver):
        def prepare(self, view):
            view.stack[0] += 1

    class Loose(Halver):
        def learn(self, stacks):
            self.n_stacks = len(stacks)
            self.n_stacks_ = len(stacks)

    class Spoiling(Halver):
        def apply(self, block, state, frames, rows, columns):
            block[:] = np.nan

    class Meddling(DarkCornerSubtractor):
        def learn(self, stacks):
            super().learn(stacks)
            self.size += 1

    for broken, message in (
        (Blind(), "a part of a stack must be corrected as in the whole"),
        (Remembering(), "must (give the same for the same stack|not depend on)"),
        (Eager(), "transform must be lazy"),
        (Changing(), "must stay as they are"),
        (Loose(), r"must end in an underscore: \['n_stacks'\]"),
        (Spoiling(), "pixels must be finite"),
        (Meddling(), "fit must leave parameters as they are"),
        (IntensityRescaler, "must be an instance of StackCorrector"),
    ):
        with pytest.raises(AssertionError, match=message):
            check_corrector(broken, counts.copy())


def test_a_correction_that_returns_its_block_or_has_no_apply_is_refused(counts):
    class Returning(Halver):
        def apply(self, block, state, frames, rows, columns):
            return block / 2

    class Nothing(StackCorrector):
        pass

    with pytest.raises(TypeError, match=r"Returning\.apply must change the block in place"):
        Returning().fit_transform(counts)[0]
    with pytest.raises(NotImplementedError, match="Nothing must define apply"):
        Nothing().fit_transform(counts)[0]


@every_corrector
def test_it_is_one_of_scikit_learns_transformers(corrector, changes, refuses, counts):
    fresh = clone(corrector)
    if type(corrector).learn is not StackCorrector.learn:
        with pytest.raises(NotFittedError):
            fresh.transform(counts)
    assert fresh.get_params() == corrector.get_params()
    assert fresh.fit(counts) is fresh
    assert {*vars(fresh)} >= {*fresh.get_params()}
    assert fresh.get_params() == corrector.get_params()
    given = fresh.get_params()
    assert all(name.endswith("_") for name in {*vars(fresh)} - {*given})
    first = fresh.transform(counts)
    values = first[0]
    assert_array_equal(pickle.loads(pickle.dumps(fresh)).transform(counts)[0], values)
    assert_array_equal(pickle.loads(pickle.dumps(first))[0], values)
    assert_array_equal(clone(corrector).fit(counts).transform(list(counts))[0], values)
    assert_array_equal(clone(corrector).set_output(transform="pandas").fit(counts).transform(counts)[0],
                       values)  # fmt: skip
    if changes:
        # What was asked for before it changes stays what it was, even if it is computed later.
        fresh.set_params(**changes).fit(counts)
        assert_array_equal(first[1], clone(corrector).fit_transform(counts)[1])
        assert not np.array_equal(fresh.transform(counts)[1], first[1])


@every_corrector
def test_it_computes_no_more_than_is_looked_at(corrector, changes, refuses, counts, monkeypatch):
    prepared, sizes = [], []
    kind = type(corrector)
    prepare, apply = kind.prepare, kind.apply

    def counted(self, view):
        prepared.append(view)
        return prepare(self, view)

    def measured(self, block, state, frames, rows, columns):
        sizes.append(block.size)
        return apply(self, block, state, frames, rows, columns)

    monkeypatch.setattr(kind, "prepare", counted)
    monkeypatch.setattr(kind, "apply", measured)
    corrected = clone(corrector).fit_transform(counts)
    assert not prepared
    assert not sizes
    curves = RecoveryCurveExtractor(PROTOCOL).fit_transform(corrected)
    assert len(prepared) == 3
    rows, columns = PROTOCOL.roi_box
    box = PROTOCOL.n_frames * (rows.stop - rows.start) * (columns.stop - columns.start)
    assert sizes == [box] * 3
    again = RecoveryCurveExtractor(PROTOCOL, n_jobs=3).fit_transform(corrected)
    assert_array_equal(again, curves)
    assert len(prepared) == 3


@every_corrector
def test_a_stack_that_cannot_be_corrected_is_named(corrector, changes, refuses, counts):
    broken = counts / 65535
    broken[1, 2, 1, 2] = np.nan
    if not refuses:
        return
    corrected = rescaler_for(corrector, "float64").fit_transform(broken)
    corrected.view(0)
    with pytest.raises(ValueError, match=r"^stack 1: 1 values are not finite"):
        corrected.view(1)


def test_parameters_that_make_no_sense_are_refused_in_fit(counts):
    with pytest.raises(ValueError, match="size must be"):
        DarkCornerSubtractor(0).fit(counts)


# Nothing is read or prepared twice


@pytest.fixture
def calls(monkeypatch):
    """Count files read and images smoothed."""
    found = Counter()

    def counting(module, name, key):
        function = getattr(module, name)

        def counted(*args, **kwargs):
            found[key(*args)] += 1
            return function(*args, **kwargs)

        monkeypatch.setattr(module, name, counted)

    for module in (_stacks, _analyse):
        counting(module, "read_series", str)
    counting(_images, "gaussian_filter", lambda image, *_: "smoothed")
    return found


def readme_pipeline(**options):
    return make_pipeline(
        IntensityRescaler(),
        BackgroundSubtractor(sigma=2.0, protocol=PROTOCOL),
        RecoveryCurveExtractor(PROTOCOL, **options),
        LeastSquaresFRAP(PROTOCOL),
    )


@pytest.mark.parametrize("options", [{}, {"n_jobs": 3}], ids=str)
def test_a_pipeline_reads_and_smooths_each_file_once_per_pass(paths, calls, options, counts):
    pipeline = readme_pipeline(**options).fit(paths)
    assert calls == Counter(paths) + Counter(smoothed=3)
    calls.clear()
    curves = pipeline[:-1].transform(paths)
    assert calls == Counter(paths) + Counter(smoothed=3)
    assert_allclose(curves, readme_pipeline()[:-1].fit_transform(counts), rtol=1e-6)


def test_stacks_larger_than_what_is_kept_are_read_again_and_only_one_is_kept(
    paths, calls, counts, monkeypatch
):
    monkeypatch.setattr(_kept, "_MOST_KEPT", 1)
    pipeline = readme_pipeline().fit(paths)
    # Once for the bit depth of all, and once for the curves.
    assert calls == Counter(paths * 2) + Counter(smoothed=3)
    calls.clear()
    sequence = pipeline[:-2].transform(paths)
    curves = RecoveryCurveExtractor(PROTOCOL).fit_transform(sequence)
    assert calls == Counter(paths) + Counter(smoothed=3)
    assert len(sequence._kept._entries) == 1
    assert_allclose(curves, readme_pipeline()[:-1].fit_transform(counts), rtol=1e-6)
    assert curves.shape == (3, PROTOCOL.n_frames)


@pytest.mark.parametrize(
    ("options", "smoothed"),
    [
        (ExperimentOptions(), 1),
        (ExperimentOptions(recenter=True), 1),
        (ExperimentOptions(background="divide", dark_level=10.0, skip=1), 1),
        (ExperimentOptions(background="none"), 0),
    ],
    ids=["as it is", "recentred", "divided", "no background"],
)
def test_an_analysis_reads_and_smooths_once(paths, calls, options, smoothed):
    analyse_series(paths[0], options)
    assert calls == Counter(paths[:1]) + Counter(smoothed=smoothed)


def test_threads_that_want_one_stack_prepare_it_once(paths, calls):
    corrected = readme_pipeline()[:2].fit_transform(paths)
    calls.clear()
    wanted = [0, 1, 0, 2, 1, 0, 2, 0] * 4
    views = Parallel(n_jobs=8, prefer="threads")(delayed(corrected.view)(k) for k in wanted)
    assert calls == Counter(smoothed=3)
    for k, view in zip(wanted, views, strict=True):
        assert view.stack is views[wanted.index(k)].stack


def test_what_is_kept_of_a_stack_has_an_end(counts, monkeypatch):
    monkeypatch.setattr(_kept, "_MOST_VIEWS", 2)
    stacks = StackSequence(counts)
    expected = [BackgroundSubtractor(s, n_prebleach=5).fit_transform(counts)[0] for s in (1, 2, 3)]
    for sigma in (1, 2, 3, 1):
        corrected = BackgroundSubtractor(sigma, n_prebleach=5).fit_transform(stacks)
        assert_array_equal(corrected[0], expected[sigma - 1])
    assert len(stacks._kept.entry(0)._views) == 2


def test_files_are_not_changed_for_those_who_look_next(paths):
    stacks = StackSequence(paths)
    with pytest.raises(ValueError, match="read-only"):
        stacks.raw(0)[0, 0, 0] = 1
    assert stacks[-1].shape == stacks[2].shape
    for beyond in (3, -4):
        with pytest.raises(IndexError, match="3 stacks"):
            stacks[beyond]
