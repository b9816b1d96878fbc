"""``weightscope explain``: how one number of a layer comes about, written out."""

import click

from weightscope.commands import options


def _index(context, parameter, text):
    """Return whole numbers with commas between them as a tuple; raise click.BadParameter for other text."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        raise click.BadParameter(f"{text!r} is no index, such as 3 or 0,4,2.") from None


# Which number is asked for: the keywords of an Asked.
which = options.together(
    "which",
    unit=click.option("--unit", type=int, metavar="J", help="The last of the number's indices: the unit, filter or"
                                                            " channel. Without it and --at: the largest output."),
    at=click.option("--at", metavar="I,J,…", callback=_index, help="All of the number's indices in the layer's output,"
                                                                   " that of the sample left out."),
    step=click.option("--step", type=click.IntRange(min=0), metavar="T", help="The step of a recurrent layer."))


@click.command("explain", short_help="Write out how a number of a layer comes about.")
@options.model_argument
@click.argument("layer", required=False)
@options.inputs
@click.option("--sample", type=click.IntRange(min=0), default=0, show_default=True,
              help="Which sample of the input, counted from 0.")
@which
@options.reading
@options.own_layers
@options.layout
@options.color
@options.output
def command(model, layer, reading, inputs, sample, which, layout, color, output):
    """Write out how a number comes about, from the numbers before it, as the saved MODEL computes it.

    LAYER is a layer, or the path of one; without it all are shown, in their order. The number is the largest that the
    layer gives, or that of --unit or --at. Without --input there are symbols and shapes in the place of numbers.

    Every number is one that the replay itself used, and every sum is checked before it is shown. Where the arithmetic
    of a layer is not written out, that is said, and the exit status is 5 if it was asked for.
    """
    if which["at"] is not None and which["unit"] is not None:
        raise click.UsageError("--at has the unit too: give one of --at and --unit")
    if layer is None and any(value is not None for value in which.values()):
        raise click.UsageError("--unit, --at and --step are of one LAYER: name it")
    from weightscope.explaining.explain import Asked, explain
    from weightscope.opening.load import load
    from weightscope.replaying import inputs as given
    from weightscope.show.explained import Explained

    opened = load(model, **reading)
    arrays, description = given.for_model(opened, inputs)
    found = explain(opened, arrays, layer, sample, Asked(**which))
    explained = Explained(opened, list(found), layer, sample if inputs else None, description)
    with options.report(output, layout, color) as report:
        report.explanation(explained)
    raise SystemExit(5 if layer is not None and explained.lacks else 0)
