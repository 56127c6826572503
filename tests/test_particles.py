"""The models against random walkers that diffuse, bind and are bleached one by one.

A million walkers a case, exact in time: between two frames each moves by one Gaussian step of
the time that it spent unbound, whose bindings and releases are drawn one after the other.

The models take even pixels for points, in bleaching and in reading, where the walkers know the
pixels' area: a mode k then decays by another sinc(k h / 2)² or so, as if from bleaching to reading
passed a time h² / 12 D more. With pixels of h = 0.125 µm that is 0.0013 µm² / D, against
D Δt >= 1 µm² from one frame to the next: 0.13 % of the time. Modes past the pixels' Nyquist
wavenumber, which only the walkers have, decay by exp(-D Δt (pi / h)²) < exp(-600); walkers that
stay where they are, immobile or bound, stay in their pixel, where the models are exact. Curves for
pixels of half the size tell the error, which goes by h²: at most 1.4e-4 of c0, against standard
errors of 1.7e-3 to 3.1e-3; the tests hold it below a tenth of the standard error in every frame.
"""

import numpy as np
import pytest

from skfrap import FRAPProtocol, Mask
from skfrap.models import BindingModel, DiffusionModel

N_WALKERS = 1_000_000
PIXEL_SIZE = 0.125


def protocol_with(pixel_size, **changes):
    """12 x 14 µm and 4 µm of padding, with a rectangle of 6 x 7 µm off the centre."""
    per_um = round(1 / pixel_size)
    rectangle = np.zeros((12 * per_um, 14 * per_um))
    rectangle[2 * per_um : 8 * per_um, 3 * per_um : 10 * per_um] = 1.0
    return FRAPProtocol(
        shape=rectangle.shape,
        pixel_size=pixel_size,
        bleach_region=Mask(rectangle),
        frame_interval=0.4,
        padding=4 * per_um,
        **changes,
    )


def times_unbound(rng, bound, k_on, k_off, interval):
    """Let walkers bind and release over an interval; update `bound` and return the times unbound.

    Waiting times have no memory, so that those left over at a frame can be drawn afresh.
    """
    unbound = np.zeros(len(bound))
    moving = np.arange(len(bound))
    left = np.full(len(bound), interval)
    while len(moving):
        waiting = rng.exponential(size=len(moving)) / np.where(bound[moving], k_off, k_on)
        unbound[moving] += np.where(bound[moving], 0.0, np.minimum(waiting, left))
        switches = waiting < left
        moving, left = moving[switches], (left - waiting)[switches]
        bound[moving] = ~bound[moving]
    return unbound


def walk(protocol, seed, D, alpha, mobile_fraction, imaging_bleach, rates=None):
    """Return the mean of each recorded frame over the bleach region and its standard error."""
    rng = np.random.default_rng(seed)
    pad = protocol.padding
    mask = np.pad(protocol.bleach_mask, pad)
    field = np.pad(np.ones(protocol.shape), pad)
    size = np.multiply(mask.shape, protocol.pixel_size)
    positions = rng.random((N_WALKERS, 2)) * size
    alive = np.ones(N_WALKERS, dtype=bool)
    mobile = rng.random(N_WALKERS) < mobile_fraction
    bound = np.zeros(N_WALKERS, dtype=bool)
    if rates:
        k_on, k_off = rates
        bound = rng.random(N_WALKERS) < k_on / (k_on + k_off)

    first, last = np.split(protocol.times, [protocol.n_prebleach])
    clock = [(t, False) for t in first] + [(t, True) for t in protocol.bleach_times]
    clock += [(t, False) for t in last]
    before = first[0] - protocol.frame_interval
    means, errors = [], []
    for now, bleaching in clock:
        interval = now - before
        before = now
        times = times_unbound(rng, bound, *rates, interval) if rates else interval
        steps = np.sqrt(2 * D * times * mobile)
        positions += steps[:, None] * rng.standard_normal((N_WALKERS, 2))
        positions %= size
        pixels = (positions / protocol.pixel_size).astype(int)
        pixels = tuple(np.minimum(pixels, np.subtract(mask.shape, 1)).T)
        survival = 1 - (1 - imaging_bleach) * field[pixels]
        if bleaching:
            survival = survival * (1 - (1 - alpha) * mask[pixels])
        alive &= rng.random(N_WALKERS) < survival
        if not bleaching:
            share = np.mean(alive & (mask[pixels] > 0))
            scale = mask.size / mask.sum()  # walkers stand for an even concentration of 1
            means.append(scale * share)
            errors.append(scale * np.sqrt(share * (1 - share) / N_WALKERS))
    return np.array(means), np.array(errors)


def assert_walkers_agree(kind, changes, seed, arguments, rates=None):
    rates_by_name = dict(zip(("k_on", "k_off"), rates, strict=True)) if rates else {}
    expected, finer = (
        kind(protocol_with(h, **changes)).curves(c0=1.0, **arguments, **rates_by_name)[0]
        for h in (PIXEL_SIZE, PIXEL_SIZE / 2)
    )
    means, errors = walk(protocol_with(PIXEL_SIZE, **changes), seed, **arguments, rates=rates)
    assert (errors < 3.5e-3).all()
    assert (4 / 3 * np.abs(finer - expected) < 0.1 * errors).all()
    assert (np.abs(means - expected) < 4 * errors).all()
    return expected, errors


DIFFUSION = {"D": 2.5, "alpha": 0.5, "mobile_fraction": 0.8, "imaging_bleach": 0.97}
BINDING = {"D": 4.0, "alpha": 0.4, "mobile_fraction": 0.9, "imaging_bleach": 0.98}


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"n_prebleach": 3, "n_bleach": 3, "n_postbleach": 8},
        {"n_prebleach": 1, "n_bleach": 1, "postbleach_times": [0.4, 1.0, 2.5, 7.0]},
        {"n_prebleach": 2, "n_bleach": 2, "bleach_interval": 0.8, "n_postbleach": 4},
    ],
    ids=["frames", "irregular times", "bleach interval"],
)
def test_diffusing_walkers(changes):
    expected, errors = assert_walkers_agree(DiffusionModel, changes, 20250101, DIFFUSION)
    # They would notice if a term were missing or in another place.
    model = DiffusionModel(protocol_with(PIXEL_SIZE, **changes))
    for other in ({"imaging_bleach": 1.0}, {"mobile_fraction": 1.0}, {"D": 2.0}):
        wrong = model.curves(c0=1.0, **DIFFUSION | other)[0]
        assert (np.abs(wrong - expected) > 5 * errors).any(), other


@pytest.mark.slow
@pytest.mark.parametrize("rates", [(1.5, 1.0), (0.2, 0.3), (12.0, 8.0)])
def test_binding_walkers(rates):
    changes = {"n_prebleach": 2, "n_bleach": 2, "n_postbleach": 8}
    expected, errors = assert_walkers_agree(BindingModel, changes, 20250102, BINDING, rates)
    free = DiffusionModel(protocol_with(PIXEL_SIZE, **changes)).curves(c0=1.0, **BINDING)[0]
    assert (np.abs(free - expected) > 5 * errors).any()
    # Neither of the limits of binding would do, unless exchange is as fast as 20 per second.
    k_on, k_off = rates
    model = DiffusionModel(protocol_with(PIXEL_SIZE, **changes))
    share = k_off / (k_on + k_off)
    populations = BINDING | {"mobile_fraction": BINDING["mobile_fraction"] * share}
    assert (np.abs(model.curves(c0=1.0, **populations)[0] - expected) > 5 * errors).any()
    if k_on + k_off < 10:
        effective = BINDING | {"D": BINDING["D"] * share}
        assert (np.abs(model.curves(c0=1.0, **effective)[0] - expected) > 5 * errors).any()
