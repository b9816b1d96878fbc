"""LoRA and quantized layers against Keras, in the formats that Keras can write them to."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras, assert_close, cases
from together import built_alone

import weightscope
from weightscope.kernels.quantizing import halves
from weightscope.kernels.short_floats import to_float8
from weightscope.model.layer import layer_from
from weightscope.opening.load import load
from weightscope.replaying.replay import replay
from weightscope.verdict.verify import verify

pytestmark = pytest.mark.keras

INTEGERS = np.array([[0, 3, 1], [6, 5, 2]], "int32")
DENSE = Case("Dense", (4, 6), {"units": 5, "activation": "relu"})
EINSUM = Case("EinsumDense", (2, 4, 6), {"equation": "abc,cde->abde", "output_shape": (None, 3, 5), "bias_axes": "de"})
TABLE = Case("Embedding", INTEGERS, {"input_dim": 7, "output_dim": 5})


def _there_and_back(layer, x):
    return layer(layer(x), reverse=True)


KERNELS = (
    DENSE,
    Case("Dense", (2, 3, 7), {"units": 4, "use_bias": False}),
    EINSUM,
    Case("EinsumDense", (2, 4, 3, 6), {"equation": "abxz,xzy->aby", "output_shape": (4, 5), "bias_axes": "y"}),
    Case("EinsumDense", (2, 4, 6), {"equation": "abc,bde->acde", "output_shape": (6, 2, 3)}),
)
TABLES = (
    TABLE,
    Case("Embedding", INTEGERS, {"input_dim": 7, "output_dim": 4, "mask_zero": True}),
    Case("ReversibleEmbedding", INTEGERS, {"input_dim": 7, "output_dim": 5}, call=_there_and_back),
    Case("ReversibleEmbedding", INTEGERS, {"input_dim": 7, "output_dim": 6, "tie_weights": False,
                                           "logit_soft_cap": 2.0}, call=_there_and_back),
)


def with_lora(layer, rank=2, alpha=3):
    layer.enable_lora(rank, lora_alpha=alpha)
    rng = np.random.default_rng(5)
    for weight in layer.weights:
        if "lora" in weight.name:
            weight.assign(rng.uniform(-0.8, 0.8, weight.shape))


def quantized(mode, **how):
    kinds = {"int8": keras.quantizers.Int8QuantizationConfig, "int4": keras.quantizers.Int4QuantizationConfig,
             "float8": keras.quantizers.Float8QuantizationConfig}
    return lambda layer: layer.quantize(mode, config=kinds[mode](**how) if how else None)


def changed(change, *found, **others):
    """Return Cases anew with layers that are changed once they are built."""
    return [replace(case, change=change, **others) for case in found]


@cases(*changed(
    with_lora,
    *KERNELS[:4],
    *TABLES[:3],
    Case("EinsumDense", (3, 6), {"equation": "...x,xy->...y", "output_shape": 4}),
    Case("Conv1D", (2, 9, 3), {"filters": 4, "kernel_size": 3, "padding": "causal"}),
    Case("Conv2D", (2, 6, 7, 4), {"filters": 6, "kernel_size": (2, 3), "groups": 2, "activation": "relu"}),
    Case("Conv3D", (2, 4, 4, 4, 2), {"filters": 3, "kernel_size": 2, "use_bias": False}),
))
def test_lora(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@cases(
    *changed(quantized("int8"), *KERNELS, *TABLES),
    *(case for how in ({}, {"block_size": -1}, {"block_size": 2})
      for case in changed(quantized("int4", **how), *KERNELS[:4], *TABLES)),
)
def test_whole_numbers(case, tmp_path):
    agrees_with_keras(case, tmp_path)


COARSE = keras.quantizers.AbsMaxQuantizer(value_range=(-31, 31), epsilon=1e-3)


@cases(
    *changed(quantized("int8", weight_quantizer=keras.quantizers.AbsMaxQuantizer(axis=0)), DENSE, EINSUM),
    *changed(quantized("int8", activation_quantizer=COARSE), DENSE, EINSUM),
    *changed(quantized("int4", activation_quantizer=COARSE, block_size=-1), DENSE, EINSUM),
)
def test_quantizers_of_inputs_of_ones_own(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@pytest.mark.parametrize("mode", ["int8", "int4"])
@cases(DENSE, EINSUM, TABLE)
def test_lora_of_quantized_layers(mode, case, tmp_path):
    def change(layer):
        quantized(mode)(layer)
        with_lora(layer)
    model, branch = built_alone(replace(case, change=change))
    model.save(tmp_path / "model.h5")
    opened = load(tmp_path / "model.h5")
    assert_close(replay(opened, branch.x[0]).output[0], model.predict(branch.x, verbose=0)[0])
    model.save(tmp_path / "model.keras")  # merges, and quantizes once more
    opened = load(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert opened.count_params() == again.count_params()
    assert_close(replay(opened, branch.x[0]).output[0], again.predict(branch.x, verbose=0)[0])


def in_float8(layer):
    layer.quantize("float8")
    layer.inputs_scale.assign(0.01)
    layer.kernel_scale.assign(0.3)


@cases(*changed(in_float8, DENSE, EINSUM))
def test_float8(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@cases(*(case for mode in ("int8", "int4", "float8")
         for case in changed(quantized(mode), DENSE, EINSUM, policy="mixed_bfloat16", formats=("keras",))))
def test_quantized_mixed_precision(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_verify_holds_a_deep_quantized_model(mode, tmp_path):
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((20,)), *(keras.layers.Dense(24, activation="tanh") for _ in range(6)),
                              keras.layers.Dense(3, activation="softmax")])
    model.quantize(mode)
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(1).normal(size=(50, 20)).astype("float32")
    found = verify(weightscope.load(tmp_path / "model.keras"), x)
    assert found, found
    assert found.outputs[0].values == 150


def test_every_layer_of_a_model_that_keras_quantized(tmp_path):
    model = keras.Sequential([keras.Input((3,), dtype="int32"), keras.layers.Embedding(7, 6), keras.layers.LSTM(5),
                              keras.layers.Dense(4)])
    model.quantize("int8")
    model.save(tmp_path / "model.keras")
    opened = load(tmp_path / "model.keras")
    assert [layer.policy for layer in opened.layers] == ["int8_from_float32", "float32", "int8_from_float32"]
    assert_close(replay(opened, INTEGERS).output, model.predict(INTEGERS, verbose=0))


def test_what_is_not_replayed_says_so():
    def refusal(**config):
        return layer_from({"class_name": "Dense", "config": {"name": "d", "units": 2, **config}}).refusal()

    def policy(mode):
        return {"class_name": "GPTQDTypePolicy", "config": {"mode": mode, "source_name": "float32"}}
    own = {"class_name": "Mine", "config": {"output_dtype": "int8"}}
    assert "quantization 'gptq/4/128' of a Dense" in refusal(dtype=policy("gptq/4/128"))
    assert "Mine" in refusal(dtype="int8_from_float32", quantization_config={"config": {"activation_quantizer": own}})
    conv = {"class_name": "Conv2D", "config": {"name": "c", "filters": 1, "kernel_size": 1,
                                               "dtype": "int8_from_float32"}}
    assert "of a Conv2D" in layer_from(conv).refusal()


def test_by_hand():
    # 0x5F holds 15, which is -1, in its low half and 5 in the high one; 0x80 holds 0 and -8.
    np.testing.assert_array_equal(halves(np.array([[0x5F, -128]], "int8"), 3), [[-1, 5, 0]])
    # float8_e4m3fn has 16 and 18 around 17, which goes to the even fraction; and steps of 2⁻⁹ near 0.
    np.testing.assert_array_equal(to_float8(np.array([17, 19, 448, 0.003], "float32")),
                                  np.array([16, 20, 448, 2 * 2**-9], "float32"))


def _attending(kind, settings, mode=None):
    x = keras.Input((4, 6))
    model = keras.Model(x, kind(**settings)(x, x))
    rng = np.random.default_rng(3)
    for weight in model.weights:
        weight.assign(rng.uniform(-0.8, 0.8, weight.shape))
    if mode:
        model.quantize(mode)
    for weight in model.weights:
        if mode == "float8" and weight.name in ("inputs_scale", "kernel_scale"):
            weight.assign(0.01)
    return model, rng.normal(size=(3, 4, 6)).astype("float32")


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
@pytest.mark.parametrize(("kind", "settings"), [
    (keras.layers.MultiHeadAttention, {"num_heads": 2, "key_dim": 3, "value_dim": 5}),
    (keras.layers.MultiHeadAttention, {"num_heads": 1, "key_dim": 4, "use_bias": False, "output_shape": (3, 2)}),
    (keras.layers.GroupQueryAttention, {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2})])
def test_attention_is_quantized_without_a_word_in_its_config(kind, settings, mode, tmp_path):
    """No Keras loads these files: what is replayed is held against the model that was saved."""
    model, x = _attending(kind, settings, mode)
    theirs = model.predict(x, verbose=0)
    for ending in ("keras", "h5"):
        path = tmp_path / f"model.{ending}"
        model.save(path)
        opened = load(path)
        assert opened.ledger.closes and not opened.ledger.unclaimed and not opened.ledger.problems, opened.ledger
        assert opened.count_params() == model.count_params()
        assert_close(replay(opened, x).output, theirs, 1e-5)


@pytest.mark.parametrize(("ending", "query"), [("keras", "float64"), ("h5", "int8_from_float32")])
def test_a_map_of_policies_says_of_each_dense_layer_how_it_computes(tmp_path, ending, query):
    policies = keras.dtype_policies.DTypePolicyMap(default_policy="float32")
    policies["heads/query"] = keras.dtype_policies.get(query)
    policies["heads/value"] = keras.DTypePolicy("mixed_bfloat16")
    x = keras.Input((4, 6))
    model = keras.Model(x, keras.layers.MultiHeadAttention(2, 3, dtype=policies, name="heads")(x, x))
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.dtype == "int8":
            weight.assign(rng.integers(-127, 128, weight.shape))
        else:
            weight.assign(np.full(weight.shape, 90.0) if "scale" in weight.name else rng.uniform(-1, 1, weight.shape))
    model.save(tmp_path / f"model.{ending}")
    opened, given = load(tmp_path / f"model.{ending}"), rng.normal(size=(3, 4, 6)).astype("float32")
    assert opened.ledger.closes and not opened.ledger.unclaimed and not opened.ledger.problems, opened.ledger
    assert [part.policy for part in opened["heads"].parts.values()] == [query, "float32", "mixed_bfloat16", "float32"]
    assert_close(replay(opened, given).output, model.predict(given, verbose=0), 1e-2)


def test_a_file_says_that_saving_rounded_what_lora_adds(tmp_path):
    model, branch = built_alone(DENSE)
    branch.layer.quantize("int8")
    with_lora(branch.layer)
    model.save(tmp_path / "model.keras")
    opened = load(tmp_path / "model.keras")
    [note] = opened.notes
    assert "LoRA was added to its int8 weights and the sum rounded anew" in note
    loaded = keras.models.load_model(tmp_path / "model.keras").predict(branch.x, verbose=0)[0]
    assert_close(replay(opened, branch.x).output[0], loaded)
    assert np.abs(loaded - model.predict(branch.x, verbose=0)[0]).max() > 1e-4
    model.save(tmp_path / "model.h5")
    assert not load(tmp_path / "model.h5").notes
