"""What every layer is: settings, weights with named axes, a formula, a shape rule and the maths.

A layer class writes down ``settings`` (annotations), ``formula``, ``weight_specs``, ``shape`` and ``forward``; the
plumbing here reads the config, hands the weights to ``forward`` by name, casts dtypes and passes masks on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from weightscope.errors import NotReplayable, Unreadable, WeightscopeError
from weightscope.model import settings, taught
from weightscope.model.excused import EXCUSED
from weightscope.model.formula import Activation, written
from weightscope.model.names import Shown, printable
from weightscope.model.refusing import Refuses
from weightscope.model.registry import (
    OPERATION,
    add_class,
    add_operation,
    class_of,
    known_classes,
    known_operations,
    operations_home,
)
from weightscope.model.running import MISFITS, Runs
from weightscope.model.structure import MOST_NAMED, at_path, flatten, no_such_layer, snake_case, with_paths
from weightscope.model.user_code import described, is_of_user
from weightscope.model.weight import Weight

if TYPE_CHECKING:
    from weightscope.files.saved import Stored
    from weightscope.model.arrays import Array
    from weightscope.model.wanted import Wanted

LayerClass = TypeVar("LayerClass", bound="type[Layer]")

__all__ = [
    "Activation", "Layer", "PartConfig", "Unknown", "Weight", "add_operation", "keras_layer", "known_classes",
    "known_operations", "layer_from",
]


@overload
def keras_layer(layer_class: LayerClass) -> LayerClass: ...


@overload
def keras_layer(layer_class: str) -> Callable[[LayerClass], LayerClass]: ...


def keras_layer(layer_class):
    """Class decorator: read the layers of this class name in a file as this class, ``layer_class``.

    A class of your own, so taught, answers for every class of its name that is none of Keras'. Where two packages use
    one name, ``@keras_layer("package>Class")`` answers for the class that Keras saved under that registered name only.
    Raises TypeError for what is no subclass of Layer, and for a setting that has the name of an attribute of Layer.
    """
    if isinstance(layer_class, str):
        return lambda found: _taught(found, layer_class)
    if is_of_user(layer_class):
        return _taught(layer_class, layer_class.__name__)
    add_class(layer_class)
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


def layer_from(config: Any) -> Layer:
    """Build a layer from Keras' serialised form ``{"class_name": …, "config": {…}}``.

    A class that weightscope does not know becomes ``Unknown``. Raises Unreadable for anything that is no such form.
    """
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise Unreadable(f"a layer's config should hold class_name and config, found {settings._short(config)}")
    class_name, inner = config["class_name"], config.get("config")
    if config.get("layout") == OPERATION:
        config = {**config, "module": operations_home(class_name)}
    if not isinstance(inner, dict):
        raise Unreadable(f"the config of a {class_name!r} should be a mapping, found {settings._short(inner)}")
    if not isinstance(config.get("module"), (str, type(None))):
        raise Unreadable(f"the module of a {class_name!r} should be a name, found {settings._short(config['module'])}")
    name = config.get("name") or inner.get("name") or class_name.lower()
    known = class_of(config) or Unknown
    try:
        layer = _built(known, inner, name, class_name)
    except Unreadable as error:
        if config.get("module") is not None or not _is_foreign(known, inner):
            raise
        reason = f"its settings are none of Keras' {class_name}, so it is another class of that name: {error}"
        layer = _built(Unknown, {**inner, "not_replayable": reason}, name, class_name)
    layer.class_name, layer.module = class_name, config.get("module")
    build_config = config.get("build_config")
    layer.build_config = build_config if isinstance(build_config, dict) else {}
    return layer


def _is_foreign(known, config):
    """Tell whether a config has settings that no Keras writes for a class: files of old formats name no modules."""
    return isinstance(known, type) and not is_of_user(known) and issubclass(known, Layer) and any(
        key not in {*known.settings(), *known.ignored, *known.refuses} and not settings.has_no_effect(key)
        for key in config)


def _built(layer_class, config, name, class_name):
    try:
        return layer_class(config, name)
    except WeightscopeError:
        raise
    except Exception as error:
        if is_of_user(layer_class):
            raise Unreadable(f"layer {name!r}: your class {layer_class.__name__}: {described(error)}") from error
        if not isinstance(error, MISFITS):
            raise
        raise Unreadable(f"layer {name!r} ({class_name}): its settings do not fit each other:"
                         f" {settings._short(error)}") from error


class PartConfig(dict):
    """The config of a layer of which no file tells the sizes: its weights do."""


class Layer(Runs, Refuses, Shown):
    """One layer of one model, with its settings, its weights and its maths; ``layer(x)`` runs it on arrays.

    Attributes: ``name`` and ``config``, the file's; ``class_name``; ``weights``, this layer's own by name, in Keras'
    order; ``parts``, the layers inside it by the attribute that holds them; ``trainable``; ``policy``, the dtype
    policy; ``compute_dtype``, NumPy's name of the dtype in which it computes. Every annotation of a class is a setting,
    and an attribute too: ``layer.units``. So is what ``sub_layers`` returns, where no other has its name.

    ``layer.get_weights()`` has all arrays in Keras' order, ``layer["forward_layer"]`` what is inside a wrapper.
    """

    if TYPE_CHECKING:  # an annotation that Python sees is a setting
        stored_as: str | None
        ignored: tuple[str, ...]
        rounds_to: str | None
        quantizes: tuple[str, ...]
        refuses: tuple[str, ...]
        fails_on: tuple[str, ...]
        _settings: dict[str, tuple[str, Any]]

    formula = ""
    supports_masking = False
    layout = ""  # one of registry.LAYOUTS, for a class that reads what Keras 3 would not
    stored_as = None  # the class name behind its folder in a Keras 3 file, where that is not class_name
    ignored = ()  # settings of this class that do not change what predict returns
    rounds_to = None  # what it rounds its inputs to (verdict/gaps.py), where coarser than their dtype
    quantizes = ()  # the modes of Keras' quantization that this class knows
    rounding = "general"  # what its budget follows from: "none", "products", "general" (verdict/budgets.py)
    fails_on = ()  # dtypes of whole numbers on which Keras cannot run it
    makes_floats = False  # whether whole numbers that go in become floats of its dtype
    finest = "float64"  # the longest float in which Keras computes it, whatever its dtype
    hands_on = False  # whether what it gives may be the very tensor that it was given, in Keras too
    is_operation = False  # whether it is a call of keras.ops, which Keras does not count among a model's layers
    inferred = ""  # what it seems to be, and by what, where the file does not tell
    refuses = ()  # settings that must be off (None or False): weightscope does not do what they ask

    def __init__(self, config: dict[str, Any], name: str) -> None:
        self.config = config
        self.name = name if isinstance(name, str) else str(name)
        self.class_name = type(self).__name__
        self.module: str | None = None
        self.build_config: dict[str, Any] = {}
        self.parts: dict[str, Layer] = {}
        self.policy: str = settings.policy_name(settings.of_path(config.get("dtype"), self.name))
        self.compute_dtype: str | None = settings.compute_dtype(self.policy)
        self.trainable = bool(config.get("trainable", True))
        self._read_settings()
        for attribute, held in self.sub_layers().items():
            self.parts.update(_parts_of(attribute, held))
            if not hasattr(self, attribute):
                setattr(self, attribute, held)
        self.weights: dict[str, Weight] = {weight.name: weight for weight in self.weight_specs()}

    # What a layer class may write.

    def sub_layers(self) -> Mapping[str, Any]:
        """Return ``{attribute: Layer}`` of the layers inside this one, named and ordered as Keras' class makes them.

        An attribute may also hold a list, a tuple or a mapping of layers, nested or not.
        """
        return {}

    def sub_layer(self, kind: str | type[Layer], **options: Any) -> Layer:
        """Return a layer for ``sub_layers``: ``kind`` is its class, or the name of a class of Keras or of your own.

        ``options``: its settings by Keras' names; sizes such as ``units`` may be left out, its weights tell them. Its
        dtype is this layer's, unless ``dtype`` gives another. Raises Unreadable for settings that it cannot have.
        """
        dtype = settings.of_path(self.config.get("dtype"), f"{self.name}/{options.get('name')}")
        config = PartConfig({"dtype": dtype, "trainable": self.trainable, **options})
        found = layer_from({"class_name": kind, "config": config}) if isinstance(kind, str) else kind(config, "")
        found.name = options.get("name") or ""  # without one, that of the attribute
        return found

    def weight_specs(self) -> Iterable[Weight]:
        """Yield a Weight for each variable of its own, trainable ones first, in Keras' order."""
        return ()

    if TYPE_CHECKING:  # a class takes the arguments of its Keras class, and its weights by name
        shape: Callable[..., Any]
        forward: Callable[..., Any]
        mask: Callable[..., Any]
    else:
        def shape(self, x):
            """Return the output's shape for an input's; the first axis, batch, may be None, as may any other.

            ``x``: a shape, a tuple of sizes, or a list of them for a list of inputs.
            """
            return x

        def forward(self, x):
            """Return the output for arrays ``x``, channels last; weights come as keyword arguments by their names."""
            raise NotImplementedError

        def mask(self, x, mask):
            """Return the mask of the output, given the first argument ``x`` and its mask (Keras' ``compute_mask``).

            ``mask``: booleans (batch, steps), or None.
            """
            return mask

    def wanted(self) -> Wanted | None:
        """Return of which inputs all of its weights are reached, None where any will do: for what is made up."""
        return None

    def learn(self, kept: Mapping[str, Stored]) -> bool:
        """Take from the arrays in the file what its config does not tell of this layer; return whether that is new.

        ``kept``: the arrays beside each other that are its own, by name (``kernel``), or by number where the file has
        numbers. It is asked where they are not those that the config speaks of.
        """
        return False

    def begin_again(self, **settings: Any) -> None:
        """Be built once more, with other settings than the file's config has."""
        told = self.class_name, self.module, self.build_config
        self.__init__({**self.config, **settings}, self.name)  # type: ignore[misc]
        self.class_name, self.module, self.build_config = told

    # Plumbing.

    @classmethod
    def settings(cls) -> dict[str, tuple[str, Any]]:
        """Return ``{setting: (annotation, default)}`` of this class."""
        if "_settings" not in cls.__dict__:
            cls._settings = settings.settings_of(cls)
        return cls._settings

    def _read_settings(self):
        for name, (annotation, default) in self.settings().items():
            value = self.config.get(name, default)
            if value is settings.MISSING and annotation == "int" and isinstance(self.config, PartConfig):
                continue
            if value is settings.MISSING:
                raise Unreadable(self.about(f"setting {name!r} is missing"))
            setattr(self, name, self.setting(name, annotation, value))

    def __getattr__(self, name: str) -> Any:
        # A size that sub_layer left out: the one that the weights have along the axis of this word.
        if name not in type(self).settings():
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        sizes = (weight.size_along(name) for weight in self.all_weights())
        return next((size for size in sizes if size is not None), None)

    def setting(self, name, annotation, value):
        """Return a config's value as the setting ``name``: an ``Activation`` callable, a ``Layer``, or a checked value.

        ``annotation``: what the class writes behind the name, as text. Raises Unreadable for a value of another kind.
        """
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

    def activations(self) -> dict[str, Any]:
        """Return ``{setting: Activation or Layer}`` of the settings that are activations."""
        return {name: getattr(self, name) for name, (kind, _) in self.settings().items() if kind == "Activation"}

    def inside(self) -> dict[str, Layer]:
        """Return ``{name: layer}`` of the layers in this one itself, by the names that make up paths."""
        return self.parts

    def paths(self) -> list[str]:
        """Return the paths of all layers inside this one, at any depth, as ``layer[path]`` takes them."""
        return [path for path, _ in with_paths(self)]

    def __getitem__(self, path: str) -> Layer:
        """Return the layer inside this one at a path: ``model["dense"]``, ``model["encoder/dense"]``.

        ``path``: names with slashes between them, as ``weightscope inspect`` shows them: of a nested model's layers, of
        what a wrapper has under an attribute (``bidirectional/forward_layer``, ``time_distributed/layer``). The paths
        of a Trace are such too: ``shared#2`` is the layer of the second call. Raises NoSuchLayer, a KeyError, with the
        paths that look like it, and TypeError for what is no text: by number a layer is ``model.layers[0]``.
        """
        if not isinstance(path, str):
            raise TypeError(f"a layer is found by its name or path, not by {path!r}; by number it is .layers[{path!r}]")
        found = at_path(self, path)
        if found is None:
            raise no_such_layer(self, path, list(with_paths(self)))
        return found

    def __contains__(self, path: object) -> bool:
        """Tell whether there is a layer at a path inside this one."""
        return isinstance(path, str) and at_path(self, path) is not None

    __iter__ = None  # else Python would ask for layer[0], layer[1], …

    def _ipython_key_completions_(self) -> list[str]:
        return self.paths()  # what Tab offers behind layer["

    def get_weights(self) -> list[Array]:
        """Return the arrays of this layer's weights and of those inside it, as Keras' ``get_weights`` does.

        The order is that of Keras 3, frozen or not: of each layer those that train first, then the layers inside it.
        bfloat16 comes as float32. Raises NotReplayable for a weight that the file does not have.
        """
        return [weight.array for weight in self.all_weights()]

    def with_parts(self) -> Iterator[Layer]:
        """Yield this layer and every layer inside it."""
        yield self
        for part in self.parts.values():
            yield from part.with_parts()

    @property
    def keeps_samples_apart(self) -> bool:
        """Whether each sample's output surely follows from that sample alone, so that a batch may be shared out."""
        axes = flatten([getattr(self, name, None) for name in ("axis", "axes")])
        apart = all(axis == -1 or axis > 0 for axis in axes if isinstance(axis, int))
        return not is_of_user(self) and apart and not getattr(self, "stateful", False)

    def mixes_samples(self, shapes: list[tuple[int, ...]]) -> bool:
        """Tell whether it looks at the whole batch if one sample of what it is called with has these ``shapes``."""
        return False

    @property
    def quantizes_now(self) -> bool:
        """Whether the policy of this layer says that its weights are quantized."""
        return settings.quantization(self.policy) is not None

    def saved_order(self) -> list[Weight]:
        """Return the weights as Keras 3 numbers them in its files: ``vars/0``, ``vars/1``, …"""
        return list(self.weights.values())

    def all_weights(self) -> Iterator[Weight]:
        """Yield this layer's own weights and then those of its parts, in Keras' order: those that Keras tracks."""
        yield from (weight for weight in self.weights.values() if weight.tracked)
        for part in self.parts.values():
            yield from part.all_weights()

    def written_formula(self) -> str:
        """Return ``formula`` with this layer's activations in it and without the terms it does not use."""
        return written(self.formula, self.activations(), "bias" not in self.weights and "use_bias" in self.settings())

    def about(self, said: str) -> str:
        """Return what is ``said`` of this layer, its name and class before it."""
        return f"layer {self.name!r} ({self.class_name}): {said}"

    def __repr__(self) -> str:
        own = [f"{weight.name} {weight.shape}" for weight in self.weights.values() if weight.shape is not None]
        told = [*own[:MOST_NAMED], *["…"] * (len(own) > MOST_NAMED)]
        return printable(f"<{self.class_name} {self.name!r}{': ' * bool(told)}{', '.join(told)}>")


class Unknown(Layer):
    """A layer of a class that weightscope does not know: shown with its weights, never run."""

    def refusal(self):
        """Say which class is asked for."""
        if "not_replayable" in self.config:
            return self.config["not_replayable"]
        of_keras = str(self.module or "keras").partition(".")[0] in ("keras", "tf_keras")
        if self.class_name in EXCUSED and of_keras:
            return f"class {self.class_name}: {EXCUSED[self.class_name][2]}"
        where = f" of module {self.module}" if self.module else ""
        how = ["it can be taught with --layer-code FILE"] if self.module is None or not of_keras else []
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
