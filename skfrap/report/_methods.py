"""The paragraph on methods, ready to paste, and what to cite."""

import platform
from importlib import metadata

from skfrap import __version__
from skfrap.results._finding import count_in_words

_BESIDE = "numpy", "scipy", "scikit-learn"
_SPECTRAL = "roding"
_MODELS = {
    "diffusion": ("free diffusion, solved on the pixel grid by spectral methods", _SPECTRAL),
    "binding": ("diffusion and binding to immobile sites, solved on the pixel grid", _SPECTRAL),
    "two_populations": ("two freely diffusing populations, solved on the pixel grid", _SPECTRAL),
    "turnover": ("diffusion and exchange with a pool, solved on the pixel grid", _SPECTRAL),
    "flow": ("diffusion and uniform flow, solved on the pixel grid", _SPECTRAL),
    "anomalous": ("anomalous diffusion, solved on the pixel grid", "saxton"),
    "subdiffusion": ("fractional subdiffusion, solved on the pixel grid", "metzler"),
    "reaction": ("binding where diffusion is over at once", "sprague"),
    "soumpasis": ("Soumpasis' formula for a uniform disk", "soumpasis"),
    "gaussian_beam": ("Axelrod's formula for a Gaussian beam", "axelrod"),
    "exponential": ("a single exponential", None),
}
CITATIONS = {
    "skfrap": (
        f"The skfrap developers. skfrap, version {__version__}: diffusion from FRAP microscopy."
    ),
    "roding": (
        "Röding, Lacroix, Krona, Gebäck, Lorén. A highly accurate pixel-based FRAP model based on "
        "spectral-domain numerical methods. Biophys. J. 116, 1348–1361 (2019). "
        "doi:10.1016/j.bpj.2019.02.023"
    ),
    "deepfrap": (
        "Wåhlstrand Skärström, Krona, Lorén, Röding. DeepFRAP: fast fluorescence recovery after "
        "photobleaching data analysis using deep neural networks. J. Microsc. 282, 146–161 (2021). "
        "doi:10.1111/jmi.12989"
    ),
    "axelrod": (
        "Axelrod, Koppel, Schlessinger, Elson, Webb. Mobility measurement by analysis of "
        "fluorescence photobleaching recovery kinetics. Biophys. J. 16, 1055–1069 (1976)."
    ),
    "soumpasis": (
        "Soumpasis. Theoretical analysis of fluorescence photobleaching recovery experiments. "
        "Biophys. J. 41, 95–97 (1983)."
    ),
    "sprague": (
        "Sprague, Pego, Stavreva, McNally. Analysis of binding reactions by fluorescence recovery "
        "after photobleaching. Biophys. J. 86, 3473–3495 (2004). doi:10.1529/biophysj.103.026765"
    ),
    "saxton": (
        "Saxton. Anomalous subdiffusion in fluorescence photobleaching recovery: a Monte Carlo "
        "study. Biophys. J. 81, 2226–2240 (2001)."
    ),
    "metzler": (
        "Metzler, Klafter. The random walk's guide to anomalous diffusion. Phys. Rep. 339, 1–77 "
        "(2000)."
    ),
}
_BACKGROUNDS = {
    "subtract": "The smoothed image before bleaching was subtracted as uneven background",
    "divide": "Frames were divided by the smoothed image before bleaching, for uneven light",
    "none": "Uneven light was not corrected",
}
_FADINGS = {
    "none": "",
    "frame": "Fading was corrected frame by frame.",
    "exponential": "Fading was corrected by an exponential.",
}


def versions():
    """Return what the analysis ran on, by name."""
    found = {"skfrap": __version__, "Python": platform.python_version()}
    return found | {name: metadata.version(name) for name in _BESIDE}


def methods(settings, options, n_series, excluded, groups):
    """Write the paragraph on methods.

    Parameters
    ----------
    settings : list of dict
        Of each series, as `settings_of` gives them.
    options : dict
        What was asked for, as :class:`skfrap.analysis.ExperimentOptions` has it.
    n_series : int
        Of all, with those that failed.
    excluded : list of dict
        As `left_out` gives them.
    groups : dict or None
        As `together` gives them.

    Returns
    -------
    text : str
    cite : list of str
    """
    on = ", ".join(f"{name} {version}" for name, version in versions().items() if name != "skfrap")
    what = "series was" if n_series == 1 else "series were"
    text = [
        f"Fluorescence recovery after photobleaching (FRAP) was analysed with skfrap {__version__}",
        f"({on}). {n_series} {what} analysed.",
    ]
    keys = ["skfrap"]
    if settings:
        text += [_recording(settings), *_corrections(settings, options)]
        text += [_fit(settings, options, keys), _start(settings)]
    if excluded and n_series > 1:
        why = count_in_words(one["reason"] for one in excluded)
        text.append(f"{len(excluded)} of {n_series} series were left out of means ({why}).")
    if groups is not None:
        text.append(_groups(groups))
    keys.append("deepfrap")
    return " ".join(filter(None, text)), [CITATIONS[key] for key in dict.fromkeys(keys)]


def _values(settings, name):
    return [*dict.fromkeys(one[name] for one in settings)]


def _span(settings, name):
    """Write one value, or the range of several."""
    values = sorted(_values(settings, name), key=float)
    return f"{values[0]}" if len(values) == 1 else f"{values[0]} to {values[-1]}"


def _recording(settings):
    shapes = [one for one in _values(settings, "shape") if one]
    frames = ""
    if shapes:
        size = shapes[0] if len(shapes) == 1 else f"{len(shapes)} sizes"
        frames = f" Frames had {size} pixels of {_span(settings, 'pixel_size')} µm."
    known = [one for one in settings if one["region"]]
    text = (
        f"Each had {_span(settings, 'n_prebleach')} frames before bleaching and "
        f"{_span(settings, 'n_postbleach')} after it, {_span(settings, 'frame_interval')} s apart."
        f"{frames}"
    )
    if not known:
        return text
    return (
        f"{text} The bleach region ({' or '.join(_values(known, 'region'))}) had the area of a "
        f"circle with a radius of {_span(known, 'radius')} µm."
    )


def _corrections(settings, options):
    n_aligned = sum(one["aligned"] for one in settings)
    if n_aligned:
        which = "" if n_aligned == len(settings) else f" of {n_aligned} series"
        yield f"Frames{which} were aligned by the measured drift of the sample."
    how = [one for one in _values(settings, "background") if one in _BACKGROUNDS]
    if len(how) == 1:
        yield f"{_BACKGROUNDS[how[0]]}."
    elif how:
        yield "Uneven light was corrected as each series asked for (" + ", ".join(how) + ")."
    yield _FADINGS.get(str(options.get("fading", "none")), "")
    dark = options.get("dark_level")
    if dark:
        yield f"A dark level of {dark:g} counts was subtracted."
    if options.get("recenter"):
        yield "The bleach region was moved to where bleaching is seen."


def _fit(settings, options, keys):
    words = []
    for model in _values(settings, "model"):
        what, key = _MODELS.get(model, (f"{model}, which does not come with skfrap", None))
        if key is not None and key not in keys:
            keys.append(key)
        words.append(what)
    rows = [*dict.fromkeys(row for one in settings for row in one["rows"])]
    where = f" and over {', '.join(rows)}" if rows else ""
    loss = "Huber's loss" if options.get("loss") == "huber" else "least squares"
    what = f"The mean intensity over the bleach region{where}"
    if all(one["data"] == "images" for one in settings):
        what = "The intensity of every pixel in a window about the bleach region"
    text = f"{what} was fitted by {loss} with a model of {' or '.join(words)}"
    if any(one["compartment"] for one in settings):
        text += ", in a compartment that particles do not leave"
    free = [str(one).replace("_", " ") for one in options.get("free") or ()]
    if free:
        text += f", with {', '.join(free)} estimated as well"
    fixed = options.get("fixed") or {}
    if fixed:
        given = ", ".join(f"{name} = {value:g}" for name, value in dict(fixed).items())
        text += f", with {given} fixed"
    return f"{text}. Intervals are of {100 * settings[0]['level']:g} %."


def _start(settings):
    starts = [one["start"] for one in settings if one["region"]]
    if not starts:
        return ""
    n_seen = starts.count("measured")
    if not n_seen:
        return "What bleaching left was taken from the bleach region."
    if n_seen == len(starts):
        return (
            "What bleaching left was measured in the images, in rings about the bleached patch, "
            "and D estimated from how these profiles spread."
        )
    return (
        f"In {n_seen} of {len(starts)} series, what bleaching left was measured in the images, in "
        "rings about the patch; in the others it was taken from the bleach region."
    )


def _groups(groups):
    mean = "geometric means" if groups["scale"] == "log10" else "means"
    text = f"Replicates were averaged by a random-effects model ({mean})"
    if groups["pairs"]:
        text += ", and groups compared by Welch's t tests, adjusted after Holm"
    return f"{text}."
