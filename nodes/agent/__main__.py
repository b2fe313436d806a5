"""Run the agent: `python CODE attach FOLDER CAME_BY`, which starts `python CODE serve FOLDER` where it must."""

import sys
from pathlib import Path


def main(code: str, task: str, folder: str, came_by: str = "") -> None:
    """Do what the command line says.

    Each task loads its own code only: a machine may be slow.
    """
    if task == "attach":
        from nodes.agent.attach import attach

        attach(Path(folder), code, came_by)
    else:
        from nodes.agent.server import serve

        serve(Path(folder))


if __name__ == "__main__":
    main(*sys.argv)
