"""``weightscope scan``: what in model files could run code, reach outside them, or mislead, without Keras."""

import click

from weightscope.commands import options


@click.command("scan", short_help="Find what in model files could run code or reach outside them.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(exists=True))
@options.max_memory
@options.layout
@options.color
@options.output
def command(paths, layout, color, output):
    """Look for hazards in model files at each PATH, a file or a folder with all that is below it.

    Files are told by their content. Nothing in them is run or unpacked, and Keras is not needed. A line is a finding:
    its code, how bad it is, what is there and where; below stands what each code could do, and what to do about it.

    \b
    Exit status: 0 nothing but notes, 1 warnings, 2 usage, 3 no model was there,
    4 something could run code, or read or write what is outside the file.
    """
    from weightscope.checking.scan import Report

    found = Report(paths)
    with options.report(output, layout, color) as report:
        report.findings(found)
    raise SystemExit(found.exit_code)
