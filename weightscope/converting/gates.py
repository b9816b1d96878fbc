"""Keras 2's hard_sigmoid, clip(0.2x + 0.5), said with Keras 3's, clip(x/6 + 0.5): the one of x is the other of 1.2x.

Where a sum goes straight into the function, its weights take the factor.
"""

import numpy as np

from weightscope.converting.unsupported import unsupported

HARD_SIGMOID = "hard_sigmoid_keras2"
FACTOR = 1.2


def scaled(layer, arrays):
    """Return the arrays of a layer with the factor in those that lead to its hard_sigmoids.

    Raises Unsupported where something else than a sum of its own leads there.
    """
    asked = {name for name, found in layer.activations().items() if getattr(found, "name", None) == HARD_SIGMOID}
    if not asked:
        return arrays
    gates = getattr(layer, "gates", "").split("|")
    if asked == {"recurrent_activation"}:
        factors = np.array([1.0 if gate in ("c", "h") else FACTOR for gate in gates], "float32")
        return {name: _by_gate(array, factors) for name, array in arrays.items()}
    last = {"pointwise_kernel", "recurrent_kernel", "bias"} | ({"kernel"} & arrays.keys())
    if asked != {"activation"} or gates != [""] or not last & arrays.keys():
        raise unsupported(layer, "Keras 3 has no hard_sigmoid as of Keras 2 here")
    return {name: array * np.float32(FACTOR) if name in last else array for name, array in arrays.items()}


def _by_gate(array, factors):
    return array * np.repeat(factors, array.shape[-1] // len(factors))
