"""ND2 files, as NIS-Elements writes them."""

import struct
import zlib
from pathlib import Path

import numpy as np


def write_nd2(path, frames, times, *, pixel_um=0.25, bits=12, names=("GFP",), packed=False,
              events=()):  # fmt: skip
    """Write an ND2 file.

    Parameters
    ----------
    path : path
    frames : ndarray of shape (n_frames, ny, nx), or (n_channels, n_frames, ny, nx)
    times : array-like of shape (n_frames,)
        s.
    pixel_um : float, default=0.25
    bits : int, default=12
    names : sequence of str
        Of the channels.
    packed : bool, default=False
        Whether images are compressed.
    events : sequence of float, default=()
        Times of stimulation, s.
    """
    frames = np.asarray(frames)
    stacks = frames[np.newaxis] if frames.ndim == 3 else frames
    n_channels, n_frames, ny, nx = stacks.shape
    size = stacks.dtype.itemsize
    attributes = {"SLxImageAttributes": {
        "uiWidth": nx, "uiWidthBytes": nx * n_channels * size, "uiHeight": ny, "uiComp": n_channels,
        "uiBpcInMemory": 8 * size, "uiBpcSignificant": bits, "uiSequenceCount": n_frames,
        "uiTileWidth": nx, "uiTileHeight": ny, "eCompression": 0 if packed else 2,
        "dCompressionParam": 0.0,
    }}  # fmt: skip
    line = {"uiCount": 1, "pPoint": {"Point0": {"eType": 0, "dWavelength": 488.0, "dTValue": 1.0}}}
    probe = {"m_ExcitationSpectrum": line, "m_EmissionSpectrum": line}
    planes = {
        f"a{k}": {"uiCompCount": 1, "uiSampleIndex": k, "sDescription": name, "uiColor": 255,
                  "pFluorescentProbe": probe}
        for k, name in enumerate(names)
    }  # fmt: skip
    picture = {"SLxPictureMetadata": {
        "dTimeAbsolute": 2460437.0, "dCalibration": pixel_um, "bCalibrated": True, "dAspect": 1.0,
        "dZoom": 1.0, "dObjectiveMag": 60.0, "wsObjectiveName": "Plan Apo 60x",
        "sPicturePlanes": {"uiCount": n_channels, "uiSampleCount": n_channels,
                           "sPlaneNew": planes, "sSampleSetting": {}},
    }}  # fmt: skip
    step = float(1000 * np.median(np.diff(times))) if n_frames > 1 else 0.0
    experiment = {"SLxExperiment": {
        "eType": 1, "uLoopPars": {"uiCount": n_frames, "dStart": 0.0, "dPeriod": step,
                                  "dDuration": 0.0, "dMinPeriodDiff": 0.0, "dMaxPeriodDiff": 0.0,
                                  "dAvgPeriodDiff": 0.0},
        "uiNextLevelCount": 0,
    }}  # fmt: skip
    out = bytearray(struct.pack("<IIQ", 0x0ABECEDA, 32, 64) + b"ND2 FILE SIGNATURE CHUNK NAME01!"
                    + b"Ver3.0".ljust(64, b"\0"))  # fmt: skip
    out += bytes(4096 - len(out))
    listed = b""

    def add(name, content):
        nonlocal listed
        listed += name + struct.pack("<QQ", len(out), len(content))
        n_name = -(-(16 + len(name)) // 4096) * 4096 - 16 - 8  # pixels begin at a page
        out.extend(struct.pack("<IIQ", 0x0ABECEDA, n_name, len(content)))
        out.extend(name.ljust(n_name, b"\0") + content)
        out.extend(bytes(-len(out) % 4096))

    add(b"ImageAttributesLV!", _lite(attributes))
    add(b"ImageMetadataSeqLV|0!", _lite(picture))
    add(b"ImageMetadataLV!", _lite(experiment))
    for t in range(n_frames):
        content = np.moveaxis(stacks[:, t], 0, -1).tobytes()
        content = zlib.compress(content, 1) if packed else content
        add(b"ImageDataSeq|%d!" % t, struct.pack("<d", 1000.0 * times[t]) + content)
    add(b"CustomData|AcqTimesCache!", (1000.0 * np.asarray(times)).astype("<f8").tobytes())
    if len(events):
        listed_events = {
            f"i{k:010}": {"I": k, "T": 1000.0 * when, "T2": 1000.0 * when, "M": 32,
                          "D": "Stimulation"}
            for k, when in enumerate(events)
        }  # fmt: skip
        add(
            b"CustomData|ExperimentEventsV1_0!",
            _lite({"RLxExperimentRecord": {"uiCount": len(events), "pEvents": listed_events}}),
        )
    place = len(out)
    content = listed + b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", place)
    out += struct.pack("<IIQ", 0x0ABECEDA, 32, len(content)) + b"ND2 FILEMAP SIGNATURE NAME 0001!"
    out += content
    Path(path).write_bytes(out)


def _lite(values):
    """Return a dictionary as NIS-Elements keeps it: a record for each entry, and their places."""
    out = b""
    for name, value in values.items():
        title = (name + "\0").encode("utf-16-le")
        head = len(name) + 1
        if isinstance(value, dict):
            inner = _lite(value)
            size = 2 + len(title) + 12 + len(inner)
            out += struct.pack("<BB", 11, head) + title
            out += struct.pack("<IQ", len(value), size) + inner + bytes(8 * len(value))
        elif isinstance(value, bool):
            out += struct.pack("<BB", 1, head) + title + struct.pack("<B", value)
        elif isinstance(value, int):
            out += struct.pack("<BB", 3, head) + title + struct.pack("<I", value)
        elif isinstance(value, float):
            out += struct.pack("<BB", 6, head) + title + struct.pack("<d", value)
        else:
            out += struct.pack("<BB", 8, head) + title + (value + "\0").encode("utf-16-le")
    return out
