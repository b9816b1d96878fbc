"""TensorFlow's functions along axes: sums, means, norms, normalizations."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.layers.operations import math, reductions
from weightscope.layers.tensorflow.table import as_axes, enter, function


def _reduced(reduce):
    def reduction(input_tensor, axis=None, keepdims=False, keep_dims=None):
        return reduce(np.asarray(input_tensor), axis=as_axes(axis), keepdims=bool(keep_dims or keepdims))
    return reduction


for _names, _function in {
    "math.reduce_sum reduce_sum Sum": reductions.sum_, "math.reduce_mean reduce_mean Mean": reductions.mean,
    "math.reduce_max reduce_max Max": np.max, "math.reduce_min reduce_min Min": np.min,
    "math.reduce_prod reduce_prod Prod": np.prod, "math.reduce_any reduce_any Any": np.any,
    "math.reduce_all reduce_all All": np.all, "math.reduce_std": np.std,
    "math.reduce_variance": np.var, "math.reduce_logsumexp reduce_logsumexp": math.logsumexp,
    "math.reduce_euclidean_norm": lambda x, **along: np.sqrt(np.sum(np.square(x), **along)),
}.items():
    enter(_names, _reduced(_function), f"y = {_names.split()[0].rpartition('_')[2]} of x along axis")


@function("math.argmax", "argmax", "ArgMax")
def _argmax(input, axis=None, output_type="int64"):
    """y = where x is largest along axis"""
    return np.argmax(reductions.known(input, -np.inf), axis=axis or 0).astype(output_type)


@function("math.argmin", "argmin", "ArgMin")
def _argmin(input, axis=None, output_type="int64"):
    """y = where x is smallest along axis"""
    return np.argmin(reductions.known(input, np.inf), axis=axis or 0).astype(output_type)


@function("math.cumsum", "cumsum", "Cumsum")
def _cumsum(x, axis=0, exclusive=False, reverse=False):
    """y = the running sum of x along axis"""
    turned = np.flip(x, axis) if reverse else x
    y = np.cumsum(turned, axis=axis, dtype=x.dtype)
    y = y - turned if exclusive else y
    return np.flip(y, axis) if reverse else y


@function("math.l2_normalize", "nn.l2_normalize", "linalg.l2_normalize")
def _l2_normalize(x, axis=None, epsilon=1e-12, dim=None):
    """y = x / √max(Σ x² along axis, epsilon)"""
    along = as_axes(axis if dim is None else dim)
    return x / np.sqrt(np.maximum(np.sum(np.square(x), axis=along, keepdims=True), x.dtype.type(epsilon)))


@function("norm", "linalg.norm")
def _norm(tensor, ord="euclidean", axis=None, keepdims=None):
    """y = the length of x along axis"""
    if ord not in ("euclidean", 2, 1):
        raise NotReplayable(f"ord={ord!r} of a norm is not replayed")
    along = {"axis": as_axes(axis), "keepdims": bool(keepdims)}
    return np.sum(np.abs(tensor), **along) if ord == 1 else np.sqrt(np.sum(np.square(tensor), **along))


@function("nn.moments")
def _moments(x, axes, shift=None, keepdims=False):
    """y = the mean and the variance of x along axes"""
    along = {"axis": as_axes(axes), "keepdims": bool(keepdims)}
    return [np.mean(x, **along), np.var(x, **along)]


@function("nn.batch_normalization")
def _batch_normalization(x, mean, variance, offset, scale, variance_epsilon):
    """y = scale · (x − mean) / √(variance + variance_epsilon) + offset"""
    inverse = 1 / np.sqrt(np.asarray(variance, x.dtype) + x.dtype.type(variance_epsilon))
    inverse = inverse if scale is None else inverse * np.asarray(scale, x.dtype)
    shift = -np.asarray(mean, x.dtype) * inverse
    return x * inverse + (shift if offset is None else shift + np.asarray(offset, x.dtype))


@function("nn.local_response_normalization", "nn.lrn", "LRN")
def _local_response_normalization(input, depth_radius=5, bias=1, alpha=1, beta=0.5):
    """y = x / (bias + alpha · Σ x² of the channels up to depth_radius away) to the power of beta"""
    squares = np.pad(np.square(input), [(0, 0)] * (input.ndim - 1) + [(depth_radius, depth_radius)])
    windows = np.lib.stride_tricks.sliding_window_view(squares, 2 * depth_radius + 1, axis=-1)
    return input / (bias + alpha * windows.sum(-1)) ** input.dtype.type(beta)


@function("math.top_k", "nn.top_k", "TopKV2")
def _top_k(input, k=1, sorted=True):
    """y = the k largest values of the last axis, and where they are"""
    return list(math.top_k(input, k, sorted))
