"""Where the time goes from one image series of 110 x 256 x 256 pixels to an estimate."""

import numpy as np

from benchmarks._report import median_time
from skfrap.preprocessing import BackgroundSubtractor, IntensityRescaler, RecoveryCurveExtractor

TOGETHER = "all three at once, as in a pipeline"
PREPARATION = "rescale", "background", "curve"


def time_series(stacks, protocol, estimators, repeats=7):
    """Time each step that an image series takes.

    Parameters
    ----------
    stacks : ndarray of shape (n_series, n_frames, ny, nx)
        Of 16 bits.
    protocol : FRAPProtocol
    estimators : dict of fitted estimators

    Returns
    -------
    dict of float
        Median wall times in s, by step: those of `PREPARATION`, each with its result computed in
        full; `TOGETHER`, which computes only what the curve needs; and the names of `estimators`.
    """
    rescaler, subtractor = IntensityRescaler(16), BackgroundSubtractor(protocol=protocol)
    extractor = RecoveryCurveExtractor(protocol)
    rescaled = np.asarray(rescaler.fit_transform(stacks))
    subtracted = np.asarray(subtractor.fit_transform(rescaled))
    X = extractor.fit_transform(subtracted)
    steps = {
        "rescale": lambda: np.asarray(rescaler.transform(stacks)),
        "background": lambda: np.asarray(subtractor.transform(rescaled)),
        "curve": lambda: extractor.transform(subtracted),
        TOGETHER: lambda: extractor.transform(subtractor.transform(rescaler.transform(stacks))),
    }
    for name, estimator in estimators.items():
        steps[name] = lambda one=estimator: one.predict(X)
    return {name: median_time(step, repeats) for name, step in steps.items()}
