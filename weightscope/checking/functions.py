"""Functions that a config names: which are Keras' own and only compute, and which a plain word asks for.

Sources: ``get`` of ``keras/src/activations``, ``initializers``, ``regularizers`` and ``constraints``, and of the same
files of tf_keras and of Keras 1; all of them take a word for the function or the class that is called so.
"""

import re

from weightscope.kernels.activations import ACTIVATIONS
from weightscope.layers.families import bring_all
from weightscope.model.registry import known_operations

_FUNCTION = re.compile(r"[a-z]\w*")
_SETTING = re.compile(r"(?:\w+_)?(activation|init|initializer|regularizer|constraint)")
_LAYERS = {"relu", "leakyrelu", "prelu", "elu", "softmax", "thresholdedrelu"}  # tf_keras takes layers by name, too
_INITIALIZERS = {
    "constant", "glorotnormal", "glorotuniform", "henormal", "heuniform", "identity", "identityinitializer",
    "initializer", "lecunnormal", "lecununiform", "normal", "one", "ones", "orthogonal", "orthogonalinitializer",
    "randomnormal", "randomuniform", "stft", "stftinitializer", "truncatednormal", "uniform", "variancescaling", "zero",
    "zeros"}
_PLAIN = {
    "activation": {name.replace("_", "") for name in ACTIVATIONS} | _LAYERS,
    "init": _INITIALIZERS,
    "initializer": _INITIALIZERS,
    "regularizer": {"l1", "l2", "l1l2", "activityl1", "activityl2", "activityl1l2", "orthogonalregularizer",
                    "regularizer"},
    "constraint": {"constraint", "maxnorm", "minmaxnorm", "nonneg", "nonnegative", "radialconstraint", "unitnorm",
                   "unitnormalization"},
}


def computes(name, module):
    """Tell whether a function is one of Keras' that only compute: an activation, or one of ``keras.ops``."""
    if module is not None and not isinstance(module, str):
        return False
    words = (module or "builtins").replace(".src", "").split(".")
    if words in (["builtins"], ["keras"]) or words[:2] == ["keras", "activations"]:
        return name in ACTIVATIONS or (words == ["builtins"] and _is_operation(name))
    return words[:2] == ["keras", "ops"] and _is_operation(name)


def _is_operation(name):
    if not _FUNCTION.fullmatch(name):
        return False
    bring_all()
    return any(name.replace("_", "") == known for _, known in known_operations())


def plainly_named(settings):
    """Yield each setting of a layer, with its word, that asks for an activation or the like by no name of Keras'."""
    for key, word in settings.items():
        kind = _SETTING.fullmatch(key) if isinstance(word, str) else None
        if kind and word.replace("_", "").lower().removesuffix("v2") not in _PLAIN[kind[1]]:
            yield key, word
