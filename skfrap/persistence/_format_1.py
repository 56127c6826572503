"""Files of version 0.1, in format 1, as format 2 would have them.

They hold the private attributes of that version's classes. Here, and nowhere else, these are turned
into what the classes keep today; the names on the right are those of version 0.1.
"""

_OUTPUT = "_sklearn_output_config"


def upgrade(code):
    """Turn the structure of a file of format 1 into one of format 2.

    Parameters
    ----------
    code : object
        Decoded JSON, which stands for the estimator.

    Returns
    -------
    object
    """
    return _Upgrade(_objects_in(code)).of(code)


def _objects_in(code):
    """Find all objects in a structure, by their numbers."""
    found, waiting = {}, [code]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "class" in one:
                found[one["id"]] = one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


class _Upgrade:
    """Turns parts of a structure, and each object once, however often a file refers to it."""

    def __init__(self, objects):
        self._objects = objects
        self._done = {}

    def of(self, code):
        if isinstance(code, list):
            return [self.of(item) for item in code]
        if not isinstance(code, dict):
            return code
        if "same" in code:  # where it stood first may not be kept any more
            return self._object(code["same"])
        if "class" in code:
            return self._object(code["id"])
        return {key: self.of(item) for key, item in code.items()}

    def _object(self, number):
        if number not in self._done:
            code = self._objects[number]
            state = {key: self.of(item) for key, item in code["state"].items()}
            change = _STATES.get(code["class"], lambda state: state)
            self._done[number] = {"class": code["class"], "id": number, "state": change(state)}
        return self._done[number]


def _estimator(state, fitted=None, **others):
    """Sort an estimator's attributes into parameters and fitted ones."""
    public = {key: item for key, item in state.items() if not key.startswith("_")}
    parameters = {key: item for key, item in public.items() if not key.endswith("_")}
    if fitted is None:
        fitted = {key: item for key, item in public.items() if key.endswith("_")}
    described = {"parameters": _dict(parameters), "fitted": _dict(fitted)}
    return described | {"output": state.get(_OUTPUT)} | others


def _kept(state, *names):
    return {name: state[name] for name in names if name in state}


def _least_squares(state):
    fitted = {}
    if "_fitter" in state:
        fitted = _kept(
            state, "n_features_in_", "feature_names_in_", "protocol_", "model_", "n_outputs_"
        )
        fitted |= {
            "skfrap_version_": state["skfrap_version_"],
            "one_dimensional": state["_flat_output"],
            "fitter": state["_fitter"],
            "simpler": state["_simpler"],
        }
    return _estimator(state, fitted)


def _bayesian(state):
    fitted = {}
    if "surrogate_" in state:
        fitted = _kept(
            state,
            "n_features_in_",
            "feature_names_in_",
            "protocol_",
            "model_",
            "prior_",
            "surrogate_",
            "n_outputs_",
            "skfrap_version_",
        )
        fitted |= {"one_dimensional": state["_flat_output"], "n_nodes": state["_n_nodes"]}
    return _estimator(state, fitted)


def _network(state):
    fitted, training = {}, None
    if "weights_" in state:
        fitted = _kept(
            state,
            "n_features_in_",
            "feature_names_in_",
            "features_name_",
            "features_",
            "weights_",
            "deviation_weights_",
            "n_iter_",
            "n_steps_",
            "loss_",
            "reached_",
            "skfrap_version_",
        )
        fitted |= {
            "one_dimensional": state["_flat_output"],
            "task": state["_task"],
            "benchmark": state["_benchmark"],
            "networks": state["_columns"],
            "architecture": state["_architecture"],
            "n_seen": state["_n_seen"],
        }
        training = _dict(
            {
                "optimizer_states": state["_optimizer_states"],
                "history": state.get("history_"),
                "random": state.get("_random"),
            }
        )
    return _estimator(state, fitted, training=training)


def _prebleach_corrector(state):
    # In version 0.1 a protocol that was given went before the number, which had a default.
    return _estimator(state | ({"n_prebleach": None} if state["protocol"] is not None else {}))


def _fading_corrector(state):
    return _estimator(state | ({"protocol_": state["protocol"]} if "reference_" in state else {}))


def _fitter(state):
    names, bounds = state["names"]["tuple"], state["bounds"]
    free = {"tuple": [names[k] for k in state["free"]]}
    guide = state["guide"]
    return {
        "evaluator": state["evaluator"],
        "guide": None if guide is None else guide["state"]["evaluator"],
        "light": None,  # in version 0.1 the noise went by the curve itself
        "space": _dict({"bounds": bounds, "free": free}),
        "objective": state["objective"],
        "max_nfev": state["max_nfev"],
        "tol": state["tol"],
        "n_jobs": state["n_jobs"],
    }


def _features(state):
    learnt = _kept(state, "mean", "scale", "guess", "spread")
    if "space" in state:
        learnt |= {"fitter": state["space"], "directions": state["directions"]}
    return learnt


def _surrogate(state):
    kept = _kept(state, "protocol", "ranges", "fixed", "n_nodes", "error", "basis")
    return kept | {
        "parameters": ["c0", *state["names"]["tuple"]],
        "constant": state["_constant"],
        "undepleted_varies": state["_undepleted_varies"],
        "mobile": _dict(state["_moving"]["state"]),
        "immobile": _dict(state["_still"]["state"]),
    }


def _tensor(state):
    return {
        "coefficients": state["_values"],
        "shape": state["shape"],
        "active": state["_active"],
        "n_rows": state["n_rows"],
        "n_scores": state["n_scores"],
    }


def _model(state):
    kept = _kept(state, "protocol", "width")
    return kept | ({"weights": state["_weights"]} if "_weights" in state else {})


def _direct(state):
    return _kept(state, "model")


def _dict(items):
    return {"dict": items}


_STATES = (
    {
        "LeastSquaresFRAP": _least_squares,
        "BayesianFRAP": _bayesian,
        "NeuralFRAP": _network,
        "CurveFitter": _fitter,
        "BackgroundSubtractor": _prebleach_corrector,
        "FadingCorrector": _fading_corrector,
        "FlatFieldCorrector": _prebleach_corrector,
        "LinearizedFeatures": _features,
        "RawFeatures": _features,
        "ScoreFeatures": _features,
        "CurveSurrogate": _surrogate,
        "ChebyshevTensor": _tensor,
        "DirectCurves": _direct,
    }
    | dict.fromkeys(
        (
            "BindingModel",
            "DiffusionModel",
            "ExponentialModel",
            "GaussianBeamModel",
            "ReactionModel",
            "SoumpasisModel",
        ),
        _model,
    )
    | dict.fromkeys(
        (
            "IntensityRescaler",
            "RecoveryCurveExtractor",
            "FrozenEstimator",
            "Pipeline",
            "StandardScaler",
        ),
        _estimator,
    )
)
