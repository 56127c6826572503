"""CZI and LSM files, as Zeiss microscopes write them."""

import struct
from pathlib import Path

import numpy as np

_PIXEL_TYPES = {"u1": 0, "u2": 1, "f4": 2}


def write_czi(path, frames, times, *, pixel_um=0.25, events=(), circle=None, cycles=2, flags=6,
              bits=12, compression=0, channels=("Ch1",), scenes=1,
              date="2024-05-06T10:00:00"):  # fmt: skip
    """Write a CZI file.

    Parameters
    ----------
    path : path
    frames : ndarray of shape (n_frames, ny, nx), or (n_channels, n_frames, ny, nx)
    times : array-like of shape (n_frames,)
        Time stamps, s.
    pixel_um : float, default=0.25
    events : sequence of (float, int), default=()
        Time and kind; 2 and 3 are start and end of bleaching.
    circle : tuple of float, default=None
        x, y, radius of a region, pixels.
    cycles, flags : int
        Of bleaching; what the region was drawn for.
    bits : int, default=12
    compression : {0, 6}
    channels : sequence of str
    scenes : int, default=1
        In how many scenes the same frames stand.
    date : str
        When the file was made, in whole seconds.
    """
    frames = np.asarray(frames)
    stacks = frames[np.newaxis] if frames.ndim == 3 else frames
    n_channels, n_frames, ny, nx = stacks.shape
    kind = _PIXEL_TYPES[stacks.dtype.str[1:]]
    out = bytearray(_czi_segment(b"ZISRAWFILE", bytes(512)))
    entries = []
    for scene in range(scenes):
        for c in range(n_channels):
            for t in range(n_frames):
                content = stacks[c, t].tobytes()
                if compression == 6:
                    content = _zstd(content, stacks.dtype.itemsize)
                axes = [("X", 0, nx), ("Y", 0, ny), ("C", c, 1), ("T", t, 1), ("S", scene, 1)]
                axes = axes if scenes > 1 else axes[:-1]
                entry = struct.pack(
                    "<2siqiiBB4si", b"DV", kind, len(out), 0, compression, 0, 0, bytes(4), len(axes)
                ) + b"".join(
                    struct.pack("<4siifi", axis.encode(), start, size, 0.0, size)
                    for axis, start, size in axes
                )
                entries.append(entry)
                head = struct.pack("<iiq", 0, 0, len(content)) + entry
                body = head.ljust(256, b"\0") + content
                out += _czi_segment(b"ZISRAWSUBBLOCK", body)
    names = "".join(f"<Channel Id='{k}' Name='{name}'><LaserScanInfo><FrameTime>0.1</FrameTime>"
                    f"</LaserScanInfo></Channel>" for k, name in enumerate(channels))  # fmt: skip
    region = "" if circle is None else (
        "<Layers><Layer><Usage>Annotation</Usage><Elements><Circle><Geometry>"
        f"<CenterX>{circle[0]}</CenterX><CenterY>{circle[1]}</CenterY><Radius>{circle[2]}</Radius>"
        f"</Geometry><Attributes><AcquisitionFlags>0x{flags:x}</AcquisitionFlags></Attributes>"
        "</Circle></Elements></Layer></Layers>"
    )  # fmt: skip
    xml = (
        "<ImageDocument><Metadata><Information><Document>"
        f"<CreationDate>{date}</CreationDate></Document><Image>"
        f"<ComponentBitCount>{bits}</ComponentBitCount><SizeT>{n_frames}</SizeT>"
        f"<Dimensions><Channels>{names}</Channels></Dimensions></Image></Information><Scaling><Items>"
        f"<Distance Id='X'><Value>{pixel_um * 1e-6}</Value></Distance>"
        f"<Distance Id='Y'><Value>{pixel_um * 1e-6}</Value></Distance></Items></Scaling>{region}"
        "<Experiment><BleachParameterSet><StartEvent>Number</StartEvent><Cycles>"
        f"{cycles}</Cycles></BleachParameterSet></Experiment></Metadata></ImageDocument>"
    ).encode()
    xml_at = len(out)
    out += _czi_segment(b"ZISRAWMETADATA", struct.pack("<ii", len(xml), 0).ljust(256, b"\0") + xml)
    directory_at = len(out)
    head = struct.pack("<i", len(entries)).ljust(128, b"\0")
    out += _czi_segment(b"ZISRAWDIRECTORY", head + b"".join(entries))
    lists = {"TimeStamps": (b"CZTIMS", struct.pack("<ii", 8 + 8 * len(times), len(times))
                            + np.asarray(times, "<f8").tobytes())}  # fmt: skip
    if len(events):
        body = b"".join(struct.pack("<idii", 24, when, what, 4) + b"one\0" for when, what in events)
        lists["EventList"] = (b"CZEVL", struct.pack("<ii", 8 + len(body), len(events)) + body)
    attached = []
    for name, (kind_of_list, body) in lists.items():
        entry = struct.pack("<2s10sqi16s8s80s", b"A1", bytes(10), len(out), 0, bytes(16),
                            kind_of_list, name.encode())  # fmt: skip
        head = struct.pack("<i12s", len(body), bytes(12)) + entry
        out += _czi_segment(b"ZISRAWATTACH", head.ljust(256, b"\0") + body)
        attached.append(entry)
    attached_at = len(out)
    head = struct.pack("<i", len(attached)).ljust(256, b"\0")
    out += _czi_segment(b"ZISRAWATTDIR", head + b"".join(attached))
    struct.pack_into("<iiii16s16siqqiq", out, 32, 1, 0, 0, 0, bytes(16), bytes(16), 0,
                     directory_at, xml_at, 0, attached_at)  # fmt: skip
    Path(path).write_bytes(out)


def _czi_segment(name, content):
    room = -(-len(content) // 32) * 32
    return struct.pack("<16sqq", name, room, len(content)) + content.ljust(room, b"\0")


def _zstd(content, itemsize):
    """Pack bytes as ZEN does: high bytes after all low ones."""
    import imagecodecs

    apart = np.frombuffer(content, np.uint8)
    split = itemsize == 2
    if split:
        apart = np.ascontiguousarray(apart.reshape(-1, 2).T)
    return bytes([3, 1, int(split)]) + imagecodecs.zstd_encode(apart.tobytes())


def write_lsm(path, frames, times, *, pixel_um=0.25, events=(), circle=None, names=("Ch1",)):
    """Write an LSM file.

    Parameters
    ----------
    path : path
    frames : ndarray of shape (n_frames, ny, nx), or (n_channels, n_frames, ny, nx)
    times : array-like of shape (n_frames,)
        Time stamps, s.
    pixel_um : float, default=0.25
    events : sequence of (float, int), default=()
        Time and kind; 2 and 3 are start and end of bleaching.
    circle : tuple of float, default=None
        x, y, radius of the bleach region, pixels.
    names : sequence of str
        Of the channels.
    """
    frames = np.asarray(frames)
    stacks = frames[np.newaxis] if frames.ndim == 3 else frames
    n_channels, n_frames, ny, nx = stacks.shape
    bits = 8 * stacks.dtype.itemsize
    out, places = bytearray(b"II*\0" + bytes(4)), {}
    for t in range(n_frames):
        places[t] = len(out)
        out += b"".join(stack[t].tobytes() for stack in stacks)
    thumbnails = len(out)
    out += bytes(16 * n_frames)
    lists = {"TimeStamps": struct.pack("<ii", 8 + 8 * len(times), len(times))
             + np.asarray(times, "<f8").tobytes()}  # fmt: skip
    if len(events):
        body = b"".join(struct.pack("<IdI", 20, when, what) + b"one\0" for when, what in events)
        lists["EventList"] = struct.pack("<II", 8 + len(body), len(events)) + body
    if circle is not None:
        x, y, radius = circle
        body = struct.pack("<ii", 24, 204 + 36).ljust(204, b"\0")
        body += struct.pack("<i4d", 2, x, y, x + radius, y)
        lists["BleachRoi"] = struct.pack("<ii", 1, 196 + len(body)).ljust(196, b"\0") + body
    colours = b"".join(struct.pack("<I", len(name) + 1) + name.encode() + b"\0" for name in names)
    lists["ChannelColors"] = struct.pack(
        "<IIIIII", 24 + 4 * n_channels + len(colours), n_channels, n_channels, 24,
        24 + 4 * n_channels, 0,
    ) + bytes(4 * n_channels) + colours  # fmt: skip
    offsets = {}
    for name, content in lists.items():
        offsets[name] = len(out)
        out += content
    info_at = len(out)
    out += struct.pack(
        "<Ii8i6dHHI4Id8I", 67127628, 500, nx, ny, 1, n_channels, n_frames, 2, 2, 2,
        pixel_um * 1e-6, pixel_um * 1e-6, 1e-6, 0.0, 0.0, 0.0, 3, 0, 0,
        0, 0, 0, offsets["ChannelColors"], 0.0, 0, 0, 0, offsets["TimeStamps"],
        offsets.get("EventList", 0), 0, offsets.get("BleachRoi", 0), 0,
    ).ljust(500, b"\0")  # fmt: skip
    link = 4
    for t in range(n_frames):
        step = ny * nx * stacks.dtype.itemsize
        starts = [places[t] + c * step for c in range(n_channels)]
        for reduced in (0, 1):
            samples = 1 if reduced else n_channels
            tags = [(254, 4, [reduced]), (256, 4, [4 if reduced else nx]),
                    (257, 4, [4 if reduced else ny]), (258, 3, [8 if reduced else bits] * samples),
                    (259, 3, [1]), (262, 3, [1]),
                    (273, 4, [thumbnails + 16 * t] if reduced else starts), (277, 3, [samples]),
                    (279, 4, [16] if reduced else [step] * n_channels), (284, 3, [2])]  # fmt: skip
            if t == 0 and not reduced:
                tags.append((34412, 1, info_at))
            link = _add_page(out, link, tags)
    Path(path).write_bytes(out)


def _add_page(out, link, tags):
    """Add a page to a TIFF file, and return where the link to the next one is."""
    entries = b""
    for code, kind, values in tags:
        if isinstance(values, int):  # a record that is there already
            entries += struct.pack("<HHII", code, kind, 500, values)
            continue
        packed = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        # Zeiss keeps two depths apart, too, though there is room for them.
        if len(packed) > 4 or (code == 258 and len(values) == 2):
            place = len(out)
            out += packed
            packed = struct.pack("<I", place)
        entries += struct.pack("<HHI", code, kind, len(values)) + packed.ljust(4, b"\0")
    struct.pack_into("<I", out, link, len(out))
    out += struct.pack("<H", len(tags)) + entries
    link = len(out)
    out += bytes(4)
    return link
