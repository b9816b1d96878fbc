"""One file a command: options in, one report out. At the top they import click alone, so that ``--help`` is quick.

First: ``predict``; ``options`` has what several commands share.
"""
