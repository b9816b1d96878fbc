"""Hazards for people, as plain text: those of a scan, and those of one model in its report."""

from weightscope.checking.catalogue import ERROR, HAZARDS, NOTE, SEVERITIES, WARNING
from weightscope.model.names import printable
from weightscope.show.wording import counted

STYLES = {ERROR: "bold red", WARNING: "yellow", NOTE: "dim"}
MOST_OF_MODEL = 20


def report(found, page):
    """Write what a scan found: a line a finding, what each code could do, and the total."""
    for one in found.scanned:
        for finding in one.findings:
            page.line((f"{printable(one.path)}:", "bold"), *_pieces(finding))
    codes = codes_of(found)
    for code in codes:
        page.line()
        page.line((code, STYLES[HAZARDS[code].severity]), HAZARDS[code].title)
        page.line(f"could {HAZARDS[code].could}", indent=2)
        page.line(f"what to do: {HAZARDS[code].remedy.format(name='NAME')}", indent=2)
    if codes:
        page.line()
    page.line((total(found), "bold"))


def of_model(findings, page):
    """Write the hazards of one model, a line each."""
    for finding in findings[:MOST_OF_MODEL]:
        page.line(*_pieces(finding))
    if len(findings) > MOST_OF_MODEL:
        page.line(f"… {counted(len(findings) - MOST_OF_MODEL, 'hazard')} more: weightscope scan lists them")


def _pieces(finding):
    return (f"{finding.code} {finding.severity}", STYLES[finding.severity]), printable(finding.line())


def codes_of(found):
    """Return the codes of a scan's findings, each once."""
    return sorted({finding.code for one in found.scanned for finding in one.findings})


def total(found):
    """Return how much was found in how many files, in a sentence."""
    if not found.scanned:
        return f"no model was there to scan, among {counted(found.others, 'file')}"
    counts = [counted(found.count(severity), severity) for severity in SEVERITIES if found.count(severity)]
    others = f"; {counted(found.others, 'other file')}" if found.others else ""
    return f"{', '.join(counts) or 'nothing found'} in {counted(len(found.scanned), 'model')}{others}"
