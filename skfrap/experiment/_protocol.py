"""The geometry and the clock of a FRAP experiment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from skfrap._checks import check_choice, check_count, check_positive
from skfrap.experiment._descriptions import region_from_dict, region_to_dict
from skfrap.experiment._regions import Circle, Mask, Polygon, Rectangle
from skfrap.experiment._sizes import check_sizes

__all__ = ["Circle", "FRAPProtocol", "Mask", "Polygon", "Rectangle"]

STARTS = ("told", "measured")
_REGIONS = ("bleach_region",)  # arguments that are regions
_ADDED = ("start",)  # arguments that version 0.1 did not have: kept where not at their defaults


@dataclass(frozen=True)
class FRAPProtocol:
    """Describe a FRAP experiment: field of view, bleach region and frame times.

    The defaults are those of the DeepFRAP paper [1]_. A protocol is immutable and hashable;
    `dataclasses.replace` or :meth:`replace` makes a changed copy.

    Parameters
    ----------
    shape : tuple of int, default=(256, 256)
        Pixels of the field of view, (ny, nx).
    pixel_size : float, default=0.7598
        Side of a pixel, µm.
    bleach_region : Circle, Rectangle, Polygon or Mask, default=Circle(15.0)
        Where the laser bleaches. The recovery curve is the mean intensity over the same region.
    n_prebleach : int, default=10
        Frames before bleaching.
    n_bleach : int, default=4
        Bleach frames, which are not recorded.
    n_postbleach : int, default=None
        Frames after bleaching. None is the number of `postbleach_times`, or else 100.
    frame_interval : float, default=0.265
        Time between frames, s.
    postbleach_times : sequence of float, default=None
        Times of the postbleach frames, s after the last bleach frame, increasing. None spaces
        them by `frame_interval`.
    bleach_interval : float, default=None
        Time between bleach frames, s. None is `frame_interval`.
    padding : int, default=128
        Pixels by which the periodic grid of the model extends the field on each side.
    start : {"told", "measured"}, default="told"
        What bleaching left, as estimators are to take it. ``"told"``: the bleach region at one
        depth. ``"measured"``: an unknown, which is seen in the images, whatever was bleached; see
        :class:`skfrap.MeasuredStartFRAP`, which the pipelines of :func:`skfrap.make_frap_pipeline`
        then choose. Estimators that know the told start only refuse it. Models and simulators
        bleach the region told either way.

    Attributes
    ----------
    n_frames : int
        Recorded frames: prebleach and postbleach.
    times : ndarray of shape (n_frames,)
        Frame times in s; 0 is the last bleach frame.
    bleach_mask : ndarray of shape (ny, nx)
        Fraction of each pixel inside the bleach region.
    roi_weights : ndarray of shape (ny, nx)
        `bleach_mask` normalised to sum to 1: weights of the recovery curve (Eq. 6 of [1]_).
    feature_names : ndarray of shape (n_frames,) of str
        Names of a curve's values, from the times.

    Raises
    ------
    ValueError
        If an argument is out of range, or the bleach region leaves the field, is empty, or is
        smaller than a pixel.

    References
    ----------
    .. [1] Wåhlstrand Skärström, Krona, Lorén, Röding, J. Microsc. 282, 146-161 (2021).

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol
    >>> protocol = FRAPProtocol(shape=(128, 128), pixel_size=0.5, bleach_region=Circle(8.0))
    >>> protocol.n_frames
    110
    >>> protocol.times[[0, 9, 10]].round(3).tolist()
    [-3.445, -1.06, 0.265]
    """

    shape: tuple[int, int] = (256, 256)
    pixel_size: float = 0.7598
    bleach_region: Circle | Rectangle | Polygon | Mask = Circle(15.0)
    n_prebleach: int = 10
    n_bleach: int = 4
    n_postbleach: int | None = None
    frame_interval: float = 0.265
    postbleach_times: tuple[float, ...] | None = None
    bleach_interval: float | None = None
    padding: int = 128
    start: str = "told"

    def __post_init__(self):
        def store(name, value):
            object.__setattr__(self, name, value)

        try:
            ny, nx = self.shape
        except (TypeError, ValueError):
            raise ValueError(f"shape must be (ny, nx), got {self.shape!r}.") from None
        store("shape", (check_count("shape", ny, 1), check_count("shape", nx, 1)))
        store("pixel_size", check_positive("pixel_size", self.pixel_size, "number of µm"))
        for name, lowest in (("n_prebleach", 1), ("n_bleach", 1), ("padding", 0)):
            store(name, check_count(name, getattr(self, name), lowest))
        seconds = "number of seconds"
        store("frame_interval", check_positive("frame_interval", self.frame_interval, seconds))
        if self.bleach_interval is not None:
            interval = check_positive("bleach_interval", self.bleach_interval, seconds)
            store("bleach_interval", None if interval == self.frame_interval else interval)
        if self.postbleach_times is None:
            n = 100 if self.n_postbleach is None else self.n_postbleach
            store("n_postbleach", check_count("n_postbleach", n, 1))
        else:
            self._store_postbleach_times(store)
        if not hasattr(self.bleach_region, "area_fractions"):
            raise ValueError(
                "bleach_region must be a Circle, Rectangle, Polygon or Mask, "
                f"got {self.bleach_region!r}."
            )
        if not isinstance(self.start, str):
            raise ValueError(
                f"start must be one of {STARTS}, got {self.start!r}. Profiles that were measured "
                "go to MeasuredStartFRAP(protocol, start=...)."
            )
        check_choice("start", self.start, STARTS)
        self.bleach_mask  # noqa: B018  computing it checks the region against the field

    def _store_postbleach_times(self, store):
        times = np.asarray(self.postbleach_times, dtype=float)
        if times.ndim != 1 or len(times) == 0 or not np.isfinite(times).all():
            raise ValueError("postbleach_times must be a sequence of finite times in s.")
        if times[0] <= 0 or (np.diff(times) <= 0).any():
            raise ValueError(
                "postbleach_times must be after the last bleach frame (> 0 s) and increase, "
                f"got {times[:5].tolist()}..."
            )
        if self.n_postbleach is not None and self.n_postbleach != len(times):
            raise ValueError(
                f"n_postbleach is {self.n_postbleach}, and postbleach_times holds {len(times)} "
                "times; leave n_postbleach out or make them agree."
            )
        store("n_postbleach", len(times))
        even = self.frame_interval * np.arange(1.0, len(times) + 1)
        irregular = not np.allclose(times, even, rtol=1e-12, atol=0)
        store("postbleach_times", tuple(times.tolist()) if irregular else None)

    def __repr__(self):
        changed = ", ".join(
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if field.name != "postbleach_times"
            and getattr(self, field.name) != getattr(_DEFAULT, field.name, None)
        )
        if self.postbleach_times is not None:
            times = self.postbleach_times
            changed += (", " if changed else "") + (
                f"postbleach_times=({times[0]:g} to {times[-1]:g} s)"
            )
        return f"FRAPProtocol({changed})"

    def __getstate__(self):
        # Derived arrays are cheap to compute again and would only swell a pickle.
        return self.to_state()

    def __setstate__(self, state):
        self.__dict__.update(state)

    @property
    def n_frames(self):
        """Number of recorded frames: prebleach and postbleach."""
        return self.n_prebleach + self.n_postbleach

    @cached_property
    def bleach_times(self):
        """Times of the bleach frames, s; the last is at 0."""
        interval = self.frame_interval if self.bleach_interval is None else self.bleach_interval
        return _read_only(interval * np.arange(1.0 - self.n_bleach, 1.0))

    @cached_property
    def times(self):
        """Times of the recorded frames, s after the last bleach frame."""
        first_bleach = self.bleach_times[0]
        prebleach = first_bleach - self.frame_interval * np.arange(self.n_prebleach, 0, -1.0)
        if self.postbleach_times is None:
            postbleach = self.frame_interval * np.arange(1.0, self.n_postbleach + 1)
        else:
            postbleach = np.array(self.postbleach_times)
        return _read_only(np.concatenate([prebleach, postbleach]))

    @cached_property
    def bleach_mask(self):
        """Fraction of each pixel inside the bleach region, (ny, nx)."""
        return _read_only(self.bleach_region.area_fractions(self.shape, self.pixel_size))

    @cached_property
    def roi_weights(self):
        """`bleach_mask` normalised to sum to 1: weights of the recovery curve."""
        return _read_only(self.bleach_mask / self.bleach_mask.sum())

    @cached_property
    def roi_box(self):
        """Rows and columns of the bleach region's bounding box, two slices."""
        rows, columns = np.nonzero(self.bleach_mask)
        return (
            slice(int(rows.min()), int(rows.max()) + 1),
            slice(int(columns.min()), int(columns.max()) + 1),
        )

    @property
    def noise_gain(self):
        """Sum of squared ROI weights: variance of a curve's value over that of a pixel."""
        return float(np.sum(self.roi_weights**2))

    @property
    def equivalent_radius(self):
        """Radius in µm of the disk with the bleach region's area."""
        return float(np.sqrt(self.bleach_mask.sum() / np.pi) * self.pixel_size)

    @property
    def feature_names(self):
        """Names of a curve's values, from the times: (n_frames,) of str."""
        return np.array([f"intensity at {time:.12g} s" for time in self.times], dtype=object)

    def replace(self, **changes: Any) -> "FRAPProtocol":
        """Make a copy with some arguments changed.

        Parameters
        ----------
        **changes
            Arguments of the constructor.

        Returns
        -------
        FRAPProtocol
        """
        if changes.get("postbleach_times") is not None:
            changes.setdefault("n_postbleach", None)
        elif "n_postbleach" in changes:
            changes.setdefault("postbleach_times", None)
        return replace(self, **changes)

    def to_state(self) -> dict[str, Any]:
        """Return what a file keeps: the arguments.

        Returns
        -------
        dict
            By names that stay. What version 0.1 did not know is there where it is not at its
            default, so that its files are written as before.
        """
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        at_default = {name for name in _ADDED if kept[name] == getattr(FRAPProtocol, name)}
        return {name: value for name, value in kept.items() if name not in at_default}

    def to_dict(self) -> dict[str, Any]:
        """Describe the protocol in what JSON knows: dictionaries, lists, numbers and strings.

        Returns
        -------
        dict
        """
        description = self.to_state()
        for name in _REGIONS:
            description[name] = region_to_dict(description[name])
        return json.loads(json.dumps(description))

    @classmethod
    def from_dict(cls, description: dict[str, Any], *, allow_large: bool = False) -> "FRAPProtocol":
        """Make the protocol that :meth:`to_dict` described.

        Parameters
        ----------
        description : dict
            As :meth:`to_dict` gives it.
        allow_large : bool, default=False
            Whether it may be of any size; False refuses fields of more than 8 million pixels and
            the like, which descriptions in damaged files ask for.

        Returns
        -------
        FRAPProtocol
        """
        if not isinstance(description, Mapping):
            raise ValueError(f"description must be a dictionary, got {type(description).__name__}.")
        description = dict(description)
        if not allow_large:
            check_sizes(description)
        unknown = set(description) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"a protocol has no {sorted(unknown)}; check the description.")
        for name in {*_REGIONS} & {*description}:
            description[name] = region_from_dict(description[name])
        return cls(**description)

    def to_json(self, **options: Any) -> str:
        """Write the protocol as JSON; `options` go to `json.dumps`.

        Parameters
        ----------
        **options
            Of `json.dumps`.

        Returns
        -------
        str
        """
        return json.dumps(self.to_dict(), **options)

    @classmethod
    def from_json(cls, text: str) -> "FRAPProtocol":
        """Read a protocol from JSON.

        Parameters
        ----------
        text : str
            As :meth:`to_json` writes it.

        Returns
        -------
        FRAPProtocol

        Examples
        --------
        >>> from skfrap import FRAPProtocol
        >>> protocol = FRAPProtocol(frame_interval=0.5)
        >>> FRAPProtocol.from_json(protocol.to_json()) == protocol
        True
        """
        try:
            description = json.loads(text)
        except RecursionError:
            raise ValueError("text is no protocol: brackets within brackets.") from None
        return cls.from_dict(description)


def _read_only(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


_DEFAULT = None
_DEFAULT = FRAPProtocol()
