"""``weightscope inspect``: the layers of a model, each weight with its meaning, and where every array went."""

import click

from weightscope.commands import options
from weightscope.model.names import did_you_mean

MOST_LOOKED_AT = 1 << 25  # bytes of an array that is read to see whether all of it are numbers


@click.command("inspect", short_help="Show every layer, and every weight with its meaning.")
@options.model_argument
@click.option("--layer", "chosen", multiple=True, metavar="NAME",
              help="Only this layer; a name, a path such as encoder/dense, or a pattern such as 'conv*'. Repeatable.")
@click.option("--stats", is_flag=True, help="Min, max, mean, standard deviation, zeros, NaN and Inf of each weight.")
@click.option("--values", is_flag=True, help="The values: all of a small weight, the corners of a large one.")
@click.option("--full/--summary", default=None, help="All of every layer, or one line a layer; without either, one line"
                                                    " each where there are more than 40.")
@options.reading
@options.own_layers
@options.layout
@options.color
@options.output
def command(model, reading, chosen, stats, values, full, layout, color, output):
    """Show every layer of the saved MODEL, and every weight with a word for each of its axes.

    MODEL is a .keras, .h5, .hdf5 or .weights.h5 file. No code of it runs, and Keras is not needed. At the end stands
    where each array of the file went: to a layer, to the optimizer, or to nobody.

    Exit status: 1 where a weight is missing, not what the model says of it, or not finite.
    """
    from weightscope.files.untrusted import about
    from weightscope.opening.load import load
    from weightscope.show.not_finite import weight_text
    from weightscope.show.overview import Overview
    from weightscope.verdict.finite import of_stored

    view = Overview(load(model, **reading), stats, values, full)
    _choose(view, chosen)
    with about(model):
        view.problems += map(weight_text, of_stored(view.model, MOST_LOOKED_AT))
        with options.report(output, layout, color) as report:
            report.model(view)
    raise SystemExit(1 if view.problems else 0)


def _choose(view, patterns):
    names = [block.layer.name for block in view.all_blocks()]
    missing = view.choose(patterns) if patterns else []
    for pattern in missing:
        hint = did_you_mean(pattern, names)
        raise click.BadParameter(f"no layer {pattern!r} in the model.{hint}", param_hint="'--layer'")
