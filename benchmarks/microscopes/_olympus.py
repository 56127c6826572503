"""OIF, OIB and OIR files, as Olympus microscopes write them."""

import struct
from pathlib import Path

import numpy as np


def oif_files(frames, times, *, pixel_um=0.25, bits=12, names=("EGFP",), circle=None):
    """Return the files of an OIF recording: the content of each by its name, the main one first.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, ny, nx), or (n_channels, n_frames, ny, nx)
    times : array-like of shape (n_frames,)
        s.
    pixel_um : float, default=0.25
    bits : int, default=12
    names : sequence of str
        Of the channels.
    circle : tuple of float, default=None
        x, y, radius of a region, pixels.

    Returns
    -------
    dict of str to bytes
    """
    import io

    import tifffile

    frames = np.asarray(frames)
    stacks = frames[np.newaxis] if frames.ndim == 3 else frames
    n_channels, n_frames, ny, nx = stacks.shape
    span = 1000 * float(times[-1] - times[0])
    sections = {
        "Acquisition Parameters Common": {"ImageCaputreDate": "'2024-05-06 10:00:00'",
                                          "ImageCaputreDate+MilliSec": 250, "ZoomValue": 4},
        "Axis 0 Parameters Common": {"AxisCode": '"X"', "MaxSize": nx, "UnitName": '"um"',
                                     "StartPosition": 0, "EndPosition": nx * pixel_um},
        "Axis 1 Parameters Common": {"AxisCode": '"Y"', "MaxSize": ny, "UnitName": '"um"',
                                     "StartPosition": 0, "EndPosition": ny * pixel_um},
        "Axis 4 Parameters Common": {"AxisCode": '"T"', "MaxSize": n_frames, "UnitName": '"ms"',
                                     "StartPosition": 0, "EndPosition": span},
        "Reference Image Parameter": {"WidthConvertValue": pixel_um, "WidthUnit": '"um"',
                                      "HeightConvertValue": pixel_um, "ValidBitCounts": bits},
        "ProfileSaveInfo": {"Name": '"a.oif"', "Version": '"2.0"'},
    }  # fmt: skip
    for k, name in enumerate(names):
        sections[f"Channel {k + 1} Parameters"] = {"DyeName": f'"{name}"'}
    files = {"a.oif": _ini(sections)}
    for c in range(n_channels):
        for t in range(n_frames):
            buffer, name = io.BytesIO(), f"s_C{c + 1:03d}T{t + 1:03d}"
            tifffile.imwrite(buffer, stacks[c, t], metadata=None)
            files[f"{name}.tif"] = buffer.getvalue()
            files[f"{name}.pty"] = _ini(
                {
                    "Axis 4 Parameters": {
                        "AbsPositionUnitName": '"ms"',
                        "AbsPositionValue": 1000 * float(times[t]),
                    }
                }
            )
    if circle is not None:
        x, y, radius = circle
        files["R1.roi"] = _ini({"ROIBase FileInformation": {
            "SHAPE": 6, "Name": '"ROI1"', "X": f"{x - radius},{x + radius}",
            "Y": f"{y - radius},{y + radius}"}})  # fmt: skip
    return files


def _ini(sections):
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{name}={value}" for name, value in values.items())]
    return b"\xff\xfe" + "\r\n".join([*lines, ""]).encode("utf-16-le")


def write_oif(path, frames, times, **options):
    """Write an OIF file, and the folder of its images beside it; as :func:`oif_files`."""
    (_, main), *others = oif_files(frames, times, **options).items()
    path = Path(path)
    path.write_bytes(main)
    beside = path.with_name(f"{path.name}.files")
    beside.mkdir(exist_ok=True)
    for name, content in others:
        (beside / name).write_bytes(content)


def write_oib(path, frames, times, **options):
    """Write an OIB file; as :func:`oif_files`."""
    files = oif_files(frames, times, **options)
    streams, info = {}, {"Name": '"a.oib"', "Version": '"2.0"', "MainFileName": "Stream00000"}
    for k, (name, content) in enumerate(files.items()):
        streams[f"Stream{k:05d}"] = content
        info[f"Stream{k:05d}"] = name if k == 0 else f"Storage00001/{name}"
    streams["OibInfo.txt"] = _ini({"OibSaveInfo": info})
    write_compound(path, streams)


def write_compound(path, streams):
    """Write a compound file of some streams, by their names; all of them in whole sectors."""
    sector, end, free = 512, 0xFFFFFFFE, 0xFFFFFFFF
    parts, fat, entries = [], [], []

    def add(content):
        n = max(1, -(-len(content) // sector))
        start = len(fat)
        fat.extend([*range(start + 1, start + n), end])
        parts.append(content.ljust(n * sector, b"\0"))
        return start

    for name, content in streams.items():
        # Streams below 4096 bytes would go elsewhere; the texts may end in blanks.
        blank = "\r\n".encode("utf-16-le")
        padded = content + blank * max(0, -(-(4096 - len(content)) // len(blank)))
        entries.append((name, 2, add(padded), len(padded)))

    def entry(name, kind, start, size, left=free, right=free, child=free):
        title = (name + "\0").encode("utf-16-le")
        return title.ljust(64, b"\0") + struct.pack(
            "<HBB3I16sIQQIQ", len(title), kind, 1, left, right, child, bytes(16), 0, 0, 0, start,
            size,
        )  # fmt: skip

    content = entry("Root Entry", 5, end, 0, child=1 if entries else free)
    for k, (name, kind, start, size) in enumerate(entries):
        content += entry(name, kind, start, size, right=k + 2 if k + 1 < len(entries) else free)
    directory = add(content)
    n_fat = 1
    while n_fat * sector // 4 < len(fat) + n_fat:
        n_fat += 1
    first = len(fat)
    fat += [0xFFFFFFFD] * n_fat
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(n_fat * sector, b"\xff")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + struct.pack(
        "<16sHHHHHHIIIIIIIIII", bytes(16), 0x3E, 3, 0xFFFE, 9, 6, 0, 0, 0, n_fat, directory, 0,
        4096, end, 0, end, 0,
    )  # fmt: skip
    header += struct.pack("<109I", *[first + k if k < n_fat else free for k in range(109)])
    Path(path).write_bytes(header + b"".join(parts) + table)


def write_oir(path, frames, times, *, pixel_um=0.25, bits=12):
    """Write an OIR file of one channel.

    Parameters
    ----------
    path : path
    frames : ndarray of shape (n_frames, ny, nx)
    times : array-like of shape (n_frames,)
        s.
    pixel_um : float, default=0.25
    bits : int, default=12
    """
    frames = np.asarray(frames)
    n_frames, ny, nx = frames.shape
    channel = "0a1b2c3d-0000-4000-8000-00000000000a"
    out, places = bytearray(96), []

    def add(kind, content):
        places.append(len(out))
        out.extend(struct.pack("<II", len(content), kind) + content)

    image = (
        '<?xml version="1.0"?><lsmimage:lsmimage xmlns:lsmimage="l" xmlns:c="c">'
        "<c:creationDateTime>2024-05-06T10:00:00.000+00:00</c:creationDateTime>"
        f'<c:channel id="{channel}" order="1"><c:name>CH1</c:name></c:channel>'
        f'<c:axis enable="true"><c:axis>TIMELAPSE</c:axis><c:maxSize>{n_frames}</c:maxSize>'
        f"</c:axis><c:length><c:x>{pixel_um}</c:x><c:y>{pixel_um}</c:y></c:length>"
        "</lsmimage:lsmimage>"
    )
    add(0, image.encode())
    for t, frame in enumerate(frames):
        uid = f"t{t + 1:03d}_0_1_{channel}_0".encode()
        add(3, struct.pack("<III", 0, 0, len(uid)) + uid)
        add(4, frame.tobytes())
        properties = (
            '<?xml version="1.0"?><f:frameProperties xmlns:f="f">'
            f"<f:width>{nx}</f:width><f:height>{ny}</f:height>"
            f"<f:depth>{frames.dtype.itemsize}</f:depth><f:bitCounts>{bits}</f:bitCounts>"
            "<f:colorType>GrayScale</f:colorType><f:axisValue><f:axisType>TIMELAPSE</f:axisType>"
            f"<f:position>{1000 * float(times[t])}</f:position></f:axisValue></f:frameProperties>"
        )
        add(1, properties.encode())
    index = len(out)
    out += struct.pack("<I", 0xFFFFFFFF) + struct.pack(f"<{len(places)}Q", *places)
    out[:16] = b"OLYMPUSRAWFORMAT"
    struct.pack_into("<IIIIQQ", out, 16, 12, 0, 1, 2, len(out), index)
    Path(path).write_bytes(out)
