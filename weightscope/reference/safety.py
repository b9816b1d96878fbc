"""What is handed to which Keras: never a file with code in it, nor one that makes tf_keras reach outside the file.

What a config names, Keras may import, call or open; how much of that it refuses is another matter in each version, and
in tf_keras. So the config is looked at here, before either of them has it.
"""

from weightscope.checking import hazards
from weightscope.checking.catalogue import NEEDS_CODE, errors
from weightscope.checking.configs import PACKAGES, RUNNING_OTHERS, Trust, reads_vocabulary
from weightscope.errors import NotReplayable, Unsafe, Unsupported
from weightscope.layers.tensorflow.table import function_of
from weightscope.model.constants import CONSTANTS, TENSOR, holds_code
from weightscope.model.excused import EXCUSED
from weightscope.model.layer import Unknown
from weightscope.model.user_code import is_of_user
from weightscope.opening.loose import Loose

# These packages Keras 3 imports by itself (keras/src/saving/serialization_lib.py, _retrieve_class_or_fn).
_FOUND = ("keras", "tf_keras", "builtins", *PACKAGES)
MOST_UNMATCHED = 1 << 26  # values of a weight that a config asks for and the file does not have
_COMPILED = ("WS411", "WS412", "WS414")  # hazards of what a model was compiled with, which can be left out
_FOREIGN = RUNNING_OTHERS | {"Lambda"}
# Parts of tf_keras whose classes do nothing but what a layer needs; and of TensorFlow, whose functions only compute.
_HARMLESS = {"layers", "engine", "models", "initializers", "regularizers", "constraints", "activations",
             "mixed_precision"}
_OLD = "compat.v1."  # how calls of tf.pad, tf.squeeze and others are recorded
_COMPUTING = ("math.", "nn.", "linalg.", "signal.", "bitwise.", "image.resize", "__operators__.", "keras.activations.",
              "keras.backend.")
_PLAIN = {
    "boolean_mask", "broadcast_to", "cast", "clip_by_value", "concat", "convert_to_tensor", "einsum",
    "expand_dims", "gather", "identity", "norm", "one_hot", "ones_like", "pad", "rank", "repeat", "reshape",
    "reverse", "roll", "shape", "slice", "split", "squeeze", "stack", "stop_gradient", "strided_slice",
    "tensordot", "tile", "transpose", "unstack", "where", "zeros_like",
}


def check(model, reference):
    """Raise Unsafe where a file holds code, or names what is not Keras'; Unsupported where there is nothing to run.

    ``reference``: a ``choosing.Reference``, which says what the user trusts. Unsupported is raised, too, for a class
    that only the user's code can make.
    """
    found = refuse(model.saved, Trust(bool(reference.custom_objects), reference.functions), reference.ignore_code)
    if isinstance(model, Loose):
        raise Unsupported(f"{model.saved.path}: nothing to verify: {model.refusal()}")
    for layer in model.with_parts():
        of_user = is_of_user(layer) or (isinstance(layer, Unknown) and layer.class_name not in _FOREIGN)
        if of_user and not reference.custom_objects and not _keras_finds(layer):
            raise Unsupported(f"{model.saved.path}: layer {layer.name!r}: Keras cannot load class {layer.class_name}"
                              f" without your code: --custom-objects FILE{_for_us(layer)}")
    for finding in found:
        if finding.code == NEEDS_CODE:
            raise Unsupported(f"{model.saved.path}: {finding.line()}: {finding.remedy}")


def check_sizes(model, samples):
    """Raise NotReplayable where Keras would be asked for a weight or an output that is too large for ``predict``.

    ``samples``: the Samples that it is to be run on.
    """
    for layer in model.with_parts():
        reason = layer.oversized_weight(MOST_UNMATCHED)
        if reason:
            raise NotReplayable(layer.about(reason)).under(model.saved.path)
    reason = model.oversized([None if array is None else array.shape for array in samples.share()])
    if reason:
        raise NotReplayable(reason).under(model.saved.path)


def refuse(saved, trust=None, ignore_code=False):
    """Return the findings in a file, a ``Saved``; raise Unsafe for the first one of level error.

    ``ignore_code``: what a model was compiled with is none.
    """
    found = hazards.of_saved(saved, trust)
    bad = [finding for finding in errors(found) if not (ignore_code and finding.code in _COMPILED)]
    if bad:
        more = f"; and {len(bad) - 1:,} more, which weightscope scan tells" if len(bad) > 1 else ""
        raise Unsafe(f"{bad[0].line()}: {bad[0].remedy}; it is not handed to Keras{more}",
                     bad[0].code).under(saved.path)
    return found


def _for_us(layer):
    return "; nor weightscope replay it: --layer-code FILE" if isinstance(layer, Unknown) else ""


def _keras_finds(layer):
    """Tell whether Keras may know the class of a layer by itself: one of its packages, or by name what it excuses."""
    if layer.module is None:
        return layer.class_name in EXCUSED
    return str(layer.module).split(".")[0] in _FOUND


def check_for_tf_keras(model, reference):
    """Raise Unsafe where tf_keras, given the file, might run or read something besides it.

    Raises Unsupported for a file that only Keras 3 reads.
    """
    for layer in model.with_parts():
        if isinstance(layer, Unknown) and layer.class_name not in _FOREIGN and not reference.custom_objects:
            raise Unsafe(_text(model, f"layer {layer.name!r} is a {layer.class_name}, which nobody here knows"))
    if is_of_keras_3(model.saved.config):
        raise Unsupported(f"{model.saved.path}: tf_keras does not read what only Keras 3 writes: --reference keras")
    reason = _reaches_out(model.saved.config)
    if reason:
        raise Unsafe(_text(model, reason))


def _text(model, reason):
    return f"{model.saved.path}: it is not handed to tf_keras: {reason}"


def _reaches_out(value):
    """Return why a config, or anything in it, might reach outside the file in tf_keras, or None."""
    if isinstance(value, list):
        return next(filter(None, map(_reaches_out, value)), None)
    if not isinstance(value, dict):
        return None
    inner = value.get("config")
    own = (holds_code(value) and "it holds Python code") or _named(value) or (
        isinstance(inner, dict) and (_vocabulary(inner) or _function(value["class_name"], inner)
                                     if isinstance(value.get("class_name"), str) else None))
    items = (_reaches_out(item) for key, item in value.items() if key != "compile_config")
    return own or next(filter(None, items), None)


def is_of_keras_3(value):
    """Tell whether a config says what a layer is called on as only Keras 3 does."""
    if isinstance(value, list):
        return any(map(is_of_keras_3, value))
    return isinstance(value, dict) and (value.get("class_name") == TENSOR or any(map(is_of_keras_3, value.values())))


def _named(value):
    name, module = value.get("class_name"), value.get("module")
    if name in _FOREIGN:
        return f"it has a {name}"
    if isinstance(name, str) and name.startswith("__") and name not in CONSTANTS:
        return f"it has a {name}"
    if module is None or (name == "function" and module == "builtins"):
        return None
    words = [word for word in str(module).split(".") if word not in ("tensorflow", "python", "src")]
    ours = words[0] in ("keras", "tf_keras") and (len(words) == 1 or words[1] in _HARMLESS)
    return None if ours else f"it asks for something of the module {module}"


def _vocabulary(config):
    return "a layer reads its vocabulary from a file" if reads_vocabulary(config) else None


def _function(class_name, config):
    if class_name == "TensorFlowOpLayer":
        return _operation(config)
    name = config.get("function")
    plain = name.removeprefix(_OLD) if isinstance(name, str) else ""
    if class_name != "TFOpLambda" or plain.startswith(_COMPUTING) or plain in _PLAIN:
        return None
    return f"a TFOpLambda calls TensorFlow's {name}"


def _operation(config):
    """Return why a node of a TensorFlow graph, which may be any, is not one whose arithmetic is known here, or None."""
    node, constants = config.get("node_def"), config.get("constants")
    name = node.get("op") if isinstance(node, dict) else None
    if not (isinstance(name, str) and name.isidentifier() and name[0].isupper() and function_of(name)):
        return f"a TensorFlowOpLayer runs TensorFlow's operation {name if isinstance(name, str) else node!r}"
    if not all(map(_is_numbers, (constants or {}).values())):
        return "a TensorFlowOpLayer has a constant that is no array"
    return None


def _is_numbers(value):
    return all(map(_is_numbers, value)) if isinstance(value, list) else isinstance(value, (int, float, str))
