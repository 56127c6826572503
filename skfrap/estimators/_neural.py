"""Neural networks that estimate parameters from recovery curves."""

import math
import numbers
import time
from contextlib import nullcontext

import numpy as np
from scipy.special import ndtri
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from tqdm import tqdm

from skfrap._checks import check_level
from skfrap.estimators._regressor import FRAPRegressor
from skfrap.experiment import Noise
from skfrap.inference.networks._deviations import constant_deviations, learn_deviations
from skfrap.inference.networks._features import FEATURES
from skfrap.inference.networks._keras import initial_weights, learning_rates
from skfrap.inference.networks._network import answer, networks_of
from skfrap.inference.networks._options import check_options
from skfrap.inference.networks._stream import CurveStream
from skfrap.inference.networks._task import task_of_data, task_of_simulator
from skfrap.inference.networks._training import BLOCK, TrainingRun, stopping_rule
from skfrap.models import DirectCurves, ForwardMap, InterpolationError, evaluator_of
from skfrap.models import model_for as make_model
from skfrap.numerics._threads import one_blas_thread
from skfrap.results import Fit
from skfrap.scaling import rescale_targets, scale_between

_FEW = 64  # curves: so few are done before the threads of BLAS are told to wait
_LEAST_LOSS = 1e-14  # benchmark of a target that is already known exactly
_FOR_DEVIATIONS = 8  # of as many steps, one more for the standard deviations


class NeuralFRAP(FRAPRegressor):
    """Estimate parameters from recovery curves by a fully connected neural network.

    The network learns from labelled curves, or from an endless stream of simulated ones, to
    minimise the squared error weighted by the inverse noise (Eqs. 9 and 10 of [1]_). On a known
    protocol it corrects a rough fit of the model rather than working on the curve itself, which it
    learns in seconds: what is left to learn is how far the prior should pull a noisy estimate.
    It is Keras that trains; predictions are made in NumPy.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        The experiment. None takes curves of any width as they are (`features` "raw"), or the
        protocol of the simulator in :meth:`fit_online`.
    hidden_layer_sizes : sequence of int, default=(64, 64, 64, 64, 64)
    activation : {"silu", "elu", "relu", "tanh", "identity"}, default="silu"
    model : str, default=None
        What the curves are taken for, as in :class:`LeastSquaresFRAP`. None is the simulator's in
        :meth:`fit_online`, else "diffusion".
    parameters : sequence of str, default=None
        What the columns of y are. None is what the simulator's prior leaves open, else what the
        model has no default for: D, c0 and alpha.
    fixed : dict, default=None
        ``{name: value}`` of the model's other parameters. None is what the simulator's prior fixes,
        else the model's defaults.
    bounds : dict, default=None
        ``{name: (lowest, highest)}`` in natural units: the box of the linearised fit and of the
        prior. What is not given is the range of the simulator's prior in :meth:`fit_online`; else
        from Table 1 of the paper, D 1 to 1000 µm²/s, c0 0.5 to 1, alpha 0.45 to 0.95, or the
        model's. Estimates from "linearized" and "scores" features lie in it.
    features : {"auto", "linearized", "scores", "raw"}, default="auto"
        What the network sees. "linearized": a rough fit of the model and how certain it is, to be
        corrected in units of its standard errors. "scores": the curve's coordinates on the model's
        basis, over the prebleach mean. Both need a protocol and targets that are parameters of the
        model, and have identity skips between hidden layers of one width. "raw": the values of the
        curve, standardised. "auto" is "linearized" where that is possible, else "raw".
    targets : {"joint", "separate", "merged"}, default="joint"
        One network for all targets; one for each; or the first target from one for all, and the
        others from one for each, as the paper recommends.
    target_scales : {"benchmark", None} or array-like of shape (n_targets,), default="benchmark"
        What errors are divided by in the loss. "benchmark": for each target the root mean square
        error of what is known beforehand, of the linearised fit or, for "raw", of the mean. None
        is the paper's Eq. 10.
    optimizer : {"adam", "sgd"}, default="adam"
        Adam comes with gradients clipped to a norm of 1.
    learning_rate_init : float, default=3e-3
        The largest learning rate.
    learning_rate : {"cosine", "constant", "deepfrap2021"}, default="cosine"
        "cosine" goes down to zero at the end; "deepfrap2021" goes up linearly from a hundredth
        over 50 epochs, and then down by 10**-0.25 every `epochs_per_step` epochs.
    epochs_per_step : int, default=8000
        Of "deepfrap2021".
    momentum : float, default=0.99
        Of "sgd".
    batch_size : int, default=1024
    max_iter : int, default=200
        Passes over the data in :meth:`fit`.
    early_stopping : bool, default=False
        Set a part of the data aside, keep the weights that do best on it, and stop when they have
        not become better for `n_iter_no_change` passes. The standard deviations that
        :meth:`predict` can return are then learnt from that part.
    validation_fraction : float, default=0.1
        The part set aside with `early_stopping`.
    n_iter_no_change : int, default=20
    stop_at : "least_squares" or array-like of shape (n_targets,), default=None
        Stop as soon as the loss on validation data, errors divided by `target_scales`, is as low as
        that of :class:`LeastSquaresFRAP` within the bounds on the same curves; or as soon as the
        weighted mean squared errors of all targets are as low as given. Takes `early_stopping`,
        or validation data in :meth:`fit_online`. The last of ``history_["seconds"]`` tells when.
    warm_start : bool, default=False
        Whether fits go on from the weights of the one before.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights and of the order of batches. Fits with the same integer are the same to
        the last bit.
    verbose : int, default=0
        Show a progress bar.

    Attributes
    ----------
    weights_ : list of list of (W, b)
        Per network and layer, float32.
    deviation_weights_ : list of (W, b) or None
        Of the network that tells standard deviations, if there was something to learn it from.
    protocol_ : FRAPProtocol or None
    target_names_ : list of str
        Columns of the predictions.
    model_ : CurveModel or None
    space_ : ParameterSpace or None
        What of the model is estimated, in which box, and what is known.
    bounds_ : dict or None
        The box, in natural units by parameter.
    features_name_ : str
        Which features are in use.
    features_ : object
        What turns curves into the network's inputs.
    loss_ : float
        Mean training loss of the last pass or chunk: the mean over targets of squared errors over
        those of what is known beforehand (see `target_scales`).
    history_ : dict of ndarray
        Per pass or chunk: ``step``, the number of steps so far; ``loss``; ``seconds``, of training,
        without validation; and, where there are validation data, ``validation_loss`` of shape
        (n, n_targets), weighted mean squared errors on the targets' scales.
    reached_ : bool
        Whether the last fit ended because it came to `stop_at`.
    n_iter_ : int
        Passes, or chunks of a stream.
    n_steps_ : int
        Steps of the optimizer.
    n_features_in_ : int
    skfrap_version_ : str
        The version that fitted the estimator.

    References
    ----------
    .. [1] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021).

    Examples
    --------
    >>> from skfrap import FRAPProtocol, FRAPSimulator
    >>> from skfrap import NeuralFRAP
    >>> simulator = FRAPSimulator(random_state=0)
    >>> network = NeuralFRAP(hidden_layer_sizes=(16, 16), batch_size=256, random_state=0)
    >>> network = network.fit_online(simulator, 64 * 256)
    >>> theta, std = network.predict(simulator.sample(5, start=10**6).data, return_std=True)
    >>> theta.shape, std.shape
    ((5, 3), (5, 3))
    """

    def __init__(
        self,
        protocol=None,
        hidden_layer_sizes=(64, 64, 64, 64, 64),
        activation="silu",
        *,
        model=None,
        parameters=None,
        fixed=None,
        bounds=None,
        features="auto",
        targets="joint",
        target_scales="benchmark",
        optimizer="adam",
        learning_rate_init=3e-3,
        learning_rate="cosine",
        epochs_per_step=8000,
        momentum=0.99,
        batch_size=1024,
        max_iter=200,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=20,
        stop_at=None,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.protocol = protocol
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.model = model
        self.parameters = parameters
        self.fixed = fixed
        self.bounds = bounds
        self.features = features
        self.targets = targets
        self.target_scales = target_scales
        self.optimizer = optimizer
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.epochs_per_step = epochs_per_step
        self.momentum = momentum
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.stop_at = stop_at
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def deepfrap2021(cls, targets="joint", **changes):
        """Make the DeepFRAP paper's network, with its training.

        Eight layers of 128 exponential linear units on the values of the curve, Glorot-uniform
        weights, stochastic gradient descent with momentum 0.99 and batches of 1,024, and its
        schedule of learning rates, to be fitted to 2**20 simulated curves; of all passes the
        weights with the lowest validation loss are kept. With the paper's 110 frames and three
        targets the joint network has 130,179 weights, and three separate ones have 389,763. The
        paper trained for days.

        Parameters
        ----------
        targets : {"joint", "separate", "merged"}, default="joint"
        **changes
            Other parameters of the constructor.

        Returns
        -------
        NeuralFRAP
        """
        paper = {
            "hidden_layer_sizes": (128,) * 8,
            "activation": "elu",
            "features": "raw",
            "target_scales": None,
            "optimizer": "sgd",
            "momentum": 0.99,
            "learning_rate": "deepfrap2021",
            "learning_rate_init": 0.1,
            "batch_size": 1024,
            "max_iter": 80_000,
            "early_stopping": True,
            "n_iter_no_change": 80_000,
        }
        return cls(targets=targets, **(paper | changes))

    @property
    def n_weights_(self):
        """Number of trained numbers in all networks that estimate, together."""
        check_is_fitted(self, "weights_")
        return sum(W.size + b.size for weights in self.weights_ for W, b in weights)

    @one_blas_thread()
    def fit(self, X, y, sample_weight=None):
        """Learn from labelled curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets on their own scales, with a protocol log10 of D in µm²/s, c0 and alpha, or what
            `parameters` says.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the squared errors, best 1/a. Samples of weight zero are left out.

        Returns
        -------
        self

        Raises
        ------
        FloatingPointError
            If the loss is no longer finite.
        """
        check_options(self)
        if self.stop_at is not None and not self.early_stopping:
            raise ValueError("stop_at needs early_stopping=True, which sets curves aside.")
        random = check_random_state(self.random_state)
        again = self._goes_on()
        columns = _names_of_columns(y)
        X, y, weight = self._check_data(X, y, sample_weight, reset=not again)
        held = None
        if self.early_stopping:
            train, test = self._split(len(X), random)
            held = X[test], y[test], weight[test]
            X, y, weight = X[train], y[train], weight[train]
        networks = None
        if not again:
            self._begin(X, y, weight, task_of_data(self, y.shape[1], columns))
            networks = self._initial_networks(random)
        run = TrainingRun(self, networks, held, stopping_rule(self, held))
        data = self._prepare(X, y, weight)
        per_epoch = math.ceil(len(X) / self.batch_size)
        rate = self._schedule(per_epoch, self.max_iter * per_epoch)
        with self._progress(range(self.max_iter)) as progress:
            for _ in progress:
                run.one_pass(data, random.permutation(len(X)), rate)
                if run.report(progress):
                    break
        run.finish()
        self.deviation_weights_ = None if held is None else constant_deviations(self, *held[:2])
        return self

    @one_blas_thread()
    def partial_fit(self, X, y, sample_weight=None):
        """Pass once over labelled curves, going on from where the estimator is.

        Learning rates are `learning_rate_init`, or those of "deepfrap2021". Features are
        standardised by the first data seen. Standard deviations are no longer known afterwards.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.

        Returns
        -------
        self
        """
        check_options(self)
        first = not hasattr(self, "weights_")
        if first or not hasattr(self, "_random"):
            self._random = check_random_state(self.random_state)
        columns = _names_of_columns(y)
        X, y, weight = self._check_data(X, y, sample_weight, reset=first)
        networks = None
        if first:
            self._begin(X, y, weight, task_of_data(self, y.shape[1], columns))
            networks = self._initial_networks(self._random)
        else:
            self._check_same_architecture()
        run = TrainingRun(self, networks, None)
        rate = self._schedule(math.ceil(len(X) / self.batch_size), None)
        run.one_pass(self._prepare(X, y, weight), self._random.permutation(len(X)), rate)
        run.report()
        self.deviation_weights_ = None
        return run.finish()

    @one_blas_thread()
    def fit_online(self, simulator, n_samples=5_000 * 1024, *, validation=None):
        """Learn from a stream of simulated curves, none of which is seen twice.

        An eighth as many more teach a second network the standard deviations of the estimates.

        Parameters
        ----------
        simulator : FRAPSimulator
            Of any model and prior. What its prior leaves open becomes the targets.
        n_samples : int, default=5_120_000
            Rounded down to whole batches. The default takes less than a minute on two cores.
        validation : tuple (X, y) or (X, y, sample_weight), default=None
            Curves to measure the progress on, in ``history_["validation_loss"]``, to choose the
            best weights by with `early_stopping`, and to compare with `stop_at`. Best from a
            simulator with another seed.

        Returns
        -------
        self

        Raises
        ------
        FloatingPointError
            If the loss is no longer finite.
        """
        check_options(self)
        again = self._goes_on()
        protocol = self.protocol_ if again else self.protocol
        if protocol is not None and protocol != simulator.protocol:
            raise ValueError(
                f"simulator must have the estimator's protocol, {protocol!r}, got one with "
                f"{simulator.protocol!r}."
            )
        if not isinstance(n_samples, numbers.Integral) or n_samples < self.batch_size:
            raise ValueError(
                f"n_samples must be a whole number of at least batch_size = {self.batch_size}, "
                f"got {n_samples!r}."
            )
        if validation is None and (self.early_stopping or self.stop_at is not None):
            raise ValueError(
                "early_stopping and stop_at need validation=(X, y) of other simulated curves."
            )
        task = task_of_simulator(self, simulator)
        if again:
            self._check_same_task(task)
        random = check_random_state(self.random_state)
        n_steps = n_samples // self.batch_size
        start, stream = time.perf_counter(), CurveStream(self, simulator)
        networks, held = None, None
        if not again:
            data = stream.sample(min(BLOCK, n_steps))
            self._check_data(*data, reset=True, protocol=simulator.protocol)
            self._begin(*data, task)
            networks = self._initial_networks(random)
        preparing = time.perf_counter() - start
        if validation is not None:
            held = self._check_data(*validation, reset=False)
        run = TrainingRun(self, networks, held, stopping_rule(self, held), seconds=preparing)
        rate = self._schedule(BLOCK, n_steps)
        with self._progress(range(0, n_steps, BLOCK)) as progress:
            chunks = stream.chunks(n_steps, self._prepare)
            for _, data in zip(progress, chunks, strict=True):
                run.one_pass(data, np.arange(len(data[0])), rate)
                if run.report(progress):
                    break
            chunks.close()
        run.finish()
        self._n_seen = stream.n_seen
        n_more = math.ceil(run.n_steps / _FOR_DEVIATIONS)
        self.deviation_weights_ = learn_deviations(self, stream, n_more, random)
        self._n_seen = stream.n_seen
        return self

    def predict(self, X, return_std=False, *, protocol=None):
        """Estimate the parameters of recovery curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
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
        X = self._check_curves(X)
        length, time_scale = self._scale_to(protocol)
        self.features_.check_curves(X)
        theta, std = self._answers(X, return_std)
        found = (theta,) if std is None else (theta, theta + std)
        if protocol is not None:
            names = self.target_names_
            found = [rescale_targets(one, names, length, time_scale) for one in found]
        theta, *above = map(self._as_output, found)
        return (theta, above[0] - theta) if return_std else theta

    def predict_interval(self, X, level=0.95, *, protocol=None):
        """Compute intervals that hold the true values, within the box of the prior.

        Of curves drawn from the prior that the network was trained on, they hold it in the share
        `level`: the network tells the standard deviations, the intervals are those of a normal
        distribution.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
        level : float, default=0.95
        protocol : FRAPProtocol, default=None
            As in :meth:`predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, 2)
            Lower and upper ends, in the columns of `target_names_`.
        """
        X, level = self._check_curves(X), check_level(level)
        scale = self._scale_to(protocol)
        self.features_.check_curves(X)
        ends = self._ends_of(*self._answers(X, True), level)
        if protocol is not None:
            names = self.target_names_
            sides = [rescale_targets(end, names, *scale) for end in np.moveaxis(ends, -1, 0)]
            ends = np.stack(sides, axis=-1)
        return ends

    # The contract of estimators

    @property
    def n_outputs_(self):
        """Number of targets."""
        return len(self.target_names_)

    @property
    def model_(self):
        """The model whose parameters the network estimates, None where it knows none."""
        task = self._task
        return None if task.model is None else make_model(task.protocol, task.model)

    @property
    def space_(self):
        """What of the model is estimated, in which box, and what is known; None without a model."""
        return None if self._task.model is None else self._task.space()

    def _fit_batch(self, X):
        """Keep the network's answers as a fit."""
        self.features_.check_curves(X)
        forward = self._forward()
        taught = self.deviation_weights_ is not None
        theta, std = self._answers(X, taught)
        std = np.full_like(theta, np.nan) if std is None else std
        curves = forward.curves(theta)
        squares = np.sum((X - curves) ** 2, axis=1)
        variance = squares / max(1, X.shape[1] - theta.shape[1])
        covariance = np.zeros((*theta.shape, theta.shape[1]))
        np.einsum("nvv->nv", covariance)[:] = std**2
        return Fit(
            forward,
            X,
            theta,
            covariance,
            curves,
            curves,
            squares,
            Noise.of_variance(variance, self.protocol_.noise_gain),
            np.ones(len(X), dtype=bool),
        )

    def _ends(self, fit, level):
        return self._ends_of(fit.theta, fit.std, level)

    def _ends_of(self, theta, std, level):
        reach = self._reach(level) * std
        ends = [self.features_.finish(end) for end in (theta - reach, theta + reach)]
        return np.stack(ends, axis=-1)

    def _reach(self, level):
        return ndtri(0.5 + 0.5 * level)

    def _forward(self, weights="mean"):
        forward = self.features_.forward
        if forward is None:
            forward = ForwardMap(DirectCurves(self.model_), self.space_)
        evaluator = evaluator_of(weights, forward.evaluator, self._task.model)
        return forward if evaluator is forward.evaluator else ForwardMap(evaluator, forward.space)

    def _given_names(self):
        return {*(self.fixed or {})}

    # Arguments

    @property
    def _hidden(self):
        sizes = self.hidden_layer_sizes
        return (sizes,) if isinstance(sizes, numbers.Integral) else tuple(sizes)

    def _goes_on(self):
        again = self.warm_start and hasattr(self, "weights_")
        if again:
            self._check_same_architecture()
        return again

    def _check_same_task(self, task):
        names = "target_names", "model", "fixed"
        for name in names if self._task.model is not None else names[:1]:
            ours, theirs = getattr(self._task, name), getattr(task, name)
            if ours != theirs:
                raise ValueError(
                    f"simulator must have the {name} {ours!r} to go on from the weights there are, "
                    f"got {theirs!r}; use warm_start=False."
                )

    def _check_same_architecture(self):
        for name, asked in self._asked_architecture().items():
            # Files of earlier versions do not know all of them.
            if asked != self._architecture.get(name, asked):
                raise ValueError(
                    f"{name} must stay {self._architecture[name]!r} to go on from the weights there"
                    f" are, got {asked!r}; use fit with warm_start=False."
                )

    def _check_data(self, X, y, sample_weight=None, *, reset, protocol=None):
        """Return curves, two-dimensional targets and weights, without what weighs nothing."""
        columns = _names_of_columns(y)
        if not reset and columns not in (None, self.target_names_):
            raise ValueError(
                f"y must have the columns {self.target_names_}, in this order, got {columns}."
            )
        X, y = validate_data(
            self, X, y, reset=reset, dtype=np.float64, multi_output=True, y_numeric=True
        )
        y = y.astype(np.float64)
        protocol = protocol or self.protocol
        if protocol is not None and X.shape[1] != protocol.n_frames:
            raise ValueError(
                f"X has {X.shape[1]} columns, and the protocol has {protocol.n_frames} frames."
            )
        flat = y.ndim == 1
        y = y.reshape(len(X), -1)
        if reset:
            self._flat_output = flat
        elif y.shape[1] != len(self.target_names_):
            raise ValueError(
                f"y must have the columns {self.target_names_}, as in the first fit, got shape "
                f"{y.shape}."
            )
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        used = weight > 0
        if not used.any():
            raise ValueError("sample_weight must be above 0 for some samples; all are 0.")
        if not used.all():
            X, y, weight = X[used], y[used], weight[used]
        return X, y, weight / weight.mean()

    def _split(self, n, random):
        n_test = round(self.validation_fraction * n)
        if not 0 < n_test < n:
            raise ValueError(
                f"validation_fraction = {self.validation_fraction} of {n} samples leaves none on "
                "one side; give more samples, another fraction or early_stopping=False."
            )
        order = random.permutation(n)
        return order[n_test:], order[:n_test]

    def _scale_to(self, protocol):
        """Return the factors of lengths and times of another protocol than the estimator's."""
        if protocol is None:
            return 1.0, 1.0
        if self.protocol_ is None:
            raise ValueError("protocol can be given only if the network was trained with one.")
        return scale_between(self.protocol_, protocol)

    # Training

    def _begin(self, X, y, weight, task):
        """Choose what stays the same from here on."""
        for name in ("weights_", "history_"):
            vars(self).pop(name, None)
        self._task = task
        self.protocol_ = task.protocol
        self.target_names_ = task.target_names
        self.features_name_, self.features_ = self._choose_features(task)
        self.bounds_ = self.features_.bounds
        self.features_.check_targets(y)
        self._benchmark = np.maximum(self.features_.fit(X, y, weight), _LEAST_LOSS)
        self._columns = networks_of(self.targets, y.shape[1])
        self._n_inputs = self.features_(X[:1])[0].shape[1]
        self._architecture = self._asked_architecture()
        self._optimizer_states = None
        self.deviation_weights_ = None
        self.n_iter_ = self.n_steps_ = self._n_seen = 0

    def _choose_features(self, task):
        name = self.features
        if name == "raw" or (name == "auto" and task.model is None):
            return "raw", FEATURES["raw"]()
        if task.model is None:
            raise ValueError(
                f"features={name!r} needs a protocol and targets that are parameters of a model, "
                f"got protocol={task.protocol!r} and {task.target_names}; use features='raw'."
            )
        try:
            fitter = task.fitter()
        except InterpolationError:
            if name == "auto":
                return "raw", FEATURES["raw"]()
            raise
        name = "linearized" if name == "auto" else name
        return name, FEATURES[name](fitter)

    def _initial_networks(self, random):
        # However many are drawn here, what is drawn next stays the same.
        random = np.random.RandomState(random.randint(2**31 - 1))
        # Where something is known beforehand, begin with that.
        zero_output = self.features_.skips
        return [
            initial_weights(self._widths(len(columns)), random, zero_output=zero_output)
            for columns in self._columns
        ]

    def _widths(self, n_outputs):
        return self._n_inputs, *self._hidden, n_outputs

    def _asked_architecture(self):
        """Return what a fit that goes on from another must share with it."""
        names = ("activation", "features", "optimizer", "targets")
        names += ("protocol", "model", "parameters", "fixed", "bounds")
        asked = {name: getattr(self, name) for name in names}
        return asked | {"hidden_layer_sizes": self._hidden}

    def _prepare(self, X, y, weight):
        """Return inputs, goals and importances, as the trainer takes them."""
        self.features_.check_targets(y)
        inputs, guess, scale = self.features_(X)
        importance = weight[:, np.newaxis] * scale**2 / (self._squared_scales * y.shape[1])
        return inputs, ((y - guess) / scale).astype(np.float32), importance.astype(np.float32)

    @property
    def _squared_scales(self):
        if self.target_scales is None:
            return 1.0
        if isinstance(self.target_scales, str):
            return self._benchmark
        scales = np.asarray(self.target_scales, dtype=float)
        if scales.shape != self._benchmark.shape or not (scales > 0).all():
            raise ValueError(
                f"target_scales must be a positive number for each of {self.target_names_}, "
                f"got {self.target_scales!r}."
            )
        return scales**2

    def _schedule(self, per_epoch, n_total):
        """Make a function of the steps since the start of this fit and of all steps."""
        kind = self.learning_rate
        if kind == "cosine" and n_total is None:
            kind = "constant"

        def rate(since, overall):
            return learning_rates(
                kind,
                self.learning_rate_init,
                since,
                overall / per_epoch,
                n_total,
                self.epochs_per_step,
            )

        return rate

    def _progress(self, passes):
        return tqdm(passes, desc="training", disable=not self.verbose)

    def _answers(self, X, with_std):
        """Return estimates, and their standard deviations or None."""
        with one_blas_thread() if len(X) > _FEW else nullcontext():
            described = self.features_(X)
            theta = self._estimate(described, self.weights_)
            return theta, self._deviations(described) if with_std else None

    def _estimate(self, described, networks):
        inputs, guess, scale = described
        activation, skips = self._architecture["activation"], self.features_.skips
        corrections = answer(inputs, networks, self._columns, activation, skips)
        return self.features_.finish(guess + scale * corrections)

    def _deviations(self, described):
        if self.deviation_weights_ is None:
            raise ValueError(
                "this network was not taught standard deviations, which takes curves that it has "
                "not seen: use fit_online, or fit with early_stopping=True."
            )
        inputs, _, scale = described
        activation, skips = self._architecture["activation"], self.features_.skips
        columns = [[*range(scale.shape[1])]]
        return scale * np.exp(answer(inputs, [self.deviation_weights_], columns, activation, skips))

    # Files

    def to_state(self):
        """Return what a file keeps; what only training needs is in ``"training"``."""
        training = None
        if hasattr(self, "weights_"):
            training = {
                "optimizer_states": self._optimizer_states,
                "history": getattr(self, "history_", None),
                "random": getattr(self, "_random", None),
            }
        return super().to_state() | {"training": training}

    @classmethod
    def from_state(cls, state):
        """Make the network that :meth:`to_state` described."""
        network = super().from_state(state)
        if hasattr(network, "weights_"):
            training = state["training"] or {}
            network._optimizer_states = training.get("optimizer_states")
            if training.get("history") is not None:
                network.history_ = training["history"]
            if training.get("random") is not None:
                network._random = training["random"]
        return network

    def fitted_state(self):
        """Return what predictions need, under names that stay in files."""
        fitted = super().fitted_state()
        if not hasattr(self, "weights_"):
            return {}
        for name in ("history_", "protocol_", "target_names_", "bounds_"):
            fitted.pop(name, None)  # of training, or known by the task and the features
        return fitted | {
            "task": self._task,
            "benchmark": self._benchmark,
            "networks": self._columns,
            "architecture": self._architecture,
            "n_seen": self._n_seen,
        }

    def set_fitted_state(self, fitted):
        """Take what :meth:`fitted_state` gave."""
        if fitted:
            others = dict(fitted)
            self._task = others.pop("task")
            self._benchmark, self._columns = others.pop("benchmark"), others.pop("networks")
            self._architecture, self._n_seen = others.pop("architecture"), others.pop("n_seen")
            self.protocol_, self.target_names_ = self._task.protocol, self._task.target_names
            super().set_fitted_state(others)
            self.bounds_ = self.features_.bounds
            self._n_inputs = len(self.weights_[0][0][0])


def _names_of_columns(y):
    """Return the names of a table's columns, None for arrays."""
    columns = getattr(y, "columns", None)
    return None if columns is None else [str(name) for name in columns]
