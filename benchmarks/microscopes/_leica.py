"""LIF files, as Leica microscopes write them."""

import struct
from pathlib import Path

import numpy as np


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
    elements, blocks = _described(series, pixel_um, bits, settings)
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


def write_lof(path, name, frames, stamps, *, pixel_um=0.25, bits=12):
    """Write a LOF file, which holds one series; as :func:`write_lif`."""
    elements, blocks = _described([(name, frames, stamps, "")], pixel_um, bits, "")
    title = "LMS_Object_File".encode("utf-16-le")
    out = struct.pack("<IIBI", 0x70, len(title) + 5, 0x2A, len(title) // 2) + title
    out += struct.pack("<BIBI", 0x2A, 2, 0x2A, 0)
    ((_, content),) = blocks
    out += struct.pack("<BQ", 0x2A, len(content)) + content
    xml = f'<LMSDataContainerHeader Version="2">{elements[0]}</LMSDataContainerHeader>'
    packed = xml.encode("utf-16-le")
    out += struct.pack("<IIBI", 0x70, len(packed) + 5, 0x2A, len(packed) // 2) + packed
    Path(path).write_bytes(out)


def write_xlef(path, name, frames, stamps, *, pixel_um=0.25, bits=12, pictures=False):
    """Write an XLEF file and what it refers to: an XLIF file, and its frames in LOF or TIFF files.

    Parameters
    ----------
    path : path
    name, frames, stamps, pixel_um, bits
        As :func:`write_lof`; frames of one channel.
    pictures : bool, default=False
        Whether frames are in a TIFF file each, rather than in one LOF file.
    """
    path = Path(path)
    (element,), _ = _described([(name, frames, stamps, "")], pixel_um, bits, "")
    if pictures:
        import tifffile

        parts = [(f"{name}_{k:03d}.tif", frame) for k, frame in enumerate(frames)]
        for file, frame in parts:
            tifffile.imwrite(path.with_name(file), frame, metadata=None)
    else:
        parts = [(f"{name}.lof", np.asarray(frames))]
        write_lof(path.with_name(f"{name}.lof"), name, frames, stamps, pixel_um=pixel_um, bits=bits)
    offset, listed = 0, ""
    for file, part in parts:
        listed += f'<Frame File="{file}" Offset="{offset}" Size="{part.nbytes}" UUID=""/>'
        offset += part.nbytes
    element = element.replace('MemBlock_0"/>', f'MemBlock_0">{listed}</Memory>')
    head, foot = '<LMSDataContainerHeader Version="2">', "</LMSDataContainerHeader>"
    start = '<?xml version="1.0"?>'
    path.with_name(f"{name}.xlif").write_text(f"{start}{head}{element}{foot}", encoding="utf-8")
    children = f'<Children><Reference File="{name}.xlif" UUID=""/></Children>'
    whole = f'{head}<Element Name="a"><Data><Experiment/></Data>{children}</Element>{foot}'
    path.write_text(start + whole, encoding="utf-8")


def _described(series, pixel_um, bits, settings):
    """Return the XML of each series, and its pixels by the name of their block."""
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
    return elements, blocks


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
