"""What a file keeps of an estimator: what it was made with, and what it was fitted to.

Every class that is kept in files has ``to_state()``, a dictionary of plain values, arrays and other
such objects under names that stay, and ``from_state(state)``, which makes the object again. Private
attributes may be renamed: they are no part of it.
"""

from typing import Any, Self, cast


class EstimatorState:
    """Keep the parameters of an estimator and its public fitted attributes.

    What else a subclass needs to predict it adds to ``fitted_state()``, under a name that stays,
    and takes in ``set_fitted_state(fitted)``.
    """

    def to_state(self) -> dict[str, Any]:
        """Return what a file keeps: ``"parameters"``, ``"fitted"`` and the output's form.

        Returns
        -------
        dict
            By names that stay.
        """
        return {
            "parameters": cast(Any, self).get_params(deep=False),
            "fitted": self.fitted_state(),
            "output": vars(self).get("_sklearn_output_config"),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Make the estimator that :meth:`to_state` described.

        Parameters
        ----------
        state : dict
            As :meth:`to_state` gave it.

        Returns
        -------
        object
            The estimator.
        """
        estimator: Any = cls(**state["parameters"])
        estimator.set_fitted_state(state["fitted"])
        if state["output"] is not None:
            estimator._sklearn_output_config = state["output"]
        return estimator

    def fitted_state(self) -> dict[str, Any]:
        """Return the public fitted attributes, whose names end in an underscore.

        Returns
        -------
        dict
            By names that stay; empty where the estimator was not fitted.
        """
        return public_fitted(self)

    def set_fitted_state(self, fitted: dict[str, Any]) -> None:
        """Take what :meth:`fitted_state` gave.

        Parameters
        ----------
        fitted : dict
            By names that stay; empty where the estimator was not fitted.
        """
        set_public_fitted(self, fitted)


def public_fitted(estimator):
    """Return the public fitted attributes of an estimator by name, in an order that stays."""
    names = sorted(name for name in vars(estimator) if _is_fitted_attribute(name))
    return {name: getattr(estimator, name) for name in names}


def set_public_fitted(estimator, fitted):
    """Set public fitted attributes, and no others, which a file has no business with."""
    for name, value in fitted.items():
        if not _is_fitted_attribute(name):
            raise ValueError(f"{type(estimator).__name__} has no fitted attribute {name!r}.")
        setattr(estimator, name, value)


def _is_fitted_attribute(name):
    return name.endswith("_") and not name.startswith("_")
