"""Classes of the user's own: taught by a file, by a package and in code; and functions in place of Lambda's code."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from agreement import assert_close
from running import run

import weightscope
from weightscope.errors import NotReplayable, Unreadable, Unsafe
from weightscope.model import taught
from weightscope.model.layer import layer_from
from weightscope.model.user_code import run_file
from weightscope.reference.choosing import Reference
from weightscope.verdict.verify import verify

pytestmark = pytest.mark.keras
OWN = Path(__file__).parents[1] / "own_layers"
TEACH = ["--layer-code", str(OWN / "numpy_layers.py")]
CUSTOM = ["--custom-objects", str(OWN / "keras_layers.py")]
own = run_file(OWN / "keras_layers.py")
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def nothing_taught(monkeypatch):
    """Each test teaches for itself, and asks no installed package."""
    monkeypatch.setattr(taught, "_classes", {})
    monkeypatch.setattr(taught, "_functions", {})
    monkeypatch.setattr(taught, "_packages", {"asked": True, "failed": []})


def saved(model, path):
    """Give every weight a value of its own and save the model."""
    for weight in model.weights:
        weight.assign(RNG.uniform(0.2, 1, weight.shape))
    model.save(path)
    return str(path)


def transformer(**settings):
    """A model of two blocks: one masked by an Embedding, one that is handed masks."""
    tokens, keep = keras.Input((6,), dtype="int32", name="tokens"), keras.Input((6,), name="keep")
    x = keras.layers.Embedding(9, 8, mask_zero=True)(tokens)
    x = own.TransformerBlock(2, 12, name="implicit", **settings)(x)
    causal = keras.ops.convert_to_tensor(np.tril(np.ones((1, 6, 6), "bool")))
    x = own.TransformerBlock(4, 5, name="explicit", **settings)(x, padding_mask=keep, attention_mask=causal)
    return keras.Model([tokens, keep], keras.layers.GlobalAveragePooling1D()(x))


TOKENS = [np.array([[3, 1, 4, 1, 5, 0], [2, 7, 0, 0, 0, 0]], "int32"),
          np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 1, 1]], "float32")]


@pytest.mark.parametrize("kind", ["keras", "h5"])
@pytest.mark.parametrize("settings", [{}, {"normalize_first": True, "activation": "gelu"}, {"dtype": "float64"}],
                         ids=str)
def test_a_transformer_block_agrees_with_keras(tmp_path, settings, kind):
    model = transformer(**settings)
    path = saved(model, tmp_path / f"model.{kind}")
    run_file(OWN / "numpy_layers.py")
    opened = weightscope.load(path)
    assert opened.ledger.closes and not opened.ledger.unclaimed and not opened.ledger.problems
    assert opened.count_params() == model.count_params()
    trace = weightscope.replay(opened, TOKENS)
    assert not trace.missing
    assert_close(trace.output, model.predict(TOKENS, verbose=0))
    other = [TOKENS[0], np.ones_like(TOKENS[1])]
    assert not np.allclose(weightscope.replay(opened, other).output, trace.output)  # the padding mask is heard


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_lists_of_parts_and_weights_that_do_not_train(tmp_path, kind):
    x = keras.Input((3, 4))
    model = keras.Model(x, own.Stack(2, 5)(x))
    path = saved(model, tmp_path / f"model.{kind}")
    run_file(OWN / "numpy_layers.py")
    opened = weightscope.load(path)
    stack = opened.layers[1]
    assert opened.ledger.closes and not opened.ledger.unclaimed and not opened.ledger.problems
    assert [w.name for w in stack.all_weights()] == [w.name for w in model.layers[1].weights]
    assert {"blocks/transformer_block", "blocks/transformer_block_1", "heads/container/dense",
            "heads/container/dense_1", "heads/container_1/dense"} == set(stack.parts)
    data = RNG.normal(size=(2, 3, 4)).astype("float32")
    assert_close(list(weightscope.replay(opened, data).output), model.predict(data, verbose=0))
    assert opened.shapes()[stack.name] == [(None, 3, 5), (None, 5)]


def test_verify_on_the_command_line(tmp_path):
    path = saved(transformer(), tmp_path / "model.keras")
    done = run("verify", path, "--samples", "2", *TEACH, *CUSTOM, "--format", "json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert {"implicit", "explicit"} <= {row["path"] for row in rows}
    assert {row["verdict"] for row in rows} == {"agrees"}
    done = run("verify", path, *TEACH)
    assert done.returncode == 5 and "--custom-objects FILE" in done.stderr
    done = run("verify", path, *CUSTOM, "--format", "json")
    assert done.returncode == 3
    assert "--layer-code" in {row["path"]: row["reason"] for row in json.loads(done.stdout)["rows"]}["implicit"]


def test_inspect_and_predict_on_the_command_line(tmp_path):
    path = saved(transformer(), tmp_path / "model.keras")
    unknown = run("inspect", path)
    assert unknown.returncode == 0 and "not replayed: class TransformerBlock of module" in unknown.stdout
    done = run("inspect", path, *TEACH)
    assert done.returncode == 0 and "not replayed" not in done.stdout
    assert "kernel (8, 2, 4) = 8 in × 2 num_heads × 4 key_dim" in done.stdout
    for name, array in zip(("tokens", "keep"), TOKENS):
        np.save(tmp_path / f"{name}.npy", array)
    inputs = [f"--input={name}={tmp_path / name}.npy" for name in ("tokens", "keep")]
    assert run("predict", path, *inputs, *TEACH).returncode == 0


def test_a_class_of_the_users_has_its_page(tmp_path):
    done = run("layers", *TEACH)
    assert re.search(r"^numpy_layers  3 classes\n +yours +TransformerBlock, Stack, own>Dense$", done.stdout, re.M)
    done = run("layers", "Stack", *TEACH)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^  shift +\(units\) +non-trainable$", done.stdout, re.M)
    assert re.search(r"^  heads/container_1/dense +Dense$", done.stdout, re.M)
    (tmp_path / "own.py").write_text("import weightscope\n\n\n@weightscope.keras_layer\nclass Odd(weightscope.Layer):\n"
                                     "    table: dict\n")
    for layout, said in (("terminal", "could not be built: Unreadable"), ("json", '"problem": "Unreadable')):
        done = run("layers", "odd", "--layers", str(tmp_path / "own.py"), "--format", layout)
        assert done.returncode == 0 and said in done.stdout.replace("\n    ", " ")


def test_a_class_never_takes_the_place_of_keras_own(tmp_path):
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(2)(own.Dense()(x)))
    path = saved(model, tmp_path / "model.keras")

    @weightscope.keras_layer
    class Dense(weightscope.Layer):
        formula = "y = 2 x"

        def forward(self, x):
            return x * 2

    data = RNG.normal(size=(3, 4)).astype("float32")
    for _ in range(2):
        assert_close(weightscope.predict(weightscope.load(path), data), model.predict(data, verbose=0))
        taught._classes.clear()
        run_file(OWN / "numpy_layers.py")  # there by registered name


def test_a_subclass_of_a_functional_model(tmp_path):
    class Net(keras.Model):
        pass

    x = keras.Input((4,))
    model = Net(x, keras.layers.Dense(2, name="out")(x))
    path = saved(model, tmp_path / "model.keras")
    assert weightscope.load(path).class_name == "Net"
    assert weightscope.load(path).refusal()

    @weightscope.keras_layer
    class Net(weightscope.Functional):
        pass

    opened = weightscope.load(path)
    data = RNG.normal(size=(3, 4)).astype("float32")
    assert opened.ledger.closes and not opened.ledger.unclaimed
    assert_close(weightscope.predict(opened, data), model.predict(data, verbose=0))


def test_a_layer_class_does_not_stand_for_a_whole_model(tmp_path):
    class Whole(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return self.dense(x)

        def get_config(self):
            return {"name": self.name}

    model = Whole()
    model(np.zeros((1, 3)))
    model.save(tmp_path / "model.keras")

    @weightscope.keras_layer
    class Whole(weightscope.Layer):
        pass

    opened = weightscope.load(tmp_path / "model.keras")
    assert "which inputs" in opened.refusal()
    assert opened.ledger.closes and opened.count_params() == 8


@pytest.mark.parametrize(("text", "said"), [
    ("import weightscope\n1 / 0\n", "own.py: ZeroDivisionError: division by zero (own.py:2)"),
    ("import weightscope\ndef\n", "own.py: SyntaxError: "),
    ("import sys\nsys.exit()\n", "own.py: SystemExit:  (own.py:2)"),
    ("x = 1\n", "teaches nothing"),
    (None, "does not exist"),
])
def test_what_is_wrong_in_a_file_is_one_line(tmp_path, text, said):
    if text is not None:
        (tmp_path / "own.py").write_text(text)
    for command in (["inspect", "x.h5"], ["predict", "x.h5", "--input", "y"], ["verify", "x.h5"], ["layers"]):
        done = run(*command, "--layer-code", str(tmp_path / "own.py"))
        assert done.returncode == 2
        assert said in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(("body", "error", "said"), [
    ("def weight_specs(self):\n        return missing", Unreadable, "NameError: .*missing.*own.py:8"),
    ("def sub_layers(self):\n        return {'a': 1}", Unreadable, "sub_layers gives int"),
    ("def forward(self, x):\n        raise RuntimeError('no')", NotReplayable, "RuntimeError: no .own.py:8"),
    ("def forward(self, x):\n        return x[:, :1]", NotReplayable,
     r"its shape says \(2, 3\), its forward gave \(2, 1\)"),
    ("units: int", Unreadable, "'units' is missing"),
    ("def sub_layers(self):\n        return {'a': self.sub_layer('Dence')}", NotReplayable, "class Dence is not known"),
])
def test_what_is_wrong_in_a_class_names_it_and_its_line(tmp_path, body, error, said):
    head = "import weightscope\n\n\n@weightscope.keras_layer\nclass Mine(weightscope.Layer):\n    formula = 'y = x'\n"
    (tmp_path / "own.py").write_text(f"{head}    {body}\n")
    run_file(tmp_path / "own.py")
    with pytest.raises(error, match=said):
        layer_from({"class_name": "Mine", "module": "my", "config": {"name": "m"}})(np.ones((2, 3), "float32"))


def test_a_package_teaches_when_an_unknown_class_is_met(tmp_path):
    (tmp_path / "plugin.py").write_text((OWN / "numpy_layers.py").read_text())
    for name, module in (("plugin", "plugin"), ("broken", "nowhere_to_be_found")):
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[weightscope.layers]\n{name} = {module}\n")
    path = saved(transformer(), tmp_path / "model.keras")
    done = run("inspect", path, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0 and "not replayed" not in done.stdout
    keras.Sequential([keras.Input((2,)), own.Dense()]).save(tmp_path / "other.keras")
    (tmp_path / "plugin.py").write_text("")
    done = run("inspect", str(tmp_path / "other.keras"), env={"PYTHONPATH": str(tmp_path), "COLUMNS": "500"})
    assert "the layers of nowhere_to_be_found cannot be imported: ModuleNotFoundError" in done.stdout


def test_lambda_is_shown_and_not_run(tmp_path):
    x = keras.Input((3,))
    y = keras.layers.Lambda(lambda x, factor: x * factor, output_shape=(3,), arguments={"factor": 4}, name="code")(x)
    y = keras.layers.Lambda(own.doubled, arguments={"offset": 1.5}, name="doubled")(y)
    model = keras.Model(x, y)
    model.save(tmp_path / "model.keras")
    opened = weightscope.load(tmp_path / "model.keras")
    code, doubled = opened.layers[1:]
    assert code.written_formula().splitlines() == [
        "y = lambda(x, factor=4)", "function = Python code in the file, never run", "output_shape = (3,)"]
    assert doubled.written_formula().startswith("y = doubled(x, offset=1.5)\nfunction = a name")
    trace = weightscope.replay(opened, np.ones((2, 3), "float32"))
    assert "@weightscope.keras_lambda('code')" in trace.missing["code"]
    with pytest.raises(Unsafe, match="'code' holds Python code"):
        verify(opened, np.ones((2, 3)), against=Reference("keras", (OWN / "keras_layers.py",)))
    run_file(OWN / "numpy_layers.py")
    weightscope.keras_lambda("code")(lambda x, factor: x * factor)
    data = RNG.normal(size=(2, 3)).astype("float32")
    assert_close(weightscope.predict(opened, data), model.predict(data, verbose=0))
    weightscope.keras_lambda("code")(lambda x, factor: x.missing)
    with pytest.raises(NotReplayable, match="your function <lambda>: AttributeError"):
        weightscope.predict(opened, data)


def test_lambda_with_a_named_function_is_verified(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(
        own.doubled, arguments={"offset": 1.5}, name="doubled")])
    model.save(tmp_path / "model.keras")
    done = run("verify", str(tmp_path / "model.keras"), *TEACH, *CUSTOM)
    assert done.returncode == 0, done.stderr + done.stdout
    (tmp_path / "wrong.py").write_text("import nowhere")
    done = run("verify", str(tmp_path / "model.keras"), *TEACH, "--custom-objects", str(tmp_path / "wrong.py"))
    assert done.returncode == 2 and "wrong.py: ModuleNotFoundError" in done.stderr


def test_the_example_of_the_page(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "layers.md").read_text()
    section = page.partition("\n## Teach it your layer\n")[2].partition("\n## ")[0]
    (tmp_path / "my_keras_layers.py").write_text(re.search(r"```py\n(.*?)```", section, re.DOTALL)[1])
    (tmp_path / "my_layers.py").write_text(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1])
    theirs = run_file(tmp_path / "my_keras_layers.py")
    x = keras.Input((4,))
    saved(keras.Model(x, keras.layers.Dense(1)(theirs.ScaledResidual(4)(x))), tmp_path / "model.keras")
    words = re.search(r"^weightscope (verify .*)$", section, re.MULTILINE)[1].split()
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
