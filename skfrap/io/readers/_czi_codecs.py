"""Images of CZI files that are packed: by Zstandard, JPEG XR, JPEG or LZW."""

import numpy as np

from skfrap.io.readers._vendors import FileError, import_for

_JPEG, _LZW, _JPEG_XR, _ZSTD, _ZSTD_1 = 1, 2, 4, 5, 6
_HIGH_LOW = 1  # the bit that says that high bytes come after all low ones


def decode(packed, compression, dtype, shape, path):
    """Unpack an image.

    Parameters
    ----------
    packed : bytes
    compression : int
        Of the format's list.
    dtype : dtype
    shape : tuple of int
        (ny, nx).
    path : path
        For messages.

    Returns
    -------
    ndarray of shape (ny, nx)

    Raises
    ------
    ValueError
        If it is packed in another way, or what comes out is another image.
    """
    codecs = import_for(path, "imagecodecs")
    n_bytes = int(np.prod(shape)) * dtype.itemsize
    if compression in (_ZSTD, _ZSTD_1):
        start, split = _zstd_header(packed) if compression == _ZSTD_1 else (0, False)
        content = codecs.zstd_decode(packed[start:], out=n_bytes)
        image = _joined(content, n_bytes, split, dtype)
    elif compression == _LZW:
        image = np.frombuffer(bytes(codecs.lzw_decode(packed, out=n_bytes)), dtype)
    elif compression == _JPEG_XR:
        image = codecs.jpegxr_decode(packed)
    elif compression == _JPEG:
        image = codecs.jpeg_decode(packed)
    else:
        raise FileError(
            f"{path} is compressed by method {compression} of CZI, which has no decoder here; save "
            "it uncompressed or with Zstandard in ZEN, or export it as OME-TIFF."
        )
    image = np.asarray(image)
    if image.size != np.prod(shape) or image.dtype.newbyteorder("=") != dtype.newbyteorder("="):
        raise FileError(
            f"{path} is damaged, an image unpacks to {image.shape} {image.dtype} where {shape} "
            f"{dtype} is expected; copy it again."
        )
    return image.reshape(shape)


def _zstd_header(packed):
    """Return how long the header is, and whether bytes are sorted high and low."""
    size = packed[0] if packed else 1
    split = size >= 3 and packed[1] == 1 and bool(packed[2] & _HIGH_LOW)
    return size, split


def _joined(content, n_bytes, split, dtype):
    """Return pixels of unpacked bytes, put together again where high and low ones are apart."""
    plain = np.frombuffer(bytes(content), np.uint8)
    if len(plain) != n_bytes:
        raise ValueError(f"{len(plain)} bytes where {n_bytes} are expected")
    if split:
        plain = np.ascontiguousarray(plain.reshape(2, -1).T).ravel()
    return plain.view(dtype)
