"""The JSON document: strict, and what its schema promises."""

import io
import json
import math

import numpy as np
import pytest

from weightscope.opening.load import load
from weightscope.show import json as report
from weightscope.show.overview import Overview
from weightscope.version import __version__


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def document(path, **options):
    file = io.StringIO()
    report.model(Overview(load(path), **options), file)
    assert file.getvalue().isascii() and file.getvalue().replace("\n", "").isprintable()
    return strict(file.getvalue())


def test_a_model(shown):
    found = document(shown["gates.h5"].path, with_statistics=True)
    model = shown["gates.h5"].keras
    assert (found["schema"], found["report"], found["weightscope"]) == (2, "inspect", __version__)
    assert found["model"]["inputs"][0]["shape"] == [None, 5, 3]
    assert found["parameters"]["total"] == model.count_params()
    assert found["ledger"] == {"total": 12, "claimed": 12, "optimizer_state": 0, "random_state": 0, "unclaimed": [],
                               "problems": [], "closes": True}
    by_name = {layer["name"]: layer for layer in found["layers"]}
    for layer in model.layers:
        assert by_name[layer.name]["class_name"] == type(layer).__name__
        assert by_name[layer.name]["parameters"] == layer.count_params()
        assert by_name[layer.name]["shape"] == list(layer.output.shape)
    lstm = by_name["memory"]["weights"]
    assert lstm[0]["axes"] == [{"name": "in", "size": 3, "blocks": []},
                               {"name": "units", "size": 16, "blocks": ["i", "f", "c", "o"]}]
    for ours, theirs in zip(lstm, model.layers[0].weights):
        assert ours["name"] == theirs.name
        assert ours["shape"] == list(theirs.shape)
        assert ours["statistics"]["max"] == float(np.max(theirs.numpy()))
    parts = by_name["both_ways"]["parts"]
    assert [part["attribute"] for part in parts] == ["forward_layer", "backward_layer"]


def test_calls_of_a_shared_layer(shown):
    found = document(shown["shared.keras"].path)
    twin = next(layer for layer in found["layers"] if layer["name"] == "twin")
    assert twin["calls"] == [{"path": "twin", "on": ["left"], "shape": [None, 3]},
                             {"path": "twin#2", "on": ["right"], "shape": [None, 3]}]
    inner = next(layer for layer in found["layers"] if layer["name"] == "inner")
    core = next(part for part in inner["parts"] if part["name"] == "core")
    assert not inner["trainable"] and not core["trainable"]
    assert core["path"] == "inner/core"
    assert [weight["trainable"] for weight in core["weights"]] == [False, False]


def test_values_are_exact(shown):
    found = document(shown["gates.keras"].path, with_values=True)
    kernel = shown["gates.keras"].keras.layers[0].weights[0].numpy()
    assert np.array_equal(np.array(found["layers"][1]["weights"][0]["values"], "float32"), kernel)


def test_names_stay_what_they_are(shown):
    from shown_models import HOSTILE

    assert document(shown["hostile.h5"].path)["layers"][1]["name"] == HOSTILE


@pytest.mark.parametrize(("value", "text"), [(float("nan"), "NaN"), (float("inf"), "Infinity"),
                                             (-float("inf"), "-Infinity"), (1.5, 1.5), (None, None), (True, True),
                                             (1 + 2j, "1+2j"), (complex(math.nan, 0), "nan+0j")])
def test_numbers_that_json_lacks_are_words(value, text):
    assert report.plain({"a": [value]}) == {"a": [text]}
    strict(json.dumps(report.plain({"a": [value]})))
