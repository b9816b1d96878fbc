"""``python -m weightscope``."""

from weightscope.cli import run

if __name__ == "__main__":
    run()
