"""Any right experiment: answers that are wrong by more than they say, and not flagged."""

from dataclasses import dataclass

import numpy as np

from benchmarks.start._truth import RingSampler, codes_of
from skfrap import Circle, FRAPProtocol, MeasuredStartFRAP, Polygon
from skfrap.models import DiffusionModel

_PREBLEACH = 10
_SERIES = 2  # of each experiment, with noise, flicker and fading of their own
_TOO_FAR = 4.0  # standard errors
_WRONG = 0.3  # decades: a factor of 2
_SHOWN = 12  # of the worst
_MOST_PIXELS = 640  # of a side of the plane on which truth moves


@dataclass(frozen=True)
class _Experiment:
    """What was done, and what is told of it."""

    n: int  # pixels of a side
    pixel: float  # µm
    radius: float  # of the patch, over the field's width
    kind: str
    reach: float  # 2 sqrt(D T), over the field's width
    D: float
    mobile: float
    depth: float
    blur: float  # over the patch's radius
    n_bleach: int
    n_frames: int
    interval: float
    stretched: bool
    rightly_told: bool

    @classmethod
    def draw(cls, rng):
        n = int(rng.choice([48, 64, 96, 128, 192, 256], p=[0.25, 0.3, 0.2, 0.15, 0.06, 0.04]))
        pixel = _log_uniform(rng, 0.1, 0.5)
        radius = rng.uniform(0.05, 0.4)
        # The plane beyond the field must hold what spreads.
        largest = min(2.5 if n < 100 else 1.5, 0.6 * (_MOST_PIXELS / n - 1))
        reach = _log_uniform(rng, 0.3 * radius, largest)
        n_frames = int(rng.integers(12, 121 if n < 192 else 50))
        interval = _log_uniform(rng, 0.05, 2.0)
        stretched = bool(rng.random() < 0.3)
        duration = _clock(n_frames, interval, stretched)[-1]
        D = (reach * n * pixel) ** 2 / (4 * duration)
        if not 0.01 < D < 500:
            return cls.draw(rng)
        return cls(
            n=n,
            pixel=pixel,
            radius=radius,
            kind=str(rng.choice(["circle", "ellipse", "two spots"])),
            reach=reach,
            D=D,
            mobile=1.0 if rng.random() < 0.4 else rng.uniform(0.5, 1.0),
            depth=rng.uniform(0.3, 0.8),
            blur=float(rng.choice([0.0, 0.2])),
            n_bleach=int(rng.choice([1, 1, 1, 3, 10, 20])),
            n_frames=n_frames,
            interval=interval,
            stretched=stretched,
            rightly_told=bool(rng.random() < 0.5),
        )

    def protocol(self, region, n_bleach, n_prebleach):
        times = _clock(self.n_frames, self.interval, self.stretched)
        padding = int(np.clip(1.7 * self.reach * self.n, 0.5 * self.n, _MOST_PIXELS - self.n))
        return FRAPProtocol(
            shape=(self.n, self.n),
            pixel_size=self.pixel,
            bleach_region=region,
            n_prebleach=n_prebleach,
            n_bleach=n_bleach,
            n_postbleach=self.n_frames,
            frame_interval=self.interval,
            postbleach_times=tuple(times) if self.stretched else None,
            padding=padding,
        )

    @property
    def told(self):
        """The protocol that the estimator gets."""
        if self.rightly_told:
            region = Circle(self.radius * self.n * self.pixel)
            return self.protocol(region, self.n_bleach, _PREBLEACH)
        return self.protocol(Circle(self.n * self.pixel / 16), 1, _PREBLEACH)

    def stack(self):
        """Compute the noise-free images, 1 before bleaching."""
        size = self.n * self.pixel
        radius = self.radius * size * (0.6 if self.kind == "two spots" else 1.0)
        shift, depth = 0, self.depth * min(1.0, 1.6 / self.n_bleach)
        if self.kind == "two spots":
            # A wider field, of which two parts see the spot at two places; the two add up.
            depth *= 0.58
            shift = min(round(1.2 * radius / self.pixel), self.n // 4)
        centre = size / 2 + shift * self.pixel, size / 2
        region = Circle(radius, center=centre)
        if self.kind == "ellipse":
            region = _ellipse(radius, size)
        truth = self.protocol(region, self.n_bleach, 1)
        truth = truth.replace(shape=(self.n, self.n + shift))
        images = DiffusionModel(truth).images(
            D=[self.D],
            c0=[1.0],
            alpha=[1 - depth],
            mobile_fraction=[self.mobile],
            bleach_blur=[self.blur * radius],
        )[0][1:]
        if shift:
            images = images[:, :, shift:] - 0.7 * (1 - images[:, :, :-shift])
        return np.concatenate([np.ones((_PREBLEACH, self.n, self.n)), images])


def measure_fuzz(report, arguments):
    """Draw experiments, fit them, and count what is wrong without a word."""
    n = 40 if arguments.quick else 160
    rows = []
    for k in range(n):
        rows += _fit(
            _Experiment.draw(np.random.default_rng([arguments.seed, k])), k, arguments.seed
        )
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0] if name != "what"}
    answered, clean = columns["answered"], ~columns["flagged"]
    report.section(f"{len(rows)} series of {n} experiments, all of them right")
    for errors in ("jackknife", "noise"):
        far = np.abs(columns["error"]) > _TOO_FAR * columns[errors]
        for where, name in ((clean, "not flagged"), (~clean & answered, "flagged")):
            share = 100 * far[where].mean()
            asked = {"at_most": 0.5} if name == "not flagged" else {}
            what = f"{name}: more than {_TOO_FAR:g} standard errors off, {errors}"
            report.add(what, share, "{:.1f} %", **asked)
    wrong = (np.abs(columns["error"]) > _WRONG) & ~columns["covered"]
    what = "a factor of 2 off, not in the interval"
    report.add(f"not flagged: {what}", (wrong & clean).sum(), "{:.0f}", at_most=0)
    report.add(f"flagged: {what}", (wrong & ~clean & answered).sum(), "{:.0f}")
    report.add(
        "not flagged: 95 % intervals that cover", 100 * columns["covered"][clean].mean(), "{:.1f} %"
    )
    report.add("not flagged", 100 * clean.mean(), "{:.0f} %")
    report.add("refused", 100 * (~answered).mean(), "{:.0f} %")
    good = (np.abs(columns["error"]) < 0.05) & columns["covered"]
    report.add(
        "flagged, though within 0.05 decades", 100 * (good & ~clean & answered).mean(), "{:.0f} %"
    )
    report.add("refused, though within 0.05 decades", 100 * (good & ~answered).mean(), "{:.1f} %")
    z = np.abs(columns["error"]) / columns["jackknife"]
    for title, where in (("not flagged", clean), ("flagged", ~clean & answered)):
        report.section(f"the worst, {title}")
        for k in np.flatnonzero(where)[np.argsort(-z[where])][:_SHOWN]:
            row = rows[k]
            text = f"{row['error']:+.3f} ± {row['jackknife']:.3f} ({row['noise']:.3f})"
            print(f"{text}  {row['what']}")


def _fit(experiment, k, seed):
    """Fit series of one experiment: a row of each."""
    rng = np.random.default_rng([seed, k, 1])
    told = experiment.told
    sampler = RingSampler(told, experiment.stack())
    estimator, rows = MeasuredStartFRAP(told), []
    for _ in range(_SERIES):
        a = _log_uniform(rng, 1e-4, 1e-2)
        flicker = 0.0 if rng.random() < 0.5 else rng.uniform(0.0, 0.02)
        fading = 0.0 if rng.random() < 0.5 else rng.uniform(0.0, 0.1)
        seen = told.times[_PREBLEACH:]
        levels = np.exp(-fading * seen / seen[-1]) + flicker * rng.standard_normal(len(seen))
        levels /= 1 + flicker / np.sqrt(_PREBLEACH) * rng.standard_normal()
        means = sampler.rings(a, rng).reshape(len(seen), -1)
        X = (levels[:, np.newaxis] * means).reshape(1, -1)
        estimates = estimator.fit(X).estimate(X)
        one, truth = estimator.measure(X)[0], np.log10(experiment.D)
        codes = " ".join(sorted(codes_of(estimates)))
        readings = " ".join(
            f"{fit.reading}{'*' * (fit is one.best)} {fit.log_D - truth:+.2f} ± "
            f"{fit.standard_error:.2f} ({fit.deviance - one.best.deviance:+.0f})"
            for fit in one.fits
        )
        rows.append(
            {
                "error": one.best.log_D - truth,
                "jackknife": one.standard_error,
                "noise": one.best.standard_error,
                "covered": one.lower <= truth <= one.upper,
                "flagged": not estimates.usable[0],
                "answered": bool(np.isfinite(estimates.values["D"][0])),
                "what": f"no. {k}, a {a:.1e}, flicker {flicker:.3f}, fading {fading:.2f}: "
                f"{readings}; edge {one.edge:.2f}; {codes or 'no finding'}\n    {experiment}",
            }
        )
    return rows


def _clock(n, interval, stretched):
    """Return times after the last bleach frame, in s; stretched ones grow apart fivefold."""
    if not stretched:
        return interval * np.arange(1.0, n + 1)
    return interval * np.cumsum(np.geomspace(1.0, 5.0, n))


def _ellipse(radius, size):
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    x, y = size / 2 + radius * np.cos(angle), size / 2 + 0.55 * radius * np.sin(angle)
    return Polygon([*zip(x, y, strict=True)])


def _log_uniform(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
