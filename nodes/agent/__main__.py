"""Run the agent: `python CODE attach FOLDER CAME_BY`, which starts `python CODE serve FOLDER` where it must.

`python CODE clean FOLDER` removes all that an agent of that folder left behind.
"""

import os
import shutil
import sys
from pathlib import Path

from nodes.agent.attach import attach
from nodes.agent.server import clean, serve


def main(code: str, task: str, folder: str, *rest: str) -> None:
    """Do what the command line says."""
    home = Path(folder)
    if task == "attach":
        attach(home, code, *rest)
    elif task == "serve":
        serve(home)
    elif task == "clean":
        os.chdir(home)
        clean(home)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv)
