"""TensorFlow's functions in the graphs of tf.keras, held against tf_keras, all side by side in one model."""

import numpy as np
import pytest

import weightscope
from weightscope.errors import NotReplayable
from weightscope.layers import families
from weightscope.layers.tensorflow.table import FUNCTIONS, function_of
from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras
K = pytest.importorskip("tf_keras")
tf = pytest.importorskip("tensorflow")
families.bring_all()
RNG = np.random.default_rng(0)

SIGNAL = tf.signal


def whole(x):
    return tf.cast(tf.minimum(tf.abs(x), 2.0), "int32")


def flat(images):
    return tf.reshape(images, (-1, 192))


CALLS = {
    "add": lambda x, y, images: x + y,
    "sub": lambda x, y, images: x - 1.5,
    "rsub": lambda x, y, images: 1.5 - x,
    "mul": lambda x, y, images: x * 2.0 * y,
    "div": lambda x, y, images: 3.0 / (x * x + 1.0),
    "neg": lambda x, y, images: -x,
    "pow": lambda x, y, images: (x * x + 1) ** 1.5,
    "floordiv": lambda x, y, images: x // 0.7,
    "mod": lambda x, y, images: x % 0.7,
    "slice": lambda x, y, images: x[:, 1:, 0],
    "dots": lambda x, y, images: x[..., ::2],
    "newaxis": lambda x, y, images: x[:, tf.newaxis],
    "concat": lambda x, y, images: tf.concat([x, y], axis=-1),
    "mean": lambda x, y, images: tf.reduce_mean(x, axis=[1], keepdims=True),
    "sum": lambda x, y, images: tf.reduce_sum(x, -1),
    "max": lambda x, y, images: tf.reduce_max(x, 1),
    "std": lambda x, y, images: tf.math.reduce_std(x, axis=1),
    "var": lambda x, y, images: tf.math.reduce_variance(x, axis=1),
    "lse": lambda x, y, images: tf.reduce_logsumexp(x, axis=1),
    "prod": lambda x, y, images: tf.reduce_prod(x, axis=1),
    "matmul": lambda x, y, images: x @ tf.transpose(y, [0, 2, 1]),
    "matmulT": lambda x, y, images: tf.matmul(x, y, transpose_b=True),
    "relu": lambda x, y, images: tf.nn.relu(x),
    "lrelu": lambda x, y, images: tf.nn.leaky_relu(x, alpha=0.1),
    "softmax": lambda x, y, images: tf.nn.softmax(x, axis=1),
    "sigmoid": lambda x, y, images: tf.sigmoid(x),
    "tanh": lambda x, y, images: tf.tanh(x),
    "swish": lambda x, y, images: tf.nn.swish(x),
    "gelu": lambda x, y, images: tf.nn.gelu(x),
    "softplus": lambda x, y, images: tf.math.softplus(x),
    "elu": lambda x, y, images: tf.nn.elu(x),
    "relu6": lambda x, y, images: tf.nn.relu6(x * 4),
    "reshape": lambda x, y, images: tf.reshape(x, [-1, 24]),
    "dynshape": lambda x, y, images: tf.reshape(x, (tf.shape(x)[0], 2, 12)),
    "stack": lambda x, y, images: tf.stack([x, y], axis=1),
    "unstack": lambda x, y, images: tf.unstack(x, axis=1)[2],
    "split": lambda x, y, images: tf.split(x, 3, axis=-1)[1],
    "split2": lambda x, y, images: tf.split(x, [1, 2, 3], axis=-1)[2],
    "expand": lambda x, y, images: tf.expand_dims(x, -1),
    "squeeze": lambda x, y, images: tf.squeeze(x[:, :1], axis=1),
    "tile": lambda x, y, images: tf.tile(x, [1, 2, 1]),
    "pad": lambda x, y, images: tf.pad(x, [[0, 0], [1, 1], [0, 2]]),
    "padreflect": lambda x, y, images: tf.pad(x, [[0, 0], [1, 1], [0, 2]], mode="REFLECT"),
    "cast": lambda x, y, images: tf.cast(x > 0, "float32"),
    "greater": lambda x, y, images: tf.cast(tf.greater(x, y), "int32"),
    "where": lambda x, y, images: tf.where(x > y, x, y),
    "wherec": lambda x, y, images: tf.where(x > 0, x, 0.5),
    "logic": lambda x, y, images: tf.cast(tf.logical_and(x > 0, tf.logical_not(y > 0)), "float32"),
    "sqrt": lambda x, y, images: tf.sqrt(tf.abs(x)),
    "rsqrt": lambda x, y, images: tf.math.rsqrt(tf.abs(x) + 1),
    "square": lambda x, y, images: tf.square(x),
    "exp": lambda x, y, images: tf.exp(x),
    "log": lambda x, y, images: tf.math.log(tf.abs(x) + 1),
    "sin": lambda x, y, images: tf.sin(x) + tf.cos(y),
    "sign": lambda x, y, images: tf.sign(x),
    "floor": lambda x, y, images: tf.floor(x) + tf.math.ceil(y),
    "round": lambda x, y, images: tf.round(x * 2),
    "recip": lambda x, y, images: tf.math.reciprocal(x + 9),
    "erf": lambda x, y, images: tf.math.erf(x),
    "clip": lambda x, y, images: tf.clip_by_value(x, -0.5, 0.5),
    "maximum": lambda x, y, images: tf.maximum(x, y) + tf.minimum(x, 0.0),
    "sqdiff": lambda x, y, images: tf.math.squared_difference(x, y),
    "divnonan": lambda x, y, images: tf.math.divide_no_nan(x, tf.nn.relu(y)),
    "addn": lambda x, y, images: tf.add_n([x, y, x]),
    "argmax": lambda x, y, images: tf.argmax(x, axis=-1),
    "cumsum": lambda x, y, images: tf.cumsum(x, axis=1),
    "cumsum_er": lambda x, y, images: tf.cumsum(x, axis=1, exclusive=True, reverse=True),
    "l2": lambda x, y, images: tf.math.l2_normalize(x, axis=-1),
    "norm": lambda x, y, images: tf.norm(x, axis=-1),
    "moments": lambda x, y, images: tf.nn.moments(x, axes=[1])[1],
    "topk": lambda x, y, images: tf.math.top_k(x, 2)[0],
    "gather": lambda x, y, images: tf.gather(x, [0, 2], axis=1),
    "onehot": lambda x, y, images: tf.one_hot(tf.argmax(x, axis=-1), 6),
    "reverse": lambda x, y, images: tf.reverse(x, [1]),
    "zeros_like": lambda x, y, images: tf.zeros_like(x) + tf.ones_like(y),
    "bcast": lambda x, y, images: tf.broadcast_to(x[:, :1], tf.shape(y)),
    "tensordot": lambda x, y, images: tf.tensordot(x, tf.ones((6, 2)), axes=1),
    "roll": lambda x, y, images: tf.roll(x, 1, axis=1),
    "repeat": lambda x, y, images: tf.repeat(x, 2, axis=1),
    "const": lambda x, y, images: x * tf.constant([1.0, 2, 3, 4, 5, 6]),
    "constleft": lambda x, y, images: tf.constant([1.0, 2, 3, 4, 5, 6]) - x,
    "biasadd": lambda x, y, images: tf.nn.bias_add(x, tf.constant([1.0, 2, 3, 4, 5, 6])),
    "stopgrad": lambda x, y, images: tf.stop_gradient(x),
    "identity": lambda x, y, images: tf.identity(x),
    "resize": lambda x, y, images: tf.image.resize(images, (16, 9)),
    "resizen": lambda x, y, images: tf.image.resize(images, (16, 9), method="nearest"),
    "resizeb": lambda x, y, images: tf.image.resize(images, (5, 3), method="bicubic"),
    "d2s": lambda x, y, images: tf.nn.depth_to_space(images, 2),
    "s2d": lambda x, y, images: tf.nn.space_to_depth(images, 2),
    "maxpool": lambda x, y, images: tf.nn.max_pool2d(images, 2, 2, "VALID"),
    "avgpool": lambda x, y, images: tf.nn.avg_pool2d(images, 3, 2, "SAME"),
    "conv": lambda x, y, images: tf.nn.conv2d(images, tf.ones((2, 2, 4, 3)), 1, "SAME"),
    "lrn": lambda x, y, images: tf.nn.local_response_normalization(images),
    "kbmean": lambda x, y, images: K.backend.mean(x, axis=1),
    "kbsqrt": lambda x, y, images: K.backend.sqrt(x),
    "kbl2": lambda x, y, images: K.backend.l2_normalize(x, axis=1),
    "kbconcat": lambda x, y, images: K.backend.concatenate([x, y]),
    "kbbatchdot": lambda x, y, images: K.backend.batch_dot(x, K.backend.permute_dimensions(y, (0, 2, 1))),
    "kbflat": lambda x, y, images: K.backend.batch_flatten(x),
    "kbexp": lambda x, y, images: K.backend.expand_dims(x),
    "kbrepeat": lambda x, y, images: K.backend.repeat_elements(x, 2, 1),
    "kbresize": lambda x, y, images: K.backend.resize_images(images, 2, 2, "channels_last"),
    "kbhs": lambda x, y, images: K.backend.hard_sigmoid(x),
    "kbrelu": lambda x, y, images: K.backend.relu(x, alpha=0.1, max_value=1.0),
    "kbclip": lambda x, y, images: K.backend.clip(x, 0.0, 1.0),
    "acts": lambda x, y, images: K.activations.hard_sigmoid(x) + K.activations.softsign(y),
    "abs": lambda x, y, images: abs(x),
    "eq": lambda x, y, images: tf.cast(tf.equal(x, x), "float32"),
    "gatherb": lambda x, y, images: tf.gather(x, whole(y[:, :, :3]), axis=2, batch_dims=2),
    "gatherb1": lambda x, y, images: tf.gather(x, whole(y[:, :, 0]), batch_dims=1),
    "gatherb-1": lambda x, y, images: tf.gather(x[:, :, 0], whole(y[:, :, 0]), batch_dims=-1),
    "gathernd": lambda x, y, images: tf.gather_nd(x, whole(y[:, :, :2]), batch_dims=1),
    "stft": lambda x, y, images: tf.abs(SIGNAL.stft(flat(images), 16, 9)),
    "stftpad": lambda x, y, images: tf.math.real(SIGNAL.stft(flat(images), 15, 7, fft_length=20, pad_end=True)),
    "stftwindow": lambda x, y, images: tf.math.imag(SIGNAL.stft(flat(images), 16, 9, window_fn=SIGNAL.hamming_window)),
    "istft": lambda x, y, images: SIGNAL.inverse_stft(SIGNAL.stft(flat(images), 16, 9), 16, 9),
    "frame": lambda x, y, images: SIGNAL.frame(x, 3, 2),
    "framepad": lambda x, y, images: SIGNAL.frame(x, 3, 2, pad_end=True, pad_value=2.0, axis=1),
    "framewide": lambda x, y, images: SIGNAL.frame(x, 2, 5, pad_end=True),
    "overlap": lambda x, y, images: SIGNAL.overlap_and_add(x, 4),
    "fft": lambda x, y, images: tf.math.angle(SIGNAL.fft(tf.complex(x, y))),
    "ifft": lambda x, y, images: tf.math.real(tf.math.conj(SIGNAL.ifft(tf.cast(x, tf.complex64)))),
    "fft2d": lambda x, y, images: tf.math.real(SIGNAL.fft2d(tf.complex(x, y))) / 9.0,
    "ifft2d": lambda x, y, images: tf.math.imag(SIGNAL.ifft2d(tf.complex(x, y))),
    "mfcc": lambda x, y, images: SIGNAL.mfccs_from_log_mel_spectrograms(x),
    "dctcut": lambda x, y, images: SIGNAL.dct(x, 2, n=4) + SIGNAL.dct(y, 2, n=9)[:, :, :4],
    **{f"dct{kind}{norm}": lambda x, y, images, kind=kind, norm=norm: SIGNAL.dct(x, kind, norm=norm)
       + SIGNAL.idct(y, kind, norm=norm) for kind in (1, 2, 3, 4) for norm in (None, "ortho")[:1 if kind == 1 else 2]},
}


@pytest.fixture(scope="module")
def model():
    x, y, images = K.Input((4, 6)), K.Input((4, 6)), K.Input((8, 6, 4))
    return K.Model([x, y, images], [call(x, y, images) for call in CALLS.values()])


@pytest.fixture(scope="module")
def data():
    return [RNG.normal(size=(3, *shape)).astype("float32") for shape in ((4, 6), (4, 6), (8, 6, 4))]


def test_every_call_gives_what_tf_keras_gives(model, data, tmp_path):
    model.save(tmp_path / "calls.h5")
    expected = model.predict(data, verbose=0)
    opened = weightscope.load(tmp_path / "calls.h5")
    assert opened.ledger.closes
    trace = weightscope.replay(opened, data)
    assert not trace.missing, trace.missing
    shapes = opened.output_shape(opened.shapes())
    for name, ours, theirs, shape in zip(CALLS, trace.output, expected, shapes, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), name
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6, err_msg=name)
        assert shape is None or (shape[1:] == theirs.shape[1:] and shape[0] in (None, 3)), name


def test_the_native_format_gives_the_same(model, data, tmp_path):
    kept = [index for index, name in enumerate(CALLS) if name != "dots"]  # which that format cannot keep
    part = K.Model(model.inputs, [model.outputs[index] for index in kept])
    part.save(tmp_path / "calls.keras")
    trace = weightscope.replay(weightscope.load(tmp_path / "calls.keras"), data)
    assert not trace.missing, trace.missing
    for index, ours, theirs in zip(kept, trace.output, part.predict(data, verbose=0), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6, err_msg=list(CALLS)[index])


def test_an_unknown_function_is_named():
    layer = layer_from({"class_name": "TFOpLambda", "config": {"name": "t", "function": "audio.decode_wav"}})
    assert "audio.decode_wav" in layer.refusal()
    with pytest.raises(NotReplayable, match=r"audio\.decode_wav"):
        layer.run((np.ones(3),))
    for function in (None, 3, ["math.add"]):
        assert layer_from({"class_name": "TFOpLambda", "config": {"name": "t", "function": function}}).refusal()
    assert layer_from({"class_name": "TensorFlowOpLayer", "config": {"name": "t", "node_def": "x"}}).refusal()


def test_old_names_are_the_same_functions():
    assert function_of("compat.v1.transpose") is function_of("transpose")
    assert all(function.__doc__.startswith("y = ") for function in FUNCTIONS.values())
