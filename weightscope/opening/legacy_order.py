"""In which order Keras takes the arrays of a legacy group: first those that train, and what that means in each Keras.

The order is that of the model as Keras has just built it from its config, before it loads. Flags that a config does not
bring back count as True, whatever they were when it was saved: a nested model's in Keras 2, half a Bidirectional's.
"""

from typing import NamedTuple

from weightscope.model.functional import Functional
from weightscope.model.layer import Layer, PartConfig, Weight
from weightscope.model.model import Model


class Entry(NamedTuple):
    """A weight of a group; ``unit``: the layers that the config names on the way to it, the group's own first."""

    unit: tuple[Layer, ...]
    owner: Layer
    weight: Weight


def keras2(layer: Layer) -> list[Entry]:
    """The weights of a layer in the order of Keras 1 and 2: at every level those that train come first.

    Source: ``trainable_weights`` and ``non_trainable_weights`` of tf_keras/src/engine/base_layer.py and training.py.
    """
    return _joined(_split(layer, (layer,)))


def keras3(layer: Layer) -> list[Entry]:
    """The weights of a layer in the order of Keras 3, where each variable keeps a flag of its own.

    A layer that is frozen itself has them as they come. Source: keras/src/layers/layer.py, the same properties.
    """
    entries = _as_they_come(layer, (layer,))
    trains = layer.trainable or (isinstance(layer, Model) and not isinstance(layer, Functional))
    return sorted(entries, key=lambda entry: not _trains(entry)) if trains else entries


def differs_in_keras3(model: Model) -> bool:
    """Whether Keras 3, given a legacy file of Keras 1 or 2, takes some arrays for others than these do."""
    nested = (layer for layer in model.layers if layer.parts)
    return any(entry.weight is not other.weight
               for layer in nested for entry, other in zip(keras2(layer), keras3(layer), strict=True))


def _joined(halves):
    return halves[0] + halves[1]


def _split(layer, unit):
    """Return (those that train, those that do not) as Keras 2 has them."""
    own = [Entry(unit, layer, weight) for weight in layer.weights.values() if weight.tracked]
    trained, kept = [entry for entry in own if entry.weight.trainable], [e for e in own if not e.weight.trainable]
    parts = [(part, _inner(unit, part)) for part in layer.parts.values()]
    if not (layer.trainable or isinstance(layer, Model)):
        inside = [entry for part, inner in parts for entry in _all(part, inner)]
        return [], _as_listed(layer, trained + kept + inside)
    halves = [_split(part, inner) for part, inner in parts]
    return (trained + [entry for half in halves for entry in half[0]],
            kept + [entry for half in halves for entry in half[1]])


def _all(layer, unit):
    """Return all of a layer in a frozen one, which Keras 2 takes as ``weights``: a model's layer by layer."""
    if isinstance(layer, Model):
        return [entry for part in layer.parts.values() for entry in _all(part, _inner(unit, part))]
    return _joined(_split(layer, unit))


def _as_they_come(layer, unit):
    own = [Entry(unit, layer, weight) for weight in layer.weights.values() if weight.tracked]
    parts = (_as_they_come(part, _inner(unit, part)) for part in layer.parts.values())
    return _as_listed(layer, [*own, *(entry for inside in parts for entry in inside)])


def _as_listed(layer, entries):
    """Return the entries in the order that a layer has of its own, where one has: SpectralNormalization's kernel."""
    if type(layer).all_weights is Layer.all_weights:
        return entries
    place = {weight: index for index, weight in enumerate(layer.all_weights())}
    return sorted(entries, key=lambda entry: place.get(entry.weight, len(place)))


def _inner(unit, part):
    """The layers that a config names, down to ``part``; parts that a class makes for itself belong to their maker."""
    return unit if isinstance(part.config, PartConfig) else (*unit, part)


def _trains(entry):
    # What a class makes for itself is made without its flag: MultiHeadAttention's projections, ConvLSTM's cell.
    made = isinstance(entry.owner.config, PartConfig) or entry.owner.class_name.startswith("ConvLSTM")
    return entry.weight.trainable and (made or entry.owner.trainable)
