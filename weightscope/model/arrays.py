"""What arrays are called in annotations. For type checkers alone: at run time nothing imports this."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike as ArrayLike
from numpy.typing import DTypeLike as DTypeLike
from numpy.typing import NDArray as NDArray

# Numbers of any kind and precision; the few layers that give words give arrays of text.
Array: TypeAlias = NDArray[np.number[Any]]
# What a layer or a model gives: an array, or a sequence or mapping of them, structured as Keras structures it.
Outputs: TypeAlias = "Array | Sequence[Outputs] | Mapping[str, Outputs]"
# What a model takes: an array (batch, …), a list of arrays in the order of its inputs, or a mapping by input name.
Inputs: TypeAlias = "ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike]"
