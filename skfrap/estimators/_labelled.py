"""Labelled curves that a network is to learn from, checked, in memory or read in chunks."""

from functools import partial

import numpy as np

from skfrap.estimators._image_input import are_images, rows_of_images
from skfrap.estimators._missing import complete_curves
from skfrap.experiment._frames import check_width
from skfrap.inference._intensities import check_size
from skfrap.inference.networks._data import with_weights
from skfrap.inference.networks._disk import DiskStream, rows_at_once
from skfrap.inference.networks._run import BLOCK
from skfrap.numerics._lazy import is_lazy, read_rows
from skfrap.numerics._magnitude import check_magnitude
from skfrap.parameters._targets import names_of_targets

_TOLD = 64  # rows of the middle, and of the end


def check_labelled(
    estimator, X, y, sample_weight=None, *, network=None, protocol=None, surrogate=None
):
    """Check labelled curves.

    Parameters
    ----------
    estimator : NetworkRegressor
        It keeps how many frames there are and whether y had one dimension, where there is no
        network yet.
    X : array-like of shape (n, n_frames) or ImageScores
    y : array-like of shape (n,) or (n, n_targets)
    sample_weight : array-like of shape (n,), default=None
    network : TrainedNetwork, default=None
        What they have to fit to.
    protocol : FRAPProtocol, default=None
        What they were measured with, if it is not the estimator's.
    surrogate : ImageSurrogate, default=None
        What rows are scores of, if they are, and there is no network yet.

    Returns
    -------
    X : ndarray of shape (m, n_frames)
        Of the complete curves that weigh something; in single precision where it was.
    y : ndarray of shape (m, n_targets)
    weight : ndarray of shape (m,)
        Of mean 1.

    Raises
    ------
    ValueError
        If they do not fit to the network or the protocol, or make no sense.
    """
    if network is not None:
        surrogate = network.task.surrogate
    if are_images(X):
        X = rows_of_images(X, surrogate)
    names = None if network is None else network.task.target_names
    columns = names_of_targets(y)
    if names is not None and columns not in (None, names):
        raise ValueError(f"y must have the columns {names}, in this order, got {columns}.")
    # A million curves in single precision are to stay as they are.
    dtype = np.float64, np.float32
    X, y = estimator._validate(
        X, y, reset=names is None, dtype=dtype, multi_output=True, y_numeric=True
    )
    if np.isnan(X).any():
        X, y, sample_weight = complete_curves(X, y, sample_weight)
    X, y = check_size(X), check_magnitude("y", y.astype(np.float64))
    protocol = protocol or estimator.protocol
    estimator._check_names(protocol)
    if surrogate is None:
        check_width(X.shape[1], protocol)
    flat, y = y.ndim == 1, y.reshape(len(X), -1)
    if names is None:
        estimator._flat_output = flat
    elif y.shape[1] != len(names):
        raise ValueError(
            f"y must have the columns {names}, as in the first fit, got shape {y.shape}."
        )
    return with_weights(X, y, sample_weight)


class LabelledSource:
    """Labelled curves as they were given to a fit, in memory or to be read in chunks.

    Parameters
    ----------
    estimator : NeuralFRAP
    X, y, sample_weight : array-like
        As given, lazy where X is.
    surrogate : ImageSurrogate or None
        What rows are scores of, if they are.

    Attributes
    ----------
    is_lazy : bool
    """

    def __init__(self, estimator, X, y, sample_weight, surrogate):
        self._estimator, self._surrogate = estimator, surrogate
        self._columns = X, y, sample_weight
        self.is_lazy = is_lazy(X)

    @property
    def n_chunks(self):
        """In how many parts they are learnt from in a pass."""
        in_a_chunk = BLOCK * self._estimator.batch_size
        return -(-self._columns[0].shape[0] // in_a_chunk) if self.is_lazy else 1

    def first(self, network):
        """Return the first of them, as many as are read at once, or all in memory; checked."""
        if self.is_lazy:
            return self._read(network, slice(0, rows_at_once(self._columns[0].shape)))
        return self._checked(network, self._columns)

    def stream(self, network, n_passes, random):
        """Return them as a stream, in an order that is drawn now."""
        shape, batch_size = self._columns[0].shape, self._estimator.batch_size
        return DiskStream(partial(self._read, network), shape, batch_size, random, n_passes)

    def told(self):
        """Return what tells them from others, besides the first: how many, and some further on."""
        if not self.is_lazy:
            return ()
        n = self._columns[0].shape[0]
        places = slice(n // 2, n // 2 + _TOLD), slice(max(0, n - _TOLD), n)
        given = [column for column in self._columns if column is not None]
        return (np.array([n]), *(np.asarray(read_rows(c, rows)) for rows in places for c in given))

    def _read(self, network, rows):
        return self._checked(network, [read_rows(one, rows) for one in self._columns])

    def _checked(self, network, columns):
        return check_labelled(self._estimator, *columns, network=network, surrogate=self._surrogate)
