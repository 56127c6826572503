"""What an estimate says to a person: values, intervals, and whether to believe them."""

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True, eq=False)
class FRAPEstimates:
    """Hold the estimates of a batch of recovery curves; every field has one entry per curve.

    Attributes
    ----------
    D_um2_s, D_um2_s_lower, D_um2_s_upper : ndarray of shape (n,)
        Diffusion coefficient, µm²/s, and the ends of its interval; NaN where no bleaching is
        visible.
    c0, c0_lower, c0_upper : ndarray of shape (n,)
        Prebleach intensity.
    alpha, alpha_lower, alpha_upper : ndarray of shape (n,)
        What one bleach frame leaves in the bleach region.
    noise_a : ndarray of shape (n,)
        Variance of a pixel's noise, from the residuals; NaN without degrees of freedom.
    residual_sum_of_squares : ndarray of shape (n,)
    converged : ndarray of shape (n,) of bool
    at_bound : ndarray of shape (n,) of str
        Names of the parameters that ended on a bound, separated by commas; empty if none.
    poorly_determined : ndarray of shape (n,) of bool
        True where D should not be used as a number.
    flags : ndarray of shape (n,) of str
        Reasons, in words; empty if there is nothing to say.
    level : float
        Level of the intervals.
    mobile_fraction, mobile_fraction_lower, mobile_fraction_upper : ndarray of shape (n,) or None
        Fraction of the particles that diffuse; None where it was not estimated.
    """

    D_um2_s: np.ndarray
    D_um2_s_lower: np.ndarray
    D_um2_s_upper: np.ndarray
    c0: np.ndarray
    c0_lower: np.ndarray
    c0_upper: np.ndarray
    alpha: np.ndarray
    alpha_lower: np.ndarray
    alpha_upper: np.ndarray
    noise_a: np.ndarray
    residual_sum_of_squares: np.ndarray
    converged: np.ndarray
    at_bound: np.ndarray
    poorly_determined: np.ndarray
    flags: np.ndarray
    level: float = 0.95
    mobile_fraction: np.ndarray | None = None
    mobile_fraction_lower: np.ndarray | None = None
    mobile_fraction_upper: np.ndarray | None = None

    def __len__(self):
        return len(self.D_um2_s)

    def to_dict(self):
        """Return the columns by name."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        del columns["level"]
        return {name: values for name, values in columns.items() if values is not None}

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
        try:
            import pandas
        except ImportError as error:
            raise ImportError("tables need pandas: pip install 'skfrap[all]'") from error
        return pandas.DataFrame(self.to_dict(), index=index)

    def summary(self):
        """Describe each estimate in a line.

        Returns
        -------
        list of str
        """
        lines = []
        for k in range(len(self)):
            line = (
                "D not estimated"
                if np.isnan(self.D_um2_s[k])
                else f"D = {self.D_um2_s[k]:.4g} µm²/s "
                f"({100 * self.level:g} % interval {self.D_um2_s_lower[k]:.4g} to "
                f"{self.D_um2_s_upper[k]:.4g})"
            )
            lines.append(line + (f"; {self.flags[k]}" if self.flags[k] else ""))
        return lines
