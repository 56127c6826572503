"""What a microscope wrote down of bleaching: regions that were drawn, when it was, how often."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from skfrap.experiment import Circle, Ellipse, Polygon, Rectangle

KINDS = ("bleach", "analysis", "bleach and analysis", "acquisition", "unknown")


class DrawnRegion(NamedTuple):
    """Hold a region as it was drawn at the microscope.

    Parameters
    ----------
    region : Circle, Ellipse, Rectangle or Polygon
        In pixels from the corner of the image, x to the right and y down: a region of skfrap on
        pixels of 1 µm.
    kind : {"bleach", "analysis", "bleach and analysis", "acquisition", "unknown"}
        What it was drawn for. What was bleached is not always what should be analysed.
    name : str
        That it has in the file; may be empty.
    source : str
        Where it stood.
    """

    region: Any
    kind: str
    name: str
    source: str

    @property
    def is_bleached(self) -> bool:
        """Whether it was drawn to be bleached."""
        return self.kind.startswith("bleach")

    def in_um(self, pixel_size: float) -> Any:
        """Return the region in µm.

        Parameters
        ----------
        pixel_size : float
            µm.

        Returns
        -------
        Circle, Ellipse, Rectangle or Polygon
        """
        one = self.region
        if isinstance(one, Polygon):
            return Polygon(tuple((x * pixel_size, y * pixel_size) for x, y in one.vertices))
        center = (
            None if one.center is None else (one.center[0] * pixel_size, one.center[1] * pixel_size)
        )
        if isinstance(one, Circle):
            return Circle(one.radius * pixel_size, center)
        if isinstance(one, Ellipse):
            a, b = one.semi_axes
            return Ellipse((a * pixel_size, b * pixel_size), one.angle, center)
        return Rectangle(one.width * pixel_size, one.height * pixel_size, center)

    def __str__(self):
        named = f" {self.name!r}" if self.name else ""
        return f"{self.kind}{named}: {in_pixels(self.region)} ({self.source})"


class BleachEvent(NamedTuple):
    """Hold when bleaching began and ended.

    Parameters
    ----------
    start_s, end_s : float
        s, on the clock of the frames, which is 0 at the first.
    source : str
        Where it stood.
    iterations : int, default=None
        How often the region was scanned; None where that is not known.
    """

    start_s: float
    end_s: float
    source: str
    iterations: int | None = None

    @property
    def duration_s(self) -> float:
        """How long it lasted, s."""
        return self.end_s - self.start_s

    @property
    def times_in_words(self) -> str:
        """How often the region was scanned, in words; empty where that is not known."""
        n = self.iterations
        return "" if n is None else f"{n} iteration{'s' * (n != 1)}"


@dataclass(frozen=True)
class BleachingRecord:
    """Hold what a microscope wrote down of bleaching.

    Parameters
    ----------
    n_prebleach : tuple of (int or None, str), default=(None, "")
        Frames before bleaching, and where that stood.
    regions : sequence of DrawnRegion, default=()
        All that were drawn, also those that were not bleached.
    events : sequence of BleachEvent, default=()
        In the order of time.
    frame_scan_s : tuple of (float or None, str), default=(None, "")
        Time in which one frame is scanned, s, where pixels are recorded one after the other: the
        middle of a frame is later than its start by half of this.

    See Also
    --------
    skfrap.Recording : What a reader gives, this among it.
    """

    n_prebleach: tuple[Any, str] = (None, "")
    regions: Sequence[DrawnRegion] = ()
    events: Sequence[BleachEvent] = ()
    frame_scan_s: tuple[Any, str] = (None, "")

    def __post_init__(self):
        object.__setattr__(self, "regions", tuple(self.regions))
        object.__setattr__(self, "events", tuple(sorted(self.events)))
        for drawn in self.regions:
            if drawn.kind not in KINDS:
                raise ValueError(f"kind of a region must be one of {KINDS}, got {drawn.kind!r}.")
        for event in self.events:
            if not (np.isfinite(event[:2]).all() and event.end_s >= event.start_s):
                raise ValueError(f"a bleach event must end after its start, got {event!r}.")

    def __bool__(self):
        return bool(self.regions or self.events or self.n_prebleach[0] is not None)

    @property
    def bleached(self) -> tuple[DrawnRegion, ...]:
        """The regions that were bleached."""
        return tuple(one for one in self.regions if one.is_bleached)

    def lines(self) -> list[str]:
        """Return what is known, a line for each part.

        Returns
        -------
        list of str
        """
        number, words = self.n_prebleach
        lines = [] if number is None else [f"frames before bleaching: {number} ({words})"]
        lines += [f"region, {one}" for one in self.regions]
        for event in self.events:
            times = f", {event.times_in_words}" if event.iterations else ""
            lines.append(
                f"bleaching: {event.duration_s:.4g} s, from {event.start_s:.6g} to "
                f"{event.end_s:.6g} s{times} ({event.source})"
            )
        return lines


def in_pixels(region):
    """Return a region that is in pixels as text, as ``--bleach-region`` takes it.

    Examples
    --------
    >>> from skfrap import Circle
    >>> from skfrap.io._bleaching import in_pixels
    >>> in_pixels(Circle(37.5, (128.0, 120.0)))
    'circle:37.5px@128px,120px'
    """
    if isinstance(region, Polygon):
        return "polygon:" + ";".join(f"{x:.6g}px,{y:.6g}px" for x, y in region.vertices)
    x, y = region.center
    at = f"@{x:.6g}px,{y:.6g}px"
    if isinstance(region, Circle):
        return f"circle:{region.radius:.6g}px{at}"
    if isinstance(region, Ellipse):
        a, b = region.semi_axes
        turned = f"/{region.angle:.6g}" if region.angle else ""
        return f"ellipse:{a:.6g}pxx{b:.6g}px{turned}{at}"
    return f"rectangle:{region.width:.6g}pxx{region.height:.6g}px{at}"


def frames_before(event, times):
    """Count the frames that began before bleaching did.

    Examples
    --------
    >>> from skfrap.io._bleaching import BleachEvent, frames_before
    >>> frames_before(BleachEvent(2.5, 3.0, "events"), [0.0, 1.0, 2.0, 3.0])
    3
    """
    return int(np.sum(np.asarray(times, dtype=float) < event.start_s))
