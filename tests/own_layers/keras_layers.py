"""What a user of Keras writes: a transformer block in the manner of KerasHub, a stack of them, and named functions."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("own")
class TransformerBlock(layers.Layer):
    """Self-attention and a feed-forward net, each with its residual, normalized before or after."""

    def __init__(self, num_heads, intermediate_dim, dropout=0.1, activation="relu", normalize_first=False, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.intermediate_dim, self.dropout = num_heads, intermediate_dim, dropout
        self.activation, self.normalize_first = keras.activations.get(activation), normalize_first
        self.supports_masking = True

    def build(self, inputs_shape):
        """Make the parts, now that the features are known."""
        dim, same = inputs_shape[-1], {"dtype": self.dtype_policy}
        self._self_attention_layer = layers.MultiHeadAttention(self.num_heads, dim // self.num_heads, **same)
        self._self_attention_layer.build(inputs_shape, inputs_shape)
        self._self_attention_layer_norm = layers.LayerNormalization(epsilon=1e-5, **same)
        self._self_attention_layer_norm.build(inputs_shape)
        self._self_attention_dropout = layers.Dropout(self.dropout, **same)
        self._feedforward_layer_norm = layers.LayerNormalization(epsilon=1e-5, **same)
        self._feedforward_layer_norm.build(inputs_shape)
        self._feedforward_intermediate_dense = layers.Dense(self.intermediate_dim, activation=self.activation, **same)
        self._feedforward_intermediate_dense.build(inputs_shape)
        self._feedforward_output_dense = layers.Dense(dim, **same)
        self._feedforward_output_dense.build((*inputs_shape[:-1], self.intermediate_dim))
        self._feedforward_dropout = layers.Dropout(self.dropout, **same)

    def call(self, inputs, padding_mask=None, attention_mask=None, training=None):
        """Return the same shape: (batch, steps, features)."""
        seen = attention_mask
        if padding_mask is not None:
            padding = ops.cast(padding_mask, "bool")[:, None, :]
            seen = padding if seen is None else ops.logical_and(padding, ops.cast(seen, "bool"))
        x = self._self_attention_layer_norm(inputs) if self.normalize_first else inputs
        x = self._self_attention_layer(query=x, value=x, attention_mask=seen, training=training)
        x = inputs + self._self_attention_dropout(x, training=training)
        x = x if self.normalize_first else self._self_attention_layer_norm(x)
        y = self._feedforward_layer_norm(x) if self.normalize_first else x
        y = self._feedforward_output_dense(self._feedforward_intermediate_dense(y))
        y = x + self._feedforward_dropout(y, training=training)
        return y if self.normalize_first else self._feedforward_layer_norm(y)

    def compute_output_shape(self, inputs_shape):
        """Return the shape of the inputs."""
        return inputs_shape

    def get_config(self):
        """Return the settings."""
        return {**super().get_config(), "num_heads": self.num_heads, "intermediate_dim": self.intermediate_dim,
                "dropout": self.dropout, "activation": keras.activations.serialize(self.activation),
                "normalize_first": self.normalize_first}


class Stack(layers.Layer):
    """Blocks in a list, a list in a list, and weights of its own, some of which do not train. Not registered."""

    def __init__(self, depth, units, **kwargs):
        super().__init__(**kwargs)
        self.depth, self.units = depth, units
        self.blocks = [TransformerBlock(2, 6) for _ in range(depth)]
        self.heads = [[layers.Dense(units), layers.Dense(units)], [layers.Dense(units, use_bias=False)]]

    def build(self, inputs_shape):
        """Build the parts, and weights of its own."""
        for block in self.blocks:
            block.build(inputs_shape)
        for head in self.heads[0] + self.heads[1]:
            head.build(inputs_shape)
        self.shift = self.add_weight(shape=(self.units,), name="shift", trainable=False, initializer="ones")
        self.scale = self.add_weight(shape=(self.units,), name="scale")

    def call(self, inputs):
        """Return (batch, steps, units) and (batch, units)."""
        for block in self.blocks:
            inputs = block(inputs)
        (one, two), (three,) = self.heads
        y = one(inputs) * self.scale + two(inputs) + three(inputs) + self.shift
        return y, ops.max(y, axis=1)

    def get_config(self):
        """Return the settings."""
        return {**super().get_config(), "depth": self.depth, "units": self.units}


@keras.saving.register_keras_serializable("own")
class Dense(layers.Layer):
    """A class with the name of one of Keras' own: it only doubles."""

    def call(self, inputs):
        """Return twice the inputs."""
        return inputs * 2


def doubled(x, offset=0.0):
    """Return 2x + offset; for a Lambda."""
    return x * 2 + offset
