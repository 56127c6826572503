"""A training that is kept in a folder: it goes on where it was, whatever ended it."""

import hashlib
import io
import json
import os
import time
from dataclasses import fields
from pathlib import Path

import numpy as np

_FORMAT = 1
_ROWS = 4096  # of the data, evenly spread, tell it from other data
# What may change between two calls that go on with one training.
_FREE = ("verbose", "stop_at", "n_init", "n_iter_no_change", "validation_fraction")


class Checkpoint:
    """The file of one training.

    Parameters
    ----------
    path : path-like
        Of the file, ``.npz``. Its folder is made.
    fingerprint : str
        Of all that the training depends on, from :func:`fingerprint_of`.
    interval : float
        Seconds between two times that it is written.
    """

    def __init__(self, path, fingerprint, interval):
        self.path, self.fingerprint, self.interval = Path(path), fingerprint, interval
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._written = time.perf_counter()

    @property
    def is_due(self):
        """Whether it is time to write it again."""
        return time.perf_counter() - self._written >= self.interval

    def write(self, snapshot, random):
        """Keep a snapshot of a run, and the state of the generator of its order of curves."""
        arrays, plain = {}, {"format": _FORMAT, "fingerprint": self.fingerprint}
        for name in ("weights", "best_weights"):
            for k, network in enumerate(snapshot[name]):
                layers = network or []
                arrays |= {f"{name}/{k}/{j}": a for j, a in enumerate(sum(layers, ()))}
        for k, state in enumerate(snapshot["optimizer_states"]):
            arrays |= {f"optimizer_states/{k}/{j}": array for j, array in enumerate(state)}
        arrays |= {f"history/{name}": values for name, values in snapshot["history"].items()}
        arrays["best_losses"] = snapshot["best_losses"]
        for name in ("n_worse", "n_steps", "seconds", "reached", "stopped"):
            plain[name] = snapshot[name]
        plain["n_networks"] = len(snapshot["weights"])
        kind, arrays["random"], *rest = random.get_state()
        plain["random"] = [kind, *rest]
        content = io.BytesIO()
        np.savez(content, about=np.array(json.dumps(plain)), **arrays)
        # Whoever is killed here leaves the file before as it was.
        part = self.path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(content.getvalue())
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)
        self._written = time.perf_counter()

    def read(self, random):
        """Return the snapshot that was kept, and put the generator where it was; None if none is.

        Raises
        ------
        ValueError
            If the file is of another training.
        """
        if not self.path.exists():
            return None
        with np.load(self.path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        plain = json.loads(str(arrays.pop("about")))
        if plain["format"] != _FORMAT or plain["fingerprint"] != self.fingerprint:
            raise ValueError(
                f"checkpoint_dir holds another training, {self.path}: of other data, another "
                "random_state or other parameters. Give another folder, or delete that file."
            )
        kind, *rest = plain.pop("random")
        random.set_state((kind, arrays["random"], *rest))
        each = range(plain["n_networks"])
        history = {
            name.removeprefix("history/"): values
            for name, values in arrays.items()
            if name.startswith("history/")
        }
        return plain | {
            "weights": [_layers(_numbered(arrays, f"weights/{k}")) for k in each],
            "best_weights": [_layers(_numbered(arrays, f"best_weights/{k}")) or None for k in each],
            "optimizer_states": [_numbered(arrays, f"optimizer_states/{k}") for k in each],
            "best_losses": arrays["best_losses"],
            "history": history,
        }


def checkpoints_in(folder, n_starts, interval, training):
    """Return the files of several trainings in a folder, a list; None where there is no folder.

    Parameters
    ----------
    folder : path-like or None
    n_starts : int
    interval : float
        As in :class:`Checkpoint`.
    training : tuple
        What the trainings depend on: the arguments of :func:`fingerprint_of`.

    Returns
    -------
    list of Checkpoint, or None
    """
    if folder is None:
        return None
    mark = fingerprint_of(*training)
    return [Checkpoint(Path(folder, f"start-{k}.npz"), mark, interval) for k in range(n_starts)]


def fingerprint_of(network, options, data, validation, random_state):
    """Return a text that another training does not share.

    Parameters
    ----------
    network : TrainedNetwork
        Untrained, or what the training goes on from.
    options : TrainingOptions
    data : tuple of ndarray
        What is learnt from, of which evenly spread rows are looked at.
    validation : Validation or None
    random_state : int

    Returns
    -------
    str
    """
    plain = {
        field.name: repr(getattr(options, field.name))
        for field in fields(options)
        if field.name not in _FREE
    }
    if options.learning_rate != "cosine":
        plain.pop("max_iter")  # more passes are the same ones, and then some
    plain |= {"random_state": repr(random_state), "targets": network.task.target_names}
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    held = () if validation is None else (validation.X, validation.y, validation.weight)
    weights = [array for layers in network.weights for layer in layers for array in layer]
    for array in (*weights, *data, *held):
        rows = array[:: max(1, len(array) // _ROWS)]
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(rows).tobytes())
    return digest.hexdigest()


def _numbered(arrays, prefix):
    found = []
    while f"{prefix}/{len(found)}" in arrays:
        found.append(arrays[f"{prefix}/{len(found)}"])
    return found


def _layers(flat):
    return [*zip(flat[::2], flat[1::2], strict=True)]
