"""Another copy of the store's code, loaded beside this process's own.

A simulated node runs in the process of the harness, and so do clients; where they are to run changed code (a
planted bug, or a change of the user's), it can't be imported under the names that the unchanged code has.
"""

import hashlib
import importlib
import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

STORE = "nodes.reference"
OWN_CODE = str(Path(__file__).parents[1])
"""The folder that this process's own store is in."""


class _Renaming(SourceFileLoader):
    """Loads the store's modules under another name of their package, in their imports of each other too."""

    def get_code(self, fullname: str) -> CodeType:
        package = fullname.partition(".")[0]
        source = self.get_data(self.path).decode().replace(STORE, package)
        return compile(source, self.path, "exec", dont_inherit=True)


def load(code: str, module: str) -> ModuleType:
    """Return a module of the store, as the folder `code` holds it in `nodes/reference`.

    The same folder gives the same module for as long as the process lives, whatever becomes of the folder.
    """
    if code == OWN_CODE:
        return importlib.import_module(f"{STORE}.{module}")
    package = f"store_{hashlib.sha256(code.encode()).hexdigest()[:16]}"
    if package not in sys.modules:
        _make_package(package, Path(code, *STORE.split(".")))
    return importlib.import_module(f"{package}.{module}")


def _make_package(name: str, folder: Path) -> None:
    details: Any = (_Renaming, SOURCE_SUFFIXES)
    sys.path_importer_cache[str(folder)] = FileFinder(str(folder), details)
    spec = ModuleSpec(name, _Renaming(name, str(folder / "__init__.py")), is_package=True)
    spec.submodule_search_locations = [str(folder)]
    sys.modules[name] = module_from_spec(spec)
