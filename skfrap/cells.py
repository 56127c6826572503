"""Random cells: smooth outlines with a place that is bleached, and curves and images of them."""

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt
from sklearn.utils import Bunch, check_random_state

from skfrap._checks import check_choice, check_count, check_number
from skfrap.experiment import CurveSequence, FRAPProtocol, Noise, Polygon
from skfrap.io import Recording
from skfrap.simulator import FRAPSimulator

__all__ = ["CellPrior", "CellSimulator"]

_CORNERS = 96  # of an outline
_ORDERS = np.arange(2, 7)  # of its waves; the first would only move it
_SMALLEST = 0.4  # of its mean radius: what is thinner is two cells
_MARGIN = 2.0  # pixels between outline and border
_TRIES = 2000
_PLACES = "anywhere", "inside"


class CellPrior:
    """Draw smooth random cells, and where in them is bleached.

    An outline is a circle with waves about it, stretched in some direction:
    ``r(phi) = R (1 + sum_k a_k cos(k phi + phi_k))``, k from 2 to 6, the a_k normal with standard
    deviation ``roughness / k``. Cells lie anywhere in the field of view, whole. Cell k depends on
    `random_state` and k alone.

    Parameters
    ----------
    protocol : FRAPProtocol
        Field of view, clock and rows of all experiments, and the shape of the bleach region, which
        is moved into the cells. Its compartment is not used.
    radius : tuple of float, default=(4.0, 10.0)
        Between which the radius of the disk of a cell's area lies, evenly, µm.
    elongation : float, default=1.6
        Largest ratio of length to width by stretching; its logarithm is even from 1.
    roughness : float, default=0.2
        How uneven outlines are; 0 gives ellipses.
    place : {"anywhere", "inside"}, default="anywhere"
        Where the centre of the bleach region may be: anywhere in the cell, so that regions may
        overlap the edge, or only where the whole region is inside.
    random_state : int, RandomState instance or None, default=None
        Seed. With None every prior differs.

    See Also
    --------
    CellSimulator : Curves and images of such cells.

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol
    >>> from skfrap.cells import CellPrior
    >>> protocol = FRAPProtocol(shape=(96, 96), pixel_size=0.3, bleach_region=Circle(1.5),
    ...                         n_bleach=1, n_postbleach=40)
    >>> cells = CellPrior(protocol, radius=(5.0, 9.0), random_state=0)
    >>> one, other = cells.protocols(2)
    >>> [round(float(one.compartment_mask.sum() * 0.3**2)) for one in (one, other)]  # areas, µm²
    [223, 96]
    """

    def __init__(
        self,
        protocol: FRAPProtocol,
        *,
        radius: tuple[float, float] = (4.0, 10.0),
        elongation: float = 1.6,
        roughness: float = 0.2,
        place: str = "anywhere",
        random_state: Any = None,
    ):
        if not isinstance(protocol, FRAPProtocol):
            raise ValueError(f"protocol must be a FRAPProtocol, got {protocol!r}.")
        try:
            low, high = (float(one) for one in radius)
        except (TypeError, ValueError):
            low, high = np.nan, np.nan
        if not 0 < low <= high < np.inf:
            raise ValueError(
                f"radius must be two positive numbers of µm, the smaller one first, got {radius!r}."
            )
        self.protocol = protocol
        self.radius = (low, high)
        self.elongation = check_number("elongation", elongation, 1.0, "ratio")
        self.roughness = check_number("roughness", roughness, 0.0)
        self.place = check_choice("place", place, _PLACES)
        self.random_state = random_state
        self._seed = _seed_of(random_state)

    def __repr__(self):
        return f"CellPrior({self.protocol!r}, radius={self.radius}, place={self.place!r})"

    def protocols(self, n_cells: int, *, start: int = 0) -> list[FRAPProtocol]:
        """Draw cells, each an experiment of its own.

        Parameters
        ----------
        n_cells : int
            How many.
        start : int, default=0
            Index of the first cell.

        Returns
        -------
        list of FRAPProtocol
            The protocol with another compartment and place of the bleach region each.

        Raises
        ------
        ValueError
            If no cell of that size with the bleach region in it fits the field of view.
        """
        check_count("n_cells", n_cells)
        check_count("start", start, 0)
        return [self._protocol(k) for k in range(start, start + n_cells)]

    def _protocol(self, index):
        random = np.random.default_rng([self._seed, index])
        for _ in range(_TRIES):
            drawn = self._draw(random)
            if drawn is not None:
                return drawn
        field = " x ".join(f"{n * self.protocol.pixel_size:g}" for n in self.protocol.shape)
        raise ValueError(
            f"no cell of radius {self.radius[0]:g} to {self.radius[1]:g} µm with the bleach region "
            f"in it was found in a field of {field} µm in {_TRIES} tries; give a smaller radius, a "
            "smaller bleach region or a larger field."
        )

    def _draw(self, random):
        """Draw one cell and a place in it; None where it does not fit."""
        protocol = self.protocol
        pixel, shape = protocol.pixel_size, protocol.shape
        points = self._outline(random)
        if points is None:
            return None
        room = np.array(shape[::-1]) * pixel - np.ptp(points, axis=0) - 2 * _MARGIN * pixel
        if (room < 0).any():
            return None
        corner = _MARGIN * pixel + random.uniform(size=2) * room
        outline = Polygon([*map(tuple, points - points.min(axis=0) + corner)])
        inside = outline.area_fractions(shape, pixel) > 0.5
        region = protocol.bleach_region
        x, y = region.center_on(shape, pixel)
        needed = 0.0
        if self.place == "inside":
            mask = region.area_fractions(shape, pixel) > 0
            rows, columns = np.nonzero(mask)
            far = np.hypot((columns + 0.5) * pixel - x, (rows + 0.5) * pixel - y)
            needed = far.max() + 2 * pixel
        places = np.argwhere(distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] * pixel > needed)
        if not len(places):
            return None
        to_y, to_x = (places[random.integers(len(places))] + random.uniform(size=2)) * pixel
        try:
            moved = region.moved(to_x - x, to_y - y, shape, pixel)
            return protocol.replace(compartment=outline, bleach_region=moved)
        except ValueError:  # the region would leave the field
            return None

    def _outline(self, random):
        """Draw an outline about the origin, (n, 2) in µm; None where it is too thin somewhere."""
        turn = 2 * np.pi * np.arange(_CORNERS) / _CORNERS
        waves = random.normal(0, self.roughness / _ORDERS)
        phases = random.uniform(0, 2 * np.pi, len(_ORDERS))
        r = 1 + waves @ np.cos(np.multiply.outer(_ORDERS, turn) + phases[:, np.newaxis])
        stretch = np.sqrt(self.elongation ** random.uniform())
        direction = random.uniform(0, np.pi)
        size = random.uniform(*self.radius)
        if r.min() < _SMALLEST:
            return None
        points = np.column_stack([r * np.cos(turn) * stretch, r * np.sin(turn) / stretch])
        c, s = np.cos(direction), np.sin(direction)
        points = points @ np.array([[c, s], [-s, c]])
        x, y = points.T
        area = 0.5 * np.abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
        return points * size / np.sqrt(area / np.pi)


class CellSimulator:
    """Generate curves and image series of random cells, each sample with its own experiment.

    Sample i depends on the seeds and i alone.

    Parameters
    ----------
    cells : CellPrior
        Of which cells.
    prior : dict, default=None
        Of parameters and noise, as :class:`skfrap.FRAPSimulator` takes it.
    samples_per_cell : int, default=1
        Samples in each cell, with parameters and noise of their own. A cell takes a tenth of a
        second to prepare, each curve in it next to nothing.
    random_state : int, RandomState instance or None, default=None
        Seed of parameters and noise; that of the cells is their own.
    **options : object
        Of :class:`skfrap.FRAPSimulator`: ``model``, ``noise``, ``bit_depth``, ``interpolate``.

    Attributes
    ----------
    target_names : list of str
        Columns of the targets.

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol, LeastSquaresFRAP
    >>> from skfrap.cells import CellPrior, CellSimulator
    >>> protocol = FRAPProtocol(shape=(64, 64), pixel_size=0.4, bleach_region=Circle(1.6),
    ...                         n_bleach=1, n_postbleach=40)
    >>> cells = CellPrior(protocol, radius=(5.0, 8.0), place="inside", random_state=0)
    >>> prior = {"D": 2.0, "alpha": 0.4, "c0": 0.8, "a": 1e-4}
    >>> sample = CellSimulator(cells, prior, random_state=0).sample(3)
    >>> sample.data
    CurveSequence(3 curves of 50 values, 3 protocols)
    >>> LeastSquaresFRAP().fit(sample.data).estimate(sample.data).D_um2_s.round(1).tolist()
    [2.0, 2.0, 2.0]
    """

    def __init__(
        self,
        cells: CellPrior,
        prior: Mapping[str, Any] | None = None,
        *,
        samples_per_cell: int = 1,
        random_state: Any = None,
        **options: Any,
    ):
        if not isinstance(cells, CellPrior):
            raise ValueError(f"cells must be a CellPrior, got {cells!r}.")
        if "background" in options:
            raise ValueError("background is of one field of view, and every cell has its own.")
        self.cells = cells
        self.prior = prior
        self.samples_per_cell = check_count("samples_per_cell", samples_per_cell)
        self.random_state = random_state
        self._seed = _seed_of(random_state)
        self._options = options
        self.target_names = self._simulator(cells.protocol).target_names

    def sample(self, n_samples: int, *, start: int = 0) -> Any:
        """Draw noisy recovery curves.

        Parameters
        ----------
        n_samples : int
            How many.
        start : int, default=0
            Index of the first sample.

        Returns
        -------
        Bunch
            As from :meth:`skfrap.FRAPSimulator.sample`, ``data`` being a
            :class:`skfrap.experiment.CurveSequence`; and ``protocols``, that of each sample.
        """
        parts, protocols = self._parts("sample", n_samples, start)
        curves = [curve for part in parts for curve in part.data]
        return self._bunch(CurveSequence(curves, protocols), parts, protocols)

    def sample_images(self, n_samples: int, *, start: int = 0) -> Any:
        """Draw noisy image series, of the same cells and parameters as :meth:`sample`.

        Parameters
        ----------
        n_samples, start : int
            As of :meth:`sample`.

        Returns
        -------
        Bunch
            As from :meth:`sample`, ``data`` being a list of :class:`skfrap.Recording`.
        """
        parts, protocols = self._parts("sample_images", n_samples, start)
        stacks = [stack for part in parts for stack in part.data]
        depth = self._options.get("bit_depth")
        recordings = [
            Recording(stack, protocol, bit_depth=depth)
            for stack, protocol in zip(stacks, protocols, strict=True)
        ]
        return self._bunch(recordings, parts, protocols)

    def _simulator(self, protocol):
        return FRAPSimulator(protocol, self.prior, random_state=self._seed, **self._options)

    def _parts(self, method, n_samples, start):
        """Draw what each cell has of the samples asked for; and the protocol of each sample."""
        check_count("n_samples", n_samples)
        check_count("start", start, 0)
        each, end = self.samples_per_cell, start + n_samples
        parts, protocols = [], []
        for cell in range(start // each, -(-end // each)):
            first, last = max(start, cell * each), min(end, (cell + 1) * each)
            (protocol,) = self.cells.protocols(1, start=cell)
            simulator = self._simulator(protocol)
            parts.append(getattr(simulator, method)(last - first, start=first))
            protocols += [protocol] * (last - first)
        return parts, protocols

    def _bunch(self, data, parts, protocols):
        parameters = {
            name: np.concatenate([part.parameters[name] for part in parts])
            for name in parts[0].parameters
        }
        noise = Noise(parameters["a"], parameters["b"])
        weight = noise.weights(parameters.get("c0", 1.0))
        return Bunch(
            data=data,
            target=np.concatenate([part.target for part in parts]),
            sample_weight=weight / weight.mean(),
            noise_variance=parameters["a"],
            parameters=parameters,
            protocols=protocols,
            target_names=self.target_names,
        )


def _seed_of(random_state):
    """Return a whole number that a random state stands for, another one each time for None."""
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))
