"""What Keras 3 loads from a file of Keras 1 or 2, and computes otherwise."""

from weightscope.opening import legacy_order


def other_meanings(model):
    """Return a line, to go behind "Keras 3, whose", for each thing in an old model that Keras 3 computes otherwise."""
    layers, exchanges = list(model.with_parts()), ""
    if model.saved.order is not None and legacy_order.differs_in_keras3(model):
        exchanges = "order of the arrays in a model with frozen layers is another: it exchanges some"
    return [line for line, is_such in _OTHERS.items() if any(map(is_such, layers))] + [exchanges] * bool(exchanges)


def _of_batch(layer):
    return layer.layout == "keras2" and layer.class_name == "BatchNormalization"


def _turns_round(layer):
    return layer.class_name == "Bidirectional" and layer.parts["forward_layer"].config.get("go_backwards")


_OTHERS = {
    "hard_sigmoid is another function: clip(x/6 + 0.5) instead of clip(0.2x + 0.5)":
        lambda layer: "hard_sigmoid_keras2" in str(layer.config),
    "BatchNormalization does not take mean and variance of the batch in predict, called with training=True or not":
        _of_batch,
    "Bidirectional runs both its halves backwards where its layer has go_backwards": _turns_round,
    "recurrent layers do not see the mask of their input where they are given states, too":
        lambda layer: getattr(layer, "masked_beside_states", False),
}
