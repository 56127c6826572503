"""What a reader is, which there are, and which of them reads a file."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, runtime_checkable

from skfrap._installed import READERS, installed, load_installed
from skfrap.io._recording import Recording
from skfrap.io.readers.tiff import TIFFReader

_HEAD = 8  # bytes of a file to show

# Readers that come along, by the suffixes of their files; each is imported when such a file is met.
_BUILT_IN = {
    ".czi": "czi:CZIReader",
    ".lif": "lif:LIFReader",
    ".xlef": "lif:LIFReader",
    ".lof": "lif:LIFReader",
    ".lsm": "lsm:LSMReader",
    ".nd2": "nd2:ND2Reader",
    ".oif": "oif:OIFReader",
    ".oib": "oif:OIFReader",
    ".oir": "oir:OIRReader",
    ".stk": "lsm:STKReader",
}
# Pictures, which a folder may hold beside its series: they are images only where nothing else is.
_PICTURES = dict.fromkeys((".jpg", ".jpeg", ".png", ".bmp"), "pictures:PictureReader")


@runtime_checkable
class Reader(Protocol):
    r"""What reads the files of one format.

    A reader is any object with these four; it derives from nothing. One of files with several
    series has, besides, ``series_names(path)``, which lists them, and ``read`` with a third
    argument `series`, a number from 0 or a name. Paths are of files that exist and are not empty.
    Register it with :func:`register_reader`, or let a package bring it: an entry
    point of the group ``skfrap.readers``, named as the suffix without its dot, is imported when
    such a file is met. :func:`check_reader` tells whether a reader keeps to all of this.

    Attributes
    ----------
    suffixes : tuple of str
        Ends of the names of such files, in lower case, with the dot.

    Examples
    --------
    A reader of NumPy's ``.npz`` files that hold images, pixel size and frame interval:

    >>> import pathlib, tempfile, zipfile
    >>> import numpy as np
    >>> from skfrap.io import read_series
    >>> from skfrap.io.readers import Recording, check_reader, register_reader
    >>> class NpzReader:
    ...     suffixes = (".npz",)
    ...
    ...     def can_read(self, path):
    ...         with open(path, "rb") as file:
    ...             return file.read(4) == b"PK\x03\x04"
    ...
    ...     def n_images(self, path):
    ...         return len(self._load(path)["frames"])
    ...
    ...     def read(self, path, channel=None):
    ...         if channel not in (None, 0):
    ...             raise ValueError(f"channel must be 0 for {path}, got {channel}.")
    ...         stored = self._load(path)
    ...         return Recording(
    ...             frames=stored["frames"],
    ...             pixel_size_um=(float(stored["pixel_size_um"]), "pixel_size_um in the file"),
    ...             interval_s=(float(stored["interval_s"]), "interval_s in the file"),
    ...         )
    ...
    ...     def _load(self, path):
    ...         try:
    ...             with open(path, "rb") as file, np.load(file) as stored:
    ...                 return {name: stored[name] for name in stored.files}
    ...         except (OSError, ValueError, zipfile.BadZipFile) as error:
    ...             raise ValueError(f"{path} is damaged ({error}); save it again.") from error

    It must pass the check, given a file of the format, and is then used as all others are:

    >>> path = pathlib.Path(tempfile.mkdtemp()) / "cell1.npz"
    >>> np.savez(path, frames=np.ones((3, 4, 5), np.uint16), pixel_size_um=0.5, interval_s=2.0)
    >>> check_reader(NpzReader(), path)
    >>> register_reader(NpzReader())
    >>> read_series(path)
    ImageSeries('cell1': 3 frames of 4 x 5 uint16, pixel 0.5 µm, times 0 to 4 s)
    """

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Ends of the names of such files, in lower case, with the dot; a plain attribute will do.

        In a folder, files with these are taken for images.
        """

    def can_read(self, path: Path) -> bool:
        """Tell from its first bytes whether a file is of the format, whole or not.

        Parameters
        ----------
        path : Path
            Of a file that is there, and not empty.

        Returns
        -------
        bool
        """

    def n_images(self, path: Path) -> int:
        """Count the images of a file.

        Parameters
        ----------
        path : Path
            Of a file of the format.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            Where counting shows the file to be damaged.
        """

    def read(self, path: Path, channel: int | None = None) -> Recording:
        """Read a file.

        Parameters
        ----------
        path : Path
            Of a file of the format.
        channel : int, default=None
            Which channel, from 0; needed where there are several.

        Returns
        -------
        Recording

        Raises
        ------
        ValueError
            Where the file is damaged, or takes a guess to understand.
        """


_READERS: list[Reader] = [TIFFReader()]


def register_reader(reader: Reader) -> None:
    """Have files read by a reader, in this process.

    Where several can read a file, the one that was registered last does.

    Parameters
    ----------
    reader : Reader
        An object, not its class.

    Raises
    ------
    TypeError
        If it is no reader.
    """
    if isinstance(reader, type) or not isinstance(reader, Reader):
        raise TypeError(
            "reader must be an object with suffixes, can_read, n_images and read, got "
            f"{reader!r}; see skfrap.io.readers.Reader."
        )
    suffixes = reader.suffixes
    if isinstance(suffixes, str) or not all(
        suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes
    ):
        raise TypeError(
            "suffixes of a reader must be a tuple of suffixes in lower case with their dot, as "
            f"('.lif',), got {suffixes!r}."
        )
    if reader not in _READERS:
        _READERS.append(reader)


def known_suffixes(*, pictures=False):
    """Return the suffixes of all files that have a reader, installed ones included.

    Parameters
    ----------
    pictures : bool, default=False
        Whether to return those of pictures instead, of which a folder may hold a series.

    Returns
    -------
    tuple of str
        In lower case, with their dots.

    Examples
    --------
    >>> from skfrap.io.readers._registry import known_suffixes
    >>> known_suffixes()[:2]
    ('.tif', '.tiff')
    """
    if pictures:
        return (*_PICTURES,)
    registered = [suffix for reader in _READERS for suffix in reader.suffixes]
    brought = (suffix for suffix, _ in _installed())
    known = dict.fromkeys([*registered, *brought, *_BUILT_IN])
    return tuple(suffix for suffix in known if suffix not in _PICTURES)


def reader_for(path):
    """Return the reader of a file, by its suffix and its first bytes.

    Parameters
    ----------
    path : path

    Returns
    -------
    Reader
        One that can read the file; if none can, one for its suffix, which will say what is wrong.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is a folder, empty, or of no format that has a reader.
    ImportError
        If the reader for its suffix cannot be imported.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the path, or list the folder.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder where one file is needed; give one of its files.")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty; copy it again from the microscope.")
    name = path.name.lower()
    for suffix, entry_point in _installed():
        if name.endswith(suffix):
            _register_installed(entry_point, path)
    for suffix, place in (_BUILT_IN | _PICTURES).items():
        if name.endswith(suffix):
            _register_built_in(place)
    latest_first = _READERS[::-1]
    of_suffix = [reader for reader in latest_first if name.endswith(tuple(reader.suffixes))]
    for reader in (*of_suffix, *latest_first):
        if _asked(reader, path, "can_read"):
            return reader
    if of_suffix:
        return of_suffix[-1]
    for place in dict.fromkeys([*_BUILT_IN.values(), *_PICTURES.values()]):
        if _built_in(place).can_read(path):
            return _built_in(place)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    raise ValueError(
        f"{path} is in no format that has a reader, it begins with {head!r}; there are readers of "
        f"{', '.join(known_suffixes())} files; export the series as OME-TIFF, which keeps the time "
        f"of every frame, or as TIFF, or from ImageJ{_by_bioio()}."
    )


def _by_bioio():
    """Say how bioio helps, where it is installed."""
    if find_spec("bioio") is None:
        return ""
    return (
        "; bioio is installed here and may read it: "
        "BioImage(path).save('series.ome.tiff') writes it as OME-TIFF"
    )


def read_file(path, channel=None, series=None):
    """Read the images of one file by its reader, and what the file says of them.

    Parameters
    ----------
    path : path
    channel : int, default=None
        Which channel, from 0; needed where there are several.
    series : int or str, default=None
        Which series, from 0 or by its name; needed where there are several.

    Returns
    -------
    Recording

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        As :func:`reader_for`, and if the file is damaged or takes a guess to understand.
    """
    reader, path = reader_for(path), Path(path)
    if series is None:
        return _asked(reader, path, "read", channel)
    if not hasattr(reader, "series_names"):
        if series in (0, "0", ""):
            return _asked(reader, path, "read", channel)
        raise ValueError(f"{path} holds one series, number 0, got series={series!r}.")
    return _asked(reader, path, "read", channel, series)


def series_names(path):
    """List the series of one file by their names.

    Parameters
    ----------
    path : path

    Returns
    -------
    list of str
        Of one series the name may be empty.

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        As :func:`read_file`.
    """
    reader = reader_for(path)
    if not hasattr(reader, "series_names"):
        return [""]
    return _asked(reader, Path(path), "series_names")


def count_images(path):
    """Count the images of one file by its reader.

    Parameters
    ----------
    path : path

    Returns
    -------
    int

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        As :func:`read_file`.
    """
    return _asked(reader_for(path), Path(path), "n_images")


def _register_built_in(place):
    """Let a reader that comes along take part, unless one that was registered does."""
    reader = _built_in(place)
    if reader not in _READERS:
        _READERS.insert(1, reader)


@cache
def _built_in(place):
    module, name = place.split(":")
    return getattr(import_module(f"skfrap.io.readers.{module}"), name)()


def _installed():
    """Return what installed packages bring: pairs of a suffix and an entry point."""
    return [(f".{one.name.lower().lstrip('.')}", one) for one in installed(READERS)]


def _register_installed(entry_point, path):
    reader = load_installed(entry_point, f"{path} needs the reader")
    try:
        register_reader(reader)
    except TypeError as error:
        raise ImportError(
            f"{path} needs the reader {entry_point.value}, and that is none: {error}"
        ) from error


def _asked(reader, path, answer, *arguments):
    """Ask a reader for something of a file; of another package's, turn into words what it raises.

    Of one that comes along whatever is no ValueError is a defect of skfrap, and stays what it is.
    """
    kind = type(reader)
    own = kind.__module__.startswith("skfrap.")
    try:
        found = getattr(reader, answer)(path, *arguments)
        if answer == "read" and not isinstance(found, Recording):
            raise TypeError(f"read must return a Recording, got {type(found).__name__}")
    except Exception as error:
        if own or isinstance(error, OSError | ValueError | ImportError):
            raise
        raise ValueError(
            f"{path} cannot be read: its reader, {kind.__module__}.{kind.__qualname__}, fails "
            f"({type(error).__name__}: {error}); show its author what "
            "skfrap.io.readers.check_reader says of it and of such a file."
        ) from error
    return found
