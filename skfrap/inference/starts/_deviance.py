"""What a deviance of one sample says of log10 D: its curvature, and where it has risen."""

import numpy as np
from scipy.optimize import brentq


class DevianceOfD:
    """A deviance by log10 D: called with it, the least over all other unknowns.

    A subclass has `bounds`, of D, and `share`, the mobile fraction where it was last looked at,
    which is kept as a start for the next look.
    """

    def _forget(self):
        """Forget what was looked at before, but for the share."""

    def rise(self, log_D, least, share):
        """Return how much the deviance is larger, from the share that is best at its least.

        What was looked at before plays no part, so that a place has one rise.
        """
        self.share = share
        self._forget()
        rise = self(log_D) - least
        self.share = share
        self._forget()
        return rise

    def standard_error(self, log_D, least):
        """Measure the curvature, by steps that raise the deviance by about 1."""
        step, share = 0.01, self.share
        for _ in range(8):
            rise = 0.5 * sum(self.rise(log_D + sign * step, least, share) for sign in (1, -1))
            if 0.3 < rise < 3:
                break
            step = float(np.clip(step / np.sqrt(max(rise, 1e-4)), 2e-5, 0.3))
        return step / np.sqrt(max(rise, 1e-12))

    def ends(self, log_D, least, error, threshold):
        """Find where the deviance has risen by the threshold; the range's end where nowhere."""
        share, found = self.share, []
        for sign, bound in zip((-1, 1), np.log10(self.bounds), strict=True):

            def excess(step, sign=sign):
                rise = self.rise(log_D + sign * step, least, share) if step else 0.0
                return rise - threshold

            reach = abs(bound - log_D)
            step = min(3.0 * error, reach)
            while (over := excess(step)) < 0 and step < reach:
                step = min(2 * step, reach)
            end = reach if over < 0 else brentq(excess, 0.0, step, xtol=1e-2 * error)
            found.append(float(log_D + sign * end))
        return found
