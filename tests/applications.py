"""The architectures of ``keras.applications``, small and with random weights."""

import inspect
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np

SIZES = (32, 71, 75, 96, 224)


def names():
    """Return the names of all architectures, by introspection."""
    return sorted(name for name, found in vars(keras.applications).items()
                  if inspect.isfunction(found) and "weights" in inspect.signature(found).parameters)


def application(name, **settings):
    """Return ``(model, inputs)``: an architecture at the smallest of ``SIZES`` that it takes, and two images for it."""
    keras.backend.clear_session()
    build, refusal = getattr(keras.applications, name), None
    for size in SIZES:
        try:
            model = build(weights=None, input_shape=(size, size, 3), classes=7, classifier_activation=None, **settings)
        except ValueError as error:  # too small for this architecture
            refusal = error
            continue
        rng = np.random.default_rng(0)
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                _unsettle(layer, rng)
        return model, [(rng.random((2, size, size, 3)) * 255).astype("float32")]
    raise refusal


def _unsettle(layer, rng):
    """Give a BatchNormalization statistics as if it had been trained, instead of mean 0 and variance 1."""
    for weight in layer.weights:
        low, high = (-0.2, 0.2) if weight.name in ("beta", "moving_mean") else (0.6, 1.4)
        weight.assign(rng.uniform(low, high, weight.shape))
