"""What is fitted of the series that is open, and which of it is shown."""

from typing import Any

from skfrap.app._errors import AppError
from skfrap.app._worker import STOPPED

STAGES = (
    "fitting the curve",
    "alternatives and findings",
    "all pixels, and the rest",
)
"""What is being computed, one after the other; each is shown as soon as it is there."""


async def fit(session: Any) -> None:
    """Fit what is open, and again while other settings are wanted; the last one counts.

    First the curve alone, then what is known without all pixels, then all of it. What is not wanted
    any more is neither waited for nor shown.

    Parameters
    ----------
    session : Session
    """
    mark = None
    while mark != session.wanted and session.wanted[1]:
        mark = session.wanted
        given = session.told()
        if _has_curve(session, given):
            quick, _ = await _asked(session.live, "follow", mark[1], given, region=None, fit=True)
            _show(session, mark, 1, quick=quick)
        if mark == session.wanted and _is_moved(session, mark[1], given):
            soon, _ = await _asked(session.full, "analyse_soon", mark[1], given)
            if soon is not None:
                _show(session, mark, 2, results=soon)
        if mark == session.wanted:
            found, error = await _asked(session.full, "analyse", mark[1], given)
            if found:
                session.analysed = mark[1], given
            _show(session, mark, 3, results=found or [], error=error)
    session.busy = ""
    session.changed()


def _has_curve(session, given):
    """Tell whether a curve of one region can be fitted before all else."""
    free = given.get("model", "diffusion") == "diffusion"
    return free and not session.is_table and given.get("bleach_region") != "each"


def _is_moved(session, keep, given):
    """Tell whether a region that is given is all that has changed since the last analysis."""
    if session.analysed is None or "bleach_region" not in given:
        return False
    known, before = session.analysed
    same = [{**some, "bleach_region": ""} for some in (given, before)]
    return known == keep and same[0] == same[1]


async def _asked(worker, task, keep, given, **others):
    """Return what a task finds, and why it finds nothing."""
    try:
        return await worker.call(task, keep=keep, given=given, **others), None
    except AppError as error:
        return None, error.to_dict() if error.status != STOPPED else None


def _show(session, mark, stage, **found):
    """Show what was found, unless something else is wanted by now."""
    if mark != session.wanted:
        return
    if "results" in found:
        session.spot = min(session.spot, max(0, len(found["results"]) - 1))
    if stage > 1:
        session.error = found.pop("error", None)
    for name, value in found.items():
        if value is not None:
            setattr(session, name, value)
    session.stage = stage
    session.busy = (*STAGES, "")[stage]
    session.changed()


def spots_in(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tell several spots apart; empty of one region.

    Parameters
    ----------
    results : list of dict
        As of :func:`skfrap.app._outcome.describe_result`.

    Returns
    -------
    list of dict
    """
    if len(results) < 2:
        return []
    return [{name: one[name] for name in ("name", "words", "region")} for one in results]
