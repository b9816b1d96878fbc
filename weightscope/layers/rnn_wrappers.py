"""Keras' wrappers for sequences: a layer run in both directions, and a layer run at every step."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.layers.rnn import beside_states
from weightscope.model.layer import Layer, keras_layer, layer_from
from weightscope.model.model import Model
from weightscope.model.structure import flatten, is_shape

MERGED = {
    "sum": lambda forward, backward: forward + backward,
    "mul": lambda forward, backward: forward * backward,
    "ave": lambda forward, backward: (forward + backward) / 2,
    "concat": lambda forward, backward: np.concatenate([forward, backward], axis=-1),
    None: lambda forward, backward: (forward, backward),
}


@keras_layer
class Bidirectional(Layer):
    """A recurrent layer that reads the sequence forwards, and one that reads it backwards, merged."""

    formula = "y = merge_mode of forward_layer(x) and backward_layer(x), the latter turned round again"
    supports_masking = True
    layer: dict
    backward_layer: "dict | None" = None
    merge_mode: "str | None" = "concat"
    masked_beside_states: bool = False  # a dialect's word: Keras 2 fills in the mask where states are given, too

    def sub_layers(self):
        forward = layer_from(_renamed(self.layer, "forward_"))
        backward = layer_from(self.backward_layer or _renamed(self.layer, "backward_", go_backwards=True))
        for part in (forward, backward):
            if hasattr(part, "zero_output_for_mask"):  # Keras' Bidirectional.__init__ sets it, whatever the file says
                part.zero_output_for_mask = part.return_sequences
        return {"forward_layer": forward, "backward_layer": backward}

    def refusal(self):
        """Refuse wrapped layers that are not recurrent, and ways to merge that Keras does not have."""
        if self.merge_mode not in MERGED:
            return f"merge_mode={self.merge_mode!r} is none of Keras'"
        for part in self.parts.values():
            if not hasattr(part, "return_sequences"):
                return f"its {part.class_name} {part.name!r} is no recurrent layer that weightscope knows"
        return super().refusal()

    def shape(self, x):
        found = self.parts["forward_layer"].shape(x)
        y, states = (found, []) if is_shape(found) else (found[0], found[1:])
        if self.merge_mode == "concat":
            y = (*y[:-1], 2 * y[-1])
        merged = [y] if self.merge_mode else [y, y]
        return [*merged, *states, *states] if len(merged) + len(states) > 1 else y

    def mask(self, x, mask):
        kept = flatten(mask)[0] if self.parts["forward_layer"].return_sequences else None
        return kept if self.merge_mode else [kept, kept]

    def _fill_masks(self, given, masks, first):
        super()._fill_masks(given, masks, first)
        beside_states(self, given, masks, first)

    def forward(self, x, initial_state=None, mask=None):
        states = (None, None)
        if initial_state is not None:
            half = len(initial_state) // 2
            states = initial_state[:half], initial_state[half:]
        calls = zip(self.parts.values(), states, strict=True)
        y, y_back = (part.run((x,), {"initial_state": state, "mask": mask})[0] for part, state in calls)
        layer, after = self.parts["forward_layer"], ()
        if layer.return_state:
            (y, *after), (y_back, *after_back) = y, y_back
            after = (*after, *after_back)
        y, y_back = self.cast(y), self.cast(y_back)
        merged = MERGED[self.merge_mode](y, y_back[:, ::-1] if layer.return_sequences else y_back)
        if not after:
            return merged
        return (*merged, *after) if self.merge_mode is None else (merged, *after)


def _renamed(config, prefix, **settings):
    # As in Keras' Bidirectional.__init__; a config that is no layer's is refused by layer_from.
    inner = config.get("config")
    if not isinstance(inner, dict):
        return config
    name = prefix + str(inner.get("name", "")).removeprefix(prefix)
    return {**config, "config": {**inner, "name": name, **settings}}


@keras_layer
class TimeDistributed(Layer):
    """Runs the same layer at every step of (batch, steps, …)."""

    formula = "y[:, t] = layer(x[:, t]) at each step t"
    supports_masking = True
    layer: Layer

    def refusal(self):
        """Refuse layers that mix the samples of a batch: here all steps of all samples are run as one batch."""
        return _mixing(self.layer) or super().refusal()

    def shape(self, x):
        y = self.layer.shape((x[0], *x[2:]))
        return (y[0], x[1], *y[1:])

    def forward(self, x, mask=None):
        batch, steps = x.shape[:2]
        merged = x.reshape(batch * steps, *x.shape[2:])
        step_masks = None if mask is None else mask.reshape(batch * steps, *mask.shape[2:])
        y, _ = self._run(merged, step_masks)
        if not isinstance(y, np.ndarray):
            raise NotReplayable(f"layer {self.name!r}: its {self.layer.class_name} has more than one output")
        return y.reshape(batch, steps, *y.shape[1:])

    def _run(self, x, mask):
        # Keras runs the layer's bare call: a mask reaches it only where call takes one.
        if isinstance(self.layer, Model):
            return self.layer.run((x,), masks=(mask,))
        return self.layer.run((x,), {"mask": mask} if "mask" in self.layer._call_names() else {})


def _mixing(layer):
    """Return why a layer, or one inside it, does not treat each sample on its own; None where it does."""
    axes = getattr(layer, "axis", None)
    if getattr(layer, "stateful", False):
        return f"its {layer.class_name} {layer.name!r} is stateful"
    if 0 in (axes if isinstance(axes, (list, tuple)) else [axes]):
        return f"its {layer.class_name} {layer.name!r} works along the batch"
    return next(filter(None, map(_mixing, layer.parts.values())), None)
