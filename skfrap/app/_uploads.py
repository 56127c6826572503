"""Files that the page sends: into one folder, under names of their own, and no more than fits."""

import re
import shutil
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from skfrap.app._errors import AppError

MOST_BYTES = 8 * 2**30
"""What all uploads of a session may take on disk, where nothing else is said."""

_MOST_FILES = 20_000
_MOST_GROUPS = 500
_DEPTH = 4  # folders and a name
_LONGEST = 180  # bytes: no file system takes more than 255
_ENDING = 20  # characters of it
_ODD = re.compile(r"[^\w .,()+\-=@#%&~\[\]{}]")
_SPARE = 2**28  # bytes that stay free on the disk


def safe_name(text: str) -> Path:
    r"""Turn a name that the page gives into a relative path that stays where it is put.

    Parameters
    ----------
    text : str
        Name of a file, with the last of its folders.

    Returns
    -------
    Path

    Raises
    ------
    AppError
        If nothing is left of it.

    Examples
    --------
    >>> from skfrap.app._uploads import safe_name
    >>> safe_name("../../etc/passwd").as_posix(), safe_name("C:\\cells\\1.tif").as_posix()
    ('etc/passwd', 'C_/cells/1.tif')
    """
    parts = [_ODD.sub("_", part).strip(" .") for part in re.split(r"[\\/]+", text)]
    parts = [_shortened(part) for part in parts if part][-_DEPTH:]
    if not parts:
        raise AppError("the file has no name")
    return Path(*parts)


def _shortened(part):
    """Keep the beginning of a long name, and its end, which says the format."""
    end = part[-_ENDING:]
    room = _LONGEST - len(end.encode())
    if len(part.encode()) <= _LONGEST:
        return part
    return part[:-_ENDING].encode()[:room].decode(errors="ignore") + end


class Uploads:
    """Keep files of one session in a temporary folder, which is removed at its end.

    Parameters
    ----------
    most_bytes : int, default=MOST_BYTES
        What all of them may take.
    """

    def __init__(self, most_bytes: int = MOST_BYTES):
        self.folder = Path(tempfile.mkdtemp(prefix="skfrap-app-"))
        self._most_bytes, self.n_bytes, self._n_files, self._n_groups = most_bytes, 0, 0, 0
        self._of_groups: dict[str, int] = {}
        self._held: set[str] = set()

    def new_group(self) -> str:
        """Make room for files that belong together.

        Returns
        -------
        str
            Its name.

        Raises
        ------
        AppError
            If there are too many.
        """
        if len(self._of_groups) >= _MOST_GROUPS:
            raise AppError("there are too many files here; remove some, or start anew", 413)
        self._n_groups += 1
        group = f"g{self._n_groups}"
        (self.folder / group).mkdir()
        self._of_groups[group] = 0
        return group

    def folder_of(self, group: str) -> Path:
        """Return the folder of a group.

        Parameters
        ----------
        group : str
            As :meth:`new_group` named it.

        Returns
        -------
        Path

        Raises
        ------
        AppError
            If there is none.
        """
        if group not in self._of_groups:
            raise AppError("these files are gone; choose them once more", 404)
        return self.folder / group

    async def store(self, group: str, name: str, chunks, announced: int | None = None) -> None:
        """Write one file as it arrives.

        Parameters
        ----------
        group : str
            Where it belongs.
        name : str
            As the page has it.
        chunks : asynchronous iterable of bytes
            What is in it.
        announced : int, default=None
            Bytes that it says it has.

        Raises
        ------
        AppError
            If it is too large; what was written of it is removed.
        """
        path = self.folder_of(group) / safe_name(name)
        before = path.stat().st_size if path.exists() else 0
        if announced is not None:
            self._check_room(announced - before)
        if self._n_files >= _MOST_FILES:
            raise AppError(f"more than {_MOST_FILES} files are too many for the page", 413)
        self._n_files += 1
        size = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as file:
                self._account(group, -before)
                async for chunk in chunks:
                    self._check_room(len(chunk))
                    file.write(chunk)
                    size += len(chunk)
                    self._account(group, len(chunk))
        except BaseException as error:
            self._account(group, -size)
            with suppress(OSError):  # a folder of that name, or a file where it has a folder
                path.unlink()
            if isinstance(error, OSError):
                raise AppError(f"the file cannot be kept: {error.strerror}", 507) from error
            raise

    def keep_text(self, name: str, text: str) -> str:
        """Write what a setting brings of a file, once.

        Parameters
        ----------
        name : str
            As :func:`safe_name` gives it.
        text : str
            What is in it.

        Returns
        -------
        str
            Path of the file.
        """
        content = text.encode("utf-8", "replace")
        path = self.folder / f"given-{sha256(content).hexdigest()[:16]}" / name
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        return str(path)

    def hold(self, group: str) -> None:
        """Keep the files of a group to the end, whatever becomes of its series.

        Parameters
        ----------
        group : str
            As :meth:`new_group` named it; others are left alone.
        """
        self._held.add(group)

    def remove(self, group: str) -> None:
        """Remove the files of a group, unless they are held.

        Parameters
        ----------
        group : str
            As :meth:`new_group` named it.
        """
        if group in self._held:
            return
        shutil.rmtree(self.folder_of(group), ignore_errors=True)
        self.n_bytes -= self._of_groups.pop(group)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _account(self, group, n_bytes):
        self.n_bytes += n_bytes
        if group in self._of_groups:
            self._of_groups[group] += n_bytes

    def _check_room(self, n_bytes):
        if self.n_bytes + n_bytes > self._most_bytes:
            allowed = f"{self._most_bytes / 2**30:.3g} GiB"
            raise AppError(
                f"files of more than {allowed} in all are not taken here; start skfrap app with "
                "the file itself, or with a larger --max-upload",
                413,
            )
        if shutil.disk_usage(self.folder).free - n_bytes < _SPARE:
            raise AppError("there is no room for it on the disk of temporary files", 507)
