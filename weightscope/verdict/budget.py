"""How far apart rounding alone can take two right computations of one call of a layer: its budget.

Standard error analysis (Higham, Accuracy and Stability of Numerical Algorithms, 2002, ch. 3; Higham & Mary, "A new
approach to probabilistic rounding error analysis", SIAM J. Sci. Comput. 41(5), 2019, for the square root). With u half
the distance from 1 to the next number of the dtype, the budget of an output is ``ROUNDINGS · √k · u · magnitude``.

k is the number of terms of a sum, taken as min(n, BLOCK) + n / BLOCK: sums are made block by block. Assumed is that
roundings are mean-independent, and that Keras sums so; what is measured is in the tests. ``budgets`` finds magnitudes.
"""

import math
from dataclasses import dataclass, field

import numpy as np

ROUNDINGS, BLOCK = 4, 256
VANISHING = 64  # of the smallest normal number: so far from 0, functions and products may vanish on the way
MOST_EXPONENT = 0.5  # up to which exp(x) - 1 is about x
UNITS = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
TINY = float(np.finfo("float32").tiny)
PARTS = {"complex64": "float32", "complex128": "float64"}
SMALLEST = {"float16": 2.0**-24}  # below it numbers are lost; others may lose all that is not normal


@dataclass
class Budget:
    """What the budgets of one call follow from: an array for each output, flat.

    ``terms``: those of the longest sum, 0 where nothing is rounded; ``magnitude``: as above; ``coarse``: the same, seen
    from a distance of a float32's roundings; ``jump``: by how much an output changes however little is moved, where the
    function jumps; ``finest``: the longest float that Keras computes the call in; ``exponents``: the magnitude of what
    an exponential is taken of: where roundings change it by more than ``MOST_EXPONENT``, any output is one of theirs.
    """

    terms: int
    magnitude: list
    coarse: list
    jump: list
    finest: str = "float64"
    exponents: list = field(default_factory=list)

    def of(self, dtype, index=0):
        """Return the budget of output ``index`` in a dtype, an array of its shape."""
        magnitude = self.magnitude[index]
        within, _ = self.allowed(dtype, index, magnitude.shape, coarse=False)
        return within(slice(None), np.zeros(magnitude.size)).reshape(magnitude.shape)

    def allowed(self, dtype, index, shape, coarse):
        """Return it as a function of a slice of the values and their sizes, and the jumps; all flat, for ``gaps``."""
        factor, least = self._scale(dtype)
        if index >= len(self.magnitude) or self.magnitude[index].shape != shape:
            return (lambda _part, size: np.zeros_like(size)), None
        magnitude = (self.coarse if coarse else self.magnitude)[index].reshape(-1)
        exponents = self.exponents[index].reshape(-1) if self.exponents else None

        def within(part, size):
            # Terms that cancel differ between the values at hand and those that the magnitude was found on, if others.
            found = np.add(finite(size), magnitude[part], dtype=size.dtype, casting="same_kind")
            found *= factor
            found += least
            if exponents is not None:
                found[exponents[part] * factor > MOST_EXPONENT] = np.inf
            return found

        return within, self.jump[index].reshape(-1) if self.jump else None

    def _scale(self, dtype):
        dtype = PARTS.get(dtype, dtype)
        if dtype not in UNITS:
            return 0.0, 0.0
        grown = min(self.terms, BLOCK) + self.terms / BLOCK
        factor, smallest = ROUNDINGS * math.sqrt(grown) * UNITS[dtype], SMALLEST.get(dtype, TINY)
        if dtype == "float64":  # magnitudes found in float32 may have vanished
            smallest = max(factor * TINY, np.finfo(dtype).tiny)
        return factor, VANISHING * smallest * (self.terms > 0)


def finite(sizes):
    """Return sizes with numbers in the place of infinities and NaN: half of the largest there is, for sums of two."""
    most = np.finfo(sizes.dtype).max / 2
    return sizes if sizes.max(initial=0) <= most else np.fmin(sizes, most)


def coarsest(names):
    """Return the name of the dtype with the largest unit, of several; None of none."""
    return max(names, key=lambda name: UNITS.get(name, 0.0), default=None)
