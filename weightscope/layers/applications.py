"""Layers that some architectures of ``keras.applications`` bring along: they are no public layers of Keras."""

from weightscope.model.layer import Layer, Weight, keras_layer


@keras_layer
class LayerScale(Layer):
    """Scales each channel by a weight of its own (``keras/src/applications/convnext.py``)."""

    formula = "y = x · gamma"
    ignored = ("init_values",)
    projection_dim: int

    def weight_specs(self):
        yield Weight("gamma", "projection_dim")

    def forward(self, x, gamma):
        return x * gamma


@keras_layer
class StochasticDepth(Layer):
    """Passes its input through; in training it drops whole samples (``keras/src/applications/convnext.py``)."""

    formula = "y = x"
    ignored = ("drop_path_rate",)

    def forward(self, x):
        return x


@keras_layer
class CustomScaleLayer(Layer):
    """Adds to the first input a share of the second (``keras/src/applications/inception_resnet_v2.py``)."""

    formula = "y = a + scale · b"
    scale: "float | int"

    def shape(self, inputs):
        return inputs[0]

    def forward(self, inputs):
        return inputs[0] + inputs[1] * inputs[1].dtype.type(self.scale)
