"""Names and other text of files, made fit to be shown: they may hold anything."""

import unicodedata

# Controls, surrogates, unassigned; marks that turn the direction of text; ends of lines.
_HIDDEN = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")


def visible(text, keep=""):
    r"""Show what a terminal would obey, or could not write, as an escape sequence.

    Parameters
    ----------
    text : str
        A name of a file may hold control characters, and bytes that are no text.
    keep : str, default=""
        Characters to leave as they are, e.g. line ends.

    Returns
    -------
    str
        Of characters that can be seen and encoded.

    Examples
    --------
    >>> from skfrap._text import visible
    >>> print(visible("cell\x1b[2J\n.tif"))
    cell\x1b[2J\n.tif
    >>> print(visible("µm"), visible("cell\udcff"))
    µm cell\xff
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one in keep else _visible(one) for one in text)


def _visible(character):
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is no text in the system's encoding
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
