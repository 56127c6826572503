"""From the columns of a parameter space to the scores of curves, and their derivatives."""

import numpy as np


class ForwardMap:
    """Compute curves, as scores on a basis, over a parameter space.

    Parameters
    ----------
    evaluator : CurveSurrogate or DirectCurves
        Computes scores of curves whose factor is 1.
    space : ParameterSpace
        Of the evaluator's model.

    Attributes
    ----------
    basis : ndarray of shape (n_scores, n_frames)
    factor_column : int or None
        The column of theta that curves are proportional to; None if that is known, or 1 in a model
        without such a parameter.
    shaping_columns : list of int
        Columns of theta that shape curves in no simple way.
    """

    def __init__(self, evaluator, space):
        self.evaluator = evaluator
        self.space = space
        self.basis = evaluator.basis
        names, free, factor = evaluator.names, space.free, space.factor
        self.factor_column = free.index(factor) if factor in free else None
        self.shaping_columns = [k for k, name in enumerate(free) if name in space.shaping]
        self._in_theta = [k for k, name in enumerate(free) if name != factor]
        self._in_table = [names.index(free[k]) for k in self._in_theta]
        self._known, _ = space.ends(names)
        self.known_factor = 1.0 if factor is None else space.bounds[factor][0]

    def at_frames(self, frames):
        """Make the same map to curves at some of the frames.

        Parameters
        ----------
        frames : ndarray of shape (m,) of int
            Increasing.

        Returns
        -------
        ForwardMap
        """
        from skfrap.models.forward._frames import at_frames  # which imports evaluators

        return ForwardMap(at_frames(self.evaluator, frames), self.space)

    def table(self, theta):
        """Put free parameters (n, n_free) among those known: (n, n_names), as the evaluator's.

        Parameters
        ----------
        theta : ndarray of shape (n, n_free)
            On the targets' scales.

        Returns
        -------
        ndarray of shape (n, n_names)
            All parameters, in the columns of the evaluator, on the targets' scales.
        """
        table = np.empty((len(theta), len(self._known)))
        table[:] = self._known
        table[:, self._in_table] = theta[:, self._in_theta]
        return table

    def from_table(self, table):
        """Take the free parameters out of an evaluator's table; a free factor is left to set.

        Parameters
        ----------
        table : ndarray of shape (n, n_names)
            As :meth:`table` gives it.

        Returns
        -------
        ndarray of shape (n, n_free)
        """
        theta = np.empty((len(table), len(self.space.free)))
        theta[:, self._in_theta] = table[:, self._in_table]
        return theta

    def shape_scores(self, theta):
        """Compute the scores of curves whose factor is 1, (n, n_scores).

        Parameters
        ----------
        theta : ndarray of shape (n, n_free)
            On the targets' scales.

        Returns
        -------
        ndarray of shape (n, n_scores)
        """
        return self.evaluator.scores(self.table(theta))

    def linearize(self, theta, factor=None):
        """Compute scores and their Jacobian by the free parameters.

        Parameters
        ----------
        theta : ndarray of shape (n, n_free)
            Where, on the targets' scales.
        factor : ndarray of shape (n,), default=None
            Of curves whose factor is not free, where it is not `known_factor`.

        Returns
        -------
        scores : ndarray of shape (n, n_scores)
        jacobian : ndarray of shape (n, n_free, n_scores)
        """
        shape, slopes = self.evaluator.scores_and_slopes(self.table(theta), self._in_table)
        jacobian = np.empty((len(theta), theta.shape[1], shape.shape[1]))
        if self.factor_column is not None:
            factor = theta[:, self.factor_column]
            jacobian[:, self.factor_column] = shape
        elif factor is None:
            factor = np.full(len(theta), self.known_factor)
        factor = factor[:, np.newaxis]
        for column, slope in zip(self._in_theta, slopes, strict=True):
            np.multiply(factor, slope, out=jacobian[:, column])
        return factor * shape, jacobian

    def project(self, curves):
        """Compute the scores of measured curves: (n, n_frames) to (n, n_scores).

        Parameters
        ----------
        curves : ndarray of shape (n, n_frames)
            Measured or computed ones.

        Returns
        -------
        ndarray of shape (n, n_scores)
        """
        return self.evaluator.project(curves)

    def curves(self, theta):
        """Compute curves, (n, n_frames).

        Parameters
        ----------
        theta : ndarray of shape (n, n_free)
            On the targets' scales.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        return self.evaluator.curves(**self.space.values(theta))

    def tangents(self, theta):
        """Compute the derivatives of curves by the free parameters, (n, n_free, n_frames).

        Parameters
        ----------
        theta : ndarray of shape (n, n_free)
            On the targets' scales.

        Returns
        -------
        ndarray of shape (n, n_free, n_frames)
        """
        return self.linearize(theta)[1] @ self.basis
