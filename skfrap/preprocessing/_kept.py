"""What was read of stacks and prepared for them, kept for those who look at them next."""

from collections import OrderedDict
from threading import Lock, RLock

_MOST_KEPT = 2**27  # bytes of stacks that are kept as they were recorded, but always the last one
_MOST_VIEWS = 16  # of one stack


class Kept:
    """Keep of the last few stacks what was read and prepared; for several threads at once."""

    def __init__(self):
        self._entries = OrderedDict()  # by the stack's place, the latest last
        self._lock = Lock()

    def entry(self, place):
        """Return what is kept of a stack, which may be nothing yet."""
        with self._lock:
            entry = self._entries.setdefault(place, Entry())
            self._entries.move_to_end(place)
            return entry

    def shrink(self):
        """Forget the stacks that were looked at longest ago, until the others are small enough."""
        with self._lock:
            excess = sum(entry.n_bytes for entry in self._entries.values()) - _MOST_KEPT
            while excess > 0 and len(self._entries) > 1:
                _, entry = self._entries.popitem(last=False)
                excess -= entry.n_bytes


class Entry:
    """Keep what was read of one stack, and what corrections have prepared.

    Attributes
    ----------
    lock : RLock
        To be held while something is added: others that want the same wait for it.
    recorded : tuple or None
        The stack and its bit depth.
    own : Own or None
        What the sample says of itself.
    """

    def __init__(self):
        self.lock = RLock()
        self.recorded = self.own = None
        self._views = OrderedDict()

    @property
    def n_bytes(self):
        """Size of the stack."""
        return 0 if self.recorded is None else self.recorded[0].nbytes

    def corrected(self, view, corrector, chain):
        """Return a view through one more correction, the last of a chain, prepared once."""
        if chain not in self._views:
            self._views[chain] = view.corrected(corrector)
            if len(self._views) > _MOST_VIEWS:
                self._views.popitem(last=False)
        return self._views[chain]
