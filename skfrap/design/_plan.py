"""Experiments to choose from, by how well they will tell what is wanted."""

import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from skfrap._checks import check_choice
from skfrap.design._errors import as_percent, expected_errors, with_unit
from skfrap.experiment import Circle, FRAPProtocol
from skfrap.numerics._progress import shown
from skfrap.parameters import parameter
from skfrap.results._finding import as_labels, in_words
from skfrap.results._tables import Columns

_AS_GOOD = 1.1
_MOST_FRAMES = 10**5  # before memory is taken for them


@dataclass(frozen=True)
class Setting:
    """Describe something of an experiment that can be chosen.

    Parameters
    ----------
    label : str
        For people.
    unit : {"", "s", "µm"}
    """

    label: str
    unit: str = ""

    def __str__(self):
        return f"{self.label} ({self.unit})" if self.unit else self.label


SETTINGS = {
    "frame_interval": Setting("frame interval", "s"),
    "radius": Setting("bleach radius", "µm"),
    "n_prebleach": Setting("prebleach frames"),
    "n_bleach": Setting("bleach frames"),
    "n_postbleach": Setting("postbleach frames"),
    "duration": Setting("time recorded after bleaching", "s"),
    "bleach_interval": Setting("time between bleach frames", "s"),
}


@dataclass(frozen=True, eq=False)
class ExperimentPlan(Columns):
    """Hold experiments to choose from, those first in which the target is known best.

    Attributes
    ----------
    protocols : tuple of FRAPProtocol
    settings : dict of str to ndarray of shape (n_protocols,)
        What differs between them.
    expected : tuple of ExpectedErrors
        For each protocol, an entry per guess.
    target : str
        The parameter that is to be known well.
    total_time_s : ndarray of shape (n_protocols,)
        From the first frame to the last.
    error : ndarray of shape (n_protocols,)
        Expected standard error of the target over its value, the largest over the guesses.
    determined : ndarray of shape (n_protocols,) of bool
        Whether all that tells how fast something happens is determined, for all guesses.
    findings : tuple of n_protocols tuples of Finding
        What is to be known of each experiment; the words say for which guesses.
    flags : ndarray of shape (n_protocols,) of str
        The findings in words.
    """

    protocols: tuple
    settings: dict
    expected: tuple
    target: str

    def __len__(self):
        return len(self.protocols)

    @property
    def total_time_s(self):
        """Time from the first frame to the last, s."""
        return np.array([np.ptp(protocol.times) for protocol in self.protocols])

    @property
    def error(self):
        """Relative standard error of the target, the largest over the guesses."""
        return np.array([one.relative_error(self.target).max() for one in self.expected])

    @property
    def determined(self):
        """Whether all that tells how fast something happens is determined, for all guesses."""
        return np.array([one.determined.all() for one in self.expected])

    @property
    def findings(self):
        """What is to be known of each experiment, each once, and for which guesses."""
        return tuple(_join_findings(one, self.target) for one in self.expected)

    @property
    def flags(self):
        """What is to be known of each experiment, in words, and for which guesses."""
        return np.array([in_words(some) for some in self.findings], dtype=str)

    def best(self) -> FRAPProtocol:
        """Return the protocol with the smallest error.

        Returns
        -------
        FRAPProtocol
        """
        return self.protocols[0]

    def shortest(self, within: float = _AS_GOOD) -> FRAPProtocol:
        """Return the protocol that takes the least time and is nearly as good as the best.

        Parameters
        ----------
        within : float, default=1.1
            Largest error accepted, over that of the best.

        Returns
        -------
        FRAPProtocol
        """
        return self.protocols[self._shortest(within)]

    def _shortest(self, within=_AS_GOOD):
        good = (self.determined == self.determined[0]) & (self.error <= within * self.error[0])
        good[0] = True
        return int(np.where(good, self.total_time_s, np.inf).argmin())

    def to_dict(self) -> dict[str, Any]:
        """Return the columns by name, with times in s and lengths in µm.

        Returns
        -------
        dict
            Columns by name.
        """
        units = {"µm": "_um", "s": "_s", "": ""}
        columns = {
            name + units[SETTINGS[name].unit]: values for name, values in self.settings.items()
        }
        return columns | {
            "total_time_s": self.total_time_s,
            f"{self.target}_relative_error": self.error,
            "determined": self.determined,
            "flags": self.flags,
            "findings": np.array([as_labels(some) for some in self.findings], dtype=str),
        }

    def summary(self):
        """Describe all experiments in a table.

        Returns
        -------
        list of str
            The head and a line for each.
        """
        heads = [str(SETTINGS[name]) for name in self.settings]
        columns = [[f"{value:.4g}" for value in values] for values in self.settings.values()]
        heads += ["total time (s)", f"standard error of {self.target}"]
        columns.append([f"{value:.4g}" for value in self.total_time_s])
        columns.append([as_percent(error) for error in self.error])
        cells = []
        for head, column in zip(heads, columns, strict=True):
            width = max(map(len, (head, *column)))
            cells.append([text.rjust(width) for text in (head, *column)])
        cells.append(["", *self.flags])
        return ["  ".join(row).rstrip() for row in zip(*cells, strict=True)]

    def recommendation(self) -> list[str]:
        """Say in words what to choose.

        Returns
        -------
        list of str
            Sentences.
        """
        if not self.determined[0]:
            nearest = f"The nearest, {self._described(0)}: {self.flags[0]}."
            return ["None of these experiments determines all that is to be estimated.", nearest]
        sentences = [f"Best: {self._described(0)}. {self._promise(0)}"]
        shortest = self._shortest()
        if shortest:
            sentences.append(
                f"Nearly as good in less time: {self._described(shortest)}. "
                f"{self._promise(shortest)}"
            )
        for name, values in self.settings.items():
            for end, which, other in (
                (values.min(), "smallest", "a smaller"),
                (values.max(), "largest", "a larger"),
            ):
                if values.min() < values.max() and values[0] == end:
                    sentences.append(
                        f"Of {SETTINGS[name].label} the {which} value tried is best; "
                        f"{other} one may be better still."
                    )
        return sentences

    def _described(self, k):
        parts = (
            f"{SETTINGS[name].label} {values[k]:.4g} {SETTINGS[name].unit}".rstrip()
            for name, values in self.settings.items()
        )
        return ", ".join(parts) or repr(self.protocols[k])

    def _promise(self, k):
        one, name = self.expected[k], self.target
        worst = one.relative_error(name).argmax()
        value = with_unit(name, one.values[name][worst])
        ends = f"{one.lower[name][worst]:.4g} to {one.upper[name][worst]:.4g}"
        at_worst = ", at worst," if len(one) > 1 else ""
        return (
            f"Expect{at_worst} {value} to {as_percent(self.error[k])} (standard error; "
            f"{100 * one.level:g} % interval {ends}) from {self.total_time_s[k]:.4g} s."
        )


def plan(
    protocol: FRAPProtocol,
    values: dict[str, Any],
    vary: dict[str, Any],
    *,
    a: float,
    target: str | None = None,
    **options: Any,
) -> ExperimentPlan:
    """Compare experiments by how well they will tell the diffusion coefficient.

    Every combination of the settings is tried; all else is as in `protocol`. The noise of a pixel
    is taken to be the same in all, and so is alpha.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment to start from.
    values : dict
        Guesses as for :func:`expected_errors`. Where only a range of D is known give an array, e.g.
        ``np.geomspace(1, 100, 9)``: what counts is the worst over all guesses.
    vary : dict of str to sequence of float
        What to vary and the values to try: ``frame_interval`` (s), ``radius`` of a circular bleach
        region (µm), ``n_prebleach``, ``n_bleach``, ``n_postbleach``, ``duration`` (s, recorded
        after bleaching, in as many frames as fit in) or ``bleach_interval`` (s). With another
        frame interval the number of frames stays, unless `duration` is given.
    a : float
        Constant part of a pixel's noise variance.
    target : str, default=None
        The parameter that is to be known well. None is D, or the first that tells how fast
        something happens.
    **options
        As of :func:`expected_errors`.

    Returns
    -------
    ExperimentPlan

    Raises
    ------
    ValueError
        If a setting or the target is unknown, or a combination of settings is no protocol.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.design import plan
    >>> guess = {"D": [10.0, 100.0], "c0": 0.7, "alpha": 0.6}
    >>> choice = plan(FRAPProtocol(), guess, {"frame_interval": [0.05, 0.265, 4.0]}, a=3e-3)
    >>> for line in choice.summary():
    ...     print(line)
    frame interval (s)  total time (s)  standard error of D
                  0.05            5.65               0.61 %
                 0.265           29.95                1.6 %
                     4             452                7.9 %
    >>> choice.best().frame_interval
    0.05
    """
    if not isinstance(protocol, FRAPProtocol):
        raise ValueError(f"protocol must be a FRAPProtocol, got {protocol!r}.")
    tried = _check_settings(vary)
    combinations = [dict(zip(tried, chosen, strict=True)) for chosen in product(*tried.values())]
    protocols = [_changed(protocol, chosen) for chosen in combinations]
    every = shown(protocols, "planning", "protocol")
    expected = [expected_errors(one, values, a=a, **options) for one in every]
    names = [*expected[0].errors]
    if target is None:
        rates = [name for name in names if parameter(name).is_rate]
        target = (["D"] if "D" in names else rates or names)[0]
    check_choice("target", target, names)
    errors = [one.relative_error(target).max() for one in expected]
    poor = [not one.determined.all() for one in expected]
    times = [np.ptp(one.times) for one in protocols]
    order = np.lexsort((times, errors, poor))
    return ExperimentPlan(
        tuple(protocols[k] for k in order),
        {name: np.array([combinations[k][name] for k in order]) for name in tried},
        tuple(expected[k] for k in order),
        target,
    )


def _check_settings(vary):
    if not isinstance(vary, Mapping):
        raise ValueError(f"vary must be a dictionary of values by setting, got {vary!r}.")
    tried = {}
    for name, given in vary.items():
        if name not in SETTINGS:
            raise ValueError(f"vary takes the settings {tuple(SETTINGS)}, got {name!r}.")
        chosen = list(given) if isinstance(given, Iterable) else [given]
        if not chosen or not all(isinstance(value, numbers.Real) for value in chosen):
            raise ValueError(f"vary[{name!r}] must be one or more numbers, got {given!r}.")
        tried[name] = chosen
    if "duration" in tried and "n_postbleach" in tried:
        raise ValueError(
            "vary takes duration or n_postbleach, not both: one follows from the other."
        )
    return tried


def _changed(protocol, chosen):
    """Change the settings of a protocol."""
    changes = {}
    for name, value in chosen.items():
        whole = name.startswith("n_") and float(value).is_integer()
        changes[name] = int(value) if whole else value
    irregular = protocol.postbleach_times is not None
    if irregular and {*changes} & {"frame_interval", "n_postbleach", "duration"}:
        raise ValueError(
            "protocol has postbleach_times of its own; to vary times or numbers of frames give one "
            "whose frames are evenly spaced."
        )
    if "radius" in changes:
        region = protocol.bleach_region
        if not isinstance(region, Circle):
            raise ValueError(f"vary['radius'] needs a circular bleach_region, got {region!r}.")
        changes["bleach_region"] = replace(region, radius=changes.pop("radius"))
    if "duration" in changes:
        duration = changes.pop("duration")
        interval = changes.get("frame_interval", protocol.frame_interval)
        # As many as fit in, but for rounding.
        n_frames = int(duration / interval * (1 + 1e-9)) if 0 < interval < np.inf else 0
        if n_frames < 1:
            raise ValueError(
                f"vary['duration'] must be at least a frame interval, {interval:g} s, got "
                f"{duration:g} s."
            )
        changes["n_postbleach"] = n_frames
    for name, value in changes.items():
        if name.startswith("n_") and value > _MOST_FRAMES:
            raise ValueError(
                f"vary asks for {name}={value:.6g}, more than the {_MOST_FRAMES:,} frames that can "
                "be planned; give fewer, or longer intervals."
            )
    return protocol.replace(**changes)


def _join_findings(expected, target):
    """Join the findings of all guesses: each once, with the guesses that it is true of."""
    where = {}
    for k, some in enumerate(expected.findings):
        for finding in some:
            where.setdefault(finding, []).append(k)
    return tuple(
        finding
        if len(rows) == len(expected)
        else replace(finding, words=f"{finding.words} ({_guesses(expected, target, rows)})")
        for finding, rows in where.items()
    )


def _guesses(expected, target, rows):
    at = expected.values[target][rows]
    ends = f"{at.min():.3g} to {at.max():.3g}" if at.min() < at.max() else f"{at[0]:.3g}"
    return f"{target} = {ends}"
