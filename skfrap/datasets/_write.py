"""Simulated samples to disk: shard by shard, several at a time, and on from where it ended."""

import hashlib
import numbers
from typing import Any

import numpy as np

from skfrap import __version__
from skfrap._checks import check_choice, check_count
from skfrap.datasets._store import ARRAYS, FORMAT, WHAT, zarr_of
from skfrap.numerics._progress import shown
from skfrap.persistence._bytes import bytes_of

KINDS = ("curves", "images", "scores")
_SHARDS = {"curves": 2**16, "images": 16, "scores": 2**14}  # samples in a file
_CHUNKS = {"curves": 2**12, "images": 1, "scores": 2**10}  # samples that are read at the least
_FIRST = 4096  # samples whose mean weight is taken for that of all


class DatasetWriter:
    """Let a simulator write what it draws."""

    def write(
        self: Any,
        path: Any,
        n_samples: int,
        kind: str = "curves",
        *,
        surrogate: Any = None,
        n_jobs: int | None = None,
        verbose: int = 1,
    ) -> None:
        """Write samples to a Zarr store, for data larger than memory.

        Each sample depends on `random_state` and its index alone, so the store is the same whoever
        writes which part of it. A call that is interrupted is gone on with by the same call.

        Parameters
        ----------
        path : path-like
            Folder of the store, ``.zarr`` by custom. Zarr 3, with a file for 65536 curves, 16 image
            series, or the scores of 16384.
        n_samples : int
            How many.
        kind : {"curves", "images", "scores"}, default="curves"
            Curves of float32 as from :meth:`sample`, series as from :meth:`sample_images`, or
            scores of series, of float32, as from :meth:`sample_scores`.
        surrogate : ImageSurrogate, default=None
            What scores are of, as in :meth:`sample_scores`; it is kept with them.
        n_jobs : int, default=None
            How many write side by side: threads for curves, processes for images and scores. None
            is 1, or what `joblib.parallel_config` says.
        verbose : int, default=1
            Whether to show progress in a terminal, of what takes over 2 s.

        Raises
        ------
        ValueError
            If `random_state` is no whole number, or something else is at `path`.
        ImportError
            If there is no Zarr 3: ``pip install 'skfrap[zarr]'``.

        See Also
        --------
        skfrap.datasets.open : Opens it.
        """
        from joblib import Parallel, delayed

        check_count("n_samples", n_samples, 1)
        check_choice("kind", kind, KINDS)
        if not isinstance(self.random_state, numbers.Integral):
            raise ValueError(
                "random_state must be a whole number where samples are written, so that the rest "
                f"can be written later; got {self.random_state!r}."
            )
        if surrogate is not None and kind != "scores":
            raise ValueError(f"surrogate is what scores are of, and kind is {kind!r}.")
        zarr_of()  # before work that would be lost without it
        first = _draw(self, kind, surrogate, 0, 1)
        surrogate = first.get("surrogate")
        group = _group(self, path, n_samples, kind, first)
        size = _SHARDS[kind]
        to_do = np.flatnonzero(np.asarray(group["written"][:]) == 0).tolist()
        mean = float(np.mean(_weights(self._draw_parameters(_FIRST, 0))))
        # Curves are drawn and written by products and loops that threads do side by side.
        prefer = "threads" if kind == "curves" else "processes"
        parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered", prefer=prefer)
        done = parallel(
            delayed(_write_shard)(self, path, kind, shard, size, n_samples, mean, surrogate)
            for shard in to_do
        )
        for _ in shown(done, "writing", "shard", len(to_do)) if verbose else done:
            pass


def _group(simulator, path, n_samples, kind, first):
    """Make the store, or open the one that an earlier call has begun."""
    zarr = zarr_of()
    protocol = simulator.protocol
    digest = hashlib.sha256(first.data.tobytes() + first.target.tobytes())
    head = {
        "what": WHAT,
        "format": FORMAT,
        "kind": kind,
        "feature_names": [*protocol.feature_names],
        "target_names": [*simulator.target_names],
        "provenance": {
            "skfrap": __version__,
            "simulator": repr(simulator),
            "random_state": int(simulator.random_state),
            "n_samples": int(n_samples),
            "first_sample": digest.hexdigest(),
        },
    }
    try:
        group = zarr.open_group(path, mode="r+")
    except FileNotFoundError:
        group = zarr.open_group(path, mode="w-")
        _create_arrays(group, first, n_samples, kind)
        group.attrs.update(head)  # last: without it there is no data set
        return group
    found = dict(group.attrs)
    if found.get("what") != WHAT:
        raise ValueError(f"{path} holds something else; write to another place.")
    other = next((name for name in head if found.get(name) != head[name]), None)
    if other is not None:
        raise ValueError(
            f"{path} is a data set of another {other}: {found.get(other)!r}, not {head[other]!r}; "
            "write to another place, or delete it."
        )
    return group


def _create_arrays(group, first, n_samples, kind):
    shard = min(_SHARDS[kind], -(-n_samples // _CHUNKS[kind]) * _CHUNKS[kind])
    for name in ARRAYS:
        one = np.asarray(first[name])
        within = one.shape[1:]
        group.create_array(
            name,
            shape=(n_samples, *within),
            chunks=(min(_CHUNKS[kind], shard), *within),
            shards=(shard, *within),
            dtype=one.dtype,
            compressors=None,  # noise does not compress
        )
    if "surrogate" in first:
        kept = np.frombuffer(bytes_of(first.surrogate), dtype=np.uint8)
        stored = group.create_array("surrogate", shape=kept.shape, dtype="uint8", chunks=kept.shape)
        stored[:] = kept
    n_shards = -(-n_samples // _SHARDS[kind])
    group.create_array("written", shape=(n_shards,), chunks=(1,), dtype="uint8", fill_value=0)


def _write_shard(simulator, path, kind, shard, size, n_samples, mean, surrogate):
    """Draw and write one shard; that it is written is written last."""
    group = zarr_of().open_group(path, mode="r+")
    first = shard * size
    drawn = _draw(simulator, kind, surrogate, first, min(size, n_samples - first))
    drawn["sample_weight"] = _weights(drawn.parameters) / mean
    rows = slice(first, first + len(drawn.target))
    for name in ARRAYS:
        group[name][rows] = drawn[name]
    group["written"][shard] = 1
    return shard


def _draw(simulator, kind, surrogate, start, n):
    if kind == "images":
        return simulator.sample_images(n, start=start)
    if kind == "scores":
        drawn = simulator.sample_scores(n, surrogate, start=start)
        drawn["surrogate"] = drawn.data.surrogate
        drawn["data"] = drawn.data.values.astype(np.float32)
        return drawn
    return simulator.sample(n, start=start, dtype=np.float32)


def _weights(parameters):
    """Return 1 over the noise variance of each sample, 1 where there is no noise."""
    variance = parameters["a"] + parameters["b"] * parameters.get("c0", 1.0)
    return np.where(variance > 0, 1 / np.where(variance > 0, variance, 1.0), 1.0)
