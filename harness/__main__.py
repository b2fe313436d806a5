"""`acked`, which is also `python -m harness`: the process around the command line.

Signals and output are taken care of before anything else is imported, so that whatever comes is told as it
should be.
"""

import sys

from harness import signals


def main() -> None:
    """Carry out the process's command line and exit with what it has to tell."""
    signals.take()
    args = sys.argv[1:]
    try:
        from harness import cli, cli_streams

        output = cli_streams.install()
        code = cli.main(args)
    except KeyboardInterrupt:  # during these imports: what was half imported is imported again
        from harness import cli, cli_streams

        output = cli_streams.install()
        code = cli.interrupted(args)
    signals.block()
    sys.exit(cli_streams.settled(code, output))


if __name__ == "__main__":
    main()
