"""A pipeline that holds the protocol for all of its steps."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import fields
from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.validation import check_is_fitted

from skfrap._checks import check_choice
from skfrap._state import EstimatorState
from skfrap.experiment import FRAPProtocol
from skfrap.experiment._frames import chosen_protocol
from skfrap.pipeline._agreement import agreed_protocol, is_given, protocols_of
from skfrap.pipeline._choice import AUTO, chosen_estimator, chosen_extractor, chosen_steps
from skfrap.pipeline._last_step import OfLastStep
from skfrap.preprocessing._protocols import bring_protocols

_OWN = "protocol__"


class FRAPPipeline(EstimatorState, OfLastStep, _BaseComposition):
    """Chain corrections, an extractor and an estimator that share one protocol.

    As scikit-learn's Pipeline, but the protocol is in one place: each step whose own `protocol` is
    None is given the pipeline's when it is fitted, and so is what a step holds, as the estimators
    of a `StackingRegressor`. Steps that state another protocol are refused, and so is a network
    that was trained for another. What the last step can do the pipeline can do with image stacks:
    :meth:`estimate`, :meth:`predict_interval`, and so on.

    The protocol is a parameter whose parts are parameters too: a search over
    ``protocol__frame_interval`` or ``protocol__bleach_region`` makes a new protocol for each
    candidate.

    Parameters
    ----------
    steps : list of (str, estimator)
        Names and steps, as of :class:`sklearn.pipeline.Pipeline`. They stay as they are given: what
        is fitted are copies, in `pipeline_`. A step ``"auto"`` is chosen when it is fitted: the
        last by the `start` of the protocol, :class:`LeastSquaresFRAP` where it is told and
        :class:`MeasuredStartFRAP` where it is measured; any other is the extractor of what the last
        one takes.
    protocol : FRAPProtocol, default=None
        The experiment, of all samples. None is that of the steps, which must agree; where none of
        them says one, nothing is handed out, and each step does what it does by itself: with
        samples that bring their protocols, as :class:`skfrap.Recording` does, it takes each
        sample's own.
    memory : str or object with the interface of joblib.Memory, default=None
        Where fitted steps but the last are cached.
    verbose : bool, default=False
        Print how long each step takes.

    Attributes
    ----------
    pipeline_ : Pipeline
        The fitted steps.
    protocol_ : FRAPProtocol or None
        The protocol in use.
    target_names_ : list of str
        Columns of the predictions, and all else that the last step says of itself: `n_outputs_`,
        `model_`, `space_`, `bounds_`.

    See Also
    --------
    make_frap_pipeline : Names the steps by itself.

    Examples
    --------
    >>> from skfrap import Circle, FRAPPipeline, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
    >>> from skfrap.preprocessing import RecoveryCurveExtractor
    >>> protocol = FRAPProtocol(shape=(64, 64), pixel_size=1.0, bleach_region=Circle(8.0),
    ...                         n_postbleach=20)
    >>> stacks = FRAPSimulator(protocol, random_state=0).sample_images(2).data
    >>> pipeline = FRAPPipeline(
    ...     [("curves", RecoveryCurveExtractor()), ("fit", LeastSquaresFRAP())], protocol=protocol
    ... )
    >>> pipeline.fit(stacks).predict(stacks).shape
    (2, 3)
    >>> pipeline["fit"].protocol_ == protocol
    True
    """

    def __init__(
        self,
        steps: list[tuple[str, Any]],
        *,
        protocol: FRAPProtocol | None = None,
        memory: Any = None,
        verbose: bool = False,
    ):
        self.steps = steps
        self.protocol = protocol
        self.memory = memory
        self.verbose = verbose

    # Parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get parameters: the constructor's, those of the steps, and the protocol's.

        Parameters
        ----------
        deep : bool, default=True
            Whether with those of the steps and of the protocol.

        Returns
        -------
        dict
        """
        params = self._get_params("steps", deep=deep)
        if deep and isinstance(self.protocol, FRAPProtocol):
            parts = fields(self.protocol)
            params |= {_OWN + part.name: getattr(self.protocol, part.name) for part in parts}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters; parts of the protocol make a new one, all of them at once.

        Parameters
        ----------
        **params
            As `get_params` names them: ``protocol__frame_interval=0.5``, ``protocol=...``,
            ``leastsquaresfrap__loss="huber"``, or the name of a step.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there is no such parameter, or the pipeline has no protocol of which a part could be
            changed.
        """
        parts = {name: params.pop(name) for name in [*params] if name.startswith(_OWN)}
        self._set_params("steps", **params)
        if parts:
            self.protocol = self._changed_protocol(parts)
        return self

    def _changed_protocol(self, parts):
        if self.protocol is None:
            raise ValueError(
                f"{[*parts]} are parts of the pipeline's protocol, and it has none; give it one, as"
                " protocol=FRAPProtocol(...), and leave that of the steps at None."
            )
        changes = {name.removeprefix(_OWN): value for name, value in parts.items()}
        known = [part.name for part in fields(FRAPProtocol)]
        unknown = [name for name in changes if name not in known]
        if unknown:
            raise ValueError(f"a protocol has no {unknown}; it has {known}.")
        return chosen_protocol(self.protocol).replace(**changes)

    # Fitting

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **params: Any,
    ) -> Self:
        """Hand out the protocol, and fit all steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
            What the first step takes.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets, where the last step learns or is scored.
        sample_weight : array-like of shape (n_samples,), default=None
            For the last step.
        **params
            For steps, as ``neuralfrap__sample_weight``, or routed where metadata are.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If steps disagree about the protocol; the message says which, and in what.
        """
        self._validate_names([name for name, _ in self.steps])
        protocol, copies = self._copies(X)
        pipeline = Pipeline(copies, memory=self.memory, verbose=self.verbose)
        if sample_weight is not None:
            to_last = f"{self.steps[-1][0]}__sample_weight"
            routed = get_config()["enable_metadata_routing"]
            params["sample_weight" if routed else to_last] = sample_weight
        self.pipeline_ = pipeline.fit(X, y, **params)
        self.protocol_ = protocol or getattr(self.pipeline_[-1], "protocol_", None)
        return self

    def _copies(self, X=None):
        """Return the protocol that steps agree about, and copies of them that have it."""
        protocol = agreed_protocol(self.protocol, self.steps)
        given = is_given(self.protocol, self.steps)
        if X is not None and protocol and not given and bring_protocols(X):
            protocol = None  # a network's own is not that of samples which bring theirs
        return protocol, [
            (name, self._copy(name, step, protocol)) for name, step in self._steps(protocol)
        ]

    def _copy(self, name, step, protocol):
        """Copy a step, with the protocol where it has none; one that goes on from where it is."""
        if not hasattr(step, "get_params"):
            return step
        copy = clone(step)
        if protocol is not None:
            without = [path for path, value in protocols_of(copy) if value is None]
            copy.set_params(**dict.fromkeys(without, protocol))
        before = dict(getattr(self, "pipeline_", Pipeline([])).steps).get(name)
        if type(before) is type(copy) and copy.get_params(deep=False).get("warm_start"):
            return before.set_params(**copy.get_params(deep=False))
        return copy

    # Steps

    def _steps(self, protocol):
        """Return the steps, with those that are left to the protocol."""
        steps, form = chosen_steps(self.steps, protocol), vars(self).get("_sklearn_output_config")
        for (_, given), (_, step) in zip(self.steps, steps, strict=True):
            if form and step is not given and hasattr(step, "transform"):
                step.set_output(**form)
        return steps

    @property
    def _unfitted(self):
        """The steps before they are fitted, those that are left to the protocol as far as known."""
        protocol = self.protocol if isinstance(self.protocol, FRAPProtocol) else None
        return Pipeline(self._steps(protocol))

    @property
    def _last(self):
        return getattr(self, "pipeline_", self._unfitted).steps[-1][1]

    def __len__(self):
        return len(self.steps)

    def __getitem__(self, key):
        """Return a step by its place or name, or a Pipeline of some; fitted ones if there are.

        Some that are not fitted are copies with the pipeline's protocol: by themselves they would
        take the paper's.
        """
        if isinstance(key, slice) and not hasattr(self, "pipeline_"):
            return Pipeline(self._copies()[1])[key]
        return getattr(self, "pipeline_", self._unfitted)[key]

    @property
    def named_steps(self):
        """Steps by name, the fitted ones if there are."""
        return getattr(self, "pipeline_", self._unfitted).named_steps

    def recovery_curves(self, X: Any) -> Any:
        """Do all steps but the last: give what the estimator sees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
            What the first step takes.

        Returns
        -------
        ndarray of shape (n_samples, n_frames)
        """
        check_is_fitted(self)
        return self.pipeline_[:-1].transform(X) if len(self.pipeline_) > 1 else X

    # scikit-learn's conventions

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose the form of what steps but the last give to the next.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            None leaves it.

        Returns
        -------
        self
        """
        if transform is not None:  # for what is yet to be chosen
            self._sklearn_output_config = {"transform": transform}
        for pipeline in (Pipeline(self.steps), getattr(self, "pipeline_", Pipeline([]))):
            if pipeline.steps:
                pipeline.set_output(transform=transform)
        return self

    def get_metadata_routing(self):
        """Tell which step takes which metadata.

        Returns
        -------
        MetadataRouter
        """
        return self._unfitted.get_metadata_routing()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        try:
            steps = self._unfitted.steps
            first, last = get_tags(steps[0][1]), get_tags(steps[-1][1])
        except (AttributeError, IndexError, TypeError, ValueError):  # steps are not in order
            return tags
        tags.input_tags = deepcopy(first.input_tags)
        for name in ("estimator_type", "target_tags", "regressor_tags", "non_deterministic"):
            setattr(tags, name, deepcopy(getattr(last, name)))
        return tags

    def _sk_visual_block_(self):
        return self._unfitted._sk_visual_block_()


def make_frap_pipeline(
    protocol: FRAPProtocol | None = None,
    estimator: Any = None,
    corrections: Sequence[Any] = (),
    *,
    n_jobs: int | None = None,
    memory: Any = None,
    verbose: bool = False,
) -> FRAPPipeline:
    """Chain corrections, an extractor of curves and an estimator that share a protocol.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        The experiment, for all steps and samples. None is that of the steps, or else each
        sample's own, where samples bring their protocols, as :class:`skfrap.Recording` does.
    estimator : estimator or "auto", default=None
        Of curves, or a meta-estimator that holds such; a trained network goes into a
        :class:`sklearn.frozen.FrozenEstimator`. A :class:`MeasuredStartFRAP` is given rings,
        or tiles of the compartment where the protocol has one. None
        goes by the `start` of the protocol: :class:`LeastSquaresFRAP` where it is told,
        :class:`MeasuredStartFRAP` where it is measured. ``"auto"`` does so whenever the pipeline is
        fitted, so that ``protocol__start`` can be searched over; its last steps are named
        ``extractor`` and ``estimator``.
    corrections : sequence of transformers of stacks, default=()
        In the order in which they are to be made.
    n_jobs : int, default=None
        Stacks to extract curves of side by side, in threads. None is 1, or what
        ``joblib.parallel_config`` says, which is how to say it with ``"auto"``.
    memory : str or object with the interface of joblib.Memory, default=None
        Where fitted corrections are cached.
    verbose : bool, default=False
        Print how long each step takes.

    Returns
    -------
    FRAPPipeline
        Its steps are named by their classes, as by :func:`sklearn.pipeline.make_pipeline`.

    See Also
    --------
    FRAPPipeline : With steps and names of one's own.

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator, make_frap_pipeline
    >>> from skfrap.preprocessing import BackgroundSubtractor
    >>> protocol = FRAPProtocol(shape=(64, 64), pixel_size=1.0, bleach_region=Circle(8.0),
    ...                         n_postbleach=20)
    >>> truth = {"D": 5.0, "c0": 0.7, "alpha": 0.6, "a": 1e-4}
    >>> stacks = FRAPSimulator(protocol, truth, random_state=0).sample_images(2).data
    >>> pipeline = make_frap_pipeline(protocol, corrections=[BackgroundSubtractor()]).fit(stacks)
    >>> pipeline.estimate(stacks).D_um2_s.round(1).tolist()
    [5.0, 5.0]

    The same images, whatever was bleached:

    >>> measured = protocol.replace(start="measured", bleach_region=Circle(3.0))
    >>> make_frap_pipeline(measured).fit(stacks).estimate(stacks).D_um2_s.round(1).tolist()
    [5.0, 5.0]
    """
    if isinstance(estimator, str):
        check_choice("estimator", estimator, (AUTO,))
        if n_jobs is not None:
            raise ValueError(
                f"n_jobs={n_jobs!r} has no step yet with estimator='auto'; fit and predict within "
                "joblib.parallel_config(n_jobs=...), or give an estimator."
            )
        last = [("extractor", AUTO), ("estimator", AUTO)]
        steps = [*make_pipeline(*corrections).steps, *last] if len(corrections) else last
    else:
        if estimator is None:
            estimator = chosen_estimator(protocol)
        known = protocol
        if known is None:
            known = getattr(estimator, "protocol", None)
        extractor = chosen_extractor(estimator, n_jobs, known)
        steps = make_pipeline(*corrections, extractor, estimator).steps
    return FRAPPipeline(steps, protocol=protocol, memory=memory, verbose=verbose)
