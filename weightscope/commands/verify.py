"""``weightscope verify``: predict replayed by hand in NumPy, and held against Keras at every layer."""

import click

from weightscope.commands import options


@click.command("verify", short_help="Replay predict in NumPy and compare with Keras at every layer.")
@options.model_argument
@options.inputs
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random input used without --input.")
@click.option("--samples", type=click.IntRange(min=1), default=4, show_default=True,
              help="How many random samples, without --input.")
@options.batch_size
@click.option("--rtol", type=click.FloatRange(min=0), help="Relative tolerance, instead of the dtype's own.")
@click.option("--atol", type=click.FloatRange(min=0), help="Absolute tolerance, instead of the dtype's own.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N",
              help="At most N rows; layers that do not agree are always shown.")
@options.own_layers
@click.option("--custom-objects", multiple=True, metavar="FILE", type=click.Path(exists=True, dir_okay=False),
              help="Your own Python file with the classes and functions that Keras needs to load the model; it is run"
                   " in Keras' process. Repeatable.")
@options.layout
@options.color
@options.output
def command(model, inputs, seed, samples, batch_size, rtol, atol, limit, custom_objects, layout, color,
            output):
    """Run the saved MODEL twice, by hand in NumPy and in Keras, and compare the two at every layer.

    Each layer is compared twice: chained, fed by our own values, and isolated, fed by Keras'. Two numbers agree
    when |ours - Keras'| <= atol + rtol * |Keras'|. Keras runs in a process of its own, in safe mode.

    \b
    Exit status: 0 agrees, 1 diverges, 2 something cannot be read, 3 not enough
    was checked, 4 the file holds code, 5 not supported, 6 Keras cannot run it.
    """
    from weightscope import inputs as reading
    from weightscope.compare import Tolerance
    from weightscope.loading import load
    from weightscope.verifying import verify

    opened = load(model)
    arrays, description = reading.for_model(opened, inputs, seed, samples)
    _talk(description)
    result = verify(opened, arrays, Tolerance(rtol, atol), batch_size, _progress, custom_objects)
    with options.destination(output) as file:
        _write(result, file, layout, color, limit)
    raise SystemExit(result.exit_code)


def _talk(description):
    from weightscope.show.names import printable

    click.echo(printable(description), err=True)


def _progress(stage, done, total):
    """Say on a terminal's stderr how far it is; a pipe hears nothing."""
    if not click.get_text_stream("stderr").isatty():
        return
    if stage == "keras":
        click.echo("Keras is starting …\r", nl=False, err=True)
    elif total > 1:
        click.echo(f"{done} of {total} batches compared\r", nl=done == total, err=True)


def _write(result, file, layout, color, limit):
    if layout == "json":
        from weightscope.show import json
        json.comparison(result, file, limit)
    elif layout == "markdown":
        from weightscope.show import markdown
        markdown.comparison(result, file, limit)
    else:
        from weightscope.show import rows
        rows.comparison(result, options.page(file, color), limit)
