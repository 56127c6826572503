"""The one series of images that a TIFF file holds: all of it, or an error that says what lacks."""

import importlib
import re
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from skfrap.io._limits import check_memory
from skfrap.io.readers._tiff_scan import scan_pages
from skfrap.results import Finding

_MOST_PLANES = 10**6  # that a header may name


def import_tifffile():
    """Import tifffile, or say how to install it."""
    try:
        return importlib.import_module("tifffile")
    except ImportError as error:
        raise _not_installed() from error


def _not_installed():
    return ImportError(
        "reading TIFF files needs tifffile and imagecodecs: pip install 'skfrap[all]'"
    )


@contextmanager
def decoding(path):
    """Turn whatever a decoder raises at damaged data into a ValueError that names the file."""
    try:
        yield
    except MemoryError as error:
        raise ValueError(
            f"{path} needs more memory than there is: it is damaged or too large; crop it."
        ) from error
    except Exception as error:
        if "requires the 'imagecodecs' package" in str(error):
            raise _not_installed() from error
        raise ValueError(
            f"{path} cannot be decoded ({type(error).__name__}: {error}), it is damaged or ends "
            "early; copy it again from the microscope, or export it again."
        ) from error


def check_ome(xml, n_pages, path):
    """Raise ValueError where OME-XML names more planes than can be; libraries make room for all."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise ValueError(
            f"{path} is damaged, its OME-XML cannot be read ({error}); export the series again."
        ) from error
    most = max(_MOST_PLANES, 10 * n_pages)
    for element in root.iter():
        tag = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
        if tag == "Pixels":
            counts = [_whole(element.get(f"Size{axis}", "1")) for axis in "TCZ"]
            wanted = counts[0] * counts[1] * counts[2]
        elif tag == "TiffData":
            names = ("PlaneCount", "NumPlanes", "FirstT", "FirstC", "FirstZ", "IFD")
            wanted = sum(abs(_whole(element.get(name, "0"))) for name in names)
        elif tag[:-1].endswith("Along"):
            start, end, step = (
                _number(element.get(name, "1")) for name in ("Start", "End", "Step")
            )
            wanted = abs(end - start) / abs(step) if step else np.inf
        else:
            continue
        if not wanted <= most:
            raise ValueError(
                f"{path} is damaged, its OME-XML names {wanted:g} planes, and the file holds "
                f"{n_pages} images; export the series again."
            )


def _whole(text):
    try:
        return int(text)
    except ValueError:
        return 0


def _number(text):
    try:
        return float(text)
    except ValueError:
        return np.nan


def images_of(tif, scan, path):
    """Return the file's one series of images, and what is to be known of it.

    Parameters
    ----------
    tif : TiffFile
    scan : Scan
    path : Path

    Returns
    -------
    images : ndarray
        With an axis for each letter of `axes`.
    axes : str
        tifffile's letters.
    series : TiffPageSeries
    findings : tuple of Finding

    Raises
    ------
    ValueError
        If the file holds something else than one series of images, or not all of it.
    """
    with decoding(path):
        all_series = list(tif.series)
    series = _only_series(all_series, path)
    _check_planes(series, path)
    with decoding(path):
        _check_size(series, scan, path)
    findings = _check_promise(tif, series, scan, path)
    n_images, n_used = len(scan.pages), _n_used(series)
    if n_used < n_images > 1:
        return _all_pages(tif, series, scan, path)
    if n_used > n_images > 1 and not getattr(series, "is_multifile", False):
        raise ValueError(
            f"{path} is damaged, its header names {n_used} images, and it holds {n_images}; copy "
            "it again from the microscope, or export it again."
        )
    if n_images > 1 and len({page.form for page in scan.pages}) > 1:
        raise ValueError(
            f"{path} holds images of different size or type, expected one series; save the ones "
            "you want as a file of their own."
        )
    with decoding(path):
        images = series.asarray()
    if images.shape != tuple(series.shape):
        raise ValueError(
            f"{path} is damaged, its header says {tuple(series.shape)}, its images are "
            f"{images.shape}; copy or export it again."
        )
    return images, series.axes, series, findings


def _only_series(all_series, path):
    found = [series for series in all_series if not series.keyframe.is_reduced]  # no thumbnails
    if len(found) != 1:
        shapes = ", ".join("x".join(map(str, series.shape)) for series in found[:10])
        raise ValueError(
            f"{path} holds {len(found)} series of images ({shapes or 'none'}), expected images of "
            "one shape and type; save the ones you want as a file of their own."
        )
    return found[0]


def _check_planes(series, path):
    """Raise ValueError unless each plane of the series has a page of its own, in a whole file."""
    if series.kind not in ("ome", "mmstack", "ndtiff"):
        return
    pages = list(series)
    n_missing = sum(page is None for page in pages)  # which tifffile fills with zeros
    if n_missing:
        raise ValueError(
            f"{path} lacks {n_missing} of the {len(pages)} planes that its header names; put the "
            "files that hold them beside it, or export the series again."
        )
    places = {}
    for page in pages:
        file = page.parent.filehandle
        places.setdefault(str(Path(file.dirname, file.name)), set()).add(page.offset)
    n_places = sum(map(len, places.values()))
    if n_places < len(pages) and len(pages) > 1:
        raise ValueError(
            f"{path} is damaged, its header takes {n_places} images for {len(pages)} planes; "
            "export the series again."
        )
    for other, used in places.items():
        if Path(other).resolve() == Path(path).resolve():
            continue
        n_there = len(scan_pages(Path(other)).pages)
        if len(used) < n_there:
            raise _left_out(other, len(used), n_there)


def _left_out(path, n_used, n_images):
    return ValueError(
        f"{path} holds {n_images} images, and its header names {n_used} of them; "
        f"{n_images - n_used} would be lost: export the series again."
    )


def _n_used(series):
    """Return how many images of the size of a page a series has."""
    page = series.keyframe
    return max(1, series.size // max(1, page.size))


def _check_size(series, scan, path):
    """Raise ValueError where a header asks for more than there can be."""
    n_bytes = series.size * series.dtype.itemsize
    check_memory(n_bytes, path, scan.file_bytes)
    if n_bytes > max(scan.n_bytes, scan.file_bytes) and not getattr(series, "is_multifile", False):
        raise ValueError(
            f"{path} is damaged, its header says {tuple(series.shape)}, which is more than it "
            "holds; copy or export it again."
        )


def _check_promise(tif, series, scan, path):
    """Compare the images that there are with those that the header names and the file has room for.

    ImageJ's header stays as it was where one image of a sequence is saved: then it says nothing.
    Elsewhere images are missing.
    """
    page, n_images = scan.pages[0], len(scan.pages)
    # Zeros stand where a file was made room for, and not written or copied to its end.
    left = scan.blank_bytes if scan.blank_bytes >= max(1, page.n_stored) else 0
    if n_images == 1:
        n_images = _n_used(series)
        packed = page.n_stored < page.n_bytes
        left = scan.unclaimed_bytes + (0 if packed else page.n_stored - n_images * page.n_bytes)
    n_named = named_by_imagej(scan) if tif.is_imagej else n_images
    if n_named > n_images:
        if n_images > 1 or left >= 0.5 * page.n_bytes:
            raise ValueError(
                f"{path} ends early, its ImageJ header promises {n_named} images and it holds "
                f"{n_images}, {n_named - n_images} are missing; copy it again from the microscope, "
                "or export it again."
            )
        words = f"the ImageJ header names {n_named} images, and the file is whole with one"
    elif left >= min(page.n_bytes, page.n_stored or page.n_bytes) > 0:
        n_more = max(1, left // page.n_bytes)
        words = f"the header names {n_images} images, and the file has room for {n_more} more"
    else:
        return ()
    return (Finding.of("image_count_disagrees", words),)


def named_by_imagej(scan):
    """Return the number of images that ImageJ's header names, 1 where there is none."""
    text = scan.pages[0].description or ""
    if not text.startswith("ImageJ="):
        return 1
    named = dict(re.findall(r"^(images|channels|slices|frames)=([0-9]{1,12})\s*$", text, re.M))
    counts = [int(named.get(name, 1)) for name in ("channels", "slices", "frames")]
    return max(int(named.get("images", 1)), counts[0] * counts[1] * counts[2], 1)


def _all_pages(tif, series, scan, path):
    """Read all pages of a file whose header names fewer, if it leaves no doubt what they are."""
    n_images, n_used = len(scan.pages), _n_used(series)
    lengths = [
        length
        for axis, length in zip(series.axes, series.shape, strict=True)
        if axis not in "YX" and length > 1
    ]
    alike = len({page.form for page in scan.pages}) == 1 and len(tif.pages) == n_images
    if series.kind != "imagej" or len(lengths) > 1 or not alike:
        raise _left_out(path, n_used, n_images)
    with decoding(path):
        images = np.stack([tif.pages[k].asarray() for k in range(n_images)])
    if images.ndim != 3:
        raise _left_out(path, n_used, n_images)
    words = f"the ImageJ header names {n_used} images, and the file holds {n_images}; all are used"
    return images, "IYX", series, (Finding.of("image_count_disagrees", words),)
