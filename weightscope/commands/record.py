"""``weightscope record``: what Keras gives at every layer, kept for a check without Keras."""

import click

from weightscope.commands import options
from weightscope.commands.writing import replaced, to_file
from weightscope.model.names import printable


@click.command("record", short_help="Keep what Keras gives at every layer, for verify --reference FILE.")
@options.model_argument
@options.needed_inputs
@to_file("The .npz to write: inputs, every layer's output, what predict returns, versions, the model's hash.",
         required=True)
@options.reference("auto")
@options.batch_size
@options.reading
@options.own_layers
@options.trust
@options.verbose("Show ", expose_value=False)
def command(model, reading, inputs, output, reference, batch_size, trusted):
    """Run the saved MODEL on --input in Keras, and keep what every layer gives in an .npz.

    verify MODEL --reference FILE then holds the NumPy replay against it, on a machine without Keras; a record of
    another model is refused. The file holds plain arrays, no pickles.
    """
    if not output.endswith(".npz"):
        raise click.BadParameter("the name of the file should end in .npz", param_hint="'--output'")
    import numpy as np

    from weightscope.opening.load import load
    from weightscope.reference.choosing import Reference
    from weightscope.reference.record import record
    from weightscope.replaying import inputs as given
    from weightscope.replaying.samples import contradiction

    opened = load(model, **reading)
    if opened.ledger.contested and opened.ledger.chosen == "names":
        raise click.BadParameter("a record holds what Keras gives, and Keras takes the arrays of this file by order",
                                 param_hint="'--bind'")
    arrays, description = given.for_model(opened, inputs)
    found = record(opened, arrays, batch_size, Reference(reference, **trusted), options.progress)
    with replaced(output, "wb") as file:
        np.savez(file, **found)
    layers = sum(name.startswith("layers/") for name in found)
    click.echo(f"{printable(description)} → {layers} layer outputs in {printable(output)}", err=True)
    options.say_notes([*opened.notes, *filter(None, [contradiction(opened, batch_size)])])
