"""Which stored array is which weight: by path in Keras 3's layout, by order in the legacy one; and the ledger."""

import re
from itertools import count

from weightscope.files.saved import Ledger
from weightscope.model.layer import Layer, Unknown
from weightscope.model.model import Model
from weightscope.model.structure import snake_case
from weightscope.model.weight import Copy
from weightscope.opening.claiming import claim, claim_raw, take
from weightscope.opening.legacy import bind_in_order
from weightscope.opening.loose import Loose


def bind(model, saved, by=None):
    """Give each weight of ``model`` its array in ``saved`` and return the Ledger.

    Layers of unknown classes take all arrays kept under their name. A layer whose arrays do not fit stays unbound:
    its arrays are listed as unclaimed, and the ledger's problems say why. ``by``: "order" or "names", where the two
    contradict each other in a legacy file; None for order.
    """
    training = saved.training
    free = {path: stored for path, stored in saved.arrays.items() if path not in training}
    ledger = Ledger(len(saved.arrays), 0, len(training), 0, [], chosen=by)
    ledger.problems += [
        f"layer {group!r} lists the weight {path!r}, which is {saved.others.get(path, 'not in the file')}"
        for group, paths in saved.missing.items() for path in paths]
    if isinstance(model, Loose):
        for layer, paths in zip(model.layers, model.config["groups"].values()):
            claim_raw(layer, paths, free)
    elif saved.objects and saved.order is None:
        _bind_object(model, 0, saved.objects, free)
    elif saved.order is None:
        _bind_folder(model, "", free, _folders_of(free))
        _give_assets(model, "", saved.assets)
    else:
        bind_in_order(model, saved, free, ledger)
    state = {path for path in free if _is_random_state(path)}
    ledger.unclaimed, ledger.state = [path for path in free if path not in state], len(state)
    ledger.claimed = sum(1 for _ in bound_weights(model))
    return ledger


def bound_weights(layer):
    """Yield every weight of a layer and its parts that has an array."""
    yield from (weight for weight in layer.weights.values() if weight.stored is not None)
    for part in layer.parts.values():
        yield from bound_weights(part)


def _is_random_state(path):
    return re.search(r"(^|/)(seed_generator|[^/]*seed_generator[^/]*)/vars/\d+$", path) is not None


# Keras 3: the path tells.

def _folders_of(paths):
    """Return ``{group: paths of what is in it}`` of all groups above some arrays."""
    found = {}
    for path in paths:
        is_new = True
        while is_new and path:
            folder = path.rpartition("/")[0]
            is_new = folder not in found
            found.setdefault(folder, []).append(path)
            path = folder
    return found


def _bind_folder(layer, folder, free, folders):
    """Bind ``layer`` to the group ``folder``: ``vars/0``, ``vars/1``, … and a group for each part."""
    if isinstance(layer, Unknown):
        _claim_all(layer, folder, free, folders)
        return
    if type(layer).learn is not Layer.learn:
        kept = {path.rpartition("/")[2]: free[path] for path in _numbered(_join(folder, "vars"), free)}
        if len(kept) != sum(weight.tracked for weight in layer.saved_order()):
            layer.learn(kept)
    for weight, path in _own_places(layer, folder):
        take(weight, path, free)
    for attribute, part in _attributes(layer):
        inner = _join(folder, attribute)
        private = _join(folder, "_" + attribute)  # as tf_keras names some
        _bind_folder(part, private if inner not in folders and private in folders else inner, free, folders)


def _numbered(folder, free):
    """Yield ``folder/0``, ``folder/1``, … as far as there are such arrays."""
    for number in count():
        if f"{folder}/{number}" not in free:
            return
        yield f"{folder}/{number}"


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


def _claim_all(layer, folder, free, folders):
    for path in _below(folder, folders):
        if path in free and not _is_random_state(path):
            claim(layer, path.removeprefix(folder + "/"), path, free)


def _below(folder, folders):
    """Yield the paths of all arrays in a folder, and in those inside it."""
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        if path in folders:
            waiting += reversed(folders[path])
        else:
            yield path


# Checkpoints: the attributes of the objects tell.

def _bind_object(layer, node, objects, free):
    """Bind ``layer`` to object ``node``, whose attributes are its weights and its parts."""
    for weight in layer.weights.values():
        found = _followed(objects, node, filter(None, [weight.at, weight.name]))
        if found is not None and objects[found][1]:
            take(weight, objects[found][1], free)
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
