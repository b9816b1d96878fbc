"""How shapes, axes and numbers are written, whatever the output format."""

import math

from weightscope.model.structure import is_shape
from weightscope.model.weight import named


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
        return f"{names}: {word}" if size is None else f"{names}: {size // len(blocks)} {word}"
    if size is None:
        return word
    # An axis whose word is its size, as the 1 of a bias that is broadcast, says it once.
    return str(size) if word in ("", str(size)) else f"{size} {word}"


def number_text(number):
    """Return a number of a report in a few digits."""
    return f"{number:.4g}"


def difference_text(number):
    """Return a difference in two digits; 0 where there is none."""
    return "0" if number == 0 else f"{number:.1e}" if math.isfinite(number) else str(number)


def share_text(share):
    """Return the share of a budget that a difference uses in percent; how many times it is, far beyond it."""
    if share == 0:
        return "0"
    if share < 5e-4:
        return "<0.1%"
    if share < 10:
        return f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"
    return f"{share:.0f}×" if share < 1e5 else f"{share:.0e}×".replace("e+0", "e") if math.isfinite(share) else "∞"


def apart(one, other):
    """Return two numbers as text with at least six digits, and as many more as it takes to tell them apart."""
    if not (math.isfinite(one) and math.isfinite(other)):
        return tuple("NaN" if math.isnan(number) else f"{number:.6g}" for number in (one, other))
    for digits in range(6, 18):
        texts = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if texts[0] != texts[1]:
            return texts
    return repr(one), repr(other)
