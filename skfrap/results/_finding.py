"""What is to be known of a number before it is used, as data: nothing needs to read a sentence.

`FINDINGS` is the list of all codes. A code keeps its meaning from version to version.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from types import MappingProxyType

import numpy as np

from skfrap._checks import check_choice

# The number must not be used; it may be used, but not averaged with others as if nothing were;
# there is something to know, and the number may be used.
SEVERITIES = ("unusable", "doubtful", "note")


@dataclass(frozen=True)
class KindOfFinding:
    """Describe what all findings of one code have in common.

    Parameters
    ----------
    severity : {"unusable", "doubtful", "note"}
        "unusable": the number must not be used. "doubtful": the model does not describe the data,
        or what was computed did not come to its end; there is a number, but it is left out of
        means. "note": to be known, while the number may be used.
    meaning : str
    remedy : str
        What to do.
    """

    severity: str
    meaning: str
    remedy: str


def _kinds(severity, **kinds):
    return {code: KindOfFinding(severity, *texts) for code, texts in kinds.items()}


_OF_FITS = {
    **_kinds(
        "unusable",
        too_few_frames=(
            "There are too few frames to separate noise from signal.",
            "Record more frames than there are parameters.",
        ),
        no_bleaching_visible=(
            "No bleaching is visible above the noise; no D, rate or time is given.",
            (
                "See whether the region and the number of prebleach frames are right; bleach "
                "more, or a larger region."
            ),
        ),
        frame_does_not_fit=(
            "One frame is far off the fit. The subject is its number, from 0.",
            (
                "Next to the bleaching: is the number of prebleach frames right? Elsewhere look "
                "at the frame; Huber's loss bears it."
            ),
        ),
        at_lower_bound=(
            "D, a rate or a time ended at its lower bound.",
            (
                "If you have given the bound, widen it. Otherwise D is too small to be seen: "
                "record for longer, or bleach a smaller region."
            ),
        ),
        at_upper_bound=(
            "D, a rate or a time ended at its upper bound.",
            (
                "If you have given the bound, widen it. Otherwise recovery is over too soon: take "
                "frames faster, or bleach a larger region."
            ),
        ),
        interval_too_wide=(
            "The interval of D, a rate or a time spans more than a factor of 9, or reaches 0.",
            "Less noise, or more frames while the curve recovers; plan the experiment.",
        ),
        undetermined_together=(
            "Several rates or times each have an interval of more than a factor of 9.",
            (
                "Fix what is known from elsewhere, or use what the model derives from them, as "
                "D_effective."
            ),
        ),
        simpler_model_fits=(
            "A simpler model describes the curve as well; the subject is what that does without.",
            "Use the simpler model.",
        ),
        other_optimum=(
            "Quite other values of the parameters fit as well.",
            (
                "Fix what is known from elsewhere, or use what the model derives from them, as "
                "D_effective."
            ),
        ),
    ),
    **_kinds(
        "doubtful",
        residuals_correlated=(
            "Neighbouring residuals go together: the model does not describe the curve.",
            "Look for another model, or for drift, fading or a wrong region.",
        ),
        residuals_too_large=(
            (
                "Residuals are larger than the given noise: the model does not describe the "
                "curve, or a and b are too small."
            ),
            "Look for another model, or calibrate the noise again.",
        ),
        not_converged=("The fit did not come to its end.", "Raise `max_nfev`."),
        model_visibly_wrong=(
            (
                "A goodness-of-fit test rejects the model at the rate of false alarms that was "
                "asked for."
            ),
            "Look for another model.",
        ),
    ),
    **_kinds(
        "note",
        interval_unknown=(
            "The estimator was not taught how far its estimates may be off.",
            "Train it with `fit_online`, or with `early_stopping=True`.",
        ),
        amount_undetermined=(
            "The interval of a fraction or another amount is all of its bounds.",
            "Record for longer, or do not estimate it.",
        ),
    ),
}
_OF_STARTS = {
    **_kinds(
        "unusable",
        patch_fills_field=(
            "The dark patch is as wide as the field of view, so that no rim of it is seen.",
            "Record a larger field, or bleach less.",
        ),
    ),
    **_kinds(
        "doubtful",
        patch_near_edge=(
            "The dark patch reaches the edge of the field of view; errors may be too small.",
            "Record a larger field, or bleach a smaller region for a shorter time.",
        ),
        immobile_shape_assumed=(
            "Only the first profile was given, so that the shape of what stays had to be assumed.",
            "Give the profile of the last frames as well, or the images.",
        ),
        readings_disagree=(
            "About equally likely readings of what moves and what stays give another D.",
            "Record until recovery has ended; look at the table of readings.",
        ),
    ),
    **_kinds(
        "note",
        told_region_contradicted=(
            "More is missing in the first frame than the region that was told can have lost.",
            "Believe no fit that takes the region as told; see how wide the beam is.",
        ),
        patch_faint=(
            "The dark patch is hardly seen above the noise.",
            "Bleach more, or a larger region.",
        ),
    ),
}
_OF_PLANS = {
    **_kinds(
        "unusable",
        fewer_frames_than_parameters=(
            "The planned frames are not more than the parameters.",
            "Plan more frames, or fix parameters.",
        ),
        bleaching_hardly_visible=(
            "Bleaching will hardly be visible above the noise.",
            "Bleach more, or a larger region, or plan more frames.",
        ),
        guess_outside_bounds=("The guess lies outside of its bounds.", "Change the one or other."),
        error_too_large=(
            "D, a rate or a time will not be known to a factor of 2 either way.",
            "Choose other settings.",
        ),
        error_varies=(
            "The expected error varies too much within its interval to be relied on.",
            "Choose settings with a smaller error, or simulate.",
        ),
    ),
    **_kinds(
        "note",
        amount_will_be_undetermined=(
            "A fraction or another amount will not be determined.",
            "Do not estimate it, or record for longer.",
        ),
        may_end_at_bound=(
            (
                "A fraction or another amount may end at its bound; fits then scatter less than "
                "expected."
            ),
            "None is needed for D; fix the amount if it is known.",
        ),
        recovery_nearly_over=(
            "Recovery is nearly over before the first frame.",
            "Take frames faster, or bleach a larger region.",
        ),
        recovery_hardly_begun=(
            "Recovery has hardly begun by the last frame.",
            "Record for longer, or bleach a smaller region.",
        ),
    ),
}
_OF_NOISE = {
    **_kinds(
        "unusable",
        noise_parts_undetermined=(
            "The intensities are too few or too close together to separate a from b.",
            "Add series at other laser powers or concentrations, or record more frames.",
        ),
    ),
    **_kinds(
        "doubtful",
        variance_not_linear=(
            "The variance is no straight line in the intensity.",
            (
                "See whether something moves in the solution, the series were recorded alike, "
                "and the detector is linear."
            ),
        ),
        neighbours_correlated=(
            "The noise of neighbouring pixels is correlated, and standard errors are too small.",
            "Give series as they were recorded, neither smoothed nor interpolated.",
        ),
        noise_lost_in_rounding=(
            "The noise of some pixels is below half a count and partly lost in rounding.",
            "Record with more gain or more bits.",
        ),
    ),
    **_kinds(
        "note",
        noise_part_at_bound=(
            "a or b is 0: all noise has the other's form.",
            "None is needed.",
        ),
        pixels_left_out=(
            "Pixels were left out, at zero counts or full scale, or as dark or bright as those.",
            "Record with less light or gain, or a higher offset of the detector.",
        ),
    ),
}
_OF_REPLICATES = {
    **_kinds(
        "unusable",
        no_usable_replicate=("No replicate has a value that can be averaged.", "Measure again."),
    ),
    **_kinds(
        "doubtful",
        replicates_too_alike=(
            "Replicates vary less than their errors allow.",
            (
                "See whether the model describes them, and has no parameters that the curves do "
                "not determine."
            ),
        ),
    ),
    **_kinds(
        "note",
        single_replicate=(
            "How replicates differ is not known from one, nor an interval.",
            "Measure at least three.",
        ),
        replicates_left_out=(
            "Replicates were left out of the mean: failed ones, unusable ones and doubtful ones.",
            "Look at the findings of these.",
        ),
    ),
}

FINDINGS = MappingProxyType(_OF_FITS | _OF_STARTS | _OF_PLANS | _OF_NOISE | _OF_REPLICATES)


@dataclass(frozen=True)
class Finding:
    """Hold one thing that is to be known of a number before it is used.

    As text it is its words and its remedy.

    Parameters
    ----------
    code : str
        A key of :data:`skfrap.results.FINDINGS`; it never changes its meaning.
    severity : {"unusable", "doubtful", "note"}
        That of the code, see :class:`KindOfFinding`.
    subject : str
        What it is about: the name of a parameter, names separated by commas, the number of a frame;
        empty where it is about the whole.
    words : str
        For people, and for nothing else.
    remedy : str, default=""
        What to do in this case, where the words do not say it all.

    Raises
    ------
    ValueError
        If there is no such code, or the severity is not that of the code.

    Examples
    --------
    >>> from skfrap.results import Finding
    >>> finding = Finding.of("at_upper_bound", "D is at its upper bound", "D", "take frames faster")
    >>> finding.severity, finding.label, str(finding)
    ('unusable', 'at_upper_bound:D', 'D is at its upper bound: take frames faster')
    """

    code: str
    severity: str
    subject: str
    words: str
    remedy: str = ""

    def __post_init__(self):
        kind = _kind_of(self.code)
        if self.severity != kind.severity:
            raise ValueError(
                f"severity of {self.code!r} must be {kind.severity!r}, got {self.severity!r}."
            )
        if any(character.isspace() for character in self.subject):
            raise ValueError(f"subject must be names without blanks, got {self.subject!r}.")

    def __str__(self):
        return f"{self.words}: {self.remedy}" if self.remedy else self.words

    @classmethod
    def of(cls, code, words, subject="", remedy=""):
        """Make a finding, with the severity of its code."""
        return cls(code, _kind_of(code).severity, subject, words, remedy)

    @property
    def label(self):
        """The code, and the subject after a colon where there is one: ``at_upper_bound:D``."""
        return f"{self.code}:{self.subject}" if self.subject else self.code

    def to_dict(self):
        """Return plain values by name."""
        return asdict(self)


def _kind_of(code):
    return FINDINGS[check_choice("code", code, FINDINGS)]


def in_words(findings):
    """Join findings to one text for people."""
    return "; ".join(map(str, findings))


def as_labels(findings):
    """Join the labels of findings by blanks, as a cell of a table holds them."""
    return " ".join(finding.label for finding in findings)


def codes_in(labels):
    """Return the codes in a cell of a table, as :func:`as_labels` makes it.

    Raises
    ------
    ValueError
        If one is not known.

    Examples
    --------
    >>> from skfrap.results._finding import codes_in
    >>> codes_in("at_upper_bound:D not_converged")
    ['at_upper_bound', 'not_converged']
    """
    codes = [label.partition(":")[0] for label in labels.split()]
    for code in codes:
        _kind_of(code)
    return codes


def worst_code(codes):
    """Return the first of the most severe codes that keep a number out of means, or nothing."""
    for severity in ("unusable", "doubtful"):
        for code in codes:
            if FINDINGS[code].severity == severity:
                return code
    return ""


def has_severity(findings, *severities):
    """Tell of each entry whether any of its findings has one of some severities.

    Parameters
    ----------
    findings : sequence of n sequences of Finding
    *severities : str

    Returns
    -------
    ndarray of shape (n,) of bool
    """
    return np.array([any(f.severity in severities for f in some) for some in findings], dtype=bool)


def count_in_words(reasons):
    """Count reasons, the most frequent first: ``"2 not converged, 1 no value"``."""
    return ", ".join(f"{count} {reason}" for reason, count in Counter(reasons).most_common())


class FindingsByRow:
    """Collect findings of a batch, in the order in which they are added to each entry.

    Parameters
    ----------
    n : int
        How many entries there are.
    """

    def __init__(self, n):
        self._rows = [[] for _ in range(n)]

    def add(self, where, code, words, subject="", remedy=""):
        """Add one finding to entries.

        Parameters
        ----------
        where : ndarray of shape (n,) of bool
        code, words, subject, remedy : str
            As of :meth:`Finding.of`.
        """
        rows = np.flatnonzero(where)
        if len(rows):
            finding = Finding.of(code, words, subject, remedy)
            for k in rows:
                self._rows[k].append(finding)

    def any(self):
        """Tell which entries have findings so far, (n,)."""
        return np.array([bool(row) for row in self._rows], dtype=bool)

    def to_tuple(self):
        """Return a tuple of findings for each entry."""
        return tuple(tuple(row) for row in self._rows)
