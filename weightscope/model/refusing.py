"""Why a layer cannot be replayed: what its config asks for, and what its weights do not fit."""

from __future__ import annotations

import math
from collections.abc import Iterator

from weightscope.model import settings
from weightscope.model.formula import Activation
from weightscope.model.user_code import is_of_user
from weightscope.model.weight import named


class Refuses:
    """The part of every Layer that tells whether what the file says of it can be replayed."""

    def refusal(self) -> str | None:
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
        mode = settings.quantization(self.policy)
        if mode and mode.split("/")[0] not in self.quantizes:
            return f"quantization {mode!r} of a {self.class_name} is not replayed"
        if self.compute_dtype is None:
            return f"dtype policy {self.policy!r} is not replayed"
        return next(self._missing(), None)

    def _missing(self):
        for activation in self.activations().values():
            if isinstance(activation, Activation) and not activation.known:
                yield f"activation {activation.name!r} is none of Keras'"
            elif isinstance(activation, Activation) and activation.lacks:
                yield (f"activation {activation.name!r} asks for {' and '.join(activation.lacks)}, which the file does"
                       " not hold, so that Keras cannot run it either")
        yield from self.weight_faults()
        for part in self.parts.values():
            reason = part.refusal()
            if reason:
                yield f"its {part.class_name} {part.name!r}: {reason}"

    def weight_faults(self) -> Iterator[str]:
        """Yield what is wrong with each of its own weights: it is missing, or not what the config says."""
        for weight in self.weights.values():
            if weight.shape is None and weight.tracked:
                yield f"weight {weight.name!r} is not in the file"
            elif weight.stored is not None:
                yield from self._misfits(weight)

    def oversized_weight(self, most: int) -> str | None:
        """Return what is wrong with a weight for which the config asks for more than ``most`` values, or None."""
        for weight in () if is_of_user(self) else self.weights.values():
            sizes = weight.shape or [1] * len(weight.axes.split())
            asked = math.prod(self._asked_for(word) or size for word, size in zip(weight.axes.split(), sizes))
            if asked > max(weight.size, most):
                return next(self.weight_faults(), None)
        return None

    def _asked_for(self, word):
        """Return the size of an axis that the config states, or None."""
        name, blocks = named(word)
        stated = getattr(self, name, None) if name in self.settings() else None
        return stated * max(len(blocks), 1) if type(stated) is int else None

    def input_fault(self, shape: tuple[int | None, ...]) -> str | None:
        """Return which of its weights was made for another input than one of this ``shape``, or None."""
        if is_of_user(self) or len(shape) < 2:
            return None
        for word, axis in self._channel_axes():
            known = -len(shape) <= axis < len(shape) and shape[axis] is not None
            for weight in self.weights.values() if known else ():
                size = weight.size_along(word)
                if size not in (None, shape[axis] // self.groups_of_input):
                    return f"weight {weight.name!r} has {size} along {word}, its input {shape} has {shape[axis]}"
        return None

    def _channel_axes(self):
        """Yield the words that stand for the size of an axis of the input, and which axis that is."""
        yield "in", -1 - getattr(self, "rank", 0) if getattr(self, "channels_first", False) else -1
        axis = getattr(self, "axis", None)
        axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
        if isinstance(axis, int) and not isinstance(axis, bool):
            yield "channels", axis

    @property
    def groups_of_input(self) -> int:
        """Into how many groups a convolution parts the channels of its input, each with weights of its own."""
        groups = getattr(self, "groups", 1) if "filters" in self.settings() else 1
        return groups if isinstance(groups, int) and groups > 0 else 1

    def _misfits(self, weight):
        words = weight.axis_words()
        if words is None:
            yield f"weight {weight.name!r} has shape {weight.shape}, expected the axes {weight.axes!r}"
            return
        if weight.dtype.startswith("complex") and not str(self.compute_dtype).startswith("complex"):
            yield f"weight {weight.name!r} holds {weight.dtype} numbers, the config says {self.compute_dtype}"
        if weight.dtype == "int8" and not self.quantizes_now and not is_of_user(self):
            yield f"weight {weight.name!r} is quantized, which the config does not speak of"
        for word, size in zip(words, weight.shape):
            name, blocks = named(word)
            expected = getattr(self, name, None) if name in self.settings() else None
            if type(expected) is int and expected * max(len(blocks), 1) != size:
                yield f"weight {weight.name!r} has {size} along {word}, the config says {name}={expected}"
