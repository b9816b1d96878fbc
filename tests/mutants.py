"""Seeded mutants of weightscope: small faults in its code, each of which the tests should notice.

``python tests/mutants.py`` makes 60 of them, one at a time, in a copy of this checkout, and runs the tests on it, those
that mirror the mutated file first, until one fails. ``--tests FOLDER`` takes the tests of another checkout, so that two
suites are compared on the same mutants. What survives is listed, and may change nothing: ``a <= b`` where they are
never equal.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import keras  # noqa: F401  (for all that are forked)
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.remove(str(ROOT / "tests"))  # the copy's are to be imported
WINGS = ("layers", "kernels", "opening", "verdict")
COPIED = ("weightscope", "sample_models", "docs", "README.md", "LICENSE", "Makefile", "pyproject.toml")
NOT_ABOUT_BEHAVIOUR = ("test_floors.py", "test_typed_program.py", "test_readme.py", "test_start.py")
BESIDE = {"keras1": "old", "resize": "images", "hashing": "preprocessing", "convolve": "convolutional", "gaps": "sides"}
LONGEST = 1800  # seconds; a mutant that hangs is noticed too
OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
}


def main():
    """Make mutants, run the tests on each, and print which were noticed by what."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="*", help="the numbers of those to run, and no other")
    parser.add_argument("--tests", type=Path, default=ROOT / "tests", help="a folder of tests")
    parser.add_argument("--near", action="store_true", help="only the tests of the mutated file and of its folder")
    parser.add_argument("--list", action="store_true", help="say what they are, and run nothing")
    options = parser.parse_args()
    survived, run = [], 0
    for number, (path, line, change, source) in enumerate(mutants(options.count, options.seed)):
        what = f"{number:2} {path}:{line}: {change}"
        if options.list:
            print(what)
        if options.list or number not in (options.only or range(options.count)):
            continue
        noticed = noticed_by(path, source, options.tests, options.near)
        run += 1
        print(f"{what}  {noticed or 'SURVIVED'}", flush=True)
        if not noticed:
            survived.append(number)
    print(f"{run - len(survived)} of {run} noticed; survived: {survived}")


def mutants(count, seed):
    """Return ``(path, line, change in words, source)`` of so many places, drawn from all files by their size."""
    chosen = random.Random(seed)
    files = sorted(path for wing in WINGS for path in (ROOT / "weightscope" / wing).rglob("*.py"))
    places = [(path, index) for path in files for index in range(len(_changes(path.read_text())))]
    found = []
    for path, index in chosen.sample(places, count):
        source = path.read_text()
        node, after = _changes(source)[index]
        found.append((path.relative_to(ROOT), node.lineno, *_changed(source, node, after)))
    return found


def _changes(source):
    """Return ``(node, what takes its place)`` of every expression in a function that has another of its kind."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, (ast.FunctionDef, ast.Lambda)):
            body = function.body if isinstance(function.body, list) else [function.body]
            found += [(node, after) for part in body for node in _of_interest(part) for after in _others(node)]
    unique = {(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, ast.unparse(after)): (node, after)
              for node, after in found}
    return [unique[key] for key in sorted(unique)]


def _of_interest(node):
    """Yield the nodes below, but not what is only said: errors, texts, and annotations."""
    if isinstance(node, (ast.Raise, ast.JoinedStr, ast.Assert)):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _of_interest(child)


def _others(node):
    """Yield what may stand in the place of an expression by mistake."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER:
        yield _with(node, ops=[OTHER[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in OTHER:
        yield _with(node, op=OTHER[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield _with(node, body=node.orelse, orelse=node.body)
    elif isinstance(node, ast.Constant) and type(node.value) in (bool, int, float):
        yield ast.Constant(not node.value if isinstance(node.value, bool) else node.value + 1)


def _with(node, **changes):
    other = copy.copy(node)
    for name, value in changes.items():
        setattr(other, name, value)
    return other


def _changed(source, node, after):
    """Return a change in words, and the source with it."""
    lines = source.encode().splitlines(keepends=True)
    start = sum(map(len, lines[:node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[:node.end_lineno - 1])) + node.end_col_offset
    before, text = source.encode()[start:end].decode(), ast.unparse(after)
    changed = source.encode()[:start] + f"({text})".encode() + source.encode()[end:]
    return f"{' '.join(before.split())} → {text}", changed.decode()


def noticed_by(path, source, tests, near=False):
    """Return which test fails on a copy of this checkout with ``source`` at ``path``, or "".

    ``near``: only the tests of that file and of its folder are run.
    """
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "checkout"
        copied.mkdir()
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, copied / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, copied)
        shutil.copytree(tests, copied / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        (copied / path).write_text(source)
        ranks = list(_in_order(copied, path))
        found = next(filter(None, (_failed(copied, files) for files in (ranks[:-1] if near else ranks))), "")
        (copied / path).write_text((ROOT / path).read_text())
        test = found.partition(" ")[2].partition("[")[0]
        if "::" in test and _failed(copied, [test]):
            raise SystemExit(f"{test} fails in a copy without a mutant: what it notices says nothing")
        return found


def _in_order(checkout, path):
    """Yield lists of test files: first those whose names have most of the mutated file's words, last all others."""
    everything = [file for file in sorted((checkout / "tests").rglob("test_*.py"))
                  if file.name not in NOT_ABOUT_BEHAVIOUR]
    words = _words(path) | {BESIDE.get(word, word) for word in _words(path)}
    shared = {file: len(words & _words(file.relative_to(checkout))) for file in everything}
    for most in sorted(set(shared.values()), reverse=True):
        yield [file for file in everything if shared[file] == most]


def _words(path):
    return set(" ".join(path.with_suffix("").parts).replace("_", " ").split()) - {"weightscope", "tests", "test"}


def _failed(checkout, files):
    """Return the first test in files that fails, "" where none does."""
    with tempfile.TemporaryFile("w+") as said:
        pid = os.fork()  # of a process that has imported Keras, which takes longer than most of these tests
        if not pid:
            _run_pytest(checkout, files, said)
        status = _ended(pid)
        said.seek(0)
        failed = [line for line in said.read().splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return (failed[0].split(" - ")[0] if failed else status) if status else ""


def _run_pytest(checkout, files, said):
    status = 1
    try:
        for number in (1, 2):
            os.dup2(said.fileno(), number)
        os.setpgid(0, 0)
        os.chdir(checkout)
        sys.path.insert(0, str(checkout))
        os.environ["PYTHONPATH"] = str(checkout)
        status = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *map(str, files)]))
    finally:
        os._exit(status)


def _ended(pid):
    """Wait for a process, and return in words what was wrong with it, "" for nothing."""
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return f"status {os.waitstatus_to_exitcode(status)}" if status else ""
        time.sleep(0.1)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "no end"


if __name__ == "__main__":
    main()
