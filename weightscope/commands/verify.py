"""``weightscope verify``: predict replayed by hand in NumPy, and held against a reference at every layer."""

import os
from contextlib import nullcontext

import click

from weightscope.commands import options


@click.command("verify", short_help="Replay predict in NumPy and compare with Keras at every layer.")
@options.model_argument
@options.inputs
@options.reference("auto", " Or recorded values: an .npz (of weightscope record, or with arrays named after layers), an"
                           " .npy with the output, an HDF5 file with inputs, activations and outputs.")
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
@click.option("--limit", type=click.IntRange(min=0), metavar="N",
              help="At most N rows; layers that do not agree are always shown.")
@options.reading
@options.own_layers
@options.trust
@options.layout
@options.color
@options.output
def command(model, reading, inputs, reference, seed, samples, batch_size, quick, self_test, rtol, atol, of_layers,
            allow_nonfinite, limit, trusted, layout, color, output):
    """Run the saved MODEL twice, by hand in NumPy and in Keras, and compare the two at every layer.

    Each layer, fed with Keras' own values, is judged twice: in float64 on both sides (is it the same function?), and as
    the model is, against ours in float64 (is it within rounding?). What rounding may do is estimated for each value;
    --rtol and --atol put a plain tolerance in its place. Keras runs in a process of its own, in safe mode; --reference
    takes another referee than Keras 3, or values recorded before.

    \b
    Exit status: 0 agrees, 1 diverges, or weights or outputs are not finite,
    2 something cannot be read, 3 not enough was checked, 4 the file holds code,
    5 not supported, 6 Keras cannot run it.
    """
    from weightscope.reference.process import Process

    with nullcontext() if os.path.isfile(reference) else Process() as process:  # it imports while we import and read
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
            against = Recorded(opened, options.existing(reference, KINDS))
            arrays, description = given.for_recorded(opened, inputs, against.path, against.inputs)
        _talk(description)
        result = verify(opened, arrays, tolerance, batch_size, options.progress, against, self_test,
                        allow_nonfinite)
    with options.report(output, layout, color) as report:
        report.comparison(result, limit)
    raise SystemExit(result.exit_code)


def _talk(description):
    from weightscope.model.names import printable

    click.echo(printable(description), err=True)
