"""Values to what JSON and arrays know, and back."""

import math
from math import inf

import numpy as np

from skfrap.experiment._sizes import MOST_PIXELS, check_sizes
from skfrap.parameters._priors import continuous_distribution
from skfrap.persistence._classes import class_named, is_constant, make, name_and_state
from skfrap.persistence._container import ARRAY_KINDS

_SCALAR_KINDS = "biuf"
_PLAIN = (type(None), bool, int, str)
_MERSENNE = 624  # words of the generator's state


class Encoder:
    """Turn values into what JSON knows, and a list of arrays."""

    def __init__(self, for_prediction):
        self.for_prediction = for_prediction
        self.arrays = []
        self._numbers = {}
        self._kept = []  # kept, or their identity could pass on to others

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
        if array.dtype.kind not in ARRAY_KINDS:
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
        if type(frozen.dist) is not type(continuous_distribution(name)):
            raise ValueError(f"{where} is a distribution of one's own, which cannot be saved.")
        return [name, self.encode(frozen.args, where), self.encode(frozen.kwds, where)]

    def _encode_object(self, value, where):
        name, state = name_and_state(value, where)
        if self.for_prediction and "training" in state:
            state = state | {"training": None}
        # Whether equal protocols are one object depends on what else the process has done.
        identity = (name, value) if is_constant(type(value)) else id(value)
        number, is_new = self._number("object", identity, value)
        if not is_new:
            return {"same": number}
        encoded = {key: self._encode_part(key, item, where) for key, item in state.items()}
        return {"class": name, "id": number, "state": encoded}

    def _encode_part(self, key, value, where):
        if key not in ("parameters", "fitted") or type(value) is not dict:
            return self.encode(value, f"{where}.{key}")
        # What users know as attributes of the estimator itself.
        return {
            "dict": {name: self.encode(item, f"{where}.{name}") for name, item in value.items()}
        }

    def _number(self, kind, identity, value):
        numbers = self._numbers.setdefault(kind, {})
        is_new = identity not in numbers
        if is_new:
            numbers[identity] = len(numbers)
            self._kept.append(value)
        return numbers[identity], is_new


class Decoder:
    """Turn what `Encoder` made back into values."""

    def __init__(self, arrays, *, allow_large=False):
        self._arrays = arrays
        self._objects = {}
        self._pixels_left = inf if allow_large else 2 * MOST_PIXELS

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
        return continuous_distribution(name)(*args, **kwds)

    def _check_sizes(self, state):
        """See that all experiments of a file together are of a size that can be."""
        if self._pixels_left == inf:
            return
        check_sizes(state)
        ny, nx = state.get("shape", (0, 0))
        self._pixels_left -= ny * nx
        if self._pixels_left < 0:
            raise ValueError("its experiments are too many and too large; allow_large=True.")

    def _object(self, **code):
        name, number, state = code["class"], code["id"], code["state"]
        if number not in self._objects:  # what an older format is turned into says it each time
            kind, state = class_named(name), self._dict(state)
            if name == "FRAPProtocol":
                self._check_sizes(state)
            self._objects[number] = make(kind, name, state)
        return self._objects[number]
