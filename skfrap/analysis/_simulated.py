"""Simulated image series in files, that bring their protocol and the truth."""

import numpy as np

from skfrap import __version__
from skfrap.io import write_series
from skfrap.simulator import FRAPSimulator

NOT_OF_THE_MODEL = "noise_a", "noise_b", "seed"
"""What a truth holds besides parameters of the model."""

DEMO = {
    "D": 25.0,
    "c0": 0.7,
    "alpha": 0.6,
    "mobile_fraction": 1.0,
    "noise_a": 3e-3,
    "noise_b": 0.0,
    "seed": 0,
}
"""The truth of `skfrap demo`, where nothing else is asked for."""


def write_simulated(path, protocol, truth, *, model="diffusion", bit_depth=16, vignetting=0.1):
    """Write a simulated series; its protocol and truth go into the file.

    Parameters
    ----------
    path : Path
        Of the file to write; its folder is made where there is none.
    protocol : FRAPProtocol
    truth : dict
        Values of the model's parameters, and ``noise_a``, ``noise_b`` and ``seed``.
    model : str, default="diffusion"
        Its name.
    bit_depth : int, default=16
        Of the detector.
    vignetting : float, default=0.1
        Uneven background: intensity lost from the middle to the corners.
    """
    ny, nx = protocol.shape
    y, x = np.ogrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j]
    background = vignetting * (0.5 - 0.5 * (x**2 + y**2))
    prior = {name: value for name, value in truth.items() if name not in NOT_OF_THE_MODEL}
    simulator = FRAPSimulator(
        protocol,
        prior=prior | {"a": truth["noise_a"] or 1e-300, "b": truth["noise_b"]},
        model=model,
        noise="proportional" if truth["noise_a"] or truth["noise_b"] else "none",
        random_state=truth["seed"],
        bit_depth=bit_depth,
        background=background - background.mean(),
    )
    images = simulator.sample_images(1).data[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_series(
        path,
        images,
        pixel_size_um=protocol.pixel_size,
        frame_interval_s=protocol.frame_interval,
        info={
            "protocol": protocol.to_dict(),
            "truth": {"model": model, **truth},
            "skfrap": __version__,
        },
    )
