"""Markdown, read back by a parser: the tables are tables, and a name is nothing but text."""

import io

from markdown_it import MarkdownIt

from weightscope.opening.load import load
from weightscope.show import markdown
from weightscope.show.overview import Overview


def written(path, **options):
    file = io.StringIO()
    markdown.model(Overview(load(path), **options), file)
    return file.getvalue()


def parsed(text):
    return MarkdownIt("commonmark").enable("table").parse(text)


def shown_text(token):
    """What a reader sees of an inline token."""
    return "".join(child.content for child in token.children if child.type in ("text", "code_inline"))


def tables(text):
    """Return [[[cell text]]]: tables of rows of cells."""
    found = []
    for token in parsed(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and token.level > 3:
            found[-1][-1].append(shown_text(token))
    return found


def test_layers_and_weights_are_tables(shown):
    ends, layers, weights = tables(written(shown["gates.keras"].path, with_statistics=True))
    assert ends[1] == ["input", "input_layer", "(None, 5, 3)", "float32"]
    assert [row[:3] for row in layers[1:4]] == [["input_layer", "InputLayer", "(None, 5, 3)"],
                                                ["memory", "LSTM", "(None, 5, 4)"],
                                                ["update", "GRU", "(None, 5, 3)"]]
    kernel = "kernel (3, 16) = 3 in × 4 gates of 4 units: i 0–3, f 4–7, c 8–11, o 12–15"
    assert weights[1][:5] == ["memory", kernel, "float32", "48", "yes"]
    bias = "bias (2, 9) = input|recurrent × 3 gates of 3 units: z 0–2, r 3–5, h 6–8"
    assert ["update", bias] in [row[:2] for row in weights]
    assert {len(row) for row in weights} == {12}
    assert {len(row) for row in layers} == {7}


def test_a_name_is_nothing_but_text(shown):
    text = written(shown["hostile.h5"].path, with_values=True)
    names = [row[0] for row in tables(text)[1]]
    assert names[2] == "[red]\\x1b[31mx|`<b>*a*\\u202e"
    html = [child.content for token in parsed(text) for child in token.children or [] if child.type == "html_inline"]
    assert set(html) <= {"<code>", "</code>", "<br>"}
    assert not [token for token in parsed(text) if token.type == "html_block"]
    assert not [c for token in parsed(text) for c in token.children or [] if c.type in ("em_open", "link_open")]


def test_the_ledger_stands_at_the_end(shown):
    text = written(shown["small.h5"].path)
    assert text.endswith("parameters 13 = trainable 13 + non-trainable 0\n")
    assert "arrays in file 4 = claimed 4 + optimizer state 0 + random state 0 + unclaimed 0" in text


def test_prose_that_quotes_a_file_stays_prose():
    quoted = "a *b* <script>x</script> `c` | [d](http://e) @f #1\x1b"
    token = parsed(markdown.prose(quoted))[1]
    assert {child.type for child in token.children} == {"text"}
    assert shown_text(token) == quoted.replace("\x1b", "\\x1b")
