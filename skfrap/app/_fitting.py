"""What is fitted of the series that is open, and which of it is shown."""

from typing import Any


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
