"""How many of a run's results must not be used: said at its end, where scripts and people look."""

from collections import Counter

from skfrap.cli._output import say


def tell_unusable(records):
    """Say on stderr of how many series the result must not be used, and why.

    Parameters
    ----------
    records : list of dict
        Of analyses; those that failed have no findings.
    """
    found = [
        [one for one in map(_plain, record.get("findings", ())) if one["severity"] == "unusable"]
        for record in records
    ]
    n_unusable = sum(map(bool, found))
    if n_unusable:
        first = Counter(some[0]["code"] for some in found if some)
        reasons = ", ".join(f"{n} {code}" for code, n in first.most_common())
        say(
            f"{n_unusable} of {len(records)} series have a result that must not be used: {reasons}",
            err=True,
        )


def _plain(finding):
    """Return a finding as a dictionary, as which it comes out of a file."""
    return finding if isinstance(finding, dict) else finding.to_dict()
