"""``keras.ops.linalg``: factors, inverses, norms and solutions of matrices, over any axes before the last two."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.layers.operations.dtypes import as_float, cast, tensor
from weightscope.layers.operations.reductions import reduced
from weightscope.layers.operations.table import operations_of, same, shape_of

operation = operations_of("linalg")


def _transposed(x):
    return np.conj(np.swapaxes(x, -1, -2))


@operation(shape=same)
def cholesky(x, upper=False):
    """y = the lower triangle L with x = L · Lᵀ; upper: Lᵀ"""
    y = np.linalg.cholesky(x)
    return _transposed(y) if upper else y


@operation(shape=same)
def cholesky_inverse(x, upper=False):
    """y = the inverse of L · Lᵀ, given L in x; upper: of Lᵀ · L"""
    inverse = np.linalg.inv(np.triu(x) if upper else np.tril(x))
    return inverse @ np.swapaxes(inverse, -1, -2) if upper else np.swapaxes(inverse, -1, -2) @ inverse


@operation(shape=lambda x: shape_of(x)[:-2])
def det(x):
    """y = the determinant of x"""
    return np.linalg.det(x)


@operations_of("numpy")(shape=lambda x: [shape_of(x)[:-2]] * 2)
def slogdet(x):
    """y = the sign of the determinant of x, and the log of its size"""
    return tuple(np.linalg.slogdet(x))


def _up_to_sign(name):
    raise NotReplayable(f"the vectors of {name} are only determined up to their signs, which every library chooses")


@operation(shape=lambda x: [shape_of(x)[:-1], shape_of(x)])
def eig(x):
    """y = the eigenvalues and eigenvectors of x"""
    return _up_to_sign("eig")


@operation(shape=lambda x: [shape_of(x)[:-1], shape_of(x)])
def eigh(x):
    """y = the eigenvalues and eigenvectors of a symmetric x"""
    return _up_to_sign("eigh")


@operation(shape=same)
def matrix_power(x, n):
    """y = x · x · …, n times; the inverse so often for a negative n"""
    return np.linalg.matrix_power(x, n)


@operation(shape=same)
def inv(x):
    """y = the inverse of x"""
    return np.linalg.inv(x)


@operation(shape=lambda x: [shape_of(x), shape_of(x)[:-1]])
def lu_factor(x):
    """y = L and U of x = P · L · U in one matrix, and P as places"""
    y = np.array(x)
    places = np.broadcast_to(np.arange(x.shape[-1]), x.shape[:-1]).copy()
    for index in np.ndindex(*x.shape[:-2]):
        _eliminate(y[index], places[index])
    return y, np.argsort(places, axis=-1).astype("int32")


def _eliminate(y, places):
    for step in range(len(y)):
        pivot = step + np.argmax(np.abs(y[step:, step]))
        for rows in (y, places):
            rows[[step, pivot]] = rows[[pivot, step]]
        y[step + 1:, step] /= y[step, step]
        y[step + 1:, step + 1:] -= np.outer(y[step + 1:, step], y[step, step + 1:])


def _qr_shape(x, mode="reduced"):
    *front, rows, columns = shape_of(x)
    inner = rows if mode == "complete" else min(rows, columns)
    return [(*front, rows, inner), (*front, inner, columns)]


@operation(shape=_qr_shape)
def qr(x, mode="reduced"):
    """y = Q, its columns at right angles, and the upper triangle R, with x = Q · R"""
    return tuple(np.linalg.qr(x, mode))


def _svd_shape(x, full_matrices=True, compute_uv=True):
    *front, rows, columns = shape_of(x)
    inner = min(rows, columns)
    left, right = ((rows, rows), (columns, columns)) if full_matrices else ((rows, inner), (inner, columns))
    values = (*front, inner)
    return [(*front, *left), values, (*front, *right)] if compute_uv else values


@operation(shape=_svd_shape)
def svd(x, full_matrices=True, compute_uv=True):
    """y = U, the singular values s, and V, with x = U · diag(s) · V"""
    return _up_to_sign("svd") if compute_uv else np.linalg.svd(x, compute_uv=False)


@operation(shape=lambda x, rcond=None: (*shape_of(x)[:-2], shape_of(x)[-1], shape_of(x)[-2]))
def pinv(x, rcond=None):
    """y = the matrix nearest to an inverse of x (Moore and Penrose)"""
    if rcond is None:
        rcond = 10 * max(x.shape[-2:]) * np.finfo(x.dtype).eps  # as tf.linalg.pinv
    return np.linalg.pinv(x, rcond)


@operation(shape=lambda x, tol=None: shape_of(x)[:-2])
def matrix_rank(x, tol=None):
    """y = how many singular values of x are not 0, or above tol"""
    return np.asarray(np.linalg.matrix_rank(x, tol), "int32")


# Equations.


def _as_columns(solution, a, b):
    return solution(a, b[..., None])[..., 0] if b.ndim == a.ndim - 1 else solution(a, b)


@operation(shape=lambda a, b: shape_of(b))
def solve(a, b):
    """y with a · y = b"""
    return _as_columns(np.linalg.solve, a, b)


@operation(shape=lambda a, b, lower=False: shape_of(b))
def solve_triangular(a, b, lower=False):
    """y with a · y = b, of a only the upper triangle, or the lower"""
    return _as_columns(np.linalg.solve, np.tril(a) if lower else np.triu(a), b)


@operation(shape=lambda a, b, rcond=None: (shape_of(a)[1], *shape_of(b)[1:]))
def lstsq(a, b, rcond=None):
    """y with the smallest Σ (a · y − b)²"""
    a, b = tensor(a), tensor(b)
    if rcond is None or rcond < 0:
        rcond = np.finfo(a.dtype).eps * (1 if rcond is not None else max(a.shape))
    u, s, v = np.linalg.svd(a, full_matrices=False)
    kept = s >= a.dtype.type(rcond) * s[0]
    inverse = np.where(kept, 1 / np.where(kept, s, 1), 0)
    return _transposed(v) @ ((inverse * (_transposed(u) @ b).T).T)


# Norms.


def _norm_shape(x, ord=None, axis=None, keepdims=False):
    return reduced(x, axis=axis, keepdims=keepdims)


@operation(shape=_norm_shape)
def norm(x, ord=None, axis=None, keepdims=False):
    """y = the length of x along axis: of vectors, or over two axes of matrices"""
    x = as_float(x)
    axes = tuple(range(x.ndim)) if axis is None else tuple(int(a) for a in np.atleast_1d(axis))
    ord = float(ord) if ord in ("inf", "-inf") else ord
    if len(axes) == 1:
        return cast(np.asarray(np.linalg.norm(x, ord, axes[0], keepdims)), x.real.dtype)
    if len(axes) == 2:
        return cast(np.asarray(np.linalg.norm(x, ord, axes, keepdims)), x.real.dtype)
    raise NotReplayable(f"a norm over {len(axes)} axes is not replayed: Keras has none")
