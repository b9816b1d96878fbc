"""Embeddings: a row of the table for a whole number."""

import numpy as np

from weightscope.explaining.steps import Move, Say
from weightscope.explaining.told import NotExplained, explains
from weightscope.layers.core_embedding import Embedding


@explains(Embedding)
def embedding(told):
    layer = told.layer
    if told.given.get("reverse") or layer.whole:
        raise NotExplained("the arithmetic of quantized rows, and of scores for rows, is not written out yet")
    *where, column = told.at
    number, table = int(told.x[tuple(where)]), told.whole("embeddings")
    row = number % len(table)
    yield Say(f"a whole number chooses a row of the table ({len(table)} × {table.shape[1]}); to multiply its one-hot"
              " vector by the table would give the same", key="row of a table")
    yield Say(f"{told.label('x', where)} = {number}" + (f", counted from the end: row {row}" if number < 0 else ""),
              of_numbers=True)
    yield Move(told.y, f"embeddings[{row}, {column}]", told.value, np.asarray(table)[row, column])
