"""Which stored array is which weight: by path in Keras 3's layout, by order in the legacy one; and the ledger."""

import re

from weightscope.files.saved import Ledger
from weightscope.model.layer import Unknown, Weight
from weightscope.model.model import Model
from weightscope.model.structure import snake_case
from weightscope.model.weight import Copy
from weightscope.opening.loose import Loose


def bind(model, saved):
    """Give each weight of ``model`` its array in ``saved`` and return the Ledger.

    Layers of unknown classes take all arrays kept under their name. A layer whose arrays do not fit stays unbound:
    its arrays are listed as unclaimed, and the ledger's problems say why.
    """
    training = {path for path in saved.arrays if path in saved.optimizer or path.startswith("metrics/")}
    free = {path: stored for path, stored in saved.arrays.items() if path not in training}
    problems = []
    if isinstance(model, Loose):
        for layer, paths in zip(model.layers, model.config["groups"].values()):
            _claim_raw(layer, paths, free)
    elif saved.objects and saved.order is None:
        _bind_object(model, 0, saved.objects, free)
    elif saved.order is None:
        _bind_folder(model, "", free, _folders_of(free))
        _give_assets(model, "", saved.assets)
    else:
        _bind_in_order(model, saved, free, problems)
    state = {path for path in free if _is_random_state(path)}
    unclaimed = [path for path in free if path not in state]
    claimed = sum(1 for _ in bound_weights(model))
    return Ledger(len(saved.arrays), claimed, len(training), len(state), unclaimed, problems)


def bound_weights(layer):
    """Yield every weight of a layer and its parts that has an array."""
    yield from (weight for weight in layer.weights.values() if weight.stored is not None)
    for part in layer.parts.values():
        yield from bound_weights(part)


def _is_random_state(path):
    return re.search(r"(^|/)(seed_generator|[^/]*seed_generator[^/]*)/vars/\d+$", path) is not None


def _take(weight, path, free):
    stored = free.pop(path, None)
    if stored is not None:
        weight.stored = stored


# Keras 3: the path tells.

def _folders_of(paths):
    """Return the set of all groups above some arrays."""
    found = set()
    for path in paths:
        while (path := path.rpartition("/")[0]) and path not in found:
            found.add(path)
    return found


def _bind_folder(layer, folder, free, folders):
    """Bind ``layer`` to the group ``folder``: ``vars/0``, ``vars/1``, … and a group for each part."""
    if isinstance(layer, Unknown):
        _claim_all(layer, folder, free)
        return
    for weight, path in _own_places(layer, folder):
        _take(weight, path, free)
    for attribute, part in _attributes(layer):
        inner = _join(folder, attribute)
        private = _join(folder, "_" + attribute)  # as tf_keras names some
        _bind_folder(part, private if inner not in folders and private in folders else inner, free, folders)


def _own_places(layer, folder):
    """Yield (weight, path) of a layer's own weights in Keras 3's layout."""
    counts = {}
    for weight in layer.saved_order():
        place = weight.name
        if weight.tracked or isinstance(weight, Copy):
            counts[weight.at] = counts.get(weight.at, -1) + 1
            place = str(counts[weight.at])
        yield weight, _join(folder, weight.at, "vars", place)


def places(layer, folder=""):
    """Yield (weight, path) of all weights of a layer, where Keras 3 writes them in a ``.weights.h5``."""
    yield from _own_places(layer, folder)
    for attribute, part in _attributes(layer):
        yield from places(part, _join(folder, attribute))


def _give_assets(layer, folder, assets):
    """Hand each layer the files that Keras keeps for it beside the arrays: ``layer.assets``, by file name."""
    own = {path.rpartition("/")[2]: read for path, read in assets.items() if path.rpartition("/")[0] == folder}
    if own:
        layer.assets = own
    for attribute, part in _attributes(layer):
        _give_assets(part, _join(folder, attribute), assets)


def _attributes(layer):
    if not isinstance(layer, Model):
        return layer.parts.items()
    used, found = {}, []
    for part in layer.layers:
        if (part.module or "").startswith("keras.src.ops"):
            continue  # operations of keras.ops are no layers to Keras, and are not counted
        name = snake_case(part.stored_as or part.class_name)
        used[name] = used.get(name, -1) + 1
        found.append((f"layers/{name}_{used[name]}" if used[name] else f"layers/{name}", part))
    return found


def _join(*names):
    return "/".join(name for name in names if name)


def _claim_all(layer, folder, free):
    for path in [path for path in free if path.startswith(folder + "/") and not _is_random_state(path)]:
        claim(layer, path.removeprefix(folder + "/"), path, free)


def claim(layer, name, path, free):
    """Give an unknown layer the array at ``path`` as a weight of the given name, its axes without words."""
    weight = Weight(name, "")
    _take(weight, path, free)
    layer.weights[name] = weight


# Checkpoints: the attributes of the objects tell.

def _bind_object(layer, node, objects, free):
    """Bind ``layer`` to object ``node``, whose attributes are its weights and its parts."""
    for weight in layer.weights.values():
        found = _followed(objects, node, filter(None, [weight.at, weight.name]))
        if found is not None and objects[found][1]:
            _take(weight, objects[found][1], free)
    for attribute, part in _tracked(layer):
        found = _followed(objects, node, attribute.split("/"))
        if found is not None:
            _bind_object(part, found, objects, free)


def _followed(objects, node, names):
    """Return the object that a path of attributes leads to, or None; some begin with a ``_`` of their own."""
    for name in names:
        children = objects[node][0] if 0 <= node < len(objects) else {}
        node = children.get(name, children.get("_" + name))
        if node is None:
            return None
    return node if node < len(objects) else None


def _tracked(layer):
    if isinstance(layer, Model):
        return [(f"layer-{index}", part) for index, part in enumerate(layer.layers)]
    return layer.parts.items()


# Legacy: the order tells.

def _bind_in_order(model, saved, free, problems):
    order = {name: paths for name, paths in saved.order.items() if paths}
    for layer, paths in _groups(model, order):
        if isinstance(layer, Unknown):
            _claim_raw(layer, paths, free)
            continue
        matched = _matched(layer, paths, saved.arrays)
        if matched is None:
            expected = len(list(layer.all_weights()))
            problems.append(f"layer {layer.name!r} ({layer.class_name}) expects {expected} weights, its group in the"
                            f" file holds {len(paths)} arrays that do not fit them")
            _claim_raw(layer, paths, free)
            continue
        for weight, path in matched:
            _take(weight, path, free)


def _claim_raw(layer, paths, free):
    """Give a layer the arrays of its group as the file names them, for want of a better word."""
    layer.weights, layer.parts = {}, {}
    leaves = [leaf_name(path) for path in paths]
    for leaf, path in zip(leaves, paths):
        claim(layer, leaf if leaves.count(leaf) == 1 else path, path, free)
    if not isinstance(layer, Unknown):
        layer.config = {**layer.config, "not_replayable": "its weights are kept in a layout that is not known"}


def _groups(model, order):
    """Pair the model's layers with the file's groups: by name, and the rest in order, as Keras loads them."""
    by_name = {layer.name: layer for layer in model.layers}
    pairs = [(by_name[name], paths) for name, paths in order.items() if name in by_name]
    layers_left = [layer for layer in model.layers if layer.name not in order and [*layer.all_weights()]]
    groups_left = [paths for name, paths in order.items() if name not in by_name]
    if len(layers_left) == len(groups_left):
        pairs += zip(layers_left, groups_left)
    return pairs


def _matched(layer, paths, arrays):
    """Return pairs of weight and array path for one legacy group, or None where they do not fit."""
    owned = list(_owned(layer, layer.trainable))
    owned.sort(key=lambda entry: not entry[2])  # Keras stores all trainable weights first
    if len(owned) != len(paths):
        return None
    in_order = list(zip(owned, paths))
    by_name = _by_name(owned, paths)
    fitting = [pairs for pairs in (in_order, by_name) if pairs and _fits(pairs, arrays)]
    best = next((pairs for pairs in fitting if _names_agree(pairs)), None) or (fitting[-1] if fitting else None)
    return best and [(weight, path) for (_, weight, _), path in best]


def _owned(layer, trainable):
    """Yield (owner, weight, whether it trains), with frozen layers freezing all that is inside them."""
    for weight in layer.weights.values():
        if weight.tracked:
            yield layer, weight, trainable and weight.trainable
    for part in layer.parts.values():
        yield from _owned(part, trainable and part.trainable)


def leaf_name(path):
    """Return the last word of an array's path, without the ``:0`` of Keras 1 and 2."""
    return path.rsplit("/", 1)[-1].split(":")[0]


def _plain_name(path, owner):
    """Return the last word of a path, without the name of the layer that Keras 1 put before it."""
    return leaf_name(path).removeprefix(f"{owner.name}_")


def _names_agree(pairs):
    known = {weight.name for (_, weight, _), _ in pairs}
    named = [(weight.name, _plain_name(path, owner)) for (owner, weight, _), path in pairs]
    return all(name == weight for weight, name in named if name in known)


def _by_name(owned, paths):
    pairs, left = [], list(paths)
    for entry in owned:
        owner, weight, _ = entry
        found = [path for path in left
                 if _plain_name(path, owner) == weight.name and owner.name in path.split("/")]
        if len(found) != 1:
            return None
        left.remove(found[0])
        pairs.append((entry, found[0]))
    return pairs


def _fits(pairs, arrays):
    return all(weight.fits(arrays[path].shape) for (_, weight, _), path in pairs)
