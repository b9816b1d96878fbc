"""What a type checker sees of the public names: real types, and no Any."""

import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import weightscope

PROGRAM = Path(__file__).with_name("typed_program.py")
# What NumPy leaves open in its own types: how many axes, and of what precision or kind a number is.
OF_NUMPY = r"(?<=numpy\.ndarray\[)(tuple\[Any, \.\.\.\]|Any)|numpy\.(number|generic|floating|integer)\[Any(, [^\]]*)?\]"


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """What mypy --strict says of the program, and of the package as an installed one."""
    pytest.importorskip("mypy")
    # Elsewhere than in the checkout, whose weightscope would be checked as strictly as the program is.
    folder = tmp_path_factory.mktemp("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={folder}", str(PROGRAM)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


def test_the_strictest_checker_is_content(checked):
    assert not [line for line in checked.stdout.splitlines() if ": error:" in line]
    assert checked.returncode == 0, checked.stderr


def test_no_type_is_any(checked):
    revealed = re.findall(r'^.*:(\d+): note: Revealed type is "(.*)"$', checked.stdout, re.MULTILINE)
    assert len(revealed) == len(re.findall(r"^ *reveal_type\(", PROGRAM.read_text(encoding="utf-8"), re.MULTILINE)) > 30
    for number, kind in revealed:
        assert "Any" not in re.sub(OF_NUMPY, "", kind), f"line {number}: {kind}"


def test_the_program_uses_every_public_name():
    text = PROGRAM.read_text(encoding="utf-8")
    unused = [name for name in weightscope.__all__ if len(re.findall(rf"\b{name}\b", text)) < 1 + (name[0].isupper())]
    assert not unused


def test_the_package_says_that_it_is_typed():
    assert files("weightscope").joinpath("py.typed").is_file()
