"""Networks that come with the package, trained."""

from pathlib import Path
from typing import Any

from skfrap._checks import check_choice
from skfrap.persistence import load

__all__ = ["load_pretrained"]

_FOLDER = Path(__file__).parent


def load_pretrained(name: str = "deepfrap") -> Any:
    """Load a network that comes with the package.

    Its file holds arrays and JSON, in the format of :mod:`skfrap.persistence`, and no code; neither
    Keras nor JAX is imported.

    Parameters
    ----------
    name : str, default="deepfrap"
        Which network.

    Returns
    -------
    estimator
        Fitted, ready to predict curves of its `protocol_`.

    Raises
    ------
    ValueError
        If there is no such network; the message lists those there are.

    Examples
    --------
    >>> from skfrap import load_pretrained
    >>> load_pretrained("no_such_network")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: name must be one of (...), got 'no_such_network'.
    """
    shipped = {path.stem: path for path in sorted(_FOLDER.glob("*.npz"))}
    return load(shipped[check_choice("name", name, shipped)])
