"""Which layer some arrays seem to be, where no architecture tells: by their names, their shapes and their order.

What is inferred is a word on the arrays, never a licence to compute: the layers stay ``Unknown``, and say in
``inferred`` what the words rest on.
"""

import math
import re
from functools import cache

from weightscope.layers import families
from weightscope.model.layer import PartConfig, layer_from
from weightscope.model.structure import snake_case
from weightscope.model.weight import named

MOST = 3  # classes that are named where several fit
NO_BIAS = {"use_bias": False}


def _windowed(name, ranks=(1, 2, 3)):
    """Return the variants of a class for each rank; a kernel's sizes along space say nothing."""
    sizes = {rank: {"kernel_size": [1] * rank} for rank in ranks}
    return {name.format(rank): (own, {**own, **NO_BIAS}) for rank, own in sizes.items()}


# Class → its settings that change which weights it has. Where several fit equally well, the first gives the words.
VARIANTS = {
    "Dense": ({}, NO_BIAS),
    **_windowed("Conv{}D"),
    **_windowed("DepthwiseConv{}D", (1, 2)),
    **_windowed("SeparableConv{}D", (1, 2)),
    **_windowed("Conv{}DTranspose"),
    "BatchNormalization": ({}, {"scale": False}, {"center": False}, {"scale": False, "center": False}),
    "LayerNormalization": ({}, {"center": False}, {"scale": False}),
    "GroupNormalization": ({}, {"center": False}, {"scale": False}),
    "RMSNormalization": ({},),
    "LSTM": ({}, NO_BIAS),
    "GRU": ({}, {"reset_after": False}, NO_BIAS),
    "SimpleRNN": ({}, NO_BIAS),
    **_windowed("ConvLSTM{}D"),
    "Embedding": ({},),
    "Normalization": ({},),
    "PReLU": ({},),
    "Highway": ({}, {"bias": False}),
    "MaxoutDense": ({}, {"bias": False}),
}
OLD = {"LSTM": ({},), "GRU": ({},)}  # Keras 1's, with an array for each gate
# What other versions, and other people, call these weights; the names of the folders and layers of these classes.
SYNONYMS = {"w": ("kernel", "embeddings"), "b": ("bias",), "u": ("recurrent_kernel",), "weight": ("kernel",),
            "weights": ("kernel",), "biases": ("bias",), "embedding": ("embeddings",), "scale": ("scale", "gamma"),
            "depthwise_kernel": ("depthwise_kernel", "kernel"), "running_mean": ("moving_mean",),
            "running_std": ("moving_variance",), "running_variance": ("moving_variance",)}
ALIASES = {"bn": "BatchNormalization", "batchnorm": "BatchNormalization", "norm": "Normalization", "fc": "Dense",
           "layernorm": "LayerNormalization", "ln": "LayerNormalization", "conv": "Conv", "convolution": "Conv",
           "emb": "Embedding", "deconv": "Transpose", "dwconv": "Depthwise"}
SPACE = {"steps", "depth", "height", "width"}  # axes along which each kernel of a layer has a size of its own
ANONYMOUS = re.compile(r"(param_)?\d+|variable(_\d+)?", re.IGNORECASE)


def infer(layer, hints=()):
    """Name the axes of an ``Unknown`` layer's weights, and say in ``layer.inferred`` what layer they seem to be.

    ``hints``: names under which the file keeps the arrays, as ``layers/dense_1``. Nothing is said where nothing fits.
    """
    weights = list(layer.weights.values())
    names = [_plain(weight.name, layer.name) for weight in weights]
    fitting = [(template, found) for template in _templates(len(weights))
               if (found := _assigned(template, names, [weight.shape for weight in weights]))]
    anonymous = all(map(ANONYMOUS.fullmatch, names))
    told = _told(fitting, [layer.name, *hints])
    is_any_vector = anonymous and len(weights) == 1 and len(weights[0].shape) < 2
    if not told and (not fitting or is_any_vector):
        return
    best = told or fitting
    classes = list(dict.fromkeys(template.class_name for template, _ in best))
    for index, (weight, own) in enumerate(zip(weights, best[0][1])):
        weight.axes, weight.trainable = own.axes, own.trainable
        agreed = all(found[index].name == own.name for _, found in best)
        weight.name = own.name if anonymous and agreed else weight.name
    layer.weights = {weight.name: weight for weight in weights}
    basis = ["name"] * bool(told) + ["weights' shapes" if anonymous else "weights' names and shapes"]
    several = " or ".join([*classes[:MOST], *["another"] * (len(classes) > MOST)])
    layer.inferred = f"{several}, by its {' and its '.join(basis)}"


@cache
def _templates(count):
    """Return a layer for each variant of a class with so many weights; no sizes are known to it."""
    families.bring_all()
    found = [_template(class_name, settings, layout) for layout, table in (("", VARIANTS), ("old", OLD))
             for class_name, variants in table.items() for settings in variants]
    return [layer for layer in found if len(list(layer.all_weights())) == count]


def _template(class_name, settings, layout):
    return layer_from({"class_name": class_name, "config": PartConfig(settings), "layout": layout})


def _plain(name, layer_name):
    """Return the last word of an array's name without the layer's name before it and Keras' count behind it."""
    last = name.rpartition("/")[2].partition(":")[0].removeprefix(layer_name.rpartition("/")[2] + "_")
    last = re.sub(r"^.+?_\d+_(?=\D)", "", last)
    return last if ANONYMOUS.fullmatch(last) else re.sub(r"_\d+$", "", last)


def _assigned(template, names, shapes):
    """Return the template's weight for each array, by name or, where they have none, by order; None if they misfit."""
    order = own = list(template.all_weights())
    if not all(map(ANONYMOUS.fullmatch, names)):
        own = [next((weight for weight in own if _answers(weight.name, name)), None) for name in names]
    if any(weight is None for weight in own) or len(set(own)) < len(own):
        return None
    sizes, place = {}, {weight: index for index, weight in enumerate(order)}
    in_order = sorted(zip(own, shapes), key=lambda pair: place[pair[0]])
    return own if all(_unified(weight, shape, sizes) for weight, shape in in_order) else None


def _answers(own, name):
    return own == name or own in SYNONYMS.get(name.lower(), ()) or own.lower() == name.lower()


def _unified(weight, shape, sizes):
    """Tell whether a shape is one of this weight's, and note in ``sizes`` the size that it gives to each word."""
    words = weight.axes.split()
    return len(words) == len(shape) and all(word in SPACE or _agrees(word, size, sizes)
                                            for word, size in zip(words, shape))


def _agrees(word, size, sizes):
    name, blocks = named(word)
    if not name:
        return size == len(blocks)
    size, rest = divmod(size, max(len(blocks), 1))
    if all(factor in sizes for factor in name.split("·")):
        return rest == 0 and math.prod(sizes[factor] for factor in name.split("·")) == size
    sizes[name] = size
    return rest == 0


def _told(fitting, names):
    """Return those candidates whose class a name tells, as ``layers/conv2d_1``, ``block1_conv`` or ``bn2`` do."""
    scores = [max(_score(template.class_name, name) for name in names) for template, _ in fitting]
    best = max(scores, default=0)
    return [entry for entry, score in zip(fitting, scores) if score == best] if best else []


def _score(class_name, name):
    """Return how many letters of a name tell the class."""
    words = re.sub(r"[\W\d_]+", " ", snake_case(name.replace("/", "_"))).split()
    own, told = re.sub(r"\d", "", class_name).lower(), "".join(words).replace("convolution", "conv")
    aliases = [len(word) for word in words if word in ALIASES and ALIASES[word] in class_name]
    return max([len(own) * (own in told), *aliases])
