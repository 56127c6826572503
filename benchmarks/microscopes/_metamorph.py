"""STK files, as MetaMorph writes them."""

import struct
from pathlib import Path

import numpy as np


def write_stk(path, frames, times, *, pixel_um=0.25):
    """Write an STK file: one page, with all planes after each other, and a date for each.

    Parameters
    ----------
    path : path
    frames : ndarray of shape (n_frames, ny, nx)
    times : array-like of shape (n_frames,)
        s after midnight; MetaMorph writes ms.
    pixel_um : float, default=0.25
    """
    frames = np.asarray(frames)
    n_frames, ny, nx = frames.shape
    out = bytearray(b"II*\0" + bytes(4))
    out += frames.tobytes()
    planes = len(out)
    for t in times:
        out += struct.pack("<6I", 0, 1, 2460437, round(1000 * t), 2460437, round(1000 * t))
    places = {}
    for name, content in (
        ("x", struct.pack("<II", round(pixel_um * 1e6), 10**6)),
        ("unit", struct.pack("<I", 3) + b"um\0"),
    ):
        places[name] = len(out)
        out += content
    records = [(4, places["x"]), (5, places["x"]), (6, places["unit"])]
    own = len(out)
    out += b"".join(struct.pack("<II", code, place) for code, place in records)
    step = ny * nx * frames.dtype.itemsize
    bits = 8 * frames.dtype.itemsize
    tags = [(254, 4, [0]), (256, 4, [nx]), (257, 4, [ny]), (258, 3, [bits]), (259, 3, [1]),
            (262, 3, [1]), (273, 4, [8]), (277, 3, [1]), (278, 4, [ny]),
            (279, 4, [step])]  # fmt: skip
    entries = b"".join(
        struct.pack("<HHI", code, kind, 1)
        + struct.pack("<H" if kind == 3 else "<I", values[0]).ljust(4, b"\0")
        for code, kind, values in tags
    )
    entries += struct.pack("<HHII", 33628, 4, len(records), own)
    entries += struct.pack("<HHII", 33629, 5, n_frames, planes)
    struct.pack_into("<I", out, 4, len(out))
    out += struct.pack("<H", len(tags) + 2) + entries + bytes(4)
    Path(path).write_bytes(out)
