"""D from all pixels of a series, beside that from the curve, and whether the two agree."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from skfrap.analysis._options import make_regressor
from skfrap.estimators import FRAPEstimates
from skfrap.experiment import FRAPProtocol
from skfrap.judging._image_fits import cells_of, misfit_of_cells
from skfrap.judging._image_misfit import ImageMisfit
from skfrap.models.forward._window import window_of
from skfrap.parameters import parameter
from skfrap.preprocessing import ImageScoreExtractor
from skfrap.results import Alternative, Alternatives, Finding

_UNSEEN = "all pixels are not used: {}"
_MOST = 400_000_000  # values in a window: of more, reading takes longer than all else
_AROUND = 10.0  # times the D of the curve, within which that of the images is looked for first
_PER_DECADE = 2  # ranges of D that are told apart
_AT_END = 0.02  # of D: so near to an end of that it may be beyond
_WIDEST = 0.5  # radii of the region: the largest blur
_FAR = 3.5  # standard errors of both, beyond which two estimates disagree
_EXCUSED = 1.5  # the same, that a misfit of the images has to leave
_FLOOR = 0.01  # decades: what curves and images differ by for what neither error knows
_KNOWN = 0.15  # decades: standard error of D, up to which the images tell anything
_MUCH = 3.0  # times the error by noise, from which a misfit is told
_LARGE = 0.05  # decades: a misfit of D, from which it is doubtful
_SHARE = "mobile_fraction"
_BLURS = "bleach_blur", "imaging_blur"
_NAMES = {False: "pixels, all mobile", True: "pixels, mobile fraction"}
_ASSUMES = (
    "the region as told, bleached when it was told; {}; light that is even once divided by that "
    "before bleaching, and a level for each frame"
)
_STAYS = {False: "all particles move", True: "a share of the particles stays"}


@dataclass(frozen=True, eq=False)
class ImageEstimate:
    """What all pixels of a window about the bleach region make of a series.

    Attributes
    ----------
    estimates : FRAPEstimates
        As asked for, with intervals of noise and misfit together.
    misfit : ImageMisfit
        How well the images are described, and both errors.
    other : FRAPEstimates or None
        The same with a mobile fraction, or without one if it was asked for.
    other_misfit : ImageMisfit or None
    window : tuple of two slices
        Rows and columns that are compared.
    protocol : FRAPProtocol
    """

    estimates: FRAPEstimates
    misfit: ImageMisfit
    other: FRAPEstimates | None
    other_misfit: ImageMisfit | None
    window: tuple
    protocol: FRAPProtocol

    @property
    def has_share(self):
        """Whether a mobile fraction is estimated as asked for."""
        return _SHARE in self.estimates.fit.space.free

    def reading(self, mobile):
        """Return estimates and misfit with a mobile fraction, or without."""
        if mobile == self.has_share:
            return self.estimates, self.misfit
        return self.other, self.other_misfit

    def error_of(self, name, kind="total"):
        """Return the standard error of a parameter on its target's scale.

        Parameters
        ----------
        name : str
        kind : {"total", "noise", "misfit"}, default="total"
        """
        return float(getattr(self.misfit, f"{kind}_error")[self.misfit.names.index(name)])

    def curve(self, told):
        """Return the model's curve of the region, beside the measured one, (n_frames,).

        Parameters
        ----------
        told : Told
            With the curve that was measured.
        """
        n = self.protocol.n_prebleach
        found = self.estimates.fit.values() | {"c0": told.curve[:, :n].mean()}
        model = told.regressor.model_
        return model.curves(**{name: found[name] for name in model.defaults()})[0]

    def in_words(self):
        """Say in one line what was compared, and how large both errors of D are."""
        rows, columns = (part.stop - part.start for part in self.window)
        chi2 = float(np.mean(self.misfit.chi2_of_frames))
        text = f"window of {rows} x {columns} pixels, each frame over its own level"
        if "D" in self.misfit.names:
            noise, misfit = (100 * np.log(10) * self.error_of("D", k) for k in ("noise", "misfit"))
            text += f"; standard error of D {noise:.2g} % by noise"
            text += f", {misfit:.2g} % by misfit" if misfit > 0 else ", no misfit seen"
        return f"{text}; squares {chi2:.3g} times those of the noise"


def see_images(stacks, protocol, options, told, flat_field):
    """Estimate from all pixels, where that can be done.

    Parameters
    ----------
    stacks : StackSequence
        Of one stack, rescaled and corrected for fading.
    protocol : FRAPProtocol
        With the region as it was told.
    options : ExperimentOptions
    told : Told
        The curve of the region, fitted.
    flat_field : float or None
        Smoothing of the image before bleaching, by which frames are divided; None is not divided.

    Returns
    -------
    seen : ImageEstimate or None
    why : str
        Why there is none.
    """
    why = _why_not(protocol, options, told)
    if why:
        return None, _UNSEEN.format(why)
    try:
        return _estimate(stacks, protocol, options, told, flat_field), ""
    except (ValueError, np.linalg.LinAlgError) as error:
        return None, _UNSEEN.format(str(error).rstrip("."))


def _why_not(protocol, options, told):
    asked = {*options.free, *(options.fixed or {})}
    rows, columns = window_of(protocol, "auto")
    n_values = protocol.n_frames * (rows.stop - rows.start) * (columns.stop - columns.start)
    for refused, words in (
        (options.model != "diffusion", "that is of free diffusion only"),
        (protocol.compartment is not None, "that is of an open field"),
        (protocol.rows is not None, "that is of the bleach region alone"),
        ("imaging_bleach" in asked, "frames have levels of their own there, and no imaging_bleach"),
        (options.noise != "constant" or options.loss != "squared", "that is by least squares"),
        (n_values > _MOST, f"{n_values:.2g} of them are more than {_MOST:.2g}, which takes long"),
        # Of another model, which has been refused by then, there may be none.
        (np.isnan(told.estimates.values.get("D", [np.nan])[0]), "the curve shows no bleaching"),
    ):
        if refused:
            return words
    return ""


def _estimate(stacks, protocol, options, told, flat_field):
    """Fit all pixels near the D of the curve, and over all of its range if that is too narrow."""
    whole = told.regressor.bounds_["D"]
    if whole[0] == whole[1]:  # D is given, and scores are of a range about it
        whole = whole[0] / _AROUND, whole[0] * _AROUND
    log_D = np.log10(np.clip(float(told.estimates.values["D"][0]), *whole))
    # Series of one kind share what is prepared.
    D = 10 ** (np.round(log_D * _PER_DECADE) / _PER_DECADE)
    near = max(whole[0], D / _AROUND), min(whole[1], D * _AROUND)
    for ends in (near, whole):
        seen = _fit(stacks, protocol, options, flat_field, ends)
        D = float(seen.estimates.values["D"][0])
        if not (np.isclose(D, ends, rtol=_AT_END).any() and ends != whole):
            break
    return seen


def _fit(stacks, protocol, options, flat_field, ends):
    # What is given of D is looked through; blur has to have a range, too.
    bounds = {**(options.bounds or {}), "D": ends}
    ranges = {"D": ends}
    if "bleach_blur" in options.free:
        ranges["bleach_blur"] = bounds.setdefault("bleach_blur", (0.0, _WIDEST * _radius(protocol)))
    fixed = {k: v for k, v in (options.fixed or {}).items() if k in _BLURS}
    extractor = ImageScoreExtractor(protocol, flat_field=flat_field, ranges=ranges, fixed=fixed)
    X = extractor.fit_transform(stacks)
    surrogate = X.surrogate
    cells = cells_of(stacks.view(0), surrogate)
    asked = _SHARE in options.free
    readings = {}
    for mobile in (False, True):
        if mobile and _SHARE in (options.fixed or {}):
            continue
        free = tuple(name for name in options.free if name != _SHARE)
        some = replace(options, bounds=bounds, free=(*free, _SHARE) if mobile else free)
        regressor = make_regressor(protocol, some).fit(X)
        estimates = regressor.estimate(X, level=options.level)
        misfit = misfit_of_cells(estimates.fit, cells)
        readings[mobile] = _widened(estimates, misfit), misfit
    if asked and asked not in readings:
        asked = False
    other, other_misfit = readings.get(not asked, (None, None))
    return ImageEstimate(*readings[asked], other, other_misfit, surrogate.window, protocol)


def _radius(protocol):
    return protocol.equivalent_radius


def _widened(estimates, misfit):
    """Make intervals as much wider as the whole error is larger than that by noise.

    That the model does not describe the images to their noise is in them then.
    """
    findings = tuple(
        tuple(one for one in some if one.code != "model_visibly_wrong")
        for some in estimates.findings
    )
    ends = {"lower": dict(estimates.lower), "upper": dict(estimates.upper)}
    for name, factor in zip(misfit.names, misfit.factor, strict=True):
        entry = parameter(name)
        value = entry.to_target(estimates.values[name])
        for some in ends.values():
            reach = factor * (entry.to_target(some[name]) - value)
            moved = np.clip(entry.from_target(value + reach), entry.lowest, entry.highest)
            some[name] = np.where(np.isfinite(some[name]), moved, some[name])
    return replace(estimates, findings=findings, **ends)


# What is said of it


class Disagreement(NamedTuple):
    """How far all pixels and the curve of the region are apart.

    Attributes
    ----------
    D : float
        Of the images, µm²/s.
    errors : float
        Standard errors of both between them, what does not fit of the images included.
    noise_errors : float, default=0
        Standard errors of the curve by noise, which the images share: of right data the two are
        apart by less than one. What does not fit excuses no more than a part of them.
    """

    D: float
    errors: float
    noise_errors: float = 0.0

    @property
    def is_clear(self):
        """Whether they disagree."""
        return self.errors > _FAR or (self.errors > _EXCUSED and self.noise_errors > _FAR)

    @property
    def _in_errors(self):
        if self.errors > _FAR:
            return f"{self.errors:.2g} standard errors of both"
        return f"{self.noise_errors:.2g} standard errors by noise"

    @property
    def findings(self):
        """What is to be known of the curve's result."""
        if not self.is_clear:
            return []
        words = f"all pixels about the region give D = {self.D:.4g} µm²/s, {self._in_errors} away"
        return [Finding.of("images_disagree", words, "D")]


def compare_images(told, seen):
    """Hold all pixels against the curve of the region, with the same parameters free.

    Where the curve asks for a mobile fraction the two may agree with one.

    Parameters
    ----------
    told : Told
    seen : ImageEstimate

    Returns
    -------
    Disagreement or None
        None where the one or the other hardly tells D.
    """
    asks = told.estimates.has_finding("larger_model_fits")[0]
    pairs = [(told.estimates.fit, seen.estimates, seen.misfit)]
    if not seen.has_share and asks and True in told.others and seen.other is not None:
        pairs.append((told.others[True], seen.other, seen.other_misfit))
    found = [_apart(*pair) for pair in pairs]
    return min((one for one in found if one), key=lambda one: one.errors, default=None)


def _apart(fit, estimates, misfit):
    if "D" not in fit.space.free or "D" not in misfit.names:  # it is given
        return None
    column = fit.space.column("D")
    own, error = float(fit.std[0, column]), float(misfit.total_error[misfit.names.index("D")])
    at_end = (
        estimates.has_finding("at_upper_bound")[0] or estimates.has_finding("at_lower_bound")[0]
    )
    if at_end or not (own < _KNOWN and error < _KNOWN):
        return None
    D = float(estimates.values["D"][0])
    apart = abs(np.log10(D) - float(fit.theta[0, column]))
    errors = [np.linalg.norm(some) for some in ((own, error, _FLOOR), (own, _FLOOR))]
    return Disagreement(D, *(float(apart / one) for one in errors))


def misfit_findings(misfit, protocol):
    """Say where images are not as the model has them, and what that makes of D.

    Parameters
    ----------
    misfit : ImageMisfit
    protocol : FRAPProtocol

    Returns
    -------
    list of Finding
    """
    if "D" not in misfit.names:
        return []
    k = misfit.names.index("D")
    noise, error = float(misfit.noise_error[k]), float(misfit.misfit_error[k])
    if not (error > 0 and misfit.factor[k] > _MUCH):
        return []
    percent = 100 * np.log(10) * error
    words = (
        f"the images are not as the model has them, by which D is uncertain by {percent:.2g} % "
        f"(standard error; {100 * np.log(10) * noise:.2g} % by noise): {_where(misfit, protocol)}"
    )
    code = "images_misfit" if error > _LARGE else "images_partly_misfit"
    return [Finding.of(code, words, "D")]


def _where(misfit, protocol):
    """Say what pulls D apart most."""
    k = misfit.names.index("D")
    parts = {name: getattr(misfit, name)[k] for name in ("by_rings", "by_sectors", "by_time")}
    worst = max(parts, key=parts.get)
    if misfit.by_windows[k] >= parts[worst]:
        inner = {window: 10 ** theta[k] for window, theta in misfit.windows.items()}
        each = ", ".join(
            f"{D:.3g} within {window:.2g} radii" for window, D in inner.items() if window < np.inf
        )
        return f"it is {each} of the region"
    if worst == "by_sectors":
        return "one side differs from the other, as where the region lies beside the patch"
    if worst == "by_time":
        return "early frames and late ones differ"
    place = np.unravel_index(np.argmax(np.abs(misfit.pattern)), misfit.pattern.shape)
    inner = misfit.radii[place[1] - 1] if place[1] else 0.0
    outer = misfit.radii[place[1]]
    radius = protocol.equivalent_radius
    reach = f"{inner * radius:.3g}"
    if np.isfinite(outer):
        reach += f" to {outer * radius:.3g}"
    how = "brighter" if misfit.pattern[place] > 0 else "darker"
    return f"most {reach} µm from the middle of the region, {how} than in the model"


def image_alternatives(seen, findings=()):
    """Describe what all pixels make of the start as told, with and without a mobile fraction.

    Parameters
    ----------
    seen : ImageEstimate
    findings : sequence of Finding, default=()
        Besides those of the fits.

    Returns
    -------
    list of Alternative
        None taken or recommended yet.
    """
    rows = []
    for mobile in (False, True):
        estimates, misfit = seen.reading(mobile)
        if estimates is None or "D" not in estimates.values:
            continue
        kept = ["D", _SHARE] if mobile else ["D"]
        values, lower, upper = (
            {name: float(part[name][0]) for name in kept}
            for part in (estimates.values, estimates.lower, estimates.upper)
        )
        errors = {}
        if "D" in misfit.names:
            k = misfit.names.index("D")
            errors = {"noise": misfit.noise_error[k], "misfit": misfit.misfit_error[k]}
        found = (*findings, *estimates.findings[0], *misfit_findings(misfit, seen.protocol))
        rows.append(
            Alternative(
                _NAMES[mobile], "told", values, lower, upper, _ASSUMES.format(_STAYS[mobile]),
                "images", np.nan, found, errors={k: float(v) for k, v in errors.items()},
            )
        )  # fmt: skip
    return rows


def with_images(alternatives, seen, disagreement, findings, *, taken):
    """Put what all pixels say into the table, after the curves of the region.

    Parameters
    ----------
    alternatives : Alternatives
    seen : ImageEstimate
    disagreement : Disagreement or None
    findings : sequence of Finding
        On the start as told, whatever it is fitted to.
    taken : bool
        Whether the result is that of all pixels.

    Returns
    -------
    Alternatives
    """
    asked = _NAMES[seen.has_share]
    rows = [replace(one, taken=one.taken and not taken) for one in alternatives]
    agree = disagreement is not None and not disagreement.is_clear
    own = []
    for one in image_alternatives(seen, findings):
        why = "it is of the same region, and agrees" if agree else "it is of the same region"
        if not one.usable:
            why = "its D must not be used"
        elif disagreement is not None and disagreement.is_clear:
            why = "the curve of the region does not agree"
        own.append(replace(one, taken=taken and one.name == asked, why=why))
    best = next((one for one in rows if one.recommended), None)
    if agree and best is not None and best.data == "curve":
        k = rows.index(best)
        rows[k] = replace(
            best,
            why=f"{best.why}; so do all pixels"
            if "agree" in best.why
            else f"{best.why}, and all pixels agree",
        )
    place = sum(one.data == "curve" for one in rows)
    return Alternatives((*rows[:place], *own, *rows[place:]))
