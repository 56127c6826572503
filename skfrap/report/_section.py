"""One series of a report: what is shown of an analysis, rendered as soon as it is there."""

import numpy as np

from skfrap.judging import prediction_deviations
from skfrap.parameters import parameter
from skfrap.report import _svg
from skfrap.report._frames import (
    data_uri,
    diverging,
    frames_of,
    overlay_of,
    residual_frames,
    side_for,
)
from skfrap.report._render import KEY, LATER, STANDING, render, safe
from skfrap.results import FINDINGS
from skfrap.results._estimates import in_numbers

_SEEN = 5.0  # standard deviations: less is not made to look like much
SEVERITIES = "unusable", "doubtful", "note"
STATES = {
    "good": "usable",
    "note": "usable, see notes",
    "doubtful": "doubtful",
    "unusable": "not usable",
    "failed": "failed",
}
MARKS = {"good": "✓", "note": "i", "doubtful": "?", "unusable": "✗", "failed": "✗"}


def state_of(findings):
    """Return the worst that is found, "good" if nothing is."""
    found = {one.severity for one in findings}
    return next((one for one in SEVERITIES if one in found), "good")


def part_of(analysis, record, n_series):
    """Render what a report holds of one series; nothing of the images is kept beyond that.

    Parameters
    ----------
    analysis : SeriesAnalysis
    record : dict
        As :func:`record_of` gives it.
    n_series : int
        How many are expected: pictures of many are smaller.

    Returns
    -------
    dict
        Plain values: ``section``, the text, in which :data:`KEY` stands for the series, and others
        for what is known of it beside others; ``spark``, its curve for a table; ``n_pictures``;
        ``n_findings``, how many the text holds; ``settings``, what the methods say of it.
    """
    left = residual_images(analysis)
    side = side_for(n_series, 3 + len(left))
    frames = frames_of(analysis, side)
    overlay, drawn = overlay_of(analysis)
    residuals, reach = residual_frames(left, side)
    protocol, estimates = analysis.protocol, analysis.estimates
    findings = estimates.findings[0]
    deviations = deviations_of(analysis)
    section = render(
        "series.html",
        key=KEY,
        name=analysis.name,
        file=record["file"],
        standing=STANDING,
        later=LATER,
        headline=estimates.values_in_words(0),
        settings=_in_words(analysis),
        shape=protocol.shape,
        frames=frames,
        overlay=safe(overlay),
        drawn=drawn,
        curve=safe(_svg.curve(protocol, analysis.curve, analysis.fitted, deviations)),
        curve_box=_svg.CURVE_BOX,
        curve_words=_curve_in_words(analysis),
        rows=_rows(protocol),
        thinned=len(protocol.times) > _svg.MOST_DOTS,
        has_band=deviations is not None,
        residuals=residuals,
        reach=reach,
        pattern=_pattern(analysis),
        parameters=_parameters(estimates),
        level=100 * estimates.level,
        alternatives=_alternatives(analysis.alternatives),
        findings=findings_shown(findings),
        sources=analysis.sources,
        drift=safe(_drift(analysis)),
        drift_box=_svg.DRIFT_BOX,
    )
    n = len(protocol.times)
    spark = _svg.spark(analysis.curve[:n], analysis.fitted[:n], protocol.n_prebleach)
    return {
        "section": section,
        "spark": spark,
        "n_pictures": len(frames),
        "shape": [int(size) for size in protocol.shape],
        "n_findings": len(findings),
        "settings": settings_of(analysis),
    }


def findings_shown(findings):
    """Return what is shown of findings, as plain values."""
    return [_finding(one) for one in findings]


def settings_of(analysis):
    """Return what the methods say of one series, as plain values."""
    protocol = analysis.protocol
    return {
        "model": analysis.model,
        "start": analysis.start,
        "shape": " × ".join(map(str, reversed(protocol.shape))) if _has_images(analysis) else "",
        "pixel_size": f"{protocol.pixel_size:.4g}",
        "n_prebleach": int(protocol.n_prebleach),
        "n_postbleach": int(protocol.n_postbleach),
        "frame_interval": f"{protocol.frame_interval:.4g}",
        "region": str(protocol.bleach_region).partition("(")[0].lower() * analysis.has_region,
        "radius": f"{protocol.equivalent_radius:.3g}",
        "compartment": protocol.compartment is not None,
        "rows": [name.replace("_", " ") for name in protocol.row_names[1:]],
        "data": getattr(analysis, "data", "curve"),
        "aligned": bool(analysis.aligned),
        "background": analysis.sources.get("background", "").partition(",")[0],
        "level": analysis.estimates.level,
    }


def _has_images(analysis):
    return analysis.bleached is not None


def residual_images(analysis):
    """Return images of what a fit of images leaves: pairs of a title and an image; mostly none."""
    return list(getattr(analysis, "residual_images", None) or ())


def _pattern(analysis):
    """Show what a fit of all pixels leaves of rings over time; None without such a fit."""
    misfit = getattr(getattr(analysis, "images", None), "misfit", None)
    if misfit is None:
        return None
    pattern = np.atleast_2d(misfit.pattern)
    finite = np.abs(pattern[np.isfinite(pattern)])
    reach = max(float(finite.max(initial=0.0)), _SEEN)
    picture = data_uri(*diverging(pattern, reach))
    return {"picture": picture, "reach": reach, "words": analysis.images.in_words()}


def _drift(analysis):
    """Draw how the sample moves, where it matters and was measured in every frame."""
    drift, protocol = analysis.drift, analysis.protocol
    matters = analysis.aligned or analysis.estimates.has_finding("motion_left")[0]
    if drift is None or not matters or len(drift.shifts) != len(protocol.times):
        return ""
    return _svg.drift(protocol, drift.shifts * protocol.pixel_size)


def deviations_of(analysis):
    """Return the standard deviations of measurements about the fit; None of a start as seen."""
    fit, of_curve = analysis.estimates.fit, getattr(analysis, "data", "curve") == "curve"
    if analysis.start == "measured" or not of_curve or fit is None:
        return None
    if fit.data.shape[1] != len(analysis.curve):
        return None
    found = prediction_deviations(fit.data, fit.curves, fit.tangents())[0]
    return found if np.isfinite(found).any() else None


def _in_words(analysis):
    protocol = analysis.protocol
    what = [f"model {analysis.model}"]
    what.append("start as told" if analysis.start == "told" else "start as seen in the images")
    what.append(f"{protocol.n_prebleach} + {protocol.n_postbleach} frames")
    if _has_images(analysis):
        what.append(f"pixel {protocol.pixel_size:.4g} µm")
    return ", ".join(what)


def _rows(protocol):
    names = [name.replace("_", " ") for name in protocol.row_names]
    return names if len(names) > 1 else []


def _curve_in_words(analysis):
    """Describe the curve to those who do not see it."""
    n, curve = analysis.protocol.n_prebleach, analysis.curve[: len(analysis.protocol.times)]
    before, first, last = np.nanmean(curve[:n]), curve[n], np.nanmean(curve[n:][-5:])
    return (
        f"Recovery curve of {analysis.name}: {before:.3g} before bleaching, {first:.3g} in the "
        f"first frame after it, {last:.3g} at the end, with the fitted curve and its residuals."
    )


def _parameters(estimates):
    rows = []
    for name, values in estimates.values.items():
        entry = parameter(name)
        lower, value, upper = (
            float(one[name][0]) for one in (estimates.lower, estimates.values, estimates.upper)
        )
        if np.isnan(values[0]):
            shown, ends = "not estimated", ""
        else:
            shown, ends = in_numbers(entry, lower, value, upper)
            shown = shown.partition(" = ")[2]
            ends = "fixed" if lower == upper else ends
        rows.append({"name": name, "value": shown, "ends": ends, "meaning": entry.meaning})
    return rows


def _alternatives(alternatives):
    def number(one, name):
        if not np.isfinite(one.values.get(name, np.nan)):
            return "", ""
        value, ends = in_numbers(
            parameter(name), one.lower[name], one.values[name], one.upper[name]
        )
        return value.partition(" = ")[2].partition(" ")[0], ends

    return [
        {
            "name": one.name,
            "taken": one.taken,
            "recommended": one.recommended,
            "D": number(one, "D"),
            "mobile": number(one, "mobile_fraction"),
            "assumes": one.assumes,
            "why": one.why,
            "found": [words(f) for f in one.findings],
        }
        for one in alternatives
    ]


def _finding(one):
    kind = FINDINGS[one.code]
    return {
        "severity": one.severity,
        "label": one.label,
        "words": words(one),
        "remedy": kind.remedy,
        "meaning": kind.meaning,
    }


def words(finding):
    """Write a finding as a sentence."""
    text = str(finding)
    text = text[:1].upper() + text[1:] if not finding.subject else text
    return text if text.endswith((".", "?", "!")) else f"{text}."
