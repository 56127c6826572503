"""Keep fitted estimators in files that cannot run code.

`pickle` and `joblib` restore anything, and do so by running what the file tells them to: loading
a stranger's pickle is running a stranger's program. A file written by :func:`save` holds NumPy
arrays and JSON, and :func:`load` makes nothing of it but the classes listed in this module, so it
can be loaded from anywhere. It depends on no module's place in the package, and the same estimator
gives the same bytes, so it can be kept in a repository.

The file is an `.npz`: a member `structure.json` says what there is, and the arrays it refers to are
the members `0.npy`, `1.npy`, and so on. `numpy.load` opens it without pickles. In the JSON, lists,
strings, booleans, None, whole numbers and finite floats stand for themselves; everything else is a
dictionary with a tag:

- ``{"tuple": [...]}``, ``{"dict": {...}}``, ``{"float": "inf"}``;
- ``{"scalar": ["float64", 1.0]}``, ``{"array": 0}``, of NumPy, ``{"objects": [...], "shape":
  [...]}``, an array of strings, and ``{"random_state": [words, position, has_gauss, gauss]}``;
- ``{"distribution": ["uniform", {"tuple": [0.5, 0.5]}, {"dict": {}}]}``, a frozen continuous
  distribution of `scipy.stats` with its arguments;
- ``{"class": "Circle", "id": 3, "state": {...}}``, and ``{"same": 3}`` for the same object again.
"""

import dataclasses
import importlib
import json
import math
from functools import cache
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo, is_zipfile

import numpy as np

from skfrap import __version__

__all__ = ["TRUSTED_TYPES", "load", "save"]

FORMAT = 1
_SIGNATURE = "skfrap estimator"
_STRUCTURE = "structure.json"
_ARRAY_KINDS = "biufcU"
_SCALAR_KINDS = "biuf"
_PLAIN = (type(None), bool, int, str)
_MERSENNE = 624  # words of the generator's state

# Names in files, which stay, to places in packages, which may move.
_CLASSES = {
    name: f"{module}:{name}"
    for module, names in {
        "skfrap.experiment._protocol": ["FRAPProtocol"],
        "skfrap.experiment._regions": ["Circle", "Mask", "Polygon", "Rectangle"],
        "skfrap.models._binding": ["BindingModel"],
        "skfrap.numerics._chebyshev": ["ChebyshevTensor"],
        "skfrap.models._closed_form": [
            "ExponentialModel",
            "GaussianBeamModel",
            "ReactionModel",
            "SoumpasisModel",
        ],
        "skfrap.models._diffusion": ["DiffusionModel"],
        "skfrap.models.forward._direct": ["DirectCurves"],
        "skfrap.models.forward._interpolated": ["CurveSurrogate"],
        "skfrap.preprocessing._curves": ["RecoveryCurveExtractor"],
        "skfrap.preprocessing._images": [
            "BackgroundSubtractor",
            "FadingCorrector",
            "FlatFieldCorrector",
            "IntensityRescaler",
        ],
        "skfrap.estimators._bayesian": ["BayesianFRAP"],
        "skfrap.estimators._features": ["LinearizedFeatures", "RawFeatures", "ScoreFeatures"],
        "skfrap.inference.fitting._fitter": ["CurveFitter"],
        "skfrap.estimators._least_squares": ["LeastSquaresFRAP"],
        "skfrap.estimators._neural": ["NeuralFRAP"],
        "skfrap.inference.fitting._objectives": ["HuberLoss", "ProportionalNoise"],
        "skfrap.estimators._task": ["Task"],
        "sklearn.frozen._frozen": ["FrozenEstimator"],
        "sklearn.pipeline": ["Pipeline"],
        "sklearn.preprocessing._data": ["StandardScaler"],
    }.items()
    for name in names
}
TRUSTED_TYPES = sorted(
    place.replace(":", ".") for place in _CLASSES.values() if place.startswith("skfrap.")
)
"""Types of skfrap for the `trusted` argument of `skops.io.load`, which refuses them otherwise."""

# What prediction does without, and what stands in its place; nothing does for ``...``.
_TRAINING_STATE = {"NeuralFRAP": {"_optimizer_states": None, "_random": ..., "history_": ...}}
# A Pipeline would unpickle, in its next fit, what it finds in the folder of its cache.
_MUST_BE_NONE = {"Pipeline": "memory"}


def save(estimator, path, *, for_prediction=False):
    """Write an estimator to a file of arrays and JSON.

    Parameters
    ----------
    estimator : estimator
        Of skfrap, or a `Pipeline` of such, which may also hold `StandardScaler` and
        `FrozenEstimator`.
    path : str or path-like
        The file, by custom ending in ``.npz``. One that is there is replaced.
    for_prediction : bool, default=False
        Leave out what only training needs: the state of the optimizer and of the random generator,
        and the history. The file becomes smaller and depends on the seed alone, not on how long
        training took. Training can go on from it, with a fresh optimizer.

    Raises
    ------
    ValueError
        If the estimator holds what cannot be saved, as a function or an object of another class;
        the message says where. Nothing is written then.

    See Also
    --------
    load : Reads the file.

    Examples
    --------
    >>> import os, tempfile
    >>> from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
    >>> from skfrap.persistence import load, save
    >>> X = FRAPSimulator(random_state=0).sample(3).data
    >>> estimator = LeastSquaresFRAP(FRAPProtocol()).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "estimator.npz")
    ...     save(estimator, path)
    ...     copy = load(path)
    >>> bool((copy.predict(X) == estimator.predict(X)).all())
    True
    """
    encoder = _Encoder(for_prediction)
    structure = {
        "what": _SIGNATURE,
        "format": FORMAT,
        "skfrap_version": __version__,
        "estimator": encoder.encode(_check_estimator(estimator), type(estimator).__name__),
    }
    Path(path).write_bytes(_pack(structure, encoder.arrays))


def load(path):
    """Read an estimator that :func:`save` wrote.

    Unlike `pickle.load` and `joblib.load`, which run whatever program the file holds, this makes
    nothing but arrays, plain values and a fixed list of classes: files of strangers are safe.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    estimator

    Raises
    ------
    ValueError
        If the file is damaged, in a newer format than this skfrap knows, or asks for a class that
        is not on the list.

    Examples
    --------
    See :func:`save`.
    """
    content = Path(path).read_bytes()
    if not is_zipfile(BytesIO(content)):
        raise ValueError(
            f"{path} was not written by skfrap.persistence.save, or is damaged. Files of joblib and"
            " pickle are read by joblib.load, which runs code: do so only if you trust their origin"
        )
    # Of bytes that anyone may have written, any part may be wrong in any way.
    try:
        structure, arrays = _unpack(content)
        return _check_estimator(_Decoder(arrays).decode(structure["estimator"]))
    except Exception as error:
        reason = f"it is damaged ({type(error).__name__}: {error})."
        if type(error) is ValueError:
            reason = str(error)
        raise ValueError(f"{path} cannot be loaded: {reason}") from error


def _check_estimator(estimator):
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        raise ValueError(f"estimator must be an estimator, got {type(estimator).__name__}.")
    return estimator


# The file


def _pack(structure, arrays):
    """Write a zip file without times, owners or compression, whose bytes depend on its content."""
    members = {_STRUCTURE: json.dumps(structure, allow_nan=False).encode()}
    for number, array in enumerate(arrays):
        part = BytesIO()
        np.lib.format.write_array(part, array, version=(1, 0), allow_pickle=False)
        members[f"{number}.npy"] = part.getvalue()
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_STORED) as archive:
        for name, member in members.items():
            info = ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # else it tells Windows from the rest
            archive.writestr(info, member)
    return packed.getvalue()


def _unpack(content):
    """Return the structure and a function that reads an array by its number."""
    archive = ZipFile(BytesIO(content))
    # A small file of compressed zeros could ask for all of the memory.
    if any(info.compress_type != ZIP_STORED for info in archive.infolist()):
        raise ValueError("it is compressed, as skfrap never does.")
    if _STRUCTURE not in archive.namelist():
        raise ValueError(f"it has no {_STRUCTURE}, as skfrap.persistence.save writes.")
    structure = json.loads(archive.read(_STRUCTURE))
    if structure["what"] != _SIGNATURE:
        raise ValueError(f"it holds {structure['what']!r}, not {_SIGNATURE!r}.")
    if structure["format"] > FORMAT:
        raise ValueError(
            f"skfrap {structure['skfrap_version']} wrote it in format {structure['format']}, and "
            f"this skfrap {__version__} reads formats up to {FORMAT}; install a newer skfrap."
        )
    names = {*archive.namelist()}

    @cache
    def array(number):
        name = f"{number}.npy"
        if name not in names:
            raise ValueError(f"array {name} is missing.")
        return _parse_array(archive.read(name))

    return structure, array


def _parse_array(content):
    stream = BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array is in another version of NumPy's format than 1.0.")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in _ARRAY_KINDS:
        raise ValueError(f"an array holds {dtype}, and only numbers and strings are allowed.")
    if len(content) - stream.tell() != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"an array of shape {shape} does not have as many values.")
    order = "F" if by_columns else "C"
    return np.ndarray(shape, dtype, content, stream.tell(), order=order).copy(order="K")


# Classes


@cache
def _class(name):
    """Import a class on the list."""
    if name not in _CLASSES:
        raise ValueError(f"it asks for the class {name!r}, which skfrap.persistence does not load.")
    module, _, attribute = _CLASSES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def _distribution(name):
    """Look up a continuous distribution of scipy.stats, and nothing else."""
    from scipy import stats

    found = getattr(stats, name, None)
    if not isinstance(found, stats.rv_continuous):
        raise ValueError(f"{name!r} is no continuous distribution of scipy.stats.")
    return found


def _name_of(kind):
    """Return the name of a class on the list, or None."""
    place = f"{kind.__module__}:{kind.__qualname__}"
    return next((name for name, listed in _CLASSES.items() if listed == place), None)


def _is_constant(kind):
    """Tell whether objects of a class are frozen, so that equal ones may be one."""
    return dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen


def _check_attributes(name, state, where):
    attribute = _MUST_BE_NONE.get(name)
    if attribute is not None and state.get(attribute) is not None:
        raise ValueError(f"{where}.{attribute} must be None, got {state[attribute]!r}.")


def _state_of(value, for_prediction, where):
    name = _name_of(type(value))
    if name is None:
        raise ValueError(
            f"{where} is {_described(value)}, which cannot be saved; skfrap.persistence keeps "
            f"plain Python values, NumPy arrays, and of classes {', '.join(sorted(_CLASSES))}."
        )
    if _is_constant(type(value)):
        return name, {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    state = dict(value.__getstate__() or {})
    for attribute, substitute in _TRAINING_STATE.get(name, {}).items() if for_prediction else ():
        if attribute in state:
            del state[attribute]
            if substitute is not ...:
                state[attribute] = substitute
    _check_attributes(name, state, where)
    return name, state


def _described(value):
    kind = type(value)
    if isinstance(value, type) or callable(getattr(value, "__get__", None)):
        return f"{kind.__name__} {getattr(value, '__qualname__', value)}"
    return f"of class {kind.__module__}.{kind.__qualname__}"


class _Encoder:
    """Turn values into what JSON knows, and a list of arrays."""

    def __init__(self, for_prediction):
        self.for_prediction = for_prediction
        self.arrays = []
        self._numbers = {}
        self._seen = []  # kept, or their identity could pass on to others

    def encode(self, value, where):
        """Encode a value; `where` is its name, for messages."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is list:
            return [self.encode(item, f"{where}[{k}]") for k, item in enumerate(value)]
        if kind is tuple:
            return {"tuple": self.encode([*value], where)}
        if kind is dict:
            return {"dict": self._encode_dict(value, where)}
        if isinstance(value, np.generic) and value.dtype.kind in _SCALAR_KINDS:
            return {"scalar": [value.dtype.name, self._plain(value, where)]}
        if kind in (np.ndarray, np.memmap):
            return self._encode_array(value, where)
        if kind is np.random.RandomState:
            return {"random_state": self._encode_random_state(value, where)}
        if hasattr(value, "dist") and hasattr(value, "kwds"):
            return {"distribution": self._encode_distribution(value, where)}
        return self._encode_object(value, where)

    def _plain(self, value, where):
        plain = value.item()
        if isinstance(plain, np.generic):
            raise ValueError(f"{where} is a {plain.dtype}, which cannot be saved.")
        return self.encode(plain, where)

    def _encode_dict(self, value, where):
        for key in value:
            if type(key) is not str:
                raise ValueError(f"{where} has the key {key!r}; only strings can be saved as keys.")
        return {key: self.encode(item, f"{where}[{key!r}]") for key, item in value.items()}

    def _encode_array(self, array, where):
        if array.dtype.kind == "O":
            objects = [self.encode(item, f"{where}[{k}]") for k, item in enumerate(array.flat)]
            return {"objects": objects, "shape": [*array.shape]}
        if array.dtype.kind not in _ARRAY_KINDS:
            raise ValueError(f"{where} is an array of {array.dtype}, which cannot be saved.")
        number, is_new = self._number("array", id(array), array)
        if is_new:
            self.arrays.append(np.asarray(array))
        return {"array": number}

    def _encode_random_state(self, random, where):
        state = random.get_state(legacy=False)
        kind = state["bit_generator"]
        if kind != "MT19937":
            raise ValueError(f"{where} is a RandomState of {kind}; only MT19937 can be saved.")
        words = self._encode_array(state["state"]["key"], where)
        return [words, state["state"]["pos"], state["has_gauss"], state["gauss"]]

    def _encode_distribution(self, frozen, where):
        name = frozen.dist.name
        if type(frozen.dist) is not type(_distribution(name)):
            raise ValueError(f"{where} is a distribution of one's own, which cannot be saved.")
        return [name, self.encode(frozen.args, where), self.encode(frozen.kwds, where)]

    def _encode_object(self, value, where):
        name, state = _state_of(value, self.for_prediction, where)
        # Whether equal protocols are one object depends on what else the process has done.
        identity = (name, value) if _is_constant(type(value)) else id(value)
        number, is_new = self._number("object", identity, value)
        if not is_new:
            return {"same": number}
        encoded = {key: self.encode(item, f"{where}.{key}") for key, item in state.items()}
        return {"class": name, "id": number, "state": encoded}

    def _number(self, kind, identity, value):
        numbers = self._numbers.setdefault(kind, {})
        is_new = identity not in numbers
        if is_new:
            numbers[identity] = len(numbers)
            self._seen.append(value)
        return numbers[identity], is_new


class _Decoder:
    """Turn what `_Encoder` made back into values."""

    def __init__(self, arrays):
        self._arrays = arrays
        self._objects = {}

    def decode(self, code):
        """Decode what stands for a value."""
        if isinstance(code, list):
            return [self.decode(item) for item in code]
        if not isinstance(code, dict):
            return code
        if "class" in code:
            return self._object(**code)
        tag, *others = code
        if tag == "objects":
            return self._object_array(**code)
        decoders = {
            "tuple": self._tuple,
            "dict": self._dict,
            "float": float,
            "scalar": self._scalar,
            "array": self._arrays,
            "random_state": self._random_state,
            "distribution": self._frozen_distribution,
            "same": self._objects.__getitem__,
        }
        if others or tag not in decoders:
            raise ValueError(f"it holds {[*code]}, which stands for nothing.")
        return decoders[tag](code[tag])

    def _tuple(self, items):
        return tuple(self.decode(items))

    def _dict(self, items):
        return {key: self.decode(item) for key, item in items.items()}

    def _scalar(self, pair):
        dtype = np.dtype(pair[0])
        if dtype.kind not in _SCALAR_KINDS:
            raise ValueError(f"a number of type {dtype} is not allowed.")
        return dtype.type(self.decode(pair[1]))

    def _object_array(self, objects, shape):
        array = np.empty(len(objects), dtype=object)
        array[:] = self.decode(objects)
        return array.reshape(shape)

    def _random_state(self, state):
        key, position, has_gauss, gauss = map(self.decode, state)
        # NumPy does not look whether the position lies inside of the state.
        if key.shape != (_MERSENNE,) or not 0 <= position <= _MERSENNE:
            raise ValueError("the state of a random generator is not in order.")
        random = np.random.RandomState(0)
        random.set_state(("MT19937", key, position, has_gauss, gauss))
        return random

    def _frozen_distribution(self, parts):
        name, args, kwds = map(self.decode, parts)
        return _distribution(name)(*args, **kwds)

    def _object(self, **code):
        name, number, state = code["class"], code["id"], code["state"]
        kind = _class(name)
        if _is_constant(kind):  # their constructors check what they are given
            self._objects[number] = kind(**self._dict(state))
            return self._objects[number]
        value = self._objects[number] = kind.__new__(kind)  # its state may refer to it
        state = self._dict(state)
        _check_attributes(name, state, name)
        if hasattr(value, "__setstate__"):
            value.__setstate__(state)
        else:
            vars(value).update(state)
        return value
