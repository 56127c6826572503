"""What a sample says of itself: its protocol, and what is to be known of it."""

from functools import cached_property

from skfrap.io import ImageSeries, Recording
from skfrap.io._stored_protocol import stored_protocol


class Own:
    """Know the protocol that a sample brings, which is looked for when it is asked for.

    Parameters
    ----------
    item : Recording, ImageSeries or object
        The sample; of anything else nothing is known.
    name : str
        What to call it in messages.
    """

    def __init__(self, item=None, name=""):
        self._item = item if isinstance(item, ImageSeries | Recording) else None
        self._name = name

    @property
    def findings(self):
        """What is to be known of the sample before it is used, a tuple of Finding."""
        return () if self._item is None else tuple(self._item.findings)

    @property
    def protocol(self):
        """The protocol that it brings, or None.

        Raises
        ------
        ValueError
            If its file has stored one that is not that of its frames.
        """
        protocol, set_aside = self._found
        if set_aside:
            raise ValueError(
                f"{self._name}: {set_aside.words}; give skfrap.Recording(frames, protocol), or "
                "protocol=... to the pipeline for all samples."
            )
        return protocol

    @cached_property
    def _found(self):
        if isinstance(self._item, ImageSeries):
            return stored_protocol(self._item)
        return getattr(self._item, "protocol", None), None
