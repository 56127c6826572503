"""An experiment and its parameters, out of the options that describe them."""

from skfrap.cli._names import MODELS

NOT_OF_THE_MODEL = ("noise_a", "noise_b", "seed")


_OF_THE_PROTOCOL = (
    "shape",
    "pixel_size",
    "bleach_region",
    "n_prebleach",
    "n_bleach",
    "n_postbleach",
    "frame_interval",
    "compartment",
)


def take_protocol(options):
    """Take `protocol_options` out of all options, for `make_protocol`."""
    return {name: options.pop(name) for name in _OF_THE_PROTOCOL if name in options}


def make_protocol(given):
    """Make the protocol that options describe."""
    from skfrap.experiment import FRAPProtocol, parse_region

    regions = {
        name: parse_region(given[name], given["pixel_size"])
        for name in ("bleach_region", "compartment")
        if given.get(name) is not None
    }
    return FRAPProtocol(**given | regions)


def complete(truth, model):
    """Complete parameters by the model's defaults; refuse what the model does not know."""
    defaults = MODELS[model]
    given = {name: value for name, value in truth.items() if value is not None}
    if "D_at_1s" in defaults and "D" in given:  # what --D is of
        given["D_at_1s"] = given.pop("D")
    unknown = [name for name in given if name not in (*defaults, *NOT_OF_THE_MODEL)]
    if unknown:
        raise ValueError(
            f"the model {model!r} has no {' and no '.join(unknown)}; leave out "
            f"{_as_options(unknown)}, or choose another --model."
        )
    needed = [name for name, default in defaults.items() if default is None and name not in given]
    if needed:
        raise ValueError(f"the model {model!r} needs {_as_options(needed)}; give what is missing.")
    return {name: value for name, value in defaults.items() if value is not None} | given


def _as_options(names):
    return " and ".join(f"--{name.replace('_', '-')}" for name in names)
