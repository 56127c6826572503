"""What is read from files: a recording, as one file holds it, and a series put together of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skfrap.experiment import FRAPProtocol
from skfrap.io._bleaching import BleachingRecord
from skfrap.results import Finding

Stated = tuple[Any, str]
"""A value and where it stood, or None and why there is none (empty if nothing is said at all)."""

NOT_STATED: Stated = (None, "")


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """One sample as it was recorded, with its protocol, or what a file says instead.

    A list of recordings goes through a :class:`sklearn.pipeline.Pipeline` as an array of stacks
    does. Transformers and estimators whose own `protocol` is None take that of each recording, so
    that a folder of different experiments is one batch.

    Readers of files give recordings that mostly have no protocol, as no file says where and when
    was bleached; :func:`skfrap.analysis.read_recordings` completes them. What a file may say comes
    as a pair: the value and where it stood, or None and why it is of no use. Nothing is guessed;
    where a file says nothing, the default stays.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, ny, nx) or (n_frames,)
        Intensities in the order of time, in their own dtype; one frame or more. Of one axis, where
        there is a protocol, a recovery curve.
    protocol : FRAPProtocol, default=None
        The experiment. None is not known.
    name : str, default=""
        What to call the sample in messages.
    pixel_size_um : tuple of (float or None, str)
        Side of a pixel, which is square, µm.
    times_s : tuple of (array-like of shape (n_frames,) or None, str)
        Time of each frame from the first on, s, increasing.
    interval_s : tuple of (float or None, str)
        The same time from each frame to the next, s, for files that know no more.
    dates : sequence of (str or None), default=()
        Date and time of each frame as cameras write them, ``2010:04:29 13:01:42.718`` or ISO 8601,
        for files that know no more.
    bit_depth : int, default=None
        Bits that a pixel can use; None for floats.
    time_axis : str, default=""
        What was taken as time, in words, where the file has no axis of time.
    info : dict, default=None
        Anything else that the file holds.
    clocks : sequence of tuple (float or array-like of shape (n_frames,), str), default=()
        All clocks that the file has, trusted or not: a time from frame to frame or a time of each
        frame, s, and where it stood. They are compared with the one that is taken.
    findings : sequence of Finding, default=()
        What else is to be known before the images are used, such as frames that may be missing.
    bleaching : BleachingRecord, default=None
        What the microscope wrote down of bleaching.
    channels : sequence of str, default=()
        Names of all channels in the file, of which the frames are one.
    acquisition : dict of str to (value, str), default=None
        Objective, scan and detector settings, by name, each with where it stood.
    start : str, default=""
        Date and time of the first frame, ISO 8601, by which parts of one experiment are joined.

    Raises
    ------
    ValueError
        If there are no frames, not a time or a date for each of them, or if they do not fit the
        protocol.

    See Also
    --------
    skfrap.experiment.CurveSequence : Recovery curves, each with its protocol.
    skfrap.analysis.read_recordings : Recordings of files.

    Examples
    --------
    Two experiments that differ in clock and bleach region, in one pipeline:

    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator, Recording, make_frap_pipeline
    >>> small = FRAPProtocol(shape=(64, 64), pixel_size=1.0, bleach_region=Circle(8.0),
    ...                      n_postbleach=20)
    >>> large = small.replace(bleach_region=Circle(12.0), n_postbleach=40, frame_interval=0.5)
    >>> truth = {"D": 5.0, "c0": 0.7, "alpha": 0.6, "a": 1e-4}
    >>> recordings = [
    ...     Recording(FRAPSimulator(one, truth, random_state=0).sample_images(1).data[0], one)
    ...     for one in (small, large)
    ... ]
    >>> recordings[1]
    Recording(50 frames of 64 x 64 float32, with its protocol)
    >>> pipeline = make_frap_pipeline().fit(recordings)
    >>> pipeline.estimate(recordings).D_um2_s.round(1).tolist()
    [5.0, 5.0]
    """

    frames: np.ndarray
    protocol: FRAPProtocol | None = None
    name: str = ""
    pixel_size_um: Stated = NOT_STATED
    times_s: Stated = NOT_STATED
    interval_s: Stated = NOT_STATED
    dates: Sequence[str | None] = ()
    bit_depth: int | None = None
    time_axis: str = ""
    info: Mapping[str, Any] | None = None
    clocks: Sequence[tuple[Any, str]] = ()
    findings: Sequence[Finding] = ()
    bleaching: BleachingRecord | None = None
    channels: Sequence[str] = ()
    acquisition: Mapping[str, Stated] | None = None
    start: str = ""

    def __post_init__(self):
        if self.protocol is not None:
            self._check_protocol()
        self._check_stated()
        shape = np.shape(self.frames)
        if not hasattr(self.frames, "dtype"):
            raise ValueError(f"frames must be an array, got a {type(self.frames).__name__}.")
        if (len(shape) != 3 and not (len(shape) == 1 and self.protocol)) or 0 in shape:
            raise ValueError(
                f"frames must have the shape (n_frames, ny, nx), none of them 0, got {shape}."
            )
        if len(self.dates) not in (0, len(self.frames)):
            raise ValueError(
                f"dates must hold one date for each of {len(self.frames)} frames, got "
                f"{len(self.dates)}; give None for a frame without a date."
            )
        times = self.times_s[0]
        if times is not None and np.shape(times) != shape[:1]:
            raise ValueError(
                f"times_s must hold a time for each of {shape[0]} frames, got {np.size(times)}."
            )
        object.__setattr__(self, "dates", [*self.dates] or [None] * len(self.frames))
        object.__setattr__(self, "info", dict(self.info or {}))
        object.__setattr__(self, "clocks", tuple(self.clocks))
        object.__setattr__(self, "findings", tuple(self.findings))
        object.__setattr__(self, "bleaching", self.bleaching or None)
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(self, "acquisition", dict(self.acquisition or {}))

    def _check_stated(self):
        """Check that what a file may say comes as a pair."""
        for name in ("pixel_size_um", "times_s", "interval_s"):
            stated = getattr(self, name)
            if not (isinstance(stated, tuple) and len(stated) == 2 and isinstance(stated[1], str)):
                raise ValueError(
                    f"{name} must be a pair, the value and words that say where it stood, as "
                    f"(0.5, 'the header'), got {stated!r}."
                )

    def _check_protocol(self):
        """Check that frames are those of the protocol."""
        protocol = self.protocol
        if not isinstance(protocol, FRAPProtocol):
            raise ValueError(f"protocol must be a FRAPProtocol or None, got {protocol!r}.")
        if np.ndim(self.frames) == 1:
            object.__setattr__(self, "frames", np.asanyarray(self.frames))
            # Of several rows there are several values for a frame.
            expected, fits = (protocol.n_frames,), len(self.frames) % protocol.n_frames == 0
        else:
            expected = (protocol.n_frames, *protocol.shape)
            fits = np.shape(self.frames) == expected
        if not fits:
            called = f" of {self.name!r}" if self.name else ""
            raise ValueError(
                f"frames{called} have the shape {np.shape(self.frames)}, and the protocol expects "
                f"{expected}; check n_prebleach, n_postbleach and shape of the protocol."
            )

    def __repr__(self):
        n_frames, *field = np.shape(self.frames)
        what = f"{n_frames} values of a curve"
        if field:
            what = f"{n_frames} frames of {field[0]} x {field[1]} {self.frames.dtype}"
        called = f"{self.name!r}: " if self.name else ""
        known = "with its protocol" if self.protocol else "no protocol"
        return f"Recording({called}{what}, {known})"


@dataclass(frozen=True, eq=False, repr=False)
class ImageSeries:
    """One FRAP image series as read from file: its frames and what the file says of them.

    Attributes
    ----------
    frames : ndarray of shape (n_frames, ny, nx)
        Intensities, in the file's own dtype.
    name : str
        Short name for tables: the file's or folder's, or first..last of a list.
    pixel_size_um : float or None
        Side of a pixel in µm; None where the file does not say.
    times_s : ndarray of shape (n_frames,) or None
        Time of each frame in s, strictly increasing, 0 at the first; None where the file does not
        say.
    bit_depth : int or None
        Bits that a pixel can use, so that the detector saturates at 2**bit_depth − 1; None for
        floats. A file may use 16 where the camera gives 12.
    sources : dict of str to str
        Where each of these was found, or why it was not: 'pixel_size_um', 'times_s', and, where
        there is something to say, 'times axis' and 'order'.
    paths : tuple of str
        The files.
    info : dict
        What `write_series` was given as `info`; for files of other programs, ImageJ's texts 'Info'
        and 'Labels'; {} where there are none.
    findings : tuple of Finding
        What the files leave in doubt: clocks that disagree, images that the header does not count,
        pixels that are not square. An analysis passes them on.
    bleaching : BleachingRecord or None
        What the microscope wrote down of bleaching: regions, when it was, frames before it.
    channels : tuple of str
        Names of all channels in the file.
    acquisition : dict of str to (value, str)
        Objective, scan and detector settings, by name, each with where it stood.
    start : str
        Date and time of the first frame, ISO 8601; empty where the file does not say.
    """

    frames: np.ndarray
    name: str
    pixel_size_um: float | None = None
    times_s: np.ndarray | None = None
    bit_depth: int | None = None
    sources: dict[str, str] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    info: dict[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    bleaching: BleachingRecord | None = None
    channels: tuple[str, ...] = ()
    acquisition: dict[str, Stated] = field(default_factory=dict)
    start: str = ""

    def __repr__(self):
        n_frames, ny, nx = self.frames.shape
        pixel = "unknown" if self.pixel_size_um is None else f"{self.pixel_size_um:.6g} µm"
        times = "unknown" if self.times_s is None else f"0 to {self.times_s[-1]:.6g} s"
        return (
            f"ImageSeries({self.name!r}: {n_frames} frames of {ny} x {nx} {self.frames.dtype}, "
            f"pixel {pixel}, times {times})"
        )
