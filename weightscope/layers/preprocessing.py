"""Keras' preprocessing layers for numbers and categories: scaling, binning, hashing, codes; and a row of layers."""

from itertools import pairwise

import numpy as np

from weightscope.errors import Unreadable
from weightscope.kernels.categories import encode, encoded_shape
from weightscope.kernels.hashing import buckets, crossed
from weightscope.kernels.text import as_bytes, of_numbers
from weightscope.model.layer import Layer, Weight, keras_layer, layer_from
from weightscope.model.structure import map_structure, snake_case
from weightscope.model.wanted import Wanted

EPSILON = 1e-7  # keras.config.epsilon()
HASHED = 8  # different values for each bin, so that few bins stay empty


class DataLayer(Layer):
    """The base of layers that take any number: all inputs become ``compute_dtype``, integers too.

    So it is in ``predict``, which runs a graph; called by hand, Keras' layer may keep them (``DataLayer.__call__``).
    """

    def cast(self, value):
        """Return all arrays of numbers in ``compute_dtype``, at any depth of lists and mappings."""
        return map_structure(self._number_as_computed, value)

    def _number_as_computed(self, value):
        numbers = isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
        return self.as_computed(value) if numbers else value


def variable_dtype(layer):
    """Return the dtype in which a layer keeps its variables: that of its policy's name, float32 for mixed ones."""
    return "float32" if layer.policy.startswith("mixed_") else layer.compute_dtype


@keras_layer
class Normalization(DataLayer):
    """Brings every feature to a mean of 0 and a variance of 1; with ``invert``, back from there."""

    formula = "y = (x - mean) / max(√variance, 1e-7); with invert: mean + x · max(√variance, 1e-7); count is not used"
    supports_masking = True
    axis: "int | tuple | None" = -1
    mean: "float | int | list | None" = None
    variance: "float | int | list | None" = None
    invert: bool = False

    @property
    def axes(self):
        """The axes that keep a mean of their own, as the file counts them."""
        return (self.axis,) if isinstance(self.axis, int) else self.axis or ()

    def weight_specs(self):
        if self.mean is None:
            words = "features" if len(self.axes) == 1 else " ".join(f"axis{axis}" for axis in self.axes)
            yield Weight("mean", words, trainable=False)
            yield Weight("variance", words, trainable=False)
            yield Weight("count", "", trainable=False)

    def forward(self, x, mean=None, variance=None, count=None):
        if mean is None:
            mean, variance = (self.as_computed(np.asarray(given, "float32")) for given in (self.mean, self.variance))
        mean, variance = (self._along_axes(given, x) for given in (mean, variance))
        scale = np.maximum(self.as_computed(np.sqrt(variance)), x.dtype.type(EPSILON))
        return mean + self.as_computed(x * scale) if self.invert else self.as_computed(x - mean) / scale

    def wanted(self):
        if self.invert:
            return None
        mean, variance = (np.asarray(given, "float64") for given in (
            (self.weights["mean"].array, self.weights["variance"].array) if self.mean is None
            else (self.mean, self.variance)))
        scale = 1 / np.maximum(np.sqrt(variance), EPSILON)
        return Wanted(scale=scale, offset=-mean * scale)

    def _along_axes(self, values, x):
        kept = sorted(axis % x.ndim for axis in self.axes)[len(self.axes) - values.ndim:]
        if any(values.shape[i] not in (1, x.shape[axis]) for i, axis in enumerate(kept)):
            raise ValueError(f"means of shape {values.shape} for axes {self.axes} of {x.shape}")
        sizes = dict(zip(kept, values.shape))
        return values.reshape([sizes.get(axis, 1) for axis in range(x.ndim)]).astype(x.dtype)


@keras_layer
class Rescaling(DataLayer):
    """Multiplies by ``scale`` and adds ``offset``."""

    formula = "y = x · scale + offset"
    supports_masking = True
    scale: "float | int | list | dict"
    offset: "float | int | list | dict" = 0.0

    def forward(self, x):
        return x * _factor(self.scale).astype(x.dtype) + _factor(self.offset).astype(x.dtype)

    def shape(self, x):
        return x

    def wanted(self):
        scale, offset = np.asarray(_plain(self.scale), "float64"), np.asarray(_plain(self.offset), "float64")
        if not scale.all() or (abs(scale).min() >= 0.1 and abs(scale).max() <= 10 and abs(offset).max() <= 1):
            return None
        return Wanted(scale=scale, offset=offset, ends=(-1.0 if offset.min() < 0 else 0.0, 1.0))


def _factor(value):
    # tf.cast makes Python's fractions float32 first, also on their way to float64; a stored array keeps its dtype.
    found = np.asarray(_plain(value))
    return found.astype("float32") if found.dtype.kind == "f" and not isinstance(value, dict) else found


def _plain(value):
    """Return the numbers of a setting that may be an array, serialised as Keras does it."""
    if isinstance(value, dict):
        value = (value.get("config") or {}).get("value")
    if not isinstance(value, (int, float, list)):
        raise Unreadable(f"a number or a list of numbers expected, found {repr(value)[:60]}")
    return value


@keras_layer
class Discretization(DataLayer):
    """Says into which bin each number falls: how many of ``bin_boundaries`` are not above it."""

    formula = "y = output_mode of (number of bin_boundaries <= x)"
    keeps_samples_apart = False  # encoded, an input of one axis becomes one vector
    refuses = ("sparse",)
    ignored = ("epsilon",)
    bin_boundaries: "list | None" = None
    num_bins: "int | None" = None
    output_mode: str = "int"

    def refusal(self):
        """Refuse a layer that has no boundaries, and what any layer refuses."""
        return super().refusal() or (None if self.bin_boundaries else "it has no bin_boundaries: it was never adapted")

    def shape(self, x):
        depth = len(self.bin_boundaries) + 1 if self.bin_boundaries else self.num_bins
        return x if self.output_mode == "int" else encoded_shape(x, self.output_mode, depth)

    def wanted(self):
        bounds = sorted(self.bin_boundaries)
        step = (bounds[-1] - bounds[0]) / len(bounds) or 1.0
        ends = [bounds[0] - step, *bounds, bounds[-1] + step]
        return Wanted(values=tuple((low + high) / 2 for low, high in pairwise(ends)))

    def forward(self, x):
        bins = np.searchsorted(np.asarray(self.bin_boundaries, "float32"), x, side="right")
        if self.output_mode == "int":
            return bins.astype("int32")
        return self.as_computed(encode(bins, self.output_mode, len(self.bin_boundaries) + 1))


@keras_layer
class CategoryEncoding(DataLayer):
    """Turns whole numbers into vectors of ``num_tokens`` values: one-hot, multi-hot or counts."""

    formula = "y = output_mode of x over num_tokens categories"
    keeps_samples_apart = False  # encoded, an input of one axis becomes one vector
    refuses = ("sparse",)
    output_dtype = property(variable_dtype)
    num_tokens: int
    output_mode: str = "multi_hot"

    def shape(self, x):
        return encoded_shape(x, self.output_mode, self.num_tokens)

    def wanted(self):
        return Wanted(rows=self.num_tokens)

    def forward(self, x, count_weights=None):
        encoded = encode(x.astype("int64"), self.output_mode, self.num_tokens, count_weights)
        return self.as_computed(encoded, self.output_dtype)


@keras_layer
class Hashing(Layer):
    """Sorts text or whole numbers into ``num_bins`` bins by a hash of their bytes, numbers as decimal digits.

    Without ``salt`` the hash is FarmHash64, with it SipHash-2-4. Bin 0 is ``mask_value``'s where there is one.
    """

    formula = """
        y = output_mode of hash(x, salt) mod num_bins
            with mask_value: 0 there, elsewhere 1 + hash(x, salt) mod (num_bins - 1)"""
    keeps_samples_apart = False  # encoded, an input of one axis becomes one vector
    refuses = ("sparse",)
    output_dtype = property(variable_dtype)
    num_bins: int
    mask_value: "int | float | str | None" = None
    salt: "int | list | None" = None
    output_mode: str = "int"

    def _dropped(self, x):
        return self.output_mode == "one_hot" and len(x) > 1 and x[-1] == 1

    def shape(self, x):
        if self.output_mode == "int":
            return x
        return encoded_shape(x[:-1] if self._dropped(x) else x, self.output_mode, self.num_bins)

    def wanted(self):
        return Wanted(rows=HASHED * self.num_bins, masked=self.mask_value)

    def forward(self, x):
        x = x[..., 0] if self._dropped(x.shape) else x
        bins = self._bins(x)
        if self.output_mode != "int":
            bins = encode(bins, self.output_mode, self.num_bins)
        return self.as_computed(bins, self.output_dtype)

    def _bins(self, x):
        text = texts(x)
        key = (self.salt, self.salt) if isinstance(self.salt, int) else self.salt
        if self.mask_value is None or self.num_bins == 1:
            return buckets(text, self.num_bins, key)
        is_text = isinstance(self.mask_value, str)
        masked = text == self.mask_value.encode() if is_text else x == self.mask_value
        return np.where(masked, 0, 1 + buckets(text, self.num_bins - 1, key))


def texts(x):
    """Return text, or numbers as decimal digits, floats cut off to whole ones, as an object array of bytes."""
    if x.dtype.kind == "b":
        raise ValueError("booleans cannot be hashed")
    return of_numbers(x.astype("int64") if x.dtype.kind == "f" else x) if x.dtype.kind in "iuf" else as_bytes(x)


@keras_layer
class HashedCrossing(Layer):
    """Sorts the combinations of several columns, text or whole numbers, into ``num_bins`` bins by FarmHash64."""

    formula = "y = output_mode of (hash(x[0], x[1], …) mod num_bins)"
    refuses = ("sparse",)
    num_bins: int
    output_mode: str = "int"

    def shape(self, x):
        return x[0] if self.output_mode == "int" else encoded_shape(x[0], self.output_mode, self.num_bins)

    def wanted(self):
        return Wanted(rows=HASHED * self.num_bins)

    def forward(self, x):
        if any(column.dtype.kind in "bf" or column.shape != x[0].shape for column in x):
            raise ValueError("columns of text or of whole numbers, all of one shape, are crossed")
        bins = crossed([column if column.dtype.kind in "iu" else as_bytes(column) for column in x], self.num_bins)
        if self.output_mode != "int":
            bins = encode(bins, self.output_mode, self.num_bins)
        return self.as_computed(bins)


@keras_layer
class Pipeline(Layer):
    """Runs layers in a row, as a preprocessing step or a part of a model."""

    formula = "y = last(… second(first(x)))"
    layers: list

    def sub_layers(self):
        parts, used = {}, {}
        for config in self.layers:
            layer = layer_from(config)
            name = snake_case(layer.class_name)
            used[name] = used.get(name, -1) + 1
            parts[f"layers/{name}_{used[name]}" if used[name] else f"layers/{name}"] = layer
        return parts

    def shape(self, x):
        for layer in self.parts.values():
            x = layer.output_shapes([x], {})
        return x

    def wanted(self):
        first = next(iter(self.parts.values()), None)
        return None if first is None else first.wanted()

    def arguments(self, args, kwargs):
        """Leave out ``training``, which Keras sets to False in ``predict`` whatever the graph says."""
        return super().arguments(args, {key: value for key, value in kwargs.items() if key != "training"})

    def run(self, args, kwargs=None, masks=(), keyword_masks=None):
        """Run the layers; the same contract as ``Layer.run``. The mask is the last layer's."""
        kwargs = kwargs or {}
        self._inner_mask = kwargs.get("mask") if kwargs.get("mask") is not None else next(iter(masks), None)
        outputs, _ = super().run(args, {key: value for key, value in kwargs.items() if key != "mask"}, masks)
        return outputs, self._inner_mask

    def cast(self, value):
        """Return the value as it is: each layer casts for itself."""
        return value

    def forward(self, x):
        mask = self._inner_mask
        for layer in self.parts.values():
            x, mask = layer.run((x,), masks=(mask,))
        self._inner_mask = mask
        return x
