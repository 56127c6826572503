"""What a table of intensities holds: a clock, and the light of regions, frame by frame."""

from dataclasses import dataclass, field

import numpy as np

from skfrap.results import Finding


@dataclass(frozen=True, eq=False, repr=False)
class IntensityTable:
    """Hold the light of regions in one recording, as read from a table.

    Attributes
    ----------
    name : str
        The file's, without its end.
    path : str
    times_s : ndarray of shape (n_frames,)
        Of the frames that have values, s, on the table's own clock.
    bleach : ndarray of shape (n_frames,)
        Mean over the bleached region, in the table's unit.
    reference, background : ndarray of shape (n_frames,) or None
        Mean over the whole cell or another region that was not bleached, and over a place without
        sample.
    n_prebleach : int or None
        Frames before bleaching; None where the table does not show it.
    n_bleach_recorded : int
        Frames after those that were recorded while bleaching: they are among the frames.
    bleach_times_s : ndarray
        Times of rows that are empty at bleaching.
    columns : dict of str to str
        Which column was taken for what.
    sources : dict of str to str
        What was taken from where.
    findings : tuple of Finding
        What the table leaves in doubt.
    """

    name: str
    path: str
    times_s: np.ndarray
    bleach: np.ndarray
    reference: np.ndarray | None = None
    background: np.ndarray | None = None
    n_prebleach: int | None = None
    n_bleach_recorded: int = 0
    bleach_times_s: np.ndarray = field(default_factory=lambda: np.empty(0))
    columns: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.times_s)

    def __repr__(self) -> str:
        roles = [role for role in ("bleach", "reference", "background") if self._has(role)]
        before = "unknown" if self.n_prebleach is None else str(self.n_prebleach)
        return (
            f"IntensityTable({self.name!r}: {len(self)} frames of {', '.join(roles)}, {before} "
            f"before bleaching, {self.times_s[0]:.6g} to {self.times_s[-1]:.6g} s)"
        )

    def _has(self, role):
        return getattr(self, role) is not None

    @property
    def rows(self) -> tuple[str, ...]:
        """Tuple of str: the columns that there are, bleach first."""
        return tuple(r for r in ("bleach", "reference", "background") if self._has(r))

    def to_row(self) -> np.ndarray:
        """Return all columns in one row, as :class:`skfrap.preprocessing.Normalizer` takes them.

        Returns
        -------
        ndarray of shape (n_columns * n_frames,)
            Column by column, in the order of `rows`.
        """
        return np.concatenate([getattr(self, role) for role in self.rows])
