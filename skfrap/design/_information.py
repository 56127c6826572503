"""How well fits of an experiment can know the parameters: the Fisher information."""

import numpy as np

from skfrap.experiment import Noise
from skfrap.inference.fitting._intervals import derived_targets
from skfrap.models import light_weights, model_for
from skfrap.numerics._covariance import inverse_with_voids, propagated_error
from skfrap.parameters import parameter

_STEP = 5e-3  # of differences, in decades or in widths of the bounds: good to 1e-8
# Weights of the slope at 0 from values at whole steps; the last two for ends of a range.
_CENTRAL = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
_FORWARD = {0: -25 / 12, 1: 4.0, 2: -3.0, 3: 4 / 3, 4: -1 / 4}
_BACKWARD = {-k: -weight for k, weight in _FORWARD.items()}
_ROUNDING = 1e-9  # of the curve; a slope of that size is none
_DERIVED_STEP = 5e-6  # of differences of what is derived, on the scale of each parameter
_NO_DERIVED_SLOPE = 1e-6  # up to which such a difference is rounding
_AWAY = 2.0  # standard errors


class Information:
    """Compute the covariance of fits from the slopes of a model and the noise of a detector.

    Parameters
    ----------
    protocol : FRAPProtocol
    model : str, CurveModel or subclass of it
    space : ParameterSpace
        What is estimated, and in which bounds.
    a, b : float
        Variance of a pixel's noise, and that per intensity.
    weighted : bool
        Whether fits weigh frames by their variance.
    """

    def __init__(self, protocol, model, space, a, b, weighted):
        self.protocol = protocol
        self.model = model_for(protocol, model)
        self.space = space
        self.names, self.bounds = space.free, space.bounds
        self.weighted = weighted
        self._noise = Noise(a, b, protocol.noise_gains)
        self._light = model_for(protocol, model, light_weights(self.model))

    def variance(self, values):
        """Compute the noise variance of curves, (n, n_frames), or (n, 1) where all have one."""
        if self._noise.is_constant:
            n = len(next(iter(values.values())))
            return self._noise.variance(np.zeros((n, 1)))
        return self._noise.variance(self._light.curves(**values))

    def covariance(self, values):
        """Compute the covariance of estimates on their targets' scales.

        Parameters
        ----------
        values : dict of str to ndarray of shape (n,)
            All parameters in natural units.

        Returns
        -------
        ndarray of shape (n, n_names, n_names)
            What the curve does not determine has an infinite variance, and no covariance.
        """
        curves, variance = self.model.curves(**values), self.variance(values)
        slopes = np.stack([self._slope(values, name, curves) for name in self.names], axis=1)
        weighted = slopes / variance[:, np.newaxis] if self.weighted else slopes
        bread = inverse_with_voids(weighted @ slopes.swapaxes(1, 2))
        void = np.isinf(bread)
        bread[void] = 0.0
        noisy = weighted * np.sqrt(variance)[:, np.newaxis]
        covariance = bread @ (noisy @ noisy.swapaxes(1, 2)) @ bread
        covariance[void] = np.inf
        return covariance

    def derived(self, values, covariance):
        """Compute what the model derives from the parameters, and its standard errors.

        Returns
        -------
        derived, errors : dict of str to ndarray of shape (n,)
            In natural units, and on the targets' scales.
        """
        here = derived_targets(self.model, values)
        gradients = {name: np.empty((len(covariance), len(self.names))) for name in here}
        for column, name in enumerate(self.names if here else ()):
            entry, (lowest, highest) = parameter(name), self.bounds[name]
            # Towards the middle of a range, so as not to leave it.
            step = np.where(values[name] > 0.5 * (lowest + highest), -1, 1) * _DERIVED_STEP
            moved = values | {name: entry.from_target(entry.to_target(values[name]) + step)}
            for derived, value in derived_targets(self.model, moved).items():
                gradients[derived][:, column] = (value - here[derived]) / step
        errors = {
            name: propagated_error(gradient, covariance, _NO_DERIVED_SLOPE)
            for name, gradient in gradients.items()
        }
        return {name: parameter(name).from_target(x) for name, x in here.items()}, errors

    def growth(self, values, covariance, name):
        """Compute how the standard error of a parameter grows within its interval.

        Two standard errors to either side, the other parameters going with it as they do in fits.

        Returns
        -------
        ndarray of shape (n,)
            The larger of both, over that in the middle; 1 where the curves are linear in the
            parameters, so that fits scatter as the covariance says.
        """
        column = self.names.index(name)
        error = np.sqrt(covariance[:, column, column])
        there = []
        for away in (-_AWAY, _AWAY):
            moved = dict(values)
            for k, other in enumerate(self.names):
                entry = parameter(other)
                by = away * covariance[:, k, column] / error
                moved[other] = entry.from_target(entry.to_target(values[other]) + by)
                moved[other] = np.clip(moved[other], *self.bounds[other])
            there.append(np.sqrt(self.covariance(moved)[:, column, column]))
        return np.max(there, axis=0) / error

    def _slope(self, values, name, curves):
        """Differentiate curves by a parameter on its target's scale: (n, n_frames)."""
        if name == self.space.factor:
            return curves / values[name][:, np.newaxis]
        entry = parameter(name)
        at, ends = (entry.to_target(np.asarray(x)) for x in (values[name], self.bounds[name]))
        step = _STEP * (1.0 if entry.is_logarithmic else ends[1] - ends[0])
        low, high = at - 2 * step < ends[0], at + 2 * step > ends[1]
        slope = np.zeros_like(curves)
        for rows, stencil in ((low, _FORWARD), (high & ~low, _BACKWARD), (~low & ~high, _CENTRAL)):
            if rows.any():
                points = [entry.from_target(at[rows] + k * step) for k in stencil]
                # All at once: what the points have in common is computed once.
                table = {key: np.tile(value[rows], len(points)) for key, value in values.items()}
                moved = self.model.curves(**table | {name: np.concatenate(points)})
                moved = moved.reshape(len(points), -1, curves.shape[1])
                slope[rows] = np.einsum("k,knt->nt", [*stencil.values()], moved) / step
        largest = np.abs(slope).max(axis=1, keepdims=True)
        slope[(largest < _ROUNDING * np.abs(curves).max(axis=1, keepdims=True))[:, 0]] = 0.0
        return slope
