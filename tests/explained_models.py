"""Layers of live Keras, saved and explained: what it computes, and what is told about that."""

import keras
import numpy as np

from weightscope.explaining.explain import Asked, explain
from weightscope.opening.load import load
from weightscope.show.board import Board


def explained(folder, call, *inputs, weights=None, at=None, **asked):
    """Return the Explanation of the last call of a model of Keras', and what Keras gives there for the first sample.

    ``call``: a layer, or a function of the model's tensors; ``inputs``: arrays; ``weights``: of the layer, else what
    Keras drew; ``at``: the index of the number.
    """
    keras.utils.set_random_seed(0)
    tensors = [keras.Input(x.shape[1:], dtype=str(x.dtype)) for x in inputs]
    model = keras.Model(tensors, call(*tensors))
    if weights is not None:
        call.set_weights(weights)
    model.save(folder / "model.keras")
    *_, (_, found) = explain(load(folder / "model.keras"), list(inputs), asked=Asked(at=at, **asked))
    theirs = np.asarray(keras.tree.flatten(model.predict(list(inputs), verbose=0))[0])[0]
    assert found.why_not is None and np.allclose(found.value, theirs[found.at], rtol=1e-5, atol=1e-6)
    return found


def board(found, width=80):
    """Return what stands on the board of an Explanation, one text."""
    return "\n".join(Board(width).lines(found.steps))
