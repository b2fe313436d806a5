"""The program that does things on a virtual machine (`nodes.vagrant.guest`), as one file to be copied there."""

import io
import zipfile
from importlib import resources

_PACKAGES = ("nodes", "nodes.vagrant", "nodes.vagrant.guest")
_START = "from nodes.vagrant.guest.__main__ import main\n\nmain()\n"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def build() -> bytes:
    """Return an archive that Python runs; the same modules give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", _START)
        for package in _PACKAGES:
            folder = resources.files(package)
            wanted = ["__init__.py"] if package != _PACKAGES[-1] else _modules(package)
            for name in wanted:
                _add(archive, f"{package.replace('.', '/')}/{name}", (folder / name).read_text())
    return buffer.getvalue()


def _modules(package: str) -> list[str]:
    return sorted(file.name for file in resources.files(package).iterdir() if file.name.endswith(".py"))


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), text, zipfile.ZIP_DEFLATED)
