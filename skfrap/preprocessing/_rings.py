"""From image stacks to circle means about the bleached patch."""

import numpy as np
from scipy.ndimage import gaussian_filter, label
from scipy.sparse import csr_array
from sklearn.utils.validation import check_is_fitted

from skfrap._checks import check_count
from skfrap.experiment import RingLayout
from skfrap.preprocessing._sources import check_shape
from skfrap.preprocessing._start_extractor import StartExtractor, blocks_after, sums_over

_FEWEST_RINGS = 8
_SMOOTHING = 1 / 40  # of the field's shorter side, in search of the patch


class RingExtractor(StartExtractor):
    """Average frames over rings about the bleached patch: image stacks to circle means.

    The patch is looked for in the first frame after bleaching; where, when and in what shape it was
    bleached need not be known. Circle means about any point of any pattern obey the radial heat
    equation on an open plane, so a centre that is a little off costs precision, not truth.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        Gives pixels and frames; of its bleach region no use is made. None is that of each sample,
        where samples bring theirs, else the paper's.
    center : "auto" or tuple of float (x, y), default="auto"
        In µm, as regions have it; the nearest pixel is the middle of the rings.
    n_sectors : int, default=8
        Parts of the rings that are averaged apart, for errors that do not rest on the noise.
    n_jobs : int, default=None
        Stacks to work on side by side, in threads. None is 1.
    on_error : {"raise", "nan"}, default="raise"
        What a stack does that cannot be used: one that cannot be read, has another shape, pixels
        that are not finite, or a patch at the edge of the field. "raise" ends the batch. "nan"
        warns, makes its row NaN and goes on; :class:`skfrap.MeasuredStartFRAP` takes such rows with
        ``missing="omit"``.

    Attributes
    ----------
    protocol_ : FRAPProtocol or None
        None where each sample has its own.
    layout_ : RingLayout or None
    errors_ : dict of int to str
        After :meth:`transform`: by row, why it is NaN in the last batch.

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator
    >>> from skfrap.preprocessing import RingExtractor
    >>> protocol = FRAPProtocol(shape=(64, 64), pixel_size=1.0, bleach_region=Circle(8.0),
    ...                         n_postbleach=20)
    >>> images = FRAPSimulator(protocol, random_state=0).sample_images(2).data
    >>> RingExtractor(protocol).fit_transform(images).shape  # 20 frames, 8 sectors, 32 rings
    (2, 5120)
    """

    def __init__(self, protocol=None, *, center="auto", n_sectors=8, n_jobs=None, on_error="raise"):
        self.protocol = protocol
        self.center = center
        self.n_sectors = n_sectors
        self.n_jobs = n_jobs
        self.on_error = on_error

    def get_feature_names_out(self, input_features=None):
        """Name the means by sector, radius and time.

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
                "each sample has frames of its own, so the means have no names for all; give "
                "protocol=... for names."
            )
        radii = self.layout_.radii * protocol.pixel_size
        return np.array(
            [
                f"sector {sector} at {radius:.6g} µm at {time:.6g} s"
                for time in protocol.times[protocol.n_prebleach :]
                for sector in range(self.n_sectors)
                for radius in radii
            ],
            dtype=object,
        )

    def _extract(self, stacks, index):
        view, name = stacks.view(index), stacks.describe(index)
        protocol = self._protocol_of(stacks, index)
        layout = self.layout_ or self._layout_of(protocol)
        check_shape(view.shape, protocol, name)
        n = protocol.n_prebleach
        before = view.read(frames=slice(0, n)).mean(axis=0, dtype=float)
        centre = self._centre(before, view, protocol)
        n_rings = layout.complete(protocol.shape, centre)
        if n_rings < _FEWEST_RINGS:
            raise ValueError(
                f"{name}: the bleached patch is {n_rings - 1} pixels from the edge of the field, "
                f"and {_FEWEST_RINGS} complete rings are needed about its middle; give center, or "
                "images in which the patch lies further inside."
            )
        means = self._averages(view, protocol, layout, centre, n_rings, before)
        if not np.isfinite(means[:, layout.counts[:, :n_rings] > 0]).all():
            raise ValueError(f"{name}: a ring has no light before bleaching, or pixels are NaN.")
        full = np.full((protocol.n_postbleach, self.n_sectors, layout.n_rings), np.nan)
        full[:, :, :n_rings] = means
        return full.ravel()

    def _check(self):
        check_count("n_sectors", self.n_sectors)

    def _layout_of(self, protocol):
        if protocol.compartment is not None:
            raise ValueError(
                "rings about the bleached patch know of no edge, and the protocol has a "
                "compartment: use CompartmentExtractor, or a protocol without compartment."
            )
        return RingLayout.of_field(protocol.shape, self.n_sectors)

    def _n_values(self, protocol, layout):
        return protocol.n_postbleach * layout.counts.size

    def _centre(self, before, view, protocol):
        """Return the pixel (row, column) in the middle of the patch."""
        if isinstance(self.center, str):
            if self.center != "auto":
                raise ValueError(f"center must be 'auto' or (x, y) in µm, got {self.center!r}.")
            first = protocol.n_prebleach
            after = view.read(frames=slice(first, first + 1))[0].astype(float)
            return find_patch(before, after)
        place = np.asarray(self.center, float)
        field = np.array(protocol.shape[::-1]) * protocol.pixel_size
        if place.shape != (2,) or not ((place > 0) & (place < field)).all():
            raise ValueError(
                f"center must be (x, y) in µm within the field of {field[0]:g} by {field[1]:g} µm, "
                f"got {self.center!r}."
            )
        column, row = np.minimum(place / protocol.pixel_size, np.array(protocol.shape[::-1]) - 1)
        return int(row), int(column)

    def _averages(self, view, protocol, layout, centre, n_rings, before):
        """Return means over prebleach, (n_postbleach, n_sectors, n_rings)."""
        reach = n_rings - 1
        rows, columns = (slice(place - reach, place + reach + 1) for place in centre)
        middle = layout.n_rings - 1
        inside = slice(middle - reach, middle + reach + 1)
        index = layout.index()[inside, inside]
        index = np.where((index >= 0) & (index % layout.n_rings < n_rings), index, -1).ravel()
        pixels = np.flatnonzero(index >= 0)
        shape = layout.n_sectors * layout.n_rings, index.size
        sums = csr_array((np.ones(len(pixels)), (index[pixels], pixels)), shape)

        def over_rings(frames):
            table = sums_over(sums, frames)
            return table.reshape(len(frames), layout.n_sectors, layout.n_rings)[:, :, :n_rings]

        blocks = [over_rings(block) for block in blocks_after(view, protocol, rows, columns)]
        counts = layout.counts[:, :n_rings]
        ring_before = over_rings(before[np.newaxis, rows, columns])[0].sum(axis=0)
        ring_before /= counts.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.concatenate(blocks) / counts / ring_before


def find_patch(before, after):
    """Find the middle of what bleaching has darkened.

    Parameters
    ----------
    before, after : ndarray of shape (ny, nx)
        Mean of the frames before bleaching, and the first frame after.

    Returns
    -------
    row, column : int
        Of the pixel nearest to the centre of mass of what is more than half as dark as the darkest
        place, within that place's patch; a quarter of the field at least from its edges.

    Raises
    ------
    ValueError
        If no place is darker after bleaching than before.
    """
    sigma = max(2.0, _SMOOTHING * min(before.shape))
    lit, seen = (gaussian_filter(image, sigma, mode="nearest") for image in (before, after))
    with np.errstate(divide="ignore", invalid="ignore"):
        deficit = np.where(lit > 0.1 * np.median(lit), 1 - seen / lit, 0.0)
    margin = max(1, int(sigma))
    inner = deficit[margin:-margin, margin:-margin]
    darkest = np.unravel_index(inner.argmax(), inner.shape)
    row, column = darkest[0] + margin, darkest[1] + margin
    if not deficit[row, column] > 0:
        raise ValueError(
            "no place is darker in the first frame after bleaching than before it, so there is no "
            "patch to measure; check n_prebleach, and that these are the frames of the experiment."
        )
    patches, _ = label(deficit > 0.5 * deficit[row, column])
    patch = np.where(patches == patches[row, column], deficit, 0.0)
    weights = patch / patch.sum()
    centre = [np.sum(weights * places) for places in np.indices(before.shape)]
    # A middle that is off costs precision; rings that do not fit into the field cost more.
    room = min(before.shape) // 4
    within = [np.clip(x, room, n - 1 - room) for x, n in zip(centre, before.shape, strict=True)]
    return tuple(int(np.rint(x)) for x in within)
