"""The command line: a thin skin over `skfrap.analysis` and the simulator."""

import click

from skfrap import __version__
from skfrap.cli._app import app
from skfrap.cli._compare import compare_models_of_series
from skfrap.cli._estimate import estimate
from skfrap.cli._info import info
from skfrap.cli._noise import noise
from skfrap.cli._output import exit_if_unwritten
from skfrap.cli._plan import plan
from skfrap.cli._replicates import replicates
from skfrap.cli._report import report
from skfrap.cli._simulate import demo, simulate

__all__ = ["cli"]


@click.group(
    commands=[
        demo,
        simulate,
        estimate,
        compare_models_of_series,
        replicates,
        report,
        info,
        noise,
        plan,
        app,
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, package_name="skfrap")
def cli():
    """Estimate diffusion from FRAP microscopy (fluorescence recovery after photobleaching)."""


@cli.result_callback()
def _end(*_, **__):
    exit_if_unwritten()
