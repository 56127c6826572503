"""What a compartment lost at bleaching, and what it won back: its own light tells."""

from dataclasses import dataclass

import numpy as np

_FEWEST = 6  # frames, for a change to be told from their scatter


@dataclass(frozen=True)
class Budget:
    """The light of a whole compartment over that before bleaching.

    Attributes
    ----------
    area : float
        Of the compartment, in µm².
    lost : float
        Share of its light that is missing in the first frame, without what fades from frame to
        frame.
    gained : float
        By how much it rises from the first third of the frames to the last, over the first frame;
        below 0 where it fades.
    gain_error : float
        Standard error of that, from how neighbouring frames differ; infinite where they are few.
    """

    area: float
    lost: float
    gained: float
    gain_error: float

    @classmethod
    def of(cls, levels, n_prebleach, area):
        """Measure a budget.

        Parameters
        ----------
        levels : ndarray of shape (n_frames,)
            Light of the compartment in the frames after bleaching, over that before.
        n_prebleach : int
        area : float
            In µm².

        Returns
        -------
        Budget
        """
        n = len(levels)
        if n < _FEWEST:
            return cls(area, float(1 - levels[0]), 0.0, np.inf)
        slope = np.polyfit(np.arange(n), levels, 1)[0]
        variance = 0.5 * np.mean(np.diff(levels) ** 2)  # flicker, whatever the trend is
        third = n // 3
        # From the middle of the frames before to the first after, at the pace of all others.
        fading = max(-slope, 0.0) * 0.5 * (n_prebleach + 1)
        first = levels[:3].mean() - slope  # three frames tell more of it than one
        return cls(
            area,
            float(1 - first - fading),
            float((levels[-third:].mean() - levels[:third].mean()) / first),
            float(np.sqrt(2 * variance / third) / first),
        )
