"""The steps by which a number comes about, as a teacher writes them on a board; each is checked by what it shows.

A step has a ``name`` (``z[3]``), what that ``means`` in symbols, and a ``value``, the number that ``forward`` had.
``problem()`` says why what it shows does not give this value, None where it does.
"""

import math

import numpy as np

ROUNDINGS = 8  # of each term, that a sum in the order of BLAS may be off by


class Step:
    """The base of all steps."""

    name = means = ""
    value = None

    def problem(self, eps=0):
        """Return why what is shown does not give the value, or None; ``eps``: a rounding of what it was computed in."""
        return


class Say(Step):
    """A sentence; ``of_numbers``: whether it speaks of this very input; ``key``: of those that say the same of others.

    A page has one of a key.
    """

    def __init__(self, text, of_numbers=False, key=None):
        self.text, self.of_numbers, self.key = text, of_numbers, key or text


class Matrices(Step):
    """Small arrays of one or two axes as they are, ``(name, array, means)`` each; ``means``: "" for what was given."""

    def __init__(self, arrays):
        self.arrays = [(name, np.asarray(array), means) for name, array, means in arrays]


class Factor:
    """One factor of all terms of a Sum: ``values`` (terms,), and a function from a term's number to its label."""

    def __init__(self, values, label):
        self.values, self.label = np.asarray(values).reshape(-1), label


class Sum(Step):
    """``value`` = Σ of products of ``factors`` + ``more``, a list of ``(label, number)``, all ``over`` a number."""

    def __init__(self, name, means, value, factors, more=(), over=1):
        self.name, self.means, self.value = name, means, number(value)
        self.factors, self.more = list(factors), [(label, number(x)) for label, x in more]
        self.over, self.eps = over, _eps(value)
        with np.errstate(all="ignore"):
            self.terms = _product([factor.values for factor in self.factors])

    def order(self):
        """Return the numbers of the terms, the largest first."""
        return np.argsort(-np.abs(self.terms), kind="stable")

    def label(self, term):
        """Return the label of a term: those of its factors."""
        return " · ".join(factor.label(term) for factor in self.factors)

    def problem(self, eps=0):
        """Return that the terms do not sum to the value, or None."""
        every = [*self.terms, *(x for _, x in self.more)]
        with np.errstate(all="ignore"):
            total, size = float(np.sum(every)) / self.over, float(np.sum(np.abs(every))) / abs(self.over)
        room = max(self.eps, eps) * size * (ROUNDINGS + math.sqrt(len(every)))
        if same(total, self.value, room):
            return None
        return f"the terms of {self.name} sum to {total!r}, not {self.value!r}"


class Apply(Step):
    """``value`` = a function of few numbers: ``template`` (``{0} / {1}``) has places for ``arguments``.

    ``arguments``: label and number of each; ``function``: what gives the value for the numbers, to check it by;
    ``words``: what it is, where its name does not tell: ``1 / (1 + exp(−{0}))``, or a sentence.
    """

    def __init__(self, name, template, arguments, value, function=None, words=""):
        self.name, self.template, self.words, self.function = name, template, words, function
        self.value, self.eps = number(value), _eps(value)
        self.labels, self.numbers = [label for label, _ in arguments], [number(x) for _, x in arguments]
        self._given = [x for _, x in arguments]
        self.means = template.format(*self.labels)

    def problem(self, eps=0):
        """Return that the function gives another number, or None."""
        if self.function is None:
            return None
        with np.errstate(all="ignore"):
            found = number(self.function(*self._given))
        sizes = [abs(x) for x in (found, self.value, *self.numbers) if math.isfinite(x)]
        if same(found, self.value, 16 * max(self.eps, eps) * max(sizes, default=0)):
            return None
        return f"{self.name} is {self.value!r}, and {self.means} gives {found!r}"


class Pick(Step):
    """``value`` is one of several: ``values`` with their labels, a function of their number; ``word``: "largest"."""

    def __init__(self, name, means, value, values, label, word="largest"):
        self.name, self.means, self.value, self.word = name, means, number(value), word
        self.values, self.label = np.asarray(values).reshape(-1), label

    @property
    def chosen(self):
        """The number of the value that was taken, None where it is none of them."""
        found = np.flatnonzero((self.values == self.value) | (np.isnan(self.values) & math.isnan(self.value)))
        return int(found[0]) if found.size else None

    def problem(self, eps=0):
        """Return that the value is none of those to choose from, or None."""
        best = {"largest": np.nanmax, "smallest": np.nanmin}[self.word]
        if self.chosen is not None and (np.isnan(self.values).any() or best(self.values) == self.value):
            return None
        return f"{self.name} is {self.value!r}, which is not the {self.word} that is shown"


class Move(Step):
    """``value`` is a number of the input, handed on: ``source`` is its label, ``given`` itself."""

    def __init__(self, name, source, value, given):
        self.name, self.means, self.value, self.given = name, source, plain(value), plain(given)

    def problem(self, eps=0):
        """Return that another number comes out, or None."""
        return None if self.given == self.value or self.given != self.given else (
            f"{self.name} is {self.value!r}, and {self.means} {self.given!r}")


def plain(value):
    """Return a value of an array as Python's own: a number, a text, bytes."""
    return value.item() if hasattr(value, "item") else value


def number(value):
    """Return a single value of an array as a Python number: a whole number, a truth, or a float."""
    found = plain(np.asarray(value).reshape(()))
    return found if isinstance(found, (int, bool)) else float(found)


def same(one, other, room):
    """Tell whether two numbers are the same, or not further apart than ``room``."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or abs(one - other) <= room or (math.isinf(room) and math.isinf(one) == math.isinf(other))


def _product(factors):
    found = factors[0].astype("float64")
    for values in factors[1:]:
        found = found * values.astype("float64")
    return found


def _eps(value):
    dtype = np.asarray(value).dtype
    return float(np.finfo(dtype).eps) if dtype.kind == "f" else 2.0**-52
