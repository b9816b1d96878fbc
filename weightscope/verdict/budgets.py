"""Finds the budgets for rounding of the calls of a replay, as it is made.

The magnitude of a budget follows from what the layer does (``Layer.rounding``):

- ``none``: what a layer only moves, or picks out, is not rounded: the magnitude is 0;
- ``products``: a sum of products has |x| · |W| + |b|, which is the same layer on absolute values (``Layer.sizes``),
  times the steepest slope of the activation; three digits of it are enough, so it is found in float32;
- ``general``: the derivative along random directions, in which every input and weight moves by its own size, found by
  differences; the largest of a sample stands for all of it, beside its largest output.
"""

import copy
import math
from functools import partial

import numpy as np

from weightscope.errors import WeightscopeError
from weightscope.kernels.short_floats import dtype_name
from weightscope.model.formula import Activation
from weightscope.model.input_layer import InputLayer
from weightscope.model.running import FLOATS, MISFITS
from weightscope.model.structure import flatten, map_structure
from weightscope.model.walking import run_layer
from weightscope.verdict.budget import Budget, coarsest
from weightscope.verdict.float64 import compute_in

LEAST_TERMS = 4  # of scales, offsets and roots besides a sum
SHIFTS = 2.0**-22, 2.0**-40  # how far, relatively, inputs and weights are moved to see what follows
SIGNS = np.random.default_rng(0).choice((-1.0, 1.0), 65_537)  # a prime number of them: no axis is in step with it
MOST_SINGLE = 1e12  # inputs below it leave room in a float32 for sums of products
# What is lost of 1 in activations that add it or take it away: exp(x) - 1, log(1 + exp(x)).
LOST = {"elu": 1.0, "selu": 1.76, "celu": 1.0, "softplus": 1.0, "logsigmoid": 1.0, "mish": 1.0, "sparseplus": 1.0}
# The steepest slope of each activation; 1 for those not listed. Softmax and exponential have their own.
SLOPES = {"gelu": 1.13, "silu": 1.1, "swish": 1.1, "mish": 1.09, "hard_silu": 1.5, "hard_swish": 1.5, "selu": 1.76}


class Dtypes(dict):
    """``{path: the shortest dtype of what a layer is given and computes in}``, filled by calling it in a replay.

    ``own``: ``{layer: its compute dtype}``, whatever it runs in now.
    """

    def __init__(self, own):
        super().__init__()
        self._own = own
        # Some layers compute in the dtype of what they are given, and what enters has a dtype of its own.
        self._entering = [dtype for layer, dtype in own.items() if isinstance(layer, InputLayer)]

    def of_share(self, shares):
        """Return what is called for each of so many shares of a batch, and a function that takes it together again."""
        return [self] * shares, lambda: None

    def __call__(self, path, layer, given):
        """Note the dtype, and run the layer."""
        self[path] = self.of_call(layer, given)
        return run_layer(path, layer, given)

    def of_call(self, layer, given):
        """Return the dtype of a call of a layer on what it is given."""
        names = [dtype_name(leaf.dtype) for leaf in flatten(given[:2]) if isinstance(leaf, np.ndarray)]
        names += [*self._entering, *(self._own.get(part) for part in layer.with_parts())]
        return coarsest(names)


class Budgets(dict):
    """``{path: Budget}``, filled by calling it in the place of ``run_layer`` in a replay, in whatever dtype that is.

    The budgets are found in dtypes of their own, on copies of the layers.
    """

    def __init__(self):
        super().__init__()
        self._copies, self._drawn = {}, 0

    def of_share(self, shares):
        """Return what is called for each of so many shares of a batch, and a function that takes it together again."""
        found = [Budgets() for _ in range(shares)]
        return found, lambda: self.update({path: _joined([own[path] for own in found]) for path in found[0]})

    def __call__(self, path, layer, given):
        """Run the layer and note the budget of what it returns."""
        begun = _states(layer)
        outputs, masks = layer.run(*given)
        self[path] = self.of_call(layer, given, outputs, begun)
        return outputs, masks

    def of_call(self, layer, given, outputs, begun=()):
        """Return the Budget of a call; ``begun``: the states that its stateful parts began with, in their order."""
        with np.errstate(all="ignore"):
            return self._of_call(layer, given, outputs, begun)

    def _of_call(self, layer, given, outputs, begun):
        outputs = [np.asarray(leaf) for leaf in flatten(outputs)]
        none = [np.broadcast_to(np.float32(0), leaf.shape) for leaf in outputs]
        finest = min((part.finest for part in layer.with_parts()), key=FLOATS.index)
        if layer.rounding == "none" or not any(leaf.dtype.kind in "fc" for leaf in outputs):
            return Budget(0, none, none, [], finest)
        sums = self._of_products(layer, given) if layer.rounding == "products" else None
        if sums is None:
            return Budget(_terms(layer, given), *self._of_moves(layer, given, outputs, begun), finest)
        activation = getattr(layer, "activation", None)
        magnitude = [_through(activation, found, y) for found, y in zip(sums, outputs)]
        exponents = [_exponents(activation, found) for found in sums] if _is_exponential(activation) else []
        return Budget(_terms(layer, given), magnitude, magnitude, [], finest, exponents)

    def _of_products(self, layer, given):
        """Return the magnitude of the sums, before the activation; None where the layer takes no sizes."""
        args, kwargs, *masks = given
        sizes, dtype = _sizes([args, kwargs], "float32"), "float32"
        if not all(leaf.max(initial=0) < MOST_SINGLE for leaf in flatten(sizes) if _is_number(leaf)):
            sizes, dtype = _sizes([args, kwargs], "float64"), "float64"
        plain = self._copy(layer, dtype)
        weights = plain.sizes()
        plain.arrays = lambda: weights
        if getattr(layer, "activation", None) is not None:
            plain.activation = Activation("linear")
        try:
            return flatten(plain.run(*sizes, *masks)[0])
        except (WeightscopeError, *MISFITS):  # sizes may be no inputs that it takes
            return None
        finally:
            del plain.arrays

    def _of_moves(self, layer, given, outputs, begun):
        y = self._moved(layer, given, begun, 0.0) or outputs
        near, far = ([self._changes(layer, given, begun, y, shift) for _ in range(2)] for shift in SHIFTS[::-1])
        names = [layer.class_name.lower(), *(getattr(own, "name", "") for own in layer.activations().values())]
        lost = max(map(_lost, names)) + layer.cancelled(*flatten(given[0])[:1])
        smooth = [_whole_sample(np.minimum(*leaves), leaf) + lost
                  for *leaves, leaf in zip(_largest(near), _largest(far), y)]
        coarse = [_whole_sample(change, leaf) + lost for change, leaf in zip(_largest(far), y)]
        jump = [np.minimum(a * SHIFTS[1], b * SHIFTS[0]) for a, b in zip(_largest(near), _largest(far))]
        return smooth, coarse, jump

    def _changes(self, layer, given, begun, y, shift):
        """Return by how much outputs change, in multiples of the shift, when inputs and weights are moved by it."""
        found = self._moved(layer, given, begun, shift) or y  # moved inputs may be none that it takes
        return [_change(a, b) / shift for a, b in zip(found, y)]

    def _moved(self, layer, given, begun, shift):
        """Return the outputs in float64 with inputs and weights moved by a shift, None where it takes no such ones."""
        moved = self._copy(layer, "float64")
        move = partial(self._move, shift=shift)
        for part in moved.with_parts():
            part.arrays = lambda part=part: {name: move(array) for name, array in type(part).arrays(part).items()}
        for part, states in zip(_stateful(moved), begun):
            part.carried = states and [state.astype("float64") for state in states]
        args, kwargs, *masks = given
        try:
            return flatten(moved.run(map_structure(move, args), map_structure(move, kwargs), *masks)[0])
        except (WeightscopeError, *MISFITS):
            return None
        finally:
            for part in moved.with_parts():
                del part.arrays

    def _move(self, leaf, shift):
        if not (isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fc"):
            return leaf
        leaf = leaf.astype("float64" if leaf.dtype.kind == "f" else "complex128", copy=False)
        if not shift:
            return leaf
        self._drawn += 1
        signs = np.roll(SIGNS, 7919 * self._drawn)
        return leaf * (1 + shift * np.resize(signs, leaf.shape))

    def _copy(self, layer, dtype):
        """Return a copy of a layer that computes in a dtype, with the same weights."""
        if (layer, dtype) not in self._copies:
            try:
                found = copy.deepcopy(layer)
                compute_in(dtype, found.with_parts())
            except Exception:  # what a class of the user's may hold
                found = copy.copy(layer)
                compute_in(dtype, [found])
            self._copies[layer, dtype] = found
        return self._copies[layer, dtype]


def _stateful(layer):
    return [part for part in layer.with_parts() if hasattr(part, "carried")]


def _states(layer):
    return [part.carried for part in _stateful(layer)]


def _joined(budgets):
    """Return the Budget of a batch for those of its shares."""
    if len(budgets) == 1:
        return budgets[0]
    leaves = {name: [np.concatenate(parts) for parts in zip(*(getattr(budget, name) for budget in budgets))]
              for name in ("magnitude", "coarse", "jump", "exponents")}
    return Budget(max(budget.terms for budget in budgets), finest=budgets[0].finest, **leaves)


def _terms(layer, given):
    """Return an upper bound of the terms in a sum: those of its kernel or, without one, the values of a sample."""
    kernels = [math.prod(weight.shape[:-1]) for part in layer.with_parts() for weight in part.weights.values()
               if weight.shape]
    arrays = [leaf for leaf in flatten(given[:2]) if isinstance(leaf, np.ndarray) and leaf.ndim]
    sample = [leaf.size // max(len(leaf), 1) for leaf in arrays]
    return max([LEAST_TERMS, *(kernels if layer.rounding == "products" and kernels else kernels + sample)])


def _sizes(structure, dtype):
    def size(leaf):
        return np.abs(leaf.astype(dtype, copy=False)) if _is_number(leaf) else leaf
    return map_structure(size, structure)


def _is_number(leaf):
    return isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fi"


def _through(activation, magnitude, y):
    """Return the magnitude behind an activation, y being what it returns."""
    name = getattr(activation, "name", "linear")
    if name in ("linear", "relu"):
        return magnitude
    y = np.where(np.isfinite(y), y, 0)
    if _is_exponential(activation):
        return np.multiply(y, 1 + _exponents(activation, magnitude), dtype="float64")  # a float32 may not hold it
    if name.startswith("log_soft"):
        return 2 * magnitude.max(axis=-1, keepdims=True) + np.abs(y)
    return SLOPES.get(name, 1.0) * magnitude + np.abs(y) + _lost(name)


def _is_exponential(activation):
    return getattr(activation, "name", "linear") in ("softmax", "exponential")


def _exponents(activation, magnitude):
    """Return the magnitude of what the exponential is taken of; softmax takes it of a value less the largest."""
    if activation.name == "exponential":
        return magnitude
    return np.broadcast_to(2 * magnitude.max(axis=-1, keepdims=True), magnitude.shape)


def _lost(name):
    return LOST.get(name.replace("_", ""), 0.0)


def _change(moved, y):
    if moved.shape != y.shape or y.dtype.kind not in "fc":
        return np.zeros(y.shape)
    return np.nan_to_num(np.abs(moved - y), nan=0.0, posinf=0.0)


def _largest(runs):
    return [np.maximum.reduce(leaves) for leaves in zip(*runs)]


def _whole_sample(change, y):
    """Return for every value of a sample the largest change in it and the largest finite value of y."""
    axes = tuple(range(1, y.ndim))
    size = np.abs(y, where=np.isfinite(y), out=np.zeros(y.shape)) if y.dtype.kind in "fc" else np.zeros(y.shape)
    return np.broadcast_to(np.max(change, axis=axes, keepdims=True, initial=0)
                           + np.max(size, axis=axes, keepdims=True, initial=0), y.shape)
