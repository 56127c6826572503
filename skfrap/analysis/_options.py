"""What a user says of an experiment and of its analysis."""

from dataclasses import dataclass
from typing import Any

from skfrap._checks import (
    Argument,
    ArgumentError,
    check_choice,
    check_count,
    check_number,
    check_positive,
)
from skfrap.analysis._cells import check_compartment
from skfrap.analysis._drift import DRIFTS
from skfrap.analysis._rois import check_regions
from skfrap.estimators import LeastSquaresFRAP
from skfrap.models._named import model_named
from skfrap.parameters import check_value, parameter

STARTS = ("told", "measured", "auto")
DATA = ("curve", "images", "both")
_OF_NOISE = ("a", "b")
_POSITIVE = {"pixel_size": "µm", "frame_interval": "seconds", "bleach_duration": "seconds"}
_FREE = Argument("free", "free")
_FIXED = Argument("fixed", "fixed")


@dataclass(frozen=True)
class ExperimentOptions:
    """What a user says of an experiment; None leaves it to the file or to the default.

    Attributes
    ----------
    pixel_size : float
        µm.
    frame_interval : float
        s.
    bleach_region : str or region
        A region, text for :func:`skfrap.experiment.parse_region`, or the path of an image of it;
        "auto" is the circle that is seen in the first frame after bleaching.
    recenter : bool
        Move the region to where bleaching is seen in the first frame after it; default False.
    n_prebleach : int
        Frames recorded before bleaching.
    n_bleach : int
        Bleach frames, which are not in the file; default 1.
    bleach_duration : float
        Time that all bleach frames take, s; default: `n_bleach` frame intervals.
    first_postbleach : float
        Time from the end of bleaching to the first frame after those before it, s; default: the
        interval to the next frame, or what the clock leaves for it. 0 and less for frames that were
        recorded while bleaching; `skip` leaves these out.
    skip : int
        Frames after bleaching to leave out, in which the clock goes on.
    until : float
        Leave out frames later than this, s after the end of bleaching.
    background : {"auto", "subtract", "divide", "none"}, str, path or region
        What to do with the uneven prebleach image: subtract it, where light is added; divide by it,
        where light is uneven; leave it, where the sample is. Default "auto": what the frames before
        and after bleaching ask for. A region without sample: its mean is taken as the dark level.
    sigma : float
        Smoothing of the prebleach image, pixels; default 5.
    fading : {"none", "frame", "exponential"}
        Correction for fading of the whole field; default "none".
    drift : {"auto", "none", "translation", "rigid"}
        What to do with a sample that moves: align frames where it clearly moves by more than 0.02
        radii of the bleach region; nothing; align them, by shifts or by shifts and turns. Default
        "auto". Regions and outlines are those of the sample when it was bleached.
    dark_level : float or "auto"
        Counts without light; default 0. "auto" takes them from frames with the shutter closed, or
        from beside the sample.
    bit_depth : int
        Of the detector.
    channel : int
        Of a file with several, from 0.
    allow_large : bool
        Whether images, and what is stored with them, may take any amount of memory; default False.
    series : int, str or sequence of these
        Which series of a file with several, as in :func:`skfrap.io.read_series`.
    join : bool
        Whether to join parts of one experiment by their time stamps; default False.
    times : path or array-like
        The clock: a file with the time of each frame.
    padding : int
        Pixels by which the model extends the field; default: that of FRAPProtocol.
    model : str
        Name of the model, as in LeastSquaresFRAP; default "diffusion".
    free : tuple of str
        Parameters of the model to estimate besides those without a default, e.g.
        ``("mobile_fraction",)``; default none.
    fixed : dict
        ``{name: value}`` of parameters that are known, and with ``noise="proportional"`` also of
        the noise, ``a`` and ``b``.
    noise, loss : str
        As in LeastSquaresFRAP; default "constant" and "squared".
    bounds : dict
        For the fit, as in LeastSquaresFRAP.
    level : float
        Of the intervals.
    start : {"told", "measured", "auto"}
        What bleaching left: the bleach region as told; what the images show, for which no region
        and no time of bleaching is needed; or as told where a region is known and the images do not
        contradict it. Default "told". Whichever is taken, the others are in the alternatives.
    data : {"curve", "images", "both"}
        What the start as told is fitted to: the curve of its region; all pixels of a window about
        it; or the curve, with all pixels beside it in the alternatives and a finding where the two
        disagree. Default "curve".
    first_profile, last_profile : path or MeasuredStart
        Of a table of a curve: tables of the distance from the middle of the patch, µm, and of the
        intensity there over that before bleaching, in the first frame after bleaching and in the
        mean of the last 10. `first_profile` may be a MeasuredStart that holds both.
    compartment : "auto", "none", str, path, region or Compartment
        Where particles may be. "auto" finds the cell with the bleach region in the frames before
        bleaching; else a region, text for it, or the path of an image of it, in which cells may
        have labels. None is what the file says, and else an open field, as "none" is.
    rows : str, region or sequence
        What is fitted besides the bleach region, in a compartment: ``"compartment"``, and regions
        with names as ``"reference:circle:2@8,9"`` or as FRAPProtocol takes them.
    columns : mapping, str or sequence of str
        For a table: which column is what, as of :func:`skfrap.io.read_table`.
    sheet : str
        For a workbook of several tables: the name of the sheet.
    normalisation : {"auto", "none", "single", "double", "full_scale"}
        For a table, as :class:`skfrap.preprocessing.Normalizer`. Default "auto": double where there
        is a reference column that is no row of the model, else single.
    reference : str, path or region
        Of images: where nothing was bleached. With a compartment it is fitted as a row of the
        model, as of `rows`; without one each frame is divided by its light.

    Raises
    ------
    ValueError
        If there is no such model, or `free` and `fixed` do not go with it.
    """

    pixel_size: float | None = None
    frame_interval: float | None = None
    bleach_region: object | None = None
    recenter: bool = False
    n_prebleach: int | None = None
    n_bleach: int | None = None
    bleach_duration: float | None = None
    first_postbleach: float | None = None
    skip: int = 0
    until: float | None = None
    background: str = "auto"
    sigma: float = 5.0
    fading: str = "none"
    drift: str = "auto"
    dark_level: Any = 0.0
    bit_depth: int | None = None
    channel: int | None = None
    allow_large: bool = False
    series: object | None = None
    join: bool = False
    times: object | None = None
    padding: int | None = None
    model: str = "diffusion"
    free: tuple[str, ...] = ()
    fixed: dict | None = None
    noise: str = "constant"
    loss: str = "squared"
    bounds: dict | None = None
    level: float = 0.95
    start: str = "told"
    data: str = "curve"
    first_profile: object | None = None
    last_profile: object | None = None
    compartment: object | None = None
    rows: object | None = None
    columns: object | None = None
    sheet: str | None = None
    normalisation: str = "auto"
    reference: object | None = None

    def __post_init__(self):
        _check_fit(self)


def _check_fit(options):
    """Check what is asked of the fit before any file is read."""
    model_named(options.model)
    check_choice("start", options.start, STARTS)
    check_choice("data", options.data, DATA)
    check_choice("drift", options.drift, DRIFTS)
    check_number("sigma", options.sigma, 0, "number of pixels")
    _check_numbers(options)
    if options.dark_level != "auto":
        check_number("dark_level", options.dark_level, what="number of counts, or 'auto'")
    check_compartment(options)
    check_regions(options)
    if options.last_profile is not None and options.first_profile is None:
        raise ArgumentError(
            Argument("last_profile"),
            " says what stays, and the start is in the first frame: give ",
            Argument("first_profile"),
            " as well.",
        )
    if options.start == "measured" and options.model != "diffusion":
        raise ArgumentError(
            Argument("start", "start='measured'", "measured"),
            f" is of free diffusion, and the model is {options.model!r}; choose one of the two.",
        )
    if options.data == "images" and options.model != "diffusion":
        raise ArgumentError(
            Argument("data", "data='images'", "images"),
            f" is of free diffusion, and the model is {options.model!r}; choose one of the two.",
        )
    if options.data == "images" and options.start == "measured":
        raise ArgumentError(
            Argument("data", "data='images'", "images"),
            " takes the region as told, and ",
            Argument("start", "start='measured'", "measured"),
            " does not; choose one of the two.",
        )
    if isinstance(options.free, str):
        raise ValueError(f"free must be a sequence of names, got {options.free!r}.")
    fixed = options.fixed or {}
    of_noise = [name for name in fixed if name in _OF_NOISE]
    if of_noise and options.noise != "proportional":
        raise ArgumentError(
            f"{' and '.join(of_noise)} of the noise can be ",
            _FIXED,
            " only with ",
            Argument("noise", "noise='proportional'", "proportional"),
            f", got {options.noise!r}.",
        )
    _check_names(_FREE, options.free, options.model)
    _check_names(_FIXED, [name for name in fixed if name not in of_noise], options.model)
    for name, value in fixed.items():
        if name in options.free:
            raise ArgumentError(f"{name} is both ", _FREE, " and ", _FIXED, "; choose one.")
        try:
            check_value("", value, parameter(name))
        except ValueError as error:
            where = Argument("fixed", f"fixed[{name!r}]")
            raise ArgumentError(where, str(error)) from None
    if not _estimated(options):
        raise ArgumentError(
            _FIXED, f" holds all of {', '.join(fixed)}: nothing is left to estimate."
        )
    if options.skip and "imaging_bleach" in {*options.free, *fixed}:
        raise ArgumentError(
            Argument("skip", "skip"),
            f" is {options.skip}, and imaging_bleach counts every frame that was taken; use all "
            "frames after bleaching, skip 0.",
        )
    make_regressor(None, options)._check_options()


def _check_numbers(options):
    """Check the kind of numbers that are given; what they can be is checked with the frames."""
    for name, unit in _POSITIVE.items():
        if getattr(options, name) is not None:
            check_positive(name, getattr(options, name), f"number of {unit}")
    for name in ("n_prebleach", "n_bleach"):
        if getattr(options, name) is not None:
            check_count(name, getattr(options, name))
    check_count("skip", options.skip, 0)
    if options.until is not None:
        check_number("until", options.until, what="number of seconds")


def _check_names(what, names, model):
    known = model_named(model).defaults()
    for name in names:
        if name not in known:
            raise ArgumentError(
                what,
                f" takes the parameters of the model {model!r}, {', '.join(known)}; got {name!r}.",
            )


def _estimated(options):
    """List what is to be estimated: what has no default, and what is asked for."""
    own = model_named(options.model).defaults()
    fixed = options.fixed or {}
    return [
        name
        for name, default in own.items()
        if name in options.free or (default is None and name not in fixed)
    ]


def make_regressor(protocol, options):
    return LeastSquaresFRAP(
        protocol,
        options.bounds,
        model=options.model,
        parameters=_estimated(options),
        fixed=options.fixed,
        noise=options.noise,
        loss=options.loss,
    )
