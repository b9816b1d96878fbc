"""What a layer's inputs are like, if all of it is to be used."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Wanted:
    """Of which inputs all of a layer's weights are reached; what is None may be anything.

    ``rows``: whole numbers from 0 up to this, without it, that number the rows of a table; ``values``: numbers or texts
    that it knows, one of each kind; ``words``: how many of those make a text, each parted from the next by
    ``between``; ``masked``: the value of steps that are left out, which stand at the end; ``scale``, ``offset``:
    numbers, or one for each channel, with which x · scale + offset is what lies behind it: around 0, or, with ``ends``,
    between these two.
    """

    rows: int | None = None
    values: tuple[Any, ...] = ()
    words: int | None = None
    between: str = " "
    masked: Any = None
    scale: Any = None
    offset: Any = 0.0
    ends: tuple[float, float] | None = None

    @property
    def is_of_values(self):
        """Whether it says which values are to be there, not only which steps are left out."""
        return bool((self.rows or 0) > 0 or self.values or self.scale is not None)
