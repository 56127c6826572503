"""Measure what a trained network saves where the frame interval, the spot or the prior is another.

The network that comes with the package is transferred to each task by `warm_start`, with a fifth of
the curves of a fresh training of the same design, and both are judged on the same fresh curves. The
loss is over that of the linearised fit, the mean of D, c0 and alpha.

    python -m benchmarks.transfer             some 12 minutes on two cores
    python -m benchmarks.transfer --quick     a tenth of the curves
"""

import numpy as np
from scipy.stats import loguniform

from benchmarks._losses import losses
from benchmarks._report import Report, arguments_of, choice_of, timed
from skfrap import Circle, FRAPProtocol, FRAPSimulator, NeuralFRAP, load_pretrained

N_SAMPLES = 5_000 * 1024  # of the fresh training, the default
SHARE = 5
_N_HELD = 2**15

_PROTOCOL = FRAPProtocol()
# Both ends of D's range twice as far: 0.5 to 2000 µm²/s.
_WIDE = {"D": loguniform(0.5, 2000.0)}
_OTHERS = {
    "frame_interval": 2 * _PROTOCOL.frame_interval,
    "bleach_region": Circle(1.5 * _PROTOCOL.bleach_region.radius),
}
TASKS = {
    "interval": ("frame interval x 2", {"frame_interval": _OTHERS["frame_interval"]}, {}),
    "radius": ("radius x 1.5", {"bleach_region": _OTHERS["bleach_region"]}, {}),
    "prior": ("range of D twice as wide at both ends", {}, _WIDE),
    "all": ("all three", _OTHERS, _WIDE),
    # No figure is asked here: half of the curves say next to nothing of D, which is new.
    "decades": ("six decades of D in place of three", {}, {"D": loguniform(10**-1.5, 10**4.5)}),
}


def measure(report, task, n_samples, rate, seed):
    """Train for a task from scratch and from the shipped network."""
    _, changes, prior = TASKS[task]
    asked = task != "decades"
    simulator, other = (
        FRAPSimulator(_PROTOCOL.replace(**changes), prior, random_state=seed + k) for k in range(2)
    )
    held = other.sample(_N_HELD)
    given = held.data, held.target, held.sample_weight
    fresh = NeuralFRAP(random_state=seed)
    _, seconds = timed(lambda: fresh.fit_online(simulator, n_samples, validation=given))
    start = load_pretrained().set_params(
        warm_start=True, batch_size=1024, learning_rate_init=rate, verbose=0
    )
    _, shorter = timed(lambda: start.fit_online(simulator, n_samples // SHARE, validation=given))
    benchmark = losses(held, fresh.features_(held.data)[1])[:3]
    ends = [
        np.mean(losses(held, network.predict(held.data))[:3] / benchmark)
        for network in (fresh, start)
    ]
    # By the scale of the fresh training, whose benchmark is of other curves.
    on_the_way = np.mean(start.history_["validation_loss"] / benchmark, axis=1)
    reached = np.flatnonzero(on_the_way <= ends[0])
    report.add("fresh: loss over the linearised fit", ends[0], "{:.4f}")
    report.add("transferred: the same, a fifth of the curves", ends[1], "{:.4f}")
    report.add(
        "transferred over fresh", ends[1] / ends[0], "{:.4f}", at_most=1.0 if asked else None
    )
    curves = 1024 * start.history_["step"][reached[0]] / n_samples if len(reached) else np.inf
    report.add(
        "share of the curves after which it was as good",
        curves,
        "{:.3f}",
        at_most=0.2 if asked else None,
    )
    report.add("fresh: s", seconds, "{:.0f}")
    report.add("transferred: s", shorter, "{:.0f}")


def main():
    given = arguments_of(
        __doc__,
        stages=choice_of(TASKS),
        quick="a tenth of the curves",
        rate={"type": float, "default": 1e-3, "help": "learning_rate_init of the transfer"},
    )
    report = Report("transfer of the shipped network", given.seed)
    n_samples = N_SAMPLES // (10 if given.quick else 1)
    report.line("curves of a fresh training", f"{n_samples:,}")
    for task in given.stages:
        report.section(TASKS[task][0])
        measure(report, task, n_samples, given.rate, given.seed)
    report.exit()


if __name__ == "__main__":
    main()
