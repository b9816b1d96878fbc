"""What Keras 3 cannot express, said of the layer that asks for it."""

from weightscope.errors import Unsupported


def unsupported(layer, reason):
    """Return the Unsupported that names a layer, its class, and why it cannot be converted."""
    return Unsupported(layer.about(reason))
