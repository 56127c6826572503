"""Recovery curves by evaluating a model itself, in the interface of its interpolation."""

import numpy as np

from skfrap.parameters import parameter

_STEP = 1e-6  # of differences; the models are smooth and good to 1e-13


class DirectCurves:
    """Evaluate a model, with slopes by finite differences.

    For models that are cheap, and where an interpolation would cost more than it saves. What a
    :class:`CurveSurrogate` calls scores are the curves themselves here.

    Parameters
    ----------
    model : CurveModel
        The model to evaluate.

    Attributes
    ----------
    names : tuple of str
        Columns of the values that :meth:`scores` takes: the model's parameters without the factor
        that curves are proportional to, c0.
    basis : ndarray of shape (n_frames, n_frames)
        The identity.
    """

    def __init__(self, model):
        self.model = model
        self.protocol = model.protocol
        known = model.defaults()
        factors = [name for name in known if parameter(name).dependence == "factor"]
        self._unit_factor = dict.fromkeys(factors, 1.0)
        self.names = tuple(name for name in known if name not in factors)
        self.basis = np.eye(self.protocol.n_values)

    def to_state(self):
        """Return what a file keeps: the ``"model"``.

        Returns
        -------
        dict
            By names that stay.
        """
        return {"model": self.model}

    @classmethod
    def from_state(cls, state):
        """Make what :meth:`to_state` described.

        Parameters
        ----------
        state : dict
            As :meth:`to_state` gave it.

        Returns
        -------
        DirectCurves
        """
        return cls(**state)

    def project(self, curves):
        """Return the curves.

        Parameters
        ----------
        curves : ndarray of shape (n, n_frames)
            Measured or computed ones.

        Returns
        -------
        ndarray of shape (n, n_frames)
            The same.
        """
        return curves

    def curves(self, **parameters):
        """Compute recovery curves; arguments and result as of the model's `curves`.

        Parameters
        ----------
        **parameters : ndarray of shape (n,)
            Values by name, in natural units.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        return self.model.curves(**parameters)

    def scores(self, values):
        """Compute curves whose factor is 1; `values` as in :meth:`CurveSurrogate.scores`.

        Parameters
        ----------
        values : ndarray of shape (n, n_names)
            Columns as in `names`, on the targets' scales.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        natural = {
            name: parameter(name).from_target(column)
            for name, column in zip(self.names, values.T, strict=True)
        }
        return self.model.curves(**self._unit_factor, **natural)

    def scores_and_slopes(self, values, wanted):
        """Compute curves and slopes as in :meth:`CurveSurrogate.scores_and_slopes`.

        Parameters
        ----------
        values : ndarray of shape (n, n_names)
            Columns as in `names`, on the targets' scales.
        wanted : sequence of int
            Columns to differentiate by.

        Returns
        -------
        curves : ndarray of shape (n, n_frames)
        slopes : list of ndarray of shape (n, n_frames)
        """
        steps = [
            self._step(values[:, column], self.names[column], self.model.limits)
            for column in wanted
        ]
        tables = [values]
        for column, step in zip(wanted, steps, strict=True):
            moved = values.copy()
            moved[:, column] += step
            tables.append(moved)
        # All at once: what the points have in common is computed once.
        here, *there = np.split(self.scores(np.concatenate(tables)), len(tables))
        slopes = [
            (far - here) / step[:, np.newaxis] for far, step in zip(there, steps, strict=True)
        ]
        return here, slopes

    @staticmethod
    def _step(column, name, limits):
        """Step forward, or back where forward leaves the parameter's range."""
        step = _STEP * np.maximum(1.0, np.abs(column))
        _, highest = limits.get(name, (None, parameter(name).highest))
        with np.errstate(divide="ignore"):
            highest = parameter(name).to_target(highest)
        # A difference of what the numbers are after rounding.
        return np.where(column + step > highest, column - step, column + step) - column
