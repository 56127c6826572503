"""Planning of an experiment."""

import click

from skfrap.cli._experiment import complete, make_protocol, take_protocol
from skfrap.cli._names import MODELS, check_names
from skfrap.cli._options import (
    fixed_option,
    free_option,
    json_option,
    level_option,
    model_options,
    noise_option,
    picture_option,
    protocol_options,
    sample_options,
    simulated_model_option,
)
from skfrap.cli._output import clear_errors, print_json, save_picture, say
from skfrap.cli._overwrite import check_picture
from skfrap.cli._types import Range, Settings, as_dict

_GUESSES_IN_RANGE = 9
_TRIED = (0.25, 0.5, 1.0, 2.0, 4.0)  # times the frame interval


@click.command()
@click.option(
    "--D",
    "D",
    type=Range(),
    required=True,
    help="A guess, µm²/s, or a range as 1:100, of which the worst counts.",
)
@sample_options
@simulated_model_option
@model_options
@protocol_options
@click.option(
    "--vary",
    type=Settings(),
    multiple=True,
    callback=as_dict,
    help="What to choose, and from what: frame-interval=0.1,0.2,0.5 (s), radius=5,10,20 (µm), "
    "duration=10,30,60 (s recorded after bleaching), n-postbleach, n-prebleach, n-bleach, "
    "bleach-interval (s). Repeatable: all combinations are tried.  [default: frame intervals from "
    "a quarter to four times the given one]",
)
@free_option("This will be estimated as well, as with skfrap estimate. Repeatable.")
@fixed_option(
    "This will be known and not estimated. a and b are the noise: the last line of skfrap noise "
    "can be given as it is. Repeatable."
)
@noise_option("How it will be estimated, as with skfrap estimate.")
@click.option("--target", metavar="NAME", help="What is to be known well.  [default: D]")
@level_option
@click.option("--bit-depth", hidden=True)  # in the line of skfrap noise, and without effect here
@click.option("--dark-level", hidden=True)
@picture_option("Write a picture of the expected errors.")
@json_option
def plan(
    D, model, vary, free, fixed, noise, target, level, plot, as_json, bit_depth, dark_level, **given
):
    """Choose the settings of an experiment before it is done.

    Tells how well D will be known, from a guess of D and the noise of the detector (skfrap noise
    measures it), for every combination of the settings to choose from, the best first. The noise of
    a pixel is taken to be the same in all of them. Intensities are as in the calibration of the
    noise, 1 being full scale.
    """
    check_picture(plot)
    with clear_errors():
        protocol = take_protocol(given)
        values, known, a, b = _guesses(given | {"D": D}, model, free, fixed)

    import numpy as np

    from skfrap.design import expected_errors
    from skfrap.design import plan as plan_experiments

    for name in ("D", "D_at_1s"):
        if name in values:
            values[name] = np.geomspace(D[0], D[-1], _GUESSES_IN_RANGE if len(D) > 1 else 1)
    with clear_errors():
        protocol = make_protocol(protocol)
        choice = plan_experiments(
            protocol,
            values,
            vary or {"frame_interval": [k * protocol.frame_interval for k in _TRIED]},
            a=a,
            b=b,
            model=model,
            parameters=(*values,),
            fixed=known,
            noise=noise,
            target=target,
            level=level,
        )
    images = None
    if _images_tell(choice, model, values, known, noise):
        with clear_errors():
            images = expected_errors(
                choice.best(), values, a=a, b=b, parameters=(*values,), fixed=known, level=level,
                data="images",
            )  # fmt: skip
    if as_json:
        print_json(_record(choice, images))
    else:
        say(f"{_premises(values | known, a, b)}, estimating {', '.join(values)}:\n")
        for line in (*choice.summary(), "", *choice.recommendation()):
            say(line)
        if images is not None:
            say(_of_images(choice, images))
    if plot is not None:
        with clear_errors():
            save_picture(lambda p: p.ExperimentPlanDisplay.from_plan(choice).figure_, plot)


def _guesses(given, model, free, fixed):
    """Return guesses of what will be estimated, what will be known, and the noise a and b."""
    guesses = complete(given, model)
    fixed = dict(fixed)
    a, b = (fixed.pop(name, guesses.pop(f"noise_{name}")) for name in "ab")
    defaults = MODELS[model]
    check_names("--free", free, model)
    check_names("--fixed", fixed, model)
    both = [name for name in free if name in fixed]
    if both:
        raise ValueError(f"{both[0]} is both free (--free) and fixed (--fixed); choose one.")
    estimated = [
        name
        for name, default in defaults.items()
        if name in free or (default is None and name not in fixed)
    ]
    values = {name: guesses.pop(name) for name in estimated}
    # What has the model's default needs no word.
    known = {
        name: value
        for name, value in guesses.items()
        if name not in fixed and value != defaults[name]
    }
    return values, known | fixed, a, b


def _images_tell(choice, model, values, known, noise):
    """Tell whether all pixels can be planned with beside the curve: D, where it is determined."""
    plain = {"D", "c0", "alpha", "mobile_fraction"} >= {*values}
    plain = plain and "imaging_bleach" not in known and noise == "constant"
    return model == "diffusion" and plain and choice.target == "D" and choice.determined[0]


def _of_images(choice, images):
    """Say what all pixels would tell, in place of the curve."""
    from skfrap.design._errors import as_percent

    curve, all_pixels = choice.error[0], images.relative_error("D").max()
    at_worst = " at worst" if len(images) > 1 else ""
    return (
        f"All pixels about the bleach region would tell D to {as_percent(all_pixels)}{at_worst} by "
        f"noise alone, where its curve tells it to {as_percent(curve)}; skfrap estimate gives "
        "both, and what else makes images uncertain."
    )


def _premises(guesses, a, b):
    import numpy as np

    from skfrap.parameters import parameter

    premises = []
    for name, value in guesses.items():
        ends = [f"{end:.4g}" for end in np.unique([np.min(value), np.max(value)])]
        premises.append(f"{name} = {' to '.join(ends)} {parameter(name).unit}".rstrip())
    return f"For {', '.join(premises)} and noise a = {a:.4g}" + (f", b = {b:.4g}" if b else "")


def _with_findings(result):
    from skfrap.results._tables import plain_rows

    rows = plain_rows(result.to_dict())
    return [row | {"findings": some} for row, some in zip(rows, result.findings, strict=True)]


def _record(choice, images):
    """Return plain values by name, a record per experiment; what is infinite is None."""
    experiments = _with_findings(choice)
    for record, one in zip(experiments, choice.expected, strict=True):
        record["expected"] = _with_findings(one)
    return {
        "target": choice.target,
        "recommendation": choice.recommendation(),
        "images": None if images is None else _with_findings(images),
        "experiments": experiments,
    }
