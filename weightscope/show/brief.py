"""Objects in few lines, as ``print`` shows them: a model a line a layer, a trace a line a node, a layer, a weight."""

from weightscope.model.names import printable
from weightscope.model.structure import flatten
from weightscope.show import lines, text
from weightscope.show.lines import WIDEST
from weightscope.show.overview import Overview, block_of
from weightscope.show.values import array_text, blocks_of_values
from weightscope.show.wording import axes_text, counted, weight_text


def model(shown, page):
    """Write a Model: each layer by the path that ``model[path]`` takes, its output's shape, its parameters."""
    view = Overview(shown)
    page.line((printable(shown.name), "bold"), (printable(shown.class_name), "cyan"), source(shown))
    lines.write(view, page)
    for words in [parameters(view), *no_replay(view)]:
        page.line(words)


def no_replay(view):
    """Return a line on why nothing of an Overview's model is replayed, where that is so."""
    return [f"no shapes, no replay: {printable(view.model.refusal())}"] if view.is_loose else []


def source(shown):
    """Return the file that a model was loaded from, and "" for a part of another model."""
    return "" if shown.is_part else printable(shown.saved.path)


def weights_text(block):
    """Return the weights of a Block's layer with their axes, in one line."""
    return ", ".join(f"{weight.name} {axes_text(weight) if weight.shape is not None else 'not in the file'}"
                     for weight in block.layer.weights.values())


def parameters(view):
    """Return how many parameters an Overview's model has, in words."""
    return (f"{counted(view.trainable + view.frozen, 'parameter')} = {view.trainable:,} trainable"
            f" + {view.frozen:,} non-trainable")


def layer(shown, page):
    """Write a layer with its formula and its weights, as ``weightscope inspect`` does."""
    text.block_lines(page, _Alone, block_of(shown), 0)


class _Alone:
    """What an Overview says of the way in which its blocks are written, for a layer by itself."""

    chosen = is_loose = with_statistics = with_values = False


def weight(shown, page):
    """Write a weight: its axes and its numbers, all of a small one and the corners of a large one."""
    page.line((printable(shown.name), "bold"), weight_text(shown) if shown.shape is not None else "not in the file",
              shown.dtype or "")
    if shown.shape is None:
        return
    for label, values in blocks_of_values(shown, shown.array):
        if label:
            page.line(label)
        page.raw(array_text(values, page.width).splitlines())


def trace(shown, page):
    """Write a Trace: the shape and the dtype of what each node gave, what was not replayed, and the output's shape."""
    page.line(f"trace of {counted(len(shown), 'node')}")
    rows = [(printable(path), *outputs_text(outputs)) for path, outputs in shown.items()]
    rows += [(printable(path), "", f"not replayed: {printable(reason)}") for path, reason in shown.missing.items()]
    widths = [min(max(map(len, column)), WIDEST) for column in zip(*rows)]
    for path, shape, told in rows:
        page.line(path.ljust(widths[0]), shape.ljust(widths[1]), told, indent=2)
    if not shown.problem and shown.output is not None:
        page.line("output", *outputs_text(shown.output))


def outputs_text(outputs):
    """Return the shapes of arrays, or of structures of arrays, and their dtypes, as two texts."""
    leaves = [leaf for leaf in flatten(outputs) if leaf is not None]
    dtypes = dict.fromkeys(leaf.dtype.name for leaf in leaves)
    return ", ".join(str(leaf.shape) for leaf in leaves), ", ".join(dtypes)
