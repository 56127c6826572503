"""Measure how well, and after how long, neural networks estimate from recovery curves.

Losses are mean squared errors weighted by 1/a on 65,536 fresh curves of Table 1's prior, over those
of least squares within Table 1's box on the same curves, or over the posterior mean's, the floor.
The paper's final network came to 0.963 ± 0.026, 1.456 ± 0.014 and 1.014 ± 0.019 of least squares,
after 7 days; the errors are those of its curves, which are others for networks and for the fits.

default     training as it comes: time all told (import of Keras, compilation, simulation), losses,
            coverage of the network's own intervals
reach       time until the losses pass least squares, and the paper's network; read off the same
            training in a process of its own, which measures its progress and does not count that
predict     time to predict, for each kind of features, and by Keras
mape        mean absolute percentage errors of D at the 125 settings of section 3.3
hybrid      least squares that starts from the network
pretrained  the network that comes with the package: losses, and time from import to estimate
series      one image series, from pixels to estimate: where the time goes
scores      a pure network on scores, 10 minutes
paper       the paper's own design, 10 minutes
inputs      raw curves: fully connected against convolutional, one minute each

    python -m benchmarks.neural                     all but the last three: some 4 minutes
    python -m benchmarks.neural --stages scores     any of them
    python -m benchmarks.neural --quick             a tenth of the training: no figure can be met
"""

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from sklearn.frozen import FrozenEstimator

from benchmarks._bench import N_SAMPLES, Bench
from benchmarks._losses import coverage, fresh_curves, losses
from benchmarks._published import (
    FINAL_RATIOS,
    N_CURVES,
    N_NOISY,
    N_TRAINING_CURVES,
    NAMES,
    STEPS_DOWN,
    TABLE_1_BOX,
)
from benchmarks._report import Report, arguments_of, choice_of, fresh_times, median_time, timed
from benchmarks._series import time_series
from benchmarks._settings import estimate_at_settings, grid
from skfrap import FRAPSimulator, LeastSquaresFRAP, NeuralFRAP, load_pretrained
from skfrap.inference.networks._features import RawFeatures
from skfrap.inference.networks._keras import (
    _WARM_UP,
    _build_model,
    _JaxStepper,
    import_keras,
)
from skfrap.inference.networks._network import forward

ASKED = 0.881, 1.0, 0.937, 0.888
ASKED_OF_SCORES = 0.895, 1.015, 0.945
STAGES = "default", "reach", "predict", "mape", "hybrid", "pretrained", "series"
N_DRAWS, N_PROCESSES = 4, 11
SECONDS = 600.0  # of the long stages


def report_losses(report, bench, network, asked=(), of_floor=None):
    """Print losses over those of least squares and the floor, with standard errors."""
    estimates = network.predict(bench.fresh.data)
    ratios, errors = bench.ratios_of(estimates)
    for k, (name, ratio, error) in enumerate(zip(NAMES, ratios, errors, strict=True)):
        limit, met = "", None
        if k < len(asked):
            # What was asked was measured on other curves, with such an error as well.
            limit, met = f"<= {asked[k]} + 1 %, 2 se", ratio <= 1.01 * asked[k] + 2 * error
        what = f"{name}, loss over least squares"
        report.line(what, f"{ratio:.4f} ± {error:.4f}", limit, met)
    ratios, _ = bench.ratios_of(estimates, other="BayesianFRAP")
    for name, ratio in zip(NAMES, ratios, strict=True):
        report.add(f"{name}, over the floor", ratio, "{:.4f}", at_most=of_floor)


def measure_default(report, bench):
    network, seconds = timed(lambda: bench.network)
    report.add("wall time, s", seconds, "{:.1f}", at_most=60)
    report_losses(report, bench, network, ASKED, of_floor=1.005)
    ratios = [
        losses(other, network.predict(other.data))
        / losses(other, bench.least_squares.predict(other.data))
        for other in (fresh_curves(bench.seed, draw) for draw in range(N_DRAWS))
    ]
    for name, ratio in zip(NAMES, np.mean(ratios, axis=0), strict=True):
        report.add(f"{name}, over least squares, mean of {N_DRAWS} draws", ratio, "{:.4f}")
    for level in (0.95, 0.68):
        intervals = network.predict_interval(bench.fresh.data, level)
        overall, parts = coverage(intervals, bench.fresh.target)
        for name, share, part in zip(NAMES, overall, parts.T, strict=False):
            measured = f"{share:.1f}; {part.min():.1f}-{part.max():.1f}"
            met = None
            if level == 0.95:
                met = 93 <= share <= 97 and part.min() >= 90 and part.max() <= 99
            asked = "93-97; 90-99" if level == 0.95 else ""
            what = f"{name}, % held by {100 * level:g} % intervals; by deciles"
            report.line(what, measured, asked, met)


def watch(seed, n_samples):
    """Train in this process, and return the history with losses on fresh curves."""
    return Bench(seed).train(n_samples, fresh_curves(seed)).history_


def measure_reach(report, bench):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        history = pool.submit(watch, bench.seed, bench.n_samples).result()
    reached = history["validation_loss"] / bench.losses("least squares")[0][:3]
    for what, passed, limit in (
        ("all three of the paper's network, s", (reached < FINAL_RATIOS[:3]).all(axis=1), 20),
        ("log10 D below least squares, s", reached[:, 0] < 1, 15),
    ):
        seconds = history["seconds"][passed.argmax()] if passed.any() else np.inf
        report.add(what, seconds, "{:.1f}", at_most=limit)


def measure_predict(report, bench):
    one, many = bench.fresh.data[:1], bench.fresh.data
    networks = {"linearized": bench.network}
    for features, sizes in (("scores", (160,) * 5), ("raw", (128,) * 8)):
        # Weights do not change the time it takes.
        design = {"features": features, "hidden_layer_sizes": sizes}
        networks[features] = bench.train(64 * 1024, **design)
    limits = {"linearized": (0.5, 0.5), "scores": (0.15, 0.25), "raw": (None, None)}
    keras = import_keras()
    for features, network in networks.items():
        for_one, for_many = limits[features]
        seconds = min(median_time(lambda n=network: n.predict(one), 300) for _ in range(3))
        report.add(f"{features}: one curve, ms", 1e3 * seconds, "{:.3f}", at_most=for_one)
        seconds = median_time(lambda n=network: n.predict(many), 7)
        report.add(f"{features}: {N_CURVES} curves, s", seconds, "{:.3f}", at_most=for_many)
        # The network alone, against Keras.
        weights, skips = network.weights_[0], network.features_.skips
        inputs, _, _ = network.features_(many)
        widths = (len(weights[0][0]), *(len(bias) for _, bias in weights))
        model = _build_model(keras, widths, network.activation, skips)
        model.set_weights([array for layer in weights for array in layer])
        for what, some, batch, repeats in (("one", inputs[:1], 32, 30), ("all", inputs, 8192, 5)):
            ours = median_time(
                lambda x=some, w=weights, n=network: forward(x, w, n.activation, n.features_.skips),
                repeats,
            )
            theirs = median_time(
                lambda x=some, b=batch, m=model: m.predict(x, batch_size=b, verbose=0), repeats
            )
            report.add(f"  network alone, {what}: keras over skfrap, time", theirs / ours, "{:.2f}")


def measure_mape(report, bench):
    estimators = {
        "network": bench.network,
        "least squares": bench.least_squares,
        "posterior mean": bench.bayes,
    }
    found = estimate_at_settings(estimators, bench.simulator, grid(), bench.seed)
    mape = {name: found.mape(name)[:, 0] for name in estimators}
    for name, errors in mape.items():
        report.line(f"{name}: MAPE of D, %", f"{errors.min():.3f}-{errors.max():.3f}")
    ours, theirs = mape["network"], mape["least squares"]
    report.line("settings in which the network is better", f"{100 * np.mean(ours < theirs):.0f} %")
    spread = found.percent("least squares")[..., 0].std(axis=1, ddof=1)
    above = np.flatnonzero(ours > theirs * 1.02 + spread / np.sqrt(N_NOISY))
    report.add("settings above 1.02 x least squares + 1 se", len(above), "{:d}", at_most=0)
    for k in above:
        D, _, alpha, a = found.settings[k]
        report.line(
            f"  D = {D:.3g}, alpha = {alpha:.2g}, a = {a:.2g}: MAPE of the three, %",
            ", ".join(f"{errors[k]:.2f}" for errors in mape.values()),
        )
    joint = found.correlations("network", "least squares")
    report.line(
        "correlation of the two estimates of D: lowest, median",
        f"{min(joint):.3f}, {np.median(joint):.3f}",
    )


def measure_hybrid(report, bench):
    X = bench.fresh.data
    alone = bench.least_squares._fit_curves(X)
    hybrid = LeastSquaresFRAP(bench.protocol, TABLE_1_BOX, init=FrozenEstimator(bench.network))
    hybrid.fit(X[:1])
    fits = hybrid._fit_curves(X)
    report.add("iterations from the grid, mean", alone.n_iter.mean(), "{:.2f}")
    report.add("iterations from the network, mean", fits.n_iter.mean(), "{:.2f}")
    same = np.abs(fits.theta - alone.theta).max(axis=1) < 1e-4
    report.line("the same optimum", f"{100 * same.mean():.3f} %")
    report.line(
        "a worse optimum, from the network; from the grid",
        f"{np.sum(fits.cost > alone.cost * (1 + 1e-6))}; "
        f"{np.sum(alone.cost > fits.cost * (1 + 1e-6))}",
    )
    report.add(
        "  largest difference of residual sums, relative",
        np.max(np.abs(fits.cost / alone.cost - 1)),
        "{:.1e}",
    )
    for name, estimator in (("from the grid", bench.least_squares), ("from the network", hybrid)):
        seconds = median_time(lambda e=estimator: e.predict(X), 3)
        report.add(f"{N_CURVES} fits {name}, s", seconds, "{:.2f}")


def measure_pretrained(report, bench):
    report_losses(report, bench, load_pretrained(), of_floor=1.003)
    seconds = median_time(load_pretrained, 30)
    report.add("load, ms", 1e3 * seconds, "{:.1f}", at_most=30)
    use = "from skfrap import load_pretrained; load_pretrained().predict(X)"
    programs = {
        "import sklearn": ("", "import sklearn"),
        "import skfrap, load, first estimate": ("import numpy as np\nX = np.ones((1, 110))", use),
    }
    base, ours = fresh_times(programs, N_PROCESSES).values()
    report.add("import sklearn, s", base, "{:.3f}")
    report.add("import, load, first estimate, s", ours, "{:.3f}", at_most=base + 0.15)


def measure_series(report, bench):
    simulator = FRAPSimulator(bench.protocol, random_state=bench.seed, bit_depth=16)
    estimators = {"network": bench.network, "least squares": bench.least_squares}
    stacks = simulator.sample_images(1).data
    for name, seconds in time_series(stacks, bench.protocol, estimators).items():
        report.add(f"{name}, ms", 1e3 * seconds, "{:.2f}")


def measure_scores(report, bench):
    # What 10 minutes allow on two cores.
    design = {"features": "scores", "hidden_layer_sizes": (160,) * 5, "verbose": 1}
    network, seconds = timed(lambda: bench.train(10 * bench.n_samples, **design))
    report.add("wall time, s", seconds, "{:.0f}", at_most=SECONDS)
    report_losses(report, bench, network, ASKED_OF_SCORES)


def measure_paper(report, bench):
    sample = bench.simulator.sample(N_TRAINING_CURVES * bench.n_samples // N_SAMPLES)
    # Its schedule of 48,000 passes in as many as the time allows; benchmarks.paper_training has it
    # as it is, for as long as one likes.
    passes = 110
    network = NeuralFRAP.deepfrap2021(
        max_iter=passes,
        epochs_per_step=(passes - _WARM_UP) // STEPS_DOWN,
        n_init=1,
        validation_fraction=1 / 16,
        random_state=bench.seed,
        verbose=1,
    )
    _, seconds = timed(lambda: network.fit(sample.data, sample.target, sample.sample_weight))
    report.add("wall time, s", seconds, "{:.0f}")
    report.add("passes over 2**20 curves", network.n_iter_, "{:d}")
    report_losses(report, bench, network)


def measure_inputs(report, bench, seconds=60.0):
    keras = import_keras()
    layers, frames = keras.layers, bench.protocol.n_frames

    def dense(x):
        for _ in range(4):
            x = layers.Dense(128, "silu")(x)
        return x

    def convolutional(x):
        x = layers.Reshape((frames, 1))(x)
        for filters in (16, 32, 32):
            x = layers.Conv1D(filters, 5, strides=2, activation="silu")(x)
        return layers.Dense(128, "silu")(layers.Flatten()(x))

    for name, body in (("4 x 128, fully connected", dense), ("convolutional", convolutional)):
        keras.utils.set_random_seed(bench.seed)
        given = keras.Input((frames,))
        model = keras.Model(given, layers.Dense(3)(body(given)))
        optimizer = keras.optimizers.Adam(global_clipnorm=1.0)
        optimizer.build(model.trainable_variables)
        stepper, features = _JaxStepper(model, optimizer), RawFeatures()
        weights = [np.array(variable.value) for variable in model.trainable_variables]
        state, first, spent = stepper.initial_state(), 0, 0.0
        while spent < seconds:
            drawn = bench.simulator.sample(64 * 1024, start=first)
            if first == 0:
                features.fit(drawn.data, drawn.target, drawn.sample_weight)
            inputs, guess, scale = features(drawn.data)
            goals = (drawn.target - guess) / scale
            importance = np.tile(drawn.sample_weight[:, np.newaxis] / 3072, 3)
            block = [a.reshape(64, 1024, -1).astype("f") for a in (inputs, goals, importance)]
            rate = 1.5e-3 * (1 + np.cos(np.pi * spent / seconds))
            start = time.perf_counter()
            weights, state, _ = stepper.advance(weights, state, *block, np.full(64, rate))
            weights[0].block_until_ready()
            # Compilation and simulation are not what is compared.
            spent += time.perf_counter() - start if first else 0.0
            first += 64 * 1024
        for variable, array in zip(model.trainable_variables, weights, strict=True):
            variable.assign(array)
        inputs, guess, scale = features(bench.fresh.data)
        estimates = guess + scale * model.predict(inputs, batch_size=8192, verbose=0)
        report.line(f"{name}: {model.count_params():,} weights, curves seen", f"{first:,}")
        for target, ratio in zip(NAMES, bench.ratios_of(estimates)[0], strict=True):
            report.add(f"  {target}, loss over least squares", ratio, "{:.3f}")


MEASURES = {
    "default": ("default training on fresh curves", measure_default),
    "reach": ("time until a loss is reached, measured after each 64 batches", measure_reach),
    "predict": ("time to predict", measure_predict),
    "mape": ("percentage errors of D at 125 settings", measure_mape),
    "hybrid": ("least squares from the network on", measure_hybrid),
    "pretrained": ("the network that comes with the package", measure_pretrained),
    "series": ("one series of 110 x 256 x 256 pixels", measure_series),
    "scores": ("a pure network on scores", measure_scores),
    "paper": ("the paper's own design", measure_paper),
    "inputs": ("raw curves: fully connected and convolutional, a minute each", measure_inputs),
}


def main():
    arguments = arguments_of(
        __doc__, stages=choice_of(MEASURES, STAGES), quick="a tenth of the training"
    )
    report = Report("neural networks", arguments.seed)
    bench = Bench(arguments.seed, n_samples=N_SAMPLES // (10 if arguments.quick else 1))
    bench.estimates("least squares")  # first, so that no time of a stage has this in it
    for stage in arguments.stages:
        title, measure = MEASURES[stage]
        report.section(f"{stage}: {title}")
        measure(report, bench)
    report.exit()


if __name__ == "__main__":
    main()
