"""Keras 1's Merge: a layer for each way to merge since, and a Sequential that begins with several branches."""

_MERGES = {"sum": "Add", "mul": "Multiply", "concat": "Concatenate", "ave": "Average", "max": "Maximum", "dot": "Dot"}


def layer(found, notes):
    """Return a Merge as the layer that Keras 2 has for it; the models that it merges as ``branches`` beside it."""
    config = found["config"]
    mode, branches = config.get("mode"), config.get("layers")
    settings = {"name": config.get("name", "merge")}
    if mode == "concat":
        settings["axis"] = config.get("concat_axis", -1)
    if mode in ("dot", "cos"):
        settings["axes"] = _axes(config.get("dot_axes", -1))
    if isinstance(mode, str) and mode in _MERGES:
        notes[f"Merge(mode={mode!r}) is {_MERGES[mode]}"] = True
        found = {**found, "class_name": _MERGES[mode], "config": settings}
    else:
        code = {} if config.get("mode_type") in (None, "raw") else {"not_replayable": "its mode is Python code"}
        found = {**found, "config": {**settings, "mode": str(mode), **code}}
    return {**found, "branches": branches} if isinstance(branches, list) and branches else found


def _axes(axes):
    return [axis[0] if isinstance(axis, list) and axis else axis for axis in axes] if isinstance(axes, list) else axes


def model(found):
    """Return a Sequential that begins with a Merge of models as the Functional that it is; any other as it is.

    Its weights are filed under the names of all layers in one row (``Sequential.flattened_layers``).
    """
    config = found["config"]
    items = config.get("layers") if isinstance(config, dict) else config
    if not isinstance(items, list) or not items or not isinstance(items[0], dict) or "branches" not in items[0]:
        return found
    layers, inputs = [], []
    end = _chain(items, layers, inputs)
    name = config.get("name") if isinstance(config, dict) else found.get("name")
    return {**found, "class_name": "Functional", "config": {
        "name": name or "sequential", "layers": layers, "input_layers": inputs, "output_layers": end}}


def _chain(items, layers, inputs):
    """Append a row of layers, each called with the one before; return where its output is to be had."""
    first, rest = items[0], items
    if "branches" in first:
        ends = [_branch(branch, layers, inputs) for branch in first["branches"]]
        merge = {key: value for key, value in first.items() if key != "branches"}
        last, rest = _append(merge, ends, layers), items[1:]
    else:
        # keras2 has been here: a layer in front may say the shape of what goes in.
        shape, name = first["config"].get("batch_shape"), f"{first['config'].get('name')}_input"
        dtype = first["config"].get("input_dtype") or "float32"
        entry = {"class_name": "InputLayer", "name": name,
                 "config": {"name": name, "batch_shape": shape, "dtype": dtype}, "inbound_nodes": []}
        layers.append(entry)
        inputs.append([name, 0, 0])
        last = [name, 0, 0]
    for item in rest:
        last = _append(item, last, layers)
    return last


def _branch(found, layers, inputs):
    config = found["config"]
    if "input_layers" not in config:
        return _chain(config["layers"], layers, inputs)
    layers += config["layers"]
    ends = config["input_layers"]
    inputs += ends if isinstance(ends[0], list) else [ends]
    return config["output_layers"]


def _append(item, sources, layers):
    name = item["config"]["name"]
    tensor = [_tensor(source) for source in sources] if isinstance(sources[0], list) else _tensor(sources)
    layers.append({**item, "name": name, "inbound_nodes": [{"args": [tensor], "kwargs": {}}]})
    return [name, 0, 0]


def _tensor(history):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": history}}
