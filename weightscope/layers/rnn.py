"""Keras' recurrent layers: a cell, the arithmetic of one step, and the walk over the steps of a sequence."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.convolve import working_dtype
from weightscope.kernels.recurrent import by_gate, projection, scan
from weightscope.model.layer import Activation, Layer, Weight, keras_layer, layer_from
from weightscope.model.structure import flatten, snake_case


class Cell(Layer):
    """One step: x (batch, in) and the states before, each (batch, units), give the output and the states after."""

    gates = ""  # the blocks of ``units`` in the last axis of the kernels, in Keras' order
    at = ""
    states = 1
    ignored = ("dropout", "recurrent_dropout", "implementation", "unit_forget_bias")
    units: int
    activation: Activation = "tanh"
    use_bias: bool = True

    @property
    def state_sizes(self):
        """The number of units of each state."""
        return (self.units,) * self.states

    @property
    def output_size(self):
        """The number of units of the output."""
        return self.units

    def weight_specs(self):
        blocks = f"{self.gates}:units" if self.gates else "units"
        yield Weight("kernel", f"in {blocks}", at=self.at)
        yield Weight("recurrent_kernel", f"units {blocks}", at=self.at)
        if self.use_bias:
            yield Weight("bias", self.bias_axes(blocks), at=self.at)

    def bias_axes(self, blocks):
        """Return the words for the bias' axes."""
        return blocks

    def step_functions(self, kernel, recurrent_kernel, bias=None):
        """Return ``project`` and ``step``, as ``kernels.recurrent.scan`` takes them."""
        raise NotImplementedError

    def shape(self, x, states=None):
        return [(*x[:-1], self.output_size), *((*x[:-1], size) for size in self.state_sizes)]

    def forward(self, x, states, **weights):
        project, step = self.step_functions(**weights)
        output, after = step(project(x[None])[:, 0], flatten(states))
        return output, list(after)


@keras_layer
class SimpleRNNCell(Cell):
    """One step of the plainest memory: the output is the state."""

    formula = "h ← activation(x · kernel + h · recurrent_kernel + bias)"

    def step_functions(self, kernel, recurrent_kernel, bias=None):
        recurrent_kernel = by_gate(recurrent_kernel, 1)

        def step(x, states):
            [h] = self.activation(np.add(x, states[0] @ recurrent_kernel, out=x))
            return h, [h]
        return projection(by_gate(kernel, 1), None if bias is None else by_gate(bias, 1)), step


@keras_layer
class LSTMCell(Cell):
    """One step of a memory c behind three gates: input i, forget f, output o."""

    formula = """
        i, f, c̃, o = blocks of x · kernel + h · recurrent_kernel + bias
        c ← recurrent_activation(f) · c + recurrent_activation(i) · activation(c̃)
        h ← recurrent_activation(o) · activation(c)"""
    gates = "i|f|c|o"
    states = 2
    recurrent_activation: Activation = "sigmoid"

    def step_functions(self, kernel, recurrent_kernel, bias=None):
        recurrent_kernel = by_gate(recurrent_kernel, 4)

        def step(x, states):
            h, c = states
            i, f, candidate, o = np.add(x, h @ recurrent_kernel, out=x)
            return self.remember(i, f, candidate, o, c)
        return projection(by_gate(kernel, 4), None if bias is None else by_gate(bias, 4)), step

    def remember(self, i, f, candidate, o, c):
        """Return the output h and the states (h, c) for the four blocks before their activations."""
        c = self.recurrent_activation(f) * c
        c += self.recurrent_activation(i) * self.activation(candidate)
        h = self.recurrent_activation(o) * self.activation(c)
        return h, [h, c]


@keras_layer
class GRUCell(Cell):
    """One step of a memory h with two gates: update z, reset r."""

    formula = """
        input:     zₓ, rₓ, hₓ = blocks of x · kernel + bias
        recurrent: zₕ, rₕ, hₕ = blocks of h · recurrent_kernel + bias
        z = recurrent_activation(zₓ + zₕ)
        r = recurrent_activation(rₓ + rₕ)
        h ← z · h + (1 − z) · activation(hₓ + r · hₕ)"""
    formula_reset_before = """
        zₓ, rₓ, hₓ = blocks of x · kernel + bias
        zₕ, rₕ = blocks z, r of h · recurrent_kernel
        z = recurrent_activation(zₓ + zₕ)
        r = recurrent_activation(rₓ + rₕ)
        hₕ = (r · h) · block h of recurrent_kernel
        h ← z · h + (1 − z) · activation(hₓ + hₕ)"""
    gates = "z|r|h"
    recurrent_activation: Activation = "sigmoid"
    reset_after: bool = True

    def __init__(self, config, name):
        super().__init__(config, name)
        if not self.reset_after:
            self.formula = self.formula_reset_before

    def bias_axes(self, blocks):
        return f"input|recurrent {blocks}" if self.reset_after else blocks

    def step_functions(self, kernel, recurrent_kernel, bias=None):
        kernel, recurrent_kernel = by_gate(kernel, 3), by_gate(recurrent_kernel, 3)
        bias = None if bias is None else by_gate(bias, 3)  # with reset_after two rows: input and recurrent
        if not self.reset_after:
            return projection(kernel, bias), self._reset_before(recurrent_kernel)
        input_bias, recurrent_bias = (None, 0) if bias is None else (bias[:, :1], bias[:, 1:])

        def step(x, states):
            h = states[0]
            inner = h @ recurrent_kernel
            inner += recurrent_bias
            z, r = self.recurrent_activation(x[:2] + inner[:2])
            return self._update(z, h, x[2] + r * inner[2])
        return projection(kernel, input_bias), step

    def _reset_before(self, recurrent_kernel):
        def step(x, states):
            h = states[0]
            z, r = self.recurrent_activation(x[:2] + h @ recurrent_kernel[:2])
            return self._update(z, h, x[2] + (r * h) @ recurrent_kernel[2])
        return step

    def _update(self, z, h, candidate):
        h = z * h + (1 - z) * self.activation(candidate)
        return h, [h]


@keras_layer
class StackedRNNCells(Layer):
    """Cells on top of each other: each takes the output of the one below."""

    formula = "y = the last of cells(… cells(x))"
    cells: list

    def sub_layers(self):
        counts, found = {}, {}
        for config in self.cells:
            cell = layer_from(config)
            name = snake_case(cell.class_name)
            counts[name] = count = counts.get(name, -1) + 1
            found[f"cells/{name}_{count}" if count else f"cells/{name}"] = cell
        return found

    @property
    def state_sizes(self):
        """The number of units of each state of each cell, from the lowest cell up."""
        return tuple(size for cell in self.parts.values() for size in cell.state_sizes)

    @property
    def output_size(self):
        """The number of units of the last cell's output."""
        return list(self.parts.values())[-1].output_size

    def step_functions(self):
        """Return ``project`` of the lowest cell, and one ``step`` through all of them."""
        cells = [(cell.step_functions(**cell.arrays()), len(cell.state_sizes)) for cell in self.parts.values()]

        def step(x, states):
            states, after = list(states), []
            for level, ((project, cell_step), count) in enumerate(cells):
                projected = project(x[None])[:, 0] if level else x
                x, new = cell_step(projected, states[:count])
                after.extend(new)
                del states[:count]
            return x, after
        return cells[0][0][0], step


class Recurrent(Layer):
    """The walk of a cell over the steps of x (batch, steps, in)."""

    supports_masking = True
    makes_floats = True
    at = "cell"
    carried = None  # within a run of a stateful layer: the states that its last call ended with
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    zero_output_for_mask: bool = False
    masked_beside_states: bool = False  # a dialect's word: Keras 2 fills in the mask where states are given, too

    def shape(self, x):
        batch, steps = x[:2]
        y = (batch, steps, self.output_size) if self.return_sequences else (batch, self.output_size)
        return [y, *((batch, size) for size in self.state_sizes)] if self.return_state else y

    def mask(self, x, mask):
        kept = flatten(mask)[0] if self.return_sequences else None
        return [kept, *(None for _ in self.state_sizes)] if self.return_state else kept

    def forward(self, x, initial_state=None, mask=None, **weights):
        dtype, work = x.dtype, working_dtype(x)
        states = self._first_states(x) if initial_state is None else flatten(initial_state)
        states = [state.astype(work, copy=False) for state in states]
        mask = flatten(mask)[0]
        y, states = self._walk(x.astype(work, copy=False), states, mask, self.step_functions(**weights))
        if self.carried is not None:
            self.carried = states
        y = y.astype(dtype, copy=False)
        return (y, *(state.astype(dtype, copy=False) for state in states)) if self.return_state else y

    def _fill_masks(self, given, masks, first):
        super()._fill_masks(given, masks, first)
        beside_states(self, given, masks, first)

    def initial_states(self, x):
        """Return the zeros that the states begin with; a stateful layer begins so in every run."""
        return [np.zeros((len(x), size), x.dtype) for size in self.state_sizes]

    def _first_states(self, x):
        if not self.carried:
            return self.initial_states(x)
        if len(self.carried[0]) != len(x):
            raise NotReplayable(f"layer {self.name!r} is stateful: it cannot go from a batch of"
                                f" {len(self.carried[0])} samples to one of {len(x)}")
        return self.carried

    def _walk(self, x, states, mask, cell):
        mask = None if mask is None else mask.astype(bool, copy=False)
        turn = slice(None, None, -1 if self.go_backwards else 1)
        order = mask if mask is None else mask[:, turn]
        zero = self.zero_output_for_mask
        if not (zero and self.unroll and self.go_backwards and self.return_sequences) or mask is None:
            return scan(cell, x[:, turn], states, order, self.return_sequences, zero)
        # Keras' unrolled loop zeroes the reversed outputs by the mask in its own order (backend/tensorflow/rnn.py).
        y, states = scan(cell, x[:, turn], states, order)
        return np.where(mask.reshape(*mask.shape, *(1,) * (y.ndim - 2)), y, 0), states


def beside_states(layer, given, masks, first):
    """Put the mask of the sequence among the arguments ``given``, where a layer of Keras 2 has states there too."""
    if layer.masked_beside_states and given.get("mask") is None:
        given["mask"] = masks.get(first)


@keras_layer
class SimpleRNN(Recurrent, SimpleRNNCell):
    """The plainest memory: the output is fed back at the next step."""


@keras_layer
class LSTM(Recurrent, LSTMCell):
    """A memory c behind three gates: input i, forget f, output o."""


@keras_layer
class GRU(Recurrent, GRUCell):
    """A memory h with two gates: update z, reset r."""


@keras_layer
class RNN(Recurrent):
    """Any cell, walked over the steps of a sequence."""

    formula = "y, states ← cell(x, states) at each step"
    cell: "Layer"

    @property
    def state_sizes(self):
        """The number of units of each state of the cell."""
        return self.cell.state_sizes

    @property
    def output_size(self):
        """The number of units of the cell's output."""
        return self.cell.output_size

    def step_functions(self):
        """Return the two functions of the cell."""
        return self.cell.step_functions(**self.cell.arrays())
