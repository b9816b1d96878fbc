"""Operations of TensorFlow's graphs: those that do more than arithmetic, and those that every SavedModel has."""

import pytest

from weightscope.checking.graphs import of_operations
from weightscope.errors import Unreadable
from weightscope.files.savedmodel import operations


@pytest.mark.parametrize(("operation", "code"), [
    ("ReadFile", "WS451"), ("WriteFile", "WS451"), ("MatchingFiles", "WS451"), ("TFRecordDatasetV2", "WS451"),
    ("ExperimentalLMDBDataset", "WS451"), ("SaveDatasetV2", "WS451"), ("CreateSummaryFileWriter", "WS451"),
    ("PyFunc", "WS452"), ("EagerPyFunc", "WS452"), ("PyFuncStateless", "WS452")])
def test_what_reaches_out(operation, code):
    found, = of_operations({operation: "node"})
    assert (found.code, found.place) == (code, "node 'node'") and operation in found.said


@pytest.mark.parametrize("operation", [
    "MatMul", "Conv2D", "SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename", "StringJoin",
    "InitializeTableFromTextFileV2", "StatefulPartitionedCall", "VarHandleOp", "Identity", "ReadVariableOp"])
def test_what_every_savedmodel_has(operation):
    assert list(of_operations({operation: "node"})) == []


def field(number, data):
    """Return a field of a message, of fewer than 128 bytes."""
    return bytes([number << 3 | 2, len(data)]) + data


def node(name, operation):
    """Return a NodeDef."""
    return field(1, name) + field(2, operation)


def test_operations_are_read_from_graphs_and_functions():
    function = field(3, node(b"inner", b"ReadFile")) + field(3, node(b"other", b"ReadFile"))
    graph = field(1, node(b"outer", b"MatMul")) + field(2, field(1, function))
    saved = b"\x08\x01" + field(2, field(2, graph))
    assert operations(saved) == {"MatMul": "outer", "ReadFile": "inner"}
    with pytest.raises(Unreadable):
        operations(saved[:-3])
