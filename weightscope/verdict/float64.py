"""A loaded model's replay in float64, whatever its dtype policies say: the same weights, cast exactly."""

from contextlib import contextmanager

from weightscope.model.model import Model
from weightscope.model.running import FLOATS


def reason_against(model):
    """Return why a model has no float64 of its own, or None: quantized layers compute in whole numbers."""
    held = next((layer for layer in model.with_parts() if layer.quantizes_now or layer.rounds_to), None)
    return held and f"layer {held.name!r} computes in few bits"


def compute_in(dtype, layers):
    """Have layers that compute in a float compute in another."""
    for layer in layers:
        if layer.compute_dtype in FLOATS:
            layer.policy = layer.compute_dtype = dtype


@contextmanager
def in_float64(model):
    """While entered, every layer of the model computes in float64."""
    layers = _layers(model)
    before = [(layer, layer.policy, layer.compute_dtype) for layer in layers]
    compute_in("float64", layers)
    try:
        yield
    finally:
        for layer, policy, dtype in before:
            layer.policy, layer.compute_dtype = policy, dtype


def own_dtypes(model):
    """Return ``{layer: the dtype it computes in}``."""
    return {layer: layer.compute_dtype for layer in _layers(model)}


def _layers(model):
    layers = list(model.with_parts())
    layers += [entry for layer in layers if isinstance(layer, Model) for entry in layer.input_layers]
    return list(dict.fromkeys(layers))
