"""Sums as Keras' TensorFlow backend makes them: what has one long axis is taken for a bias."""


def bias_axis(shape, added):
    """Return the axis of an array of ``shape`` along which Keras adds one of shape ``added``; None for NumPy's way.

    Where the second has one axis longer than 1, of the length of the first's last axis, or else of its axis 1, it goes
    along that axis, wherever its own one stands (``add`` in keras/src/backend/tensorflow/numpy.py).
    """
    long = [size for size in added if size > 1]
    if len(long) != 1 or len(shape) < 2:
        return None
    return next((axis for axis in (-1, 1) if shape[axis] == long[0]), None)


def added(x, y, plainly=False):
    """Return x + y as ``keras.ops.add`` does, for arrays of shapes that broadcast; ``plainly``: as NumPy does."""
    axis = None if plainly else bias_axis(x.shape, y.shape)
    if axis is None:
        return x + y
    return x + (y.reshape(-1) if axis == -1 else y.reshape(-1, *(1,) * (x.ndim - 2)))
