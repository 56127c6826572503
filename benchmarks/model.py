"""Measure the forward model: one exact curve, many interpolated ones, noisy samples.

An exact curve is timed against the same model stepped by FFT on the padded grid, in plain SciPy, in
the same run; the two must agree. Stepping is timed as a fresh process runs it, and again with
memory kept for reuse, as later in a session, where it is three times as fast: that is what the
ratio is taken of. Rates are medians over repeated calls.

    python -m benchmarks.model
"""

import numpy as np

from benchmarks._fft_model import FFTModel
from benchmarks._published import N_CURVES
from benchmarks._report import Report, arguments_of, median_time
from skfrap import FRAPProtocol, FRAPSimulator
from skfrap.models import BindingModel, CurveSurrogate, DiffusionModel
from skfrap.numerics._memory import keep_freed_memory


def measure_exact_model(report, protocol, repeats):
    model, stepping = DiffusionModel(protocol), FFTModel(protocol)
    settings = [
        {"D": D, "c0": 0.8, "alpha": alpha}
        for D in (1.0, 10.0, 100.0, 1000.0)
        for alpha in (0.5, 0.7, 0.9)
    ]
    few = max(3, repeats // 4)
    # Stepping takes the same time whatever the parameters.
    fresh = median_time(lambda: stepping.curve(**settings[4]), few)
    keep_freed_memory()
    stepped = median_time(lambda: stepping.curve(**settings[4]), few)
    exact = np.median([median_time(lambda s=s: model.curves(**s), repeats) for s in settings])
    there_and_back = FFTModel(protocol, there_and_back=True)
    reference = median_time(lambda: there_and_back.curve(**settings[4]), 3)
    difference = max(
        np.abs(model.curves(**s)[0] - other.curve(**s)).max()
        for s in settings[::3]
        for other in (stepping, there_and_back)
    )
    curve = f"one exact curve of {protocol.n_frames} frames"
    report.add(curve, 1e3 * exact, "{:.2f} ms", at_most=6)
    report.add("one curve by FFT stepping, plain SciPy, fresh process", 1e3 * fresh, "{:.0f} ms")
    report.add("  with memory kept for reuse", 1e3 * stepped, "{:.0f} ms")
    report.add("  ratio of that to one exact curve", stepped / exact, "{:.0f} x", at_least=100)
    report.add("one by FFTs there and back in every frame, complex", 1e3 * reference, "{:.0f} ms")
    report.add("largest difference between the three", difference, "{:.1e}", at_most=1e-10)


def measure_full_model(report, protocol, repeats):
    """Time what cannot be done locally: bleaching by imaging, and binding."""
    there_and_back = FFTModel(protocol, there_and_back=True)
    plain = median_time(lambda: there_and_back.curve(30.0, 0.8, 0.7), 3)
    diffusion, binding = DiffusionModel(protocol), BindingModel(protocol)
    curves = {
        "bleaching by imaging": (
            lambda: diffusion.curves(30.0, 0.8, 0.7, imaging_bleach=0.998),
            150,
        ),
        "binding": (lambda: binding.curves(30.0, 0.5, 1.0, 0.8, 0.7), 60),
    }
    for name, (curve, limit) in curves.items():
        seconds = median_time(curve, max(3, repeats // 2))
        report.add(f"one exact curve with {name}", 1e3 * seconds, "{:.0f} ms", at_most=limit)
        report.add("  one species by FFTs there and back over it", plain / seconds, "{:.1f} x")


def measure_surrogate(report, protocol, repeats, seed):
    model = DiffusionModel(protocol)
    build = median_time(lambda: CurveSurrogate(model), max(3, repeats // 4))
    report.add("building the surrogate", build, "{:.3f} s", at_most=0.5)

    surrogate = CurveSurrogate(model)
    random = np.random.default_rng(seed)
    low, high = np.log10(surrogate.ranges["D"])
    low += 1e-12 * abs(low)  # 10**log10(D) may round to outside the range
    few = {
        "D": 10 ** random.uniform(low, high, 100),
        "c0": 1.0,
        "alpha": random.uniform(0, 1, 100),
    }
    error = np.abs(surrogate.curves(**few) - model.curves(**few)).max()
    report.add("  its error on 100 curves all over its range", error, "{:.1e}", at_most=1e-8)

    many = {
        "D": 10 ** random.uniform(low, high, N_CURVES),
        "c0": random.uniform(0.5, 1, N_CURVES),
        "alpha": random.uniform(0, 1, N_CURVES),
    }
    rate = N_CURVES / median_time(lambda: surrogate.curves(**many), repeats)
    report.add("noise-free curves from the surrogate", rate, "{:,.0f} /s", at_least=300_000)


def measure_simulator(report, protocol, repeats, seed):
    simulator = FRAPSimulator(protocol, random_state=seed)
    rate = N_CURVES / median_time(lambda: simulator.sample(N_CURVES), repeats)
    report.add("noisy samples from FRAPSimulator.sample", rate, "{:,.0f} /s", at_least=100_000)


def main():
    arguments = arguments_of(__doc__, repeats={"type": int, "default": 15})
    report = Report("forward model", arguments.seed)
    protocol = FRAPProtocol()
    measure_exact_model(report, protocol, arguments.repeats)
    measure_full_model(report, protocol, arguments.repeats)
    measure_surrogate(report, protocol, arguments.repeats, arguments.seed)
    measure_simulator(report, protocol, arguments.repeats, arguments.seed)
    report.exit()


if __name__ == "__main__":
    main()
