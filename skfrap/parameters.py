"""What can be estimated: the parameters' names, units, scales and prior distributions."""

from dataclasses import dataclass

import numpy as np

__all__ = ["PARAMETERS", "Parameter", "parameter", "table_1_prior"]


@dataclass(frozen=True)
class Parameter:
    """Describe one parameter of a model or of the detector.

    Parameters
    ----------
    name : str
        The field's name for it.
    unit : str
        Empty where it has none.
    scale : {"linear", "log10"}
        Scale on which it is estimated and reported as a target.
    lowest, highest : float
        Values outside this range make no sense.
    meaning : str
        One line for people.
    """

    name: str
    unit: str
    scale: str
    lowest: float
    highest: float
    meaning: str

    @property
    def target_name(self):
        """Name of the column of y that holds the parameter."""
        return f"log10_{self.name}" if self.scale == "log10" else self.name

    def to_target(self, value):
        """Turn natural units into the target's scale."""
        return np.log10(value) if self.scale == "log10" else value

    def from_target(self, value):
        """Turn the target's scale into natural units."""
        return np.power(10.0, value) if self.scale == "log10" else value


PARAMETERS = {
    entry.name: entry
    for entry in (
        Parameter("D", "µm²/s", "log10", 0.0, np.inf, "diffusion coefficient"),
        Parameter("c0", "", "linear", 0.0, np.inf, "initial concentration: prebleach intensity"),
        Parameter("alpha", "", "linear", 0.0, 1.0, "what one bleach frame leaves in the region"),
        Parameter("mobile_fraction", "", "linear", 0.0, 1.0, "fraction of particles that diffuse"),
        Parameter(
            "imaging_bleach", "", "linear", 0.0, 1.0, "what imaging a frame leaves in the field"
        ),
        Parameter("bleach_blur", "µm", "linear", 0.0, np.inf, "spread of the bleaching beam"),
        Parameter("imaging_blur", "µm", "linear", 0.0, np.inf, "spread of the detection"),
        Parameter("k_on", "1/s", "log10", 0.0, np.inf, "rate of binding"),
        Parameter("k_off", "1/s", "log10", 0.0, np.inf, "rate of release"),
        Parameter("half_time", "s", "log10", 0.0, np.inf, "time in which half has recovered"),
        Parameter("second_half_time", "s", "log10", 0.0, np.inf, "half-time of a second term"),
        Parameter("second_fraction", "", "linear", 0.0, 1.0, "share of the second term"),
        Parameter("a", "", "log10", 0.0, np.inf, "constant part of a pixel's noise variance"),
        Parameter("b", "", "log10", 0.0, np.inf, "noise variance of a pixel per intensity"),
    )
}


def parameter(name):
    """Look a parameter up by name.

    Raises
    ------
    ValueError
        If there is none of that name; the message lists those there are.
    """
    if name not in PARAMETERS:
        raise ValueError(f"unknown parameter {name!r}; there are {', '.join(PARAMETERS)}.")
    return PARAMETERS[name]


def table_1_prior():
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
