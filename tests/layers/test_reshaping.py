"""Reshaping layers against Keras, over grids of their settings."""

import itertools

import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases

from weightscope.errors import Unreadable
from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras

SPACE = {1: (7,), 2: (6, 5), 3: (5, 4, 6)}
PAIRS = {1: [1, (0, 2), (2, 0)], 2: [1, (1, 2), ((0, 2), (1, 0))], 3: [1, (1, 0, 2), ((0, 2), (1, 0), (2, 1))]}
FIRST = {"data_format": "channels_first"}


@cases(
    Case("Flatten", (2, 3, 4)),
    Case("Flatten", (3,)),
    Case("Flatten", (2, 3, 4, 5), FIRST),
    Case("Flatten", (2, 3, 4), FIRST),
    Case("Reshape", (2, 3, 4), {"target_shape": (6, 2)}),
    Case("Reshape", (2, 3, 4), {"target_shape": (2, -1, 3)}),
    Case("Reshape", (2, 3, 4), {"target_shape": (-1,)}),
    Case("Reshape", (2, 4), {"target_shape": (2, 2, 1)}),
    Case("Permute", (2, 3, 4), {"dims": (2, 1)}),
    Case("Permute", (2, 3, 4, 5), {"dims": (3, 1, 2)}),
    Case("RepeatVector", (2, 3), {"n": 4}),
)
def test_reshaping(case, tmp_path):
    ours, theirs = agrees_with_keras(case, tmp_path)
    np.testing.assert_array_equal(ours, theirs)


def borders():
    for rank in (1, 2, 3):
        for pairs in PAIRS[rank]:
            yield Case(f"Cropping{rank}D", (2, *SPACE[rank], 3), {"cropping": pairs})
            yield Case(f"ZeroPadding{rank}D", (2, *SPACE[rank], 3), {"padding": pairs})
        yield Case(f"ZeroPadding{rank}D", (2, 3, *SPACE[rank]), {"padding": pairs, **FIRST})
        if rank > 1:
            yield Case(f"Cropping{rank}D", (2, 3, *SPACE[rank]), {"cropping": pairs, **FIRST})


@cases(*borders())
def test_cropping_and_padding(case, tmp_path):
    ours, theirs = agrees_with_keras(case, tmp_path)
    np.testing.assert_array_equal(ours, theirs)


def enlarged():
    for interpolation, size in itertools.product(
        ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"), (1, 2, (3, 2))
    ):
        yield Case("UpSampling2D", (2, 4, 5, 3), {"size": size, "interpolation": interpolation})
    yield Case("UpSampling2D", (2, 3, 4, 5), {"interpolation": "nearest", **FIRST})
    yield Case("UpSampling2D", (2, 3, 4, 5), {"interpolation": "bilinear", **FIRST})


@cases(
    *enlarged(),
    Case("UpSampling1D", (2, 4, 3), {"size": 3}),
    Case("UpSampling3D", (2, 2, 3, 4, 2), {"size": (2, 1, 3)}),
    Case("UpSampling3D", (2, 2, 3, 4, 2), FIRST),
)
def test_upsampling(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def test_what_cannot_be():
    with pytest.raises(Unreadable, match="expected 2 pairs"):
        layer_from({"class_name": "ZeroPadding2D", "config": {"name": "z", "padding": [1, 2, 3]}})
    for wrong in (-1, [[-1, 0], [0, 0]], ["a", "b"], None, 1.5, {}):
        with pytest.raises(Unreadable):
            layer_from({"class_name": "Cropping2D", "config": {"name": "z", "cropping": wrong}})


def test_by_hand():
    padding = layer_from({"class_name": "ZeroPadding1D", "config": {"name": "z", "padding": [2, 1]}})
    np.testing.assert_array_equal(padding(np.ones((1, 1, 1), "float32")).ravel(), [0, 0, 1, 0])
    config = {"name": "u", "size": [1, 2], "interpolation": "bilinear"}
    bigger = layer_from({"class_name": "UpSampling2D", "config": config})
    np.testing.assert_array_equal(bigger(np.array([[[[0], [4]]]], "float32")).ravel(), [0, 1, 3, 4])
