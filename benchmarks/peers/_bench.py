"""What the stages share: test curves, our own estimates, how estimates are judged."""

import itertools
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from sklearn.utils import Bunch

from benchmarks import _bench
from benchmarks._losses import loss_ratios
from benchmarks._pages import add_row
from benchmarks._published import N_CURVES, NAMES
from benchmarks._report import Report, environment, median_time, time_alone, timed
from benchmarks.peers._records import (
    AT_BOX,
    FAILED,
    HIGH,
    LOSS,
    LOW,
    MEDIAN,
    OFF,
    RMSE,
    Records,
)

OURS = "skfrap, LeastSquaresFRAP"
DECADES = {"1 to 10": (0, 1), "10 to 100": (1, 2), "100 to 1000": (2, 3)}
N_BINS = 12  # of log10 D, for the figure
_EDGE = 1e-3  # of log10 D: closer to the box's faces is at them


@dataclass(frozen=True)
class Amounts:
    """How much is measured.

    Attributes
    ----------
    n_curves : int
        Test curves.
    n_closed : int
        How many of these are fitted by closed forms, one by one.
    n_timed : int
        How many of these are timed.
    n_plain : int
        Fits of the FFT model.
    training_divisor : int
        Of the training curves of NeuralFRAP's default training.
    n_noises, n_series : int
        For BleachDt: how many levels of noise, and series per D and level.
    """

    n_curves: int = N_CURVES
    n_closed: int = 16384
    n_timed: int = 100
    n_plain: int = 2
    training_divisor: int = 1
    n_noises: int = 2
    n_series: int = 4


FULL = Amounts()
QUICK = Amounts(8192, 1024, 100, 1, 10, 1, 1)


class Bench(_bench.Bench):
    """Curves of Table 1's prior and least squares on them.

    Parameters
    ----------
    amounts : Amounts
    seed : int
    bleachdt : str, default=None
        An interpreter that has BleachDt.
    real : str, default=None
        A folder with recordings by others.
    report : Report, default=None
        None makes one.

    Attributes
    ----------
    records : Records
        All numbers; their facts are the amounts, the load at the start, and the versions of other
        programs than the usual ones, where a stage met them.
    """

    def __init__(self, amounts, seed, bleachdt=None, real=None, report=None):
        super().__init__(seed, amounts.n_curves, _bench.N_SAMPLES // amounts.training_divisor)
        self.amounts, self.bleachdt, self.real = amounts, bleachdt, real
        facts = asdict(amounts) | {"load": environment()["load"], "versions": {}}
        self.records = Records(facts=facts, report=report or Report("other programs", seed))

    def begin(self, heading):
        """Tell that a stage begins."""
        self.records.report.section(heading)

    def end(self):
        """End the program, with status 1 if a figure was not met."""
        self.records.report.exit()

    @cached_property
    def least_squares(self):
        """Prepared, and timed as it is the first time."""
        fitted, seconds = timed(lambda: super(Bench, self).least_squares)
        self.records.add(OURS, "preparation, s", seconds)
        return fitted

    @cached_property
    def sets(self):
        """Bunches of curves, by name of the set."""
        # First, so that it finds nothing that the simulator has prepared.
        self.least_squares  # noqa: B018
        return super().sets

    @cached_property
    def benchmark(self):
        """Estimates of least squares, judged and timed."""
        theta = self.estimates("least squares")
        self.time(OURS, self.least_squares.predict)
        self.judge(OURS, theta)
        return theta

    @property
    def seconds_per_fit(self):
        """Time that one of our fits takes in a batch."""
        self.benchmark  # noqa: B018
        return self.records.get(OURS, "time in a batch, s")

    def time(self, method, predict, repeats=5):
        """Time a method that takes many curves at once, and on curves that come alone."""
        X = self.fresh.data
        seconds = median_time(lambda: predict(X), repeats) / len(X)
        self.records.add(method, "time in a batch, s", seconds)
        self.records.add(method, "time alone, s", time_alone(predict, X))
        if method != OURS:
            self.records.add(method, "time over ours in a batch", seconds / self.seconds_per_fit)

    def judge(self, method, theta):
        """Record bias, spread and loss of estimates of D of the first curves, NaN for failures.

        Parameters
        ----------
        method : str
        theta : ndarray of shape (n, 1) or (n, n_targets)
            Estimates of log10 D, or of all targets.
        """
        n = len(theta)
        found = theta[:, 0]
        self._describe(method, found, np.ones(n, dtype=bool), "all D")
        true = self.fresh.target[:n, 0]
        for of, (low, high) in DECADES.items():
            self._describe(method, found, (true >= low) & (true < high), of)
        self._add_bins(method, found - true, true)
        there = np.isfinite(found)
        sample = Bunch(
            target=self.fresh.target[:n][there], sample_weight=self.fresh.sample_weight[:n][there]
        )
        benchmark = theta if method == OURS else self.benchmark[:n]
        full = benchmark[there].copy()
        full[:, : theta.shape[1]] = theta[there]
        ratios, errors = loss_ratios(sample, full, benchmark[there], self.seed)
        names = NAMES if theta.shape[1] > 1 else NAMES[:1]
        for name, ratio, error in zip(names, ratios, errors, strict=False):
            self.records.add(method, LOSS, ratio, of=name, error=error)

    def _describe(self, method, found, of_these, of):
        errors = (found - self.fresh.target[: len(found), 0])[of_these]
        there = np.isfinite(errors)
        at_box = np.minimum(np.abs(found), np.abs(found - 3))[of_these] < _EDGE
        low, middle, high = np.percentile(10 ** errors[there], [16, 50, 84])
        numbers = {
            MEDIAN: middle,
            LOW: low,
            HIGH: high,
            RMSE: np.sqrt(np.mean(errors[there] ** 2)),
            OFF: 100 * np.mean(np.abs(errors) > np.log10(2)),
            AT_BOX: 100 * np.mean(at_box),
            FAILED: 100 * np.mean(~there),
        }
        for quantity, value in numbers.items():
            self.records.add(method, quantity, value, of=of, shown=of not in DECADES)

    def _add_bins(self, method, errors, true):
        edges = np.linspace(0, 3, N_BINS + 1)
        for low, high in itertools.pairwise(edges):
            some = errors[(true >= low) & (true < high) & np.isfinite(errors)]
            lower, middle, upper = 10 ** np.percentile(some, [16, 50, 84])
            D = 10 ** (0.5 * (low + high))
            add_row(
                self.records.tables.setdefault("by_D", {}), method=method, D_um2_per_s=D,
                n=len(some), median_ratio=middle, q16_ratio=lower, q84_ratio=upper,
            )  # fmt: skip
