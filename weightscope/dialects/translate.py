"""Configs in the words of the newest Keras 3. One file a dialect; the graph of calls is common to Keras 1 and 2."""

from operator import is_

from weightscope.dialects import graph, keras1, keras2, keras3


def translate(config, keras_version=None, backend=None):
    """Return a model's config in the newest Keras 3's words, and what was read as what, a line each.

    ``keras_version``, ``backend``: as the file gives them. Without a version, the words of the config tell Keras 1 from
    what came later, and anything else older than Keras 3 is taken for Keras 2. The given config is left as it is. What
    a file asks for and the layers cannot say becomes a ``not_replayable`` in that layer's config, with the reason.
    """
    notes = {}
    rules = _rules(keras_version or ("1" if keras1.speaks(config) else None), config)
    config = keras1.completed(config, backend) if keras1.layer in rules else config
    translated = _translated(config, rules, backend, notes)
    return translated, list(notes)


def _rules(keras_version, config):
    """Return what reads a layer, one dialect after the other, oldest first."""
    major = str(keras_version or "2").split(".")[0]
    if major in ("0", "1", "2"):
        return (keras2.layer,) if major == "2" else (keras1.layer, keras2.layer)
    return (keras3.reader(keras_version, config),) if major == "3" else ()


def _translated(value, rules, backend, notes):
    if isinstance(value, list):
        items = [_translated(item, rules, backend, notes) for item in value]
        return value if all(map(is_, items, value)) else items  # a copy of all would double what a config takes
    if not isinstance(value, dict):
        return value
    if not (isinstance(value.get("class_name"), str) and isinstance(value.get("config"), (dict, list))):
        items = {key: _translated(item, rules, backend, notes) for key, item in value.items()}
        return value if all(map(is_, items.values(), value.values())) else items
    config = _translated(value["config"], rules, backend, notes)
    found = value if config is value["config"] else {**value, "config": config}
    for read_layer in rules:
        found = read_layer(found, backend, notes)
    return graph.model(found, notes)
