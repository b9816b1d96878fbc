"""Windows that slide over space: which part of the input an output sees, and how many of them there are."""

from dataclasses import dataclass

from weightscope.explaining.steps import Say
from weightscope.kernels.windows import margins, output_length, reach

STEPS = "ijk"  # what the steps of a window are called, axis by axis
AXES = {1: ("steps",), 2: ("rows", "columns"), 3: ("layers", "rows", "columns")}


@dataclass
class Axis:
    """One axis of space: its ``length``, and the ``size``, ``stride``, ``padding`` and ``dilation`` of its windows."""

    length: int
    size: int
    stride: int
    padding: str
    dilation: int = 1

    @property
    def count(self):
        """How many windows there are."""
        return output_length(self.length, self.size, self.stride, self.padding, self.dilation)

    @property
    def margins(self):
        """How many steps of padding are put before and after."""
        return margins(self.length, self.size, self.stride, self.padding, self.dilation)

    def start(self, window):
        """Return the step of the input on which a window begins; what is before 0 is padding."""
        return window * self.stride - self.margins[0]

    def steps(self, window):
        """Return ``(step of the window, step of the input)`` of those that are no padding."""
        found = ((t, self.start(window) + t * self.dilation) for t in range(self.size))
        return [(t, at) for t, at in found if 0 <= at < self.length]

    def counted(self):
        """Return the formula of the number of windows with its numbers: ``(500 - 7)//2 + 1 = 247``."""
        if self.padding != "valid":
            return f"⌈{self.length} / {self.stride}⌉ = {self.count}"
        seen = str(self.size) if self.dilation == 1 else f"(({self.size} - 1)·{self.dilation} + 1)"
        return f"({self.length} - {seen})//{self.stride} + 1 = {self.count}"

    def padded(self):
        """Return in words how much padding there is and why, or ''."""
        before, after = self.margins
        if not (before or after):
            return ""
        covered = reach(self.size, self.dilation)
        if self.padding == "causal":
            return f"{before} steps of padding are put before, so that no output sees what comes after it"
        why = f"({self.count} - 1)·{self.stride} + {covered} - {self.length} = {before + after} steps of padding"
        odd = "; the odd one stands after" if after == before + 1 else ""
        return f"{why}, {before} before and {after} after{odd}"


def axes_of(space, sizes, strides, padding, dilations=(1, 1, 1)):
    """Return an Axis for each of the lengths ``space``."""
    return [Axis(length, size, stride, padding, dilation)
            for length, size, stride, dilation in zip(space, sizes, strides, dilations)]


def words(axes, at):
    """Yield what is said of windows: how many there are, what is padded, and which one is at ``at``."""
    names = AXES[len(axes)] if len(axes) in AXES else [f"axis {number}" for number in range(len(axes))]
    for name, text in _together(names, [axis.counted() for axis in axes]):
        yield Say(f"windows along the {name}: {text}")
    for name, text in _together(names, [axis.padded() for axis in axes]):
        if text:
            yield Say(f"along the {name}: {text}")
    yield Say(f"window {', '.join(map(str, at))} sees {', '.join(_seen(*of) for of in zip(names, axes, at))} of x")


def _together(names, texts):
    """Return ``(names, text)``, the axes of which the same is said together."""
    found = {}
    for name, text in zip(names, texts):
        found.setdefault(text, []).append(name)
    return [(" and the ".join(some), text) for text, some in found.items()]


def _seen(name, axis, window):
    first, last = axis.start(window), axis.start(window) + (axis.size - 1) * axis.dilation
    text = f"{name} {first}" if first == last else f"{name} {first} to {last}"
    if axis.dilation > 1 and axis.size > 1:
        text += f", every {axis.dilation}{'nd' if axis.dilation == 2 else 'rd' if axis.dilation == 3 else 'th'},"
    outside = [at for at in range(first, last + 1, axis.dilation) if not 0 <= at < axis.length]
    if not outside:
        return text.rstrip(",")
    return f"{text.rstrip(',')} ({', '.join(map(str, outside))} {'is' if len(outside) == 1 else 'are'} padding)"


def symbols(axes, at):
    """Return the index of a window's steps in symbols: ``["494 + i", "j"]``."""
    found = []
    for letter, axis, window in zip(STEPS, axes, at):
        first, step = axis.start(window), letter if axis.dilation == 1 else f"{axis.dilation}·{letter}"
        found.append(str(first) if axis.size == 1 else step if first == 0 else f"{first} + {step}")
    return found
