"""An analysis of a series whose bleach region moves, told as soon as it is known."""

from dataclasses import replace
from typing import Any

from skfrap.analysis._analyse import OfFrames, SeriesAnalysis, _analysed, _images_of, _prepared
from skfrap.analysis._options import ExperimentOptions
from skfrap.analysis._region import check_extent, read_region
from skfrap.io import ImageSeries
from skfrap.judging._frames import Frames

_LATER = "all pixels are being compared"


class StagedAnalysis:
    """Analyse one series again and again, and first what a moved region changes at once.

    What :func:`analyse_series` finds is there in the end, and the same. Where nothing but the
    region has changed since, its curve, alternatives and findings can be had before: of frames that
    are aligned and corrected as for the region before, and without what all pixels say.

    Parameters
    ----------
    source : ImageSeries
        The series.

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator
    >>> from skfrap.analysis import ExperimentOptions
    >>> from skfrap.analysis._stages import StagedAnalysis
    >>> from skfrap.io import ImageSeries
    >>> protocol = FRAPProtocol(shape=(48, 48), pixel_size=1.0, bleach_region=Circle(6.0),
    ...                         n_postbleach=20, padding=16)
    >>> truth = {"D": 5.0, "c0": 0.7, "alpha": 0.6, "a": 1e-4}
    >>> frames = FRAPSimulator(protocol, truth, random_state=0).sample_images(1).data[0]
    >>> series = ImageSeries(frames, "cell1", 1.0, protocol.times,
    ...                      info={"protocol": protocol.to_dict()})
    >>> staged = StagedAnalysis(series)
    >>> whole = staged.whole(ExperimentOptions(data="both", start="auto"))
    >>> moved = ExperimentOptions(data="both", start="auto", bleach_region="circle:6@25,24")
    >>> soon = staged.soon(moved)
    >>> len(whole.alternatives) - len(soon.alternatives)  # all pixels: all mobile, and a share
    2
    """

    def __init__(self, source: ImageSeries):
        self._source = source
        self._last: Any = None  # options, what was prepared by them, and what frames say

    def soon(self, options: ExperimentOptions) -> SeriesAnalysis | None:
        """Analyse all but the pixels, by what was prepared for the region before.

        Parameters
        ----------
        options : ExperimentOptions
            As of the last analysis, but for the bleach region.

        Returns
        -------
        SeriesAnalysis or None
            None where more than the region has changed, or more than frames hangs on it.

        Raises
        ------
        ValueError
            As of :func:`analyse_series`.
        """
        if self._last is None or options.data == "images" or not _is_moved(options, self._last[0]):
            return None
        one = self._last[1]
        if one.protocol.compartment is not None or one.protocol.rows is not None:
            return None
        region, _, _ = read_region(
            options.bleach_region, one.protocol.pixel_size, one.protocol.shape
        )
        protocol = one.protocol.replace(bleach_region=region)
        check_extent(protocol.bleach_mask)
        described = replace(
            one.described, protocol=protocol, told=True, findings=[*one.described.findings]
        )
        sources = {**one.sources, "bleach region": f"given, {options.bleach_region}"}
        moved = one._replace(
            described=described,
            protocol=protocol,
            sources=sources,
            frames=Frames(one.frames.before, one.frames.after, protocol),
            options=replace(one.options, bleach_region=options.bleach_region),
        )
        return _analysed(moved, lambda told: (None, _LATER), self._last[2])

    def whole(self, options: ExperimentOptions) -> SeriesAnalysis:
        """Analyse all of it, as :func:`analyse_series` does.

        Parameters
        ----------
        options : ExperimentOptions
            What is known of the experiment.

        Returns
        -------
        SeriesAnalysis

        Raises
        ------
        ValueError
            As of :func:`analyse_series`.
        """
        one = _prepared(self._source, options)
        kept = [*one.described.findings]
        of_frames = OfFrames(one)
        found = _analysed(one, lambda told: _images_of(one, one.options, told), of_frames)
        described = replace(one.described, findings=kept)  # an analysis takes some of them out
        self._last = options, one._replace(described=described), of_frames
        return found


def _is_moved(options, last):
    """Tell whether a region that is told is all that has changed, and nothing else hangs on it."""
    alone = isinstance(options.bleach_region, str) and options.bleach_region != "auto"
    same = replace(options, bleach_region=None) == replace(last, bleach_region=None)
    return alone and same and not options.recenter and options.reference is None
