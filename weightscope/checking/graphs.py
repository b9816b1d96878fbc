"""What a graph of TensorFlow may do besides arithmetic: read and write files, load libraries, call Python.

Sources: the operations of ``tf.raw_ops`` in TensorFlow 2.21, and the functions of ``tf`` that make them.
"""

import re

from weightscope.checking.catalogue import Finding

# Those that save and restore a checkpoint stand in every SavedModel, as do those that fill a table from its assets.
FILES = re.compile(
    r"ReadFile|WriteFile|MatchingFiles\w*|WholeFileReader\w*|FixedLengthRecord(Reader|Dataset)\w*|IdentityReader\w*"
    r"|TextLine(Reader|Dataset)\w*|TFRecord(Reader|Dataset)\w*|LMDB(Reader|Dataset)|CSVDataset\w*|SqlDataset"
    r"|CacheDataset\w*|SnapshotDataset\w*|Snapshot(Chunk|Nested)?DatasetReader|(Save|Load)Dataset\w*|DistributedSave"
    r"|DatasetToTFRecord|ListSnapshotChunksDataset|DataServiceDataset\w*|RegisterDataset\w*|RecordInput"
    r"|LoadAndRemapMatrix|CreateSummary(Db|File)Writer|StatsAggregatorSetSummaryWriter|FileSystemSetConfiguration"
    r"|Debug(Gradient(Ref)?)?Identity\w*|DebugNan\w*|DebugNumeric\w*")
PYTHON = re.compile(r"PyFunc\w*|EagerPyFunc|GeneratorDataset")
_EXPERIMENTAL = "Experimental"
_REACHING = re.compile(
    r"(io|data|saved_model|summary|train|debugging|raw_ops|lite|tpu|test|sysconfig|profiler|experimental|distribute|gfile"
    r"|audio\.decode|config|contrib|logging|resource_loader)\..*|.*(py_func|numpy_function|load_|read_file|write_file)"
    r"\w*|print|Print", re.DOTALL)
_OLD = "compat.v1."  # how calls of tf.pad, tf.squeeze and others are recorded


def of_operations(operations):
    """Yield the findings of a graph; ``operations``: the name of the first node of each operation."""
    for operation, node in operations.items():
        found = _of(operation)
        if found:
            yield Finding(found[0], f"node {node!r}", f"its graph {found[1]}: {operation}")


def reaching_out(class_name, settings):
    """Return (code, what is said) of a layer that is a call of TensorFlow's, or None where it only computes."""
    if class_name == "TensorFlowOpLayer":
        node = settings.get("node_def")
        name = node.get("op") if isinstance(node, dict) else None
        found = _of(name) if isinstance(name, str) else None
        return found and ("WS409", f"is a node of TensorFlow's that {found[1]}: {name}")
    name = settings.get("function")
    if class_name == "TFOpLambda" and isinstance(name, str) and _REACHING.fullmatch(name.removeprefix(_OLD)):
        return "WS409", f"calls TensorFlow's {name}, which is no arithmetic"
    return None


def _of(operation):
    plain = operation.removeprefix(_EXPERIMENTAL)
    if FILES.fullmatch(plain):
        return "WS451", "reads or writes files"
    if PYTHON.fullmatch(plain):
        return "WS452", "calls Python"
    return None
