"""``weightscope layers``: which layer classes are replayed, and what there is to know of each."""

import click

from weightscope.commands import options
from weightscope.model.names import did_you_mean


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
    with options.report(output, layout, color) as report:
        report.classes(catalogue.entries()) if entry is None else report.layer_class(entry)
