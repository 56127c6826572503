"""Neural networks that estimate parameters from recovery curves."""

import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from skfrap.estimators._callbacks import CallbackSupportMixin, Watch, with_callbacks
from skfrap.estimators._image_input import check_task_of_images
from skfrap.estimators._labelled import LabelledSource, check_labelled
from skfrap.estimators._network_regressor import NetworkRegressor
from skfrap.estimators._published import PublishedDesigns
from skfrap.estimators._samples import fits_samples
from skfrap.estimators._stopping import validation_of
from skfrap.experiment import FRAPProtocol
from skfrap.inference.networks._checkpoint import checkpoints_in
from skfrap.inference.networks._data import split
from skfrap.inference.networks._deviations import constant_deviations, learn_deviations
from skfrap.inference.networks._disk import check_lazy
from skfrap.inference.networks._run import BLOCK
from skfrap.inference.networks._stream import check_stream, stream_of
from skfrap.inference.networks._task import task_of_simulator
from skfrap.inference.networks._training import train, train_once, train_online, train_starts
from skfrap.models import CurveModel, ImageSurrogate
from skfrap.numerics._lazy import in_memory, is_lazy, read_rows, row_slices
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters._targets import names_of_targets

if TYPE_CHECKING:  # who only predicts has no need of it
    from skfrap.simulator import FRAPSimulator


class NeuralFRAP(CallbackSupportMixin, PublishedDesigns, NetworkRegressor):
    """Estimate parameters from recovery curves, or images, by a fully connected neural network.

    The network learns from labelled curves or scores of image series, or from an endless stream of
    simulated ones, to minimise the squared error weighted by the inverse noise (Eqs. 9 and 10 of
    [1]_). On a known protocol it corrects a rough fit of the model rather than working on the curve
    itself, which it learns in seconds: what is left to learn is how far the prior should pull a
    noisy estimate.
    Of noise beyond all that it learnt from its intervals are too narrow, as :meth:`estimate` says.
    Of a protocol with `rows` it takes pixels to be as noisy in all of them, as they are simulated.
    It is Keras that trains; predictions are made in NumPy. From scikit-learn 1.9 on,
    ``set_callbacks`` lets its callbacks, as ``ProgressBar`` and ``ScoringMonitor``, watch every
    pass of :meth:`fit` and every chunk of 64 batches of :meth:`fit_online`, or end them.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        The experiment. None takes curves of any width as they are (`features` "raw"), or the
        protocol of the simulator in :meth:`fit_online`.
    hidden_layer_sizes : sequence of int, default=(64, 64, 64, 64, 64)
        Units of each hidden layer.
    activation : {"silu", "elu", "relu", "tanh", "identity"}, default="silu"
    model : str, default=None
        What the curves are taken for, as in :class:`LeastSquaresFRAP`. None is the simulator's in
        :meth:`fit_online`, else "diffusion".
    parameters : sequence of str, default=None
        What of the model is not known, in the order of the columns of y where these say no other.
        None is what the simulator's prior leaves open, else what the model has no default for: D,
        c0 and alpha.
    target_names : str or sequence of str, default=None
        Which targets y holds where it has no names, and in which order; in :meth:`fit_online`, what
        to learn of all that the simulator draws. None is all of the targets, or the first of them
        where y has fewer columns, or those that its columns follow; see :meth:`fit`. Whatever is
        asked for, all that is not known goes into the features.
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
        curve. "auto" is "linearized" with a protocol, whichever targets are asked for, and warns
        where that is not possible; without one it is "raw".
    standardize : bool, default=True
        Of "raw" features: bring each value of the curve, and each target, to mean 0 and standard
        deviation 1. False leaves them as they are, as the paper does.
    targets : {"joint", "separate", "merged"}, default="joint"
        One network for all targets; one for each; or the first target from one for all, of which
        the other outputs are cut off after training, and the others from one for each, as the
        paper's final network.
    target_scales : {"benchmark", None} or array-like of shape (n_targets,), default="benchmark"
        What errors are divided by in the loss, of which each network minimises the mean over its
        own targets. "benchmark": for each target the root mean square error of what is known
        beforehand, of the linearised fit or, for "raw", of the mean. None divides by nothing: the
        paper's Eq. 9 for a joint network, and Eq. 10 for one of a single target.
    optimizer : {"adam", "sgd"}, default="adam"
        Adam comes with gradients clipped to a norm of 1.
    learning_rate_init : float, default=3e-3
        The largest learning rate.
    learning_rate : {"cosine", "constant", "deepfrap2021"}, default="cosine"
        "cosine" goes down to zero at the end; "deepfrap2021" goes up linearly from a hundredth
        over 50 epochs, stays, and goes down by 10**-0.25 every `epochs_per_step` epochs after.
    epochs_per_step : int, default=8000
        Of "deepfrap2021".
    momentum : float, default=0.99
        Of "sgd".
    batch_size : int, default=1024
        Curves per step of the optimizer.
    max_iter : int, default=200
        Passes over the data in :meth:`fit`.
    early_stopping : bool, default=False
        Set a part of the data aside, unless :meth:`fit` is given other curves for it; keep of each
        network the weights that do best on it by the network's own loss, and stop when none has
        become better for `n_iter_no_change` passes. The standard deviations that :meth:`predict`
        can return are then learnt from that part.
    validation_fraction : float, default=0.1
        The part set aside with `early_stopping`.
    n_iter_no_change : int, default=20
        Passes without a better loss on validation data after which `early_stopping` stops.
    validation_freq : int, default=1
        Passes from one measurement on validation data to the next.
    n_init : int, default=1
        Independent trainings in :meth:`fit`, with other weights and another order of curves, of
        which the networks with the lowest losses on validation data are kept. More than one takes
        `early_stopping`; a fit that goes on by `warm_start` is one.
    stop_at : "least_squares" or array-like of shape (n_targets,), default=None
        Stop as soon as the loss on validation data, errors divided by `target_scales`, is as low as
        that of :class:`LeastSquaresFRAP` within the bounds on the same curves; or as soon as the
        weighted mean squared errors of all targets are as low as given. Takes `early_stopping`,
        or validation data in :meth:`fit_online`. The last of ``history_["seconds"]`` tells when.
    warm_start : bool, default=False
        Whether fits go on from the weights of the one before. Where the protocol, the box or the
        prior are others than before, the weights are transferred: features are made anew, and the
        optimizer and the history begin anew. The targets must be the same.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights and of the order of batches. Fits with the same integer are the same to
        the last bit.
    verbose : int, default=0
        Show a progress bar.
    missing : {"raise", "omit"}, default="raise"
        What NaN in X does. With "omit" the rough fit of "linearized" features does without the
        frame; with other features NaN is refused. Curves that lack frames are left out of the
        training. A curve with fewer than two values answers NaN, with the finding ``no_data``.
        Infinity is always refused.

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
    surrogate_ : ImageSurrogate or None
        What scores of images are of, where the network learnt from such.
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
        (n, n_targets), weighted mean squared errors on the targets' scales, NaN where not measured.
    histories_ : list of dict or None
        Of each of `n_init` trainings, if there were several; `history_` is that of the first
        network's start.
    best_losses_ : ndarray of shape (n_networks,) or (n_init, n_networks), or None
        The lowest loss of each network on validation data, with `early_stopping`; with several
        trainings, of each.
    loss_curve_ : list of float
        The losses of `history_`, as scikit-learn's networks have them.
    reached_ : bool
        Whether the last fit ended because it came to `stop_at`.
    n_iter_ : int
        Passes, or chunks of a stream.
    n_steps_ : int
        Steps of the optimizer.
    n_features_in_ : int
    skfrap_version_ : str
        The version that fitted the estimator.

    See Also
    --------
    LeastSquaresFRAP : What fits each curve best.
    BayesianFRAP : What the curve leaves of a prior.
    load_pretrained : A network that comes along.

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
        protocol: FRAPProtocol | None = None,
        hidden_layer_sizes: int | Sequence[int] = (64, 64, 64, 64, 64),
        activation: Literal["silu", "elu", "relu", "tanh", "identity"] = "silu",
        *,
        model: str | type[CurveModel] | CurveModel | None = None,
        parameters: Sequence[str] | None = None,
        target_names: str | Sequence[str] | None = None,
        fixed: Mapping[str, float] | None = None,
        bounds: Mapping[str, Sequence[float]] | None = None,
        features: Literal["auto", "linearized", "scores", "raw"] = "auto",
        standardize: bool = True,
        targets: Literal["joint", "separate", "merged"] = "joint",
        target_scales: ArrayLike | None = "benchmark",
        optimizer: Literal["adam", "sgd"] = "adam",
        learning_rate_init: float = 3e-3,
        learning_rate: Literal["cosine", "constant", "deepfrap2021"] = "cosine",
        epochs_per_step: int = 8000,
        momentum: float = 0.99,
        batch_size: int = 1024,
        max_iter: int = 200,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 20,
        validation_freq: int = 1,
        n_init: int = 1,
        stop_at: ArrayLike | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        missing: Literal["raise", "omit"] = "raise",
    ):
        self.protocol = protocol
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.model = model
        self.parameters = parameters
        self.target_names = target_names
        self.fixed = fixed
        self.bounds = bounds
        self.features = features
        self.standardize = standardize
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
        self.validation_freq = validation_freq
        self.n_init = n_init
        self.stop_at = stop_at
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.missing = missing

    @fits_samples
    @with_callbacks
    @one_blas_thread()
    def fit(
        self,
        X: ArrayLike,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        validation_data: tuple | None = None,
        checkpoint_dir: str | os.PathLike | None = None,
        checkpoint_interval: float = 300.0,
        max_time: float | None = None,
    ) -> Self:
        """Learn from labelled curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames) or ImageScores
            Recovery curves, or the scores of image series without free levels of frames, as
            ``ImageScoreExtractor(frame_levels=False)`` gives them: then bounds that are not given
            are the ranges that the scores know. Arrays of Zarr or Dask, and scores of
            :func:`skfrap.datasets.open`, with y and weights that are too or not, are read in chunks
            of 64 batches, in a random order each pass, and never are in memory as a whole. A chunk
            is a pass for all that counts passes but `max_iter`.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets on their own scales, with a protocol log10 of D in µm²/s, c0 and alpha, or what
            `parameters` says: all, some or one of them, in any order. The names of y tell which,
            where it is a DataFrame or a Series (of pandas or polars), else `target_names`. Without
            either, a column is the target that it clearly follows among what the curves tell, or
            else the next one of all. On another scale it is refused where it has names; where it
            has none "auto" learns it from curves as they are, and warns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the squared errors, best 1/a. Samples of weight zero are left out.
        validation_data : tuple (X, y) or (X, y, sample_weight), default=None
            Other curves to measure the progress on, in ``history_["validation_loss"]``, to choose
            the best weights by with `early_stopping`, and to compare with `stop_at`. None sets
            aside a part of X with `early_stopping`, where X is in memory.
        checkpoint_dir : path-like, default=None
            A folder in which the training is kept, a file ``start-K.npz`` for each of `n_init`.
            A fit with the same data and parameters goes on from there, exactly as if it had never
            been broken off; it needs a whole number as `random_state`.
        checkpoint_interval : float, default=300.0
            Seconds of training that are lost at most, and a pass, when the program is ended.
        max_time : float, default=None
            Seconds after which no further pass begins, in this call; of several trainings, each
            has its share of what is left. With `checkpoint_dir` the next fit goes on.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If y names what is not estimated, or is not what it names, or `checkpoint_dir` holds
            another training.
        FloatingPointError
            If the loss is no longer finite.
        """
        if is_lazy(X):
            check_lazy(self, validation_data is not None)
        one = read_rows(X, slice(0, 1)) if is_lazy(X) else X  # tells whether they are scores
        origin = self._origin(self.warm_start, one, transfers=True)
        options, n_starts = origin.options, self.n_init if origin.is_new else 1
        measured = self.early_stopping or validation_data is not None
        options.check_fit(n_starts, measured, checkpoint_dir, self.random_state)
        random = check_random_state(self.random_state)
        source = LabelledSource(self, X, y, sample_weight, origin.asked.surrogate)
        data, held = source.first(origin.staying), None
        if self.early_stopping and validation_data is None:
            data, held = split(data, self.validation_fraction, random)
        network, before = origin.with_data(data, names_of_targets(y), random)
        if validation_data is not None:
            held = check_labelled(self, *map(in_memory, validation_data), network=network)
        validation = validation_of(network, options, held)
        told = () if checkpoint_dir is None else source.told()
        known = network, options, (*data, *told), validation, self.random_state
        kept = checkpoints_in(checkpoint_dir, n_starts, checkpoint_interval, known)
        given = (None, None) if source.is_lazy else data[:2]
        watch = Watch(self, n_starts * self.max_iter * source.n_chunks, *given)
        some = data[0][:1]

        def learn(one, random, **limits):
            limits |= {"watch": watch}
            if not source.is_lazy:
                return train(one, before, data, options, random, validation, **limits)
            stream = source.stream(network, self.max_iter, random)
            n_steps, limits["random"] = stream.n_batches, random
            return train_online(one, before, stream, n_steps, options, validation, **limits)

        network, state = train_starts(
            network, some, options, random, n_starts, learn, kept, max_time
        )
        watch.close(lambda: (network, state))
        deviations = None if held is None else constant_deviations(network, *held[:2])
        state = replace(state, n_seen=before.n_seen)
        return self._keep(replace(network, deviation_weights=deviations), state)

    @one_blas_thread()
    def partial_fit(self, X: ArrayLike, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Pass once over labelled curves, going on from where the estimator is.

        Learning rates are `learning_rate_init`, or those of "deepfrap2021". Features are
        standardised by the first data seen. Standard deviations are no longer known afterwards.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            As in :meth:`fit`, of the same targets at every call.
        sample_weight : array-like of shape (n_samples,), default=None
            As in :meth:`fit`.

        Returns
        -------
        self
        """
        if is_lazy(X):
            for rows in row_slices(np.shape(X)[0]):
                self.partial_fit(*(read_rows(one, rows) for one in (X, y, sample_weight)))
            return self
        origin = self._origin(True, X)
        if origin.is_new or not hasattr(self, "_random"):
            self._random = check_random_state(self.random_state)
        surrogate = origin.asked.surrogate
        data = check_labelled(
            self, X, y, sample_weight, network=origin.staying, surrogate=surrogate
        )
        network, state = origin.with_data(data, names_of_targets(y), self._random)
        network, state = train_once(network, state, data, origin.options, self._random)
        return self._keep(replace(network, deviation_weights=None), state)

    @with_callbacks
    @one_blas_thread()
    def fit_online(
        self,
        simulator: "FRAPSimulator",
        n_samples: int = 5_000 * 1024,
        *,
        validation: tuple | None = None,
        surrogate: ImageSurrogate | None = None,
    ) -> Self:
        """Learn from a stream of simulated curves, none of which is seen twice.

        An eighth as many more teach a second network the standard deviations of the estimates.

        Parameters
        ----------
        simulator : FRAPSimulator
            Of any model and prior. What its prior leaves open becomes the targets, or what
            `target_names` says of it.
        n_samples : int, default=5_120_000
            Rounded down to whole batches. The default takes less than a minute on two cores.
        validation : tuple (X, y) or (X, y, sample_weight), default=None
            Curves to measure the progress on, in ``history_["validation_loss"]``, to choose the
            best weights by with `early_stopping`, and to compare with `stop_at`. Best from a
            simulator with another seed.
        surrogate : ImageSurrogate, default=None
            Learn from scores of image series rather than from curves: what they are scores of, as
            ``ImageScoreExtractor(frame_levels=False)`` has it in ``surrogate_``. They are drawn
            directly; no image is ever simulated.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the simulator is of another protocol, or draws what the surrogate does not know.
        FloatingPointError
            If the loss is no longer finite.
        """
        origin = self._origin(self.warm_start, transfers=True)
        options = origin.options
        check_stream(simulator, n_samples, options, self.protocol, validation)
        if surrogate is not None:
            origin = replace(origin, asked=replace(origin.asked, surrogate=surrogate))
        task = task_of_simulator(origin.asked, simulator)
        if surrogate is not None:
            check_task_of_images(task, self.features)
        network, before = origin.network, origin.state
        stays = origin.has_task(task)
        random = check_random_state(self.random_state)
        n_steps = n_samples // self.batch_size
        start = time.perf_counter()
        n_seen = before.n_seen if stays else 0
        stream = stream_of(simulator, self.batch_size, n_seen, task.target_names, surrogate)
        if not stays:
            data = stream.sample(min(BLOCK, n_steps))
            check_labelled(self, *data, protocol=simulator.protocol, surrogate=surrogate)
            self._flat_output = isinstance(self.target_names, str)
            network, before = origin.for_task(task, data, random)
        network = replace(network, task=network.task.with_noise(task.highest_noise))
        seconds = time.perf_counter() - start
        held = None
        if validation is not None:
            X, y, *weight = validation
            held = check_labelled(self, X, stream.targets_of(y), *weight, network=network)
        measured = validation_of(network, options, held)
        watch = Watch(self, math.ceil(n_steps / BLOCK))
        network, state = train_online(
            network, before, stream, n_steps, options, measured, seconds, watch
        )
        watch.close(lambda: (network, state))
        n_learnt = state.n_steps - before.n_steps
        deviations = learn_deviations(network, stream, n_learnt, options, random)
        network = replace(network, deviation_weights=deviations)
        return self._keep(network, replace(state, n_seen=stream.n_seen))
