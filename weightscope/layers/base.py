"""What every layer is: settings, weights with named axes, a formula, a shape rule and the maths.

A layer class writes down ``settings`` (annotations), ``formula``, ``weight_specs``, ``shape`` and ``forward``; the
plumbing here reads the config, hands the weights to ``forward`` by name, casts dtypes and passes masks on.
"""

import inspect
import math
import re
from contextlib import contextmanager

import numpy as np

from weightscope.errors import NotReplayable, Unreadable, WeightscopeError
from weightscope.kernels.activations import activation as activation_named
from weightscope.layers import settings, taught
from weightscope.layers.excused import EXCUSED
from weightscope.layers.structure import flatten, flatten_shapes, map_structure, snake_case
from weightscope.user_code import described, is_of_user

MOST_VALUES = 2**30  # in one output: past that a file asks for more memory than a check is worth

_CLASSES = {}
_OPERATIONS = {}
_MISFITS = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)
OPERATION_MODULES = ("keras.src.ops.", "keras.src.activations.", "keras.src.quantizers.")


def keras_layer(layer_class):
    """Class decorator: read the layers of this class name in a file as this class.

    A class of your own, so taught, answers for every class of its name that is none of Keras'. Where two packages use
    one name, ``@keras_layer("package>Class")`` answers for the class that Keras saved under that registered name only.
    """
    if isinstance(layer_class, str):
        return lambda found: _taught(found, layer_class)
    if is_of_user(layer_class):
        return _taught(layer_class, layer_class.__name__)
    _CLASSES[layer_class.__name__] = layer_class
    return layer_class


def _taught(layer_class, name):
    if not (isinstance(layer_class, type) and issubclass(layer_class, Layer)):
        raise TypeError("@weightscope.keras_layer is for subclasses of weightscope.Layer")
    taken = sorted(set(layer_class.settings()) & set(dir(Layer)))
    if taken:
        raise TypeError(f"setting {taken[0]!r} of {layer_class.__name__} has the name of an attribute of every Layer;"
                        f" put it into ignored, and read self.config[{taken[0]!r}]")
    taught.add_class(layer_class, name)
    return layer_class


def add_operation(module, class_name, build):
    """Make ``layer_from`` call ``build(config, name=…)`` for an operation of ``keras.ops``; its class in lower case."""
    _OPERATIONS[module, class_name] = build


def known_operations():
    """Return ``(module, class name in lower case)`` of every operation that weightscope can build."""
    return set(_OPERATIONS)


def known_classes():
    """Return ``{class name: class}`` of every layer that weightscope can build."""
    return dict(_CLASSES)


def layer_from(config):
    """Build a layer from Keras' serialised form ``{"class_name": …, "config": {…}}``.

    A class that weightscope does not know becomes ``Unknown``. Raises Unreadable for anything that is no such form.
    """
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise Unreadable(f"a layer's config should hold class_name and config, found {settings._short(config)}")
    class_name, inner = config["class_name"], config.get("config")
    if not isinstance(inner, dict):
        raise Unreadable(f"the config of a {class_name!r} should be a mapping, found {settings._short(inner)}")
    name = config.get("name") or inner.get("name") or class_name.lower()
    layer = _built(_class_of(config) or Unknown, inner, name)
    layer.class_name, layer.module = class_name, config.get("module")
    layer.build_config = config.get("build_config") or {}
    return layer


def _class_of(config):
    module, registered = config.get("module"), config.get("registered_name")
    if isinstance(module, str) and module.startswith(OPERATION_MODULES):
        return _OPERATIONS.get((module, config["class_name"].lower()))  # their names are also names of layers
    own = registered in (None, "", config["class_name"]) if module is None else (
        isinstance(module, str) and module.split(".")[0] in ("keras", "tf_keras", "builtins"))
    found = _CLASSES.get(config["class_name"]) if own else None
    if module is None and own and not found and "trainable" not in config["config"]:
        # An .h5 names no modules: Keras itself cannot open one with operations. Every layer says if it is trainable.
        found = _OPERATIONS.get(("keras.src.ops.numpy", config["class_name"].lower()))
    return found or taught.find_class(config["class_name"], registered if isinstance(registered, str) else None)


def _built(layer_class, config, name):
    try:
        return layer_class(config, name)
    except WeightscopeError:
        raise
    except Exception as error:
        if not is_of_user(layer_class):
            raise
        raise Unreadable(f"layer {name!r}: your class {layer_class.__name__}: {described(error)}") from error


class Weight:
    """One weight of a layer: its name, a word for each axis, and where the file keeps it.

    ``axes`` are words separated by blanks: ``"in units"``. ``i|f|c|o:units`` is one axis of four blocks of ``units``
    each; ``input|recurrent`` one axis of two named slots. ``at`` is the attribute under which Keras 3 nests the
    variable in the file. ``trainable`` is what Keras makes it before anybody freezes a layer. ``tracked`` is False for
    what a layer stores by itself: Keras neither counts it among the model's parameters nor writes it to an .h5 model.
    """

    def __init__(self, name, axes, at="", trainable=True, tracked=True):
        self.name, self.axes, self.at, self.trainable, self.tracked = name, axes, at, trainable, tracked
        self.stored = None
        self._array = None

    @property
    def shape(self):
        """Sizes of the axes, or None while no array of a file belongs to this weight."""
        return None if self.stored is None else tuple(self.stored.shape)

    @property
    def dtype(self):
        """NumPy's name of the stored dtype, or None while unbound."""
        return None if self.stored is None else self.stored.dtype

    @property
    def array(self):
        """The values, read from the file at the first use and kept."""
        if self._array is None:
            if self.stored is None:
                raise NotReplayable(f"weight {self.name!r} is not in the file")
            self._array = self.stored.read()
        return self._array

    def axis_words(self):
        """Return one word for each axis, or None where the words do not fit the stored rank."""
        words = self.axes.split()
        return words if self.stored is None or len(words) == len(self.stored.shape) else None

    def size_along(self, word):
        """Return the size of the axis of this word, or of one of its blocks; None where there is none, or no array."""
        for axis, size in zip(self.axis_words() or (), self.shape or ()):
            blocks, _, name = axis.rpartition(":")
            if name == word:
                return size // len(blocks.split("|"))
        return None

    def fits(self, shape):
        """Tell whether an array of this shape may be this weight."""
        return len(self.axes.split()) == len(shape)

    def __repr__(self):
        return f"<Weight {self.name} ({self.axes}) {self.shape}>"


class _PartConfig(dict):
    """The config of a part that a class builds itself, and of which no file tells the sizes."""


class Layer:
    """One layer of one model. ``name`` and ``config`` are the file's; every annotation of a class is a setting.

    Attributes: ``name``; ``class_name``; ``config``; ``policy``, the dtype policy; ``compute_dtype``; ``weights``,
    this layer's own by name, in Keras' order; ``parts``, the layers inside it by the attribute that holds them. What
    ``sub_layers`` returns is also there as an attribute, where no other has its name.
    """

    formula = ""
    supports_masking = False
    stored_as = None  # the class name behind its folder in a Keras 3 file, where that is not class_name
    ignored = ()  # settings of this class that do not change what predict returns
    refuses = ()  # settings that must be off (None or False): weightscope does not do what they ask

    def __init__(self, config, name):
        self.config = config
        self.name = name if isinstance(name, str) else str(name)
        self.class_name = type(self).__name__
        self.module = None
        self.build_config = {}
        self.parts = {}
        self.policy = settings.policy_name(config.get("dtype"))
        self.compute_dtype = settings.compute_dtype(self.policy)
        self.trainable = config.get("trainable") is not False
        self._read_settings()
        for attribute, held in self.sub_layers().items():
            self.parts.update(_parts_of(attribute, held))
            if not hasattr(self, attribute):
                setattr(self, attribute, held)
        self.weights = {weight.name: weight for weight in self.weight_specs()}

    # What a layer class may write.

    def sub_layers(self):
        """Return ``{attribute: Layer}`` of the layers inside this one, named and ordered as Keras' class makes them.

        An attribute may also hold a list, a tuple or a mapping of layers, nested or not.
        """
        return {}

    def sub_layer(self, kind, **options):
        """Return a layer for ``sub_layers``: ``kind`` is its class, or the name of a class of Keras or of your own.

        ``options``: its settings by Keras' names; sizes such as ``units`` may be left out, its weights tell them. Its
        dtype is this layer's, unless ``dtype`` gives another.
        """
        config = _PartConfig({"dtype": self.config.get("dtype"), "trainable": self.trainable, **options})
        found = layer_from({"class_name": kind, "config": config}) if isinstance(kind, str) else kind(config, "")
        found.name = options.get("name") or ""  # without one, that of the attribute
        return found

    def weight_specs(self):
        """Yield a Weight for each variable of its own, trainable ones first, in Keras' order."""
        return ()

    def shape(self, x):
        """Return the output's shape for an input's; the first axis, batch, may be None, as may any other."""
        return x

    def forward(self, x):
        """Return the output for arrays, channels last; weights come as keyword arguments by their names."""
        raise NotImplementedError

    def mask(self, x, mask):
        """Return the mask of the output, given the first argument and its mask (Keras' ``compute_mask``)."""
        return mask

    def refusal(self):
        """Return why this layer cannot be replayed, or None."""
        if "not_replayable" in self.config:
            return self.config["not_replayable"]
        own = self.settings()
        for key, value in self.config.items():
            if key in self.refuses and value not in (None, False):
                return f"{key}={value!r} is not replayed"
            if key not in own and key not in self.ignored and key not in self.refuses and not (
                    settings.has_no_effect(key) or value in (None, False, [], {})):
                whom = f"your class {type(self).__name__}" if is_of_user(self) else "weightscope"
                return f"setting {key!r} is unknown to {whom}"
        if self.compute_dtype is None or self.compute_dtype == "bfloat16":
            return f"dtype policy {self.policy!r} is not replayed"
        return next(self._missing(), None)

    def _missing(self):
        for activation in self.activations().values():
            if isinstance(activation, Activation) and not activation.known:
                yield f"activation {activation.name!r} is none of Keras'"
        for weight in self.weights.values():
            if weight.stored is None and weight.tracked:
                yield f"weight {weight.name!r} is not in the file"
            elif weight.stored is not None:
                yield from self._misfits(weight)
        for part in self.parts.values():
            reason = part.refusal()
            if reason:
                yield f"its {part.class_name} {part.name!r}: {reason}"

    def _misfits(self, weight):
        words = weight.axis_words()
        if words is None:
            yield f"weight {weight.name!r} has shape {weight.shape}, expected the axes {weight.axes!r}"
            return
        for word, size in zip(words, weight.shape):
            blocks, _, name = word.rpartition(":")
            expected = getattr(self, name, None) if name in self.settings() else None
            if type(expected) is int and expected * len(blocks.split("|")) != size:
                yield f"weight {weight.name!r} has {size} along {word}, the config says {name}={expected}"

    # Plumbing.

    @classmethod
    def settings(cls):
        """Return ``{setting: (annotation, default)}`` of this class."""
        if "_settings" not in cls.__dict__:
            cls._settings = settings.settings_of(cls)
        return cls._settings

    def _read_settings(self):
        for name, (annotation, default) in self.settings().items():
            value = self.config.get(name, default)
            if value is settings.MISSING and annotation == "int" and isinstance(self.config, _PartConfig):
                continue
            if value is settings.MISSING:
                raise Unreadable(f"layer {self.name!r} ({self.class_name}): setting {name!r} is missing")
            setattr(self, name, self.setting(name, annotation, value))

    def __getattr__(self, name):
        # A size that sub_layer left out: the one that the weights have along the axis of this word.
        if name not in type(self).settings():
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        sizes = (weight.size_along(name) for weight in self.all_weights())
        return next((size for size in sizes if size is not None), None)

    def setting(self, name, annotation, value):
        """Return a config's value as this setting: an ``Activation`` callable, a ``Layer``, or a checked value."""
        if annotation == "Activation":
            return self._activation(name, value)
        if annotation == "Layer" or (annotation == "Layer | None" and value is not None):
            self.parts[name] = layer_from(value)
            return self.parts[name]
        return settings.checked(self.name, name, annotation, value)

    def _activation(self, name, value):
        if isinstance(value, dict) and isinstance(value.get("config"), dict):
            self.parts[name] = layer_from(value)
            return self.parts[name]
        if isinstance(value, dict):
            value = value.get("config")
        return Activation(value)

    def activations(self):
        """Return ``{setting: Activation or Layer}`` of the settings that are activations."""
        return {name: getattr(self, name) for name, (kind, _) in self.settings().items() if kind == "Activation"}

    def with_parts(self):
        """Yield this layer and every layer inside it."""
        yield self
        for part in self.parts.values():
            yield from part.with_parts()

    @property
    def keeps_samples_apart(self):
        """Whether each sample's output surely follows from that sample alone, so that a batch may be shared out."""
        axes = flatten([getattr(self, name, None) for name in ("axis", "axes")])
        own = type(self).__module__.startswith("weightscope.layers.")
        apart = all(axis == -1 or axis > 0 for axis in axes if isinstance(axis, int))
        return own and apart and not getattr(self, "stateful", False)

    def all_weights(self):
        """Yield this layer's own weights and then those of its parts, in Keras' order: those that Keras tracks."""
        yield from (weight for weight in self.weights.values() if weight.tracked)
        for part in self.parts.values():
            yield from part.all_weights()

    def __call__(self, *args, **kwargs):
        """Return the outputs for arrays; ``run`` is the same with masks."""
        return self.run(args, kwargs)[0]

    def run(self, args, kwargs=None, masks=(), keyword_masks=None):
        """Run the layer on arrays.

        ``args``, ``kwargs``: what Keras hands to ``call``; ``masks``, ``keyword_masks``: their masks, of the same
        structure. Returns the outputs and their mask. Raises NotReplayable, naming the layer, for what is refused.
        """
        reason = self.refusal()
        if reason:
            raise NotReplayable(f"layer {self.name!r} ({self.class_name}): {reason}")
        given = self.arguments(args, kwargs or {})
        first = next(iter(given), None)
        masks = {**dict(zip(self._call_names(), masks)), **(keyword_masks or {})}
        self._fill_masks(given, masks, first)
        previous = masks.get(first) if given.get("mask") is None else given["mask"]
        given = {name: self.cast(value) for name, value in given.items()}
        outputs = self._guarded(given)
        with self._faults_named():
            kept = self.mask(given.get(first), previous) if self.supports_masking else None
        return outputs, kept

    def _guarded(self, given):
        with self._faults_named():
            expected = self._check_size(given)
            outputs = self.apply(**given)
            if is_of_user(self):
                self._check_shapes(outputs, expected)
            return outputs

    @contextmanager
    def _faults_named(self):
        # Settings, weights and inputs of a damaged file need not fit each other, and a user's class may fail anyhow.
        try:
            yield
        except WeightscopeError:
            raise
        except Exception as error:
            if is_of_user(self):
                why = f"your class {type(self).__name__}: {described(error)}"
            elif isinstance(error, _MISFITS):
                why = f"its settings, weights and input do not fit each other: {str(error)[:200]}"
            else:
                raise
            raise NotReplayable(f"layer {self.name!r} ({self.class_name}): {why}") from error

    def _check_shapes(self, outputs, expected):
        # Keras' own layers are held against Keras in our tests; here the rule and the maths can only check each other.
        found = [np.shape(leaf) for leaf in flatten(outputs)]
        if [len(shape) for shape in found] != [len(shape) for shape in expected] or any(
                m not in (None, n) for one, other in zip(found, expected) for n, m in zip(one, other)):
            raise NotReplayable(f"layer {self.name!r} ({self.class_name}): its shape says {_shapes_text(expected)}, its"
                                f" forward gave {_shapes_text(found)}")

    def _check_size(self, given):
        shapes = map_structure(lambda x: x.shape if isinstance(x, np.ndarray) else x, given)
        first = [shapes.pop(name) for name in list(shapes)[:1]]
        outputs = flatten_shapes(self.output_shapes(first, shapes))
        size = sum(math.prod(shape) for shape in outputs if None not in shape)
        if size > MOST_VALUES:
            raise NotReplayable(f"layer {self.name!r} ({self.class_name}): its output would have {size:,} values")
        return outputs

    def output_shapes(self, args, kwargs):
        """Return the shape, or the structure of shapes, of the outputs of a call on shapes."""
        names = list(inspect.signature(self.shape).parameters)
        with self._faults_named():
            return self.shape(*args[:len(names)], **{key: kwargs[key] for key in kwargs if key in names})

    def arguments(self, args, kwargs):
        """Return ``{argument name: value}`` of one call, by the names in ``forward``; refuse what is not known."""
        names = self._call_names()
        given = dict(zip(names, args))
        for key, value in kwargs.items():
            if key == "inputs" and not given:
                given[names[0]] = value
            elif key in names:
                given[key] = value
            elif value is not None and value is not False:
                raise NotReplayable(f"layer {self.name!r} ({self.class_name}): call argument {key}={value!r}"
                                    " is not replayed")
        return {name: given[name] for name in names if name in given}

    def _call_names(self):
        # Settled once for each class: the arguments of forward that are no weights.
        if "_names" not in type(self).__dict__:
            type(self)._names = [
                name for name, parameter in inspect.signature(type(self).forward).parameters.items()
                if name != "self" and parameter.kind is not parameter.VAR_KEYWORD]
        return [name for name in type(self)._names if name not in self.weights]

    def _fill_masks(self, given, masks, first):
        # As in Keras' Layer.__call__: `mask` is filled in only where one argument holds tensors.
        tensors = [name for name, value in given.items() if any(isinstance(x, np.ndarray) for x in flatten(value))]
        for name in self._call_names():
            if given.get(name) is not None:
                continue
            if name == "mask" and len(tensors) == 1:
                given["mask"] = masks.get(first)
            elif name.endswith("_mask") and len(tensors) > 1 and masks.get(name[:-5]) is not None:
                given[name] = masks[name[:-5]]

    def cast(self, value):
        """Return float arrays in ``compute_dtype``, at any depth of lists and mappings; everything else as it is."""
        if np.dtype(self.compute_dtype).kind != "f":
            return value
        return map_structure(self._cast_array, value)

    def _cast_array(self, value):
        floats = isinstance(value, np.ndarray) and value.dtype.kind == "f"
        return value.astype(self.compute_dtype, copy=False) if floats else value

    def apply(self, **given):
        """Call ``forward`` with the arguments of the call and the weights, both by name."""
        with np.errstate(all="ignore"):  # an infinity or a NaN is a value to compare, as in Keras
            return self.forward(**given, **self.arrays())

    def arrays(self):
        """Return ``{name: array}`` of the layer's own weights in ``compute_dtype``."""
        return {name: self.cast(weight.array) for name, weight in self.weights.items()}

    def written_formula(self):
        """Return ``formula`` with this layer's activations in it and without the terms it does not use."""
        text = inspect.cleandoc(self.formula)
        for setting, activation in self.activations().items():
            text = _with_activation(text, setting, activation)
        if "bias" not in self.weights and "use_bias" in self.settings():
            text = re.sub(r"\s*\+\s*bias\b", "", text)
        return text

    def __repr__(self):
        return f"<{self.class_name} {self.name!r}>"


class Activation:
    """An activation by its Keras name: callable on arrays; ``name`` is what a formula shows."""

    def __init__(self, name):
        self.name = "linear" if name is None else str(name)
        try:
            self._function = activation_named(name)
            self.known = True
        except KeyError:
            self.known = False

    def __call__(self, x):
        return self._function(x)

    def __repr__(self):
        return f"<Activation {self.name}>"


class Unknown(Layer):
    """A layer of a class that weightscope does not know: shown with its weights, never run."""

    def refusal(self):
        """Say which class is asked for."""
        if "not_replayable" in self.config:
            return self.config["not_replayable"]
        own = str(self.module or "keras").partition(".")[0] not in ("keras", "tf_keras")
        if self.class_name in EXCUSED and not own:
            return f"class {self.class_name}: {EXCUSED[self.class_name][2]}"
        where = f" of module {self.module}" if self.module else ""
        how = ["it can be taught with --layers"] if own else []
        return "; ".join([f"class {self.class_name}{where} is not known to weightscope", *how, *taught.failures()])

    def shape(self, *args, **kwargs):
        """Raise NotReplayable: nobody here knows."""
        raise NotReplayable(f"layer {self.name!r}: {self.refusal()}")


def _parts_of(attribute, held):
    """Yield ``(path, Layer)`` of what an attribute holds: containers as in Keras' ``_save_container_state``."""
    if isinstance(held, Layer):
        held.name = held.name or attribute.rpartition("/")[2]
        yield attribute, held
        return
    if not isinstance(held, (list, tuple, dict)):
        raise TypeError(f"sub_layers gives {type(held).__name__} for {attribute!r}, expected a layer or layers")
    used = {}
    for item in held.values() if isinstance(held, dict) else held:
        is_layer = isinstance(item, Layer)
        name = snake_case(item.stored_as or item.class_name) if is_layer else "container"
        used[name] = used.get(name, -1) + 1
        yield from _parts_of(f"{attribute}/{name}_{used[name]}" if used[name] else f"{attribute}/{name}", item)


def _shapes_text(shapes):
    return ", ".join(str(tuple(shape)) for shape in shapes)


def _with_activation(text, setting, activation):
    if activation.name == "linear":
        return re.sub(rf"\b{setting}\(((?:[^()]|\([^()]*\))*)\)", r"\1", text)
    return re.sub(rf"\b{setting}\b", activation.name, text)
