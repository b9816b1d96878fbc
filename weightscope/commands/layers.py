"""``weightscope layers``: which layer classes are replayed, and what there is to know of each."""

import click

from weightscope.commands import options
from weightscope.show.names import did_you_mean


@click.command("layers", short_help="Show which layer classes are replayed, and all about one of them.")
@click.argument("name", metavar="[CLASS]", required=False)
@options.own_layers
@options.layout
@options.color
@options.output
def command(name, layout, color, output):
    """Show every layer class of Keras by family, and what weightscope does with it; or all about one CLASS.

    CLASS is any name in keras.layers: Dense, LSTM, Convolution2D. Its page has what it does, the formula, settings
    with their defaults, weights with their axes, and the rule for the output's shape.
    """
    from weightscope.layers import catalogue

    entry = None if name is None else catalogue.entry_of(name)
    if name is not None and entry is None:
        raise click.BadParameter(f"{name!r} is no layer class of Keras.{did_you_mean(name, catalogue.names())}",
                                 param_hint="CLASS")
    with options.destination(output) as file:
        _write(catalogue.entries() if entry is None else entry, file, layout, color)


def _write(found, file, layout, color):
    is_table = isinstance(found, list)
    if layout == "json":
        from weightscope.show import json
        (json.classes if is_table else json.layer_class)(found, file)
    elif layout == "markdown":
        from weightscope.show import markdown
        (markdown.classes if is_table else markdown.layer_class)(found, file)
    else:
        from weightscope.show import classes
        (classes.table if is_table else classes.one)(found, options.page(file, color))
