"""What files and pickles keep of every estimator, besides its parameters."""

from typing import Any

from skfrap import __version__
from skfrap._pickles import stamped, unstamped
from skfrap._state import EstimatorState


class RegressorState(EstimatorState):
    """Keep whether y had one dimension, and of a pickle which version wrote it."""

    def __getstate__(self):
        return stamped(super().__getstate__(), __version__)

    def __setstate__(self, state):
        super().__setstate__(unstamped(state, __version__, type(self).__name__))

    def fitted_state(self) -> dict[str, Any]:
        """Return the public fitted attributes, and whether y had one dimension.

        Returns
        -------
        dict
            By names that stay; empty where the estimator was not fitted.
        """
        if "n_features_in_" not in vars(self):
            return {}
        return super().fitted_state() | {"one_dimensional": self._flat_output}

    def set_fitted_state(self, fitted: dict[str, Any]) -> None:
        """Take what :meth:`fitted_state` gave.

        Parameters
        ----------
        fitted : dict
            By names that stay; empty where the estimator was not fitted.
        """
        if fitted:
            others = dict(fitted)
            self._flat_output = others.pop("one_dimensional")
            super().set_fitted_state(others)
