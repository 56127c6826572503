"""What an estimate says to a person: values, intervals, and whether to believe them."""

from dataclasses import dataclass

import numpy as np

from skfrap._tables import as_table
from skfrap.parameters import PARAMETERS

_HABITS = ("c0", "alpha")  # of the experiment rather than of the sample


@dataclass(frozen=True, eq=False)
class FRAPEstimates:
    """Hold the estimates of a batch of recovery curves; every array has one entry per curve.

    The columns of :meth:`to_dict` are attributes too: ``estimates.D_um2_s``,
    ``estimates.D_um2_s_lower``, ``estimates.alpha``, ``estimates.k_off_per_s_upper``.

    Attributes
    ----------
    values, lower, upper : dict of str to ndarray of shape (n,)
        Parameters by name, fixed ones and derived ones included, in natural units, and the ends of
        their intervals. What says how fast something happens is NaN where no bleaching is visible.
    noise_a, noise_b : ndarray of shape (n,)
        Variance of a pixel's noise, from the residuals (NaN without degrees of freedom), and that
        per intensity; the latter is None unless the noise was taken to be proportional.
    residual_sum_of_squares : ndarray of shape (n,)
    converged : ndarray of shape (n,) of bool
    at_bound : ndarray of shape (n,) of str
        Names of the parameters that ended on a bound, separated by commas; empty if none.
    poorly_determined : ndarray of shape (n,) of bool
        True where D, or what stands for it in the model, should not be used as a number.
    flags : ndarray of shape (n,) of str
        Reasons, in words; empty if there is nothing to say.
    level : float
        Level of the intervals.
    """

    values: dict
    lower: dict
    upper: dict
    noise_a: np.ndarray
    noise_b: np.ndarray | None
    residual_sum_of_squares: np.ndarray
    converged: np.ndarray
    at_bound: np.ndarray
    poorly_determined: np.ndarray
    flags: np.ndarray
    level: float = 0.95

    def __len__(self):
        return len(self.flags)

    def __getattr__(self, name):
        if not name.startswith("_"):
            columns = self._parameter_columns()
            if name in columns:
                return columns[name]
        raise AttributeError(
            f"FRAPEstimates has no {name!r}; its columns are {', '.join(self.to_dict())}."
        )

    def _parameter_columns(self):
        return {
            PARAMETERS[name].column + end: values[name]
            for name in self.values
            for end, values in (("", self.values), ("_lower", self.lower), ("_upper", self.upper))
        }

    def to_dict(self):
        """Return the columns by name."""
        others = (
            "noise_a",
            "noise_b",
            "residual_sum_of_squares",
            "converged",
            "at_bound",
            "poorly_determined",
            "flags",
        )
        columns = {name: getattr(self, name) for name in others}
        if self.noise_b is None:
            del columns["noise_b"]
        return self._parameter_columns() | columns

    def to_frame(self, index=None):
        """Return a pandas DataFrame, a row per curve.

        Parameters
        ----------
        index : sequence of length n, default=None
            Row labels, e.g. file names.

        Returns
        -------
        pandas.DataFrame
        """
        return as_table(self.to_dict(), index)

    def summary(self):
        """Describe each estimate in a line: what was estimated of the sample, and the flags.

        Returns
        -------
        list of str
        """
        return [self._line(k) for k in range(len(self))]

    def _line(self, k):
        level, parts = f"{100 * self.level:g} % interval ", []
        for name in self.values:
            lower, value, upper = (ends[name][k] for ends in (self.lower, self.values, self.upper))
            if name in _HABITS or lower == upper:
                continue
            if np.isnan(value):
                parts.append(f"{name} not estimated")
                continue
            unit, n = f" {PARAMETERS[name].unit}".rstrip(), _digits(value, lower, upper)
            told, low, high = (f"{number:.{n}g}" for number in (value, lower, upper))
            parts.append(f"{name} = {told}{unit} ({level}{low} to {high})")
            level = ""
        line = ", ".join(parts)
        return f"{line}; {self.flags[k]}" if self.flags[k] else line


def _digits(value, lower, upper):
    """Return how many digits tell a value from the ends of its interval; at least four."""
    width = upper - lower
    if not (0 < width < np.inf and value != 0):
        return 4
    return int(np.clip(2 + np.ceil(np.log10(abs(value) / width)), 4, 9))
