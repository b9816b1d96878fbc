"""Open any saved Keras model, see every weight with its meaning, and replay ``predict`` in NumPy.

    import weightscope

    model = weightscope.load("model.h5")
    model.layers[0].weights["kernel"].array
    weightscope.replay(model, x)["dense"]
    weightscope.predict(model, x)
    weightscope.verify(model, x)

Names are loaded at their first use, so that importing weightscope costs nothing.
"""

from weightscope.version import __version__ as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from weightscope.model.formula import Activation
    from weightscope.model.layer import Layer, keras_layer
    from weightscope.model.models import Functional, Model, Sequential
    from weightscope.model.taught import keras_lambda
    from weightscope.model.weight import Weight
    from weightscope.opening.load import load
    from weightscope.reference.record import record
    from weightscope.replaying.replay import predict, replay
    from weightscope.replaying.trace import Trace
    from weightscope.verdict.verify import verify

__all__ = [
    "Activation", "Functional", "Layer", "Model", "Sequential", "Trace", "Weight", "keras_lambda", "keras_layer",
    "load", "predict", "record", "replay", "verify",
]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module 'weightscope' has no attribute {name!r}")
    if name in ("record", "verify"):  # what starts Keras is loaded by nothing else
        from weightscope.reference import record
        from weightscope.verdict import verify

        return verify.verify if name == "verify" else record.record
    from weightscope.model import layer, models, taught
    from weightscope.opening import load
    from weightscope.replaying import replay

    home = next(module for module in (load, replay, layer, models, taught) if hasattr(module, name))
    return getattr(home, name)
