"""Which array of a legacy file is which weight: as Keras loads them, by order, held against the names beside them."""

from itertools import islice

from weightscope.files.keras0_h5 import GRAPH
from weightscope.model.layer import Unknown
from weightscope.model.weight import named
from weightscope.opening import legacy_order
from weightscope.opening.claiming import claim_raw, leaf_name, take
from weightscope.opening.legacy_names import by_names, unit_of_each


def bind_in_order(model, saved, free, ledger):
    """Bind each layer to its group; ``ledger`` hears of problems, and of groups whose names contradict the order.

    What its ``chosen`` says decides these; None is by order, as Keras loads them.
    """
    ordered = legacy_order.keras2 if saved.is_old else legacy_order.keras3
    order = {group: paths for group, paths in saved.order.items() if paths}
    order = _parted(model, order[GRAPH], ordered) if list(order) == [GRAPH] else order
    for layer, group in _groups(model, order, ordered, saved.arrays, ledger):
        paths = order[group]
        if isinstance(layer, Unknown):
            claim_raw(layer, paths, free)
            continue
        entries = ordered(layer)
        found = _placed(entries, group, paths, saved.arrays, ledger)
        if found is None and _learn(layer, paths, saved.arrays):
            entries = ordered(layer)
            found = _placed(entries, group, paths, saved.arrays, ledger)
        if found is None:
            reason = f"expects {len(entries)} weights, its group in the file holds {len(paths)} that do not fit them"
            if group in saved.missing:
                reason = f"its weight {saved.missing[group][0]!r} is not in the file"
            else:
                ledger.problems.append(f"layer {layer.name!r} ({layer.class_name}) {reason}")
            claim_raw(layer, paths, free, reason)
            continue
        for entry, path in zip(entries, found):
            take(entry.weight, path, free)


def _parted(model, paths, ordered):
    """Return the groups of the layers that a Graph of Keras 0.x kept in one."""
    counts = {layer.name: len(ordered(layer)) for layer in model.layers if [*layer.all_weights()]}
    if sum(counts.values()) != len(paths):
        return {GRAPH: paths}
    left = iter(paths)
    return {name: list(islice(left, count)) for name, count in counts.items()}


def _learn(layer, paths, arrays):
    """Let a layer, and all inside it, learn from the arrays under their names; return whether anything is new."""
    new, with_word = [], {}
    for path in paths:
        for word in dict.fromkeys(path.split("/")):
            with_word.setdefault(word, []).append(path)
    for part in layer.with_parts():
        own = paths if part is layer and not layer.parts else with_word.get(part.name, [])
        new.append(part.learn({leaf_name(path): arrays[path] for path in own}))
    return any(new)


def _placed(entries, group, paths, arrays, ledger):
    """Return the path of each entry's array, or None where they do not fit."""
    if len(entries) != len(paths):
        return None
    told = by_names(entries, group, paths)
    in_order = paths if _fit(entries, paths, arrays) else None
    if told is None or not _fit(entries, told, arrays):
        return in_order
    units = unit_of_each(entries, told)
    if all(units[path] == entry.unit for entry, path in zip(entries, paths)):
        return told
    if not _fit(entries, told, arrays, sizes_too=True):
        return in_order
    exchangeable = in_order and _shapes(paths, arrays) == _shapes(told, arrays) and _fit(entries, paths, arrays, True)
    moved = [(_short(path, group), _short(other, group)) for path, other in zip(paths, told) if path != other]
    said = (f"in {group!r} {len(moved)} arrays do not stand where their names belong: {moved[0][0]!r} stands in the"
            f" place of {moved[0][1]!r}")
    return _decided(paths, told, said, exchangeable, ledger)


def _decided(in_order, told, said, exchangeable, ledger):
    """Return the one of two bindings that holds, and tell the ledger that they contradict each other."""
    if not exchangeable:
        ledger.notes.append(f"{said}; bound by names: by order, as Keras loads them, the shapes do not fit")
        return told
    ledger.contested.append(said)
    if ledger.chosen == "names":
        ledger.notes.append(f"{said}; bound by names, Keras loads them by order (--bind order)")
        return told
    ledger.notes.append(f"{said}; bound by order, as Keras loads them (by their names: --bind names)")
    return in_order


def _short(path, group):
    """Return an array's name as the group lists it."""
    return f"/{path}".split(f"/{group}/", 1)[-1]


def _shapes(paths, arrays):
    return [arrays[path].shape for path in paths]


def _fit(entries, paths, arrays, sizes_too=False):
    return all(entry.weight.fits(shape) and not (sizes_too and _contradicts(entry, shape))
               for entry, shape in zip(entries, _shapes(paths, arrays)))


def _contradicts(entry, shape):
    """Whether a size that is a setting of the layer is another one in the array."""
    settings = entry.owner.settings()
    for word, size in zip(entry.weight.axes.split(), shape):
        name, blocks = named(word)
        asked = getattr(entry.owner, name) if settings.get(name, ("",))[0] == "int" else None
        if asked is not None and asked * max(len(blocks), 1) != size:
            return True
    return False


# Which group is which layer's.

def _groups(model, order, ordered, arrays, ledger):
    """Pair the model's layers with the file's groups: in order, as Keras does, held against their names."""
    holding = [layer for layer in model.layers if [*layer.all_weights()]]
    in_order = list(zip(holding, order))
    if [layer.name for layer in holding] == list(order):
        return in_order
    fits = len(holding) == len(order) and all(
        len(ordered(layer)) == len(order[group]) for layer, group in in_order)
    if {layer.name for layer in holding} != set(order):
        return in_order if fits else _by_name_and_order(model, order)
    told = [(layer, layer.name) for layer in holding]
    shapes = [[sorted(_shapes(order[group], arrays)) for _, group in pairs] for pairs in (in_order, told)]
    first = next(((layer.name, group) for layer, group in zip(holding, order) if layer.name != group), None)
    if first is None:  # layers with one name
        return in_order
    said = f"the file's layers stand in another order than the model's: {first[1]!r} in the place of {first[0]!r}"
    return _decided(in_order, told, said, fits and shapes[0] == shapes[1], ledger)


def _by_name_and_order(model, order):
    by_name = {layer.name: layer for layer in model.layers}
    pairs = [(by_name[group], group) for group in order if group in by_name]
    layers_left = [layer for layer in model.layers if layer.name not in order and [*layer.all_weights()]]
    groups_left = [group for group in order if group not in by_name]
    return [*pairs, *zip(layers_left, groups_left)] if len(layers_left) == len(groups_left) else pairs
