"""The output formats by name: how each writes a model, a Comparison, all layer classes, and one of them.

A format is made for a text file and the wish for colours, and imports what it needs when it writes: a report in one
format costs nothing for the others.
"""

import os


class Terminal:
    """Text for people, in a terminal's colours where there is one."""

    def __init__(self, file, color="auto"):
        self._file, self._color = file, color

    def model(self, view):
        """Write an ``Overview`` of a model."""
        from weightscope.show import text
        text.model(view, self._page())

    def comparison(self, result, rows=None, quiet=False, verbose=False, legend=None):
        """Write a Comparison, in at most ``rows`` rows and those that do not agree.

        ``quiet``: the verdict in one line, with the whole path of the file; ``verbose``: both questions apart;
        ``legend``: say what the columns are, None for in a terminal only.
        """
        if quiet:
            from weightscope.show.verdict import headline
            self._file.write(headline(result, result.file) + "\n")
            return
        from weightscope.show.rows import comparison
        comparison(result, self._page(), rows, verbose, self._file.isatty() if legend is None else legend)

    def explanation(self, view):
        """Write an ``Explained``."""
        from weightscope.show import explained
        explained.write(view, self._page())

    def classes(self, entries):
        """Write all layer classes."""
        from weightscope.show import classes
        classes.table(entries, self._page())

    def layer_class(self, entry):
        """Write all about one layer class."""
        from weightscope.show import classes
        classes.one(entry, self._page())

    def findings(self, found):
        """Write the ``Report`` of a scan."""
        from weightscope.show import findings
        findings.report(found, self._page())

    def _page(self):
        """Return the page: in colours where ``color`` and the file ask for them.

        ``auto`` is a terminal's colours, none with NO_COLOR, and those of a terminal in any case with FORCE_COLOR.
        """
        auto = self._color == "auto"
        forced = self._color == "always" or (auto and bool(os.environ.get("FORCE_COLOR")))
        without = self._color == "never" or (auto and bool(os.environ.get("NO_COLOR")))
        if without or not (forced or self._file.isatty()):
            from weightscope.show.text import Page
            return Page(self._file)
        from weightscope.show.terminal import TerminalPage
        return TerminalPage(self._file, forced)


class Document:
    """The base of a format that is one module, whose functions write each report to a file."""

    def __init__(self, file, _color="never"):
        self._file = file

    def _module(self):
        raise NotImplementedError

    def model(self, view):
        """Write an ``Overview`` of a model."""
        self._module().model(view, self._file)

    def comparison(self, result, rows=None, quiet=False, verbose=False, legend=None):
        """Write a Comparison as the Terminal does; ``quiet``: no rows but those that do not agree."""
        self._module().comparison(result, self._file, 0 if quiet else rows, verbose, bool(legend))

    def explanation(self, view):
        """Write an ``Explained``."""
        self._module().explanation(view, self._file)

    def classes(self, entries):
        """Write all layer classes."""
        self._module().classes(entries, self._file)

    def layer_class(self, entry):
        """Write all about one layer class."""
        self._module().layer_class(entry, self._file)

    def findings(self, found):
        """Write the ``Report`` of a scan."""
        self._module().findings(found, self._file)


class Json(Document):
    """For programs: one JSON document."""

    def _module(self):
        from weightscope.show import json
        return json


class Markdown(Document):
    """For pull requests and pages."""

    def _module(self):
        from weightscope.show import markdown
        return markdown


FORMATS = {"terminal": Terminal, "json": Json, "markdown": Markdown}
