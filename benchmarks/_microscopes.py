"""Write files as microscopes do, as small as they can be: for tests, and to be damaged.

Written after the descriptions of the formats and after what libraries read; no microscope made
them. What they hold is told by the arguments, so that a reader's answers can be held against it.
"""

import struct
import zlib
from pathlib import Path

import numpy as np

_PIXEL_TYPES = {"u1": 0, "u2": 1, "f4": 2}


def write_czi(path, frames, times, *, pixel_um=0.25, events=(), circle=None, cycles=2, flags=6,
              bits=12, compression=0, channels=("Ch1",), scenes=1):  # fmt: skip
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
        "<CreationDate>2024-05-06T10:00:00</CreationDate></Document><Image>"
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


def write_lif(path, series, *, pixel_um=0.25, bits=12, settings=""):
    """Write a LIF file.

    Parameters
    ----------
    path : path
    series : sequence of (str, ndarray, array-like, str)
        The name of each; its frames, (n_frames, ny, nx) or (n_channels, n_frames, ny, nx); the
        time stamps of frames, s after the start of 2024, or None; and XML that is put into the
        settings of its scan.
    pixel_um : float, default=0.25
    bits : int, default=12
    settings : str, default=""
        Attributes of all settings.
    """
    elements, blocks = [], []
    for k, (name, frames, stamps, more) in enumerate(series):
        frames = np.asarray(frames)
        stack = frames[:, np.newaxis] if frames.ndim == 3 else np.moveaxis(frames, 0, 1)
        n_frames, n_channels, ny, nx = stack.shape
        size = stack.dtype.itemsize
        axes = [(1, nx, (nx - 1) * pixel_um * 1e-6, "m", size),
                (2, ny, (ny - 1) * pixel_um * 1e-6, "m", nx * size)]  # fmt: skip
        if n_frames > 1:
            span = 0 if stamps is None else float(stamps[-1] - stamps[0])
            axes.append((4, n_frames, span, "s", n_channels * ny * nx * size))
        dimensions = "".join(
            f'<DimensionDescription DimID="{code}" NumberOfElements="{n}" Origin="0" '
            f'Length="{length:.9e}" Unit="{unit}" BitInc="0" BytesInc="{step}"/>'
            for code, n, length, unit, step in axes
        )
        channels = "".join(
            f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="{bits}" '
            f'NameOfMeasuredQuantity="" Min="0" Max="1" Unit="" LUTName="{lut}" '
            f'IsLUTInverted="0" BytesInc="{c * ny * nx * size}" BitInc="0"/>'
            for c, lut in zip(range(n_channels), ("Green", "Red", "Blue"), strict=False)
        )
        ticks = [] if stamps is None else [133485408000000000 + round(1e7 * t) for t in stamps]
        stamped = " ".join(f"{one:x}" for one in ticks for _ in range(n_channels))
        stamped = f'<TimeStampList NumberOfTimeStamps="{len(ticks)}">{stamped}</TimeStampList>'
        elements.append(
            f'<Element Name="{name}" UniqueID="u{k}"><Data><Image><ImageDescription><Channels>'
            f"{channels}</Channels><Dimensions>{dimensions}</Dimensions></ImageDescription>"
            f"{stamped if ticks else ''}"
            f'<Attachment Name="HardwareSetting"><ATLConfocalSettingDefinition {settings}>{more}'
            f"</ATLConfocalSettingDefinition></Attachment></Image></Data>"
            f'<Memory Size="{stack.nbytes}" MemoryBlockID="MemBlock_{k}"/><Children/></Element>'
        )
        blocks.append((f"MemBlock_{k}", stack.tobytes()))
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="experiment.lif" UniqueID="x"><Data>'
        '<Experiment><TimeStamp HighInteger="31079731" LowInteger="0"/></Experiment></Data>'
        f'<Memory Size="0" MemoryBlockID="MemBlock_x"/><Children>{"".join(elements)}</Children>'
        "</Element></LMSDataContainerHeader>"
    ).encode("utf-16-le")
    out = struct.pack("<IIBI", 0x70, len(xml) + 5, 0x2A, len(xml) // 2) + xml
    for name, content in blocks:
        title = name.encode("utf-16-le")
        head = struct.pack("<IIBQBI", 0x70, 14 + len(title), 0x2A, len(content), 0x2A, len(name))
        out += head + title + content
    Path(path).write_bytes(out)


def leica_region(kind, corners_um, name="ROI 1"):
    """Return the XML of a region as LAS X keeps it, its corners in µm from the middle."""
    points = "".join(f'<P X="{x * 1e-6:.9e}" Y="{y * 1e-6:.9e}"/>' for x, y in corners_um)
    return (
        f'<ROI><LMSDataContainerHeader Version="2"><Element Name="DCROISet"><Children><Element '
        f'Name="{name}"><Data><ROISingle RoiType="{kind}"><Vertices>{points}</Vertices>'
        '<Transformation Rotation="0"><Scaling XScale="1" YScale="1"/><Translation X="0" Y="0"/>'
        "</Transformation></ROISingle></Data></Element></Children></Element>"
        "</LMSDataContainerHeader></ROI>"
    )


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
