"""Wrong experiments: data that do not go with the model; flagged, or right all the same."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import erf
from scipy.stats import loguniform, uniform

from benchmarks.robustness._alarms import options_of, series_of
from skfrap import BayesianFRAP, Circle, FRAPProtocol, JointFRAP, LeastSquaresFRAP, Mask
from skfrap.analysis import analyse_series
from skfrap.io import ImageSeries
from skfrap.models import DiffusionModel

PROTOCOL = FRAPProtocol(
    shape=(96, 96), pixel_size=0.5, bleach_region=Circle(5.0), n_prebleach=5, n_bleach=1,
    n_postbleach=60, frame_interval=0.5, padding=64,
)  # fmt: skip
NOISES = (0.01, 0.02, 0.03, 0.04)
WANTED = 0.95
_RIGHT = 1.25  # a factor, by which D may be off
_TRUTH = {"D": 2.0, "c0": 0.6, "alpha": 0.4}


def _curves(n, noise, random, protocol=PROTOCOL, **changes):
    values = _TRUTH | changes
    clean = DiffusionModel(protocol).curves(**values)
    return clean + noise * values["c0"] * random.standard_normal((n, protocol.n_frames))


def _estimate(X, protocol=PROTOCOL, **options):
    return LeastSquaresFRAP(protocol, **options).fit(X).estimate(X)


# Of curves: each gives estimates of n curves whose D is that of `_TRUTH`


def _immobile(n, noise, random):
    return _estimate(_curves(n, noise, random, mobile_fraction=0.7))


def _immobile_half(n, noise, random):
    return _estimate(_curves(n, noise, random, mobile_fraction=0.5))


def _fading(n, noise, random):
    return _estimate(_curves(n, noise, random, imaging_bleach=0.995))


def _blurred(n, noise, random):
    # No curve tells: what the blur leaves of residuals is half a standard deviation of the noise at
    # 1 %, all frames together, and D is off by a seventh. The frames do: see `_blurred_patch`.
    return _estimate(_curves(n, noise, random, bleach_blur=1.5))


def _full_scale(n, noise, random):
    X = _curves(n, noise, random)
    first, before = X[:, 5:6], X[:, :5].mean(axis=1, keepdims=True)
    return _estimate((X - first) / (before - first))


def _least_subtracted(n, noise, random):
    X = _curves(n, noise, random)
    return _estimate(100 * (X - X.min(axis=1, keepdims=True)))


def _in_percent(n, noise, random):
    return _estimate(100 * _curves(n, noise, random))


def _in_counts(n, noise, random):
    return _estimate(4095 * _curves(n, noise, random))


def _offset_left(n, noise, random):
    return _estimate(_curves(n, noise, random) + 0.2)


def _one_more(n, noise, random):
    return _estimate(_curves(n, noise, random), PROTOCOL.replace(n_prebleach=6, n_postbleach=59))


def _one_less(n, noise, random):
    return _estimate(_curves(n, noise, random), PROTOCOL.replace(n_prebleach=4, n_postbleach=61))


def _spoilt_frame(n, noise, random):
    X = _curves(n, noise, random)
    X[:, 12] *= 1.4
    return _estimate(X)


def _few_frames(n, noise, random):
    protocol = PROTOCOL.replace(n_prebleach=1, n_postbleach=6)
    return _estimate(_curves(n, noise, random, protocol, mobile_fraction=0.6), protocol)


def _frames_off(by):
    def counted_wrongly(n, noise, random):
        told = PROTOCOL.replace(n_prebleach=5 + by, n_postbleach=60 - by)
        return _estimate(_curves(n, noise, random), told)

    return counted_wrongly


def _stretched(n, noise, random):
    """Full scale, and then a little above 0, as programs give it that cannot show 0."""
    X = _curves(n, noise, random)
    first, before = X[:, 5:6], X[:, :5].mean(axis=1, keepdims=True)
    return _estimate(0.01 + 0.99 * (X - first) / (before - first))


def _below_zero(n, noise, random):
    return _estimate(_curves(n, noise, random) - 0.35)


def _bleached_again(n, noise, random):
    X = _curves(n, noise, random)
    again = X.copy()
    again[:, 35:] = X[:, 5:35] * X[:, 34:35] / _TRUTH["c0"]
    return _estimate(again)


def _losing_light(n, noise, random):
    lost = np.r_[np.zeros(5), np.arange(60) / 60]
    return _estimate(_curves(n, noise, random) * (1 - 0.2 * lost))


def _rising(n, noise, random):
    return _estimate(1.2 - _curves(n, noise, random))


def _posterior(n, noise, random):
    prior = {"D": loguniform(0.05, 50), "c0": uniform(0.3, 0.6), "alpha": uniform(0.1, 0.8)}
    X = _curves(n, noise, random, mobile_fraction=0.7)
    return BayesianFRAP(PROTOCOL, prior).fit(X).estimate(X)


def _jointly(n, noise, random):
    """One D for ten curves each, a part of whose particles does not move."""
    X = _curves(n, noise, random, mobile_fraction=0.7)
    joint = JointFRAP(LeastSquaresFRAP(PROTOCOL)).fit(X, groups=np.arange(n) // 10).estimates_
    D, lower, upper = (one["D"] for one in (joint.values, joint.lower, joint.upper))
    flags = joint.to_dict()["flags"]
    return SimpleNamespace(D_um2_s=D, D_um2_s_lower=lower, D_um2_s_upper=upper, flags=flags)


# Of series


def _series(n, noise, random):
    a = (noise * _TRUTH["c0"]) ** 2 / PROTOCOL.noise_gain
    # What a camera of 16 bits would clip: a few percent of noise in the curve are much in pixels.
    for _ in range(n):
        yield series_of(PROTOCOL, _TRUTH | {"a": min(a, 0.01)}, int(random.integers(2**31)))


def _analysed(series, **changes):
    return analyse_series(series, options_of(PROTOCOL, **changes)).estimates


def _cell(series, radius=30):
    y, x = np.indices(PROTOCOL.shape) - 47.5
    light = np.where(x**2 + y**2 < radius**2, 1, 0.05)
    return replace(series, frames=(series.frames * light).astype("u2"))


def _cell_subtracted(n, noise, random):
    return [_analysed(_cell(one), background="subtract") for one in _series(n, noise, random)]


def _cell_as_chosen(n, noise, random):
    return [_analysed(_cell(one)) for one in _series(n, noise, random)]


def _vignetted(n, noise, random):
    y, x = (np.indices(PROTOCOL.shape) - 47.5) / 48
    light = 1 - 0.35 * (x**2 + y**2)
    for one in _series(n, noise, random):
        yield _analysed(replace(one, frames=(one.frames * light).astype("u2")))


def _glowing(n, noise, random):
    y, x = (np.indices(PROTOCOL.shape) - 47.5) / 48
    glow = 12000 * (1 - 0.5 * (x**2 + y**2))
    for one in _series(n, noise, random):
        frames = np.minimum(0.7 * one.frames + glow, 65535).astype("u2")
        yield _analysed(replace(one, frames=frames))


def _beside(n, noise, random):
    return [
        _analysed(one, bleach_region=Circle(5.0, (27.0, 24.0))) for one in _series(n, noise, random)
    ]


def _elsewhere(n, noise, random):
    return [
        _analysed(one, bleach_region=Circle(5.0, (36.0, 34.0))) for one in _series(n, noise, random)
    ]


def _too_small(n, noise, random):
    return [_analysed(one, bleach_region=Circle(3.0)) for one in _series(n, noise, random)]


def _too_large(n, noise, random):
    return [_analysed(one, bleach_region=Circle(8.0)) for one in _series(n, noise, random)]


def _size_wrong(factor):
    def of_size(n, noise, random):
        region = Circle(5.0 * factor)
        return [_analysed(one, bleach_region=region) for one in _series(n, noise, random)]

    return of_size


def _a_little_beside(n, noise, random):
    region = Circle(5.0, (24.8, 23.4))
    return [_analysed(one, bleach_region=region) for one in _series(n, noise, random)]


def _with_frames(change, **options):
    """Analyse series whose frames, of floats, a function has changed."""

    def changed(n, noise, random):
        for one in _series(n, noise, random):
            frames = np.clip(change(one.frames.astype(float)), 0, 65535).round().astype("u2")
            times = 0.5 * np.arange(len(frames))
            yield _analysed(replace(one, frames=frames, times_s=times), **options)

    return changed


def _smoothed(frames):
    return gaussian_filter(frames, (0, 2, 2))


def _saturated_and_spread(frames):
    electronics = np.random.default_rng(0).normal(0, 100, frames.shape)
    return np.minimum(frames, 0.6 * 65535) + electronics


def _with_channel_between(frames):
    return np.stack([frames, 0.5 * frames], axis=1).reshape(-1, *frames.shape[1:])


def _with_gamma(frames):
    # No curve tells: D is off by a third, and the curve is that of another D. Pixels beside it do,
    # as the command line takes them.
    return 65535 * (frames / 65535) ** 2


def _fading_before(frames):
    # A lamp that settles: 5 % over the frames before bleaching, and nothing after it.
    n = PROTOCOL.n_prebleach
    light = np.concatenate([np.linspace(1.05, 1, n), np.ones(len(frames) - n)])
    return 0.9 * frames * light[:, np.newaxis, np.newaxis]


def _scaled_by_frame(frames):
    low, high = np.percentile(frames, [1, 99], axis=(1, 2), keepdims=True)
    return 65535 * (frames - low) / (high - low)


def _turned_dark(frames):
    return 52000 - frames


def _blurred_patch(n, noise, random):
    a = min((noise * _TRUTH["c0"]) ** 2 / PROTOCOL.noise_gain, 0.01)
    values = _TRUTH | {"a": a, "bleach_blur": 2.0}
    for _ in range(n):
        yield _analysed(series_of(PROTOCOL, values, int(random.integers(2**31))))


def _soft_cell(n, noise, random):
    y, x = np.indices(PROTOCOL.shape) - 47.5
    for one in _series(n, noise, random):
        outside = np.hypot(x, y) - random.uniform(24, 34)
        light = 0.04 + 0.48 * (1 - erf(outside / random.uniform(3, 10) / np.sqrt(2)))
        yield _analysed(replace(one, frames=(one.frames * light).astype("u2")))


def _two_patches(n, noise, random):
    both = sum(Circle(5.0, (x, 24.0)).area_fractions((96, 96), 0.5) for x in (18.0, 30.0))
    two = PROTOCOL.replace(bleach_region=Mask(both))
    a = (noise * _TRUTH["c0"]) ** 2 / PROTOCOL.noise_gain
    for _ in range(n):
        series = series_of(two, _TRUTH | {"a": min(a, 0.01)}, int(random.integers(2**31)))
        yield _analysed(series, bleach_region=Circle(5.0, (18.0, 24.0)))


def half_droplet(D, noise, random, px=0.1, radius=3.0, n=96, dt=0.5, before=5, after=60):
    """Simulate a closed droplet of which half is bleached, by finite differences.

    Returns
    -------
    series : ImageSeries
    region : Mask
    """
    y, x = (np.indices((n, n)) + 0.5 - n / 2) * px
    inside = x**2 + y**2 < radius**2
    light, mask = inside * 1.0, (x > 0) & inside
    open_ = [inside.take(range(n - 1), k) & inside.take(range(1, n), k) for k in (0, 1)]
    frames = [light.copy()] * before
    light = np.where(mask, 0.3 * light, light)
    steps = int(np.ceil(dt * 4.2 * D / px**2))
    for _ in range(after):
        for _ in range(steps):
            flow = [np.diff(light, axis=k) * open_[k] for k in (0, 1)]
            change = np.zeros_like(light)
            change[:-1] += flow[0]
            change[1:] -= flow[0]
            change[:, :-1] += flow[1]
            change[:, 1:] -= flow[1]
            light = light + D * dt / steps / px**2 * change
        frames.append(light.copy())
    spread = min(noise * np.sqrt(mask.sum()), 0.1)
    image = 0.6 * (np.array(frames) + 0.05 * ~inside)
    image += spread * 0.6 * random.standard_normal(image.shape)
    counts = np.clip(image * 65535, 0, 65535).astype("u2")
    times = dt * np.arange(len(counts))
    series = ImageSeries(frames=counts, name="droplet", pixel_size_um=px, times_s=times)
    return series, Mask(mask.astype(float))


def _droplet(n, noise, random):
    for _ in range(n):
        series, region = half_droplet(0.05, noise, random)
        protocol = FRAPProtocol(
            shape=(96, 96), pixel_size=0.1, bleach_region=region, n_prebleach=5, n_bleach=1,
            n_postbleach=60, frame_interval=0.5, padding=64,
        )  # fmt: skip
        yield analyse_series(series, options_of(protocol)).estimates


OF_CURVES = {
    "30 % immobile": _immobile, "50 % immobile": _immobile_half, "fading by imaging": _fading,
    "blurred edge": _blurred, "full scale": _full_scale, "least subtracted": _least_subtracted,
    "in percent": _in_percent, "in counts": _in_counts, "offset left": _offset_left,
    "one prebleach frame too many": _one_more, "one too few": _one_less,
    "a spoilt frame": _spoilt_frame, "few frames, immobile": _few_frames,
    "three prebleach frames too many": _frames_off(3), "three too few": _frames_off(-3),
    "stretched, above 0": _stretched, "below 0": _below_zero, "bleached again": _bleached_again,
    "losing light": _losing_light, "rising": _rising, "immobile, BayesianFRAP": _posterior,
    "immobile, JointFRAP": _jointly,
}  # fmt: skip
OF_SERIES = {
    "cell, subtracted": _cell_subtracted, "cell": _cell_as_chosen, "vignetting": _vignetted,
    "added glow": _glowing, "region beside": _beside, "region elsewhere": _elsewhere,
    "region too small": _too_small, "region too large": _too_large, "two patches": _two_patches,
    "region 1.2 times too large": _size_wrong(1.2), "region 0.8 times": _size_wrong(0.8),
    "blurred patch": _blurred_patch, "cell with a soft edge": _soft_cell,
    "half a droplet": _droplet, "region a little beside": _a_little_beside,
    "smoothed": _with_frames(_smoothed), "saturated, spread": _with_frames(_saturated_and_spread),
    "a channel between": _with_frames(_with_channel_between, n_prebleach=10),
    "fading before bleaching": _with_frames(_fading_before),
    "gamma": _with_frames(_with_gamma, data="both"),
    "scaled frame by frame": _with_frames(_scaled_by_frame),
    "inverted": _with_frames(_turned_dark),
}  # fmt: skip


def _judge(estimates, D):
    """Tell which estimates are flagged, and which are right."""
    flagged = estimates.flags != ""
    inside = (estimates.D_um2_s_lower <= D) & (estimates.D_um2_s_upper >= D)
    with np.errstate(invalid="ignore"):
        ratio = estimates.D_um2_s / D
    return flagged, inside | ((ratio < _RIGHT) & (ratio > 1 / _RIGHT))


def _bayesian_refuses(random):
    """Tell whether curves in counts and in percent are refused where there is a prior of c0."""
    X = _curves(3, 0.01, random)
    estimator = BayesianFRAP(PROTOCOL, {"c0": 0.6}).fit(X)
    refused = 0
    for factor in (100, 4095, 65535):
        try:
            estimator.estimate(factor * X)
        except ValueError:
            refused += 1
    return refused == 3


def run(n=200, seed=0, n_series=8):
    """Try wrong experiments and print how many are flagged or right.

    Parameters
    ----------
    n : int, default=200
        Curves of each kind and noise.
    seed : int, default=0
    n_series : int, default=8
        Image series of each kind and noise.

    Returns
    -------
    dict of str to float
        Share that is flagged or right, by kind, over all noises.
    """
    print("| kind | " + " | ".join(f"{100 * noise:g} %" for noise in NOISES) + " | all | flagged |")
    print("| --- |" + " --- |" * (len(NOISES) + 2))
    shares = {}
    for kinds, count in ((OF_CURVES, n), (OF_SERIES, n_series)):
        for k, (name, make) in enumerate(kinds.items()):
            D = 0.05 if make is _droplet else _TRUTH["D"]
            per_noise, flags = [], []
            for noise in NOISES if count else ():
                random = np.random.default_rng([seed, k, kinds is OF_SERIES, int(1000 * noise)])
                made = make(count, noise, random)
                judged = [_judge(one, D) for one in (made if kinds is OF_SERIES else [made])]
                flagged, right = (np.concatenate(column) for column in zip(*judged, strict=True))
                per_noise.append((flagged | right).mean())
                flags.append(flagged.mean())
            if per_noise:
                shares[name] = float(np.mean(per_noise))
                cells = [f"{100 * one:.0f}" for one in (*per_noise, shares[name], np.mean(flags))]
                print(f"| {name} | {' | '.join(cells)} |", flush=True)
    total = float(np.mean([*shares.values()]))
    least = min(shares, key=shares.get)
    refused = _bayesian_refuses(np.random.default_rng(seed))
    print(
        f"flagged or right: {100 * total:.1f} % (>= {100 * WANTED:g} % wanted), least of "
        f"{least!r} with {100 * shares[least]:.0f} %; BayesianFRAP refuses counts and percent: "
        f"{refused}"
    )
    return shares
