"""Whose the arrays of a legacy group are by their names, where these tell it of every one."""

from collections import Counter

from weightscope.opening.claiming import leaf_name


def by_names(entries, group, paths):
    """Return the path of each entry's array, in the order of ``entries``, or None where the names do not tell.

    ``entries``: of ``legacy_order``; ``group``: the name of their group; ``paths``: of its arrays. Each name has to
    lead to one layer, and each layer to be given as many arrays as it has weights; within a layer the weights' names
    tell, or else the order.
    """
    units = {}
    for entry in entries:
        units.setdefault(entry.unit, []).append(entry)
    innermost = _innermost(units)
    given = {unit: [] for unit in units}
    found = {}
    for path in paths:
        scope = _scope(path, group)
        if scope not in found:
            found[scope] = _unit_of(scope, leaf_name(path), units, innermost)
        if found[scope] is None:
            return None
        given[found[scope]].append(path)
    if any(len(given[unit]) != len(own) for unit, own in units.items()):
        return None
    placed = {id(entry.weight): path for unit, own in units.items() for entry, path in _within(own, given[unit])}
    return [placed[id(entry.weight)] for entry in entries]


def unit_of_each(entries, paths):
    """Return ``{path: unit}`` for the paths that belong to the entries."""
    return {path: entry.unit for entry, path in zip(entries, paths)}


def _innermost(units):
    """Return ``{name: unit}`` of the layers that the units end with, where no two have one name."""
    names = Counter(unit[-1].name for unit in units)
    return {unit[-1].name: unit for unit in units if names[unit[-1].name] == 1}


def _scope(path, group):
    """Return the words between a group's name and an array's own; Keras 1 has a layer's name before the latter."""
    inside = f"/{path}".split(f"/{group}/", 1)[-1]
    words = tuple(inside.split("/")[:-1])
    return words or (leaf_name(path),)


def _unit_of(scope, leaf, units, innermost):
    """Return the one unit whose layers' names are in a scope, most of them, and fewest others; None for a tie."""
    told = [innermost[word] for word in scope if word in innermost]
    if len(told) == 1:
        return told[0]
    flat = scope == (leaf,)
    scores = {unit: _score(unit, leaf if flat else scope, _begins if flat else _among) for unit in units}
    best = max(scores.values())
    chosen = [unit for unit, score in scores.items() if score == best]
    return chosen[0] if len(chosen) == 1 and (best[0] or len(units) == 1) else None


def _score(unit, scope, told):
    names = [layer.name for layer in unit]
    known = [name for name in names if told(name, scope)]
    longest = max(map(len, known), default=0) if told is _begins else 0
    return len(known), longest, len(known) - len(names)


def _among(name, scope):
    return name in scope or ("/" in name and f"/{name}/" in f"/{'/'.join(scope)}/")


def _begins(name, leaf):
    return leaf.startswith(f"{name}_")


def _within(own, paths):
    """Pair the weights of one unit with its arrays: by name where each has one of its own, else as they come."""
    layer = own[0].unit[-1].name  # which Keras 1 puts before the weight's name
    named = {leaf_name(path).removeprefix(f"{layer}_"): path for path in paths}
    if len(named) == len(own) and all(entry.weight.name in named for entry in own):
        return [(entry, named[entry.weight.name]) for entry in own]
    return list(zip(own, paths))
