"""What the arrays of a file are not, that its config says of them: missing, of another shape, no real numbers."""

from weightscope.model.layer import Unknown
from weightscope.model.model import Model
from weightscope.model.structure import flatten_shapes, with_paths


def weight_faults(model):
    """Yield a line for each weight of a model that is not what its config says.

    A layer whose weights were made for another input says so from here on, too: ``refusal``.
    """
    if _was_never_built(model):
        return
    misfits = dict(_made_for_another_input(model))
    for path, layer in with_paths(model):
        if isinstance(layer, Unknown) or "not_replayable" in layer.config:  # binding has said why
            continue
        found = list(layer.weight_faults())
        if not found and layer in misfits:
            found = [misfits[layer]]
            layer.config = {**layer.config, "not_replayable": misfits[layer]}
        yield from (f"layer {path!r} ({layer.class_name}): {fault}" for fault in found)


def _was_never_built(model):
    """Tell whether Keras made no weights yet: it saw no input, and the file has no arrays."""
    return not model.saved.arrays and any(layer.implicit and layer.batch_shape is None for layer in model.input_layers)


def _made_for_another_input(model, prefix="", shapes=None):
    """Yield ``(layer, fault)`` of the calls whose input has another size than the layer's weights."""
    shapes = model.shapes(refused={}) if shapes is None else shapes
    for node in model.nodes:
        if isinstance(node.layer, Model):
            yield from _made_for_another_input(node.layer, f"{prefix}{node.path}/", shapes)
        elif len(node.refs) == 1:
            given = _shape_of(node.refs[0], prefix, shapes)
            fault = None if given is None else node.layer.input_fault(given)
            if fault:
                yield node.layer, fault


def _shape_of(ref, prefix, shapes):
    shape = shapes.get(prefix + ref.node)
    if shape is None:
        return None
    leaves = flatten_shapes(shape)
    return leaves[ref.index] if ref.index < len(leaves) else None
