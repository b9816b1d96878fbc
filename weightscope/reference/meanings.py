"""What a file means, and a Keras of today computes otherwise on it: the table of such cases.

What a referee gives there is no fault of a replay. ``Meaning.as_referee`` makes a layer compute as the referee does, so
that a verdict can show it. The table in docs/files.md is made of these.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType

from weightscope.kernels.windows import BEFORE
from weightscope.layers import normalization
from weightscope.layers.merging import Summing
from weightscope.model.formula import Activation
from weightscope.model.layer import Layer
from weightscope.model.model import Model
from weightscope.model.structure import flatten_shapes
from weightscope.opening import legacy_order

LEGACY = "legacy h5 model"
CONVERT = "`weightscope convert` writes what the file means for Keras 3"
ASK = "`--reference tf_keras` computes what the file means"


@dataclass(frozen=True)
class Meaning:
    """One such case.

    ``what``: what it is about; ``means``: what the file means; ``by``: which referees compute otherwise; ``does``: what
    they do; ``remedy``: what to do. ``is_in``: whether a layer of a model is such a case; ``as_referee``: has a copy of
    the layer, the third argument, compute as these referees do; ``of_old``: whether it is a matter of Keras 1 and 2.
    """

    what: str
    means: str
    by: tuple[str, ...]
    does: str
    remedy: str
    is_in: Callable[[Model, Layer], bool]
    as_referee: Callable[[Model, Layer, Layer], None]
    of_old: bool = True

    def concerns(self, model, layer, kind):
        """Tell whether a layer of a model is such a case to a kind of referee."""
        return kind in self.by and self.of_old == bool(model.saved.is_old) and self.is_in(model, layer)


def meanings_of(model, layer, kind):
    """Return the Meanings that a layer, with what is in it, has for a kind of referee: "keras" or "tf_keras"."""
    return [meaning for meaning in MEANINGS if meaning.concerns(model, layer, kind)]


def other_meanings(model, kind="keras"):
    """Return a line for each thing in an old model that a kind of referee computes otherwise."""
    layers = list(model.with_parts())
    return [f"{meaning.what}: it {meaning.does}; the file means {meaning.means}" for meaning in MEANINGS
            if any(meaning.concerns(model, layer, kind) for layer in layers)]


def changed_on_loading(model):
    """Return what Keras 3 makes of a file of its own on loading, in words; "" for nothing."""
    found = ((layer, meaning) for layer in model.with_parts() for meaning in (AXES, LORA)
             if meaning.concerns(model, layer, "keras"))
    return next((f"layer {layer.name!r}: {meaning.what}: it {meaning.does}" for layer, meaning in found), "")


# Keras 1 and 2.

def _activations(part):
    return {setting: own for setting, own in part.activations().items()
            if getattr(own, "name", "") == "hard_sigmoid_keras2"}


def _is_hard(_, layer):
    return any(_activations(part) for part in layer.with_parts())


def _in_keras3(_, __, copied):
    for part in copied.with_parts():
        for setting in _activations(part):
            setattr(part, setting, Activation("hard_sigmoid"))


def _is_of_theano(_, layer):
    return any(getattr(part, "kernel_flipped", False) or getattr(part, "padding", None) in BEFORE
               for part in layer.with_parts())


def _as_it_lies(_, __, copied):
    for part in copied.with_parts():
        if getattr(part, "kernel_flipped", False):
            part.kernel_flipped = False
        if getattr(part, "padding", None) in BEFORE:
            part.padding = "same"


def _is_by_the_batch(_, layer):
    return any(part.layout == "keras2" and part.class_name == "BatchNormalization" for part in layer.with_parts())


def _by_what_was_seen(_, __, copied):
    for part in copied.with_parts():
        if part.layout == "keras2" and part.class_name == "BatchNormalization":
            part.forward = MethodType(normalization.BatchNormalization.forward, part)


def _exchanged(model):
    """Return ``{weight: the one whose array Keras 3 takes for it}``, by identity, of a legacy file of Keras 1 or 2."""
    if model.saved.order is None:
        return {}
    pairs = [pair for layer in model.layers if layer.parts
             for pair in zip(legacy_order.keras3(layer), legacy_order.keras2(layer), strict=True)]
    return {id(taken.weight): meant.weight for taken, meant in pairs if taken.weight is not meant.weight}


def _is_exchanged(model, layer):
    found = _exchanged(model)
    return any(id(weight) in found for part in layer.with_parts() for weight in part.weights.values())


def _with_others_arrays(model, layer, copied):
    found = _exchanged(model)
    for part, own in zip(copied.with_parts(), layer.with_parts(), strict=True):
        for name, weight in own.weights.items():
            if id(weight) in found:
                part.weights[name] = found[id(weight)]


def _leads_bias(part):
    """Tell whether a layer has a bias with one long axis, and that is not its last."""
    bias = part.weights.get("bias") if part.class_name == "EinsumDense" and part.adds_plainly else None
    long = [axis for axis, n in enumerate(bias.shape) if n > 1] if bias is not None and bias.shape else []
    return len(long) == 1 and long[0] < len(bias.shape) - 1


def _merges_shapes(model, part):
    """Tell whether a layer adds an input that has at most one long axis to one of another shape."""
    if not (isinstance(part, Summing) and part.adds_plainly):
        return False
    return any(shape[1:] != shapes[0][1:] and sum(n != 1 for n in shape[1:]) < 2
               for shapes in _shapes_given(model, part) for shape in shapes[1:])


def _shapes_given(model, layer):
    """Yield the shapes, as far as they are known, that each call of a layer in a model, or in one inside it, takes."""
    for inner in filter(lambda part: isinstance(part, Model), model.with_parts()):
        nodes = [node for node in inner.nodes if node.layer is layer]
        known = inner.shapes() if nodes else {}
        for node in nodes:
            refs = [ref for ref in node.refs if known.get(ref.node) is not None]
            yield [flatten_shapes(known[ref.node])[ref.index] for ref in refs]


def _adds_otherwise(model, layer):
    return any(_leads_bias(part) or _merges_shapes(model, part) for part in layer.with_parts())


def _along_the_last_axis(_, __, copied):
    for part in copied.with_parts():
        if getattr(part, "adds_plainly", False):
            part.adds_plainly = False


# Keras 3, of its own .h5.

def _axes(model, part):
    axis = getattr(part, "axis", None)
    return model.saved.format == LEGACY and isinstance(axis, (list, tuple))


def _lora(model, part):
    rank, alpha = getattr(part, "lora_rank", None), getattr(part, "lora_alpha", None)
    return model.saved.format == LEGACY and bool(rank) and alpha not in (None, rank)


def _with_one_axis(model, _, copied):
    for part in copied.with_parts():
        if _axes(model, part):
            part.axis = -1


def _with_alpha_as_rank(model, _, copied):
    for part in copied.with_parts():
        if _lora(model, part):
            part.lora_alpha = part.lora_rank


def _in_any(is_in):
    return lambda model, layer: any(is_in(model, part) for part in layer.with_parts())


AXES = Meaning(
    "a list of axes in an .h5 of Keras 3", "all of these axes", ("keras",), "reads axis=-1", CONVERT, _in_any(_axes),
    _with_one_axis, of_old=False)
LORA = Meaning(
    "lora_alpha in an .h5 of Keras 3", "the lora_alpha that it says", ("keras",), "reads the rank in its place",
    CONVERT, _in_any(_lora), _with_alpha_as_rank, of_old=False)
MEANINGS = (
    Meaning("hard_sigmoid in a file of Keras 1 or 2", "clip(0.2x + 0.5, 0, 1)", ("keras",),
            "computes clip(x/6 + 0.5, 0, 1)", CONVERT, _is_hard, _in_keras3),
    Meaning("kernels and windows learned under Theano", "kernels turned round, windows that begin where Theano's do",
            ("keras", "tf_keras"), "takes kernels as they lie, and windows as TensorFlow's", CONVERT, _is_of_theano,
            _as_it_lies),
    Meaning("BatchNormalization of Keras 2 called with training=True", "mean and variance of the batch", ("keras",),
            "takes the moving mean and variance in predict", ASK, _is_by_the_batch, _by_what_was_seen),
    Meaning("an .h5 of Keras 1 or 2 with frozen layers in a nested model", "arrays in the order of its own flags",
            ("keras",), "takes them in another order, and exchanges some", CONVERT, _is_exchanged, _with_others_arrays),
    Meaning("sums and biases with one axis longer than 1, in a file of Keras 1 or 2", "each along its own axis",
            ("keras",), "adds such a thing along the last axis, or axis 1, where the lengths match", ASK,
            _adds_otherwise, _along_the_last_axis),
    AXES,
    LORA,
)
