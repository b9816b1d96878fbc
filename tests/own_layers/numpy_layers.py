"""What the same user writes for weightscope."""

import numpy as np

import weightscope


@weightscope.keras_layer
class TransformerBlock(weightscope.Layer):
    """Self-attention and a feed-forward net, each with its residual, normalized before or after."""

    formula = """
        x ← x + attention(x, x), the layer norm before or after as normalize_first says
        y = x + dense(dense(x)), normalized likewise"""
    supports_masking = True
    ignored = ("dropout",)
    num_heads: int
    intermediate_dim: int
    activation: weightscope.Activation = "relu"
    normalize_first: bool = False

    def sub_layers(self):
        return {
            "_self_attention_layer": self.sub_layer("MultiHeadAttention", num_heads=self.num_heads),
            "_self_attention_layer_norm": self.sub_layer("LayerNormalization", epsilon=1e-5),
            "_feedforward_layer_norm": self.sub_layer("LayerNormalization", epsilon=1e-5),
            "_feedforward_intermediate_dense": self.sub_layer(
                "Dense", units=self.intermediate_dim, activation=self.activation.name),
            "_feedforward_output_dense": self.sub_layer("Dense"),
        }

    def forward(self, inputs, padding_mask=None, attention_mask=None, mask=None, inputs_mask=None):
        seen = attention_mask
        if padding_mask is not None:
            padding = padding_mask.astype(bool)[:, None, :]
            seen = padding if seen is None else padding & seen.astype(bool)
        masks = [inputs_mask if mask is None else mask] * 2  # in Keras they ride on the tensors
        x = self._self_attention_layer_norm(inputs) if self.normalize_first else inputs
        x, _ = self._self_attention_layer.run((x, x), {"attention_mask": seen}, masks)
        x = inputs + x
        x = x if self.normalize_first else self._self_attention_layer_norm(x)
        y = self._feedforward_layer_norm(x) if self.normalize_first else x
        y = x + self._feedforward_output_dense(self._feedforward_intermediate_dense(y))
        return y if self.normalize_first else self._feedforward_layer_norm(y)


@weightscope.keras_layer
class Stack(weightscope.Layer):
    """Blocks, one after the other, and three dense layers of the last one's output."""

    formula = "y = one(x) · scale + two(x) + three(x) + shift, and its maximum over the steps"
    depth: int
    units: int

    def weight_specs(self):
        yield weightscope.Weight("scale", "units")
        yield weightscope.Weight("shift", "units", trainable=False)

    def sub_layers(self):
        return {
            "blocks": [self.sub_layer("TransformerBlock", num_heads=2, intermediate_dim=6) for _ in range(self.depth)],
            "heads": [[self.sub_layer("Dense", units=self.units), self.sub_layer("Dense")],
                      [self.sub_layer("Dense", use_bias=False)]],
        }

    def shape(self, x):
        return [(*x[:-1], self.units), (x[0], self.units)]

    def forward(self, x, scale, shift):
        for block in self.blocks:
            x = block(x)
        (one, two), (three,) = self.heads
        y = one(x) * scale + two(x) + three(x) + shift
        return y, np.max(y, axis=1)


@weightscope.keras_layer("own>Dense")
class Doubling(weightscope.Layer):
    """A class with the name of one of Keras' own: it only doubles."""

    formula = "y = 2 x"

    def forward(self, x):
        return x * 2


@weightscope.keras_lambda("doubled")
def doubled(x, offset):
    """Return 2x + offset, in place of the Lambda layer ``doubled``."""
    return x * 2 + offset
