"""Where a total error comes from: born in a layer, come in with what fed it, or grown in the layer."""

from dataclasses import dataclass, replace

BORN, CAME_IN, GREW = "born here", "came in", "grew here"
TWICE = 2  # a difference at most so many times its cause is laid to it


@dataclass(frozen=True)
class Source:
    """What explains the total error of one call; errors are shares of an output's largest number.

    ``kind``: "born here", where the layer alone gives at least half of it; "came in", where what it was fed with was
    off by as much; "grew here" else. ``factor``: the difference in multiples of the largest one that fed the layer, 0
    where nothing that fed it was off.
    """

    kind: str
    factor: float


def with_sources(rows, fed_by):
    """Return the Differences, one for each call, with their ``source``; ``fed_by``: what ``Model.feeders`` yields."""
    fed_by, off, found = dict(fed_by), {}, []
    for row in rows:
        arriving = max((off.get(path, 0.0) for path in fed_by[row.path]), default=0.0)
        off[row.path] = row.total.of_largest if row.total else arriving
        found.append(replace(row, source=_source(row, arriving)))
    return found


def _source(row, arriving):
    size = row.total.of_largest if row.total else 0.0
    if not size:
        return None
    factor = size / arriving if arriving else 0.0
    if not arriving or (row.own and size <= TWICE * row.own.of_largest):
        return Source(BORN, factor)
    return Source(GREW if factor > TWICE else CAME_IN, factor)
