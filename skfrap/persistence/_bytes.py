"""Objects of the list to bytes and back, for files of other formats that hold some."""

from skfrap import __version__
from skfrap.persistence._codec import Decoder, Encoder
from skfrap.persistence._container import FORMAT, SIGNATURE, pack, unpack


def bytes_of(value):
    """Return what a file of :func:`skfrap.persistence.save` would be, of any class of the list."""
    encoder = Encoder(for_prediction=True)
    structure = {
        "what": SIGNATURE,
        "format": FORMAT,
        "skfrap_version": __version__,
        "object": encoder.encode(value, type(value).__name__),
    }
    return pack(structure, encoder.arrays)


def object_of(content):
    """Return the object that `bytes_of` was given; nothing in bytes of strangers is run."""
    structure, arrays = unpack(content)
    return Decoder(arrays).decode(structure["object"])
