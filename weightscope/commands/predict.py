"""``weightscope predict``: what ``model.predict`` returns, by NumPy alone."""

import click

from weightscope.commands import options
from weightscope.commands.writing import replaced, to_file
from weightscope.model.names import did_you_mean, is_named, printable


@click.command("predict", short_help="Compute what predict returns, by NumPy alone.")
@options.model_argument
@options.needed_inputs
@click.option("--layer", "chosen", multiple=True, metavar="NAME",
              help="What this layer gives instead; a name, a path such as encoder/dense, or a pattern. Repeatable.")
@click.option("--all-layers", is_flag=True,
              help="What every layer gives; with -o FILE.npz a record for verify --reference FILE.npz.")
@to_file("Save what is computed: .npy for one array, .npz for several. Without it they are printed.")
@options.batch_size
@click.option("--allow-nonfinite", is_flag=True, help="Compute with weights that hold NaN or infinities, too.")
@options.reading
@options.own_layers
def command(model, reading, inputs, chosen, all_layers, output, batch_size, allow_nonfinite):
    """Run the saved MODEL on --input in NumPy, without Keras, and save or print what predict returns.

    A file of an old Keras means what its own version meant; notes on stderr
    say what was read as what.

    The arrays of an .npz are taken by the names of the model's inputs, or else in their order.
    """
    from weightscope.files.untrusted import about
    from weightscope.opening.load import load
    from weightscope.replaying import inputs as given
    from weightscope.replaying.samples import contradiction

    opened = load(model, **reading)
    paths = _paths(opened, chosen)
    _check_name(output, all_layers or len(paths) > 1)
    arrays, description = given.for_model(opened, inputs)
    with about(model):
        _check_finite(opened, allow_nonfinite)
        if all_layers or paths:
            kept = _of_layers(opened, arrays, batch_size, None if all_layers else paths)
            named = {name.partition("/")[2]: array for name, array in kept.items() if name.startswith("layers/")}
        else:
            named = _outputs(opened, arrays, batch_size)
            kept = {name.replace("/", "_"): array for name, array in named.items()}
    if output is None:
        _print(named)
    else:
        _save(named, kept, output)
    told = ", ".join(f"{printable(name)} {value.shape} {value.dtype}" for name, value in named.items())
    click.echo(f"{printable(description)} → {told}" + (f" in {output}" if output else ""), err=True)
    options.say_notes([*opened.notes, *filter(None, [contradiction(opened, batch_size)])])


def _check_finite(model, allowed):
    """End with status 1 where a weight holds NaN or infinities, unless that is ``allowed``."""
    from weightscope.show.not_finite import weights_text
    from weightscope.verdict.finite import of_weights

    found = [] if allowed else of_weights(model)
    if found:
        click.echo(f"weightscope: {printable(model.saved.path)}: not finite: {weights_text(found)};"
                   " --allow-nonfinite computes with them", err=True)
        raise SystemExit(1)


def _paths(model, chosen):
    """Return the paths of the nodes that names, paths and patterns choose, in call order."""
    known = [path for path, _ in model.sources_by_path()]
    found = set()
    for name in chosen:
        fitting = [path for path in known if is_named(path, name)]
        if not fitting:
            raise click.BadParameter(f"no layer {name!r} in the model.{did_you_mean(name, known)}",
                                     param_hint="'--layer'")
        found.update(fitting)
    return [path for path in known if path in found]


def _of_layers(model, arrays, batch_size, paths):
    from weightscope.reference.record import record_replay

    return record_replay(model, arrays, batch_size, paths)


def _outputs(model, arrays, batch_size):
    """Return ``{name: array}`` of what ``predict`` returns, in its order; a name twice gets its number."""
    from weightscope.model.structure import flatten
    from weightscope.replaying.replay import predict

    names, found = _names(model.outputs), flatten(predict(model, arrays, batch_size))
    keys = [name if names.count(name) == 1 else f"{name}_{index}" for index, name in enumerate(names)]
    return dict(zip(keys, found))


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


def _check_name(path, is_several):
    if path is not None and not path.endswith(".npz" if is_several else (".npy", ".npz")):
        kind = ".npz, for several arrays" if is_several else ".npy"
        raise click.BadParameter(f"the name of the file should end in {kind}", param_hint="'--output'")


def _save(named, kept, path):
    """Write what is ``named``, a single array, to an .npy; or what is ``kept`` to an .npz."""
    import numpy as np

    _check_name(path, len(named) > 1)
    with replaced(path, "wb") as file:
        if path.endswith(".npz"):
            np.savez(file, **kept)
        else:
            np.save(file, next(iter(named.values())))
