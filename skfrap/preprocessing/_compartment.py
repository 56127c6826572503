"""From image stacks to means over the tiles of a compartment."""

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils.validation import check_is_fitted

from skfrap.experiment import TileLayout
from skfrap.experiment._tiles import tiles_of
from skfrap.preprocessing._sources import check_shape
from skfrap.preprocessing._start_extractor import StartExtractor, blocks_after, sums_over


class CompartmentExtractor(StartExtractor):
    """Average frames over square tiles of the compartment: what a measured start needs in a cell.

    Where particles may be the protocol says; where, when and in what shape it was bleached need not
    be known. Each tile is divided by its own light before bleaching, so that an uneven lamp does no
    harm. Subtract the detector's offset first.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        With a compartment. Of its bleach region no use is made. None is that of each sample, where
        samples bring theirs.
    n_jobs : int, default=None
        Stacks to work on side by side, in threads. None is 1.
    on_error : {"raise", "nan"}, default="raise"
        What a stack does that cannot be used: one that cannot be read, has another shape, pixels
        that are not finite, or a tile that was dark before bleaching. "raise" ends the batch. "nan"
        warns, makes its row NaN and goes on; :class:`skfrap.MeasuredStartFRAP` takes such rows with
        ``missing="omit"``.

    Attributes
    ----------
    protocol_ : FRAPProtocol or None
        None where each sample has its own.
    layout_ : TileLayout or None
    errors_ : dict of int to str
        After :meth:`transform`: by row, why it is NaN in the last batch.

    See Also
    --------
    RingExtractor : Of an open field, or a patch far from all edges.

    Examples
    --------
    >>> from skfrap import Circle, Ellipse, FRAPProtocol, FRAPSimulator
    >>> from skfrap.preprocessing import CompartmentExtractor
    >>> protocol = FRAPProtocol(shape=(40, 56), pixel_size=0.5, bleach_region=Circle(2.0),
    ...                         n_bleach=1, n_postbleach=20, compartment=Ellipse((12.0, 8.0)))
    >>> images = FRAPSimulator(protocol, random_state=0).sample_images(2).data
    >>> extractor = CompartmentExtractor(protocol).fit(images)
    >>> extractor.layout_
    TileLayout(side=1, n_tiles=1248)
    >>> extractor.transform(images).shape  # 20 frames
    (2, 24960)
    """

    _WHAT = "tiles"

    def __init__(self, protocol=None, *, n_jobs=None, on_error="raise"):
        self.protocol = protocol
        self.n_jobs = n_jobs
        self.on_error = on_error

    def get_feature_names_out(self, input_features=None):
        """Name the means by place and time.

        Parameters
        ----------
        input_features : array-like of str, default=None
            There for scikit-learn.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        protocol = self.protocol_
        if protocol is None:
            raise ValueError(
                "each sample has tiles and frames of its own, so the means have no names for all; "
                "give protocol=... for names."
            )
        places = tiles_of(protocol, self.layout_.side).places
        return np.array(
            [
                f"tile at ({x:.6g}, {y:.6g}) µm at {time:.6g} s"
                for time in protocol.times[protocol.n_prebleach :]
                for x, y in places
            ],
            dtype=object,
        )

    def _layout_of(self, protocol):
        if protocol.compartment is None:
            raise ValueError(
                "the protocol has no compartment, whose tiles could be averaged over: tell where "
                "particles may be, as protocol.replace(compartment=Ellipse(...)), or use "
                "RingExtractor, which is for samples without edges near by."
            )
        return TileLayout.of_compartment(protocol)

    def _n_values(self, protocol, layout):
        return protocol.n_postbleach * layout.n_tiles

    def _extract(self, stacks, index):
        view, name = stacks.view(index), stacks.describe(index)
        protocol = self._protocol_of(stacks, index)
        layout = self.layout_ or self._layout_of(protocol)
        check_shape(view.shape, protocol, name)
        tiles = tiles_of(protocol, layout.side)
        number = tiles.index.ravel()
        (inside,) = np.nonzero(number >= 0)
        shape = layout.n_tiles, number.size
        sums = csr_array((np.ones(len(inside)), (number[inside], inside)), shape)
        frames = view.read(frames=slice(0, protocol.n_prebleach))
        before = sums_over(sums, frames.mean(axis=0, dtype=float)[np.newaxis])[0]
        dark = np.count_nonzero(~(before > 0))
        if dark:
            raise ValueError(
                f"{name}: {dark} of {layout.n_tiles} tiles of the compartment have no light before "
                "bleaching, or pixels that are NaN; draw the outline closer, or subtract less "
                "background."
            )
        means = np.concatenate([sums_over(sums, block) for block in blocks_after(view, protocol)])
        means /= before
        if not np.isfinite(means).all():
            raise ValueError(f"{name}: pixels in the compartment are not finite.")
        return means.ravel()
