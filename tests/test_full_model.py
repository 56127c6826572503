"""Imaging bleach, blurs and binding against the reference program, plain FFTs and limits."""

import csv
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.ndimage import correlate1d, gaussian_filter
from scipy.special import erf

from skfrap import Circle, FRAPProtocol, Mask, Polygon, Rectangle
from skfrap.models import BindingModel, DiffusionModel, effective_diffusion
from skfrap.models._optics import blur_mask, optics_for
from skfrap.models.field._spectral import is_symmetric

derandomized = settings(deadline=None, derandomize=True, max_examples=25)

SMALL = FRAPProtocol(
    shape=(20, 28),
    pixel_size=0.5,
    bleach_region=Circle(2.2, center=(6.1, 5.3)),
    n_prebleach=2,
    n_bleach=2,
    n_postbleach=5,
    frame_interval=0.2,
    padding=9,
)
SYMMETRIC = SMALL.replace(bleach_region=Circle(2.2))
PROTOCOLS = {
    "off centre": SMALL,
    "symmetric": SYMMETRIC,
    "symmetric, no padding": SYMMETRIC.replace(padding=0, n_bleach=4),
    "symmetric about one axis": SMALL.replace(bleach_region=Circle(2.2, center=(7.0, 5.3))),
    "odd field": SMALL.replace(shape=(21, 17), bleach_region=Circle(2.0)),
    "odd by even, no padding": SMALL.replace(shape=(17, 20), padding=0, bleach_region=Circle(2.0)),
    "one bleach frame": SMALL.replace(n_bleach=1, n_prebleach=1),
    "four bleach frames": SYMMETRIC.replace(n_bleach=4, n_prebleach=3),
    "bleach interval": SMALL.replace(n_bleach=3, bleach_interval=0.07),
    "irregular times": SYMMETRIC.replace(n_bleach=3, postbleach_times=[0.01, 0.02, 0.3, 1.7, 40.0]),
    "polygon": SMALL.replace(bleach_region=Polygon([(1.0, 1.0), (12.5, 2.0), (3.3, 9.1)])),
    "mask": SMALL.replace(bleach_region=Mask(SMALL.bleach_mask > 0.5)),
}
every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
# D, c0, alpha, mobile_fraction, imaging_bleach, bleach_blur, imaging_blur
SETTINGS = [
    (1.0, 0.7, 0.6, 1.0, 0.98, 0.0, 0.0),
    (0.05, 250.0, 0.9, 0.65, 0.9, 0.4, 0.0),
    (30.0, 1.0, 0.2, 0.8, 0.99, 0.0, 0.7),
    (2.0, 1.3, 0.0, 0.5, 0.5, 0.9, 0.3),
    (0.0, 1.0, 0.5, 1.0, 0.97, 0.3, 0.4),
    (2.0, 1.0, 0.5, 0.7, 1.0, 0.6, 0.8),
    (0.3, 1.0, 0.5, 0.0, 1.0, 0.0, 0.6),
]
RATES = [(0.7, 1.9), (30.0, 4.0), (0.02, 0.3), (2.0, 0.0), (0.0, 2.0)]
NAMES = ("D", "c0", "alpha", "mobile_fraction", "imaging_bleach", "bleach_blur", "imaging_blur")


# --- The reference program -------------------------------------------------------------------


def reference_rows(shared, name):
    """Settings and curve of each row, in the units of the file."""
    with (shared / "reference" / f"{name}.csv").open() as file:
        for row in csv.DictReader(file):
            values = {column: float(text) for column, text in row.items()}
            yield values, np.array([values[f"f{i}"] for i in range(1, 111)])


def reference_region(values):
    """Tell which points are inside, and the middle and half size of the region, in pixels."""
    if "lx" in values:
        half = values["lx"] / 2, values["ly"] / 2
        return lambda x, y: (abs(x - 128) <= half[0]) & (abs(y - 128) <= half[1]), (128, 128), half
    x0, y0, r = (
        values.get(key, default) for key, default in (("x", 128), ("y", 128), ("r", 15 / 0.7598))
    )
    return lambda x, y: (x - x0) ** 2 + (y - y0) ** 2 <= r**2, (x0, y0), (r, r)


def reference_area_fractions(values, gamma):
    """Sample 15 x 15 points a pixel and blur as the reference program does.

    The bounding box, numbered from 1, is that of the region and 8 gamma more on each side, rounded
    outwards from the pixel centres, and one pixel; the samples span it with both its ends.
    """
    inside, middle, half_size = reference_region(values)
    samples, boxes = [], []
    for centre, half in zip(middle, half_size, strict=True):
        lowest = int(np.floor(0.5 + centre - half - 8 * gamma)) - 1
        highest = int(np.ceil(0.5 + centre + half + 8 * gamma)) + 1
        samples.append(np.linspace(lowest - 1, highest, 15 * (highest - lowest + 1)))
        boxes.append(slice(lowest - 1, highest))
    fine = inside(samples[0], samples[1][:, None]).astype(float)
    if gamma > 0:
        half = 2 * int(np.ceil(2 * 15 * gamma))
        offsets = np.arange(-half, half + 1)
        kernel = np.exp(-0.5 * (offsets / (15 * gamma)) ** 2)
        for axis in (0, 1):
            fine = correlate1d(fine, kernel / kernel.sum(), axis, mode="nearest")
    fractions = np.zeros((256, 256))
    blocks = fine.reshape(fine.shape[0] // 15, 15, fine.shape[1] // 15, 15)
    fractions[boxes[1], boxes[0]] = blocks.mean(axis=(1, 3))
    return np.minimum(fractions, 1.0)  # rounding may exceed 1


@pytest.mark.parametrize(
    ("name", "n_rows"), [("diffusion", 23), ("rectangle", 3), ("off_centre", 3), ("binding", 4)]
)
def test_agrees_with_every_row_of_the_reference_program(shared, reference_mask, name, n_rows):
    # Largest deviations found: 4.3e-14, 1.8e-14, 1.9e-14 and 2.0e-14.
    rows = list(reference_rows(shared, name))
    assert len(rows) == n_rows
    for values, curve in rows:
        sharp = reference_area_fractions(values, 0.0)
        if not {"lx", "x"} & set(values):  # the mask that was handed over checks the construction
            assert Mask(sharp) == reference_mask
        blurred = reference_area_fractions(values, values["gamma"])
        protocol = FRAPProtocol(bleach_region=Mask(blurred))
        kind = BindingModel if name == "binding" else DiffusionModel
        computed = kind(protocol, sharp / sharp.sum()).curves(
            D=values["D_m2_s"] * 1e12,
            imaging_bleach=values["beta"],
            **{
                key: values[key]
                for key in ("c0", "alpha", "mobile_fraction", "k_on", "k_off")
                if key in values
            },
        )
        np.testing.assert_allclose(computed[0], curve, rtol=0, atol=1e-13)


def test_reference_program_is_sensitive_to_blur_and_imaging_bleach(shared, reference_mask):
    # The agreement would notice if the terms were missing.
    model = DiffusionModel(FRAPProtocol(bleach_region=reference_mask))
    names = ("c0", "alpha", "mobile_fraction")
    for values, curve in reference_rows(shared, "diffusion"):
        plain = model.curves(values["D_m2_s"] * 1e12, *(values[name] for name in names))[0]
        missing = values["beta"] < 1 or values["gamma"] > 0
        assert (np.abs(plain - curve).max() > 1e-4) == missing


@pytest.mark.parametrize("row", [2, 4])
def test_own_bleach_blur_is_near_the_reference_program(shared, row):
    # gamma is in pixels; the reference's mask is 0.3 % small, and its Gaussian ends at 4 sigma.
    values, curve = [
        entry for entry in reference_rows(shared, "diffusion") if entry[0]["gamma"] > 0
    ][row]
    computed = DiffusionModel(FRAPProtocol()).curves(
        values["D_m2_s"] * 1e12,
        values["c0"],
        values["alpha"],
        values["mobile_fraction"],
        imaging_bleach=values["beta"],
        bleach_blur=values["gamma"] * 0.7598,
    )
    np.testing.assert_allclose(computed[0], curve, rtol=0, atol=6.5e-4)


# --- Plain stepping by FFTs ------------------------------------------------------------------


def propagators(k_squared, D, k_on, k_off, time):
    """exp(t A) of every mode, (ny, nx, 2, 2): A mixes unbound and bound, only the former moves."""
    generator = np.empty((*k_squared.shape, 2, 2))
    generator[..., 0, 0] = -D * k_squared - k_on
    generator[..., 0, 1] = k_off
    generator[..., 1, 0] = k_on
    generator[..., 1, 1] = -k_off
    rates, vectors = np.linalg.eig(generator)
    assert (np.linalg.cond(vectors) < 1e4).all()
    powers = (vectors * np.exp(rates * time)[..., None, :]) @ np.linalg.inv(vectors)
    # That is quick, and right: as scipy's, which is slow, on some modes.
    some = slice(None, None, 7), slice(None, None, 9)
    # A third, empty species keeps scipy from a closed form that overflows.
    padded = np.pad(time * generator[some], [(0, 0), (0, 0), (0, 1), (0, 1)])
    np.testing.assert_allclose(powers[some], expm(padded)[..., :2, :2], rtol=0, atol=1e-11)
    return powers


def stepped_by_fft(
    protocol, D, c0, alpha, mobile_fraction, imaging, bleach_blur, imaging_blur, rates=(0.0, 0.0)
):
    """Frames on the whole padded grid: diffuse and exchange, bleach, image-bleach, record."""
    k_on, k_off = rates
    pad, interval = protocol.padding, protocol.frame_interval
    mask = blur_mask(protocol, bleach_blur) if bleach_blur else np.pad(protocol.bleach_mask, pad)
    field = np.pad(np.full(protocol.shape, imaging), pad, constant_values=1.0)
    ky, kx = (2 * np.pi * np.fft.fftfreq(n, protocol.pixel_size) for n in mask.shape)
    k_squared = ky[:, None] ** 2 + kx**2
    unbound = k_off / (k_on + k_off) if k_on else 1.0
    mobile = np.array([unbound, 1 - unbound])[:, None, None] * np.full(mask.shape, mobile_fraction)
    immobile = np.full(mask.shape, 1 - mobile_fraction)
    bleach_interval = protocol.bleach_interval or interval
    first = -bleach_interval * (protocol.n_bleach - 1)
    events = [(first - k * interval, False) for k in range(protocol.n_prebleach + 1, 0, -1)]
    events += [(first + k * bleach_interval, True) for k in range(protocol.n_bleach)]
    times = protocol.postbleach_times or [interval * (k + 1) for k in range(protocol.n_postbleach)]
    events += [(time, False) for time in times]
    steps = {}
    frames = []
    for (before, _), (now, bleaching) in pairwise(events):
        time = round(now - before, 12)
        if time not in steps:
            steps[time] = propagators(k_squared, D, k_on, k_off, time)
        modes = np.einsum("yxij,jyx->iyx", steps[time], np.fft.fft2(mobile))
        left = field * (1 - (1 - alpha) * mask) if bleaching else field
        mobile = np.fft.ifft2(modes).real * left
        immobile = immobile * left
        if not bleaching:
            seen = np.fft.fft2(mobile.sum(axis=0) + immobile)
            frames.append(np.fft.ifft2(seen * np.exp(-0.5 * imaging_blur**2 * k_squared)).real)
    return c0 * np.array(frames)


def assert_agrees_with_stepping(model, protocol, values, rates=None):
    arguments = dict(zip(NAMES, values, strict=True))
    if rates:
        arguments |= {"k_on": rates[0], "k_off": rates[1]}
    stepped = stepped_by_fft(protocol, *values, *([rates] if rates else []))
    c0 = arguments["c0"]
    padded = model.images(**arguments, padded=True)[0]
    np.testing.assert_allclose(padded / c0, stepped / c0, rtol=0, atol=1e-10)
    rows, columns = (slice(protocol.padding, protocol.padding + n) for n in protocol.shape)
    field = stepped[:, rows, columns]
    images = model.images(**arguments)[0]
    np.testing.assert_allclose(images / c0, field / c0, rtol=0, atol=1e-10)
    expected = np.einsum("tyx,yx->t", field, protocol.roi_weights)
    curve = model.curves(**arguments)[0]
    np.testing.assert_allclose(curve / c0, expected / c0, rtol=0, atol=1e-10)


@every_protocol
@pytest.mark.slow
def test_diffusion_agrees_with_fft_stepping(protocol):
    model = DiffusionModel(protocol)
    for values in SETTINGS:
        assert_agrees_with_stepping(model, protocol, values)


@every_protocol
@pytest.mark.slow
def test_binding_agrees_with_fft_stepping(protocol):
    model = BindingModel(protocol)
    for k, values in enumerate(SETTINGS):
        assert_agrees_with_stepping(model, protocol, values, RATES[k % len(RATES)])
    assert_agrees_with_stepping(model, protocol, (3.0, 0.9, 0.4, 1.0, 1.0, 0.0, 0.0), RATES[0])


@pytest.mark.parametrize("rates", [None, (0.4, 0.9)])
@pytest.mark.slow
def test_default_protocol_agrees_with_fft_stepping(default_protocol, rates):
    protocol = default_protocol.replace(n_prebleach=2, n_bleach=2, postbleach_times=[0.265, 1.0])
    model = BindingModel(protocol) if rates else DiffusionModel(protocol)
    assert_agrees_with_stepping(model, protocol, (47.0, 0.8, 0.6, 0.9, 0.99, 1.5, 0.5), rates)


@pytest.mark.slow
@every_protocol
@pytest.mark.parametrize("kind", [DiffusionModel, BindingModel])
def test_images_average_to_curves(protocol, kind):
    values = dict(zip(NAMES, np.transpose(SETTINGS), strict=True)) | {"c0": 1.0}
    if kind is BindingModel:
        values |= {"k_on": 0.7, "k_off": 1.9}
    model = kind(protocol)
    averaged = np.einsum("ntyx,yx->nt", model.images(**values), protocol.roi_weights)
    np.testing.assert_allclose(averaged, model.curves(**values), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [DiffusionModel, BindingModel])
@pytest.mark.parametrize("protocol", [SMALL, SYMMETRIC], ids=["full grid", "quarter grid"])
def test_other_weights(kind, protocol):
    weights = protocol.roi_weights**2 / protocol.noise_gain
    values = dict(zip(NAMES, np.transpose(SETTINGS), strict=True)) | {"c0": 1.0}
    if kind is BindingModel:
        values |= {"k_on": 0.7, "k_off": 1.9}
    expected = np.einsum("ntyx,yx->nt", kind(protocol).images(**values), weights)
    curves = kind(protocol, weights).curves(**values)
    np.testing.assert_allclose(curves, expected, rtol=0, atol=1e-12)
    # Lopsided weights must not be taken on a quarter of the grid.
    lopsided = protocol.roi_weights * np.linspace(0, 2, protocol.shape[1])
    lopsided /= lopsided.sum()
    expected = np.einsum("ntyx,yx->nt", kind(protocol).images(**values), lopsided)
    curves = kind(protocol, lopsided).curves(**values)
    np.testing.assert_allclose(curves, expected, rtol=0, atol=1e-12)


@every_protocol
def test_symmetric_experiments_are_recognised(protocol):
    centred = protocol.bleach_region == SYMMETRIC.bleach_region
    assert is_symmetric(optics_for(protocol)) == centred
    assert is_symmetric(optics_for(protocol, 0.7)) == centred


@every_protocol
@pytest.mark.parametrize("kind", [DiffusionModel, BindingModel])
@pytest.mark.slow
def test_hardly_any_imaging_bleach_is_none(protocol, kind):
    # Two ways of computing, one for imaging_bleach = 1, must meet.
    values = dict(zip(NAMES, np.transpose(SETTINGS), strict=True)) | {"c0": 1.0}
    if kind is BindingModel:
        values |= {"k_on": 0.7, "k_off": 1.9}
    model = kind(protocol)
    without = values | {"imaging_bleach": 1.0}
    hardly = values | {"imaging_bleach": 1 - 1e-13}
    for compute in (model.curves, model.images):
        np.testing.assert_allclose(compute(**hardly), compute(**without), rtol=0, atol=1e-11)


# --- The blurred bleach beam -----------------------------------------------------------------


def blurred_disk(protocol, blur):
    """Pixel means of a disk convolved with a Gaussian, by Gauss-Legendre x trapezoid in the disk.

    A pixel's mean is the integral over the disk of a product of two differences of erf, smooth:
    the quadrature converges spectrally.
    """
    region, h = protocol.bleach_region, protocol.pixel_size
    nodes, node_weights = np.polynomial.legendre.leggauss(120)
    radii = 0.5 * region.radius * (nodes + 1)
    angles = 2 * np.pi * np.arange(240) / 240
    area = np.outer(0.5 * region.radius * node_weights * radii, np.full(240, 2 * np.pi / 240))
    factors = []
    height, width = (n * h for n in protocol.shape)
    x0, y0 = region.center or (0.5 * width, 0.5 * height)
    for n, points in zip(
        protocol.shape,
        (y0 + np.outer(radii, np.sin(angles)), x0 + np.outer(radii, np.cos(angles))),
        strict=True,
    ):
        edges = h * np.arange(-protocol.padding, n + protocol.padding + 1)
        steps = 0.5 * erf((edges[:, None] - points.ravel()) / (blur * np.sqrt(2)))
        factors.append(np.diff(steps, axis=0) / h)
    return (factors[0] * area.ravel()) @ factors[1].T


@pytest.mark.parametrize("protocol", [SMALL, SYMMETRIC, PROTOCOLS["odd field"]])
@pytest.mark.parametrize("blur", [0.2, 0.5, 1.0, 2.0])
def test_blurred_mask_agrees_with_quadrature(protocol, blur):
    expected = blurred_disk(protocol, blur)
    np.testing.assert_allclose(blur_mask(protocol, blur), expected, rtol=0, atol=1e-11)


def test_blurred_mask_of_rectangles_is_exact():
    # The convolution is a product of differences of erf.
    rectangle = SMALL.replace(bleach_region=Rectangle(2.2, 3.4, center=(5.1, 4.9)))
    mask = np.zeros(SMALL.shape)
    mask[3:11, 8:15] = 1.0
    aligned = SMALL.replace(bleach_region=Mask(mask))
    sides = {rectangle: [(3.2, 6.6), (4.0, 6.2)], aligned: [(1.5, 5.5), (4.0, 7.5)]}
    nodes, node_weights = np.polynomial.legendre.leggauss(24)
    for protocol, intervals in sides.items():
        for blur in (0.15, 0.8, 3.0):
            profiles = []
            for n, (low, high) in zip(protocol.shape, intervals, strict=True):
                centres = 0.5 * (np.arange(-9, n + 9) + 0.5)
                points = centres[:, None] + 0.25 * nodes
                inside = [erf((points - side) / (blur * np.sqrt(2))) for side in (low, high)]
                profiles.append(0.25 * (inside[0] - inside[1]) @ node_weights)
            expected = np.outer(*profiles)
            blurred = blur_mask(protocol, blur)
            np.testing.assert_allclose(blurred, expected, rtol=0, atol=1e-12)


@every_protocol
def test_blurred_mask_keeps_the_area(protocol):
    wide = protocol.replace(padding=60)
    for blur in (1e-6, 0.1, 0.9, 3.0):
        blurred = blur_mask(wide, blur)
        assert blurred.min() >= 0
        assert blurred.max() <= 1
        np.testing.assert_allclose(blurred.sum(), protocol.bleach_mask.sum(), rtol=1e-12)
        # Light that leaves the grid is lost, and what stays is the same.
        few = blur_mask(wide.replace(padding=2), blur)
        np.testing.assert_allclose(few, blurred[58:-58, 58:-58], rtol=0, atol=1e-13)


@every_protocol
def test_little_bleach_blur_is_none(protocol):
    model = DiffusionModel(protocol)
    sharp = model.curves(1.0, 1.0, 0.5, 0.8, imaging_bleach=[1.0, 0.97])
    for blur in (1e-3, 1e-5, 1e-7):
        curves = model.curves(1.0, 1.0, 0.5, 0.8, imaging_bleach=[1.0, 0.97], bleach_blur=blur)
        np.testing.assert_allclose(curves, sharp, rtol=0, atol=blur)
    np.testing.assert_array_equal(
        blur_mask(protocol, 1e-7) > 0.999, np.pad(protocol.bleach_mask > 0.999, protocol.padding)
    )


def test_bleach_blur_leaves_more_and_reaches_further():
    still = {"D": 0.0, "c0": 1.0, "alpha": 0.2}
    sharp, blurred = DiffusionModel(SMALL).images(**still, bleach_blur=[0.0, 0.8])[:, -1]
    row, column = 10, 12  # the pixel at the middle of the disk
    assert blurred[row, column] > sharp[row, column]
    assert blurred[row, column + 6] < sharp[row, column + 6]
    assert abs(sharp[row, column + 6] - 1) < 1e-12


# --- The blurred image -----------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [SMALL, SYMMETRIC, PROTOCOLS["irregular times"]])
@pytest.mark.parametrize("imaging_bleach", [1.0, 0.96])
@pytest.mark.parametrize("rates", [None, {"k_on": 0.7, "k_off": 1.9}])
def test_imaging_blur_blurs_the_images(protocol, imaging_bleach, rates):
    # Of 2.5 pixels: a sampled Gaussian is then the band-limited one to 1e-13.
    blur = 2.5 * protocol.pixel_size
    model = BindingModel(protocol) if rates else DiffusionModel(protocol)
    arguments = {"D": 0.8, "c0": 0.9, "alpha": 0.3, "mobile_fraction": 0.7, **(rates or {})}
    arguments |= {"imaging_bleach": imaging_bleach, "bleach_blur": 0.4}
    sharp = model.images(**arguments, padded=True)[0]
    expected = np.array([gaussian_filter(f, 2.5, mode="wrap", truncate=8.5) for f in sharp])
    blurred = model.images(**arguments, imaging_blur=blur, padded=True)[0]
    np.testing.assert_allclose(blurred, expected, rtol=0, atol=1e-12)
    weights = np.pad(protocol.roi_weights, protocol.padding)
    expected = np.einsum("tyx,yx->t", expected, weights)
    curve = model.curves(**arguments, imaging_blur=blur)[0]
    np.testing.assert_allclose(curve, expected, rtol=0, atol=1e-12)


# --- Binding ---------------------------------------------------------------------------------


@every_protocol
@pytest.mark.parametrize("k_off", [0.0, 1e-9, 1.0, 1e3])
@pytest.mark.slow
def test_without_binding_diffusion_is_free(protocol, k_off):
    values = dict(zip(NAMES, np.transpose(SETTINGS), strict=True)) | {"c0": 1.0}
    expected = DiffusionModel(protocol).curves(**values)
    curves = BindingModel(protocol).curves(**values, k_on=0.0, k_off=k_off)
    np.testing.assert_allclose(curves, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("imaging_bleach", [1.0, 0.97])
@pytest.mark.parametrize("protocol", [SMALL, SYMMETRIC])
def test_fast_exchange_is_effective_diffusion(protocol, imaging_bleach):
    k = np.array([1e3, 1e4, 1e5, 1e6])
    seen = {"imaging_bleach": imaging_bleach, "bleach_blur": 0.2, "imaging_blur": 0.3}
    D = effective_diffusion(2.0, k, 0.4 * k)
    np.testing.assert_allclose(D, 2.0 * 0.4 / 1.4)
    expected = DiffusionModel(protocol).curves(D, 0.9, 0.5, 0.8, **seen)
    curves = BindingModel(protocol).curves(2.0, k, 0.4 * k, 0.9, 0.5, 0.8, **seen)
    error = np.abs(curves - expected).max(axis=1)
    assert 1e-5 < error[0] < 1e-3
    np.testing.assert_allclose(error[:-1] / error[1:], 10.0, rtol=0.02)


@pytest.mark.parametrize("imaging_bleach", [1.0, 0.97])
@pytest.mark.parametrize("k", [1e10, 1e12, 1e14])
def test_very_fast_exchange_is_effective_diffusion(k, imaging_bleach):
    seen = {"imaging_bleach": imaging_bleach}
    expected = DiffusionModel(SMALL).curves(2.0 * 0.4 / 1.4, 0.9, 0.5, **seen)
    curves = BindingModel(SMALL).curves(2.0, k, 0.4 * k, 0.9, 0.5, **seen)
    np.testing.assert_allclose(curves, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("k_off", [1e7, 1e10, 1e14])
def test_without_binding_very_fast_release_does_not_matter(k_off):
    expected = DiffusionModel(SMALL).curves(2.0, 0.9, 0.5)
    curves = BindingModel(SMALL).curves(2.0, 0.0, k_off, 0.9, 0.5)
    np.testing.assert_allclose(curves, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("imaging_bleach", [1.0, 0.97])
def test_slow_exchange_is_two_populations(imaging_bleach):
    k = np.array([1e-3, 1e-4, 1e-5, 1e-9])
    k_on, k_off = 0.3 * k, 0.7 * k
    seen = {"imaging_bleach": imaging_bleach, "bleach_blur": 0.2, "imaging_blur": 0.3}
    # Of the mobile fraction of 0.8 seven tenths are free; the bound ones stay where they are.
    expected = DiffusionModel(SMALL).curves(2.0, 0.9, 0.5, 0.8 * 0.7, **seen)
    curves = BindingModel(SMALL).curves(2.0, k_on, k_off, 0.9, 0.5, 0.8, **seen)
    error = np.abs(curves - expected).max(axis=1)
    assert 1e-6 < error[0] < 1e-3
    np.testing.assert_allclose(error[:-2] / error[1:-1], 10.0, rtol=0.02)
    assert error[-1] < 1e-9


def test_binding_without_motion():
    for imaging_bleach in (1.0, 0.97):
        expected = DiffusionModel(SMALL).curves(0.0, 0.9, 0.5, imaging_bleach=imaging_bleach)
        still = BindingModel(SMALL).curves(
            [0.0, 0.0, 0.0, 30.0],
            [1e-3, 1.0, 1e5, 2.0],
            [2e-3, 0.0, 3e4, 0.0],  # without release nothing is ever free
            0.9,
            0.5,
            imaging_bleach=imaging_bleach,
        )
        np.testing.assert_allclose(still, expected[[0, 0, 0, 0]], rtol=0, atol=1e-11)


@every_protocol
def test_binding_conserves_mass(protocol):
    k_on, k_off = np.transpose(RATES)
    images = BindingModel(protocol).images(
        3.0, k_on, k_off, 0.9, 0.4, 0.8, bleach_blur=0.3, imaging_blur=0.5, padded=True
    )
    mass = images.sum(axis=(2, 3))
    before, after = np.split(mass, [protocol.n_prebleach], axis=1)
    np.testing.assert_allclose(before, 0.9 * images[0, 0].size, rtol=1e-12)
    np.testing.assert_allclose(after, after[:, [-1]] * np.ones_like(after), rtol=1e-12)
    assert (after[:, 0] < before[:, 0] - 1).all()


def test_binding_slows_recovery():
    curves = BindingModel(SMALL.replace(n_bleach=1)).curves(2.0, [0.0, 0.3, 3.0, 30.0], 1.0, 1, 0.3)
    assert (np.diff(curves[:, SMALL.n_prebleach :], axis=0) < 0).all()


def test_effective_diffusion_without_binding_is_free():
    assert effective_diffusion(3.0, 0.0, 2.0) == 3.0
    np.testing.assert_allclose(effective_diffusion(3.0, np.array([1.0, 2.0]), 2.0), [2.0, 1.5])


def test_effective_diffusion_without_exchange_is_free():
    assert effective_diffusion(3.0, 0.0, 0.0) == 3.0  # as BindingModel has it


def test_effective_diffusion_is_not_known_where_a_rate_is_not():
    assert np.isnan(effective_diffusion(3.0, [np.nan, 1.0, np.nan], [1.0, np.nan, np.nan])).all()


@pytest.mark.parametrize(
    "kind",
    [
        DiffusionModel,
        BindingModel,
    ],
)
def test_models_can_be_pickled(kind):
    rates = {"k_on": 1.0, "k_off": 2.0} if kind is BindingModel else {}
    model = kind(SMALL)
    arguments = {"D": 2.0, "c0": 1.0, "alpha": 0.4, "imaging_bleach": [1.0, 0.97], **rates}
    curves = model.curves(**arguments)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.curves(**arguments), curves)


# --- Bleaching by imaging --------------------------------------------------------------------


def frames_so_far(protocol):
    """Count the frames imaged up to and with each recorded one; bleach frames are imaged too."""
    count = np.arange(1, protocol.n_frames + 1)
    count[protocol.n_prebleach :] += protocol.n_bleach
    return count


@every_protocol
@pytest.mark.parametrize("imaging_bleach", [0.999, 0.9, 0.3])
@pytest.mark.slow
def test_imaging_bleach_of_immobile_particles(protocol, imaging_bleach):
    factor = imaging_bleach ** frames_so_far(protocol)
    for model, rates in (
        (DiffusionModel(protocol), {}),
        (BindingModel(protocol), {"k_on": 0.7, "k_off": 1.9}),
    ):
        for still in ({"D": 5.0, "mobile_fraction": 0.0}, {"D": 0.0, "mobile_fraction": 0.6}):
            arguments = {
                "c0": 0.8,
                "alpha": [0.0, 0.4],
                "bleach_blur": [0.0, 0.5],
                **still,
                **rates,
            }
            for compute, shape in ((model.curves, (-1,)), (model.images, (-1, 1, 1))):
                without = compute(**arguments)
                bleached = compute(**arguments, imaging_bleach=imaging_bleach)
                expected = factor.reshape(shape) * without
                np.testing.assert_allclose(bleached, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("center", [None, (32.2, 31.1)])
def test_imaging_bleach_in_a_large_field(center):
    # From the region to the edge are 27 µm, and sqrt(4 D t) over all frames is 5.6 µm. D times the
    # interval is 4 pixel areas, so that the edge of the field is resolved.
    protocol = SMALL.replace(
        shape=(128, 128), bleach_region=Circle(4.0, center), n_prebleach=2, n_postbleach=4
    )
    factor = 0.97 ** frames_so_far(protocol)
    for model, rates in (
        (DiffusionModel(protocol), {}),
        (BindingModel(protocol), {"k_on": 0.2, "k_off": 1.9}),
    ):
        without, bleached = model.curves(
            D=5.0, c0=1, alpha=0.4, mobile_fraction=0.9, imaging_bleach=[1.0, 0.97], **rates
        )
        np.testing.assert_allclose(bleached, factor * without, rtol=0, atol=1e-9)


def test_imaging_bleach_without_padding():
    # The field is all there is: even particles stay even, and mass is lost by the factor.
    protocol = SMALL.replace(padding=0)
    factor = 0.9 ** frames_so_far(protocol)
    for model, rates in (
        (DiffusionModel(protocol), {}),
        (BindingModel(protocol), {"k_on": 0.7, "k_off": 1.9}),
    ):
        arguments = {"D": 2.0, "c0": 1.0, "alpha": 0.4, "mobile_fraction": 0.9, **rates}
        mass = model.images(**arguments).sum(axis=(2, 3))[0]
        bleached = model.images(**arguments, imaging_bleach=0.9).sum(axis=(2, 3))[0]
        np.testing.assert_allclose(bleached, factor * mass, rtol=1e-12)
        even = model.curves(**arguments | {"alpha": 1.0}, imaging_bleach=0.9)[0]
        np.testing.assert_allclose(even, factor, rtol=1e-12)


def test_fresh_particles_come_in_from_outside_the_field():
    # Unlike immobile ones, mobile particles outside are not bleached by imaging.
    free, still = DiffusionModel(SMALL).curves(50.0, 1.0, 1.0, [1.0, 0.0], imaging_bleach=0.8)
    np.testing.assert_allclose(still, 0.8 ** frames_so_far(SMALL), rtol=1e-13)
    assert (free[1:] > still[1:] + 0.01).all()


@every_protocol
@pytest.mark.parametrize("kind", [DiffusionModel, BindingModel])
@pytest.mark.slow
def test_mixed_arguments_equal_separate_calls(protocol, kind):
    values = {
        "D": [1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 1.0],
        "c0": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        "alpha": [0.2, 0.3, 0.4, 0.4, 0.6, 0.6, 0.8],
        "mobile_fraction": [1.0, 1.0, 0.9, 0.8, 0.0, 1.0, 0.5],
        "imaging_bleach": [1.0, 0.9, 0.99, 1.0, 1.0, 0.9, 1.0],
        "bleach_blur": [0.0, 0.3, 0.0, 0.3, 0.0, 0.0, 0.3],
        "imaging_blur": [0.0, 0.0, 0.2, 0.2, 0.0, 0.0, 0.2],
    }
    if kind is BindingModel:
        values |= {"k_on": [0.0, 1.0, 2.0, 3.0, 1.0, 1.0, 2.0], "k_off": 1.5}
    together = kind(protocol).curves(**values)
    images = kind(protocol).images(**values)
    for k in range(7):
        one = {name: np.broadcast_to(value, 7)[k] for name, value in values.items()}
        separate = kind(protocol).curves(**one)
        assert separate.shape == (1, protocol.n_frames)
        np.testing.assert_allclose(together[k], separate[0], rtol=1e-12)
        np.testing.assert_allclose(images[k], kind(protocol).images(**one)[0], rtol=1e-12)
    crossed = kind(protocol).curves(
        **{**values, "D": np.array([[1.0], [2.0]])}  # 2 x 7
    )
    assert crossed.shape == (14, protocol.n_frames)
    for k, D in enumerate(values["D"]):
        np.testing.assert_allclose(crossed[k + (7 if D == 2 else 0)], together[k], rtol=1e-12)


def test_a_model_forgets_nothing():
    # More ways of looking than engines are kept for.
    for model, rates in (
        (DiffusionModel(SMALL), {}),
        (BindingModel(SMALL), {"k_on": 0.7, "k_off": 1.9}),
    ):
        blurs = np.linspace(0.0, 0.9, 12)
        arguments = {"D": 2.0, "c0": 1.0, "alpha": 0.4, "bleach_blur": blurs, **rates}
        first = model.curves(**arguments, imaging_bleach=[0.97] * 6 + [1.0] * 6)
        again = model.curves(**arguments, imaging_bleach=[0.97] * 6 + [1.0] * 6)
        np.testing.assert_array_equal(first, again)
        assert len(np.unique(first[:, -1])) == 12


factors = st.floats(0.0, 1.0)


@derandomized
@given(
    D=st.floats(0.01, 100.0),
    alpha=factors,
    mobile=factors,
    imaging=st.one_of(st.just(1.0), st.floats(0.3, 1.0)),
    blurs=st.tuples(st.one_of(st.just(0.0), st.floats(0.05, 2.0)), st.floats(0.0, 2.0)),
    rates=st.none() | st.tuples(st.floats(0.0, 50.0), st.floats(0.0, 50.0)),
    log10_scale=st.floats(-3.0, 3.0),
    protocol=st.sampled_from([SMALL, SYMMETRIC, PROTOCOLS["bleach interval"]]),
)
def test_scale_equivariance(D, alpha, mobile, imaging, blurs, rates, log10_scale, protocol):
    def curve(protocol, in_space=1.0, in_time=1.0, in_intensity=1.0):
        arguments = {
            "D": D * in_space**2 / in_time,
            "c0": in_intensity,
            "alpha": alpha,
            "mobile_fraction": mobile,
            "imaging_bleach": imaging,
            "bleach_blur": blurs[0] * in_space,
            "imaging_blur": blurs[1] * in_space,
        }
        if rates is None:
            return DiffusionModel(protocol).curves(**arguments)[0]
        rates_in_time = {"k_on": rates[0] / in_time, "k_off": rates[1] / in_time}
        return BindingModel(protocol).curves(**arguments, **rates_in_time)[0]

    scale = 10.0**log10_scale
    reference = curve(protocol)
    region = protocol.bleach_region
    center = region.center and tuple(scale * x for x in region.center)
    longer = protocol.replace(
        pixel_size=protocol.pixel_size * scale, bleach_region=Circle(region.radius * scale, center)
    )
    slower = protocol.replace(
        frame_interval=protocol.frame_interval * scale,
        bleach_interval=(protocol.bleach_interval or protocol.frame_interval) * scale,
    )
    for scaled in (
        curve(longer, in_space=scale),
        curve(slower, in_time=scale),
        curve(protocol, in_intensity=scale) / scale,
    ):
        np.testing.assert_allclose(scaled, reference, rtol=0, atol=1e-10)


# --- Errors ----------------------------------------------------------------------------------


WRONG = [
    {"D": -1.0},
    {"D": [1.0, np.inf]},
    {"c0": np.nan},
    {"alpha": -0.1},
    {"mobile_fraction": [0.5, 1.1]},
    {"imaging_bleach": 1.01},
    {"imaging_bleach": -0.1},
    {"imaging_bleach": [0.9, np.nan]},
    {"bleach_blur": -0.1},
    {"bleach_blur": np.nan},
    {"imaging_blur": -0.1},
    {"imaging_blur": np.inf},
    {"k_on": -0.1},
    {"k_on": np.nan},
    {"k_off": [1.0, -1.0]},
    {"k_off": np.inf},
]


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [(BindingModel, arguments) for arguments in WRONG]
    + [(DiffusionModel, arguments) for arguments in WRONG if not {"k_on", "k_off"} & {*arguments}],
)
def test_errors_name_the_argument(kind, arguments):
    valid = {"D": 1.0, "c0": 1.0, "alpha": 0.5}
    if kind is BindingModel:
        valid |= {"k_on": 1.0, "k_off": 1.0}
    (name,) = arguments
    for compute in (kind(SMALL).curves, kind(SMALL).images):
        with pytest.raises(ValueError, match=f"^{name} must be finite and between"):
            compute(**valid | arguments)


@pytest.mark.parametrize("kind", [DiffusionModel, BindingModel])
def test_arguments_that_do_not_broadcast(kind):
    rates = {"k_on": 1.0, "k_off": 1.0} if kind is BindingModel else {}
    with pytest.raises(ValueError, match="broadcast"):
        kind(SMALL).curves(D=1.0, c0=1.0, alpha=[0.5, 0.6], imaging_bleach=[0.9] * 3, **rates)


@pytest.mark.parametrize("kind", [DiffusionModel, BindingModel])
def test_no_parameters_give_no_curves(kind):
    rates = {"k_on": 1.0, "k_off": 1.0} if kind is BindingModel else {}
    arguments = {"D": [], "c0": 1.0, "alpha": 0.5, "imaging_bleach": 0.9, **rates}
    assert kind(SMALL).curves(**arguments).shape == (0, SMALL.n_frames)
    assert kind(SMALL).images(**arguments).shape == (0, SMALL.n_frames, *SMALL.shape)
