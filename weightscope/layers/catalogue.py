"""All layer classes by family, and what there is to say of each: the words of the code, and of an example it builds."""

import inspect
import re
from dataclasses import dataclass, field

from weightscope.errors import WeightscopeError
from weightscope.layers import families
from weightscope.model import taught
from weightscope.model.examples import VARIANTS, example_of, inputs_of
from weightscope.model.excused import ALIASES, EXCUSED
from weightscope.model.layer import known_classes
from weightscope.model.model import Model
from weightscope.model.settings import MISSING
from weightscope.model.user_code import described, home

REPLAYED, PASSES, YOURS = "replayed", "passes through", "yours"
STANDINGS = (REPLAYED, PASSES, YOURS, "needs your code", "foreign", "abstract")


@dataclass
class Entry:
    """One layer class. ``standing`` is one of STANDINGS, ``reason`` why it is not simply replayed.

    ``family``: the file of ``weightscope.layers``, or of the user's, it stands in; ``layer_class``: None where
    weightscope has none; ``aliases``: Keras' other names for it.
    """

    name: str
    family: str
    standing: str
    reason: str
    layer_class: object
    aliases: list[str] = field(default_factory=list)

    @property
    def text(self):
        """What the class is, in its own words."""
        return inspect.cleandoc(self.layer_class.__doc__ or "") if self.layer_class else ""

    @property
    def formula(self):
        """The formula, with the names of weights and settings."""
        formula = getattr(self.layer_class, "formula", "")
        return inspect.cleandoc(formula) if isinstance(formula, str) else ""

    def settings(self):
        """Return ``(name, kind, default)`` of each setting; the default is None where the setting must be given."""
        found = self.layer_class.settings() if self.layer_class else {}
        return [(name, _KINDS.get(kind, kind), "" if default is MISSING else repr(default))
                for name, (kind, default) in found.items()]

    def without_effect(self):
        """Return the settings of Keras' that leave the result of ``predict`` as it is."""
        return [name for name in getattr(self.layer_class, "ignored", ()) if name not in self.layer_class.settings()]

    def refused(self):
        """Return the settings of Keras' that must be off for a replay."""
        return list(getattr(self.layer_class, "refuses", ()))

    def problem(self):
        """Return why no example of the class can be built, which has nothing to say of weights then; or None."""
        if self.layer_class is None:
            return self.reason
        try:
            self._example()
        except Exception as error:  # a class of the user's, whose settings we can but guess
            return described(error)
        return None

    def parts(self):
        """Return ``{attribute: class name}`` of the layers inside an example."""
        return {attribute: part.class_name for attribute, part in self._example().parts.items()}

    def weights(self):
        """Return ``(path, Weight, condition)`` of each weight; the condition is a setting that asks for it, or ""."""
        found = {path: (weight, "") for path, weight in _paths(self._example())}
        declared = self.layer_class.settings().items()
        flags = [(name, not default) for name, (kind, default) in declared if kind == "bool"]
        for name, value in [*flags, *VARIANTS.get(self.name, {}).items()]:
            for path, weight in _paths(self._example(**{name: value})):
                found.setdefault(path, (weight, f"{name}={value!r}"))
        return [(path, weight, condition) for path, (weight, condition) in found.items()]

    def shape(self):
        """Return the shapes that an example is called on, and the shape of its output, in the words of its settings.

        The output's is None where the example cannot tell it.
        """
        given = inputs_of(self.layer_class, self.family)
        if issubclass(self.layer_class, Model):
            return given, None  # as its graph says
        try:
            return given, self._example().output_shapes(given, {})
        except (WeightscopeError, TypeError, ValueError, LookupError, AttributeError):
            return given, None

    def _example(self, **changed):
        return example_of(self.layer_class, **changed)


_KINDS = {"PerAxis": "int | tuple", "PerAxis | None": "int | tuple | None", "PairPerAxis": "int | tuple",
          "object": "any", "Activation": "activation", "Layer": "layer", "Layer | None": "layer | None"}


def _paths(layer, prefix=""):
    for weight in layer.weights.values():
        yield prefix + "/".join(filter(None, (weight.at, weight.name))), weight
    for attribute, part in layer.parts.items():
        yield from _paths(part, f"{prefix}{attribute}/")


def entries():
    """Return an Entry for every class, Keras' by family and name, then those that the user taught."""
    families.bring_all()
    aliases = {}
    for alias, name in ALIASES.items():
        aliases.setdefault(name, []).append(alias)
    found = [_entry(name, known, aliases.get(name, [])) for name, known in known_classes().items()
             if name not in ALIASES]
    found += [Entry(name, *excuse, None) for name, excuse in EXCUSED.items() if name not in known_classes()]
    found.sort(key=lambda entry: (entry.family, entry.name))
    own = [Entry(name, home(known), YOURS, "taught", known) for name, known in taught.everything()[0].items()]
    return found + own


def family_of(layer_class):
    """Return the family of one of our layer classes: the file, or the folder of an old Keras, that it stands in."""
    home, *files = layer_class.__module__.split(".")[1:]
    if home == "model":  # what every model has: Keras keeps its input layer in layers/core, and Functional in models
        return "core" if files == ["input_layer"] else "models"
    return files[0] if files[0] in ("keras1", "keras2") else "_".join(files)


def _entry(name, known, aliases):
    family = family_of(known)
    if name in EXCUSED:
        return Entry(name, *EXCUSED[name], known, aliases)
    passes = isinstance(known.formula, str) and re.fullmatch(r"y = x( \(.*\))?", known.formula)
    standing, reason = (PASSES, "predict hands its input on") if passes else (REPLAYED, "")
    return Entry(name, family, standing, reason, known, aliases)


def entry_of(name):
    """Return the Entry of a class by its name or another name of Keras' for it, in any case; None where none is."""
    named = {other: entry for entry in entries() for other in (entry.name, *entry.aliases)}
    by_letters = {other.casefold(): entry for other, entry in reversed(named.items())}
    return named.get(name) or by_letters.get(name.casefold())


def names():
    """Return every name that ``entry_of`` knows."""
    return [name for entry in entries() for name in (entry.name, *entry.aliases)]
