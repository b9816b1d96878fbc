"""Options that several commands share, and where a report goes."""

import math
import os
import re
import sys
from contextlib import contextmanager
from functools import wraps

import click

from weightscope.commands.writing import READ, replaced, to_file
from weightscope.show.formats import FORMATS

VERBOSE = "weightscope.verbose"  # in a context's meta: whether -v was given

model_argument = click.argument("model", type=click.Path())
layout = click.option("--format", "layout", type=click.Choice(list(FORMATS)), default="terminal",
                      show_default=True, help="How the report is written.")
color = click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
                     help="Colours in the terminal format; auto heeds NO_COLOR and FORCE_COLOR.")
output = to_file("Write the report to FILE instead of stdout.")


def _inputs(required=False):
    return click.option("--input", "inputs", multiple=True, metavar="[NAME=]FILE", required=required,
                        help="An .npy, .npz, .csv or .json with the model's input, or the numbers themselves, as"
                             " '[[0, 1], [1, 0]]'; repeat it, by NAME, for several inputs.")


inputs, needed_inputs = _inputs(), _inputs(required=True)
batch_size = click.option("--batch-size", type=click.IntRange(min=1),
                          help="Samples that are run at a time. Without it: what the file says, or else 32.")


def _remember(context, parameter, value):
    context.meta[VERBOSE] = value
    return value


def verbose(told, **settings):
    """Return the option ``-v``; ``told``: what else it shows than all that Keras says of a model it does not take."""
    return click.option("-v", "--verbose", is_flag=True, callback=_remember,
                        help=f"{told}all that Keras says of a model that it does not take.", **settings)


def together(word, **options):
    """Return what adds options to a command, by their names, and hands them to it in one mapping: as ``word``."""
    def with_options(command):
        @wraps(command)
        def packed(*args, **given):
            return command(*args, **{word: {name: given.pop(name) for name in options}}, **given)

        for option in reversed(options.values()):
            packed = option(packed)
        return packed

    return with_options


# What the user trusts in a file: for a Reference.
trust = together(
    "trusted",
    custom_objects=click.option(
        "--custom-objects", multiple=True, metavar="FILE", type=click.Path(exists=True, dir_okay=False),
        help="Your own Python file with the classes and functions that Keras needs to load the model; it is run in"
             " Keras' process. Repeatable."),
    functions=click.option(
        "--allow-function", "functions", multiple=True, metavar="MODULE.NAME",
        help="A function that the file names and you trust: it is imported in Keras' process. Repeatable."),
    ignore_code=click.option(
        "--ignore-code", is_flag=True,
        help="Run a model that was compiled with code (a loss, a metric), which is left out."))


def _version(context, parameter, text):
    """Return a version of Keras, or None; raise click.BadParameter for what is none."""
    if text is not None and not re.fullmatch(r"[0-3](\.\d{1,4}){0,2}([-.]?[a-z]\w{0,20})?", text):
        raise click.BadParameter(f"{text!r} is no version of Keras, such as 2.15.0 or 3.8.0.")
    return text


def _allow(context, parameter, megabytes):
    if megabytes is not None:
        from weightscope.files import budget

        budget.allow(megabytes * budget.MEGABYTE)


max_memory = click.option(
    "--max-memory", type=click.IntRange(min=1), metavar="MB", expose_value=False, callback=_allow,
    help="How much memory reading a file may take beyond the weights themselves. Without it: 512.")

_reading = together(
    "reading",
    architecture=click.option(
        "--architecture", metavar="FILE", type=click.Path(),
        help="For a file with weights only: a .json, .keras or .h5 that has the model's config."),
    keras_version=click.option(
        "--keras-version", metavar="VERSION", callback=_version,
        help="Read an old file as one of this Keras, whatever it says."),
    backend=click.option(
        "--backend", type=click.Choice(["tensorflow", "theano", "cntk"]), metavar="NAME",
        help="Read an old file as saved under this backend (tensorflow, theano), whatever it says."),
    bind=click.option(
        "--bind", type=click.Choice(["order", "names"]),
        help="For a legacy .h5 whose arrays stand in another order than their names say: whose they are. Keras goes by"
             " order, and so does this without the option."))


def reading(command):
    """Add the options for how a file is read: the keywords of ``load``, and how much memory that may take."""
    return _reading(max_memory(command))


def reference(default, more=""):
    """Return the option for which Keras to ask; ``more``: what else may be named, in the words of the help."""
    metavar = "KERAS" if not more else "KERAS|FILE"
    return click.option("--reference", default=default, show_default=True, metavar=metavar,
                        help="keras (Keras 3), tf_keras, or auto: Keras 3 if it can load the file, else tf_keras."
                             + more)


class Finite(click.FloatRange):
    """A number from 0 on, neither infinite nor NaN, which would let everything pass, or nothing."""

    def __init__(self):
        super().__init__(min=0)

    def convert(self, value, parameter, context):
        """Return the number; raise click.BadParameter for any other text."""
        found = super().convert(value, parameter, context)
        if not math.isfinite(found):
            self.fail(f"{value!r} is no tolerance: give a finite number.", parameter, context)
        return found


def existing(path, words=()):
    """Return a path that an option takes besides some words; raise click.BadParameter where there is no such file."""
    if os.path.exists(path):
        return path
    from weightscope.model.names import did_you_mean

    raise click.BadParameter(f"{path!r} is neither a file nor one of {', '.join(words)}.{did_you_mean(path, words)}",
                             param_hint="'--reference'")


def tolerances(given, model):
    """Return ``(name, rtol, atol)`` for each ``NAME=RTOL[,ATOL]``.

    Raises click.BadParameter for the name of no call, and for what is no number.
    """
    from weightscope.model.names import did_you_mean, printable
    from weightscope.verdict.gaps import Tolerance

    paths, found = [path for path, _ in model.calls()], []
    for text in given:
        name, _, numbers = text.rpartition("=")
        try:
            rtol, atol = map(float, numbers.split(",") if "," in numbers else (numbers, 0))
        except ValueError:
            raise click.BadParameter(f"{text!r} is not NAME=RTOL[,ATOL].", param_hint="'--tolerance'") from None
        if not all(math.isfinite(number) and number >= 0 for number in (rtol, atol)):
            raise click.BadParameter(f"{text!r}: a tolerance is a finite number from 0 on.", param_hint="'--tolerance'")
        found.append((name, rtol, atol))
        if not any(Tolerance(layers=(found[-1],)).for_layer(path).is_given for path in paths):
            raise click.BadParameter(f"{printable(name)!r} is no layer that computes.{did_you_mean(name, paths)}",
                                     param_hint="'--tolerance'")
    return tuple(found)


def say_notes(notes):
    """Say on stderr what a file was read as, or where it contradicts itself, a line each."""
    from weightscope.model.names import printable

    for note in notes:
        click.echo(f"note: {printable(note)}", err=True)


def progress(stage, done, total):
    """Say on a terminal's stderr how far a run of Keras is; a pipe hears nothing."""
    if not sys.stderr.isatty():
        return
    if stage == "keras":
        click.echo("Keras is starting …\r", nl=False, err=True)
    elif total > 1:
        click.echo(f"{done} of {total} batches done\r", nl=done == total, err=True)


def _teach(context, parameter, paths):
    if not paths:
        return
    from weightscope.model.taught import everything
    from weightscope.model.user_code import run_file

    context.meta[READ] = [*context.meta.get(READ, ()), *paths]
    for path in paths:
        before = everything()
        run_file(path)
        if everything() == before:
            raise click.BadParameter(f"{path} teaches nothing: it has no class under @weightscope.keras_layer, and no"
                                     " function under @weightscope.keras_lambda.")


def own_layers(command):
    """Add the option for the user's layer code to a command, and the older name of it, of which no help speaks."""
    for name, hidden in (("--layers", True), ("--layer-code", False)):
        command = click.option(
            name, multiple=True, metavar="FILE", type=click.Path(exists=True, dir_okay=False), expose_value=False,
            callback=_teach, hidden=hidden,
            help="Your own Python file with layer classes for weightscope; it is run. Repeatable.")(command)
    return command


@contextmanager
def destination(path):
    """Yield the text file that a report goes to: stdout, or the file ``path``, which is never half-written."""
    if path is None:
        yield sys.stdout
    else:
        with replaced(path) as file:
            yield file


@contextmanager
def report(path, layout, color):
    """Yield the format that a report is written in, to stdout or to the file ``path``."""
    with destination(path) as file:
        yield FORMATS[layout](file, color)
