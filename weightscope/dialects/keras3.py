"""Keras 3's layers in the words of its newest version: one small rule for each change of what a setting means.

A rule reads files that were saved before the version it stands with. It chooses a class or a setting of ours, so that
the layer computes what the Keras that saved it computed. A file of a newer version than any is left as it is. Source:
``keras/src/layers`` and ``keras/src/backend/tensorflow`` of each version.
"""

import re

LAYOUT, OPERATION = "keras3", "operation"
ANY = (10**9,)  # before a version that will not be: what a file says, whatever its version
_MERGES = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"}
_TRANSPOSED = {f"Conv{rank}DTranspose" for rank in (1, 2, 3)}
_ATTENTION = {"MultiHeadAttention", "GroupedQueryAttention", "GroupQueryAttention"}


def reader(keras_version, config):
    """Return what reads a serialised layer of this version: ``layer(found, backend, notes)``.

    ``config``: the whole model's. A rule about masks is worth a note only where something makes them.
    """
    version = tuple(map(int, re.findall(r"\d+", str(keras_version))[:3]))
    rules = [rule for before, rule in _CHANGES if version < before]
    masks_matter = any(rule in _ABOUT_MASKS for rule in rules)
    with_masks = masks_matter and _makes_masks(config)

    def layer(found, backend, notes):
        module = found.get("module")
        own = module is None or (isinstance(module, str) and module.split(".")[0] == "keras")
        if not (own and isinstance(found["config"], dict)):
            return found
        about_masks = notes if with_masks or (masks_matter and _is_given_masks(found)) else {}
        of_operation = _is_operation(found)
        for rule in rules:
            if of_operation != (rule in _OF_OPERATIONS):
                continue
            told = about_masks if rule in _ABOUT_MASKS else notes
            found = rule(found, found["class_name"], version, told)
        return _with_home(found)

    return layer


def _makes_masks(config):
    if isinstance(config, dict):
        return bool(config.get("class_name") == "Masking" or config.get("mask_zero")) or any(
            map(_makes_masks, config.values()))
    return isinstance(config, list) and any(map(_makes_masks, config))


def _is_operation(found):
    """Whether it is an operation of keras.ops, by its module, or in an .h5, which has none, by what layers tell."""
    class_name, module = found["class_name"], found.get("module")
    if module is not None:
        return module.startswith("keras.src.ops.")
    told = class_name in _MERGES or class_name == "Softmax"
    return class_name in ("Take", "Cast", "DotProductAttention") or (told and "trainable" not in found["config"])


def _is_given_masks(found):
    """Whether a call of the layer has a mask among its arguments."""
    return any(key.endswith("mask") and isinstance(value, dict)
               for kwargs in _kwargs_of_calls(found) for key, value in kwargs.items())


def _kwargs_of_calls(found):
    nodes = found.get("inbound_nodes")
    given = [node.get("kwargs") for node in (nodes if isinstance(nodes, list) else ()) if isinstance(node, dict)]
    return [kwargs for kwargs in given if isinstance(kwargs, dict)]


def _of_ours(found, **settings):
    """Return a layer of a class of ours in ``layers/keras3``, with settings that tell what it is to do."""
    return {**found, "layout": LAYOUT, "config": {**found["config"], **settings}}


def _masked_rows(found, class_name, version, notes):
    """Before 3.10 the softmax of a row that is masked as a whole was not set to zeros."""
    if class_name == "Softmax":
        notes["Softmax gives shares of 1, not zeros, where all of a row is masked"] = True
        return _of_ours(found)
    if class_name not in _ATTENTION:
        return found
    if version < (3, 7) or found["config"].get("dropout") or _asks_scores(found):
        notes[f"{class_name} gives a query whose keys are all masked the mean of the values, not zeros"] = True
    return _of_ours(found, zero_masked=False)


def _kept_masks(found, class_name, version, notes):
    """Before 3.8 MultiHeadAttention left the masks on its inputs, for whatever read them later."""
    if class_name != "MultiHeadAttention":
        return found
    notes["MultiHeadAttention leaves the masks on its inputs, for what reads them after it"] = True
    return _of_ours(found, keeps_masks=True)


def _lost_masks(found, class_name, version, notes):
    """Before 3.4 the mask behind a layer was looked for on its first argument, and a list has none."""
    if class_name not in _MERGES and class_name not in ("Attention", "AdditiveAttention"):
        return found
    notes[f"{class_name} has no mask behind it, and a merge takes masked steps as any"] = True
    return _of_ours(found)


def _asks_scores(found):
    return any(kwargs.get("return_attention_scores") for kwargs in _kwargs_of_calls(found))


def _random_crop(found, class_name, version, notes):
    """Before 3.8 RandomCrop brought images to its size in predict, too."""
    if class_name != "RandomCrop":
        return found
    notes["RandomCrop cuts and resizes in predict, too, to its height and width"] = True
    return _of_ours(found, from_corner=version >= (3, 6))


def _discretization(found, class_name, version, notes):
    """Before 3.12 the dtype of Discretization was that of its result, int64, and not of what goes in to it.

    Called, it took floats as they are; a graph of TensorFlow, so ``predict`` there, cut them to whole numbers first.
    """
    config = found["config"]
    if class_name != "Discretization" or config.get("output_mode", "int") != "int":
        return found
    result = config.get("dtype") or "int64"
    result = result if isinstance(result, str) else (result.get("config") or {}).get("name", "int64")
    notes[f"Discretization gives {result}, of floats as they are (a graph of TensorFlow cuts them off first)"] = True
    return _of_ours(found, result_dtype=result, dtype="float32")


def _one_hot(found, class_name, version, notes):
    """Before 3.4 an axis of 1 was kept by one-hot codes."""
    if class_name not in ("CategoryEncoding", "Discretization") or found["config"].get("output_mode") != "one_hot":
        return found
    notes[f"{class_name} makes (n, 1, categories) of (n, 1) numbers"] = True
    return _of_ours(found, keeps_axis=True)


def _take(found, class_name, version, notes):
    """Before 3.3 ops.take was tf.experimental.numpy.take, which clips indices."""
    if class_name != "Take":
        return found
    notes["ops.take takes the first slice for a negative index, the last one for one that is too large"] = True
    return {**found, "config": {**found["config"], "mode": "clip"}}


def _cast(found, class_name, version, notes):
    """From 3.5 on, until 3.10, a graph has an operation where a layer takes another float than comes in."""
    dtype = found["config"].get("dtype")
    if class_name != "Cast" or version < (3, 5) or not isinstance(dtype, str):
        return found
    if dtype != "bfloat16":
        return {**found, "module": "keras.src.ops.core"}  # which an .h5 does not tell
    return {**_of_ours(found), "module": None}  # NumPy has no bfloat16: a layer rounds to it, an operation does not


def _int8_order(found, class_name, version, notes):
    """Before 3.2 a layer quantized to int8 had its bias before its kernel, and Dense a scale of another shape."""
    return _quantized(found, class_name, "int8", "bias_first")


def _int8_columns(found, class_name, version, notes):
    """Before 3.3 an Embedding that was quantized to int8 had a scale for each column, not for each row."""
    return _of_ours(found) if class_name == "Embedding" and "int8_from" in _policy(found["config"]) else found


def _int4_packing(found, class_name, version, notes):
    """Before 3.14 the kernels of int4 were packed along their inputs, with one scale to a unit."""
    if class_name in _ATTENTION and version >= (3, 11):
        return _of_ours(found, packs_inputs=True)  # its config does not tell whether it is quantized: its arrays do
    return _quantized(found, class_name, "int4", "packs_inputs")


def _quantized(found, class_name, mode, setting):
    return _of_ours(found, **{setting: True}) if (
        class_name in ("Dense", "EinsumDense") and mode + "_from" in _policy(found["config"])) else found


def _policy(config):
    dtype = config.get("dtype")
    if isinstance(dtype, dict) and isinstance(dtype.get("config"), dict):
        return f"{dtype['config'].get('mode')}_from_{dtype['config'].get('source_name')}"
    return str(dtype)


def _squared(found, class_name, version, notes):
    """Before 3.7 ops.dot_product_attention multiplied its logits by themselves, in the place of the scale."""
    if class_name != "DotProductAttention":
        return found
    notes["ops.dot_product_attention squares its logits instead of scaling them"] = True
    return {**found, "config": {**found["config"], "squared": True}}


def _bare_calls(found, class_name, version, notes):
    """In 3.7 MultiHeadAttention called its dense layers as if they were not quantized."""
    return _of_ours(found, calls_bare=True) if class_name == "MultiHeadAttention" and version >= (3, 7) else found


def _spare(found, class_name, version, notes):
    """Before 3.15 output_padding was not written into a config: any Keras 3 loads the layer without it."""
    config = found["config"]
    strides = config.get("strides", 1)
    if class_name in _TRANSPOSED and "output_padding" not in config and strides not in (1, [1], [1, 1], [1, 1, 1]):
        notes[f"{class_name} without output_padding, which the file does not tell: so Keras loads it"] = True
    return found


def _first_calls(found, class_name, version, notes):
    """In 3.2 whatever reads a later call of a shared layer was written as a reader of the first."""
    config = found["config"]
    layers = config.get("layers") if class_name == "Functional" and version >= (3, 2) else None
    ends = str(config.get("output_layers"))
    for layer in filter(lambda one: isinstance(one, dict), layers or ()):
        nodes = layer.get("inbound_nodes")
        calls = range(1, len(nodes) if isinstance(nodes, list) else 0)
        if not all(f"['{layer.get('name')}', {call}, " in ends for call in calls):
            notes[f"what reads layer {layer.get('name')!r} reads its first call: so Keras loads it, whichever was meant"
                  ] = True
    return found


def _with_home(found):
    """An .h5 names no modules: what has no flag that tells whether it trains is an operation, and not a layer."""
    told = {"module", "registered_name", "layout"} & found.keys() or {"trainable", "layers"} & found["config"].keys()
    if told or found["class_name"] == "InputLayer" or "inbound_nodes" not in found:
        return found
    return {**found, "layout": OPERATION}


_OF_OPERATIONS = (_take, _squared, _cast)
_ABOUT_MASKS = (_masked_rows, _kept_masks, _lost_masks)
_CHANGES = (
    ((3, 2), _int8_order), ((3, 3), _int8_columns), ((3, 3), _first_calls), ((3, 3), _take), ((3, 4), _one_hot),
    ((3, 4), _lost_masks), ((3, 7), _squared), ((3, 8), _random_crop), ((3, 8), _bare_calls), ((3, 8), _kept_masks),
    ((3, 10), _cast), ((3, 10), _masked_rows), ((3, 12), _discretization), ((3, 14), _int4_packing), (ANY, _spare),
)
