"""Brings the families of layers into the table behind ``layer_from``, only those that a model needs.

To open a model costs little more than to import what it is made of: all families at once would cost a third of it.
"""

from weightscope.model.registry import OPERATION, OPERATION_MODULES, known_classes
from weightscope.model.settings import has_no_effect


def bring(config):
    """Import families, the most usual ones first, until every class in a serialised model is known, or all are here."""
    asked = list(_layers_in(config))
    names = {layer["class_name"] for layer in asked if isinstance(layer.get("class_name"), str)}
    others = any(_is_operation(layer) or _is_of_user(layer) for layer in asked)
    layouts = {layer["layout"] for layer in asked if isinstance(layer.get("layout"), str)}
    if layouts - {"keras2", "keras3", OPERATION}:
        _old()
    if "keras2" in layouts:
        _other_in_keras2(names)
    if "keras3" in layouts:
        _keras3(names)
    for family in (_dense, _networks, _sequences, bring_all):
        if not others and names <= known_classes().keys():
            return
        family()


def _dense():
    from weightscope.layers import activations, core, core_dense, core_embedding, regularization  # noqa: F401
    from weightscope.model import functional  # noqa: F401


def _networks():
    from weightscope.layers import (  # noqa: F401
        convolutional,
        merging,
        normalization,
        pooling,
        reshaping,
    )


def _sequences():
    from weightscope.layers import attention, rnn, rnn_wrappers  # noqa: F401


def _old():
    from weightscope.layers.keras1 import convolutional, core, rnn  # noqa: F401
    _keras2()


def _keras2():
    from weightscope.layers.keras2 import core, locally_connected, rnn  # noqa: F401
    _other_in_keras2(_WITH_PARTS | _UNMASKED)


_WITH_PARTS = {"Softmax", "MultiHeadAttention", "TimeDistributed", "BatchNormalization", "EinsumDense"}
_UNMASKED = {"Identity", "Rescaling", "Normalization"}


def _other_in_keras2(names):
    from weightscope.layers.keras2 import merging  # noqa: F401
    if names & _WITH_PARTS:
        from weightscope.layers.keras2 import other_meaning  # noqa: F401
    if names & _UNMASKED:
        from weightscope.layers.keras2 import unmasked  # noqa: F401


_OF_DATA = {"RandomCrop", "Discretization", "CategoryEncoding"}


def _keras3(names):
    from weightscope.layers.keras3 import attention, merging, quantized  # noqa: F401
    if names & _OF_DATA:
        from weightscope.layers.keras3 import preprocessing  # noqa: F401


def _operations():
    from weightscope.layers.operations import (  # noqa: F401
        arranging,
        core,
        creating,
        elementwise,
        fourier,
        image,
        linalg,
        losses,
        math,
        nn,
        picking,
        products,
        quantiles,
        reductions,
        transforms,
        windows,
    )


def bring_all():
    """Import every family, and the operations of ``keras.ops``."""
    _dense()
    _networks()
    _sequences()
    _old()
    _keras3(_OF_DATA)
    _operations()
    from weightscope.layers import (  # noqa: F401
        applications,
        audio,
        convolutional_transpose,
        feature_space,
        images,
        images_random,
        index_lookup,
        preprocessing,
        rnn_convolutional,
    )
    from weightscope.layers.tensorflow import operations  # noqa: F401


def _layers_in(config):
    """Yield every serialised layer of a serialised model, nested ones too."""
    inner = config.get("config") if isinstance(config, dict) else None
    if isinstance(inner, dict):
        yield config
        held = [value for key, value in inner.items() if not has_no_effect(key)]
        for item in [item for value in held for item in (value if isinstance(value, list) else [value])]:
            yield from _layers_in(item)


def _is_of_user(config):
    # What a class of the user's is made of, the file does not tell; it may have the name of one of Keras'.
    module = config.get("module")
    return isinstance(module, str) and module.split(".")[0] not in ("keras", "tf_keras", "builtins", "tensorflow")


def _is_operation(config):
    module = config.get("module")
    return config.get("layout") == OPERATION or (isinstance(module, str) and module.startswith(OPERATION_MODULES))
