"""How Keras 1 and 2 write a model's graph, in the words of Keras 3.

There a node is a list of ``[layer, call, output, kwargs]``; here it is ``{"args": …, "kwargs": …}`` with tensors marked
as ``__keras_tensor__``. Sources: ``Functional.get_config`` of Keras 2.15 and ``Container.get_config`` of Keras 1.2.
"""

_RECURRENT = {"SimpleRNN", "LSTM", "GRU", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional"}


def model(found):
    """Return a serialised model with its list of layers and its nodes in Keras 3's form; other objects as they are."""
    class_name, config = found["class_name"], found["config"]
    if class_name == "Sequential" and isinstance(config, list):
        return {**found, "config": {"name": found.get("name", "sequential"), "layers": config}}
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list) or class_name == "Sequential":
        return found
    if "input_layers" not in config:
        return found
    names = {layer.get("name") for layer in config["layers"] if isinstance(layer, dict)}
    layers = [_with_nodes(layer, names) for layer in config["layers"]]
    class_name = "Functional" if class_name == "Model" else class_name
    ends = {key: _single(config.get(key)) for key in ("input_layers", "output_layers")}
    return {**found, "class_name": class_name, "config": {**config, "layers": layers, **ends}}


def _single(ends):
    # Keras 2 lists the one output of a model, and returns it bare; Keras 3 writes down what it returns.
    if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
        return ends[0]
    return ends


def _with_nodes(layer, names):
    if not isinstance(layer, dict) or not isinstance(layer.get("inbound_nodes"), list):
        return layer
    nodes = [_node(layer.get("class_name"), node, names) for node in layer["inbound_nodes"]]
    return {**layer, "inbound_nodes": nodes}


def _node(class_name, node, names):
    if not isinstance(node, (list, dict)) or (isinstance(node, dict) and "args" in node):
        return node  # Keras 3's own form, or nothing we know: layers/models.py says so
    kwargs = {}
    argument = _tensors(node, names, kwargs)
    if isinstance(argument, list) and len(argument) == 1:
        argument = argument[0]
    if class_name in _RECURRENT and isinstance(argument, list):
        argument, kwargs = argument[0], {"initial_state": argument[1:], **kwargs}
    return {"args": [argument], "kwargs": kwargs}


def _tensors(value, names, kwargs):
    """Return the structure with tensors marked; collect the keyword arguments that stand beside a tensor."""
    if isinstance(value, dict):
        return {key: _tensors(item, names, kwargs) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) in (3, 4) and isinstance(value[0], str) and isinstance(value[1], int):
        if len(value) == 4 and isinstance(value[3], dict):
            kwargs.update({key: _keyword(item, names) for key, item in value[3].items()})
        return value[2] if value[0] == "_CONSTANT_VALUE" else _tensor(value[:3])
    return [_tensors(item, names, kwargs) for item in value]


def _keyword(value, names):
    if isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
        if value[0] in names:
            return _tensor(value[:3])
        if value[0] == "_CONSTANT_VALUE":
            return value[2]
    if isinstance(value, list):
        return [_keyword(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _keyword(item, names) for key, item in value.items()}
    return value


def _tensor(history):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": history}}
