"""How Keras 1 and 2 write a model's graph, in the words of Keras 3.

There a node is a list of ``[layer, call, output, kwargs]``; here it is ``{"args": …, "kwargs": …}`` with tensors marked
as ``__keras_tensor__``. Sources: ``Functional.get_config`` of Keras 2.15 and ``Container.get_config`` of Keras 1.2.
"""

from weightscope.dialects.training import in_training

_RECURRENT = {"SimpleRNN", "LSTM", "GRU", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional"}


def model(found, notes):
    """Return a serialised model with its list of layers and its nodes in Keras 3's form; other objects as they are.

    ``notes``: collects what was read as what.
    """
    class_name, config = found["class_name"], found["config"]
    if class_name == "Sequential" and isinstance(config, list):
        return {**found, "config": {"name": found.get("name", "sequential"), "layers": config}}
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list) or class_name == "Sequential":
        return found
    if "input_layers" not in config:
        return found
    class_name = "Functional" if class_name == "Model" else class_name
    if not any(isinstance(layer, dict) and _has_old_nodes(layer) for layer in config["layers"]):
        return {**found, "class_name": class_name}
    first_calls = _first_calls(config)
    layers = [_with_nodes(layer, first_calls, notes) for layer in config["layers"]]
    ends = {key: _end(config.get(key), first_calls, layers) for key in ("input_layers", "output_layers")}
    return {**found, "class_name": class_name, "config": {**config, "layers": layers, **ends}}


def _has_old_nodes(layer):
    nodes = layer.get("inbound_nodes")
    return isinstance(nodes, list) and any(not (isinstance(node, dict) and "args" in node) for node in nodes)


def _first_calls(config):
    """Return ``{layer: the number of its first call}``: 1 for most nested models, which have a call of their own."""
    layers = [layer for layer in config["layers"] if isinstance(layer, dict)]
    read = {}
    for value in [*(layer.get("inbound_nodes") for layer in layers), config.get("output_layers")]:
        for name, call in _histories(value):
            read.setdefault(name, set()).add(call)
    return {layer.get("name"): 0 if 0 in read.get(layer.get("name"), {0}) else 1 for layer in layers}


def _histories(value):
    if isinstance(value, list) and _is_history(value):
        yield value[0], value[1]
        value = value[3:]
    if isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _histories(item)


def _is_history(value):
    return len(value) in (3, 4) and isinstance(value[0], str) and isinstance(value[1], int)


def _end(ends, first_calls, layers):
    # Keras 2 lists the one output of a model, and returns it bare; Keras 3 writes down what it returns.
    if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
        ends = ends[0]
    functional = {layer.get("name") for layer in layers
                  if isinstance(layer, dict) and layer.get("class_name") == "Functional"}
    if isinstance(ends, list) and _is_history(ends):
        name, call = ends[:2]
        return [name, call - first_calls.get(name, 0) + (name in functional), *ends[2:]]
    if isinstance(ends, dict):
        return {key: _end([item], first_calls, layers) for key, item in ends.items()}
    return [_end([item], first_calls, layers) for item in ends] if isinstance(ends, list) else ends


def _with_nodes(layer, first_calls, notes):
    if not isinstance(layer, dict) or not isinstance(layer.get("inbound_nodes"), list):
        return layer
    nodes = [_node(layer.get("class_name"), node, first_calls) for node in layer["inbound_nodes"]]
    found = {**layer, "inbound_nodes": nodes}
    kwargs = [node["kwargs"] for node in nodes if isinstance(node, dict)]
    if layer.get("class_name") in _RECURRENT and any(given.get("initial_state") for given in kwargs):
        found["config"] = {**layer["config"], "masked_beside_states": True}
    trained = [given.get("training") in (True, 1) for given in kwargs]  # which a tensor is not
    return in_training(found, all(trained), notes) if any(trained) else found


def _node(class_name, node, first_calls):
    if not isinstance(node, (list, dict)) or (isinstance(node, dict) and "args" in node):
        return node  # Keras 3's own form, or nothing we know: layers/models.py says so
    kwargs = {}
    argument = _tensors(node, first_calls, kwargs)
    if isinstance(argument, list) and len(argument) == 1:
        argument = argument[0]
    if class_name in _RECURRENT and isinstance(argument, list):
        argument, kwargs = argument[0], {**kwargs, "initial_state": argument[1:]}
    if class_name in _RECURRENT and isinstance(kwargs.get("initial_state"), list):
        kwargs["initial_state"] = [_state(state) for state in kwargs["initial_state"]]
    return {"args": [argument], "kwargs": kwargs}


def _state(value):
    """Return a state of a recurrent layer, which may be a constant that the file has as nested lists of numbers."""
    if not isinstance(value, list):
        return value
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}


def _tensors(value, first_calls, kwargs):
    """Return the structure with tensors marked; collect the keyword arguments that stand beside a tensor."""
    if isinstance(value, dict):
        return {key: _tensors(item, first_calls, kwargs) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    if _is_history(value):
        if len(value) == 4 and isinstance(value[3], dict):
            kwargs.update({key: _keyword(item, first_calls) for key, item in value[3].items()})
        return value[2] if value[0] == "_CONSTANT_VALUE" else _tensor(value, first_calls)
    return [_tensors(item, first_calls, kwargs) for item in value]


def _keyword(value, first_calls):
    if isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
        if value[0] in first_calls:
            return _tensor(value, first_calls)
        if value[0] == "_CONSTANT_VALUE":
            return value[2]
    if isinstance(value, list):
        return [_keyword(item, first_calls) for item in value]
    if isinstance(value, dict):
        return {key: _keyword(item, first_calls) for key, item in value.items()}
    return value


def _tensor(value, first_calls):
    history = [value[0], value[1] - first_calls.get(value[0], 0), value[2]]
    return {"class_name": "__keras_tensor__", "config": {"keras_history": history}}
