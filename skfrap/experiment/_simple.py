"""Whether a polygon is simple: a sweep over its edges, in n log n steps (Shamos and Hoey, 1976)."""

from bisect import bisect_left

import numpy as np

_TURN = 0.7390851332151607  # radians; no line through points of a grid has such a slope


def crosses_itself(vertices):
    """Tell whether two edges of a polygon that are not neighbours meet.

    Parameters
    ----------
    vertices : sequence of n pairs of float
        (x, y), in order round the polygon, without repetitions of a vertex by the next.

    Returns
    -------
    bool

    Examples
    --------
    >>> from skfrap.experiment._simple import crosses_itself
    >>> crosses_itself([(0, 0), (4, 0), (4, 4), (0, 4)])
    False
    >>> crosses_itself([(0, 0), (4, 4), (4, 0), (0, 4)])
    True
    """
    points = [(float(x), float(y)) for x, y in vertices]
    n = len(points)
    if len(set(points)) < n:
        return True
    turned = np.asarray(points) @ np.array(
        [[np.cos(_TURN), np.sin(_TURN)], [-np.sin(_TURN), np.cos(_TURN)]]
    )
    return _Sweep(points, turned.tolist()).finds_a_crossing()


class _Sweep:
    """Edges in the order in which a line that moves over the plane cuts them.

    Until the first crossing that order does not change, so that edges that cross are at some time
    neighbours in it.
    """

    def __init__(self, points, turned):
        self.points = points
        n = len(points)
        self.ends = []
        for k in range(n):
            a, b = turned[k], turned[(k + 1) % n]
            self.ends.append((a, b) if a < b else (b, a))
        self.slopes = [
            (b[1] - a[1]) / (b[0] - a[0]) if b[0] > a[0] else np.inf for a, b in self.ends
        ]
        self.status = []
        self.x = 0.0

    def finds_a_crossing(self):
        # Of what happens at one place, edges end before others begin.
        events = [(a[0], 1, a[1], k) for k, (a, _) in enumerate(self.ends)]
        events += [(b[0], 0, b[1], k) for k, (_, b) in enumerate(self.ends)]
        for x, begins, y, edge in sorted(events):
            self.x = x
            place = bisect_left(self.status, (y, self.slopes[edge]), key=self._order)
            if begins:
                # Two on each side: the next may be a neighbour along the polygon, which it meets.
                if any(self._meets(edge, place + k) for k in (-2, -1, 0, 1)):
                    return True
                self.status.insert(place, edge)
            else:
                place = self._place(edge, place)
                del self.status[place]
                above = self.status[max(0, place - 2) : place]
                if any(self._meets(one, place + k) for one in above for k in (0, 1)):
                    return True
        return False

    def _order(self, edge):
        (x0, y0), (x1, y1) = self.ends[edge]
        slope = self.slopes[edge]
        if self.x <= x0:
            return y0, slope
        if self.x >= x1:
            return y1, slope
        return y0 + slope * (self.x - x0), slope

    def _place(self, edge, guess):
        """Find an edge; rounding may have put it beside the place where it should be."""
        for place in range(max(0, guess - 2), min(len(self.status), guess + 3)):
            if self.status[place] == edge:
                return place
        return self.status.index(edge)

    def _meets(self, edge, place):
        if not 0 <= place < len(self.status):
            return False
        other, n = self.status[place], len(self.points)
        distance = abs(edge - other)
        if distance <= 1 or distance >= n - 1:
            return False
        a, b = self.points[edge], self.points[(edge + 1) % n]
        c, d = self.points[other], self.points[(other + 1) % n]
        boxes_meet = all(
            min(a[i], b[i]) <= max(c[i], d[i]) and min(c[i], d[i]) <= max(a[i], b[i])
            for i in (0, 1)
        )
        return (
            boxes_meet
            and _side(a, b, c) * _side(a, b, d) <= 0
            and _side(c, d, a) * _side(c, d, b) <= 0
        )


def _side(a, b, c):
    """Return on which side of a line through a and b the point c is: -1, 0 or 1."""
    turn = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (turn > 0) - (turn < 0)
