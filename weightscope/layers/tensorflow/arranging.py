"""TensorFlow's functions of order and shape."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.layers.operations import arranging
from weightscope.layers.tensorflow.table import as_axes, function


@function("concat", "ConcatV2")
def _concat(values, axis):
    """y = the values, one after the other along axis"""
    return np.concatenate(values, axis)


@function("stack", "Pack")
def _stack(values, axis=0):
    """y = the values beside each other on a new axis"""
    return np.stack([np.asarray(value) for value in values], axis)


@function("unstack", "Unpack")
def _unstack(value, num=None, axis=0):
    """y = the slices of x along axis"""
    return [np.take(value, index, axis) for index in range(value.shape[axis])]


@function("split", "Split", "SplitV")
def _split(value, num_or_size_splits, axis=0, num=None):
    """y = parts of x along axis"""
    sizes = num_or_size_splits
    return np.split(value, sizes if isinstance(sizes, int) else np.cumsum(sizes)[:-1].tolist(), axis)


@function("reshape", "Reshape")
def _reshape(tensor, shape):
    """y = reshape(x, shape)"""
    return np.reshape(tensor, [int(size) for size in shape])


@function("keras.backend.batch_flatten")
def _batch_flatten(x):
    """y = x, all axes but batch in one"""
    return x.reshape(len(x), -1)


@function("expand_dims", "expand_dims_v2", "ExpandDims")
def _expand_dims(input, axis=None, dim=None):
    """y = x with a new axis of 1"""
    return np.expand_dims(input, int(axis if dim is None else dim))


@function("squeeze", "squeeze_v2", "Squeeze")
def _squeeze(input, axis=None, squeeze_dims=None):
    """y = x without its axes of 1"""
    axis = squeeze_dims if axis is None else axis
    return np.squeeze(input, as_axes(axis) or None)


@function("transpose", "transpose_v2", "Transpose")
def _transpose(a, perm=None, conjugate=False):
    """y = transpose(x, perm)"""
    return np.transpose(a, None if perm is None else [int(axis) for axis in perm])


@function("tile", "Tile")
def _tile(input, multiples):
    """y = x, multiples times over along each axis"""
    return np.tile(input, [int(count) for count in multiples])


@function("repeat")
def _repeat(input, repeats, axis=None):
    """y = every slice along axis, repeats times over"""
    return np.repeat(input, repeats, axis)


@function("pad", "pad_v2", "Pad", "PadV2", "MirrorPad")
def _pad(tensor, paddings, mode="CONSTANT", constant_values=0):
    """y = x with more values around it"""
    mode = str(mode).lower()
    pairs = np.asarray(paddings).tolist()
    if mode == "constant":
        return np.pad(tensor, pairs, constant_values=tensor.dtype.type(constant_values))
    return np.pad(tensor, pairs, mode)


@function("reverse", "reverse_v2", "ReverseV2")
def _reverse(tensor, axis):
    """y = x, turned round along axis"""
    return np.flip(tensor, as_axes(axis))


@function("roll", "Roll")
def _roll(input, shift, axis):
    """y = x, moved round along axis"""
    return arranging.roll(input, shift, axis)


@function("shape", "shape_v2", "Shape")
def _shape(input, out_type="int32"):
    """y = the sizes of x"""
    return np.array(np.shape(input), out_type)


@function("broadcast_to", "BroadcastTo")
def _broadcast_to(input, shape):
    """y = x, repeated to shape"""
    return np.broadcast_to(input, [int(size) for size in shape])


@function("fill", "Fill")
def _fill(dims, value):
    """y = value everywhere"""
    return np.full([int(size) for size in dims], value)


@function("zeros")
def _zeros(shape, dtype="float32"):
    """y = 0 everywhere"""
    return np.zeros([int(size) for size in shape], dtype)


@function("ones")
def _ones(shape, dtype="float32"):
    """y = 1 everywhere"""
    return np.ones([int(size) for size in shape], dtype)


@function("range", "Range")
def _range(start, limit=None, delta=1, dtype=None):
    """y = numbers from start to limit"""
    return np.arange(*(0, start) if limit is None else (start, limit), step=delta, dtype=dtype)


@function("cast", "Cast", "compat.v1.to_float")
def _cast(x, dtype="float32"):
    """y = x as dtype"""
    return np.asarray(x).astype(dtype, copy=False)  # in its own dtype the very tensor, with its mask


@function("convert_to_tensor", "convert_to_tensor_v2_with_dispatch", "constant")
def _convert_to_tensor(value, dtype=None, dtype_hint=None):
    """y = x"""
    return np.asarray(value, dtype or (np.float32 if isinstance(value, float) else None))


@function("gather", "gather_v2", "GatherV2")
def _gather(params, indices, validate_indices=None, axis=None, batch_dims=0):
    """y = the slices of x at the indices along axis"""
    params, indices = np.asarray(params), np.asarray(indices).astype("int64")
    batch_dims = batch_dims % indices.ndim if batch_dims else 0
    axis = batch_dims if axis is None else axis % params.ndim
    return _batch_by_batch(lambda x, places: np.take(x, places, axis - batch_dims), params, indices, batch_dims)


@function("gather_nd", "GatherNd")
def _gather_nd(params, indices, batch_dims=0, bad_indices_policy=""):
    """y = the values of x at the indices"""
    if bad_indices_policy not in ("", None, "DEFAULT"):
        raise NotReplayable(f"bad_indices_policy {bad_indices_policy!r} of a gather_nd is not replayed")
    params, indices = np.asarray(params), np.asarray(indices)
    return _batch_by_batch(lambda x, places: x[tuple(np.moveaxis(places, -1, 0))], params, indices, batch_dims)


def _batch_by_batch(pick, params, indices, batch_dims):
    """Return what ``pick`` takes of ``params`` by ``indices``, for each place of their first axes by itself."""
    if not batch_dims:
        return pick(params, indices)
    front = np.broadcast_shapes(params.shape[:batch_dims], indices.shape[:batch_dims])
    found = [pick(params[place], indices[place]) for place in np.ndindex(*front)]
    return np.stack(found).reshape(*front, *found[0].shape)


@function("one_hot", "OneHot")
def _one_hot(indices, depth, on_value=1.0, off_value=0.0, axis=-1, dtype=None):
    """y = on_value at the index, else off_value"""
    hot = np.arange(depth) == np.expand_dims(indices, -1)
    y = np.where(hot, 1.0 if on_value is None else on_value, 0.0 if off_value is None else off_value)
    return np.moveaxis(y.astype(dtype or "float32"), -1, -1 if axis is None else axis)


@function("sequence_mask")
def _sequence_mask(lengths, maxlen=None, dtype="bool"):
    """y = whether a step lies within the length"""
    return (np.arange(np.max(lengths) if maxlen is None else maxlen) < np.expand_dims(lengths, -1)).astype(dtype)


@function("slice", "Slice")
def _slice(input_, begin, size):
    """y = x from begin on, as many as size"""
    ends = [None if n == -1 else int(start) + int(n) for start, n in zip(begin, size)]
    return input_[tuple(slice(int(start), end) for start, end in zip(begin, ends))]


@function("strided_slice", "StridedSlice")
def _strided_slice(input_, begin, end, strides=None, begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0,
                   shrink_axis_mask=0):
    """y = x[begin:end:strides]"""
    places = []
    for axis, start in enumerate(np.asarray(begin).tolist()):
        bit = 1 << axis
        step = 1 if strides is None else int(np.asarray(strides)[axis])
        if ellipsis_mask & bit:
            places.append(Ellipsis)
        elif new_axis_mask & bit:
            places.append(None)
        elif shrink_axis_mask & bit:
            places.append(start)
        else:
            first, last = None if begin_mask & bit else start, None if end_mask & bit else int(np.asarray(end)[axis])
            places.append(slice(first, last, step))
    return input_[tuple(places)]
