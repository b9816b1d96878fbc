"""Old models as files that Keras 3 loads: its ``predict`` gives what the Keras of their time gave."""

import inspect

import keras
import numpy as np
import pytest
import tf_keras
from keras2_models import CASES, seen
from running import run
from test_old_models import UNTOLD, cases, numbered, unpacked  # noqa: F401  (a fixture)

import weightscope
from weightscope.converting.convert import _take_shapes, convert
from weightscope.converting.rewriting import taken
from weightscope.errors import NothingChecked, Unsupported
from weightscope.layers import catalogue, families

pytestmark = pytest.mark.keras
families.bring_all()
RNG = np.random.default_rng(4)

# What Keras 3 has no word for, said by name; nothing is written then.
INEXPRESSIBLE = {
    "advanced": "ParametricSoftplus", "prelu_shared_tf": "SReLU", "prelu_shared_th": "SReLU", "highway": "Highway",
    "highway_nobias": "Highway", "fun_merge_cos": "Merge", "seq_merge_cos": "Merge", "bn_mode1": "BatchNormalization",
    "bn_mode2": "BatchNormalization", "bn_mode2_img": "BatchNormalization",
}
THEANOS_PADDING = ("pool", "convlstm", "deconv_same")
# Keras 3 itself goes astray: a bias along the width (README), a batch of no known size.
ASTRAY = {"atrous2d_th", "conv2d_dilated_cf", "gru_stateful", "lstm_stateful", "rnn_stateful"}


def opened(unpacked, archive, case):  # noqa: F811
    recorded = np.load(unpacked / archive / f"{case}.npz")
    model = weightscope.load(unpacked / archive / f"{case}.h5", backend="theano" if "theano" in archive else None)
    inputs = numbered(recorded, "in")
    _take_shapes(model, inputs)
    return model, inputs, numbered(recorded, "out")


def predicted(data, inputs, folder):
    (folder / "new.keras").write_bytes(data)
    new = keras.saving.load_model(folder / "new.keras")
    y = new(inputs if len(inputs) > 1 else inputs[0], training=False)
    return [leaf.numpy() for leaf in (y if isinstance(y, (list, tuple)) else [y])]


@pytest.mark.parametrize(("archive", "case"), sorted(
    (archive, case) for archive, case in set(cases()) - UNTOLD if not archive.startswith("keras1_1_")))
def test_keras_3_gives_what_the_old_one_gave(archive, case, unpacked, tmp_path):  # noqa: F811
    model, inputs, expected = opened(unpacked, archive, case)
    if case in INEXPRESSIBLE:
        with pytest.raises(Unsupported, match=INEXPRESSIBLE[case]):
            convert(model)
        return
    try:
        data = convert(model).data
    except Unsupported as error:
        if "theano" in archive and any(word in case for word in THEANOS_PADDING):
            assert "Theano" in str(error) or "output_shape" in str(error)
            return
        if archive.startswith("tf_keras_"):
            assert "knows no keras.ops" in str(error)
            return
        raise
    if case in ASTRAY and (archive, case) != ("keras1_theano", "gru_stateful"):
        return
    for ours, theirs in zip(predicted(data, inputs, tmp_path), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=5e-5 * np.nanmax(np.abs(theirs)))


WORDLESS = {"rff": "RandomFourierFeatures", "rfft": "RandomFourierFeatures", "bnaxes": "several axes",
            "LSTM_tm": "time-major LSTM", "GRU_tm": "time-major GRU", "ups_mitchellcubic": "mitchellcubic",
            "resizing_mitchellcubic": "mitchellcubic"}
UNSAVED = {"integer_lookup_adapted"}  # tf_keras does not save its vocabulary in an .h5
NOTHING_LEFT = {"crop_(2, 3)", "crop_(0, 9)", "crop_(9, 0)"}  # which Keras 3 refuses to build


@pytest.mark.parametrize("name", sorted(CASES.keys() - UNSAVED))
def test_keras_3_gives_what_tf_keras_gives(name, tmp_path):
    old = seen(name)
    (tmp_path / "old.h5").write_bytes(old.files["h5"])
    if name in WORDLESS:
        with pytest.raises(Unsupported, match=WORDLESS[name]):
            convert(weightscope.load(tmp_path / "old.h5"))
        return
    data = convert(weightscope.load(tmp_path / "old.h5")).data
    if name in NOTHING_LEFT:
        with pytest.raises(ValueError, match="should be smaller than the corresponding spatial dimension"):
            predicted(data, [old.given], tmp_path)
        return
    [y] = predicted(data, [old.given], tmp_path)
    if old.y.dtype.kind == "O":
        assert y.astype(str).tolist() == old.y.astype(str).tolist()
    else:
        np.testing.assert_allclose(y, old.y, rtol=2e-4, atol=5e-5 * max(1, np.abs(old.y).max()))


# What their constructors take out of **kwargs.
POPPED = {"LayerNormalization": {"rms_scaling"}, "IntegerLookup": {"vocabulary_size", "has_input_vocabulary"},
          "StringLookup": {"vocabulary_size", "has_input_vocabulary"},
          "TextVectorization": {"vocabulary_size", "has_input_vocabulary"}}


@pytest.mark.parametrize("entry", [
    entry for entry in catalogue.entries() if entry.layer_class and hasattr(keras.layers, entry.name)
    and entry.family != "images_random"  # which share what they ignore
    and entry.name != "Lambda"], ids=lambda entry: entry.name)
def test_no_setting_is_written_that_keras_3_does_not_take(entry):
    names = {*entry.layer_class.settings(), *entry.layer_class.ignored}
    written = set(taken(entry.name, names))
    assert written <= parameters(getattr(keras.layers, entry.name)) | POPPED.get(entry.name, set())


def parameters(found):
    """Return the names of what the constructor of a class takes, its bases' included."""
    names = set()
    for one in found.__mro__:
        given = inspect.signature(one.__init__).parameters if "__init__" in vars(one) else {}
        names |= set(given)
        if given and not any(parameter.kind == parameter.VAR_KEYWORD for parameter in given.values()):
            break
    return names


def test_the_command_verifies_and_writes(unpacked, tmp_path):  # noqa: F811
    old, new = unpacked / "keras1_theano" / "lstm_cpu.h5", tmp_path / "new.keras"
    done = run("convert", old, "-o", new)
    assert done.returncode == 0, done.stderr
    assert "agrees with Keras 3." in done.stdout
    again = run("verify", new)
    assert again.returncode == 0
    weights = tmp_path / "new.weights.h5"
    assert run("convert", old, "-o", weights).returncode == 0
    model = keras.saving.load_model(new)
    model.load_weights(weights)


@pytest.mark.parametrize(("case", "status", "said"), [
    ("highway", 5, "Keras 3 has no Highway"), ("atrous2d_th", 1, "nothing written")])
def test_nothing_is_written_where_it_would_be_wrong(unpacked, tmp_path, case, status, said):  # noqa: F811
    done = run("convert", unpacked / "keras1_theano" / f"{case}.h5", "-o", tmp_path / "new.keras")
    assert done.returncode == status
    assert said in done.stdout + done.stderr
    assert not list(tmp_path.iterdir())


def test_it_wants_an_ending_that_keras_knows(tmp_path):
    assert run("convert", "x.h5", "-o", tmp_path / "new.h5").returncode == 2


@pytest.fixture(scope="module")
def halved(tmp_path_factory):
    """A model with half a Bidirectional frozen, which Keras loads with the halves exchanged; and its input."""
    folder, layers = tmp_path_factory.mktemp("halved"), tf_keras.layers
    model = tf_keras.Sequential([
        tf_keras.Input((3, 4)), layers.Bidirectional(layers.GRU(2, name="gru"), name="both"), layers.Dense(1)])
    model.set_weights([RNG.normal(size=weight.shape).astype("float32") for weight in model.get_weights()])
    model.get_layer("both").forward_layer.trainable = False
    model.save(folder / "half.h5")
    x = RNG.normal(size=(2, 3, 4)).astype("float32")
    np.save(folder / "x.npy", x)
    loaded = tf_keras.models.load_model(folder / "half.h5", compile=False)
    return folder, {"names": model.predict(x, verbose=0), "order": loaded.predict(x, verbose=0)}, x


def test_a_file_that_contradicts_itself_is_not_converted_unasked(halved, tmp_path):
    folder, *_ = halved
    done = run("convert", folder / "half.h5", "-o", tmp_path / "new.keras", "--unverified")
    assert done.returncode == 5
    assert done.stderr.count("\n") == 1
    assert "'both'" in done.stderr
    assert "--bind order" in done.stderr
    assert not list(tmp_path.iterdir())


def test_it_is_recorded_as_keras_loads_it_and_that_is_said(halved, tmp_path):
    folder, wanted, _ = halved
    words = "record", folder / "half.h5", "--input", folder / "x.npy", "-o", tmp_path / "golden.npz"
    done = run(*words, "--bind", "names")
    assert done.returncode == 2
    assert "by order" in done.stderr
    assert not list(tmp_path.iterdir())
    done = run(*words, "--reference", "tf_keras")
    assert done.returncode == 0, done.stderr
    assert "note: " in done.stderr and "bound by order" in done.stderr
    recorded = [array for array in np.load(tmp_path / "golden.npz").values() if array.shape == wanted["order"].shape]
    assert any(np.allclose(array, wanted["order"], atol=1e-6) for array in recorded)


@pytest.mark.parametrize("bind", ["order", "names"])
def test_it_is_converted_as_it_is_told(halved, tmp_path, bind):
    folder, wanted, x = halved
    found = convert(weightscope.load(folder / "half.h5", bind=bind), x)
    assert found.agrees
    assert bool(found.own) == (bind == "order")
    assert bool(found.not_own) == (bind == "names")
    [y] = predicted(found.data, [x], tmp_path)
    np.testing.assert_allclose(y, wanted[bind], rtol=1e-5, atol=1e-6)


def test_what_differs_from_the_old_file_s_own_keras_is_not_written(halved, tmp_path):
    """A replay that is wrong agrees with what is written from it: only the Keras of the old file tells."""
    folder, _, x = halved
    opened = weightscope.load(folder / "half.h5", bind="order")
    halves = opened["both"].parts
    for name, weight in halves["forward_layer"].weights.items():
        other = halves["backward_layer"].weights[name]
        weight.stored, other.stored = other.stored, weight.stored
    found = convert(opened, x)
    assert all(gap.within for gap in found.gaps)
    assert not found.agrees


def test_what_keras_would_load_otherwise_is_written_so_that_it_does_not(tmp_path):
    """A list of axes in an .h5 is -1 to Keras; the product of LoRA is in the kernel of a .keras."""
    entry, dense = keras.Input((3, 4)), keras.layers.Dense(5)
    model = keras.Model(entry, dense(keras.layers.Softmax(axis=[1, 2])(entry)))
    dense.enable_lora(2, lora_alpha=8.0)
    for weight in model.weights:
        weight.assign(np.random.default_rng(0).uniform(-1, 1, weight.shape))
    model.save(tmp_path / "old.h5")
    done = run("convert", tmp_path / "old.h5", "-o", tmp_path / "new.keras")
    assert done.returncode == 0, done.stdout + done.stderr
    x = np.random.default_rng(1).normal(size=(2, 3, 4)).astype("float32")
    theirs = keras.saving.load_model(tmp_path / "new.keras").predict(x, verbose=0)
    np.testing.assert_allclose(theirs, model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)


def test_nan_of_the_input_says_nothing_of_what_is_written(tmp_path):
    """What tf_keras and Keras make of a product and its relu at once gives 0 for NaN, and each by itself NaN."""
    old = tf_keras.Sequential([tf_keras.layers.Input((3,)), tf_keras.layers.Dense(4, activation="relu")])
    old.save(tmp_path / "old.h5")
    x = RNG.normal(size=(4, 3)).astype("float32")
    x[1, 2] = np.nan
    found = convert(weightscope.load(tmp_path / "old.h5"), x)
    assert found.agrees and found.own
    assert [gap.finite for gap in found.gaps] == [12]
    x[:] = np.nan
    with pytest.raises(NothingChecked, match="all that it gives is NaN or infinite, which proves nothing"):
        convert(weightscope.load(tmp_path / "old.h5"), x)
