"""Training of networks, whichever data they learn from: values go in, and new values come out."""

import math
import time
from dataclasses import replace
from functools import partial

import numpy as np
from tqdm import tqdm

from skfrap.inference.networks._features import choose_features
from skfrap.inference.networks._keras import initial_weights, learning_rates
from skfrap.inference.networks._network import networks_of
from skfrap.inference.networks._options import architecture_of
from skfrap.inference.networks._run import BLOCK, Run, squared_scales
from skfrap.inference.networks._trained import TrainedNetwork

LEAST_LOSS = 1e-14  # benchmark of a target that is already known exactly
_ROWS = 2**15  # curves that are prepared at once
_ROWS_TO_FIT = 2**16


def untrained_network(task, options, asked, data, random):
    """Choose features by the first data, and draw weights.

    Parameters
    ----------
    task : Task
    options : TrainingOptions
    asked : TaskOptions
    data : tuple of X, y, weight
    random : RandomState

    Returns
    -------
    TrainedNetwork
    """
    X, y, weight = data
    name, features = choose_features(options.features, task, options.standardize)
    features.check_targets(y)
    # Of millions of curves some tell means and spreads well enough.
    some = slice(None, None, math.ceil(len(X) / _ROWS_TO_FIT))
    benchmark = np.maximum(features.fit(X[some], y[some], weight[some]), LEAST_LOSS)
    columns = networks_of(options.targets, y.shape[1])
    weights = draw_weights(options, features, columns, X, random)
    architecture = architecture_of(options, asked)
    return TrainedNetwork(task, name, features, architecture, columns, weights, benchmark)


def draw_weights(options, features, columns, X, random):
    """Draw the weights of untrained networks.

    Parameters
    ----------
    options : TrainingOptions
    features : LinearizedFeatures, ScoreFeatures or RawFeatures
    columns : list of list of int
        Targets of each network.
    X : ndarray of shape (n, n_frames)
        Any curves, from which inputs are counted.
    random : RandomState

    Returns
    -------
    list of list of (W, b)
    """
    n_inputs = features(X[:1])[0].shape[1]
    # However many are drawn here, what is drawn next stays the same.
    random = np.random.RandomState(random.randint(2**31 - 1))
    # Where something is known beforehand, begin with that.
    zero_output = features.skips
    return [
        initial_weights(
            (n_inputs, *options.hidden_sizes, len(chosen)), random, zero_output=zero_output
        )
        for chosen in columns
    ]


def train(
    network,
    state,
    data,
    options,
    random,
    validation=None,
    *,
    checkpoint=None,
    max_time=None,
    watch=None,
):
    """Pass over labelled curves, again and again.

    Parameters
    ----------
    network : TrainedNetwork
        Where to start.
    state : TrainingState
    data : tuple of X, y, weight
    options : TrainingOptions
    random : RandomState
        Of the order of curves.
    validation : Validation or None
    checkpoint : Checkpoint, default=None
        Where to go on from, and to keep on the way what it takes to go on.
    max_time : float, default=None
        Seconds after which no further pass begins.
    watch : object, default=None
        Its ``begin()`` is called before every pass, and ``end(result)`` after it, which returns
        whether to stop; ``result()`` gives what would be returned then.

    Returns
    -------
    network : TrainedNetwork
    state : TrainingState

    Raises
    ------
    FloatingPointError
        If the loss or the weights are no longer finite.
    """
    run = Run(network, state, options, validation)
    deadline = time.monotonic() + (math.inf if max_time is None else max_time)
    if checkpoint is not None and (snapshot := checkpoint.read(random)) is not None:
        run.restore(snapshot)
    prepared = _prepare(network, options, *data)
    n = len(prepared[0])
    per_epoch = math.ceil(n / options.batch_size)
    rate = _schedule(options, per_epoch, options.max_iter * per_epoch)
    passes = range(len(run.records), 0 if run.stopped else options.max_iter)
    with _progress(passes, options) as progress:
        for k in progress:
            if watch is not None:
                watch.begin()
            run.one_pass(prepared, random.permutation(n), rate)
            is_last = k + 1 == options.max_iter
            # What has no time left is to go on from here as if nothing had been.
            ends = run.report(progress, is_last=is_last) or time.monotonic() >= deadline
            if watch is not None and watch.end(run.result):
                ends = run.stopped = True
            if checkpoint is not None and (ends or is_last or checkpoint.is_due):
                checkpoint.write(run.snapshot(), random)
            if ends:
                break
    return run.result()


def train_starts(network, X, options, random, n_starts, learn, checkpoints=None, max_time=None):
    """Train several times, with other weights and another order of curves, and keep the best.

    Parameters
    ----------
    network : TrainedNetwork
        The first start has its weights.
    X : ndarray of shape (n, n_frames)
        Any of the curves.
    options, random
        As in :func:`train`.
    n_starts : int
    learn : callable
        ``learn(network, random, checkpoint=..., max_time=...)`` returns what :func:`train` does.
    checkpoints : list of Checkpoint, default=None
        Of each start.
    max_time : float, default=None
        Seconds for all of them.

    Returns
    -------
    network : TrainedNetwork
    state : TrainingState
    """
    generators = [random]
    if n_starts > 1:
        seeds = random.randint(2**31 - 1, size=n_starts)
        generators = [np.random.RandomState(seed) for seed in seeds]
    begun = time.monotonic()
    starts = []
    for k, generator in enumerate(generators):
        one = network
        if k > 0:
            weights = draw_weights(options, network.features, network.columns, X, generator)
            one = replace(network, weights=weights)
        share = None
        if max_time is not None:
            share = (max_time - (time.monotonic() - begun)) / (n_starts - k)
        checkpoint = None if checkpoints is None else checkpoints[k]
        starts.append(learn(one, generator, checkpoint=checkpoint, max_time=share))
    return starts[0] if n_starts == 1 else best_of(starts)


def best_of(starts):
    """Keep of several independent trainings the best network of each kind.

    Parameters
    ----------
    starts : list of (TrainedNetwork, TrainingState)
        Each with the lowest loss of its networks on validation data.

    Returns
    -------
    network : TrainedNetwork
    state : TrainingState
        Of the optimizers, those of the networks that are kept; all else of the start of the first.
    """
    networks, states = zip(*starts, strict=True)
    # What had no time to be measured is no better than anything.
    losses = np.array(
        [
            np.full(len(networks[0].weights), np.inf)
            if state.best_losses is None
            else state.best_losses
            for state in states
        ]
    )
    chosen = losses.argmin(axis=0)
    weights = [networks[start].weights[k] for k, start in enumerate(chosen)]
    optimizer_states = [states[start].optimizer_states[k] for k, start in enumerate(chosen)]
    return replace(networks[0], weights=weights), replace(
        states[chosen[0]],
        optimizer_states=optimizer_states,
        best_losses=losses,
        histories=[state.history for state in states],
    )


def train_once(network, state, data, options, random):
    """Pass over labelled curves once; parameters and results are those of :func:`train`."""
    run = Run(network, state, options)
    prepared = _prepare(network, options, *data)
    n = len(prepared[0])
    rate = _schedule(options, math.ceil(n / options.batch_size), None)
    run.one_pass(prepared, random.permutation(n), rate)
    run.report()
    return run.result()


def train_online(
    network,
    state,
    stream,
    n_steps,
    options,
    validation=None,
    seconds=0.0,
    watch=None,
    *,
    random=None,
    checkpoint=None,
    max_time=None,
):
    """Learn from a stream of curves.

    Parameters
    ----------
    network, state, options, validation
        As in :func:`train`.
    stream : CurveStream or DiskStream
        What is learnt from it is used up.
    n_steps : int
        Batches to learn from.
    seconds : float, default=0.0
        What preparations took.
    watch : object, default=None
        As in :func:`train`, of chunks.
    random : RandomState, default=None
        What a checkpoint keeps, of what the stream has drawn from.
    checkpoint : Checkpoint, default=None
        As in :func:`train`, of a stream from disk.
    max_time : float, default=None
        Seconds after which no further chunk begins.

    Returns
    -------
    network : TrainedNetwork
    state : TrainingState

    Raises
    ------
    FloatingPointError
        If the loss or the weights are no longer finite.
    """
    run = Run(network, state, options, validation, seconds)
    deadline = time.monotonic() + (math.inf if max_time is None else max_time)
    if checkpoint is not None and (snapshot := checkpoint.read(random)) is not None:
        run.restore(snapshot)
    done = len(run.records)
    firsts = range(done * BLOCK, done if run.stopped else n_steps, BLOCK)
    if done and not firsts:
        return run.result()
    rate = _schedule(options, BLOCK, n_steps)
    prepare = partial(_prepare, network, options)
    if done:
        chunks = stream.chunks(len(firsts) * BLOCK, prepare, done)
    else:
        chunks = stream.chunks(n_steps, prepare)
    with _progress(firsts, options) as progress:
        for first, data in zip(progress, chunks, strict=True):
            if watch is not None:
                watch.begin()
            run.one_pass(data, np.arange(len(data[0])), rate)
            is_last = first + BLOCK >= n_steps
            ends = run.report(progress, is_last=is_last) or time.monotonic() >= deadline
            if watch is not None and watch.end(run.result):
                ends = run.stopped = True
            if checkpoint is not None and (ends or is_last or checkpoint.is_due):
                checkpoint.write(run.snapshot(), random)
            if ends:
                break
        chunks.close()
    network, state = run.result()
    return network, replace(state, n_seen=stream.n_seen)


def _prepare(network, options, X, y, weight):
    """Return inputs, goals and importances, as the trainer takes them."""
    network.features.check_targets(y)
    if network.features.skips and len(X) > _ROWS:
        # Features are few numbers in single precision, and many in between.
        whole = None
        for first in range(0, len(X), _ROWS):
            rows = slice(first, first + _ROWS)
            parts = _prepare(network, options, X[rows], y[rows], weight[rows])
            if whole is None:
                whole = [np.empty((len(X), part.shape[1]), np.float32) for part in parts]
            for array, part in zip(whole, parts, strict=True):
                array[rows] = part
        return whole
    if len(X) > _ROWS and X.dtype == np.float32:
        inputs, guess, scale = network.features.by_rows(X)
    else:
        inputs, guess, scale = network.describe(X)
    scales = squared_scales(network, options.target_scales)
    importance = weight[:, np.newaxis] * scale**2 / (scales * y.shape[1])
    return inputs, ((y - guess) / scale).astype(np.float32), importance.astype(np.float32)


def _schedule(options, per_epoch, n_total):
    """Make a function of the steps since the start of this fit and of all steps."""
    kind = options.learning_rate
    if kind == "cosine" and n_total is None:
        kind = "constant"

    def rate(since, overall):
        return learning_rates(
            kind,
            options.learning_rate_init,
            since,
            overall / per_epoch,
            n_total,
            options.epochs_per_step,
        )

    return rate


def _progress(passes, options):
    return tqdm(passes, desc="training", disable=not options.verbose)
