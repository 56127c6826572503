"""Neural networks that estimate parameters from recovery curves."""

import math
import numbers
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from tqdm import tqdm

from skfrap._threads import one_blas_thread
from skfrap.estimators._arguments import complete_bounds
from skfrap.estimators._features import FEATURES, TARGETS
from skfrap.estimators._keras import initial_weights, learning_rates
from skfrap.estimators._network import ACTIVATIONS, forward
from skfrap.estimators._training import BLOCK, TrainingRun
from skfrap.models import model_for
from skfrap.parameters import table_1_prior
from skfrap.protocol import FRAPProtocol

_TABLE_1 = {name: table_1_prior()[name].support() for name in ("D", "c0", "alpha")}
_FEW = 64  # curves: so few are done before the threads of BLAS are told to wait
_LEAST_LOSS = 1e-14  # benchmark of a target that is already known exactly
_CHOICES = {
    "activation": tuple(ACTIVATIONS),
    "features": ("auto", *FEATURES),
    "optimizer": ("adam", "sgd"),
    "learning_rate": ("cosine", "constant", "deepfrap2021"),
    "targets": ("joint", "separate"),
}


class NeuralFRAP(MultiOutputMixin, RegressorMixin, BaseEstimator):
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
    hidden_layer_sizes : sequence of int, default=(64, 64, 64)
    activation : {"silu", "elu", "relu", "tanh", "identity"}, default="silu"
    features : {"auto", "linearized", "scores", "raw"}, default="auto"
        What the network sees. "linearized": a rough fit of the diffusion model and how certain it
        is, to be corrected in units of its standard errors. "scores": the curve's coordinates on
        the model's basis, over the prebleach mean. Both need a protocol and the targets log10_D, c0
        and alpha, and have identity skips between hidden layers of one width. "raw": the values of
        the curve, standardised. "auto" is "linearized" where that is possible, else "raw".
    optimizer : {"adam", "sgd"}, default="adam"
        Adam comes with gradients clipped to a norm of 1.
    learning_rate_init : float, default=3e-3
        The largest learning rate.
    learning_rate : {"cosine", "constant", "deepfrap2021"}, default="cosine"
        "cosine" goes down to zero at the end; "deepfrap2021" goes up linearly from a hundredth
        over 50 epochs, and then down by 10**-0.25 every 8,000 epochs.
    momentum : float, default=0.99
        Of "sgd".
    batch_size : int, default=1024
    max_iter : int, default=200
        Passes over the data in :meth:`fit`.
    early_stopping : bool, default=False
        Set a part of the data aside, keep the weights that do best on it, and stop when they have
        not become better for `n_iter_no_change` passes.
    validation_fraction : float, default=0.1
        The part set aside with `early_stopping`.
    n_iter_no_change : int, default=20
    targets : {"joint", "separate"}, default="joint"
        One network for all targets or one for each.
    bounds : dict, default=None
        ``{name: (lowest, highest)}`` in natural units of D, c0 and alpha: the box of the linearised
        fit and of the prior. What is not given is taken from Table 1 of the paper: D 1 to 1000
        µm²/s, c0 0.5 to 1, alpha 0.45 to 0.95. Estimates from "linearized" features lie in it.
    warm_start : bool, default=False
        Whether fits go on from the weights of the one before.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights and of the order of batches. Fits with the same integer are the same to
        the last bit.
    verbose : int, default=0
        Show a progress bar.

    Attributes
    ----------
    weights_ : list of (W, b)
        Per layer, float32; with ``targets="separate"`` both have a leading axis over networks.
    protocol_ : FRAPProtocol or None
    target_names_ : list of str
        Columns of the predictions.
    features_name_ : str
        Which features are in use.
    features_ : object
        What turns curves into the network's inputs.
    loss_ : float
        Mean training loss of the last pass or chunk: the mean over targets of squared errors over
        those of the linearised fit; with "raw" features over the variance of the target.
    history_ : dict of ndarray
        Per pass or chunk: ``step``, the number of steps so far; ``loss``; ``seconds``, of training,
        without validation; and, where there are validation data, ``validation_loss`` of shape
        (n, n_targets), weighted mean squared errors on the targets' scales.
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
    >>> network.predict(simulator.sample(5, start=10**6).data).shape
    (5, 3)
    """

    def __init__(
        self,
        protocol=None,
        hidden_layer_sizes=(64, 64, 64),
        activation="silu",
        *,
        features="auto",
        optimizer="adam",
        learning_rate_init=3e-3,
        learning_rate="cosine",
        momentum=0.99,
        batch_size=1024,
        max_iter=200,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=20,
        targets="joint",
        bounds=None,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.protocol = protocol
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.features = features
        self.optimizer = optimizer
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.targets = targets
        self.bounds = bounds
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def deepfrap2021(cls, targets="joint", **changes):
        """Make the DeepFRAP paper's network, with its training.

        Eight layers of 128 exponential linear units on the values of the curve, Glorot-uniform
        weights, stochastic gradient descent with momentum 0.99 and batches of 1,024, and its
        schedule of learning rates. With the paper's 110 frames and three targets that are 130,179
        weights, or three times 129,921. The paper trained for days.

        Parameters
        ----------
        targets : {"joint", "separate"}, default="joint"
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
            "optimizer": "sgd",
            "momentum": 0.99,
            "learning_rate": "deepfrap2021",
            "learning_rate_init": 0.1,
            "batch_size": 1024,
            "max_iter": 80_000,
        }
        return cls(targets=targets, **(paper | changes))

    @property
    def n_weights_(self):
        """Number of trained numbers in all networks together."""
        check_is_fitted(self, "weights_")
        return sum(matrix.size + bias.size for matrix, bias in self.weights_)

    @one_blas_thread()
    def fit(self, X, y, sample_weight=None):
        """Learn from labelled curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets on their own scales, with a protocol log10 of D in µm²/s, c0 and alpha.
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
        self._check_options()
        random = check_random_state(self.random_state)
        again = self._goes_on()
        X, y, weight = self._check_data(X, y, sample_weight, reset=not again)
        held = None
        if self.early_stopping:
            train, test = self._split(len(X), random)
            held = X[test], y[test], weight[test]
            X, y, weight = X[train], y[train], weight[train]
        run = TrainingRun(self, None if again else self._begin(X, y, weight, random), held)
        data = self._prepare(X, y, weight)
        per_epoch = math.ceil(len(X) / self.batch_size)
        rate = self._schedule(per_epoch, self.max_iter * per_epoch)
        with self._progress(range(self.max_iter)) as progress:
            for _ in progress:
                run.one_pass(data, random.permutation(len(X)), rate)
                if run.report(progress):
                    break
        return run.finish()

    @one_blas_thread()
    def partial_fit(self, X, y, sample_weight=None):
        """Pass once over labelled curves, going on from where the estimator is.

        Learning rates are `learning_rate_init`, or those of "deepfrap2021". Features are
        standardised by the first data seen.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.

        Returns
        -------
        self
        """
        self._check_options()
        first = not hasattr(self, "weights_")
        if first or not hasattr(self, "_random"):
            self._random = check_random_state(self.random_state)
        X, y, weight = self._check_data(X, y, sample_weight, reset=first)
        if not first:
            self._check_same_architecture()
        run = TrainingRun(self, self._begin(X, y, weight, self._random) if first else None, None)
        rate = self._schedule(math.ceil(len(X) / self.batch_size), None)
        run.one_pass(self._prepare(X, y, weight), self._random.permutation(len(X)), rate)
        run.report()
        return run.finish()

    @one_blas_thread()
    def fit_online(self, simulator, n_samples=3_000 * 1024, *, validation=None):
        """Learn from a stream of simulated curves, none of which is seen twice.

        Parameters
        ----------
        simulator : FRAPSimulator
            Or whatever has a `protocol` and a method `sample` like it.
        n_samples : int, default=3_072_000
            Rounded down to whole batches. The default takes well under a minute on two cores.
        validation : tuple (X, y) or (X, y, sample_weight), default=None
            Curves to measure the progress on, in ``history_["validation_loss"]``, and to choose
            the best weights by with `early_stopping`. Best from a simulator with another seed.

        Returns
        -------
        self

        Raises
        ------
        FloatingPointError
            If the loss is no longer finite.
        """
        self._check_options()
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
        if self.early_stopping and validation is None:
            raise ValueError("early_stopping needs validation=(X, y) of other simulated curves.")
        random = check_random_state(self.random_state)
        n_steps = n_samples // self.batch_size
        chunks = [min(BLOCK, n_steps - k) for k in range(0, n_steps, BLOCK)]
        seen = getattr(self, "_n_seen", 0) if again else 0
        firsts = seen + self.batch_size * np.cumsum([0, *chunks])

        def sample(k):
            drawn = simulator.sample(chunks[k] * self.batch_size, start=int(firsts[k]))
            return drawn.data, drawn.target, drawn.sample_weight

        def prepare(k):
            return self._prepare(*sample(k))

        start = time.perf_counter()
        weights, held = None, None
        if not again:
            self._target_names = list(simulator.target_names)
            data = self._check_data(*sample(0), reset=True, protocol=simulator.protocol)
            weights = self._begin(*data, random, protocol=simulator.protocol)
        preparing = time.perf_counter() - start
        if validation is not None:
            held = self._check_data(*validation, reset=False)
        run = TrainingRun(self, weights, held, seconds=preparing)
        rate = self._schedule(BLOCK, n_steps)
        # The next chunk is drawn while the network learns from this one.
        with ThreadPoolExecutor(1) as pool, self._progress(range(len(chunks))) as progress:
            coming = pool.submit(prepare, 0)
            for k in progress:
                data = coming.result()
                if k + 1 < len(chunks):
                    coming = pool.submit(prepare, k + 1)
                run.one_pass(data, np.arange(len(data[0])), rate)
                if run.report(progress):
                    break
        self._n_seen = int(firsts[k + 1])
        return run.finish()

    def predict(self, X):
        """Estimate the parameters of recovery curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)

        Returns
        -------
        ndarray of shape (n_samples, n_targets)
            Columns as in `target_names_`; of shape (n_samples,) after a fit to y of one dimension.
        """
        check_is_fitted(self, "weights_")
        X = validate_data(self, X, reset=False, dtype=np.float64)
        with one_blas_thread() if len(X) > _FEW else nullcontext():
            estimates = self._estimate(self.features_(X), self.weights_)
        return estimates[:, 0] if self._flat_output else estimates

    # Arguments

    def _check_options(self):
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}.")
        sizes = self._hidden
        if not all(isinstance(size, numbers.Integral) and size > 0 for size in sizes):
            raise ValueError(
                "hidden_layer_sizes must be whole numbers above 0, as (64, 64), got "
                f"{self.hidden_layer_sizes!r}."
            )
        for name in ("batch_size", "max_iter", "n_iter_no_change"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")
        for name, lowest, highest in (
            ("learning_rate_init", 0, np.inf),
            ("momentum", 0, 1),
            ("validation_fraction", 0, 1),
        ):
            value = getattr(self, name)
            inside = isinstance(value, numbers.Real) and lowest <= value < highest
            if not inside or (value == 0 and name != "momentum"):
                raise ValueError(
                    f"{name} must be a number between {lowest} and {highest}, got {value!r}."
                )
        if self.protocol is not None and not isinstance(self.protocol, FRAPProtocol):
            raise ValueError(f"protocol must be a FRAPProtocol, got {self.protocol!r}.")

    @property
    def _hidden(self):
        sizes = self.hidden_layer_sizes
        return (sizes,) if isinstance(sizes, numbers.Integral) else tuple(sizes)

    def _goes_on(self):
        again = self.warm_start and hasattr(self, "weights_")
        if again:
            self._check_same_architecture()
        return again

    def _check_same_architecture(self):
        for name, asked in self._asked_architecture().items():
            if asked != self._architecture[name]:
                raise ValueError(
                    f"{name} must stay {self._architecture[name]!r} to go on from the weights there"
                    f" are, got {asked!r}; use fit with warm_start=False."
                )

    def _check_data(self, X, y, sample_weight=None, *, reset, protocol=None):
        """Return curves, two-dimensional targets and weights, without what weighs nothing."""
        names = getattr(y, "columns", None)
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
            if names is not None:
                self._target_names = [str(name) for name in names]
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

    def _choose_features(self, protocol, names, bounds):
        name = self.features
        fits = protocol is not None and tuple(names) == TARGETS
        if name == "auto":
            name = "linearized" if fits else "raw"
        if name == "raw":
            return name, FEATURES[name]()
        if not fits:
            raise ValueError(
                f"features={name!r} needs a protocol and the targets {TARGETS}, got "
                f"protocol={protocol!r} and {names}; use features='raw'."
            )
        return name, FEATURES[name](protocol, bounds)

    # Training

    def _begin(self, X, y, weight, random, protocol=None):
        """Choose what stays the same from here on; return the first weights."""
        for name in ("weights_", "history_"):
            vars(self).pop(name, None)
        self.protocol_ = protocol or self.protocol
        n_targets = y.shape[1]
        names = vars(self).pop("_target_names", None)
        if names is None:
            known = self.protocol_ is not None and n_targets == len(TARGETS)
            names = list(TARGETS) if known else [f"y{k}" for k in range(n_targets)]
        self.target_names_ = names
        bounds = None
        if self.protocol_ is not None:
            given = self.bounds if self.bounds is None else dict(self.bounds)
            complete_bounds(given, [*_TABLE_1], {}, model_for(self.protocol_))
            bounds = _TABLE_1 | (given or {})
        self.features_name_, self.features_ = self._choose_features(self.protocol_, names, bounds)
        self.features_.check_targets(y)
        self._benchmark = np.maximum(self.features_.fit(X, y, weight), _LEAST_LOSS)
        inputs, _, _ = self.features_(X[:1])
        separate = self.targets == "separate"
        widths = (inputs.shape[1], *self._hidden, 1 if separate else n_targets)
        zero_output = self.features_name_ != "raw"  # begin with the guess
        networks = [
            initial_weights(widths, random, zero_output=zero_output)
            for _ in range(n_targets if separate else 1)
        ]
        self._architecture = self._asked_architecture()
        self._optimizer_state = None
        self.n_iter_ = self.n_steps_ = 0
        self._n_seen = 0
        if not separate:
            return networks[0]
        return [
            (np.stack([w for w, _ in layer]), np.stack([b for _, b in layer])[:, np.newaxis])
            for layer in zip(*networks, strict=True)
        ]

    def _asked_architecture(self):
        """Return what a fit that goes on from another must share with it."""
        names = "activation", "features", "optimizer", "targets"
        asked = {name: getattr(self, name) for name in names}
        return asked | {"hidden_layer_sizes": self._hidden}

    def _prepare(self, X, y, weight):
        """Return inputs, goals and importances, as the trainer takes them."""
        self.features_.check_targets(y)
        inputs, guess, scale = self.features_(X)
        importance = weight[:, np.newaxis] * scale**2 / (self._benchmark * y.shape[1])
        return inputs, ((y - guess) / scale).astype(np.float32), importance.astype(np.float32)

    def _schedule(self, per_epoch, n_total):
        """Make a function of the steps since the start of this fit and of all steps."""
        kind = self.learning_rate
        if kind == "cosine" and n_total is None:
            kind = "constant"

        def rate(since, overall):
            return learning_rates(
                kind, self.learning_rate_init, since, overall / per_epoch, n_total
            )

        return rate

    def _progress(self, passes):
        return tqdm(passes, desc="training", disable=not self.verbose)

    def _estimate(self, described, weights):
        inputs, guess, scale = described
        corrections = forward(
            inputs, weights, self._architecture["activation"], self.features_.skips
        )
        return self.features_.finish(guess + scale * corrections)
