"""What the DeepFRAP paper takes parameters to be."""

from typing import Any


def table_1_prior() -> dict[str, Any]:
    """Return the parameter distributions of the DeepFRAP paper's Table 1.

    Returns
    -------
    dict of str to scipy.stats frozen distribution
        ``D`` log-uniform on 1 to 1000 µm²/s, ``c0`` uniform on 0.5 to 1, ``alpha`` uniform on
        0.45 to 0.95, noise ``a`` log-uniform on 1e-4 to 1e-2.

    References
    ----------
    .. [1] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021), Table 1.
    """
    from scipy.stats import loguniform, uniform

    return {
        "D": loguniform(1.0, 1000.0),
        "c0": uniform(0.5, 0.5),
        "alpha": uniform(0.45, 0.5),
        "a": loguniform(1e-4, 1e-2),
    }
