"""What a file holds, not yet understood: `Saved`, one `Stored` for each array in it, and the `Ledger` of them all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

from weightscope.files.containers import Oddity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(slots=True)
class Stored:
    """One array in the file. Nothing of its values is read before `read` is called.

    ``path`` is the path inside the file, ``dtype`` NumPy's name of the type, or "bfloat16"; ``nbytes`` is what the
    array takes in the file when it is not compressed, which ``is_packed`` says it is.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    size: int
    nbytes: int
    _values: "Callable[[], NDArray[np.number[Any]]]" = field(repr=False)
    _pieces: "Callable[[], Iterator[tuple[tuple[int, ...], NDArray[np.number[Any]]]]] | None" = field(
        default=None, repr=False)
    is_packed: bool = False

    def read(self) -> "NDArray[np.number[Any]]":
        """The values, as a fresh array of ``shape``, in the byte order of this machine.

        bfloat16, which NumPy does not have, comes as float32: it is the upper half of one, so the values are exact.
        Raises: ``Unreadable`` if the bytes are damaged or packed by a filter that weightscope does not run;
        ``ValueError`` once the file is closed.
        """
        return self._values()

    def pieces(self) -> "Iterator[tuple[tuple[int, ...], NDArray[np.number[Any]]]]":
        """The values in boxes that are in memory one at a time: where each begins, and what is in it.

        Raises: what `read` raises, and ``Unsafe`` for a box, as the file packs it, that takes too much memory.
        """
        if self._pieces is None:
            yield (0,) * len(self.shape), self.read()
        else:
            yield from self._pieces()


@dataclass
class Saved:
    """What one file holds. Use it as a context manager, or call `close`: arrays are read from the open file.

    ``path``             the file, as it was given to `read`
    ``format``           "keras archive", "keras folder", "legacy h5 model", "legacy h5 weights", "keras 0 weights",
                         "keras weights h5", "SavedModel folder", "tensorflow checkpoint" or, without arrays,
                         "architecture"
    ``keras_version``    the version that saved it, if the file says so
    ``backend``          the backend that saved it, if the file says so
    ``config``           the model's configuration, if the file has one
    ``arrays``           every array of numbers in the file, by path, in the order of the file
    ``order``            legacy formats: for each name in ``layer_names`` the paths of its arrays in the order of
                         ``weight_names``, and the model's own below "top_level_model_weights"; None for Keras 3
    ``missing``          legacy formats: for a name in ``layer_names`` the paths of its list that are no arrays
    ``optimizer``        the paths of the arrays that are the state of an optimizer
    ``metadata``         a .keras archive's metadata.json
    ``training_config``  a legacy model's loss, metrics and optimizer settings
    ``assets``           a .keras archive's extra files, such as vocabularies: name → a function that reads the bytes
    ``objects``          checkpoints: for each object that TensorFlow tracks, its children by name, and its array; the
                         first is the model
    ``architecture``     the path of another file that the configuration is from
    ``bind``             legacy formats: what decides where order and names contradict each other, if that was asked for
    ``others``           what else is in the file, and is no array of numbers: name → what it is, in words
    ``operations``       a SavedModel's: reads the operations of its graph, with the name of the first node of each
    ``oddities``         what is odd about the file as a container, for ``checking`` to judge
    """

    path: str
    format: str
    keras_version: str | None = None
    backend: str | None = None
    config: dict[str, Any] | None = None
    arrays: dict[str, Stored] = field(default_factory=dict)
    order: dict[str, list[str]] | None = None
    missing: dict[str, list[str]] = field(default_factory=dict)
    optimizer: frozenset[str] = frozenset()
    metadata: dict[str, Any] = field(default_factory=dict)
    training_config: dict[str, Any] | None = None
    assets: dict[str, Callable[[], bytes]] = field(default_factory=dict)
    objects: list[tuple[dict[str, int], str | None]] | None = None
    architecture: str | None = None
    bind: str | None = None
    others: dict[str, str] = field(default_factory=dict)
    oddities: list[Oddity] = field(default_factory=list)
    operations: Callable[[], dict[str, str]] = field(default=dict, repr=False)
    _names: Callable[[], dict[str, str]] = field(default=dict, repr=False)
    _close: Callable[[], None] = field(default=lambda: None, repr=False)

    @cached_property
    def names(self) -> dict[str, str]:
        """Keras 3 layouts: path of a layer's group → the name that the user gave the layer.

        Read at the first use, for only files without a configuration need it. Raises: ``Unreadable``.
        """
        return self._names()

    @property
    def training(self) -> set[str]:
        """The paths of the arrays that only training uses: the state of an optimizer, and that of metrics."""
        return {path for path in self.arrays if path in self.optimizer or path.startswith("metrics/")}

    @property
    def keeps_weights_only(self) -> bool:
        """Whether a model has to be built from ``config`` first, and then given the weights of this file."""
        return self.architecture is not None or self.format in ("SavedModel folder", "tensorflow checkpoint")

    @property
    def is_old(self) -> bool:
        """Whether the file is of Keras 1 or 2: by its version, or without one by its format.

        What Keras 3 exports as a SavedModel holds no configuration.
        """
        if self.keras_version:
            return str(self.keras_version).split(".")[0] in ("0", "1", "2")
        return self.order is not None or (self.format == "SavedModel folder" and self.config is not None)

    def take_config(self, other: "Saved") -> None:
        """Take the configuration of another file, and the version it is written in; the arrays stay this file's."""
        self.config, self.architecture = other.config, other.path
        self.keras_version = other.keras_version or self.keras_version
        self.backend = self.backend or other.backend
        self.order = None if self.objects else self.order

    def close(self) -> None:
        """Close the file. Arrays can no longer be read from it."""
        self._close()

    def __enter__(self) -> "Saved":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@dataclass
class Ledger:
    """Where every array of a file went: ``total == claimed + optimizer + state + len(unclaimed)``.

    ``claimed``: arrays that are some layer's weight; ``optimizer``: its state, and that of metrics; ``state``: counters
    of random generators; ``unclaimed``: paths of the rest. ``problems``: what did not fit, a line each. Of a legacy
    file: ``contested``, where the order of the arrays, by which Keras loads them, and their names contradict each other
    and both fit, a line each; ``notes``, what was made of it; ``chosen``, "order" or "names" where somebody chose.
    """

    total: int
    claimed: int
    optimizer: int
    state: int
    unclaimed: list[str]
    problems: list[str] = field(default_factory=list)
    contested: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    chosen: str | None = None

    @property
    def closes(self) -> bool:
        """Whether every array is accounted for exactly once."""
        return self.total == self.claimed + self.optimizer + self.state + len(self.unclaimed)
