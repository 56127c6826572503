"""The layout: a room imports from what stands before it, and names of version 0.1 stay."""

import ast
import importlib
from pathlib import Path

import pytest

import skfrap

PACKAGE = Path(skfrap.__file__).parent
# From the ground up; docs/contributing.md says what each is for.
ROOMS = (
    "_arrays",
    "_checks",
    "_contract",
    "_files",
    "_installed",
    "_pickles",
    "_state",
    "_text",
    "numerics",
    "parameters",
    "experiment",
    "results",
    "io",
    "models",
    "preprocessing",
    "judging",
    "persistence",
    "datasets",
    "simulator",
    "cells",
    "calibration",
    "metrics",
    "scaling",
    "inference",
    "estimators",
    "pipeline",
    "pretrained",
    "design",
    "comparison",
    "replicates",
    "analysis",
    "plotting",
    "report",
    "app",
    "cli",
)
# Other names of what has moved.
ALIASES = ("noise", "priors", "protocol", "regions", "residuals")
# What the documentation of version 0.1 imports.
DOCUMENTED = {
    "skfrap": (
        "BayesianFRAP Circle FRAPProtocol FRAPSimulator LeastSquaresFRAP Mask NeuralFRAP "
        "Polygon Rectangle load_pretrained"
    ),
    "skfrap.analysis": "ExperimentOptions SeriesAnalysis analyse_series describe_experiment",
    "skfrap.cli": "cli",
    "skfrap.comparison": (
        "CANDIDATES ModelComparison ModelFit NestedTest compare_models information_criteria "
        "log_likelihood nested_f_test options_for"
    ),
    "skfrap.design": "SETTINGS ExpectedErrors ExperimentPlan Setting expected_errors plan",
    "skfrap.estimators": "FRAPEstimates",
    "skfrap.io": "ImageSeries find_series load_stack read_image read_series write_series",
    "skfrap.metrics": (
        "mean_absolute_percentage_error neg_weighted_mean_squared_error weighted_mean_squared_error"
    ),
    "skfrap.models": (
        "LINEAR MODELS BindingModel CurveModel CurveSurrogate DiffusionModel DirectCurves "
        "ExactModel "
        "ExponentialModel GaussianBeamModel InterpolationError ReactionModel SoumpasisModel "
        "broadcast_parameters effective_diffusion model_for shared_ranges surrogate_for"
    ),
    "skfrap.noise": "NoiseCalibration calibrate_noise",
    "skfrap.parameters": "PARAMETERS Parameter define parameter table_1_prior",
    "skfrap.persistence": "TRUSTED_TYPES load save",
    "skfrap.plotting": (
        "CoverageDisplay EstimatedVersusTrueDisplay ExperimentPlanDisplay "
        "ModelComparisonDisplay NoiseCalibrationDisplay PosteriorDisplay ProfileDisplay "
        "RecoveryCurveDisplay ReplicatesDisplay ResidualsDisplay plot_analysis"
    ),
    "skfrap.preprocessing": (
        "BackgroundSubtractor FadingCorrector FlatFieldCorrector IntensityRescaler "
        "RecoveryCurveExtractor StackSequence"
    ),
    "skfrap.priors": "complete_prior finite_ends",
    "skfrap.regions": "parse_region region_from_dict region_to_dict",
    "skfrap.replicates": (
        "Comparisons ReplicateSummary compare_groups compare_methods summarise_replicates"
    ),
    "skfrap.residuals": (
        "GoodnessOfFit PixelNoise find_misfits goodness_of_fit judge_fits judge_pixels "
        "prediction_deviations tangents_of"
    ),
    "skfrap.scaling": "predict_rescaled rescale_targets scale_between scaled_protocol",
}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path):
    """Return the modules of skfrap that a file imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("skfrap.")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "skfrap":
            assert node.level == 0
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if node.module == "skfrap" else {node.module}
    return found


FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in ROOMS
)


def test_every_module_is_in_a_room():
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")}
    assert rooms == {*ROOMS, *ALIASES, "__init__", "__main__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    here = ROOMS.index(room_of(path))
    for module in imports_of(path):
        room = module.split(".")[1]
        if room in ("__version__",):
            continue
        assert room in ROOMS, f"{module} is another name of what has moved"
        assert ROOMS.index(room) <= here, f"{module} stands above"


@pytest.mark.parametrize("module", DOCUMENTED)
def test_documented_names_of_version_0_1_stay(module):
    home = importlib.import_module(module)
    for name in DOCUMENTED[module].split():
        assert getattr(home, name) is not None


def test_other_names_are_the_same_things():
    from skfrap.calibration import calibrate_noise
    from skfrap.judging import goodness_of_fit
    from skfrap.noise import calibrate_noise as same_calibration
    from skfrap.protocol import FRAPProtocol
    from skfrap.regions import Circle
    from skfrap.residuals import goodness_of_fit as same_goodness

    assert calibrate_noise is same_calibration
    assert goodness_of_fit is same_goodness
    assert FRAPProtocol is skfrap.FRAPProtocol
    assert Circle is skfrap.Circle
