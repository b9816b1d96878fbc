"""Keeps what the READMEs and the pages of ``docs/`` show true: below each ``$ weightscope …`` stands what it prints.

So is what stands between ``<!-- weightscope … -->`` and ``<!-- end -->``: tables that Markdown shows as such; and
between ``<!-- meanings -->``, ``<!-- hazards -->`` and their ends: the tables that ``weightscope.reference.meanings``
and ``weightscope.checking.catalogue`` are.

``python tests/fresh_readme.py`` writes them anew; ``test_readme.py`` fails where they are stale.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from weightscope.checking.catalogue import HAZARDS
from weightscope.reference.choosing import NAMES
from weightscope.reference.meanings import MEANINGS
from weightscope.show.markdown import table

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", ROOT / "sample_models" / "README.md", *sorted(DOCS.glob("*.md")))
BLOCK = re.compile(r"```console\n(\$ .*?)```", re.DOTALL)
TABLE = re.compile(r"<!-- (weightscope .*?) -->\n.*?<!-- end -->", re.DOTALL)
LISTED = re.compile(r"<!-- hazards -->\n.*?<!-- end -->", re.DOTALL)
MEANT = re.compile(r"<!-- meanings -->\n.*?<!-- end -->", re.DOTALL)


def commands(text):
    """Return the commands that a README shows with their output."""
    return [line[2:] for block in BLOCK.findall(text) for line in block.splitlines() if line.startswith("$ ")]


def printed(command):
    """Run ``weightscope …`` as its README shows it, at 80 columns, and return what goes to stdout."""
    words = shlex.split(command)
    if words[0] != "weightscope":
        raise ValueError(f"a console block shows {command!r}, which is no weightscope command")
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, env=environment, capture_output=True, text=True,
                          check=False)
    if done.returncode not in (0, 1, 3):
        raise RuntimeError(f"{command}: exit status {done.returncode}: {done.stderr}")
    return done.stdout


def meanings():
    """Return what files mean and a Keras of today computes otherwise, as a table."""
    rows = [(meaning.what, meaning.means, ", ".join(NAMES[kind] for kind in meaning.by), meaning.does, meaning.remedy)
            for meaning in MEANINGS]
    lines = table(("the file has", "and means", "computed otherwise by", "which", "what to do"), rows)
    return "\n".join(["<!-- meanings -->", *lines, "<!-- end -->"])


def hazards():
    """Return the catalogue of hazards, as a table."""
    rows = [(hazard.code, hazard.severity, hazard.title, hazard.could, hazard.remedy.format(name="NAME"))
            for hazard in HAZARDS.values()]
    return "\n".join(["<!-- hazards -->", *table(("code", "", "what", "could", "what to do"), rows), "<!-- end -->"])


def fresh(text):
    """Return a README's text with the output of every command as it is now."""
    def block(match):
        shown = [line for line in match[1].splitlines() if line.startswith("$ ")]
        return "```console\n" + "".join(f"{line}\n{printed(line[2:])}" for line in shown) + "```"

    def listed(match):
        return f"<!-- {match[1]} -->\n{printed(match[1])}<!-- end -->"

    text = LISTED.sub(lambda _: hazards(), text)
    return MEANT.sub(lambda _: meanings(), TABLE.sub(listed, BLOCK.sub(block, text)))


def main():
    """Write all pages anew."""
    for path in PAGES:
        path.write_text(fresh(path.read_text()))


if __name__ == "__main__":
    main()
