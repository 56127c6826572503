"""What can be asked of a network that is trained, whatever trained it."""

from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from sklearn.utils.validation import check_is_fitted

from skfrap import __version__
from skfrap._checks import check_level
from skfrap.estimators._image_input import are_images, asked_of_images
from skfrap.estimators._missing import without_missing_frames
from skfrap.estimators._regressor import LEAST_REACH, FRAPRegressor
from skfrap.estimators._samples import answers_samples, join_samples, samples_in_words
from skfrap.experiment import FRAPProtocol, Noise
from skfrap.experiment._frames import refuse_gaps_in_rows
from skfrap.inference.fitting._rows import noise_of_rows
from skfrap.inference.networks._options import (
    TaskOptions,
    TrainingOptions,
    architecture_of,
    check_same_architecture,
)
from skfrap.inference.networks._origin import Origin
from skfrap.inference.networks._trained import TrainedNetwork, TrainingState
from skfrap.models import (
    CurveModel,
    DirectCurves,
    ForwardMap,
    ImageSurrogate,
    evaluator_of,
)
from skfrap.numerics._lazy import ROWS, row_slices
from skfrap.numerics._progress import shown, side_by_side
from skfrap.parameters import ParameterSpace
from skfrap.results import Fit
from skfrap.scaling import rescale_targets, scale_between

_OF_TRAINING = "history_", "histories_", "best_losses_"  # a file for prediction has none of these
_ROWS = 2**14  # curves in single precision that are answered at once
_RESCALED = "predict", "predict_interval"  # what can be asked of another experiment
_KNOWN = "protocol_", "target_names_", "bounds_"  # by the task and the features


class NetworkRegressor(FRAPRegressor):
    """Base class of estimators that answer by a trained network.

    A subclass trains what ``_origin(goes_on)`` gives, and hands over what came of it by
    ``_keep(network, state)``; ``_network`` and ``_state`` give it back.
    """

    _answers_in_threads = True  # matrix products, and loops of NumPy, throughout
    _whole = None  # what was cut off of networks, to go on training them

    # What is kept

    def _keep(self, network, state):
        """Take over what training returned."""
        network, self._whole = network.extracted()
        self._task = network.task
        self.protocol_ = network.task.protocol
        self.target_names_ = network.task.target_names
        self.features_name_, self.features_ = network.features_name, network.features
        self.bounds_ = network.features.bounds
        self._architecture = network.architecture
        self._columns, self._benchmark = network.columns, network.benchmark
        self.weights_, self.deviation_weights_ = network.weights, network.deviation_weights
        self._optimizer_states = state.optimizer_states
        self.n_iter_, self.n_steps_, self._n_seen = state.n_iter, state.n_steps, state.n_seen
        self.history_, self.loss_, self.reached_ = state.history, state.loss, state.reached
        self.histories_, self.best_losses_ = state.histories, state.best_losses
        self.skfrap_version_ = __version__
        return self

    def _origin(self, goes_on, X=None, *, transfers=False):
        """Return what training is to begin with; what transfers may be asked for another task.

        Scores of images, as labelled data `X`, bring what they are scores of.
        """
        arguments = self.get_params(deep=False)
        options, asked = TrainingOptions.of(arguments), TaskOptions.of(arguments)
        if are_images(X):
            asked = asked_of_images(asked, X)
        if not (goes_on and hasattr(self, "weights_")):
            return Origin(options, asked)
        architecture = architecture_of(options, asked)
        check_same_architecture(self._architecture, architecture, transfers=transfers)
        return Origin(options, asked, self._network.completed(self._whole), self._state)

    @property
    def _network(self):
        return TrainedNetwork(
            self._task,
            self.features_name_,
            self.features_,
            self._architecture,
            self._columns,
            self.weights_,
            self._benchmark,
            self.deviation_weights_,
        )

    @property
    def _state(self):
        return TrainingState(
            self._optimizer_states,
            self.n_iter_,
            self.n_steps_,
            self._n_seen,
            getattr(self, "history_", {}),  # files for prediction do without
            self.loss_,
            self.reached_,
        )

    def to_state(self) -> dict[str, Any]:
        """Return what a file keeps; what only training needs is in ``"training"``."""
        training = None
        if hasattr(self, "weights_"):
            training = {
                "optimizer_states": self._optimizer_states,
                "history": getattr(self, "history_", None),
                "histories": getattr(self, "histories_", None),
                "best_losses": getattr(self, "best_losses_", None),
                "whole": self._whole,
                "random": getattr(self, "_random", None),
            }
        return super().to_state() | {"training": training}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Make the network that :meth:`to_state` described."""
        network = super().from_state(state)
        if hasattr(network, "weights_"):
            training = state["training"] or {}
            network._optimizer_states = training.get("optimizer_states")
            if training.get("history") is not None:
                network.history_ = training["history"]
            network.histories_ = training.get("histories")
            network.best_losses_ = training.get("best_losses")
            network._whole = training.get("whole")
            if training.get("random") is not None:
                network._random = training["random"]
        return network

    def fitted_state(self) -> dict[str, Any]:
        """Return what predictions need, under names that stay in files."""
        fitted = super().fitted_state()
        if not hasattr(self, "weights_"):
            return {}
        for name in _OF_TRAINING + _KNOWN:
            fitted.pop(name, None)
        return fitted | {
            "task": self._task,
            "benchmark": self._benchmark,
            "networks": self._columns,
            "architecture": self._architecture,
            "n_seen": self._n_seen,
        }

    def set_fitted_state(self, fitted: dict[str, Any]) -> None:
        """Take what :meth:`fitted_state` gave."""
        if fitted:
            others = dict(fitted)
            self._task = others.pop("task")
            self._benchmark, self._columns = others.pop("benchmark"), others.pop("networks")
            self._architecture, self._n_seen = others.pop("architecture"), others.pop("n_seen")
            self.protocol_, self.target_names_ = self._task.protocol, self._task.target_names
            super().set_fitted_state(others)
            self.bounds_ = self.features_.bounds
            evaluator = getattr(self.features_.forward, "evaluator", None)
            if isinstance(evaluator, ImageSurrogate):  # which the features keep
                self._task.surrogate = evaluator

    @property
    def loss_curve_(self) -> list[float]:
        """Losses of passes or chunks, as scikit-learn's networks have them."""
        return self.history_["loss"].tolist()

    @property
    def n_weights_(self) -> int:
        """Number of trained numbers in all networks that estimate, together."""
        check_is_fitted(self, "weights_")
        return sum(W.size + b.size for weights in self.weights_ for W, b in weights)

    # Answers

    @overload
    def predict(
        self,
        X: ArrayLike,
        return_std: Literal[False] = False,
        *,
        protocol: FRAPProtocol | None = None,
    ) -> np.ndarray: ...
    @overload
    def predict(
        self, X: ArrayLike, return_std: Literal[True], *, protocol: FRAPProtocol | None = None
    ) -> tuple[np.ndarray, np.ndarray]: ...
    @overload
    def predict(
        self, X: ArrayLike, return_std: bool, *, protocol: FRAPProtocol | None = None
    ) -> Any: ...

    @answers_samples
    @without_missing_frames
    def predict(
        self, X: ArrayLike, return_std: bool = False, *, protocol: FRAPProtocol | None = None
    ) -> Any:
        """Estimate the parameters of recovery curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.
        return_std : bool, default=False
            Also return standard deviations of the errors, as the network was taught to tell them.
        protocol : FRAPProtocol, default=None
            The experiment the curves are from, if it is another one than the network's. If the two
            are one up to the units of length and time, estimates are rescaled, which is exact.

        Returns
        -------
        theta : ndarray of shape (n_samples, n_targets)
            Columns as in `target_names_`; of shape (n_samples,) after a fit to y of one dimension.
        std : ndarray of shape (n_samples, n_targets)
            Only with `return_std`.

        Raises
        ------
        ValueError
            If the curves cannot be of the network's protocol or intensities; or for `return_std`
            if the network was not taught standard deviations.
        """
        length, time_scale = self._scale_to(protocol)
        theta, std = self._answers(X, return_std, protocol)
        found = [theta] if std is None else [theta, theta + std]
        if protocol is not None:
            names = self.target_names_
            found = [rescale_targets(one, names, length, time_scale) for one in found]
        theta, *above = map(self._as_output, found)
        return (theta, above[0] - theta) if return_std else theta

    @answers_samples
    @without_missing_frames
    def predict_interval(
        self, X: ArrayLike, level: float = 0.95, *, protocol: FRAPProtocol | None = None
    ) -> np.ndarray:
        """Compute intervals that hold the true values, within the box of the prior.

        Of curves drawn from the prior that the network was trained on, they hold it in the share
        `level`: the network tells the standard deviations, the intervals are those of a normal
        distribution.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.
        level : float, default=0.95
            How many of the intervals hold the true value.
        protocol : FRAPProtocol, default=None
            As in :meth:`predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, 2)
            Lower and upper ends, in the columns of :meth:`predict`.
        """
        level, scale = check_level(level), self._scale_to(protocol)
        theta, std = self._answers(X, True, protocol)
        ends = self._network.ends(theta, self._reach(level) * std)
        if protocol is not None:
            names = self.target_names_
            sides = [rescale_targets(end, names, *scale) for end in np.moveaxis(ends, -1, 0)]
            ends = np.stack(sides, axis=-1)
        return ends

    def _answers(self, X, with_std, protocol=None):
        """Return estimates of curves, and standard deviations or None; of many a block at a time.

        So a file of a million curves in single precision never is in memory as a whole.
        """
        check_is_fitted(self)
        blocks = self._blocks(X)
        if len(blocks) < 2:
            X = self._check_curves(X, protocol)
            self.features_.check_curves(X)
            return self._network.answers(X, with_std)
        if X.shape[1] == self.n_features_in_:
            self.features_.check_curves(X)  # tells which row it is
        network = self._network

        def answered(rows):
            return network.answers(self._check_curves(X[rows], protocol), with_std)

        each = side_by_side if len(X) > ROWS else map  # no more of them is a chunk of many
        answers = shown(each(answered, blocks), "predict", total=len(blocks))
        try:
            theta, std = zip(*answers, strict=True)
        except ValueError:
            self._check_curves(X, protocol)  # tells which row it is, of all
            raise
        return np.concatenate(theta), np.concatenate(std) if with_std else None

    def _blocks(self, X):
        """Return slices of rows that are answered at once, one where all are."""
        plain = isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind == "f"
        if plain and len(X) > (_ROWS if X.dtype == np.float32 else ROWS):
            return row_slices(len(X), _ROWS)
        return [slice(None)]

    def _scale_to(self, protocol):
        """Return the factors of lengths and times of another protocol than the estimator's."""
        if protocol is None:
            return 1.0, 1.0
        if self.protocol_ is None:
            raise ValueError("protocol can be given only if the network was trained with one.")
        return scale_between(self.protocol_, protocol)

    # Samples that bring their protocols

    def _fit_samples(self, samples, y=None, *args, **kwargs):
        """Refuse: what is learnt is of one experiment."""
        raise ValueError(
            f"{type(self).__name__} learns from curves of one experiment, and samples of X bring "
            f"{len({*samples.protocols})} protocols: give it the one that it is to know, as "
            "protocol=...; LeastSquaresFRAP and BayesianFRAP take each sample's own."
        )

    def _answer_samples(self, samples, method, *args, protocol=None, **kwargs):
        """Answer samples of the network's own experiment, and of one that can be rescaled to it."""
        if protocol is not None:  # for all samples
            return method(self, self._as_array(samples), *args, protocol=protocol, **kwargs)
        parts, places = [], []
        for own, some in samples.by_protocol():
            scale = self._scale_of_samples(own, some)
            rescaled = {} if scale == (1.0, 1.0) else {"protocol": own}
            if rescaled and method.__name__ not in _RESCALED:
                raise ValueError(
                    f"{samples_in_words(some)} of X have pixels or times of {scale[0]:.6g} and "
                    f"{scale[1]:.6g} times the network's, and {method.__name__} is of its own "
                    "experiment only; predict and predict_interval rescale their answers."
                )
            parts.append(method(self, samples.rows(some), *args, **rescaled, **kwargs))
            places.append(some)
        return join_samples(parts, places)

    def _scale_of_samples(self, own, some):
        """Return the factors to the network's experiment; refuse samples of any other."""
        which = samples_in_words(some)
        remedy = (
            "use one that was trained for it, or LeastSquaresFRAP or BayesianFRAP, which take each "
            "sample's own; numpy.asarray(X) gives curves without their protocols."
        )
        if self.protocol_ is None:
            raise ValueError(
                f"{which} of X bring a protocol, and the network was trained without one, so "
                f"that it cannot tell whether it is theirs: {remedy}"
            )
        try:
            return scale_between(self.protocol_, own)
        except ValueError as error:
            raise ValueError(
                f"{which} of X are of another experiment than the network was trained for, "
                f"and no rescaling makes it theirs ({error}): {remedy}"
            ) from error

    # Frames that are missing

    @property
    def _can_omit(self):
        if "_task" in vars(self) and self.surrogate_ is not None:
            return False  # scores are of all frames together
        # Other features know each frame by its place, and cannot do without.
        name = getattr(self, "features_name_", self.features)
        return name == "linearized" or (name == "auto" and self.protocol is not None)

    @property
    def _advice(self):
        if self.missing == "omit":
            return "A network can leave frames out only with a protocol and features='linearized'."
        return super()._advice

    def _look_at(self, frames):
        if self.protocol_ is not None:
            refuse_gaps_in_rows(self.protocol_)
        self.features_ = self.features_.at_frames(frames)

    # The contract of estimators

    @property
    def n_outputs_(self) -> int:
        """Number of targets."""
        return len(self.target_names_)

    @property
    def model_(self) -> CurveModel | None:
        """The model whose parameters the network estimates, None where it knows none of them all.

        One on raw curves knows them where all that is free are its targets.
        """
        return self._task.curve_model() if self._network.is_complete else None

    @property
    def surrogate_(self) -> ImageSurrogate | None:
        """What scores of images are of, None where the network learnt from curves."""
        return self._task.surrogate

    @property
    def space_(self) -> ParameterSpace | None:
        """What of the model is estimated, in which box, and what is known; None without a model."""
        return self._task.space() if self._network.is_complete else None

    def _fit_batch(self, X):
        """Keep the network's answers as a fit."""
        self.features_.check_curves(X)
        forward, network = self._forward(), self._network
        theta, std = network.answers(X, self.deviation_weights_ is not None)
        std = np.full_like(theta, np.nan) if std is None else std
        theta, covariance = network.complete(X, theta, std)
        curves = forward.curves(theta)
        squares = np.sum((X - curves) ** 2, axis=1)
        freedom, gain, n_values = X.shape[1] - theta.shape[1], self.protocol_.noise_gain, None
        if self.surrogate_ is not None:  # a score has the noise of a pixel
            freedom, gain = self.surrogate_.freedom(theta.shape[1]), 1.0
            n_values = freedom + theta.shape[1]
        noise = Noise.of_variance(squares / max(1, freedom), gain)
        if self._has_rows:
            noise = noise_of_rows(X - curves, forward.tangents(theta), self.protocol_)
        return Fit(
            forward,
            X,
            theta,
            covariance,
            curves,
            curves,
            squares,
            noise,
            np.ones(len(X), dtype=bool),
            n_values=n_values,
        )

    @property
    def _has_rows(self):
        return self.surrogate_ is None and self.protocol_.n_rows > 1

    @property
    def _image_fitter(self):
        return None if self.surrogate_ is None else self.features_.fitter

    def _judgement(self, fit):
        highest = self._task.highest_noise
        learnt = {
            "highest_noise": np.inf if highest is None else highest,
            "noisier_than": "what the network has learnt: intervals may be too narrow",
        }
        if not self._has_rows:
            return learnt
        from skfrap.judging._findings import judge_residuals

        return learnt | {"misfits": judge_residuals(fit, deviations=fit.deviations)}

    def _judgement_of_images(self, fit):
        return super()._judgement_of_images(fit) | {"highest_noise": self._task.highest_noise}

    def _larger_models(self, fit):
        # A network on values of curves alone is quick, and its model evaluated directly is not.
        if self.features_.forward is None:
            return [[] for _ in range(len(fit))], np.full(len(fit), np.nan)
        return super()._larger_models(fit)

    def _ends(self, fit, level):
        reach = self._reach(level) * fit.std
        ends = [self.features_.inside(end) for end in (fit.theta - reach, fit.theta + reach)]
        return np.stack(ends, axis=-1)

    def _reach(self, level):
        return max(LEAST_REACH, ndtri(0.5 + 0.5 * level))

    def _forward(self, weights="mean"):
        forward = self.features_.forward
        if forward is None:
            forward = ForwardMap(DirectCurves(self.model_), self.space_)
        if self.surrogate_ is not None:
            return forward
        evaluator = evaluator_of(weights, forward.evaluator, self._task.model)
        return forward if evaluator is forward.evaluator else ForwardMap(evaluator, forward.space)
