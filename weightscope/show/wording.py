"""How shapes, axes and numbers are written, whatever the output format."""

import math
import re

from weightscope.model.structure import is_shape
from weightscope.model.weight import named

MOST_OF_SETTING = 60  # characters
MOST_SHARE = 10  # of what is allowed; past it, how much does not matter


def counted(number, noun):
    """Return ``1 layer``, ``2,000 layers``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def shape_text(shape):
    """Return ``(None, 32)`` for a shape, several of them joined by commas, and ``(unknown)`` for None."""
    if shape is None:
        return "(unknown)"
    if is_shape(shape):
        return str(shape)
    items = [shape[key] for key in sorted(shape)] if isinstance(shape, dict) else shape
    return ", ".join(map(shape_text, items))


def shape_list(shape):
    """Return a shape, or a structure of shapes, as lists."""
    if isinstance(shape, dict):
        return {key: shape_list(item) for key, item in shape.items()}
    if isinstance(shape, (list, tuple)):
        return [shape_list(item) for item in shape]
    return shape


def axes_of(weight):
    """Return ``(word, size, blocks)`` for each axis of a weight, or None where its words do not fit its shape.

    ``i|f|c|o:units`` is ``("units", 16, ["i", "f", "c", "o"])`` for four units, ``input|recurrent`` is
    ``("", 2, ["input", "recurrent"])``. Sizes are None while the weight has no array.
    """
    words = weight.axis_words()
    if words is None:
        return None
    sizes = weight.shape or [None] * len(words)
    axes = [(name, size, blocks) for (name, blocks), size in zip(map(named, words), sizes)]
    return axes if all(_blocks_fit(size, word, blocks) for word, size, blocks in axes) else None


def _blocks_fit(size, word, blocks):
    if size is None or not blocks:
        return True
    return size % len(blocks) == 0 if word else size == len(blocks)


def axes_text(weight):
    """Return a weight's axes as ``(2000 in × 32 units)``, ``(3 in × i|f|c|o: 4 units)``; sizes alone without words."""
    axes = axes_of(weight)
    if axes is None:
        axes = [("", size, []) for size in weight.shape]
    return sizes_text(axes)


def sizes_text(axes):
    """Return axes in the form of ``axes_of`` as text in brackets."""
    return f"({' × '.join(_axis_text(*axis) for axis in axes) or 'a single number'})"


def _axis_text(word, size, blocks):
    names = "|".join(blocks)
    if blocks and not word:
        return names
    if blocks:
        return f"{names}: {word}" if size is None else f"{names}: {_of(size // len(blocks), word)}"
    return word if size is None else _of(size, word)


def _of(size, word):
    """Return ``32 units``, ``1 unit``; an axis whose word is its size, as the 1 of what is broadcast, says it once."""
    if size == 1:
        word = re.sub("ies$", "y", word) if word.endswith("ies") else re.sub("(?<!s)s$", "", word)
    return str(size) if word in ("", str(size)) else f"{size} {word}"


def weight_text(weight, said=None):
    """Return a weight's shape, and what its axes are: ``(3, 16) = 3 in × 4 gates of 4 units: i 0–3, f 4–7, …``.

    ``said``: a set of the places of gates that need not be said again, and are not.
    """
    axes = axes_of(weight)
    if axes is None or not any(word or blocks for word, _, blocks in axes):
        return shape_text(weight.shape) + ("" if weight.shape else " = a single number")
    return f"{shape_text(weight.shape)} = {' × '.join(_axis_in_full(*axis, said) for axis in axes)}"


def _axis_in_full(word, size, blocks, said):
    if not (blocks and word):
        return _axis_text(word, size, blocks)
    step = size // len(blocks)
    places = [f"{name} {start}–{start + step - 1}" if step > 1 else f"{name} {start}"
              for name, start in zip(blocks, range(0, size, step or 1))]
    text = f"{len(blocks)} gates of {_of(step, word)}"
    places = ", ".join(places)
    if said is not None and places in said:
        return text
    if said is not None:
        said.add(places)
    return f"{text}: {places}"


def sum_text(layer):
    """Return how the number of a layer's own parameters comes about, ``2000·32 + 32 = ``; "" for a single one."""
    shapes = [weight.shape for weight in layer.weights.values() if weight.tracked]
    if not shapes or None in shapes or layer.parts or (len(shapes) == 1 and len(shapes[0]) < 2):
        return ""
    return f"{' + '.join('·'.join(map(str, shape)) or '1' for shape in shapes)} = "


def setting_text(value):
    """Return the value of a setting as text, the first of many values."""
    text = repr(value)
    return text if len(text) <= MOST_OF_SETTING else f"{text[:MOST_OF_SETTING]}… ({len(value):,} long)"


def number_text(number):
    """Return a number of a report in a few digits."""
    return f"{number:.4g}"


def difference_text(number):
    """Return a difference in two digits; 0 where there is none."""
    return "0" if number == 0 else f"{number:.1e}" if math.isfinite(number) else str(number)


def share_text(share):
    """Return the share of what is allowed that a difference takes, in whole percent; 100% is all that is allowed."""
    if not share <= MOST_SHARE:
        return f"over {100 * MOST_SHARE}%"
    if 0 < share < 0.01:
        return "<1%"
    return f"{min(round(100 * share), 99) if share < 1 else math.ceil(100 * share)}%"


def apart(one, other):
    """Return two numbers as text with at least six digits, and as many more as it takes to tell them apart."""
    if not (math.isfinite(one) and math.isfinite(other)):
        return tuple("NaN" if math.isnan(number) else f"{number:.6g}" for number in (one, other))
    for digits in range(6, 18):
        texts = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if texts[0] != texts[1]:
            return texts
    return repr(one), repr(other)
