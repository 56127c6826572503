"""What any kinetics must do."""

import numpy as np

from skfrap._contract import must
from skfrap.models.kinetics._base import Kinetics
from skfrap.parameters import is_parameter

_K_SQUARED = np.array([[0.0, 1e-3, 0.1], [2.0, 30.0, 400.0]])  # 1/µm²
_TIMES = np.array([0.0, 0.02, 0.5, 7.0])  # s
_ROUNDING = 1e-12


def check_kinetics(kinetics, **values):
    """See that kinetics do what :class:`Kinetics` asks for.

    Parameters
    ----------
    kinetics : Kinetics
        A class, or one made of it.
    **values : float
        A value of each parameter, for which the species and the modes differ: a test at values
        that make them all alike tests little.

    Raises
    ------
    AssertionError
        At the first thing that is wrong.

    Examples
    --------
    >>> from skfrap.models.kinetics import Binding, check_kinetics
    >>> check_kinetics(Binding(), D=3.0, k_on=0.7, k_off=0.4)
    """
    must(isinstance(kinetics, Kinetics), f"kinetics must be an instance of Kinetics: {kinetics!r}")
    parameters = kinetics.parameters
    must({*values} == {*parameters}, f"values must be given of {parameters}, got {(*values,)}")
    for name in ("start", "symbol"):
        must(
            getattr(type(kinetics), name) is not getattr(Kinetics, name),
            f"{type(kinetics).__name__} must define {name}",
        )
    start = np.asarray(kinetics.start(**values))
    must(
        start.ndim == 1 and (start >= 0).all() and abs(start.sum() - 1) < _ROUNDING,
        f"start must return shares of the species, whose sum is 1; it is {start}",
    )
    _check_symbol(kinetics, start, values)
    _check_memory(kinetics, values)
    derived = kinetics.derived(**{name: np.full(3, value) for name, value in values.items()})
    for name, value in derived.items():
        must(is_parameter(name), f"derived has {name!r}, which is not entered by define")
        must(
            np.shape(value) == (3,),
            f"derived must return a value for each of 3, of {name} the shape is {np.shape(value)}",
        )


def _check_symbol(kinetics, start, values):
    n = len(start)
    symbol = kinetics.symbol(_K_SQUARED, _TIMES, **values)
    must(
        symbol.shape == (len(_TIMES), n, n, *_K_SQUARED.shape),
        "symbol must have the shape (n_times, n_species, n_species, *k_squared.shape), "
        f"{(len(_TIMES), n, n, *_K_SQUARED.shape)}, it is {symbol.shape}",
    )
    must(np.isfinite(symbol).all(), "symbol must be finite")
    must(np.abs(symbol).max() < 1 + _ROUNDING, "symbol must be at most 1: nothing is created")
    for place in np.ndindex(_K_SQUARED.shape):
        for k, time in enumerate(_TIMES):
            alone = kinetics.symbol(_K_SQUARED[place].reshape(1), [time], **values)[0, :, :, 0]
            must(
                np.allclose(alone, symbol[(k, ..., *place)], rtol=1e-10, atol=_ROUNDING),
                "symbol must be the same for one wave number and time as for many: at "
                f"k_squared={_K_SQUARED[place]:g} and {time:g} s it is not",
            )
    identity = np.eye(n)[:, :, np.newaxis, np.newaxis]
    must(
        np.allclose(symbol[0], identity, rtol=0, atol=_ROUNDING),
        "symbol must be the identity at the time 0",
    )
    even = symbol[:, :, :, 0, 0]
    if not kinetics.is_closed:
        must(
            (even.sum(axis=1) < 1 + _ROUNDING).all(),
            "the columns of symbol at k_squared=0 must have sums of at most 1",
        )
        return
    must(
        np.allclose(even @ start, start, rtol=0, atol=_ROUNDING),
        "symbol at k_squared=0 must leave start as it is: before bleaching all is in equilibrium",
    )
    must(
        np.allclose(even.sum(axis=1), 1, rtol=0, atol=_ROUNDING),
        "the columns of symbol at k_squared=0 must have the sum 1: no particle is lost",
    )


def _check_memory(kinetics, values):
    """See that the declaration of a semigroup is right."""
    late, early, together = (
        kinetics.symbol(_K_SQUARED, [time], **values)[0] for time in (0.7, 0.4, 1.1)
    )
    both = np.einsum("ab...,bc...->ac...", late, early)
    is_semigroup = np.allclose(both, together, rtol=0, atol=1e-10)
    must(
        is_semigroup or not kinetics.is_semigroup,
        "the symbol of a sum of times is not the product of symbols; declare "
        "is_semigroup = False, and these kinetics can be used with one bleach frame",
    )
