"""What leaves the page, and what comes back to it: reports, and regions of ImageJ."""

from typing import Any

from skfrap.app._errors import AppError


async def write_report(session: Any, of: Any) -> str:
    """Write a report, and return its name.

    Parameters
    ----------
    session : Session
    of : {"current", "all"}

    Returns
    -------
    str
    """
    if of not in ("current", "all"):
        raise AppError("a report is of the current series, or of all")
    path = str(session.uploads.folder / f"report-{of}.html")
    if of == "all":
        await session.batch.report(path)
    else:
        keep, entry = session.kept(), session.entry(session.current)
        command = session.command([entry])
        await session.full.call(
            "report_of_one",
            keep=keep,
            given=session.told(),
            name=entry.name,
            command=command,
            path=path,
        )
    return f"report-{of}.html"


async def take_rois(session: Any, content: bytes, target: Any) -> None:
    """Take regions of ImageJ as settings.

    Parameters
    ----------
    session : Session
    content : bytes
        Of a .roi or .zip file.
    target : {"bleach_region", "compartment", "reference"}
        What the page draws.
    """
    if target not in ("bleach_region", "compartment", "reference"):
        raise AppError("regions are of the bleach region, the outline, or a reference")
    suffix = ".zip" if content[:2] == b"PK" else ".roi"
    path = session.uploads.folder / f"rois{suffix}"
    path.write_bytes(content)
    try:
        found = await session.live.call(
            "read_regions", path=str(path), keep=session.kept(), target=target
        )
    finally:
        path.unlink(missing_ok=True)
    session.change(found)


async def save_rois(session: Any) -> bytes:
    """Return the regions that are drawn, for ImageJ's ROI Manager.

    Parameters
    ----------
    session : Session

    Returns
    -------
    bytes
        Of a .zip file.
    """
    path = session.uploads.folder / "regions.zip"
    await session.live.call(
        "write_regions", keep=session.kept(), given=session.told(), path=str(path)
    )
    return path.read_bytes()
