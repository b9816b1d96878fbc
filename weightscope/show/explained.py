"""What ``explain`` found, before any format says it: a block for each call, and how it is written as text."""

from weightscope.model.names import printable
from weightscope.show.board import MOST_TERMS, Board, digits
from weightscope.show.wording import counted, sum_text

MOST_IN_WALK = 4  # terms of a sum, where all layers are shown


class Explained:
    """Explanations of calls: ``blocks``, ``(path, Explanation or the reason for none)``, in their order.

    ``chosen``: the path that was asked for, None for all; ``sample``: its number, None without an input: then there are
    symbols in the place of numbers; ``description``: of the input.
    """

    def __init__(self, model, blocks, chosen, sample, description):
        self.model, self.blocks, self.chosen, self.sample = model, blocks, chosen, sample
        self.description, self.feeders = description, dict(model.feeders())

    @property
    def with_numbers(self):
        """Whether there is an input, and so numbers."""
        return self.sample is not None

    @property
    def lacks(self):
        """Whether the arithmetic of some number is not written out."""
        return any(isinstance(found, str) or found.why_not for _, found in self.blocks)

    def board(self, width):
        """Return a new Board for the steps."""
        return Board(width, self.with_numbers, MOST_TERMS if self.chosen else MOST_IN_WALK)

    def given(self, path, found):
        """Return in words what a call is given: ``x (2,) from dense``."""
        sources = self.feeders.get(path) or []
        texts = [f"{name} {_shape(shape)}" for name, shape in found.given]
        if len(texts) == len(sources):
            return ", ".join(f"{text} from {printable(source)}" for text, source in zip(texts, sources))
        return ", ".join(texts) + (f" from {', '.join(map(printable, sources))}" if sources else "")


def _shape(shape):
    return str(tuple(shape))


def heading(view):
    """Return the line over all blocks: which model, and which sample."""
    name = printable(view.model.saved.path)
    return f"{name}, sample {view.sample}" if view.with_numbers else f"{name}, in symbols: --input shows numbers"


def ending(view, found):
    """Return the last line of a block: the number, and where it stands."""
    at = f"[{', '.join(map(str, found.at))}]" if found.at else ""
    return f"y{at} = {digits(found.value)}" if view.with_numbers else f"y{at}"


def write(view, page):
    """Write all blocks on a Page of text."""
    board = view.board(page.width - 2)
    page.line((heading(view), "bold"))
    for path, found in view.blocks:
        page.line()
        if isinstance(found, str):
            page.line((printable(path), "bold"), printable(view.model[path].class_name))
            page.line((f"not replayed: {printable(found)}", "yellow"), indent=2)
        else:
            _block(view, path, found, page, board)


def _block(view, path, found, page, board):
    layer = found.layer
    parameters = sum(weight.size for weight in layer.all_weights())
    page.line((printable(path), "bold"), (printable(layer.class_name), "cyan"),
              f"{sum_text(layer)}{counted(parameters, 'parameter')}" if parameters else "")
    for line in printable_lines(layer.written_formula()):
        page.line((line, "magenta"), indent=2)
    page.line((f"{view.given(path, found)} → {_shape(found.shape)}", "green"), indent=2)
    if found.why_not:
        page.line(ending(view, found), (f"not explained: {printable(found.why_not)}", "yellow"), indent=2)
        return
    page.raw(map(printable, board.lines(found.steps)), indent=2)


def printable_lines(text):
    """Return the lines of a text, each as it may be shown."""
    return [printable(line) for line in text.splitlines()]
