"""``weightscope convert``: an old model as a file that Keras 3 loads."""

import click

from weightscope.commands import options
from weightscope.commands.writing import replaced, to_file
from weightscope.model.names import printable


@click.command("convert", short_help="Rewrite an old model as one that Keras 3 loads, and verify it.")
@options.model_argument
@to_file("The file to write: .keras, or .weights.h5 for the weights alone.", required=True)
@options.inputs
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="Of the random input used without --input.")
@click.option("--unverified", is_flag=True, help="Write without holding the result against Keras 3.")
@options.reading
@options.verbose("Show ", expose_value=False)
def command(model, reading, output, inputs, seed, unverified):
    """Rewrite the saved MODEL, of Keras 1 or 2, as a file that Keras 3 loads.

    The old file is then replayed in NumPy, Keras 3 runs predict on the new one, and the old file's own Keras on that,
    if it can: where they differ, and where Keras 3 cannot express what the file asks for, nothing is written. What only
    training uses (initializers, regularizers, the optimizer) is left out.
    """
    weights_only = output.endswith(".weights.h5")
    if not (weights_only or output.endswith(".keras")):
        raise click.BadParameter("the name of the file should end in .keras or .weights.h5", param_hint="'--output'")
    from weightscope.converting.convert import convert
    from weightscope.opening.load import load
    from weightscope.replaying import inputs as given

    opened = load(model, **reading)
    arrays, description = (None, "not verified") if unverified else given.for_model(opened, inputs, seed)
    found = convert(opened, arrays, weights_only)
    options.say_notes(opened.ledger.notes)
    if not found.agrees:
        click.echo(f"nothing written: on the new file {printable(found.reference)} gives something else{_apart(found)}")
        raise SystemExit(1)
    with replaced(output, "wb") as file:
        file.write(found.data)
    values = sum(gap.finite for gap in found.gaps)
    told = f"agrees with {found.reference} on {values} output values" if found.reference else "not verified"
    told += f", and with {found.own} on the old file" if found.own else ""
    click.echo(f"{printable(model)} → {printable(output)}: {printable(told)}")
    if found.not_own:
        click.echo(f"not held against what the file's own Keras gives: {printable(found.not_own)}", err=True)
    click.echo(printable(description), err=True)


def _apart(found):
    from weightscope.show.verdict import gap_text

    if not all(gap.within for gap in found.gaps):
        return f", {gap_text(max(found.gaps, key=lambda gap: gap.of_limit))}"
    return f" than {printable(found.own)} on the old one, {gap_text(found.own_gap, 'that', 'Keras 3')}"
