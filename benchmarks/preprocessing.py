"""Time the chain from a 16-bit image stack to its recovery curve.

Measures IntensityRescaler, BackgroundSubtractor and RecoveryCurveExtractor on one stack of 110 x
256 x 256 pixels over the time of ``stack.astype(np.float32)``, and the largest difference of the
curve to the plain formula in double precision.

    python -m benchmarks.preprocessing
"""

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.pipeline import make_pipeline

from benchmarks._report import Report, median_times_in_turn
from skfrap import FRAPProtocol, FRAPSimulator
from skfrap.preprocessing import BackgroundSubtractor, IntensityRescaler, RecoveryCurveExtractor

SEED = 0


def plain_curve(stack, protocol, sigma=5.0):
    """Compute the curve as the paper writes it, in double precision."""
    intensity = stack / 65535
    prebleach = intensity[: protocol.n_prebleach].mean(axis=0)
    background = gaussian_filter(prebleach, sigma, mode="nearest")
    flat = intensity - background + prebleach.mean()
    return np.einsum("fyx,yx->f", flat, protocol.roi_weights)


def main():
    report = Report("From a 16-bit stack of 110 x 256 x 256 pixels to its recovery curve", SEED)
    protocol = FRAPProtocol()
    simulator = FRAPSimulator(
        protocol, prior={"c0": 0.7, "a": 3e-3}, bit_depth=16, random_state=SEED
    )
    stacks = simulator.sample_images(1).data
    chain = make_pipeline(
        IntensityRescaler(), BackgroundSubtractor(), RecoveryCurveExtractor(protocol)
    ).fit(stacks)
    ways = {
        "chain": lambda: chain.transform(stacks),
        "astype": lambda: stacks[0].astype(np.float32),
        "plain": lambda: plain_curve(stacks[0], protocol),
    }
    median = median_times_in_turn(ways, 30)
    report.add("stack.astype(np.float32), ms", 1e3 * median["astype"])
    report.add("chain, ms", 1e3 * median["chain"])
    report.add("plain NumPy formula in float64, ms", 1e3 * median["plain"])
    report.add("chain over astype", median["chain"] / median["astype"], "{:.2f}", at_most=4)
    difference = np.abs(chain.transform(stacks)[0] - plain_curve(stacks[0], protocol)).max()
    report.add("largest difference to the plain formula", difference, "{:.1e}", at_most=1e-6)
    report.exit()


if __name__ == "__main__":
    main()
