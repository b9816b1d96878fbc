"""``python -m weightscope``, and the command: an interrupt ends it in one line from the first moment on."""

import os

INTERRUPTED = 130


def run():
    """Import the command line and run it; an interrupt in between ends with status 130."""
    try:
        from weightscope import cli

        cli.run()
    except KeyboardInterrupt:
        os.write(2, b"weightscope: interrupted\n")
        os._exit(INTERRUPTED)


if __name__ == "__main__":
    run()
