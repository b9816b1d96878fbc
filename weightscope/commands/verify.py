"""``weightscope verify``: predict replayed by hand in NumPy, and held against a reference at every layer."""

import os
from contextlib import nullcontext

import click

from weightscope.commands import options


def _names(context, parameter, given):
    """Return ``{name in the record: layer}`` of texts ``NAME=LAYER``; raise click.BadParameter for others."""
    wrong = next((text for text in given if not all(text.partition("=")[::2])), None)
    if wrong is not None:
        raise click.BadParameter(f"{wrong!r} is not NAME=LAYER.")
    return dict(text.split("=", 1) for text in given)


# How much is shown: the keywords of a format.
showing = options.together(
    "shown",
    rows=click.option("--rows", type=click.IntRange(min=0), metavar="N",
                      help="At most N rows; layers that do not agree are always shown."),
    quiet=click.option("-q", "--quiet", is_flag=True, help="Say the verdict in one line, and nothing else."),
    verbose=options.verbose("Show how each layer does in float64 and in its own dtype, and "),
    legend=click.option("--legend/--no-legend", default=None,
                        help="Say below the table what its columns are, or do not; without either, in a terminal"
                             " only."))

# How recorded values are read: the keywords of a Recorded.
recording = options.together(
    "recorded",
    names=click.option("--map", "names", multiple=True, metavar="NAME=LAYER", callback=_names,
                       help="The layer that a name in the record stands for. Repeatable."),
    by_order=click.option("--by-order", is_flag=True,
                          help="Take recorded arrays in the order of the layers, whatever their names."),
    dtype=click.option("--dtype", default="float32", show_default=True, help="Of the numbers in a .bin.",
                       type=click.Choice(["float16", "float32", "float64", "int8", "uint8", "int32", "int64"])))


@click.command("verify", short_help="Replay predict in NumPy and compare with Keras at every layer.")
@options.model_argument
@options.inputs
@options.reference("auto", " Or recorded values: an .npz (of weightscope record, or with arrays named after layers), an"
                           " .npy, .csv or .bin with the output, an HDF5 file with inputs, activations and outputs, a"
                           " folder of LAYER.bin, LAYER.csv and LAYER.npy.")
@recording
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="Of the random input used without --input.")
@click.option("--samples", type=click.IntRange(min=1),
              help="How many random samples, without --input: 4, or whole batches of the size that the file says.")
@options.batch_size
@click.option("--quick", is_flag=True, help="Skip Keras' run in float64; the report says so.")
@click.option("--self-test", is_flag=True, help="Change weights, inputs and settings of each layer on NumPy's side, and"
                                              " require that the verdict would notice (exit status 3 else).")
@click.option("--rtol", type=options.Finite(), help="Judge by a relative tolerance, not by rounding.")
@click.option("--atol", type=options.Finite(), help="Judge by an absolute tolerance, likewise.")
@click.option("--tolerance", "of_layers", multiple=True, metavar="NAME=RTOL[,ATOL]",
              help="Judge one layer so; NAME may be a pattern. Repeatable.")
@click.option("--allow-nonfinite", is_flag=True, help="Let NaN and infinities count as agreement where both have"
                                                      " them, also those that weights hold.")
@showing
@options.reading
@options.own_layers
@options.trust
@options.layout
@options.color
@options.output
def command(model, reading, inputs, reference, recorded, seed, samples, batch_size, quick, self_test, rtol, atol,
            of_layers, allow_nonfinite, shown, trusted, layout, color, output):
    """Run the saved MODEL twice, by hand in NumPy and in Keras, and compare the two at every layer.

    The report has a line for each layer. Own error: the largest difference when the layer is given Keras' own values.
    Total error: the same when NumPy computes all before it, too. Of limit: the own error as a share of what rounding
    can do, which is estimated for each value (--rtol and --atol put a plain tolerance in its place); over 100% it
    diverges. It is asked twice, and the worse shown: in float64 (is it the same function?), and in the model's dtype.
    Keras runs in a process of its own, in safe mode; --reference takes another referee, or values recorded before.

    \b
    Exit status: 0 agrees, 1 diverges, or weights or outputs are not finite,
    2 something cannot be read, 3 not enough was checked, 4 the file holds code,
    5 not supported, 6 Keras cannot run it.
    """
    from weightscope.reference.process import Process

    with nullcontext() if os.path.exists(reference) else Process() as process:  # it imports while we import and read
        from weightscope.opening.load import load
        from weightscope.reference.choosing import KINDS, Reference
        from weightscope.reference.memory import keep_what_is_freed
        from weightscope.reference.recorded import Recorded
        from weightscope.replaying import inputs as given
        from weightscope.verdict.gaps import Tolerance
        from weightscope.verdict.verify import verify

        keep_what_is_freed()
        opened = load(model, **reading)
        tolerance = Tolerance(rtol, atol, layers=options.tolerances(of_layers, opened))
        if reference in KINDS:
            against = Reference(reference, twin=not quick, process=process, **trusted)
            arrays, description = given.for_model(opened, inputs, seed, samples)
        else:
            against = Recorded(opened, options.existing(reference, KINDS), **recorded)
            arrays, description = given.for_recorded(opened, inputs, against.path, against.inputs)
        _talk("" if shown["quiet"] else description)
        result = verify(opened, arrays, tolerance, batch_size, options.progress, against, self_test, allow_nonfinite)
    with options.report(output, layout, color) as report:
        report.comparison(result, **shown)
    raise SystemExit(result.exit_code)


def _talk(description):
    from weightscope.model.names import printable

    if description:
        click.echo(printable(description), err=True)
