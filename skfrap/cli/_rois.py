"""Regions that were used, kept for ImageJ's ROI Manager."""

from skfrap.cli._output import clear_errors, say
from skfrap.cli._overwrite import check_rois


class SavedROIs:
    """Collect the regions of analyses, and write them at the end.

    Parameters
    ----------
    path : Path or None
        Of the file; None collects nothing.
    inputs : sequence
        What is read, and not written over.
    """

    def __init__(self, path, inputs):
        check_rois(path, inputs)
        self._path, self._found = path, []

    def __enter__(self):
        return self

    def add(self, outcome):
        """Keep the regions of a series of images."""
        if self._path is not None and outcome.protocol is not None:
            self._found.append((outcome.name, outcome.protocol))

    def __exit__(self, *_):
        if self._path is None:
            return
        if not self._found:
            say(f"{self._path} is not written: there are no regions of images", err=True)
            return
        with clear_errors():
            self._write()

    def _write(self):
        from skfrap.io._rois import write_contents

        several, contents, names = len(self._found) > 1, [], set()
        for series, protocol in self._found:
            for name, region in _regions_of(protocol).items():
                full = unique = f"{series}-{name}" if several else name
                again = 1
                while unique in names:
                    again += 1
                    unique = f"{full}-{again}"
                names.add(unique)
                contents.append((unique, region, protocol.pixel_size, protocol.shape))
        write_contents(self._path, contents)


def _regions_of(protocol):
    """Return the regions of a protocol by name."""
    found = {"bleach_region": protocol.bleach_region}
    if protocol.compartment is not None:
        found["compartment"] = protocol.compartment.region
    rows = {name: region for name, region in protocol.rows or () if region is not None}
    return found | {
        f"measured_{name}" if name in found else name: one for name, one in rows.items()
    }
