"""The geometry and the clock of a FRAP experiment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from skfrap._checks import check_choice, check_count, check_positive
from skfrap.experiment._compartment import (
    BLEACHED,
    Compartment,
    compartment_of,
    fractions_of,
    rows_from_dict,
    rows_of,
    rows_to_dict,
)
from skfrap.experiment._descriptions import region_from_dict, region_to_dict
from skfrap.experiment._ellipse import Ellipse
from skfrap.experiment._regions import Circle, Mask, Polygon, Rectangle
from skfrap.experiment._sizes import check_sizes

_ALL_BLEACHED = 0.999  # of a compartment: nothing is left that could come in

__all__ = ["Circle", "FRAPProtocol", "Mask", "Polygon", "Rectangle"]

STARTS = ("told", "measured")
_DESCRIBED = {  # arguments that are no plain values: what describes them, and what makes them again
    "bleach_region": (region_to_dict, region_from_dict),
    "compartment": (Compartment.to_dict, Compartment.from_dict),
    "rows": (rows_to_dict, rows_from_dict),
}
# Arguments that version 0.1 did not have: kept where not at their defaults.
_ADDED = "start", "compartment", "rows"


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
    bleach_region : Circle, Ellipse, Rectangle, Polygon or Mask, default=Circle(15.0)
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
        then choose. In a compartment all of it is looked at, whatever `rows` says. Estimators that
        know the told start only refuse it. Models and simulators bleach the region told either way.
    compartment : Compartment or region, default=None
        Where particles may be, such as a nucleus: a region is an even compartment. None is a sample
        without edges near by.
    rows : "compartment", region, mapping or sequence, default=None
        What is measured besides the bleach region, in a compartment: ``"compartment"`` for the mean
        over all of it, and regions by their names, ``{"reference": Circle(2.0, (8.0, 9.0))}``.
        Curves then have `n_rows` times `n_frames` values, row by row. A region named
        ``"bleach_region"`` is measured in place of the one that is bleached.

    Attributes
    ----------
    n_frames : int
        Recorded frames: prebleach and postbleach.
    times : ndarray of shape (n_frames,)
        Frame times in s; 0 is the last bleach frame.
    bleach_mask : ndarray of shape (ny, nx)
        Fraction of each pixel inside the bleach region.
    roi_weights : ndarray of shape (ny, nx)
        `bleach_mask` normalised to sum to 1: weights of the recovery curve (Eq. 6 of [1]_). In a
        compartment, of the part that is inside.
    compartment_mask : ndarray of shape (ny, nx) or None
        Fraction of each pixel inside the compartment.
    n_rows, n_values : int
        Rows that are measured, and values of a curve: n_rows times n_frames.
    row_names : tuple of str
        ``"bleach_region"`` is the first.
    row_weights : ndarray of shape (n_rows, ny, nx)
        Weights of pixels in each row; the first is `roi_weights`.
    feature_names : ndarray of shape (n_values,) of str
        Names of a curve's values, from the times, and from the rows where there are several.

    Raises
    ------
    ValueError
        If an argument is out of range, or a region leaves the field, is empty, or is smaller than a
        pixel; or if the bleach region has no part in the compartment, or all of it.

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
    bleach_region: Circle | Ellipse | Rectangle | Polygon | Mask = Circle(15.0)
    n_prebleach: int = 10
    n_bleach: int = 4
    n_postbleach: int | None = None
    frame_interval: float = 0.265
    postbleach_times: tuple[float, ...] | None = None
    bleach_interval: float | None = None
    padding: int = 128
    start: str = "told"
    compartment: Compartment | None = None
    rows: tuple[Any, ...] | None = None

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
                "bleach_region must be a Circle, Ellipse, Rectangle, Polygon or Mask, "
                f"got {self.bleach_region!r}."
            )
        if not isinstance(self.start, str):
            raise ValueError(
                f"start must be one of {STARTS}, got {self.start!r}. Profiles that were measured "
                "go to MeasuredStartFRAP(protocol, start=...)."
            )
        check_choice("start", self.start, STARTS)
        self.bleach_mask  # noqa: B018  computing it checks the region against the field
        store("compartment", compartment_of(self.compartment))
        store("rows", rows_of(self.rows))
        self._check_compartment()

    def _check_compartment(self):
        if self.compartment is None:
            if self.rows is not None:
                raise ValueError(
                    "rows are measured in a compartment, and compartment is None; tell where "
                    "particles may be, as compartment=Ellipse(...), or leave rows out."
                )
            return
        bleached = float(np.sum(self.bleach_mask * self.compartment_mask))
        if bleached < 1:
            raise ValueError(
                f"bleach_region has {bleached:.3g} pixels in the compartment; it must have at "
                "least one. Check where both lie, in µm from the corner of the field."
            )
        if bleached > _ALL_BLEACHED * self.compartment_mask.sum():
            raise ValueError(
                "bleach_region covers the whole compartment, so that nothing unbleached is left "
                "that could come in; check both."
            )
        self.row_weights  # noqa: B018  computing them checks the rows' regions

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
        if self.compartment is not None:
            return self.row_weights[0]
        return _read_only(self.bleach_mask / self.bleach_mask.sum())

    @cached_property
    def compartment_mask(self):
        """Fraction of each pixel inside the compartment, (ny, nx); None without one."""
        if self.compartment is None:
            return None
        return _read_only(self.compartment.area_fractions(self.shape, self.pixel_size))

    @property
    def n_rows(self):
        """Number of rows that are measured, the bleach region being the first."""
        return len(self.row_names)

    @property
    def n_values(self):
        """Number of a curve's values, n_rows times n_frames."""
        return self.n_rows * self.n_frames

    @property
    def row_names(self):
        """Names of the rows that are measured."""
        return (BLEACHED, *(name for name, _ in self.rows or () if name != BLEACHED))

    @cached_property
    def row_weights(self):
        """Weights of pixels in each row, (n_rows, ny, nx).

        Light over area: in an even compartment the prebleach value of each row is c0, though pixels
        on its outline are only in part inside, and the mean over all of it keeps what it has.
        """
        if self.compartment is None:
            return _read_only(self.roi_weights[np.newaxis])
        inside = self.compartment_mask
        given = {BLEACHED: self.bleach_region, **dict(self.rows or ())}
        weights = np.empty((self.n_rows, *self.shape))
        for row, name in zip(weights, self.row_names, strict=True):
            region = given[name]
            row[:] = inside > 0
            if region is not None:
                row *= fractions_of(f"rows[{name!r}]", region, self.shape, self.pixel_size)
            seen = np.sum(row * inside)
            if seen == 0:
                raise ValueError(f"rows[{name!r}] lies outside the compartment; check where.")
            row /= seen
        return _read_only(weights)

    @property
    def noise_gains(self):
        """Variance of a curve's values over that of a pixel, one or (n_values,)."""
        if self.n_rows == 1:
            return self.noise_gain
        return np.repeat(self.row_noise_gains, self.n_frames)

    @property
    def row_noise_gains(self):
        """Variance of each row's values over that of a pixel, (n_rows,)."""
        return np.sum(self.row_weights**2, axis=(1, 2))

    @cached_property
    def roi_box(self):
        """Rows and columns of the bounding box of what is measured, two slices."""
        measured = self.bleach_mask if self.compartment is None else self.row_weights.any(axis=0)
        rows, columns = np.nonzero(measured)
        return (
            slice(int(rows.min()), int(rows.max()) + 1),
            slice(int(columns.min()), int(columns.max()) + 1),
        )

    @cached_property
    def noise_gain(self):
        """Sum of squared ROI weights: variance of a curve's value over that of a pixel."""
        return float(np.sum(self.roi_weights**2))

    @property
    def equivalent_radius(self):
        """Radius in µm of the disk with the bleach region's area."""
        return float(np.sqrt(self.bleach_mask.sum() / np.pi) * self.pixel_size)

    @property
    def feature_names(self):
        """Names of a curve's values, from the times and rows: (n_values,) of str."""
        names = [f"intensity at {time:.12g} s" for time in self.times]
        if self.n_rows > 1:
            names = [f"{row}: {name}" for row in self.row_names for name in names]
        return np.array(names, dtype=object)

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
        for name, (describe, _) in _DESCRIBED.items():
            if description.get(name) is not None:
                description[name] = describe(description[name])
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
        for name, (_, make) in _DESCRIBED.items():
            if description.get(name) is not None:
                description[name] = make(description[name])
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
