"""Image layers against Keras at inference: sizes, contrast, and the augmentations, which pass."""

import itertools

import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases
from side_by_side import agree_side_by_side

from weightscope.errors import NotReplayable
from weightscope.layers import images_random
from weightscope.model.layer import layer_from
from weightscope.opening.load import load
from weightscope.replaying.replay import replay

pytestmark = pytest.mark.keras

IMAGES = (np.random.default_rng(0).random((2, 7, 10, 3)) * 255).astype("float32")
LARGE = (np.random.default_rng(1).random((2, 20, 33, 3)) * 255).astype("float32")
BYTES = IMAGES.astype("uint8")
FIRST = {"data_format": "channels_first"}
CLAHE = "ContrastLimitedAdaptiveHistogramEqualization"
FACTOR = {"factor": 0.3}
AUGMENTATIONS = {
    "AugMix": {}, "CutMix": {}, "MixUp": {"alpha": 0.3}, "RandAugment": {"num_ops": 3}, "RandomBrightness": FACTOR,
    "RandomColorDegeneration": FACTOR, "RandomColorJitter": {"hue_factor": 0.2}, "RandomContrast": FACTOR,
    "RandomElasticTransform": {"scale": 0.5}, "RandomErasing": {"fill_value": 3.0}, "RandomFlip": {"mode": "vertical"},
    "RandomGaussianBlur": {"kernel_size": 5}, "RandomGrayscale": FACTOR, "RandomHue": FACTOR, "RandomInvert": FACTOR,
    "RandomPerspective": {"scale": 0.5}, "RandomPosterization": {"factor": 3}, "RandomRotation": FACTOR,
    "RandomSaturation": FACTOR, "RandomSharpness": FACTOR, "RandomShear": {"x_factor": 0.2},
    "RandomTranslation": {"height_factor": 0.1, "width_factor": (-0.1, 0.2)}, "RandomZoom": {"height_factor": 0.2},
    "Solarization": {"threshold_factor": 0.3},
}
BY_THEMSELVES = {"RandomCrop", "Equalization"}  # tested below: Keras' symbolic calls of them are wrong


@cases(
    *(Case(name, BYTES, settings, compiled=True) for name, settings in AUGMENTATIONS.items()),
    Case("Resizing", IMAGES, {"height": 4, "width": 13}),
    Case("CenterCrop", IMAGES, {"height": 4, "width": 6}),
    Case("AutoContrast", IMAGES),
    Case("MaxNumBoundingBoxes", IMAGES, {"max_number": 3}),
    Case(CLAHE, LARGE, {"tile_grid_size": (4, 3)}),
)
def test_every_class_in_every_format(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def test_no_augmentation_is_forgotten():
    ours = {name for name, value in vars(images_random).items() if getattr(value, "__base__", None)
            is images_random.Augmentation}
    assert ours == set(AUGMENTATIONS) | BY_THEMSELVES


@pytest.mark.parametrize("policy", ["float16", "uint8"])
def test_augmentations_give_their_own_dtype(policy, tmp_path):
    layers = [getattr(keras.layers, name)(dtype=policy, **AUGMENTATIONS[name])
              for name in ("RandomFlip", "RandomBrightness", "RandomGrayscale", "RandomInvert")]
    agree_side_by_side(layers, BYTES, tmp_path, h5=False)


def test_random_crop_leaves_images_whole_in_predict(tmp_path):
    # Its symbolic output is (4, 6, 3), and predict gives (7, 10, 3): a fault of Keras' own.
    model = keras.Sequential([keras.Input(IMAGES.shape[1:]), keras.layers.RandomCrop(4, 6)])
    model.save(tmp_path / "model.keras")
    theirs = model.predict(IMAGES, verbose=0)
    assert model.output_shape[1:] == (4, 6, 3) and theirs.shape == IMAGES.shape
    ours = replay(load(tmp_path / "model.keras"), IMAGES).output
    np.testing.assert_array_equal(ours, theirs)


def test_equalization_in_a_pipeline(tmp_path):
    with pytest.raises(ValueError, match="cycle"):  # a fault of Keras' own: alone it cannot be in a model
        keras.Sequential([keras.Input(IMAGES.shape[1:]), keras.layers.Equalization()])
    agree_side_by_side([keras.layers.Pipeline([keras.layers.Equalization(bins=16)])], IMAGES, tmp_path)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"])
def test_resizing(interpolation, tmp_path):
    sizes = [(4, 4), (13, 5), (14, 20), (3, 11)]
    padded = {"pad_to_aspect_ratio": True, "fill_value": 3.5}
    settings = [{}, {"crop_to_aspect_ratio": True}, padded, {"antialias": True}]
    layers = [keras.layers.Resizing(*size, interpolation=interpolation, **each)
              for size, each in itertools.product(sizes, settings)]
    layers += [keras.layers.Resizing(4, 13, interpolation=interpolation, dtype="float64")]
    layers += [keras.layers.Resizing(4, 13, interpolation=interpolation, **FIRST)]
    layers += [keras.layers.Resizing(4, 13, crop_to_aspect_ratio=True, interpolation=interpolation, **FIRST)]
    agree_side_by_side(layers, IMAGES, tmp_path, tolerance=2e-5)  # TensorFlow resizes float64 in float32 too


def test_resizing_in_other_dtypes(tmp_path):
    layers = [keras.layers.Resizing(4, 13, dtype="uint8", interpolation=interpolation)
              for interpolation in ("bilinear", "nearest", "bicubic")]
    layers += [keras.layers.Resizing(4, 13), keras.layers.Resizing(4, 13, dtype="float16")]
    agree_side_by_side(layers, BYTES, tmp_path)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_center_crop(data_format, tmp_path):
    x = IMAGES if data_format == "channels_last" else np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))
    sizes = [(4, 4), (3, 6), (7, 10), (9, 4), (4, 12), (9, 13)]
    layers = [keras.layers.CenterCrop(*size, data_format=data_format) for size in sizes]
    layers += [keras.layers.CenterCrop(*size, data_format=data_format, dtype=policy)
               for size in ((9, 4), (4, 4)) for policy in ("float16", "float64", "uint8")]
    agree_side_by_side(layers, x, tmp_path)


def test_auto_contrast(tmp_path):
    x = IMAGES.copy()
    x[0, :, :, 1] = 7
    settings = [{}, {"value_range": (0, 1)}, {"value_range": (-1, 300)}, {"value_range": (300, -1)}, FIRST,
                {"dtype": "float16"}]
    agree_side_by_side([keras.layers.AutoContrast(**each) for each in settings], x, tmp_path)


def test_clahe(tmp_path):
    settings = [{}, {"tile_grid_size": (2, 3)}, {"clip_limit": 0, "tile_grid_size": (3, 2)}, {"value_range": (0, 1)},
                {"value_range": (-10, 300), "clip_limit": 1.5}, {"tile_grid_size": (5, 11)}, {"dtype": "uint8"},
                {"dtype": "float16"}, {"tile_grid_size": (2, 2), **FIRST}]
    agree_side_by_side([getattr(keras.layers, CLAHE)(**each) for each in settings], LARGE, tmp_path)


def test_one_image_without_a_batch_axis(tmp_path):
    layers = [keras.layers.Resizing(2, 13), keras.layers.Resizing(3, 13, **FIRST), keras.layers.CenterCrop(2, 4),
              keras.layers.AutoContrast(), keras.layers.RandomFlip(),
              getattr(keras.layers, CLAHE)(tile_grid_size=(2, 2))]
    agree_side_by_side(layers, IMAGES[..., 0], tmp_path)


@pytest.mark.parametrize("number", [2, 3, 5])
def test_bounding_boxes(number, tmp_path):
    layer = keras.layers.MaxNumBoundingBoxes(number, bounding_box_format="xyxy")
    flip = keras.layers.RandomFlip(bounding_box_format="xyxy")
    contrast = keras.layers.AutoContrast(bounding_box_format="xyxy")

    def flat(x):
        data = {"images": x[0], "bounding_boxes": {"boxes": x[1], "labels": x[2]}, "labels": x[2]}
        y = layer(contrast(flip(data)))
        boxes = y["bounding_boxes"]
        return keras.ops.concatenate([boxes["boxes"], keras.ops.expand_dims(boxes["labels"], -1)], axis=-1)

    x = [IMAGES, np.arange(24, dtype="float32").reshape(2, 3, 4), np.arange(6, dtype="float32").reshape(2, 3)]
    agree_side_by_side([flat], x, tmp_path)


def test_what_is_refused():
    for settings, reason in (
        ({"pad_to_aspect_ratio": True, "fill_mode": "wrap"}, "fill_mode"), ({"interpolation": "gaussian"}, "gaussian"),
    ):
        config = {"name": "r", "height": 2, "width": 2, **settings}
        with pytest.raises(NotReplayable, match=reason):
            layer_from({"class_name": "Resizing", "config": config})(IMAGES)


def test_by_hand():
    crop = layer_from({"class_name": "CenterCrop", "config": {"name": "c", "height": 1, "width": 2}})
    np.testing.assert_array_equal(crop(np.arange(12.0).reshape(1, 3, 4, 1)).ravel(), [5, 6])
    contrast = layer_from({"class_name": "AutoContrast", "config": {"name": "a"}})
    np.testing.assert_array_equal(contrast(np.array([10.0, 20, 30]).reshape(1, 3, 1, 1)).ravel(), [0, 127.5, 255])


@pytest.mark.parametrize("class_name, settings", [
    (CLAHE, {"tile_grid_size": [10**6, 10**6]}), (CLAHE, {"tile_grid_size": [0, 1]}), (CLAHE, {"tile_grid_size": [1]}),
    ("Resizing", {"height": 10**9, "width": 10**9}), ("Resizing", {"height": -1, "width": 2}),
    ("AutoContrast", {"value_range": ["a", "b"]}),
])
def test_settings_of_damaged_files(class_name, settings):
    with pytest.raises(NotReplayable):
        layer_from({"class_name": class_name, "config": {"name": "x", **settings}})(IMAGES)
