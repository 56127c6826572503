"""Series that were analysed twice under two names."""

from skfrap._text import visible
from skfrap.results._finding import Finding, in_words

_CODE = "same_numbers"
_TOLD_BY = ("residual_sum_of_squares", "n_frames")  # no two recordings have these in common


class Twins:
    """Remember series by their numbers, and say which of them are there again.

    Parameters
    ----------
    records : sequence of dict
        That are taken over from an earlier run.
    """

    def __init__(self, records=()):
        self._files = {}
        for record in records:
            for one in record.get("spots", [record]):
                self._first_of(one)

    def note(self, record):
        """Enter a finding in the record of a series whose numbers another one had before.

        Parameters
        ----------
        record : dict
            With ``file``, and what :meth:`skfrap.analysis.SeriesAnalysis.to_record` gives.

        Returns
        -------
        str
            In words; empty where the series is the first.
        """
        first = self._first_of(record)
        if first == record["file"]:
            return ""
        words = f"the same numbers as {visible(first)}, to the last digit"
        found = Finding.of(_CODE, words, "", "leave out one of the two")
        record["findings"] = (*record["findings"], found)
        record["flags"] = in_words(record["findings"])
        return str(found)

    def _first_of(self, record):
        """Return the file that had the numbers of a record first: its own, if none had."""
        key = tuple(record.get(name) for name in _TOLD_BY)
        if not key[0]:  # none, or a curve without noise, of which there may be many
            return record["file"]
        return self._files.setdefault(key, record["file"])


def note_copies(records):
    """Enter in records which of them are copies, and nothing of what was entered before.

    Parameters
    ----------
    records : iterable of dict
        In their order, findings as plain values.
    """
    twins = Twins()
    for record in records:
        known = [Finding(**one) for one in record["findings"] if one["code"] != _CODE]
        record["findings"], record["flags"] = known, in_words(known)
        twins.note(record)
        record["findings"] = [one.to_dict() for one in record["findings"]]
