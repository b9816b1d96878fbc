"""``keras.ops.numpy``: sums of products. Whole numbers go by float32, as in Keras, and two-byte floats add up in it."""

import math

import numpy as np

from weightscope.layers.operations.dtypes import as_double, cast, is_whole, result_type, tensor, together, widened
from weightscope.layers.operations.table import broadcast_shapes, operations_of, shape_of

operation = operations_of("numpy")


def contracted(function, x1, x2, whole=False):
    """Return ``function(x1, x2)`` in Keras' dtypes; ``whole``: whether 32 and 64 bit integers are added up as such."""
    x1, x2 = tensor(x1), tensor(x2)
    dtype = result_type(x1, x2)
    work = "float32" if dtype == "float16" else dtype if whole and dtype in ("int32", "int64") else (
        result_type(dtype, float))
    return np.asarray(function(cast(x1, work), cast(x2, work))).astype(dtype, copy=False)


def _matmul_shape(x1, x2):
    a, b = shape_of(x1), shape_of(x2)
    front = broadcast_shapes(a[:-2] or (), b[:-2] or ()) if a[:-2] or b[:-2] else ()
    return (*front, *(a[-2:-1]), *(b[-1:] if len(b) > 1 else ()))


@operation(shape=_matmul_shape)
def matmul(x1, x2):
    """y[…, i, k] = Σ x1[…, i, j] · x2[…, j, k]"""
    if x1.dtype == x2.dtype == np.int8 and x1.ndim > 1 and x2.ndim > 1:
        return np.matmul(x1.astype("int32"), x2.astype("int32"))
    return contracted(np.matmul, x1, x2)


@operation(shape=lambda x1, x2: _dot_shape(shape_of(x1), shape_of(x2)))
def dot(x1, x2):
    """y = Σ x1[…, j] · x2[…, j, …], the last axis of x1 with the last but one of x2"""
    return contracted(np.dot, x1, x2)


def _dot_shape(a, b):
    return (*a[:-1], *(b[:-2] if len(b) > 1 else ()), *b[-1:] * (len(b) > 1)) if a and b else a or b


@operation(shape=lambda x1, x2: ())
def vdot(x1, x2):
    """y = Σ x1 · x2 over all values"""
    return contracted(lambda a, b: np.dot(np.ravel(a), np.ravel(b)), x1, x2)


@operation(shape=lambda x1, x2: (*shape_of(x1)[:-1], *shape_of(x2)[:-1]))
def inner(x1, x2):
    """y = Σ x1[…, j] · x2[…, j]"""
    return contracted(np.inner, x1, x2)


def _tensordot_shape(x1, x2, axes=2):
    a, b = shape_of(x1), shape_of(x2)
    if isinstance(axes, int):
        return (*a[:len(a) - axes], *b[axes:])
    left, right = ({n % len(shape) for n in np.ravel(chosen)} for shape, chosen in zip((a, b), axes))
    return (*(n for i, n in enumerate(a) if i not in left), *(n for i, n in enumerate(b) if i not in right))


@operation(shape=_tensordot_shape)
def tensordot(x1, x2, axes=2):
    """y = Σ x1 · x2 over pairs of axes"""
    return contracted(lambda a, b: np.tensordot(a, b, axes), x1, x2, whole=True)


@operation(shape=lambda x1, x2: (_size(shape_of(x1)), _size(shape_of(x2))))
def outer(x1, x2):
    """y[i, j] = x1[i] · x2[j]"""
    x1, x2 = together(x1, x2)
    return np.ravel(x1)[:, None] * np.ravel(x2)


def _size(shape):
    return None if None in shape else math.prod(shape)


def _kron_shape(x1, x2):
    a, b = shape_of(x1), shape_of(x2)
    rank = max(len(a), len(b))
    pairs = zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b)
    return tuple(None if None in pair else pair[0] * pair[1] for pair in pairs)


@operation(shape=_kron_shape)
def kron(x1, x2):
    """y = a copy of x2 for every value of x1, times it"""
    return np.kron(*together(x1, x2))


def _einsum_shape(*operands, subscripts, **_):
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    sizes, dots = {}, ()
    for letters, shape in zip(left.split(","), map(shape_of, operands), strict=True):
        before, ellipsis, after = letters.partition("...")
        rest = len(shape) - len(after) if ellipsis else len(shape)
        pairs = [*zip(before, shape), *(zip(after, shape[rest:]) if ellipsis else ())]
        sizes.update({letter: n for letter, n in pairs if sizes.get(letter) in (None, 1)})
        dots = broadcast_shapes(dots, shape[len(before):rest]) if ellipsis else dots
    if not arrow:
        bare = left.replace(",", "").replace("...", "")
        output = "..." * ("..." in left) + "".join(sorted(c for c in set(bare) if bare.count(c) == 1))
    before, ellipsis, after = output.partition("...")
    return (*(sizes[c] for c in before), *(dots if ellipsis else ()), *(sizes[c] for c in after))


@operation(shape=_einsum_shape)
def einsum(*operands, subscripts):
    """y = the sum of products of the operands that the letters of subscripts say"""
    operands = [tensor(x) for x in operands]
    if all(x.dtype == np.int8 for x in operands):
        return np.einsum(subscripts, *(x.astype("int32") for x in operands))
    dtype = result_type(*operands)
    work = "float32" if dtype == "float16" or "int" in dtype else dtype
    return np.einsum(subscripts, *(cast(x, work) for x in operands), optimize=True).astype(dtype, copy=False)


@operation
def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """y = the vector at right angles to x1 and x2, as long as their parallelogram is wide"""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    x1, x2 = together(x1, x2)
    flat = x1.shape[axisa] == x2.shape[axisb] == 2
    a, b = (_in_space(np.moveaxis(x, at, -1)) for x, at in ((x1, axisa), (x2, axisb)))
    y = np.cross(a, b)
    return y[..., 2] if flat else np.moveaxis(y, -1, axisc)


def _in_space(x):
    return np.concatenate([x, np.zeros_like(x[..., :1])], axis=-1) if x.shape[-1] == 2 else x


@operation
def correlate(x1, x2, mode="valid"):
    """y[k] = Σ x1[k + i] · x2[i]"""
    x1, x2 = (as_double(x) for x in together(x1, x2))
    if mode != "same":
        return np.correlate(x1, x2, mode)
    full, length = np.correlate(x1, x2, "full"), max(len(x1), len(x2))
    start = (len(full) - length) // 2
    return full[start:start + length]


@operation(shape=lambda x: (shape_of(x)[0],) * 2 if len(shape_of(x)) > 1 else ())
def corrcoef(x):
    """y[i, j] = how rows i and j of x vary together, between −1 and 1"""
    x = cast(x, "float64" if x.dtype == np.int64 else "float32") if is_whole(x) else x
    centred = x - np.mean(x, axis=-1, keepdims=True)
    covariance = centred @ centred.T / x.dtype.type(x.shape[-1] - 1)
    spread = np.sqrt(np.diag(covariance) if covariance.ndim else covariance)
    return np.clip(covariance / np.multiply.outer(spread, spread), -1, 1)


@operation
def trace(x, offset=0, axis1=0, axis2=1):
    """y = Σ of the diagonal of x in the plane of two axes"""
    x = widened(x)
    return np.trace(x, offset, axis1, axis2, dtype=x.dtype)
