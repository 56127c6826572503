"""Types of option values: assignments, ranges of numbers, settings of an experiment."""

import math

import click

from skfrap.cli._names import MODELS, SETTINGS, model_names


class Assignment(click.ParamType):
    """Read NAME=VALUE, the value being a number."""

    name = "NAME=VALUE"

    def convert(self, value, param, ctx):
        """Return the name and the value."""
        name, equals, number = value.partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not NAME=VALUE; give e.g. mobile_fraction=0.8.", param, ctx)
        try:
            return name.strip(), float(number)
        except ValueError:
            self.fail(f"{value!r} has no number after the '='.", param, ctx)


class ModelName(click.Choice):
    """One of the models that come along, or of those that an installed package brings."""

    def __init__(self):
        super().__init__([*MODELS])

    def convert(self, value, param, ctx):
        """Return the name; what packages bring is looked up where it is no other."""
        if value in self.choices:
            return value
        return click.Choice(model_names()).convert(value, param, ctx)


class NumberOrAuto(click.ParamType):
    """Read a number, or the word auto."""

    name = "NUMBER|auto"

    def convert(self, value, param, ctx):
        """Return the number, or the word."""
        if value == "auto":
            return value
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor auto.", param, ctx)


class Range(click.ParamType):
    """Read a positive number or LOWEST:HIGHEST."""

    name = "NUMBER or LOWEST:HIGHEST"

    def convert(self, value, param, ctx):
        """Return the number, or the lowest and the highest."""
        try:
            ends = [float(number) for number in str(value).split(":")]
        except ValueError:
            ends = []
        if not 1 <= len(ends) <= 2 or not 0 < ends[0] <= ends[-1] < math.inf:
            self.fail(f"{value!r} is neither a positive number nor a range as 1:100.", param, ctx)
        return tuple(ends)


class Settings(click.ParamType):
    """Read NAME=VALUE,VALUE,..., of a setting of the experiment."""

    name = "NAME=VALUE,..."

    def convert(self, value, param, ctx):
        """Return the name and the values."""
        name, _, numbers = value.partition("=")
        name = name.strip().replace("-", "_")
        if name not in SETTINGS:
            known = ", ".join(setting.replace("_", "-") for setting in SETTINGS)
            self.fail(f"{value!r} names no setting; there are {known}.", param, ctx)
        try:
            return name, [float(number) for number in numbers.split(",")]
        except ValueError:
            self.fail(f"{value!r} is not as frame-interval=0.1,0.2,0.5.", param, ctx)


def as_dict(ctx, param, pairs):
    """Turn the pairs of a repeatable option into a dictionary; refuse a name given twice."""
    values = {}
    for name, value in pairs:
        if name in values:
            raise click.BadParameter(f"{name} is given more than once; give one value.")
        values[name] = value
    return values
