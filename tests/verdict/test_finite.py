"""NaN and infinities are no agreement: in weights, in outputs, in a record; what the input brings in is told apart."""

import json
import warnings

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import weightscope
from weightscope.cli import main
from weightscope.reference.choosing import Reference
from weightscope.show.verdict import sentence
from weightscope.verdict.gaps import Tolerance

pytestmark = pytest.mark.keras
K, NAN, INF = keras.layers, np.nan, np.inf
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3)).astype("float32")


def saved(folder, *layers, dtype=None):
    """Return the path of a model of layers in a row, for inputs (3,), with weights that are not small."""
    model = keras.Sequential([keras.Input((3,), name="x", dtype=dtype), *layers])
    for weight in model.weights:
        weight.assign(RNG.uniform(0.3, 1, weight.shape))
    model.save(folder / "model.keras")
    return folder / "model.keras"


def altered(path, name, weight, place, value):
    """Save the model anew with one value of a weight changed, by Keras."""
    model = keras.models.load_model(path)
    found = next(one for one in model.get_layer(name).weights if one.name == weight)
    array = found.numpy()
    array[place] = value
    found.assign(array)
    model.save(path)
    return path


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A file with a NaN in a kernel, all of whose outputs are NaN on both sides."""
    path = saved(tmp_path_factory.mktemp("nan"), K.Dense(3, name="d"), K.Dense(1, name="last"))
    return altered(path, "d", "kernel", (1, 2), NAN)


@pytest.mark.parametrize("settings", [{}, {"tolerance": Tolerance(rtol=1e-3)}, {"against": Reference(twin=False)},
                                      {"self_test": True}], ids=["plain", "rtol", "quick", "self-test"])
def test_a_weight_that_is_nan_is_no_agreement(broken, settings):
    found = weightscope.verify(weightscope.load(broken), X, **settings)
    assert (found.verdict, found.exit_code, bool(found)) == ("not finite", 1, False)
    assert sentence(found)[0] == "not finite: d.kernel [1, 2] is NaN; all 4 outputs are NaN"
    assert [row.verdict for row in found.rows] == ["not finite", "not finite"]


def test_it_is_agreement_where_that_is_asked_for(broken):
    assert weightscope.verify(weightscope.load(broken), X, allow_nonfinite=True)
    tried = weightscope.verify(weightscope.load(broken), X, allow_nonfinite=True, self_test=True)
    assert tried.verdict == "unchecked"
    assert tried.untried == [("last", "all that it gives is NaN or infinite")]
    assert "unchecked: the self-test could try nothing on 1 layer call, first at layer 'last'" in sentence(tried)[0]


def test_every_format_says_it(broken, tmp_path):
    np.save(tmp_path / "x.npy", X)
    for layout in ("terminal", "markdown", "json"):
        done = CliRunner().invoke(main, ["verify", str(broken), "--input", str(tmp_path / "x.npy"), "--format", layout])
        assert done.exit_code == 1, done.output
        assert "not finite" in done.stdout and "all 4 outputs are NaN" in " ".join(done.stdout.split())
        assert "Warning" not in done.stderr
    told = json.loads(done.stdout)
    assert (told["verdict"], told["exit_code"], told["allow_nonfinite"]) == ("not finite", 1, False)
    assert told["not_finite"][0] == {"kind": "weight", "name": "d.kernel", "index": [1, 2], "value": "NaN", "nan": 1,
                                     "infinite": 0, "size": 9, "excused": 0, "origin": None,
                                     "swallowed": 0}
    found = weightscope.verify(weightscope.load(broken), X)
    assert "not finite" in str(found) and "d.kernel [1, 2] is NaN" in str(found)
    assert "✗ model.keras is not finite" in found._repr_html_()
    done = CliRunner().invoke(main, ["verify", str(broken), "--allow-nonfinite", "--input", str(tmp_path / "x.npy")])
    assert done.exit_code == 0 and done.stdout.count("not finite: d.kernel [1, 2] is NaN") == 1


def test_a_weight_that_reaches_no_output_is_told_all_the_same(tmp_path):
    path = altered(saved(tmp_path, K.Dense(2, name="d"), K.BatchNormalization(name="b", renorm=False)), "d", "kernel",
                   (slice(None), 0), INF)
    found = weightscope.verify(weightscope.load(path), np.abs(X))
    assert found.verdict == "not finite"
    assert "d.kernel holds 3 infinite numbers, first at [0, 0]; 4 of 8 outputs are infinite" in sentence(found)[0]


def test_numbers_that_give_none_name_the_layer_where_it_begins(tmp_path):
    x = keras.Input((3,), name="x")
    logs = keras.ops.log(x)
    keras.Model(x, K.Dense(2, name="last")(K.Flatten()(logs))).save(tmp_path / "log.keras")
    given = np.abs(X) + 0.5
    given[1, 2] = -1
    found = weightscope.verify(weightscope.load(tmp_path / "log.keras"), given)
    assert (found.verdict, found.exit_code) == ("not finite", 1)
    first, second, *_ = sentence(found)
    assert first == "not finite: 2 of 8 outputs are NaN"
    assert second == "the first NaN or infinity on the way to it comes of numbers at layer 'log'"


def test_what_the_input_brings_in_is_no_fault(tmp_path):
    model, given = weightscope.load(saved(tmp_path, K.Dense(2, name="d"))), X.copy()
    given[1, :2] = NAN
    given[3, 0] = INF
    found = weightscope.verify(model, given)
    assert (found.verdict, found.exit_code) == ("agrees", 0)
    lines = sentence(found)
    assert lines[1] == ("input 'x' holds 2 NaN and 1 infinite number, first at [1, 0]: what comes of them is no fault"
                        " of the model's")
    assert "4 of 8 outputs are NaN or infinite for samples whose input is" in lines
    given[:, 1] = NAN
    found = weightscope.verify(model, given)
    assert (found.verdict, found.exit_code) == ("unchecked", 3)
    assert sentence(found)[0] == "unchecked: all 8 outputs are NaN or infinite, which proves nothing"
    assert weightscope.verify(model, given, allow_nonfinite=True)


def test_nan_that_keras_swallows_is_no_divergence(tmp_path):
    """A product and its relu in one operation of TensorFlow's give 0 for NaN; each by itself gives NaN."""
    path = saved(tmp_path, K.Dense(4, activation="relu", name="d"), K.Dense(2, name="last"))
    given = X.copy()
    given[1, 2] = NAN
    theirs = keras.models.load_model(path).predict(given, verbose=0)
    assert np.isfinite(theirs).all()
    found = weightscope.verify(weightscope.load(path), given)
    assert (found.verdict, [one.swallowed for one in found.not_finite]) == ("agrees", [0, 2])
    assert not [line for line in sentence(found) if "chaotic" in line]
    assert ("Keras' predict gives numbers for 2 outputs that its layers, run one by one, make NaN or infinite: what"
            " computes several at once may take NaN for 0") in sentence(found)
    assert weightscope.verify(weightscope.load(path), given * NAN).verdict == "unchecked"
    altered(path, "d", "kernel", (1, 2), NAN)
    for settings in ({}, {"tolerance": Tolerance(rtol=1e-3)}):
        found = weightscope.verify(weightscope.load(path), X, **settings)
        assert sentence(found)[0] == "not finite: d.kernel [1, 2] is NaN; all 8 outputs are NaN"
    assert weightscope.verify(weightscope.load(path), X, allow_nonfinite=True)


def test_a_sample_of_numbers_is_not_excused_by_another(tmp_path):
    path = altered(saved(tmp_path, K.Dense(2, name="d"), K.Dense(1, name="last")), "last", "bias", 0, NAN)
    given = X.copy()
    given[0] = NAN
    found = weightscope.verify(weightscope.load(path), given)
    assert found.verdict == "not finite"
    assert [row.verdict for row in found.rows] == ["agrees", "not finite"]
    outputs = [one for one in found.not_finite if one.kind == "output"]
    assert [(one.nan, one.excused) for one in outputs] == [(3, 1)]


def test_a_branch_of_nothing_but_nan_proves_nothing_of_its_layers(tmp_path):
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    swallowed = keras.ops.nan_to_num(K.Dense(2, name="lost")(b))
    keras.Model([a, b], K.Add(name="sum")([K.Dense(2, name="seen")(a), swallowed])).save(tmp_path / "branch.keras")
    found = weightscope.verify(weightscope.load(tmp_path / "branch.keras"), {"a": X, "b": np.full_like(X, NAN)})
    assert (found.verdict, found.exit_code) == ("unchecked", 3)
    assert {row.path: row.verdict for row in found.rows}["lost"] == "not finite"
    assert "first 'lost' (Dense), which proves nothing" in sentence(found)[0]


def test_infinities_that_a_softmax_swallows_are_as_good_as_any_number(tmp_path):
    x = keras.Input((3,), name="x")
    scores = keras.ops.where(x > 0, x, -np.inf)
    keras.Model(x, K.Softmax(name="shares")(scores)).save(tmp_path / "masked.keras")
    given = X.copy()
    given[:, 0] = np.abs(given[:, 0])
    assert weightscope.verify(weightscope.load(tmp_path / "masked.keras"), given, self_test=True)


def test_an_overflow_of_the_output_is_told_as_one(tmp_path):
    path = saved(tmp_path, K.Dense(2, name="large", dtype="mixed_float16"))
    path = altered(path, "large", "kernel", (slice(None), 1), 3e4)
    found = weightscope.verify(weightscope.load(path), np.full((4, 3), 100, "float32"))
    assert (found.verdict, found.exit_code) == ("not finite", 1)
    lines = sentence(found)
    assert lines[0] == "not finite: 4 of 8 outputs are infinite"
    assert "overflow: 4 values finite in float64 are not in float16, first at layer 'large'" in lines
    assert weightscope.verify(weightscope.load(path), np.full((4, 3), 100, "float32"), allow_nonfinite=True)


def test_nobody_is_warned_of_numbers_that_are_too_large(tmp_path):
    x = keras.Input((3,), name="x")
    outputs = [K.Dense(2, "softplus", dtype="mixed_float16")(x), K.Dense(2, "softmax")(x), keras.ops.exp(x),
               K.LayerNormalization(dtype="mixed_float16")(x), keras.ops.divide(x, keras.ops.zeros_like(x))]
    keras.Model(x, outputs).save(tmp_path / "large.keras")
    model, given = weightscope.load(tmp_path / "large.keras"), X.astype("float64")
    given[0], given[1, 0], given[2, 0] = 1e38, INF, 1e300
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        weightscope.predict(model, given)
        assert not weightscope.verify(model, given, self_test=True)


def test_nan_in_a_record_is_a_divergence_and_no_overflow(tmp_path):
    model = weightscope.load(saved(tmp_path, K.Dense(2, name="d"), K.Dense(1, name="last")))
    trace = weightscope.replay(model, X)
    wrong = trace["d"].copy()
    wrong[2, 1] = NAN
    np.savez(tmp_path / "port.npz", x=X, d=wrong, last=trace["last"])
    for allow in (False, True):
        found = weightscope.verify(model, None, against=tmp_path / "port.npz", allow_nonfinite=allow)
        assert (found.verdict, found.exit_code, found.first.path) == ("diverges", 1, "d")
        lines = sentence(found)
        assert "Keras NaN" not in lines[1] and "the record NaN" in lines[1] and "apart" not in lines[1]
        assert not [line for line in lines if "overflow" in line]


def test_a_self_test_tries_text_flags_and_constants_too(tmp_path):
    text, flags = keras.Input((1,), dtype="string", name="text"), keras.Input((3,), dtype="bool", name="flags")
    outputs = [K.StringLookup(vocabulary=["a", "b"], name="lookup")(text), keras.ops.logical_not(flags),
               keras.ops.zeros_like(flags, dtype="float32")]
    keras.Model([text, flags], outputs).save(tmp_path / "kinds.keras")
    found = weightscope.verify(weightscope.load(tmp_path / "kinds.keras"), {
        "text": np.array([["a"], ["b"], ["c"]]), "flags": np.array([[True, False, True]] * 3)}, self_test=True)
    assert found and found.untried == []
    made = {trial.class_name: trial.made for trial in found.trials}
    assert made["StringLookup"] and made["LogicalNot"]
    assert not made["ZerosLike"]  # nothing moves it
