"""``weightscope predict``: what ``model.predict`` returns, by NumPy alone."""

import click

from weightscope.commands import options
from weightscope.commands.writing import replaced, to_file
from weightscope.model.names import printable


@click.command("predict", short_help="Compute what predict returns, by NumPy alone.")
@options.model_argument
@options.needed_inputs
@to_file("Save the output: .npy for one, .npz for several outputs of the model. Without it they are printed.")
@options.batch_size
@options.reading
@options.own_layers
def command(model, reading, inputs, output, batch_size):
    """Run the saved MODEL on --input in NumPy, without Keras, and save or print what predict returns.

    A file of an old Keras means what its own version meant; notes on stderr
    say what was read as what.

    The arrays of an .npz are taken by the names of the model's inputs, or else in their order.
    """
    from weightscope.opening.load import load
    from weightscope.replaying import inputs as given
    from weightscope.replaying.replay import predict
    from weightscope.replaying.samples import contradiction

    opened = load(model, **reading)
    arrays, description = given.for_model(opened, inputs)
    named = _named(opened, predict(opened, arrays, batch_size))
    if output is None:
        _print(named)
    else:
        _save(named, output)
    told = ", ".join(f"{printable(name)} {value.shape} {value.dtype}" for name, value in named.items())
    click.echo(f"{printable(description)} → {told}" + (f" in {output}" if output else ""), err=True)
    options.say_notes([*opened.notes, *filter(None, [contradiction(opened, batch_size)])])


def _named(model, outputs):
    """Return ``{name: array}`` of the outputs, in the order of ``predict``; a name twice gets its number."""
    from weightscope.model.structure import flatten

    names, arrays = _names(model.outputs), flatten(outputs)
    keys = [name if names.count(name) == 1 else f"{name}_{index}" for index, name in enumerate(names)]
    return dict(zip(keys, arrays))


def _names(structure, key=""):
    """Return a name for each output: its key in what ``predict`` returns, or else the layer that gives it."""
    if isinstance(structure, dict):
        return [name for inner in sorted(structure)
                for name in _names(structure[inner], f"{key}/{inner}" if key else inner)]
    if isinstance(structure, (list, tuple)):
        return [name for item in structure for name in _names(item, key)]
    return [key or structure.node]


def _print(named):
    import sys

    import numpy as np

    for name, array in named.items():
        if len(named) > 1:
            click.echo(printable(name))
        click.echo(np.array2string(np.asarray(array), threshold=sys.maxsize if array.size <= 1000 else 1000))


def _save(named, path):
    import numpy as np

    if not path.endswith(".npz" if len(named) > 1 else ".npy"):
        kind = ".npz, for the model has several outputs" if len(named) > 1 else ".npy"
        raise click.BadParameter(f"the name of the file should end in {kind}", param_hint="'--output'")
    with replaced(path, "wb") as file:
        if len(named) > 1:
            np.savez(file, **{name.replace("/", "_"): array for name, array in named.items()})
        else:
            np.save(file, next(iter(named.values())))
