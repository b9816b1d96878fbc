"""The page of plain text, in the colours and the width of a terminal. The only file that imports rich."""

from rich.console import Console
from rich.text import Text

from weightscope.show import text


class TerminalPage(text.Page):
    """A Page whose styles are rich's; ``forced`` gives colours to what is no terminal too, in the width of a pipe."""

    def __init__(self, file, forced):
        super().__init__(file)
        if forced:
            self.console = Console(file=file, force_terminal=True, color_system="standard", no_color=False)
        else:
            self.console = Console(file=file)
        if file.isatty():
            self.width = max(self.console.width, text.LEAST_WIDTH)

    def write(self, pieces, start, end, indent):
        """Print the characters from ``start`` to ``end`` of joined pieces, in their styles."""
        line = Text("  ").join(Text(content, style) for content, style in pieces)[start:end]
        self.console.print(Text(" " * indent) + line, soft_wrap=True, highlight=False)
