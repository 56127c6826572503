"""An analysis that follows a bleach region while it is moved."""

from typing import Any

import numpy as np

from skfrap.analysis._analyse import _prepared
from skfrap.analysis._near import Near, fit_curve
from skfrap.analysis._options import ExperimentOptions
from skfrap.analysis._region import check_extent, read_region
from skfrap.estimators import FRAPEstimates
from skfrap.experiment import FRAPProtocol
from skfrap.io import ImageSeries
from skfrap.io._series import Source
from skfrap.models import model_for
from skfrap.preprocessing import RecoveryCurveExtractor

_STRETCHES, _PER_STRETCH = 4, 6  # of time, and frames in each, of which residual images are


class LiveAnalysis:
    """Follow a bleach region over one image series: its curve at once, and the fit of the curve.

    The series is read and corrected once, as :func:`analyse_series` does it. Then a curve takes a
    millisecond or two, and where free diffusion is fitted the model is that of the region before if
    it has moved by whole pixels, else it is prepared for D near that of the region before. What
    else an analysis tells, such as alternatives, takes longer
    and is left to `analyse_series`; estimates agree with its start as told to the interpolation
    error of the model, below 1e-6.

    Parameters
    ----------
    source : path, list of paths or ImageSeries
        As in :func:`skfrap.io.read_series`.
    options : ExperimentOptions, default=None
        What is known of the experiment. Where no bleach region is, the dark patch as seen is taken.

    Attributes
    ----------
    protocol : FRAPProtocol
        With the region as it was told, or seen.
    sources : dict of str to str
        What was taken from where.

    Raises
    ------
    ValueError
        If something about the experiment is missing or does not agree with the file.

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator
    >>> from skfrap.analysis import ExperimentOptions, LiveAnalysis
    >>> from skfrap.io import ImageSeries
    >>> protocol = FRAPProtocol(shape=(64, 64), pixel_size=1.0, bleach_region=Circle(8.0),
    ...                         n_postbleach=20)
    >>> truth = {"D": 5.0, "c0": 0.7, "alpha": 0.6, "a": 1e-4}
    >>> frames = FRAPSimulator(protocol, truth, random_state=0).sample_images(1).data[0]
    >>> series = ImageSeries(frames, "cell1", 1.0, protocol.times,
    ...                      info={"protocol": protocol.to_dict()})
    >>> live = LiveAnalysis(series)
    >>> live.curve("circle:6@30,30").shape
    (30,)
    >>> live.fit().summary()
    ['D = 4.995 µm²/s (95 % interval 4.95 to 5.039)']
    """

    def __init__(self, source: Source | ImageSeries, options: ExperimentOptions | None = None):
        self._options = ExperimentOptions() if options is None else options
        one = _prepared(source, self._options)
        self.protocol, self.sources = one.protocol, one.sources
        self._corrected = one.corrected
        self._near: Any = None  # what was fitted last, of all that D may be

    def protocol_of(self, region: Any = None) -> FRAPProtocol:
        """Return the protocol with another bleach region.

        Parameters
        ----------
        region : region or str, default=None
            A region, or text for :func:`skfrap.experiment.parse_region`; None is the series' own.

        Returns
        -------
        FRAPProtocol

        Raises
        ------
        ValueError
            If the region leaves the field, or covers most of it.
        """
        if region is None:
            return self.protocol
        if isinstance(region, str):
            region, _, _ = read_region(region, self.protocol.pixel_size, self.protocol.shape)
        protocol = self.protocol.replace(bleach_region=region)
        check_extent(protocol.bleach_mask)
        return protocol

    def curve(self, region: Any = None) -> np.ndarray:
        """Extract the recovery curve of a region.

        Parameters
        ----------
        region : region or str, default=None
            As in :meth:`protocol_of`.

        Returns
        -------
        ndarray of shape (n_values,)
        """
        return self._curve_of(self.protocol_of(region))[0]

    def fit(self, region: Any = None) -> FRAPEstimates:
        """Fit the curve of a region, as told.

        Parameters
        ----------
        region : region or str, default=None
            As in :meth:`protocol_of`.

        Returns
        -------
        FRAPEstimates
            Of one curve, with the findings of its fit.
        """
        protocol = self.protocol_of(region)
        curve = self._curve_of(protocol)
        _, estimates, used = fit_curve(protocol, self._options, curve, self._near)
        if used is self._options:
            self._near = Near(protocol, estimates)
        return estimates

    def residual_images(self, region: Any = None) -> list[tuple[str, np.ndarray]]:
        """Fit the curve of a region, and subtract the model's images from the corrected ones.

        Parameters
        ----------
        region : region or str, default=None
            As in :meth:`protocol_of`.

        Returns
        -------
        list of (str, ndarray of shape (ny, nx))
            What each is, and the mean of measured less fitted images over some frames: the first
            after bleaching, and four stretches of time. In units of the corrected series.

        Raises
        ------
        ValueError
            If the model has no images, or the curve determines no parameters.
        """
        protocol = self.protocol_of(region)
        fitted: Any = self.fit(region).fit
        model = model_for(protocol, self._options.model)
        if not hasattr(model, "images"):
            raise ValueError(
                f"the model {self._options.model!r} is of curves alone and has no images."
            )
        values = {name: column[0] for name, column in fitted.values().items()}
        if not all(np.isfinite(value) for value in values.values()):
            raise ValueError("the curve determines no parameters, so there is nothing to subtract.")
        return [
            (words, self._residual(protocol, frames, values))
            for words, frames in _stretches(protocol)
        ]

    def _residual(self, protocol, frames, values):
        """Return the mean residual image of some frames after bleaching, counted from there."""
        n, times = protocol.n_prebleach, protocol.times[protocol.n_prebleach :]
        taken = frames
        if values.get("imaging_bleach", 1.0) != 1.0:  # every frame before counts
            taken = np.arange(frames[-1] + 1)
        short = protocol.replace(
            n_postbleach=None, postbleach_times=tuple(float(one) for one in times[taken])
        )
        fitted = model_for(short, self._options.model).images(**values)[0, n:][-len(frames) :]
        view = self._corrected.view(0)
        measured = [view.read(frames=slice(n + k, n + k + 1))[0] for k in frames]
        return np.mean(measured, axis=0, dtype=float) - fitted.mean(axis=0)

    def _curve_of(self, protocol):
        return RecoveryCurveExtractor(protocol).fit_transform(self._corrected)


def _stretches(protocol):
    """Return frames after bleaching whose residual images are told apart, with words for them."""
    times = protocol.times[protocol.n_prebleach :]
    stretches = [("first frame", np.array([0]))]
    parts = [one for one in np.array_split(np.arange(1, len(times)), _STRETCHES) if len(one)]
    for part in parts:
        some = part[np.unique(np.linspace(0, len(part) - 1, _PER_STRETCH).astype(int))]
        stretches.append((f"{times[part[0]]:.3g} to {times[part[-1]]:.3g} s", some))
    return stretches
