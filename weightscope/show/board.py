"""The steps of an explanation as lines of text, the same for every format: as a teacher writes them on a board.

Numbers have six digits, those of a column as many decimals, so that a pocket calculator gives the sum that is shown.
"""

import math
import re

import numpy as np

from weightscope.explaining.steps import Apply, Matrices, Pick, Say, Sum
from weightscope.model.names import printable
from weightscope.show.text import folds
from weightscope.show.wording import counted

DIGITS = 6
INLINE, MOST_TERMS, MOST_CHOICES = 4, 8, 12


def digits(value):
    """Return a number in six digits, a whole one as it is, negative ones with a minus that calculators know."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return printable(repr(value)) if isinstance(value, (str, bytes)) else str(value)
    if isinstance(value, int):
        return str(value)
    return "0" if value == 0 else f"{value:.{DIGITS}g}"


def column(values, wanted=DIGITS):
    """Return numbers with as many decimals each: ``wanted`` digits of the largest."""
    values = [float(value) for value in values]
    finite = [abs(value) for value in values if math.isfinite(value)]
    largest = max(finite, default=0)
    if largest and not 1e-5 <= largest < 1e12:
        return [digits(value) for value in values]
    decimals = max(wanted - 1 - math.floor(math.log10(largest)), 0) if largest else 0
    if all(value == round(value) for value in finite):
        decimals = 0
    return [f"{value:.{decimals}f}" if value else "0" for value in values]


class Board:
    """What steps are written on: ``width`` characters wide, sentences of one kind once.

    ``with_numbers``: False for symbols and shapes alone; ``most``: the terms of a sum that are shown.
    """

    def __init__(self, width, with_numbers=True, most=MOST_TERMS):
        self._width, self._with_numbers, self._most, self._said = width, with_numbers, most, set()

    def lines(self, steps):
        """Return the lines of steps, each no wider than the board where that can be."""
        return [line for step in steps if self._is_new(step)
                for line in _of(step, self._width, self._with_numbers, self._most)]

    def _is_new(self, step):
        if not isinstance(step, Say):
            return True
        new = step.key not in self._said and (self._with_numbers or not step.of_numbers)
        self._said.add(step.key)
        return new


def _of(step, width, with_numbers, most):
    if isinstance(step, Say):
        return _folded(step.text, width)
    if isinstance(step, Matrices):
        return _matrices(step, width, with_numbers)
    if not with_numbers:
        return [_symbols(step)]
    if isinstance(step, Sum):
        return _sum(step, width, most)
    if isinstance(step, Apply):
        return _apply(step, width)
    if isinstance(step, Pick):
        return _pick(step, width)
    return [f"{step.name} = {step.means} = {digits(step.value)}"]


def _symbols(step):
    words = f" = {step.words.format(*step.labels)}" if isinstance(step, Apply) and "{0}" in step.words else ""
    return f"{step.name} = {step.means}{words}"


def in_brackets(text):
    """Return a number as it stands behind a sign: a negative one in brackets."""
    return f"({text})" if text.startswith("-") else text


def _sum(step, width, most):
    head = f"{step.name} = {step.means}"
    short = _inline(step)
    if short and len(step.terms) + len(step.more) <= INLINE:
        one = f"{head} = {short}"
        if len(one) <= width:
            return [one]
        if len(short) + len(step.name) + 3 <= width:
            return [head, f"{' ' * len(step.name)} = {short}"]
    return [head, *_terms(step, width, most)]


def _inline(step):
    """Return a sum in one line: ``0 · 0.65 + 1 · (-1.3) - 0.22 = -1.53``."""
    parts = [" · ".join(in_brackets(digits(_plain(factor.values[term]))) if place else digits(_plain(
        factor.values[term])) for place, factor in enumerate(step.factors)) for term in range(len(step.terms))]
    parts += [digits(value) for _, value in step.more]
    if not parts:
        return ""
    text = parts[0]
    for part in parts[1:]:
        text += f" - {part[1:]}" if part.startswith("-") and "·" not in part else f" + {_led(part)}"
    if step.over != 1:
        text = f"({text}) / {digits(step.over)}" if len(parts) > 1 else f"{text} / {digits(step.over)}"
    return f"{text} = {digits(step.value)}"


def _led(part):
    first, dot, rest = part.partition(" · ")
    return f"{in_brackets(first)}{dot}{rest}"


def _plain(value):
    return value.item() if hasattr(value, "item") else value


def _terms(step, width, most):
    """Return the table of a sum: its largest terms, the rest in one line, what is added, and the total."""
    order = step.order()
    shown = list(order) if len(order) <= most + 1 else list(order[:most])
    if len(shown) == len(order):
        shown.sort()
    rest = [term for term in order if term not in set(shown)] if len(shown) < len(order) else []
    numbers = [step.terms[term] for term in shown]
    names = [step.label(term) for term in shown]
    if rest:
        numbers.append(float(np.sum(step.terms[rest])))
        names.append(f"the other {counted(len(rest), 'term')}")
    names += [label for label, _ in step.more]
    numbers += [value for _, value in step.more]
    total = step.value * step.over
    names.append(step.name if step.over == 1 else "together")
    factors = _factor_columns(step, shown)
    rows = zip(names, [*factors, *[""] * (len(names) - len(shown))], column([*numbers, total]))
    over = [] if step.over == 1 else [f"  {step.name} = {digits(total)} / {digits(step.over)} = {digits(step.value)}"]
    return [*_rows(list(rows), width), *over]


def _factor_columns(step, shown):
    """Return the numbers of the factors of each term shown, in columns: ``2.91834 · 3.69015``."""
    if len(step.factors) < 2:
        return [""] * len(shown)
    columns = []
    for place, factor in enumerate(step.factors):
        texts = [digits(_plain(factor.values[term])) for term in shown]
        texts = [in_brackets(text) for text in texts] if place else texts
        size = max(map(len, texts), default=0)
        columns.append([text.rjust(size) for text in texts])
    return [" · ".join(parts) for parts in zip(*columns)]


def _rows(rows, width):
    names = max(len(name) for name, _, _ in rows)
    middle = max(len(factor) for _, factor, _ in rows)
    right = max(len(product) for _, _, product in rows)
    found = []
    for name, factor, product in rows:
        equals = "=" if middle else " "
        line = f"  {name.ljust(names)}  {factor.rjust(middle)}  {equals if factor or not middle else ' '} "
        found.append(line + product.rjust(right))
    if found and max(map(len, found)) > width:
        return [line for name, factor, product in rows
                for line in (f"  {name}", f"    {factor}{' = ' if factor else ''}{product}")]
    return found


def _apply(step, width):
    numbers = [digits(value) for value in step.numbers]
    filled = _filled(step.template, numbers)
    head = f"{step.name} = {step.means}"
    parts = [head, filled]
    if "{0}" in step.words:
        parts.append(_filled(step.words, numbers))
    parts = list(dict.fromkeys([*parts, digits(step.value)]))
    found = _joined(parts, width, len(step.name))
    return found if "{0}" in step.words or not step.words else [*found, f"  {step.words}"]


def _filled(template, numbers):
    text = template.format(*[in_brackets(text) for text in numbers])
    return re.sub(r"(^|(?<=\())\((-[^()]*)\)(?=[ ,)]|$)", r"\2", text)


def _joined(parts, width, indent):
    """Return ``a = b = c`` in as many lines as it takes, each after the first beginning with the sign."""
    found = [parts[0]]
    for part in parts[1:]:
        if len(found[-1]) + 3 + len(part) <= width:
            found[-1] += f" = {part}"
        else:
            found.append(f"{' ' * indent} = {part}")
    return found


def _pick(step, width):
    head = f"{step.name} = {step.means}"
    if len(step.values) > MOST_CHOICES:
        chosen = step.chosen
        return [head, f"  {len(step.values):,} numbers; the {step.word} is {step.label(chosen)} = {digits(step.value)}"]
    values = ", ".join(digits(_plain(value)) for value in step.values)
    chosen = f"{digits(step.value)}, {step.label(step.chosen)}" if len(step.values) > 1 else digits(step.value)
    return _joined([head, f"the {step.word} of {values}", chosen], width, len(step.name))


def _folded(text, width):
    return [text[start:end].strip() for start, end in folds(text, width)]


def _matrices(step, width, with_numbers):
    heads = [f"{name} ({' × '.join(map(str, array.shape))})" + (f" = {means}" if means else "")
             for name, array, means in step.arrays]
    if not with_numbers:
        return [head for head, (_, _, means) in zip(heads, step.arrays) if means]
    for wanted in (DIGITS, DIGITS - 2):
        grids = [_grid(array, wanted) for _, array, _ in step.arrays]
        if all(len(line) <= width for grid in grids for line in grid):
            return [line for head, grid in zip(heads, grids) for line in (head, *grid)]
    return []


def _grid(array, wanted):
    columns = [column(values, wanted) for values in np.atleast_2d(array).T]
    sizes = [max(map(len, texts)) for texts in columns]
    return [f"  [{'  '.join(text.rjust(size) for text, size in zip(texts, sizes))}]" for texts in zip(*columns)]
