"""Open any saved Keras model, see every weight with its meaning, and replay ``predict`` in NumPy.

    import weightscope

    model = weightscope.load("model.h5")
    model.layers[0].weights["kernel"].array
    weightscope.replay(model, x)["dense"]
    weightscope.predict(model, x)
    weightscope.verify(model, x)

Names are loaded at their first use, so that importing weightscope costs nothing.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from weightscope.layers import Activation, Functional, Layer, Model, Sequential, Weight, keras_lambda, keras_layer
    from weightscope.loading import load
    from weightscope.recording import record
    from weightscope.replaying import Trace, predict, replay
    from weightscope.verifying import verify

__all__ = [
    "Activation", "Functional", "Layer", "Model", "Sequential", "Trace", "Weight", "keras_lambda", "keras_layer",
    "load", "predict", "record", "replay", "verify",
]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module 'weightscope' has no attribute {name!r}")
    if name in ("record", "verify"):  # what starts Keras is loaded by nothing else
        from weightscope import recording, verifying

        return verifying.verify if name == "verify" else recording.record
    from weightscope import layers, loading, replaying

    home = next(module for module in (loading, replaying, layers) if hasattr(module, name))
    return getattr(home, name)
