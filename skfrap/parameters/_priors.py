"""What is known of a model's parameters before anything is measured.

A prior is a dictionary of distributions, or numbers, by parameter name: a simulator draws from it,
and estimators may hold estimates against it.
"""

import numbers
from typing import Any

import numpy as np

from skfrap.parameters._paper import table_1_prior
from skfrap.parameters._parameter import PARAMETERS, is_uncertain, parameter

_TAG = "scipy.stats"  # of what stands for a frozen distribution among plain values


def complete_prior(given, model, noise=("a", "b")):
    """Check a prior and complete it.

    Parameters
    ----------
    given : dict or None
        Frozen `scipy.stats` distributions or numbers by name. What is missing is taken from Table 1
        of the DeepFRAP paper, with b distributed as a; what is not there has the model's default,
        or, where that has none, is uniform (on the parameter's scale) over the model's bounds.
    model : CurveModel
        Whose parameters they are.
    noise : sequence of str, default=("a", "b")
        Parameters of the noise that belong to it.

    Returns
    -------
    dict
        In the order of the model's parameters, and those of the noise last.

    Raises
    ------
    ValueError
        If a name is not known, or a distribution goes beyond what makes sense for the parameter.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import SoumpasisModel
    >>> from skfrap.parameters import complete_prior
    >>> prior = complete_prior({"D": 10.0}, SoumpasisModel(FRAPProtocol()))
    >>> [*prior], prior["D"], prior["c0"].mean().item()
    (['D', 'c0', 'alpha', 'mobile_fraction', 'a', 'b'], 10.0, 0.75)
    """
    if not isinstance(given, dict | None):
        raise ValueError(f"prior must be a dictionary by parameter name, got {given!r}.")
    given = given or {}
    known = table_1_prior()
    known["b"] = known["a"]
    prior = {}
    for name, default in model.defaults().items():
        if name in given:
            prior[name] = None  # keeps the model's order
        elif default is None and name in known:
            prior[name] = known[name]
        else:
            prior[name] = _default(name, default, model)
    prior |= {name: known[name] for name in noise}
    for name, distribution in given.items():
        description = parameter(name)
        if name not in prior:
            raise ValueError(f"prior can be given for {(*prior,)}, got {name!r}.")
        prior[name] = _check_distribution(description, distribution)
    return prior


def named_in_order(values, alike, prior):
    """Name two populations that are drawn as fits do, the first being that of the larger D.

    Parameters
    ----------
    values : dict of str to ndarray of shape (n,)
    alike : tuple of str
        Two parameters, and the share of the first, that may change places; or nothing.
    prior : dict
        What is drawn is a distribution.

    Returns
    -------
    dict of str to ndarray of shape (n,)
    """
    if not alike or not all(is_uncertain(prior[name]) for name in alike):
        return values
    first, second, *share = alike
    wrong = values[second] > values[first]
    exchanged = {first: values[second], second: values[first]}
    exchanged |= {name: 1 - values[name] for name in share}
    return values | {name: np.where(wrong, exchanged[name], values[name]) for name in alike}


def finite_ends(name: str, distribution: Any, rare: float = 1e-9) -> Any:
    """Return the ends of a distribution, as far as the parameter's scale has room for them.

    Parameters
    ----------
    name : str
        Of the parameter.
    distribution : frozen scipy.stats distribution
        A frozen one, of `scipy.stats`.
    rare : float, default=1e-9
        An end at infinity, or at zero on a logarithmic scale, is moved to such a quantile.

    Returns
    -------
    lowest, highest : float
        In natural units.
    """
    lowest, highest = distribution.support()
    if not np.isfinite(highest):
        highest = distribution.ppf(1 - rare)
    if not np.isfinite(lowest) or (lowest <= 0 and PARAMETERS[name].is_logarithmic):
        lowest = distribution.ppf(rare)
    return float(lowest), float(highest)


def _default(name, default, model):
    from scipy.stats import loguniform, uniform  # take long to load, and predictions need none

    if default is not None:
        return float(default)
    description = PARAMETERS[name]
    lowest, highest = model.bounds.get(name, (description.lowest, description.highest))
    if highest == np.inf or (description.is_logarithmic and lowest <= 0):
        raise ValueError(
            f"prior must say how {name!r} is distributed: it has no default, and its bounds, "
            f"{lowest:g} to {highest:g}, leave it open. Give prior={{{name!r}: ...}}."
        )
    if description.is_logarithmic:
        return loguniform(lowest, highest)
    return uniform(lowest, highest - lowest)


def _check_distribution(description, distribution):
    name = description.name
    if is_uncertain(distribution):
        lowest, highest = distribution.support()
    elif isinstance(distribution, numbers.Real):
        lowest = highest = distribution = float(distribution)
    else:
        raise ValueError(
            f"prior[{name!r}] must be a frozen scipy.stats distribution or a number, "
            f"got {distribution!r}."
        )
    positive = description.is_logarithmic and name != "b"
    inside = description.lowest <= lowest <= highest <= description.highest
    if not inside or (positive and highest <= 0) or lowest == np.inf:
        allowed = "be positive" if positive else f"lie between {description.lowest} and "
        allowed += "" if positive else f"{description.highest}"
        raise ValueError(f"prior[{name!r}] must {allowed}, got values from {lowest} to {highest}.")
    return distribution


def continuous_distribution(name):
    """Look up a continuous distribution of scipy.stats, and nothing else.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    from scipy import stats

    found = getattr(stats, name, None)
    if not isinstance(found, stats.rv_continuous):
        raise ValueError(f"{name!r} is no continuous distribution of scipy.stats.")
    return found


def plain_prior(prior):
    """Return a prior whose distributions are plain values: their names and arguments.

    An unpickled distribution of scipy.stats runs text that the pickle holds. Formats that make only
    types that are trusted must not have to trust these.

    Parameters
    ----------
    prior : dict or None

    Returns
    -------
    dict or None
        Distributions of one's own are left as they are.
    """
    if not isinstance(prior, dict):
        return prior
    return {name: _plain(given) for name, given in prior.items()}


def prior_of_plain(prior):
    """Return the prior that :func:`plain_prior` was given."""
    if not isinstance(prior, dict):
        return prior
    return {name: _frozen(given) for name, given in prior.items()}


def _plain(given):
    dist = getattr(given, "dist", None)
    try:
        known = type(continuous_distribution(dist.name)) is type(dist)
    except (AttributeError, TypeError, ValueError):
        known = False
    return {_TAG: [dist.name, given.args, given.kwds]} if known else given


def _frozen(given):
    if not isinstance(given, dict) or [*given] != [_TAG]:
        return given
    name, args, kwds = given[_TAG]
    return continuous_distribution(name)(*args, **kwds)
