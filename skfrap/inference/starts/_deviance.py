"""What a deviance of one sample says of log10 D: its curvature, and where it has risen."""

import numpy as np
from scipy.optimize import brentq

_FIRST_STEP = 0.01  # decades


class DevianceOfD:
    """A deviance by log10 D: called with it, the least over all other unknowns.

    A subclass has `bounds`, of D, and `share`, the mobile fraction where it was last looked at,
    which is kept as a start for the next look.
    """

    settled = 1.0

    @property
    def main(self):
        """The part that the best model is of: all of it, where there are no others."""
        return self

    def settle(self, log_D):
        """Keep what is best at this log10 D: it is begun with wherever else one looks."""
        least = self(log_D)
        self.settled = self.share
        return least

    def rise(self, log_D, least):
        """Return how much the deviance is larger, from the share that is best at its least.

        What was looked at before plays no part, so that a place has one rise.
        """
        self.share = self.settled
        rise = self(log_D) - least
        self.share = self.settled
        return rise

    def standard_error(self, log_D, least):
        """Measure the curvature, by steps that raise the deviance by about 1."""
        step = _FIRST_STEP
        for _ in range(8):
            rise = 0.5 * sum(self.rise(log_D + sign * step, least) for sign in (1, -1))
            if 0.3 < rise < 3:
                break
            step = float(np.clip(step / np.sqrt(max(rise, 1e-4)), 2e-5, 0.3))
        return step / np.sqrt(max(rise, 1e-12))

    def ends(self, log_D, least, error, threshold):
        """Find where the deviance has risen by the threshold; the range's end where nowhere."""
        found = []
        for sign, bound in zip((-1, 1), np.log10(self.bounds), strict=True):

            def excess(step, sign=sign):
                rise = self.rise(log_D + sign * step, least) if step else 0.0
                return rise - threshold

            reach = abs(bound - log_D)
            step = min(3.0 * error, reach)
            while (over := excess(step)) < 0 and step < reach:
                step = min(2 * step, reach)
            end = reach if over < 0 else brentq(excess, 0.0, step, xtol=1e-2 * error)
            found.append(float(log_D + sign * end))
        return found
