"""What a store of labelled samples is made of, and how it is opened."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from skfrap.datasets._scores import StoredScores
from skfrap.numerics._lazy import ROWS, read_rows, row_slices
from skfrap.persistence._bytes import object_of

WHAT, FORMAT = "skfrap dataset", 1
ARRAYS = ("data", "target", "sample_weight", "noise_variance")


def zarr_of():
    """Import Zarr, or say how to get it."""
    try:
        import zarr
    except ImportError as error:
        raise ImportError("data sets on disk need Zarr: pip install 'skfrap[zarr]'") from error
    if int(zarr.__version__.partition(".")[0]) < 3:
        raise ImportError(f"data sets need Zarr 3, got {zarr.__version__}: pip install -U zarr")
    return zarr


@dataclass(frozen=True, eq=False)
class Dataset:
    """Hold labelled samples that stay on disk until they are read.

    ``dataset.data[1000:2000]`` reads what it says; estimators take ``dataset.data`` as it is, and
    read it in chunks.

    Attributes
    ----------
    data : zarr.Array of shape (n, n_frames) or (n, n_frames, ny, nx), or StoredScores
        Curves, or image series; or scores of such, of which ``data[some]`` reads ImageScores.
    target : zarr.Array of shape (n, n_targets)
    sample_weight, noise_variance : zarr.Array of shape (n,)
        Weights have a mean near 1.
    kind : {"curves", "images", "scores"}
    feature_names, target_names : list of str
    provenance : dict
        What made it: simulator, seed, version of skfrap.
    written : ndarray of shape (n_shards,) of bool
        Which shards are complete.
    """

    data: Any
    target: Any
    sample_weight: Any
    noise_variance: Any
    kind: str
    feature_names: list
    target_names: list
    provenance: dict
    written: np.ndarray

    def __len__(self):
        return self.data.shape[0]

    @property
    def is_complete(self) -> bool:
        """Whether all samples were written."""
        return bool(self.written.all())

    def chunks(self, size: int = ROWS) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Read one chunk after the other.

        Parameters
        ----------
        size : int, default=65536
            Samples in each.

        Yields
        ------
        data, target, sample_weight : ndarray
            Data are ImageScores where `kind` is "scores".
        """
        for rows in row_slices(len(self), size):
            data, target, weight = (
                read_rows(one, rows) for one in (self.data, self.target, self.sample_weight)
            )
            yield data, target, weight


def open(path: Any) -> Dataset:  # noqa: A001 (as xarray and zarr have it)
    """Open a data set that :meth:`skfrap.FRAPSimulator.write` has written.

    Parameters
    ----------
    path : path-like or zarr store
        Its folder.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If something else is there.
    ImportError
        If there is no Zarr 3.

    Examples
    --------
    >>> import tempfile
    >>> import skfrap.datasets
    >>> from skfrap import FRAPSimulator
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     FRAPSimulator(random_state=0).write(folder + "/train.zarr", 1000)
    ...     dataset = skfrap.datasets.open(folder + "/train.zarr")
    ...     dataset.data[:3].shape, dataset.target_names
    ((3, 110), ['log10_D', 'c0', 'alpha'])
    """
    zarr = zarr_of()
    try:
        group = zarr.open_group(path, mode="r")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no data set at {path}.") from error
    head = dict(group.attrs)
    if head.get("what") != WHAT or head.get("format") != FORMAT:
        raise ValueError(
            f"{path} is no data set that this version of skfrap knows; write one by "
            "FRAPSimulator.write."
        )
    arrays: dict[str, Any] = {name: group[name] for name in ARRAYS}
    if head["kind"] == "scores":
        surrogate = object_of(np.asarray(group["surrogate"][:]).tobytes())
        arrays["data"] = StoredScores(arrays["data"], surrogate)
    return Dataset(
        **arrays,
        kind=head["kind"],
        feature_names=head["feature_names"],
        target_names=head["target_names"],
        provenance=head["provenance"],
        written=np.asarray(group["written"][:]) > 0,
    )
