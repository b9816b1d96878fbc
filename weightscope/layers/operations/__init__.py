"""Every operation of ``keras.ops`` that weightscope can replay: importing this package fills the table of them."""

from weightscope.layers.operations import (  # noqa: F401  (imported for the functions they enter)
    arranging,
    core,
    creating,
    elementwise,
    fourier,
    image,
    linalg,
    losses,
    math,
    nn,
    picking,
    products,
    quantiles,
    reductions,
    transforms,
    windows,
)
from weightscope.layers.operations.table import Operation

__all__ = ["Operation"]
