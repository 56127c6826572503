"""The exact diffusion model against the reference program, FFTs, closed forms and particles."""

import csv
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import i0e, i1e

from skfrap import Circle, FRAPProtocol, Mask, Polygon, Rectangle
from skfrap.models import DiffusionModel

derandomized = settings(deadline=None, derandomize=True)

SMALL = FRAPProtocol(
    shape=(20, 28),
    pixel_size=0.5,
    bleach_region=Circle(2.2, center=(6.1, 5.3)),
    n_prebleach=2,
    n_bleach=2,
    n_postbleach=6,
    frame_interval=0.2,
    padding=9,
)
PROTOCOLS = {
    "circle": SMALL,
    "one bleach frame": SMALL.replace(n_bleach=1),
    "seven bleach frames": SMALL.replace(n_bleach=7),
    "other bleach interval": SMALL.replace(n_bleach=3, bleach_interval=0.07),
    "irregular times": SMALL.replace(n_bleach=3, postbleach_times=[0.01, 0.02, 0.3, 1.7, 40.0]),
    "no padding, odd field": SMALL.replace(shape=(21, 17), padding=0, bleach_region=Circle(2.0)),
    "rectangle": SMALL.replace(bleach_region=Rectangle(5.0, 1.3, center=(6.0, 7.3))),
    "polygon": SMALL.replace(bleach_region=Polygon([(1.0, 1.0), (12.5, 2.0), (3.3, 9.1)])),
    "whole field": SMALL.replace(bleach_region=Rectangle(14.0, 10.0)),
}
every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
PARAMETERS = [  # D, c0, alpha, mobile_fraction
    (0.05, 1.0, 0.6, 1.0),
    (1.0, 0.7, 0.9, 1.0),
    (30.0, 250.0, 0.2, 0.65),
    (0.0, 1.3, 0.5, 1.0),
    (2.0, 1.0, 0.0, 0.8),
]


def stepped_by_fft(protocol, D, c0, alpha, mobile_fraction):
    """Frames on the padded grid, stepping from event to event by 2-D FFTs."""
    pad = protocol.padding
    mask = np.pad(protocol.bleach_mask, pad)
    ky, kx = (2 * np.pi * np.fft.fftfreq(n, protocol.pixel_size) for n in mask.shape)
    k_squared = ky[:, None] ** 2 + kx**2
    mobile = np.full(mask.shape, c0 * mobile_fraction)
    immobile = np.full(mask.shape, c0 * (1 - mobile_fraction))
    postbleach = protocol.times[protocol.n_prebleach :]
    events = [(t, True) for t in protocol.bleach_times] + [(t, False) for t in postbleach]
    frames = [mobile + immobile] * protocol.n_prebleach
    for (before, _), (now, bleaching) in pairwise([(protocol.times[0], False), *events]):
        decay = np.exp(-D * k_squared * (now - before))
        mobile = np.fft.ifft2(np.fft.fft2(mobile) * decay).real
        if bleaching:
            mobile = mobile * (1 - (1 - alpha) * mask)
            immobile = immobile * (1 - (1 - alpha) * mask)
        else:
            frames.append(mobile + immobile)
    return np.array(frames)


def reference_rows(path):
    """Rows without imaging bleach and blur: the settings and the curve."""
    with path.open() as file:
        for row in csv.DictReader(file):
            values = {name: float(text) for name, text in row.items()}
            if values["beta"] == 1 and values["gamma"] == 0:
                curve = [values[f"f{i}"] for i in range(1, 111)]
                yield values, np.array(curve)


def reference_anti_aliasing(inside, x, y, half_width, half_height):
    """Build a mask as the reference program does: its samples include both ends of the box.

    The box is one pixel wider than the shape's on every side, after rounding to whole pixels from
    their centres. Numbers are 1-based there, and `inside` is given coordinates in pixels.
    """
    samples, boxes = [], []
    for centre, half in ((x, half_width), (y, half_height)):
        lowest = int(np.floor(0.5 + centre - half)) - 1
        highest = int(np.ceil(0.5 + centre + half)) + 1
        n = highest - lowest + 1
        samples.append(np.linspace(lowest - 1, highest, 15 * n))
        boxes.append(slice(lowest - 1, highest))
    hits = inside(samples[0][None, :], samples[1][:, None])
    fractions = np.zeros((256, 256))
    blocks = hits.reshape(hits.shape[0] // 15, 15, hits.shape[1] // 15, 15)
    fractions[boxes[1], boxes[0]] = blocks.mean(axis=(1, 3))
    return Mask(fractions)


def assert_reproduces(values, curve, mask):
    model = DiffusionModel(FRAPProtocol(bleach_region=mask))
    computed = model.curves(
        D=values["D_m2_s"] * 1e12,
        c0=values["c0"],
        alpha=values["alpha"],
        mobile_fraction=values["mobile_fraction"],
    )
    np.testing.assert_allclose(computed[0], curve, rtol=0, atol=1e-13)


def test_agrees_with_the_reference_program(shared, reference_mask):
    rows = list(reference_rows(shared / "reference" / "diffusion.csv"))
    assert len(rows) == 17
    for values, curve in rows:
        assert_reproduces(values, curve, reference_mask)


def test_agrees_with_the_reference_program_off_centre(shared, reference_mask):
    def circle(x, y, r):
        return reference_anti_aliasing(lambda a, b: (a - x) ** 2 + (b - y) ** 2 <= r**2, x, y, r, r)

    # The construction of the mask is itself checked against the mask handed over.
    assert circle(128, 128, 15 / 0.7598) == reference_mask
    rows = list(reference_rows(shared / "reference" / "off_centre.csv"))
    assert len(rows) == 2
    for values, curve in rows:
        assert_reproduces(values, curve, circle(values["x"], values["y"], values["r"]))


def test_agrees_with_the_reference_program_on_rectangles(shared):
    rows = list(reference_rows(shared / "reference" / "rectangle.csv"))
    assert len(rows) == 2
    for values, curve in rows:
        w, h = values["lx"] / 2, values["ly"] / 2
        mask = reference_anti_aliasing(
            lambda a, b, w=w, h=h: (abs(a - 128) <= w) & (abs(b - 128) <= h), 128, 128, w, h
        )
        assert_reproduces(values, curve, mask)


def test_true_areas_are_near_the_reference_program(shared, default_protocol):
    model = DiffusionModel(default_protocol)
    for values, curve in reference_rows(shared / "reference" / "diffusion.csv"):
        arguments = [values[name] for name in ("c0", "alpha", "mobile_fraction")]
        difference = np.abs(model.curves(values["D_m2_s"] * 1e12, *arguments)[0] - curve).max()
        assert 1e-8 < difference < 6.5e-4


@every_protocol
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_curves_and_images_agree_with_fft_stepping(protocol, parameters):
    model = DiffusionModel(protocol)
    stepped = stepped_by_fft(protocol, *parameters)
    c0 = parameters[1]
    padded = model.images(*parameters, padded=True)[0]
    np.testing.assert_allclose(padded / c0, stepped / c0, rtol=0, atol=1e-10)
    rows, columns = (slice(protocol.padding, protocol.padding + n) for n in protocol.shape)
    field = stepped[:, rows, columns]
    images = model.images(*parameters)[0]
    np.testing.assert_allclose(images / c0, field / c0, rtol=0, atol=1e-10)
    expected = np.einsum("tyx,yx->t", field, protocol.roi_weights)
    curve = model.curves(*parameters)[0]
    np.testing.assert_allclose(curve / c0, expected / c0, rtol=0, atol=1e-10)


def test_default_protocol_agrees_with_fft_stepping(default_protocol):
    protocol = default_protocol.replace(postbleach_times=[0.265, 1.0, 26.5])
    frames = stepped_by_fft(protocol, 47.0, 0.8, 0.6, 0.9)[:, 128:-128, 128:-128]
    expected = np.einsum("tyx,yx->t", frames, protocol.roi_weights)
    curve = DiffusionModel(protocol).curves(47.0, 0.8, 0.6, 0.9)[0]
    np.testing.assert_allclose(curve, expected, rtol=0, atol=1e-10)


@every_protocol
def test_images_average_to_curves(protocol):
    model = DiffusionModel(protocol)
    D, _, alpha, mobile = np.transpose(PARAMETERS)
    images = model.images(D, 1.0, alpha, mobile)
    averaged = np.einsum("ntyx,yx->nt", images, protocol.roi_weights)
    np.testing.assert_allclose(averaged, model.curves(D, 1.0, alpha, mobile), rtol=0, atol=1e-12)


@every_protocol
def test_mass_is_conserved_after_bleaching(protocol):
    model = DiffusionModel(protocol)
    for D, c0, alpha, mobile in PARAMETERS:
        mass = model.images(D, c0, alpha, mobile, padded=True)[0].sum(axis=(1, 2))
        before, after = mass[: protocol.n_prebleach], mass[protocol.n_prebleach :]
        n_pixels = np.prod(np.add(protocol.shape, 2 * protocol.padding))
        np.testing.assert_allclose(before, c0 * n_pixels, rtol=1e-12)
        np.testing.assert_allclose(after, after[0], rtol=1e-12)
        mask = protocol.bleach_mask
        if D == 0 or protocol.n_bleach == 1:
            lost = 1 - (1 - (1 - alpha) * mask) ** protocol.n_bleach
            np.testing.assert_allclose(after, c0 * (n_pixels - lost.sum()), rtol=1e-12)
        else:  # what diffuses in between two bleach frames is bleached as well
            assert after[0] < before[0] - c0 * (1 - alpha) * mask.sum()


def test_arguments_broadcast(default_protocol):
    model = DiffusionModel(SMALL)
    D, alpha = np.array([0.1, 1.0, 10.0]), np.array([0.5, 0.6, 0.7])
    curves = model.curves(D, 0.9, alpha)
    assert curves.shape == (3, SMALL.n_frames)
    assert model.images(D, 0.9, alpha).shape == (3, SMALL.n_frames, *SMALL.shape)
    for k in range(3):
        one = model.curves(D[k], [0.9], alpha[k])
        assert one.shape == (1, SMALL.n_frames)
        np.testing.assert_allclose(one[0], curves[k], rtol=1e-13)
    crossed = model.curves(D[:, None], 0.9, alpha)
    assert crossed.shape == (9, SMALL.n_frames)
    np.testing.assert_allclose(crossed[[0, 4, 8]], curves, rtol=1e-13)
    # Rows with equal D keep their own places.
    mixed = model.curves([1.0, 0.1, 1.0, 10.0], [1, 2, 3, 4], [0.6, 0.5, 0.7, 0.7])
    np.testing.assert_allclose(mixed[[0, 1, 3]] / [[1], [2], [4]], curves[[1, 0, 2]] / 0.9)


def test_no_parameters_give_no_curves():
    assert DiffusionModel(SMALL).curves([], [], []).shape == (0, SMALL.n_frames)
    assert DiffusionModel(SMALL).images([], [], []).shape == (0, SMALL.n_frames, *SMALL.shape)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"D": -1.0}, "D"),
        ({"D": np.nan}, "D"),
        ({"D": [1.0, np.inf]}, "D"),
        ({"c0": np.nan}, "c0"),
        ({"alpha": 1.01}, "alpha"),
        ({"alpha": -0.01}, "alpha"),
        ({"mobile_fraction": 1.5}, "mobile_fraction"),
    ],
)
def test_errors_name_the_parameter(arguments, name):
    model = DiffusionModel(SMALL)
    for compute in (model.curves, model.images):
        with pytest.raises(ValueError, match=f"^{name} "):
            compute(**{"D": 1.0, "c0": 1.0, "alpha": 0.5} | arguments)
    with pytest.raises(ValueError, match="broadcast"):
        model.curves([1.0, 2.0], [1.0, 1.0, 1.0], 0.5)


@every_protocol
def test_limits(protocol):
    model = DiffusionModel(protocol)

    def left(alpha):
        kept = (1 - (1 - alpha) * protocol.bleach_mask) ** protocol.n_bleach
        return np.sum(protocol.roi_weights * kept)

    first = protocol.n_prebleach
    still = model.curves(0.0, 0.8, [0.0, 0.5])[:, first:]
    np.testing.assert_allclose(still[0], 0.8 * left(0.0), atol=1e-13)
    np.testing.assert_allclose(still[1], 0.8 * left(0.5), atol=1e-13)
    immobile = model.curves([0.5, 500.0], 0.8, 0.5, mobile_fraction=0.0)[:, first:]
    np.testing.assert_allclose(immobile, 0.8 * left(0.5), atol=1e-14)
    unbleached = model.curves([0.0, 0.5, 500.0], 0.8, 1.0, mobile_fraction=[1.0, 1.0, 0.3])
    np.testing.assert_allclose(unbleached, 0.8, rtol=1e-13)
    # Slow diffusion tends to none, and fast diffusion to an even field.
    np.testing.assert_allclose(model.curves(1e-13, 0.8, 0.5)[:, first:], 0.8 * left(0.5), atol=1e-9)
    even = model.images(1e6, 0.8, 0.5)[0, first:]
    np.testing.assert_allclose(even, even.mean(), atol=1e-10)


def test_prebleach_frames_are_c0(default_protocol):
    curves = DiffusionModel(default_protocol).curves([1.0, 100.0], [0.3, 4000.0], 0.6, 0.5)
    assert (curves[:, :10] == [[0.3], [4000.0]]).all()
    assert (curves[:, 10:] < [[0.3], [4000.0]]).all()


@derandomized
@given(st.floats(0.01, 100.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(-3.0, 3.0))
def test_scale_equivariance(D, alpha, mobile, log10_scale):
    scale = 10.0**log10_scale
    reference = DiffusionModel(SMALL).curves(D, 1.0, alpha, mobile)
    region = SMALL.bleach_region
    longer = SMALL.replace(
        pixel_size=SMALL.pixel_size * scale,
        bleach_region=Circle(region.radius * scale, tuple(scale * x for x in region.center)),
    )
    in_space = DiffusionModel(longer).curves(D * scale**2, 1.0, alpha, mobile)
    slower = SMALL.replace(frame_interval=SMALL.frame_interval * scale)
    in_time = DiffusionModel(slower).curves(D / scale, 1.0, alpha, mobile)
    in_intensity = DiffusionModel(SMALL).curves(D, scale, alpha, mobile) / scale
    for scaled in (in_space, in_time, in_intensity):
        np.testing.assert_allclose(scaled, reference, rtol=0, atol=1e-10)


@derandomized
@given(st.floats(0.001, 1000.0), st.floats(0.0, 0.99), st.sampled_from([*PROTOCOLS.values()]))
def test_recovery_rises_with_time_and_with_mobility(D, alpha, protocol):
    protocol = protocol.replace(n_bleach=1)
    slower, faster = DiffusionModel(protocol).curves([D, 1.3 * D], 1.0, alpha)
    half_mobile = DiffusionModel(protocol).curves(D, 1.0, alpha, 0.5)[0]
    after = slice(protocol.n_prebleach, None)
    assert (np.diff(slower[after]) >= -1e-14).all()
    assert (faster[after] >= slower[after] - 1e-14).all()
    assert (half_mobile[after] <= slower[after] + 1e-14).all()
    assert (slower <= 1 + 1e-14).all()


@pytest.mark.parametrize("n", [64, 128])
def test_tends_to_the_soumpasis_formula(n):
    # Recovery of a disk bleached at once in an infinite plane; pixels of r / 10 and r / 20.
    r, D, alpha = 4.0, 3.0, 0.4
    protocol = FRAPProtocol(
        shape=(n, n),
        pixel_size=25.6 / n,
        bleach_region=Circle(r),
        n_bleach=1,
        postbleach_times=[0.3, 0.5, 1.0, 2.0, 4.0],
        padding=5 * n // 2,
    )
    x = r**2 / (2 * D * protocol.times[protocol.n_prebleach :])
    expected = 1 - (1 - alpha) * (1 - (i0e(x) + i1e(x)))
    curve = DiffusionModel(protocol).curves(D, 1.0, alpha)[0, protocol.n_prebleach :]
    np.testing.assert_allclose(curve, expected, atol=1.5e-3 * (64 / n))


def test_agrees_with_diffusing_particles():
    protocol = FRAPProtocol(
        shape=(32, 36),
        pixel_size=0.5,
        bleach_region=Circle(4.0, center=(8.3, 7.6)),
        n_prebleach=1,
        n_bleach=1,
        postbleach_times=[0.3, 0.9, 2.5],
        padding=14,
    )
    D, c0, alpha, mobile_fraction = 2.0, 1.0, 0.3, 0.8
    rng = np.random.default_rng(20240501)
    n = 400_000
    mask, weights = (
        np.pad(a, protocol.padding) for a in (protocol.bleach_mask, protocol.roi_weights)
    )
    grid = np.array(mask.shape)
    # Positions in pixels. A particle stands for as many pixels' c0 as there are per particle.
    positions = rng.random((n, 2)) * grid

    def value(image):
        return image[tuple(np.floor(positions).astype(int).T % grid[:, None])]

    alive = rng.random(n) < 1 - (1 - alpha) * value(mask)
    moves = rng.random(n) < mobile_fraction
    expected = DiffusionModel(protocol).curves(D, c0, alpha, mobile_fraction)[0]
    now = 0.0
    for k, time in enumerate(protocol.times[1:], start=1):
        sigma = np.sqrt(2 * D * (time - now)) / protocol.pixel_size
        positions += moves[:, None] * rng.normal(scale=sigma, size=(n, 2))
        now = time
        counted = c0 * mask.size * value(weights) * alive
        standard_error = counted.std() / np.sqrt(n)
        assert standard_error < 0.02
        assert abs(counted.mean() - expected[k]) < 4 * standard_error
    assert expected[3] - expected[1] > 5 * standard_error  # there is something to see
