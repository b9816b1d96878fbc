"""What a Comparison says where the referee is wrong: on what, how that is shown, and what to do."""

from weightscope.model.names import printable
from weightscope.show.wording import counted


def misjudged(result):
    """Return the verdict of a Comparison whose reference computes something else than the file means, in lines."""
    found = {}
    for row in result.misjudged:
        for meaning in row.meanings:
            found.setdefault(meaning, []).append(row)
    wrong = [f"{meaning.what}: {printable(result.reference)} {meaning.does}; the file means {meaning.means} (shown by"
             f" {_shown(rows)})" for meaning, rows in found.items()]
    remedies = dict.fromkeys(meaning.remedy for meaning in found)
    return [f"unchecked: the referee is wrong on this: {'; '.join(wrong)}",
            *(f"what to do: {remedy.replace('`', '')}" for remedy in remedies)]


def _shown(rows):
    first = f"layer '{printable(rows[0].path)}'"
    more = f" and {counted(len(rows) - 1, 'call')} more" if len(rows) > 1 else ""
    return f"{first}{more}: computed so, {'it gives' if len(rows) == 1 else 'they give'} what it gives there"
