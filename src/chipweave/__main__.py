"""`python -m chipweave`, and where the command `chipweave` begins."""

import os
import signal

from chipweave import collector, heap


def main() -> None:
    """Run the command line. Ctrl-C while it is still loading ends it at once, and in silence."""
    collector.seldom()
    heap.apart()
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from chipweave.cli.main import main as command_line

    signal.signal(signal.SIGINT, before)
    command_line()


if __name__ == "__main__":
    main()
