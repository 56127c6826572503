"""Scores of image series, with what they are scores of."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skfrap.experiment import FRAPProtocol
from skfrap.models.forward._images import ImageSurrogate

_ALL = slice(None)


class ImageScores(Sequence):
    """Hold the scores of image series, each with the surrogate that it was projected for.

    In the place of recovery curves: estimators know by it that X is of images, and which. A row
    holds scores, and the root of the sum of squares of what they do not hold. ``scores[i]`` is one
    row; a slice, an array of indices or a mask gives another ImageScores, so that scikit-learn
    splits it as it does an array; `numpy.asarray` gives all rows.

    Parameters
    ----------
    rows : array-like of shape (n, n_columns), or sequence of arrays of shape (n_columns,)
        As :meth:`ImageSurrogate.row` puts them together.
    surrogates : ImageSurrogate or sequence of n ImageSurrogate
        What they are scores of.
    findings : sequence of n sequences of Finding, default=None
        What is to be known of each sample before its estimate is used.
    brings_protocols : bool, default=False
        Whether each sample brought its protocol, so that estimators whose `protocol` is None fit
        each by its own.

    Attributes
    ----------
    surrogates : tuple of n ImageSurrogate
    protocols : tuple of n FRAPProtocol
    findings : tuple of n tuples of Finding
    shape : tuple of int
        (n, n_columns) where rows are of one length, else (n,).

    Raises
    ------
    ValueError
        If there is no row, or rows are not as wide as their surrogates say.

    See Also
    --------
    skfrap.preprocessing.ImageScoreExtractor : Makes them of stacks.
    skfrap.FRAPSimulator.sample_scores : Draws them.

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
    >>> protocol = FRAPProtocol(shape=(64, 64), bleach_region=Circle(8.0), n_postbleach=40)
    >>> scores = FRAPSimulator(protocol, {"D": 20.0}, random_state=0).sample_scores(50).data
    >>> D = 10 ** LeastSquaresFRAP(protocol).fit(scores).predict(scores)[:, 0]
    >>> round(float(D.mean()))
    20
    """

    def __init__(
        self,
        rows: Any,
        surrogates: ImageSurrogate | Sequence[ImageSurrogate],
        *,
        findings: Sequence[Sequence[Any]] | None = None,
        brings_protocols: bool = False,
    ):
        values: Any = rows
        if not (isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.dtype == np.float64):
            values = tuple(np.asarray(row, dtype=float) for row in rows)
        if not len(values):
            raise ValueError("rows must hold at least one series, got none.")
        if isinstance(surrogates, ImageSurrogate):
            surrogates = [surrogates] * len(values)
        if len(surrogates) != len(values):
            raise ValueError(
                f"there are {len(values)} rows and {len(surrogates)} surrogates; give one for each "
                "row, or one for all."
            )
        pairs: Any = zip(values, surrogates, strict=True)
        if isinstance(values, np.ndarray):  # all rows are of one width
            pairs = ((values[0], surrogate) for surrogate in _different(surrogates))
        for k, (row, surrogate) in enumerate(pairs):
            if row.shape != (surrogate.n_columns,):
                raise ValueError(
                    f"row {k} (from 0) must have {surrogate.n_columns} values, of {surrogate!r}; "
                    f"got shape {row.shape}."
                )
        findings = [()] * len(values) if findings is None else findings
        if len(findings) != len(values):
            raise ValueError(f"there are {len(values)} rows, and findings of {len(findings)}.")
        self._values = values
        self.surrogates = tuple(surrogates)
        self.findings = tuple(tuple(some) for some in findings)
        self.brings_protocols = bool(brings_protocols)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, key: Any) -> Any:
        key, *within = key if isinstance(key, tuple) else (key,)
        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            return self._values[key][tuple(within)] if within else self._values[key]
        if not all(part is Ellipsis or part == _ALL for part in within):
            raise IndexError("several series are taken whole, scores[key]; not some columns.")
        places = np.arange(len(self))[_ALL if key is Ellipsis else key]
        if len(places) == 0:
            raise ValueError("ImageScores hold at least one series, and the index takes none.")
        return self._take(places)

    def _take(self, places):
        whole = isinstance(self._values, np.ndarray)
        return ImageScores(
            self._values[places] if whole else [self._values[k] for k in places],
            [self.surrogates[k] for k in places],
            findings=[self.findings[k] for k in places],
            brings_protocols=self.brings_protocols,
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("ImageScores are put together; copy=False cannot be had.")
        return self.values.astype(dtype or float, copy=False)

    def __repr__(self) -> str:
        n = len({*self.protocols})
        return (
            f"ImageScores({len(self)} series of {self.surrogates[0].n_scores} scores, "
            f"{n} protocol{'s' * (n > 1)})"
        )

    @property
    def values(self) -> np.ndarray:
        """All rows, (n, n_columns); of one experiment only."""
        self.surrogate  # noqa: B018  which says what is wrong
        return self._values if isinstance(self._values, np.ndarray) else np.stack(self._values)

    @property
    def surrogate(self) -> ImageSurrogate:
        """What all of them are scores of."""
        first = self.surrogates[0]
        if any(one != first for one in _different(self.surrogates)):
            raise ValueError(
                "series are scores of different experiments or windows, and make no array; take "
                "those of one at a time."
            )
        return first

    @property
    def protocols(self) -> tuple[FRAPProtocol, ...]:
        """The experiment of each series."""
        return tuple(one.protocol for one in self.surrogates)

    @property
    def shape(self) -> tuple[int, ...]:
        """Tuple of int: (n, n_columns) where rows are of one length, else (n,)."""
        widths = {len(row) for row in self._values}
        return (len(self), *widths) if len(widths) == 1 else (len(self),)

    @property
    def ndim(self) -> int:
        """Number of axes, 2 where rows are of one length, else 1."""
        return len(self.shape)

    def by_protocol(self) -> Iterator[tuple[FRAPProtocol, np.ndarray]]:
        """Go through the protocols, in the order in which they come first.

        Yields
        ------
        protocol : FRAPProtocol
        places : ndarray of int
            Which series are of this protocol, from 0.
        """
        places: dict[FRAPProtocol, list[int]] = {}
        for k, protocol in enumerate(self.protocols):
            places.setdefault(protocol, []).append(k)
        for protocol, some in places.items():
            yield protocol, np.array(some)

    def rows(self, places: ArrayLike) -> "ImageScores":
        """Take some series, of one protocol, which an estimator of that takes.

        Parameters
        ----------
        places : array-like of int
            Which, from 0.

        Returns
        -------
        ImageScores
        """
        some = self._take(np.asarray(places))
        some.brings_protocols = False
        return some


def _different(surrogates):
    """Return the objects that there are among surrogates, in their order, each once."""
    return list({id(one): one for one in surrogates}.values())
