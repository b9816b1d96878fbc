"""Open any saved Keras model, see every weight with its meaning, and replay ``predict`` in NumPy.

    import weightscope

    model = weightscope.load("model.h5")            # print(model) lists its layers
    kernel = model["dense"].weights["kernel"]       # to NumPy an array, with a word for each axis in kernel.axes
    trace = weightscope.replay(model, x)            # what every layer gives: trace["dense"], trace.output
    weightscope.predict(model, x)                   # what model.predict(x) returns, without Keras
    print(weightscope.verify(model, x))             # held against Keras, layer by layer

``load`` opens a file; ``replay`` and ``predict`` run it in NumPy; ``verify`` holds that against Keras, or against what
``record`` kept of it; ``convert`` rewrites an old file. ``keras_layer`` and ``keras_lambda`` teach layers of your own.
Errors are subclasses of WeightscopeError, and each says in one line what is wrong, where, and what to do.

Names are loaded at their first use, so that importing weightscope costs nothing.
"""

from weightscope.version import __version__ as __version__

TYPE_CHECKING = False

__all__ = [
    "Activation", "Comparison", "Converted", "Difference", "Functional", "Gap", "Layer", "Model", "NoSuchLayer",
    "NotReplayable", "NothingChecked", "Recorded", "Reference", "ReferenceFailed", "Sequential", "Tolerance", "Trace",
    "Unreadable", "Unsafe", "Unsupported", "Weight", "WeightscopeError", "convert", "keras_lambda", "keras_layer",
    "load", "predict", "record", "replay", "verify",
]

if TYPE_CHECKING:
    from weightscope.converting.convert import Converted, convert
    from weightscope.errors import (
        NoSuchLayer,
        NothingChecked,
        NotReplayable,
        ReferenceFailed,
        Unreadable,
        Unsafe,
        Unsupported,
        WeightscopeError,
    )
    from weightscope.model.formula import Activation
    from weightscope.model.functional import Functional, Sequential
    from weightscope.model.layer import Layer, keras_layer
    from weightscope.model.model import Model
    from weightscope.model.taught import keras_lambda
    from weightscope.model.weight import Weight
    from weightscope.opening.load import load
    from weightscope.reference.choosing import Reference
    from weightscope.reference.record import record
    from weightscope.reference.recorded import Recorded
    from weightscope.replaying.replay import predict, replay
    from weightscope.replaying.trace import Trace
    from weightscope.verdict.comparison import Comparison, Difference
    from weightscope.verdict.gaps import Gap, Tolerance
    from weightscope.verdict.verify import verify
else:
    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module 'weightscope' has no attribute {name!r}")
        return getattr(next(module for module in _modules_for(name) if hasattr(module, name)), name)

    def __dir__():
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


# What starts Keras, and what only such checks need, is loaded for nothing else.
_OF_CHECKS = ("Comparison", "Difference", "Gap", "Recorded", "Reference", "Tolerance", "record", "verify")


def _modules_for(name):
    """Return the modules to look for a public name in, with what tells their things how they are shown."""
    from weightscope import errors

    if hasattr(errors, name):
        return [errors]
    from weightscope.model import functional, layer, taught
    from weightscope.opening import load
    from weightscope.replaying import replay
    from weightscope.show import notebook as notebook

    if name in ("Converted", "convert"):
        from weightscope.converting import convert

        return [convert]
    if name in _OF_CHECKS:
        from weightscope.reference import choosing, record, recorded
        from weightscope.show import notebook_rows as notebook_rows
        from weightscope.verdict import comparison, gaps, verify

        return [verify, comparison, gaps, record, recorded, choosing]
    return [load, replay, layer, functional, taught]
