"""Numbers that can be squared and summed: what is larger is a mistake, and would be infinite."""

import numpy as np

LARGEST, SMALLEST = 1e100, 1e-100


def check_magnitude(name, values):
    """Refuse values of 1e100 and beyond; what is not finite is left to others to refuse.

    Parameters
    ----------
    name : str
        Of the argument.
    values : ndarray

    Returns
    -------
    ndarray
        The same.

    Raises
    ------
    ValueError
        It says where.
    """
    if not values.size or (float(values.max()) < LARGEST and float(values.min()) > -LARGEST):
        return values
    beyond = np.isfinite(values) & (np.abs(values.astype(float)) >= LARGEST)
    if beyond.any():
        where = tuple(int(k) for k in np.argwhere(beyond)[0])
        place = f" at index {where}" if where else ""
        raise ValueError(
            f"{name} must lie between -{LARGEST:g} and {LARGEST:g}, got "
            f"{float(values[where]):.3g}{place}; see what wrote it."
        )
    return values


def as_real(name, values):
    """Return values as an array of floats; refuse complex ones, of which a part would be lost."""
    values = np.asarray(values)
    if values.dtype.kind == "c" or (
        values.dtype == object and any(isinstance(one, complex) for one in values.flat)
    ):
        raise ValueError(f"{name} must be real, got complex numbers.")
    try:
        return values.astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers, got {values!r:.200}.") from error
