"""Keep fitted estimators in files that cannot run code.

`pickle` and `joblib` restore anything, and do so by running what the file tells them to: loading
a stranger's pickle is running a stranger's program. A file written by :func:`save` holds NumPy
arrays and JSON, and :func:`load` makes nothing of it but the classes of a list, so it
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

The state is what the class says by ``to_state``, under names that stay; the guide lists them. This
is format 2; what version 0.1 wrote, in format 1, is read as well.
"""

from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from skfrap import __version__
from skfrap._files import write_bytes
from skfrap.persistence._classes import TRUSTED_TYPES
from skfrap.persistence._codec import Decoder, Encoder
from skfrap.persistence._container import FORMAT, SIGNATURE, pack, unpack
from skfrap.persistence._format_1 import upgrade

__all__ = ["TRUSTED_TYPES", "load", "save"]


def save(estimator: Any, path: Any, *, for_prediction: bool = False):
    """Write an estimator to a file of arrays and JSON.

    Parameters
    ----------
    estimator : estimator
        Of skfrap, or a `Pipeline` of such, which may also hold `StandardScaler` and
        `FrozenEstimator`.
    path : str or path-like
        The file, by custom ending in ``.npz``. One that is there is replaced, at once: whoever
        reads it meanwhile, and whatever ends the program, finds the one or the other whole.
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
    encoder = Encoder(for_prediction)
    structure = {
        "what": SIGNATURE,
        "format": FORMAT,
        "skfrap_version": __version__,
        "estimator": encoder.encode(_check_estimator(estimator), type(estimator).__name__),
    }
    write_bytes(path, pack(structure, encoder.arrays))


def load(path: Any, *, allow_large: bool = False) -> Any:
    """Read an estimator that :func:`save` wrote.

    Unlike `pickle.load` and `joblib.load`, which run whatever program the file holds, this makes
    nothing but arrays, plain values and a fixed list of classes: files of strangers are safe.

    Parameters
    ----------
    path : str or path-like
        The file.
    allow_large : bool, default=False
        Whether experiments in the file may be of any size; False refuses fields of more than
        8 million pixels and the like, before any memory is taken for them.

    Returns
    -------
    estimator

    Raises
    ------
    ValueError
        If the file is damaged, asks for too much memory, is in a newer format than this skfrap
        knows, or asks for a class that is not on the list.

    See Also
    --------
    save : Writes the file.

    Examples
    --------
    See :func:`save`.
    """
    if Path(path).is_dir():
        raise ValueError(f"{path} is a folder; give the file that skfrap.persistence.save wrote.")
    content = Path(path).read_bytes()
    if not is_zipfile(BytesIO(content)):
        raise ValueError(
            f"{path} was not written by skfrap.persistence.save, or is damaged. Files of joblib and"
            " pickle are read by joblib.load, which runs code: do so only if you trust their origin"
        )
    # Of bytes that anyone may have written, any part may be wrong in any way.
    try:
        structure, arrays = unpack(content)
        estimator = structure["estimator"]
        if structure["format"] == 1:
            estimator = upgrade(estimator)
        return _check_estimator(Decoder(arrays, allow_large=allow_large).decode(estimator))
    except Exception as error:
        reason = f"it is damaged ({type(error).__name__}: {error})."
        if type(error) is ValueError:
            reason = str(error)
        raise ValueError(f"{path} cannot be loaded: {reason}") from error


def _check_estimator(estimator):
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        raise ValueError(f"estimator must be an estimator, got {type(estimator).__name__}.")
    return estimator
