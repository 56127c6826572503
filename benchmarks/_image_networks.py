"""Networks on scores of image series, beside least squares and the posterior of the same scores.

The paper's protocol and prior, steady light. The network learns from scores that are drawn as it
goes; the posterior mean is the least that any estimator can reach on average, the floor.
"""

import time

from benchmarks._losses import losses
from benchmarks._published import TABLE_1_BOX
from benchmarks._report import timed
from skfrap import BayesianFRAP, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP
from skfrap.models import image_surrogate_for

_PROTOCOL = FRAPProtocol()
_STEADY = {
    "ranges": {"D": (1.0, 1000.0)},
    "window": "field",
    "frame_levels": False,
    "flat_field": None,
}
_LAYERS = 64, 64, 64
_N_STEPS, _BATCH = 768, 1024
_NEW = 10**7  # the first series that no network has seen
_TARGETS = "log10 D", "c0", "alpha"


def networks(report, seed, quick):
    """Train a network, and compare it with least squares and the posterior."""
    n, n_of_posterior = (2048, 256) if quick else (16384, 4096)
    surrogate = image_surrogate_for(_PROTOCOL, **_STEADY)
    simulator = FRAPSimulator(_PROTOCOL, random_state=seed)
    network = NeuralFRAP(hidden_layer_sizes=_LAYERS, batch_size=_BATCH, random_state=seed)
    n_steps = _N_STEPS // 6 if quick else _N_STEPS
    begun = time.process_time()
    _, wall = timed(lambda: network.fit_online(simulator, n_steps * _BATCH, surrogate=surrogate))
    report.section(f"a network on {surrogate.n_scores} scores, {n_steps} steps of {_BATCH} series")
    report.add("training, its standard deviations included, s of CPU", time.process_time() - begun)
    report.add("the same, s on the clock", wall)
    report.add("... of which steps, preparing and drawing", network.history_["seconds"][-1])
    drawn = simulator.sample_scores(n, surrogate, start=_NEW)
    least_squares = LeastSquaresFRAP(_PROTOCOL, TABLE_1_BOX).fit(drawn.data)
    by_network, by_fit = (losses(drawn, e.predict(drawn.data)) for e in (network, least_squares))
    report.section(f"weighted squared errors of {n} other series, over those of least squares")
    for k, name in enumerate(_TARGETS):
        report.add(name, by_network[k] / by_fit[k], "{:.4f}", at_most=None if quick else 1.005)
    few = simulator.sample_scores(n_of_posterior, surrogate, start=_NEW)
    posterior = BayesianFRAP(_PROTOCOL).fit(few.data)
    floor, of_few, fit_of_few = (
        losses(few, e.predict(few.data)) for e in (posterior, network, least_squares)
    )
    report.section(f"... of {n_of_posterior} of them, over those of the posterior mean, the floor")
    for k, name in enumerate(_TARGETS):
        most = None if quick else 1.01
        report.add(f"{name}: network", of_few[k] / floor[k], "{:.4f}", at_most=most)
        report.add(f"{name}: least squares", fit_of_few[k] / floor[k], "{:.4f}")
    report.section("intervals of 95 % that hold the truth, %")
    for name, estimator, one in (
        ("least squares", least_squares, drawn),
        ("network", network, drawn),
        ("posterior", posterior, few),
    ):
        ends = estimator.predict_interval(one.data)
        inside = 100 * ((ends[..., 0] <= one.target) & (one.target <= ends[..., 1])).mean(axis=0)
        for k, target in enumerate(_TARGETS):
            met = None if quick else 94.0 <= inside[k] <= 96.0
            asked = "" if quick else "94 to 96"
            report.line(f"{name}: {target}", f"{inside[k]:.2f}", asked, met)
