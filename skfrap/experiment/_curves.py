"""Recovery curves that come from different experiments, each with its protocol."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skfrap.experiment._protocol import FRAPProtocol

_ALL = slice(None)


class CurveSequence(Sequence):
    """Hold recovery curves, each with the protocol of its own experiment.

    Curves may have different numbers of frames. ``curves[i]`` is the i-th, an array; a slice, an
    array of indices or a mask gives another sequence, ``curves[key, ...]`` too, so that
    scikit-learn splits it as it does an array. Estimators whose `protocol` is None fit each curve
    by the model of its own experiment, those of one experiment in one batch.

    :class:`skfrap.preprocessing.RecoveryCurveExtractor` gives one where samples bring their
    protocols, and so does :class:`skfrap.preprocessing.RingExtractor`, of rings in place of curves.

    Parameters
    ----------
    curves : sequence of array-like of shape (n_values,), or array-like of shape (n, n_values)
        NaN is a missing value, and so is what is masked.
    protocols : FRAPProtocol or sequence of FRAPProtocol
        One for each curve, or one for all.
    findings : sequence of n sequences of Finding, default=None
        What is to be known of each experiment before its estimate is used; what `estimate` returns
        has these as well. None is nothing.

    Attributes
    ----------
    protocols : tuple of n FRAPProtocol
    findings : tuple of n tuples of Finding
    shape : tuple of int
        (n, n_values) where curves are of one length, else (n,).

    Raises
    ------
    ValueError
        If there is no curve, a curve is not a row of real numbers, or protocols are not as many.

    See Also
    --------
    skfrap.Recording : A sample with its protocol.

    Examples
    --------
    >>> from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
    >>> from skfrap.experiment import CurveSequence
    >>> slow, fast = FRAPProtocol(n_postbleach=40, frame_interval=0.5), FRAPProtocol()
    >>> truth = {"D": 20.0, "c0": 0.8, "alpha": 0.5, "a": 1e-4}
    >>> made = [FRAPSimulator(one, truth, random_state=0).sample(1).data[0] for one in (slow, fast)]
    >>> curves = CurveSequence(made, [slow, fast])
    >>> curves
    CurveSequence(2 curves of 50 to 110 values, 2 protocols)
    >>> LeastSquaresFRAP().fit(curves).estimate(curves).D_um2_s.round().tolist()
    [20.0, 20.0]
    """

    def __init__(
        self,
        curves: Any,
        protocols: FRAPProtocol | Sequence[FRAPProtocol],
        *,
        findings: Sequence[Sequence[Any]] | None = None,
    ):
        if hasattr(curves, "iloc"):  # a table has its columns by name, and its rows by place
            curves = np.asarray(curves)
        values = tuple(_row(k, curve) for k, curve in enumerate(curves))
        if not values:
            raise ValueError("curves must hold at least one curve, got none.")
        if isinstance(protocols, FRAPProtocol):
            protocols = [protocols] * len(values)
        if len(protocols) != len(values):
            raise ValueError(
                f"there are {len(values)} curves and {len(protocols)} protocols; give one for each "
                "curve, or one for all."
            )
        for k, protocol in enumerate(protocols):
            if not isinstance(protocol, FRAPProtocol):
                raise ValueError(
                    f"protocols must be FRAPProtocols, got {protocol!r} for curve {k} (from 0)."
                )
        if findings is None:
            findings = [()] * len(values)
        if len(findings) != len(values):
            raise ValueError(f"there are {len(values)} curves, and findings of {len(findings)}.")
        self._values = values
        self.protocols = tuple(protocols)
        self.findings = tuple(tuple(some) for some in findings)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, key: Any) -> Any:
        key, *within = key if isinstance(key, tuple) else (key,)
        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            if not -len(self) <= key < len(self):
                raise IndexError(f"there are {len(self)} curves, got the index {key}.")
            curve = self._values[key]
            return curve[tuple(within)] if within else curve
        if key is Ellipsis:
            key = _ALL
        if not all(part is Ellipsis or part == _ALL for part in within):
            raise IndexError(
                "several curves are taken whole, curves[key]; each has frames of its own."
            )
        return self._take(_places(key, len(self)))

    def _take(self, places):
        if len(places) == 0:
            raise ValueError("a CurveSequence holds at least one curve, and the index takes none.")
        return CurveSequence(
            [self._values[k] for k in places],
            [self.protocols[k] for k in places],
            findings=[self.findings[k] for k in places],
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a CurveSequence is put together; copy=False cannot be had.")
        return self.rows(np.arange(len(self))).astype(dtype or float, copy=False)

    def __repr__(self) -> str:
        widths = sorted({len(curve) for curve in self._values})
        values = f"{widths[0]}" + (f" to {widths[-1]}" if len(widths) > 1 else "")
        n = len({*self.protocols})
        return (
            f"CurveSequence({len(self)} curve{'s' * (len(self) > 1)} of {values} values, "
            f"{n} protocol{'s' * (n > 1)})"
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Tuple of int: (n, n_values) where curves are of one length, else (n,)."""
        widths = {len(curve) for curve in self._values}
        return (len(self), *widths) if len(widths) == 1 else (len(self),)

    @property
    def ndim(self) -> int:
        """Number of axes, 2 where curves are of one length, else 1."""
        return len(self.shape)

    def by_protocol(self) -> Iterator[tuple[FRAPProtocol, np.ndarray]]:
        """Go through the protocols, in the order in which they come first.

        Yields
        ------
        protocol : FRAPProtocol
        places : ndarray of int
            Which curves are of this protocol, from 0.
        """
        places: dict[FRAPProtocol, list[int]] = {}
        for k, protocol in enumerate(self.protocols):
            places.setdefault(protocol, []).append(k)
        for protocol, some in places.items():
            yield protocol, np.array(some)

    def rows(self, places: ArrayLike) -> np.ndarray:
        """Return some curves as an array.

        Parameters
        ----------
        places : array-like of int
            Which, from 0.

        Returns
        -------
        ndarray of shape (n_places, n_values)

        Raises
        ------
        ValueError
            If they differ in length.
        """
        some = [self._values[k] for k in np.asarray(places)]
        other = next((k for k, curve in enumerate(some) if len(curve) != len(some[0])), None)
        if other is not None:
            k, first = np.asarray(places)[[other, 0]]
            raise ValueError(
                f"curve {first} has {len(some[0])} values and curve {k} {len(some[other])} (from "
                "0): curves of different experiments make no array. Estimators take them as they "
                "are where protocol is None; curves.by_protocol() sorts them."
            )
        return np.stack(some)


def _row(k, curve):
    """Return a curve as a row of floats."""
    if isinstance(curve, np.ma.MaskedArray):
        curve = curve.astype(float).filled(np.nan)
    try:
        row = np.asarray(curve)
    except ValueError:
        row = np.array(None)
    if row.ndim != 1 or row.dtype.kind not in "buif" or len(row) == 0:
        raise ValueError(
            f"curve {k} (from 0) must be a row of real numbers, (n_values,), got "
            f"{row.dtype} of shape {row.shape}."
        )
    return row.astype(float, copy=False)


def _places(key, n):
    """Return the places that an index names of n curves."""
    if isinstance(key, slice):
        return np.arange(n)[key]
    key = np.asarray(key)
    if key.size == 0 and key.ndim == 1:
        key = key.astype(int)
    if key.ndim != 1 or key.dtype.kind not in "biu" or (key.dtype.kind == "b" and len(key) != n):
        raise IndexError(
            f"{n} curves are indexed by an integer, a slice, or one axis of integers or {n} "
            f"booleans, got {key.dtype} of shape {key.shape}."
        )
    return np.arange(n)[key]
