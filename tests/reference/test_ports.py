"""What a port writes down in a form of its own: flat, channels first, nothing but numbers, under other names."""

from pathlib import Path

import numpy as np
import pytest

import weightscope
from weightscope.errors import Unreadable
from weightscope.reference.recorded import Recorded

MODEL = Path(__file__).parents[2] / "sample_models" / "image_50.keras"


@pytest.fixture(scope="module")
def net():
    """The image classifier, two images, and what it gives for them."""
    model = weightscope.load(MODEL)
    x = np.load(MODEL.with_name("image_50_input.npy"))
    return model, x, weightscope.replay(model, x)


@pytest.fixture
def judged(net, tmp_path):
    """Return a function that writes arrays as a port's record, and returns the Comparison."""
    model, x, _ = net

    def judge(arrays, samples=2, **settings):
        np.savez(tmp_path / "port.npz", **arrays)
        return weightscope.verify(model, x[:samples], against=Recorded(model, tmp_path / "port.npz", **settings))

    return judge


FORMS = {
    "flat for each sample": lambda y: y.reshape(len(y), -1),
    "flat": lambda y: y.reshape(-1),
    "channels first": lambda y: np.moveaxis(y, -1, 1),
    "channels first, flat": lambda y: np.moveaxis(y, -1, 1).reshape(len(y), -1),
    "in doubles": lambda y: y.astype("float64"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_right_port_agrees_in_every_form(net, judged, form):
    result = judged({name: FORMS[form](net[2][name]) for name in ("conv2d", "max_pooling2d", "conv2d_1")})
    assert result, result
    assert len(result.compared) == 3
    said = [note for note in result.notes if "recorded as" in note]
    assert len(said) == (0 if form in ("in doubles", "flat") else 3)
    assert all(("channels first" in note) == ("first" in form) for note in said)


@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_port_diverges_in_every_form(net, judged, form):
    y = net[2]["conv2d_1"].copy()
    y[1, 4, 5, 6] += 0.01
    result = judged({"max_pooling2d": FORMS[form](net[2]["max_pooling2d"]), "conv2d_1": FORMS[form](y)})
    assert result.verdict == "diverges" and result.first.path == "conv2d_1"
    assert result.first.fault.index == (1, 4, 5, 6)


def test_one_sample_without_its_axis(net, judged):
    model, x, _ = net
    y = weightscope.replay(model, x[:1])
    assert judged({"conv2d": y["conv2d"][0], "dense": y["dense"][0]}, samples=1)
    assert judged({"conv2d": np.moveaxis(y["conv2d"][0], -1, 0)}, samples=1)


def test_flattened_channels_first_is_a_cause_and_no_layout(net, judged):
    before = net[2]["max_pooling2d_1"]
    result = judged({"max_pooling2d_1": before, "flatten": np.moveaxis(before, -1, 1).reshape(2, -1)})
    assert result.verdict == "diverges" and result.first.path == "flatten"
    assert "channels first" in " ".join(result.first.causes)


def test_other_counts_are_not_comparable(net, judged):
    result = judged({"conv2d": net[2]["conv2d"][:, 1:], "max_pooling2d": net[2]["max_pooling2d"]})
    assert result.verdict == "unchecked" and result.exit_code == 3
    row = next(row for row in result.rows if row.path == "conv2d")
    assert row.verdict == "not comparable" and "(2, 47, 48, 8)" in row.reason
    assert "cannot be compared, that of layer 'conv2d', recorded as (2, 47, 48, 8)" in " ".join(str(result).split())
    result = judged({"outputs/dense": np.zeros((2, 4), "float32"), "conv2d": net[2]["conv2d"]})
    assert result.verdict == "unchecked" and "(2, 4)" in str(result)
    wrong = judged({"conv2d": net[2]["conv2d"][:, 1:], "max_pooling2d": net[2]["max_pooling2d"] + 1})
    assert wrong.verdict == "diverges" and wrong.first.path == "max_pooling2d"


def test_names_of_the_ports_own(net, judged):
    y = net[2]
    assert judged({"layer0": y["conv2d"], "layer1": y["max_pooling2d"]},
                  names={"layer0": "conv2d", "layer1": "max_pooling2d"})
    calls = [path for path, _ in net[0].calls()]
    assert judged({f"layer{index}": y[path] for index, path in enumerate(calls)}, by_order=True)
    with pytest.raises(Unreadable, match=f"3 arrays, and the model makes {len(calls)} layer calls"):
        judged({f"a{index}": y["conv2d"] for index in range(3)}, by_order=True)
    with pytest.raises(Unreadable, match="holds no 'layer7'; it has layer"):
        judged({"layer0": y["conv2d"]}, names={"layer7": "conv2d"})


def test_a_folder_of_nothing_but_numbers(net, tmp_path):
    model, x, y = net
    folder = tmp_path / "port"
    folder.mkdir()
    (tmp_path / "empty").mkdir()
    for path, _ in model.calls():
        np.moveaxis(y[path], -1, 1).tofile(folder / f"{path}.bin")
    result = weightscope.verify(model, x, against=folder)
    assert result and len(result.compared) == len(list(model.calls())) and len(result.outputs) == 1
    assert all("recorded as" in note for note in result.notes)
    np.save(folder / "dense.npy", y["dense"] + 1)
    (folder / "dense.bin").unlink()
    assert weightscope.verify(model, x, against=folder).first.path == "dense"
    y["dense"].astype("float64").tofile(folder / "dense.bin")
    (folder / "dense.npy").unlink()
    assert weightscope.verify(model, x, against=folder).verdict == "unchecked"  # twice as many floats as there are
    (folder / "dense.bin").write_bytes(b"123")
    with pytest.raises(Unreadable, match="3 bytes are no whole number of float32"):
        weightscope.verify(model, x, against=folder)
    with pytest.raises(Unreadable, match=r"without a \.bin"):
        Recorded(model, tmp_path / "empty")


def test_tables_of_a_port(net, tmp_path):
    model, x, y = net
    for name in ("conv2d", "max_pooling2d"):
        np.savetxt(tmp_path / f"{name}.csv", np.moveaxis(y[name], -1, 1).reshape(2, -1), delimiter=",", fmt="%.9g")
    result = weightscope.verify(model, x, against=tmp_path)
    assert result and len(result.compared) == 2 and all("channels first" in note for note in result.notes)
    np.savetxt(tmp_path / "y.csv", y["dense"], delimiter=",", fmt="%.9g")
    assert weightscope.verify(model, x, against=tmp_path / "y.csv")
    (tmp_path / "y.csv").write_text("0.5,x\n")
    with pytest.raises(Unreadable, match=r"y\.csv: line 1: 'x' is no number") as raised:
        weightscope.verify(model, x, against=tmp_path / "y.csv")
    assert str(raised.value).count("y.csv") == 1


def test_an_output_of_nothing_but_numbers(net, tmp_path):
    model, x, y = net
    y["dense"].astype("float64").tofile(tmp_path / "y.bin")
    assert weightscope.verify(model, x, against=Recorded(model, tmp_path / "y.bin", dtype="float64"))


def test_files_of_a_folder_are_taken_in_the_order_of_their_numbers(net, tmp_path):
    model, x, y = net
    for index, (path, _) in enumerate(model.calls()):
        np.save(tmp_path / f"layer{index + 5}.npy", y[path])
    assert weightscope.verify(model, x, against=Recorded(model, tmp_path, by_order=True))
