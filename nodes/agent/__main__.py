"""Run the agent: `python CODE attach FOLDER CAME_BY`, which starts `python CODE serve FOLDER` where it must."""

import sys
from pathlib import Path

from nodes.agent.attach import attach
from nodes.agent.server import serve


def main(code: str, task: str, folder: str, came_by: str = "") -> None:
    """Do what the command line says."""
    if task == "attach":
        attach(Path(folder), code, came_by)
    else:
        serve(Path(folder))


if __name__ == "__main__":
    main(*sys.argv)
