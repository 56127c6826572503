"""What the command line has to know of models and settings before it imports them.

Help and errors in arguments are answered at once, and importing the models takes seconds. So their
names stand here a second time, and `tests/test_cli.py` holds them equal to what the library has.
Models of other packages are known by their entry points, and imported once one is named.
"""

from skfrap import _installed

_OF_GRIDS = {  # what models on the pixel grid have besides their kinetics
    "c0": None,
    "alpha": None,
    "mobile_fraction": 1.0,
    "imaging_bleach": 1.0,
    "bleach_blur": 0.0,
    "imaging_blur": 0.0,
}
MODELS = {
    "diffusion": {
        "D": None,
        **_OF_GRIDS,
    },
    "binding": {
        "D": None,
        "k_on": None,
        "k_off": None,
        **_OF_GRIDS,
    },
    "two_populations": {
        "D": None,
        "second_D": None,
        "second_fraction": None,
        **_OF_GRIDS,
    },
    "turnover": {
        "D": None,
        "exchange_rate": None,
        **_OF_GRIDS,
    },
    "anomalous": {
        "D_at_1s": None,
        "exponent": None,
        **_OF_GRIDS,
    },
    "subdiffusion": {
        "D_at_1s": None,
        "exponent": None,
        **_OF_GRIDS,
    },
    "flow": {
        "D": None,
        "velocity_x": None,
        "c0": None,
        "alpha": None,
        "mobile_fraction": 1.0,
        "velocity_y": 0.0,
        "imaging_bleach": 1.0,
        "bleach_blur": 0.0,
        "imaging_blur": 0.0,
    },
    "soumpasis": {"D": None, "c0": None, "alpha": None, "mobile_fraction": 1.0},
    "gaussian_beam": {"D": None, "c0": None, "alpha": None, "mobile_fraction": 1.0},
    "exponential": {
        "half_time": None,
        "c0": None,
        "alpha": None,
        "mobile_fraction": 1.0,
        "half_time_ratio": 1.0,
        "second_fraction": 0.0,
    },
    "reaction": {"k_on": None, "k_off": None, "c0": None, "alpha": None, "mobile_fraction": 1.0},
}
"""Parameters of each model with their defaults, None for those that have none."""

SIMULATED = (
    "diffusion",
    "binding",
    "two_populations",
    "turnover",
    "anomalous",
    "subdiffusion",
    "flow",
)
"""Models of images, which can be simulated."""

CANDIDATES = ("diffusion", "diffusion+mobile_fraction", "diffusion+imaging_bleach")
"""What is compared unless something else is asked for."""

SETTINGS = (
    "frame_interval",
    "radius",
    "n_prebleach",
    "n_bleach",
    "n_postbleach",
    "duration",
    "bleach_interval",
)
"""What can be chosen of an experiment."""


def model_names():
    """Return the names of all models, those of installed packages last."""
    brought = (one.name for one in _installed.installed(_installed.MODELS))
    return (*dict.fromkeys([*MODELS, *brought]),)


def _parameters_of(model):
    """Return the parameters of a model with their defaults; one of a package is imported."""
    if model in MODELS:
        return MODELS[model]
    from skfrap.models._named import model_named

    return model_named(model).defaults()


def check_names(what, names, model):
    """Refuse names that are no parameters of a model; `what` names the argument."""
    if not names:
        return
    known = _parameters_of(model)
    for name in names:
        if name not in known:
            raise ValueError(
                f"{what} takes the parameters of the model {model!r}, "
                f"{', '.join(known)}; got {name!r}."
            )


def check_candidate(text):
    """Refuse what is no model to compare, such as "diffusion+mobile_fraction" is."""
    name, *extra = text.split("+")
    names = model_names()
    if name not in names:
        raise ValueError(
            f"models must be names as 'diffusion' or 'diffusion+mobile_fraction', of the models "
            f"{', '.join(names)}; got {text!r}."
        )
    if not extra:
        return
    known = [other for other, default in _parameters_of(name).items() if default is not None]
    if not {*extra} <= {*known} or len({*extra}) < len(extra):
        raise ValueError(
            f"after {name!r} models can name {', '.join(known)}, each once; got {text!r}."
        )
