"""TensorFlow's functions by the names that tf.keras files give them, on arrays.

``@function("math.add")`` enters one; its arguments have TensorFlow's names, and its docstring is the formula. Two
arrays of a binary function have one dtype in TensorFlow, and a number takes that of the array beside it.
"""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.activations import ACTIVATIONS, gelu, leaky_relu, log_softmax, softmax
from weightscope.kernels.convolve import convolve, depthwise
from weightscope.kernels.pooling import average_pool, max_pool
from weightscope.kernels.resize import resize
from weightscope.layers.operations import arranging, math, reductions
from weightscope.layers.operations.products import einsum as _einsum

FUNCTIONS = {}
_OLD = "compat.v1."


def function(*names):
    """Decorator: enter a function under TensorFlow's names for it."""
    def enter(found):
        FUNCTIONS.update(dict.fromkeys(names, found))
        return found
    return enter


def function_of(name):
    """Return the function of a name in a file, ``compat.v1.`` or not; None for one that weightscope does not know."""
    return FUNCTIONS.get(name.removeprefix(_OLD)) if isinstance(name, str) else None


def _enter(names, found, formula):
    found.__doc__ = formula
    function(*names.split())(found)


def _pair(x, y):
    """Return both as arrays of one dtype: that of the array, where the other is a number or a list."""
    if not isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        return np.asarray(x, y.dtype), y
    x = np.asarray(x)
    return x, y if isinstance(y, np.ndarray) else np.asarray(y, x.dtype)


def _axes(axis):
    return tuple(np.atleast_1d(axis).tolist()) if axis is not None else None


# Value by value.

def _of_two(names, numpy_function, formula):
    _enter(names, lambda x, y: numpy_function(*_pair(x, y)), formula)


def _truediv(x, y):
    return np.divide(x, y, dtype=x.dtype if x.dtype.kind == "f" else "float64")


def _no_nan(combine, replaced):
    return lambda x, y: np.where(y == 0, x.dtype.type(0), combine(x, np.where(y == 0, y.dtype.type(replaced), y)))


_of_two("math.add __operators__.add add AddV2 Add", np.add, "y = x + y")
_of_two("math.subtract subtract Sub", np.subtract, "y = x − y")
_of_two("math.multiply multiply Mul", np.multiply, "y = x · y")
_of_two("math.truediv truediv math.divide divide realdiv math.real_div RealDiv Div", _truediv, "y = x / y")
_of_two("math.floordiv floordiv floor_div FloorDiv", np.floor_divide, "y = ⌊x / y⌋")
_of_two("math.mod math.floormod math.floor_mod mod floormod FloorMod", np.mod, "y = x − ⌊x / y⌋ · y")
_of_two("math.pow pow Pow", np.power, "y = x to the power of y")
_of_two("math.maximum maximum Maximum", np.maximum, "y = max(x, y)")
_of_two("math.minimum minimum Minimum", np.minimum, "y = min(x, y)")
_of_two("math.squared_difference squared_difference SquaredDifference", lambda x, y: np.square(x - y), "y = (x − y)²")
_of_two("math.atan2 atan2 Atan2", np.arctan2, "y = the angle of the point (y, x)")
_of_two("math.divide_no_nan DivNoNan", _no_nan(np.divide, 1), "y = x / y, 0 where y = 0")
_of_two("math.multiply_no_nan MulNoNan", _no_nan(np.multiply, 0), "y = x · y, 0 where y = 0")
_of_two("math.greater greater Greater", np.greater, "y = x > y")
_of_two("math.greater_equal greater_equal GreaterEqual", np.greater_equal, "y = x ≥ y")
_of_two("math.less less Less", np.less, "y = x < y")
_of_two("math.less_equal less_equal LessEqual", np.less_equal, "y = x ≤ y")
_of_two("math.equal equal __operators__.eq Equal", np.equal, "y = x = y")
_of_two("math.not_equal not_equal __operators__.ne NotEqual", np.not_equal, "y = x ≠ y")
_of_two("math.logical_and logical_and LogicalAnd", np.logical_and, "y = x and y")
_of_two("math.logical_or logical_or LogicalOr", np.logical_or, "y = x or y")
_of_two("math.logical_xor logical_xor", np.logical_xor, "y = either x or y")

for _names, _function in {
    "math.negative negative Neg": np.negative, "math.abs abs Abs": np.abs, "math.sqrt sqrt Sqrt": np.sqrt,
    "math.rsqrt rsqrt Rsqrt": lambda x: 1 / np.sqrt(x), "math.square square Square": np.square,
    "math.exp exp Exp": np.exp, "math.expm1 Expm1": np.expm1, "math.log log Log": np.log,
    "math.log1p log1p Log1p": np.log1p, "math.sin sin Sin": np.sin, "math.cos cos Cos": np.cos,
    "math.tan tan Tan": np.tan, "math.asin asin Asin": np.arcsin, "math.acos acos Acos": np.arccos,
    "math.atan atan Atan": np.arctan, "math.sinh sinh Sinh": np.sinh, "math.cosh cosh Cosh": np.cosh,
    "math.sign sign Sign": np.sign, "math.floor floor Floor": np.floor, "math.ceil ceil Ceil": np.ceil,
    "math.round round Round math.rint Rint": np.round, "math.reciprocal reciprocal Reciprocal": np.reciprocal,
    "math.logical_not logical_not LogicalNot": np.logical_not, "math.is_nan is_nan IsNan": np.isnan,
    "math.is_finite is_finite IsFinite": np.isfinite, "math.is_inf is_inf IsInf": np.isinf,
    "identity Identity stop_gradient StopGradient grad_pass_through": lambda x: x,
    "zeros_like ZerosLike": np.zeros_like, "ones_like OnesLike": np.ones_like,
}.items():
    _enter(_names, lambda x, _function=_function: _function(np.asarray(x)), f"y = {_names.split()[-1].lower()}(x)")

for _names, _word in {
    "nn.relu Relu": "relu", "nn.relu6 Relu6": "relu6", "nn.elu Elu": "elu", "nn.selu Selu": "selu",
    "math.sigmoid sigmoid nn.sigmoid Sigmoid": "sigmoid", "math.tanh tanh nn.tanh Tanh": "tanh",
    "math.softplus nn.softplus Softplus": "softplus", "nn.softsign math.softsign Softsign": "softsign",
    "nn.silu nn.swish": "silu", "math.log_sigmoid": "log_sigmoid",
}.items():
    _enter(_names, lambda features, _word=_word: ACTIVATIONS[_word](features), f"y = {_word}(x)")


@function("nn.leaky_relu", "LeakyRelu")
def _leaky_relu(features, alpha=0.2):
    """y = x where x > 0, else alpha · x"""
    return leaky_relu(features, alpha)


@function("nn.gelu")
def _gelu(features, approximate=False):
    """y = gelu(x)"""
    return gelu(features, approximate)


@function("nn.softmax", "math.softmax", "Softmax")
def _softmax(logits, axis=-1):
    """y = exp(x) / Σ exp(x) along axis"""
    return softmax(logits, -1 if axis is None else axis)


@function("nn.log_softmax", "math.log_softmax", "LogSoftmax")
def _log_softmax(logits, axis=-1):
    """y = log softmax(x) along axis"""
    return log_softmax(logits, -1 if axis is None else axis)


@function("math.erf", "Erf")
def _erf(x):
    """y = erf(x)"""
    return 1 - math.erfc(x)


@function("clip_by_value")
def _clip_by_value(t, clip_value_min, clip_value_max):
    """y = x, cut off at both ends"""
    return np.minimum(np.maximum(t, t.dtype.type(clip_value_min)), t.dtype.type(clip_value_max))


@function("math.add_n", "add_n", "AddN")
def _add_n(inputs):
    """y = the sum of all inputs"""
    return sum(inputs[1:], inputs[0])


@function("where", "where_v2", "Select", "SelectV2")
def _where(condition, x, y):
    """y = x where the condition holds, else y"""
    return np.where(condition, *_pair(x, y))


# Along axes.

def _reduced(reduce):
    def reduction(input_tensor, axis=None, keepdims=False, keep_dims=None):
        return reduce(np.asarray(input_tensor), axis=_axes(axis), keepdims=bool(keep_dims or keepdims))
    return reduction


for _names, _function in {
    "math.reduce_sum reduce_sum Sum": reductions.sum_, "math.reduce_mean reduce_mean Mean": reductions.mean,
    "math.reduce_max reduce_max Max": np.max, "math.reduce_min reduce_min Min": np.min,
    "math.reduce_prod reduce_prod Prod": np.prod, "math.reduce_any reduce_any Any": np.any,
    "math.reduce_all reduce_all All": np.all, "math.reduce_std": np.std,
    "math.reduce_variance": np.var, "math.reduce_logsumexp reduce_logsumexp": math.logsumexp,
    "math.reduce_euclidean_norm": lambda x, **along: np.sqrt(np.sum(np.square(x), **along)),
}.items():
    _enter(_names, _reduced(_function), f"y = {_names.split()[0].rpartition('_')[2]} of x along axis")


@function("math.argmax", "argmax", "ArgMax")
def _argmax(input, axis=None, output_type="int64"):
    """y = where x is largest along axis"""
    return np.argmax(input, axis=axis or 0).astype(output_type)


@function("math.argmin", "argmin", "ArgMin")
def _argmin(input, axis=None, output_type="int64"):
    """y = where x is smallest along axis"""
    return np.argmin(input, axis=axis or 0).astype(output_type)


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
    along = _axes(axis if dim is None else dim)
    return x / np.sqrt(np.maximum(np.sum(np.square(x), axis=along, keepdims=True), x.dtype.type(epsilon)))


@function("norm", "linalg.norm")
def _norm(tensor, ord="euclidean", axis=None, keepdims=None):
    """y = the length of x along axis"""
    if ord not in ("euclidean", 2, 1):
        raise NotReplayable(f"ord={ord!r} of a norm is not replayed")
    along = {"axis": _axes(axis), "keepdims": bool(keepdims)}
    return np.sum(np.abs(tensor), **along) if ord == 1 else np.sqrt(np.sum(np.square(tensor), **along))


@function("nn.moments")
def _moments(x, axes, shift=None, keepdims=False):
    """y = the mean and the variance of x along axes"""
    along = {"axis": _axes(axes), "keepdims": bool(keepdims)}
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


# Order and shape.

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
    return np.squeeze(input, _axes(axis) or None)


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
    return np.flip(tensor, _axes(axis))


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
    return np.asarray(x).astype(dtype)


@function("convert_to_tensor", "convert_to_tensor_v2_with_dispatch", "constant")
def _convert_to_tensor(value, dtype=None, dtype_hint=None):
    """y = x"""
    return np.asarray(value, dtype or (np.float32 if isinstance(value, float) else None))


@function("gather", "gather_v2", "GatherV2")
def _gather(params, indices, validate_indices=None, axis=None, batch_dims=0):
    """y = the slices of x at the indices along axis"""
    if batch_dims:
        raise NotReplayable("batch_dims of a gather is not replayed")
    return np.take(params, np.asarray(indices).astype("int64"), axis or 0)


@function("gather_nd", "GatherNd")
def _gather_nd(params, indices, batch_dims=0):
    """y = the values of x at the indices"""
    if batch_dims:
        raise NotReplayable("batch_dims of a gather_nd is not replayed")
    return np.asarray(params)[tuple(np.moveaxis(np.asarray(indices), -1, 0))]


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


# Products.

@function("linalg.matmul", "matmul", "MatMul", "BatchMatMul", "BatchMatMulV2")
def _matmul(a, b, transpose_a=False, transpose_b=False, adj_x=False, adj_y=False):
    """y = a · b over the last two axes"""
    a, b = _pair(a, b)
    turned = transpose_a or adj_x, transpose_b or adj_y
    return np.matmul(*(x.swapaxes(-1, -2) if turn else x for x, turn in zip((a, b), turned)))


@function("tensordot", "linalg.tensordot")
def _tensordot(a, b, axes):
    """y = Σ a · b along axes"""
    return np.tensordot(*_pair(a, b), axes)


@function("einsum", "linalg.einsum")
def _einsum_of(equation, *inputs):
    """y = the sum that the equation says"""
    return _einsum(*inputs, subscripts=equation)


@function("linalg.diag_part", "linalg.tensor_diag_part")
def _diag_part(input):
    """y = the diagonal of the last two axes"""
    return np.diagonal(input, axis1=-2, axis2=-1).copy()


@function("nn.bias_add", "BiasAdd")
def _bias_add(value, bias, data_format=None):
    """y = x + bias along the channels"""
    bias = np.asarray(bias, value.dtype)
    return value + (bias.reshape(-1, *(1,) * (value.ndim - 2)) if data_format in ("NCHW", "NC..") else bias)


# Images.

def _last(data_format):
    if data_format not in (None, "NHWC", "NWC"):
        raise NotReplayable(f"data_format {data_format!r} of a TensorFlow function is not replayed")


def _spatial(value, rank=2):
    """Return one number for each axis of space, of what TensorFlow takes: one, rank of them, or rank + 2."""
    values = np.atleast_1d(value).tolist()
    return tuple(values * rank if len(values) == 1 else values if len(values) == rank else values[1:-1])


def _padding(padding):
    if not isinstance(padding, str):
        raise NotReplayable("a list as padding of a TensorFlow function is not replayed")
    return padding.lower()


@function("nn.conv2d", "Conv2D")
def _conv2d(input, filters=None, strides=1, padding="VALID", data_format=None, dilations=None, filter=None,
            use_cudnn_on_gpu=True):
    """y = x, convolved with the filters"""
    _last(data_format)
    kernel = np.asarray(filter if filters is None else filters, input.dtype)
    return convolve(input, kernel, _spatial(strides), _padding(padding), _spatial(dilations or 1))


@function("nn.depthwise_conv2d", "DepthwiseConv2dNative")
def _depthwise_conv2d(input, filter, strides, padding, data_format=None, dilations=None):
    """y = each channel of x, convolved with filters of its own"""
    _last(data_format)
    kernel = np.asarray(filter, input.dtype)
    return depthwise(input, kernel, _spatial(strides), _padding(padding), _spatial(dilations or 1))


def _pool(pool):
    def pooled(input, ksize, strides, padding, data_format=None):
        _last(data_format)
        return pool(input, _spatial(ksize), _spatial(strides), _padding(padding))
    return pooled


_enter("nn.max_pool nn.max_pool2d MaxPool", _pool(max_pool), "y = the largest value of each window")
_enter("nn.avg_pool nn.avg_pool2d AvgPool", _pool(average_pool), "y = the mean of each window")


@function("nn.depth_to_space", "depth_to_space", "DepthToSpace")
def _depth_to_space(input, block_size, data_format="NHWC"):
    """y = the channels laid out as blocks of pixels"""
    _last(data_format)
    batch, height, width, channels = input.shape
    blocks = input.reshape(batch, height, width, block_size, block_size, -1).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(batch, height * block_size, width * block_size, channels // block_size**2)


@function("nn.space_to_depth", "space_to_depth", "SpaceToDepth")
def _space_to_depth(input, block_size, data_format="NHWC"):
    """y = blocks of pixels laid out as channels"""
    _last(data_format)
    batch, height, width, channels = input.shape
    blocks = input.reshape(batch, height // block_size, block_size, width // block_size, block_size, channels)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // block_size, width // block_size, -1)


@function("image.resize", "image.resize_images_v2")
def _resize(images, size, method="bilinear", preserve_aspect_ratio=False, antialias=False):
    """y = the images at another size, as method mixes their pixels"""
    if preserve_aspect_ratio:
        raise NotReplayable("preserve_aspect_ratio of image.resize is not replayed")
    return resize(images, tuple(int(n) for n in size), method, antialias)


@function("image.resize_bilinear")
def _resize_bilinear(images, size, align_corners=False, half_pixel_centers=False):
    """y = the images at another size, pixels mixed by their distance"""
    return _without_corners(images, size, align_corners, half_pixel_centers, "bilinear")


@function("image.resize_nearest_neighbor")
def _resize_nearest(images, size, align_corners=False, half_pixel_centers=False):
    """y = the images at another size, each pixel the nearest one"""
    return _without_corners(images, size, align_corners, half_pixel_centers, "nearest")


def _without_corners(images, size, align_corners, half_pixel_centers, method):
    if align_corners or (not half_pixel_centers and method == "bilinear"):
        raise NotReplayable("TensorFlow 1's way to align pixels in a resize is not replayed")
    if not half_pixel_centers:
        rows, columns = (np.minimum((np.arange(to) * (n / to)).astype(int), n - 1)
                         for to, n in zip(size, images.shape[1:3]))
        return images[:, rows][:, :, columns]
    return resize(images, tuple(size), method)
