"""A model in one line a layer: its path, class, output shape and parameters, and what else is to be said of it."""

from weightscope.model.names import printable
from weightscope.model.structure import with_paths
from weightscope.show.wording import shape_text

WIDEST = 36  # columns of names that are made as wide as their longest


def write(view, page, with_calls=False):
    """Write all layers of an Overview; ``with_calls``: also what a layer is called on, if not the one before it."""
    rows = [layer_row(*pair) for pair in with_paths_of_blocks(view)]
    widths = [min(max(map(len, column), default=0), WIDEST) for column in zip(*rows)]
    for (path, class_name, shape, number), (_, block) in zip(rows, with_paths_of_blocks(view)):
        columns = [cell.ljust(width) for cell, width in zip((path, class_name, shape), widths)]
        told = ", ".join([*remarks(view, block, briefly=True), *(_on(block) if with_calls else [])])
        page.line(*columns, number.rjust(widths[3]), printable(told), indent=2)


def with_paths_of_blocks(view):
    """Yield ``(path, Block)`` of all layers of an Overview, by the paths that ``model[path]`` takes."""
    paths = {layer: path for path, layer in with_paths(view.model)}
    yield from ((paths.get(block.layer, block.path), block) for block in view.all_blocks())


def layer_row(path, block):
    """Return path, class, output shape ("" where nothing calls it by itself) and parameters, as texts."""
    return (printable(path), printable(block.layer.class_name), shape_text(block.shape) if block.calls else "",
            f"{block.parameters:,}" if block.parameters else "")


def remarks(view, block, briefly=False):
    """Return what else is to be said of a Block: that it is frozen, why it is not replayed, what it seems to be.

    ``briefly``: without the reasons, which the layer by itself is shown with.
    """
    told = ["frozen"] if block.parameters and not block.trains else []
    if block.refusal and not view.is_loose:
        told.append("not replayed" if briefly else f"not replayed: {block.refusal}")
    if block.layer.inferred:
        told.append(f"inferred: {block.layer.inferred.partition(', by ')[0] if briefly else block.layer.inferred}")
    return told


def _on(block):
    if len(block.calls) > 1:
        return [f"called {len(block.calls)} times"]
    return [] if block.follows or block.is_input or not block.calls else [
        "on " + ", ".join(path.rpartition("/")[2] for path in block.calls[0].on)]
