"""Find pages that a TIFF file holds and its chain of pages has lost.

A chain ends where a link is zero, so that one damaged link hides all pages after it. These are
still in the file, and their directories begin as those of the other pages do.
"""

import struct

_WIDTH, _HEIGHT = 256, 257
_OFFSETS = (273, 324)
_MOST_TAGS = 500
_MOST_FOUND = 20_000  # places that are looked at
_MOST_FORMS = 4  # of pages, whose directories are looked for


def count_orphans(data, layout, directories, known_images):
    """Count the directories of pages that no chain leads to.

    Parameters
    ----------
    data : mmap
        The file.
    layout : Layout
    directories : list of pairs
        Of the pages of the chain: where the tags begin, and the tags.
    known_images : set of int
        Where the images of these pages begin. A program that changes tags may leave the old
        directory of the same image in place: that one is not lost.

    Returns
    -------
    int
    """
    n_bytes = struct.calcsize(layout.tag)
    known = {start for start, _ in directories}
    lost = set()
    n_left = _MOST_FOUND + 4 * len(directories)
    for pattern in _patterns(data, layout, directories, n_bytes):
        place = data.find(pattern)
        while place >= 0 and n_left:
            n_left -= 1
            start = _start(data, layout, place, n_bytes)
            if start is not None and start not in known:
                image = _image(data, layout, start, n_bytes)
                if image is not None and image not in known_images:
                    lost.add(image)
            place = data.find(pattern, place + 1)
    return len(lost)


def _patterns(data, layout, directories, n_bytes):
    """Return the entries of width and height, which follow each other, of all sizes of pages."""
    found = {}
    for start, tags in directories:
        if _WIDTH in tags and _HEIGHT in tags and len(found) < _MOST_FORMS:
            place = tags[_WIDTH][2] + struct.calcsize(layout.offset) - n_bytes
            entries = data[place : place + 2 * n_bytes]
            codes = [code for code, *_ in struct.iter_unpack(layout.tag, entries)]
            if codes == [_WIDTH, _HEIGHT] and start <= place:
                found[entries] = True
    return [*found]


def _start(data, layout, place, n_bytes):
    """Return where the tags of a directory begin, of which one entry is at `place`."""
    size = struct.calcsize(layout.n_tags)
    for n_before in (0, 1, 2):  # the kind of page, and an older tag of the same
        start = place - n_before * n_bytes
        if start - size < 8:
            return None
        codes = [struct.unpack_from(layout.order + "H", data, start + i * n_bytes)[0]
                 for i in range(n_before)]  # fmt: skip
        n_tags = struct.unpack_from(layout.n_tags, data, start - size)[0]
        whole = start + n_tags * n_bytes <= len(data)
        if all(code in (254, 255) for code in codes) and 4 <= n_tags <= _MOST_TAGS and whole:
            return start
    return None


def _image(data, layout, start, n_bytes):
    """Return where the image of a directory begins, None if that is no directory."""
    n_tags = struct.unpack_from(layout.n_tags, data, start - struct.calcsize(layout.n_tags))[0]
    block = data[start : start + n_tags * n_bytes]
    previous, image = 0, None
    for code, kind, count, value in struct.iter_unpack(layout.tag, block):
        if code < previous or not 1 <= kind <= 18:
            return None
        previous = code
        if code in _OFFSETS and count:
            letter = {3: "H", 4: "I", 16: "Q", 18: "Q"}.get(kind)
            if letter is None:
                return None
            if count * struct.calcsize("=" + letter) <= len(value):
                image = struct.unpack_from(layout.order + letter, value)[0]
                continue
            place = struct.unpack(layout.offset, value)[0]
            if place + struct.calcsize("=" + letter) > len(data):
                return None
            image = struct.unpack_from(layout.order + letter, data, place)[0]
    return image if image and image < len(data) else None
