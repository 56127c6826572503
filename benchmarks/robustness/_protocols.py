"""Right experiments of other kinds than the paper's: regions, clocks, fields, numbers of frames."""

import numpy as np

from skfrap import Circle, FRAPProtocol, Mask, Polygon, Rectangle


def _ring():
    y, x = np.indices((72, 72)) - 35.5
    return Mask(((x**2 + y**2 < 14**2) & (x**2 + y**2 > 6**2)).astype(float))


def _slowing():
    """Frame times that grow farther apart."""
    return tuple(np.round(np.concatenate([0.2 * np.arange(1, 31), 6 + 2.0 * np.arange(1, 21)]), 9))


OTHERS = {
    "small spot": FRAPProtocol(
        shape=(64, 64), pixel_size=0.2, bleach_region=Circle(1.0), n_prebleach=5, n_bleach=1,
        n_postbleach=60, frame_interval=0.1, padding=32,
    ),
    "large spot": FRAPProtocol(
        shape=(96, 96), pixel_size=0.5, bleach_region=Circle(12.0), n_prebleach=10, n_bleach=2,
        n_postbleach=80, frame_interval=1.0, padding=64,
    ),
    "off centre": FRAPProtocol(
        shape=(96, 80), pixel_size=0.5, bleach_region=Circle(5.0, (13.0, 30.0)), n_prebleach=5,
        n_bleach=1, n_postbleach=60, frame_interval=0.5, padding=64,
    ),
    "rectangle": FRAPProtocol(
        shape=(80, 80), pixel_size=0.3, bleach_region=Rectangle(6.0, 4.0), n_prebleach=8,
        n_bleach=3, n_postbleach=100, frame_interval=0.3, padding=40,
    ),
    "strip": FRAPProtocol(
        shape=(64, 64), pixel_size=0.5, bleach_region=Rectangle(24.0, 5.0), n_prebleach=5,
        n_bleach=1, n_postbleach=50, frame_interval=0.5, padding=48,
    ),
    "polygon": FRAPProtocol(
        shape=(72, 72), pixel_size=0.4,
        bleach_region=Polygon([(8, 8), (20, 9), (18, 19), (12, 21)]), n_prebleach=6, n_bleach=1,
        n_postbleach=70, frame_interval=0.4, padding=36,
    ),
    "ring": FRAPProtocol(
        shape=(72, 72), pixel_size=0.5, bleach_region=_ring(), n_prebleach=5, n_bleach=1,
        n_postbleach=60, frame_interval=0.5, padding=36,
    ),
    "slowing clock": FRAPProtocol(
        shape=(64, 64), pixel_size=0.5, bleach_region=Circle(4.0), n_prebleach=5, n_bleach=1,
        frame_interval=0.2, postbleach_times=_slowing(), padding=48,
    ),
    "long bleaching": FRAPProtocol(
        shape=(64, 64), pixel_size=0.5, bleach_region=Circle(5.0), n_prebleach=10, n_bleach=10,
        n_postbleach=90, frame_interval=0.25, padding=48,
    ),
    "few frames": FRAPProtocol(
        shape=(64, 64), pixel_size=0.5, bleach_region=Circle(5.0), n_prebleach=2, n_bleach=1,
        n_postbleach=18, frame_interval=1.0, padding=48,
    ),
    "many frames": FRAPProtocol(
        shape=(48, 48), pixel_size=0.5, bleach_region=Circle(4.0), n_prebleach=20, n_bleach=1,
        n_postbleach=280, frame_interval=0.1, padding=32,
    ),
    "no margin": FRAPProtocol(
        shape=(96, 96), pixel_size=0.5, bleach_region=Circle(6.0), n_prebleach=5, n_bleach=1,
        n_postbleach=60, frame_interval=0.5, padding=0,
    ),
}  # fmt: skip


def draw(protocol, n, random, noise=(0.003, 0.03)):
    """Draw parameters with which the protocol can measure D.

    Parameters
    ----------
    protocol : FRAPProtocol
    n : int
    random : numpy.random.Generator
    noise : tuple of float, default=(0.003, 0.03)
        Ends of the noise of a curve's value, of the light before bleaching.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        D, c0, alpha and the noise variance a of a pixel.
    """
    times = protocol.times[protocol.n_prebleach :]
    square = protocol.equivalent_radius**2 / 4
    low, high = np.log(square / (0.5 * times[-1])), np.log(square / (2 * times[0]))
    D = np.exp(random.uniform(min(low, high), max(low, high), n))
    c0 = random.uniform(0.4, 0.8, n)
    alpha = random.uniform(0.2, 0.7, n) ** (1 / protocol.n_bleach)
    relative = np.exp(random.uniform(*np.log(noise), n))
    return {"D": D, "c0": c0, "alpha": alpha, "a": (relative * c0) ** 2 / protocol.noise_gain}


def curves(protocol, values, random):
    """Compute curves with noise."""
    from skfrap.models import DiffusionModel

    known = {name: values[name] for name in values if name != "a"}
    clean = DiffusionModel(protocol).curves(**known)
    spread = np.sqrt(values["a"] * protocol.noise_gain)
    return clean + spread[:, np.newaxis] * random.standard_normal(clean.shape)
