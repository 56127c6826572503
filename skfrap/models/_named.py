"""Models by their names: those that come along, that somebody defines, and of other packages."""

from skfrap import _installed
from skfrap._checks import check_choice

MODELS: dict[str, type] = {}


def enter_model(name, model):
    """Have a model known by a name, in this process.

    Parameters
    ----------
    name : str
        An identifier. The same class may be defined again, as in a notebook.
    model : subclass of CurveModel

    Raises
    ------
    ValueError
        If it is no identifier, or another model has the name: whoever asks for that one would get
        this.
    """
    if not (isinstance(name, str) and name.isidentifier()):
        raise ValueError(
            f"the name of {model.__name__} must be one of letters, digits and underscores, as "
            f"'power_law', got {name!r}."
        )
    earlier = MODELS.get(name, model)
    if (earlier.__module__, earlier.__qualname__) != (model.__module__, model.__qualname__):
        raise ValueError(
            f"there is a model {name!r} already, {earlier.__module__}.{earlier.__qualname__}; give "
            f"{model.__name__} another name."
        )
    MODELS[name] = model


def model_names():
    """Return the names of all models, with those of installed packages, which are not imported.

    Returns
    -------
    tuple of str
    """
    brought = (one.name for one in _installed.installed(_installed.MODELS))
    return (*dict.fromkeys([*MODELS, *brought]),)


def model_named(name):
    """Return a model by its name; one of an installed package is imported.

    Parameters
    ----------
    name : str

    Returns
    -------
    subclass of CurveModel

    Raises
    ------
    ValueError
        If there is none of this name.
    ImportError
        If an installed package brings it and cannot be imported or has no such model, or if several
        bring one of this name.
    """
    check_choice("model", name, model_names())
    if name not in MODELS:
        _import_installed(name)
    return MODELS[name]


def _import_installed(name):
    """Import the package that brings a model, which enters it."""
    brought = [one for one in _installed.installed(_installed.MODELS) if one.name == name]
    places = sorted({entry_point.value for entry_point in brought})
    if len(places) > 1:
        raise ImportError(
            f"installed packages bring different models of the name {name!r}, "
            f"{' and '.join(places)}; give the class instead of its name, or remove one of them."
        )
    _installed.load_installed(brought[0], f"the model {name!r} needs")
    if name not in MODELS:
        raise ImportError(
            f"{places[0]} defines no model of the name {name!r}; whoever wrote it should name the "
            "entry point as the model."
        )
