"""Where a chained difference comes from: born in a layer, inherited from what fed it, or amplified by the layer."""

from dataclasses import dataclass, replace

from weightscope.model.models import Model
from weightscope.model.structure import flatten

BORN, INHERITED, AMPLIFIED = "born here", "inherited", "amplified"
TWICE = 2  # a difference at most so many times its cause is laid to it


@dataclass(frozen=True)
class Source:
    """What explains the chained difference of one call; differences are shares of an output's largest number.

    ``kind``: "born here", where the layer alone gives at least half of it; "inherited", where what it was fed with was
    off by as much; "amplified" else. ``factor``: the difference in multiples of the largest one that fed the layer, 0
    where nothing that fed it was off.
    """

    kind: str
    factor: float


def with_sources(model, rows):
    """Return a list of ``comparison.Difference``, one for each call, with their ``source``."""
    fed_by, off, found = dict(feeders(model)), {}, []
    for row in rows:
        arriving = max((off.get(path, 0.0) for path in fed_by[row.path]), default=0.0)
        off[row.path] = row.chained.of_largest if row.chained else arriving
        found.append(replace(row, source=_source(row, arriving)))
    return found


def _source(row, arriving):
    size = row.chained.of_largest if row.chained else 0.0
    if not size:
        return None
    factor = size / arriving if arriving else 0.0
    if not arriving or (row.isolated and size <= TWICE * row.isolated.of_largest):
        return Source(BORN, factor)
    return Source(AMPLIFIED if factor > TWICE else INHERITED, factor)


def feeders(model, prefix="", fed=None):
    """Yield ``(path, paths)`` of every call that computes something: those of the calls whose outputs it takes.

    Nested models are opened; ``fed``: what feeds each input of this one. Returns what gives each of its outputs.
    """
    inputs = flatten(model.inputs)
    known = dict(zip(inputs, fed or [[] for _ in inputs], strict=True))
    for node in model.nodes:
        path, by = prefix + node.path, [known[ref.node] for ref in node.refs if ref.node in known]
        if isinstance(node.layer, Model):
            count = len(flatten(node.layer.inputs))
            inner = by if len(by) == count else [_together(by)] * count
            known[node.path] = _together((yield from feeders(node.layer, path + "/", inner)))
        elif node.path not in inputs:
            yield path, _together(by)
            known[node.path] = [path]
    return [known[ref.node] for ref in flatten(model.outputs)]


def _together(lists):
    return list(dict.fromkeys(path for paths in lists for path in paths))
