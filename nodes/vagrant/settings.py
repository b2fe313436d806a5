"""What a cluster of virtual machines is made of, where it is kept, and how Vagrant is told."""

import enum
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

import nodes
from harness.errors import DamagedError, MissingError, UsageError
from nodes.vagrant import console

CHECKOUT = Path(nodes.__file__).resolve().parents[1]
PROJECT = CHECKOUT / "vagrant"
"""The folder of the Vagrantfile."""
CLUSTER = CHECKOUT / ".cache" / "cluster"
"""Where what belongs to the cluster that is up is kept; there is one at a time."""

CLIENTS_ADDRESS = "192.168.56.1"
"""The harness's own address on the cluster's network."""
DATA_DISK = "/dev/disk/by-id/virtio-acked-data"
"""The disk that libvirt's machines have for nothing but the system's data."""

MEMORY_MIB = 384
EMULATED_MEMORY_MIB = 256
"""An emulator needs memory of its own, for the code that it translated."""


PATIENCE_S = 60.0
EMULATED_PATIENCE_S = 240.0
"""A machine whose processor is emulated boots within a minute, within several on a busy host."""


class Provider(enum.StrEnum):
    """What runs the machines, by the name that Vagrant has for it."""

    LIBVIRT = "libvirt"
    VIRTUALBOX = "virtualbox"
    QEMU = "qemu"


class Settings(Struct, frozen=True, kw_only=True):
    """What a cluster was made of; all later commands of Vagrant's must be told the same.

    `box` is a box file, the name of a public box, or empty for the Vagrantfile's. `key` logs in on machines of
    a box file, and `host_key` is the public key that they identify themselves with: both files, or empty.
    """

    nodes: int
    provider: Provider
    box: str = ""
    key: str = ""
    host_key: str = ""
    emulate: bool = False
    memory_mib: int = MEMORY_MIB

    @property
    def patience_s(self) -> float:
        """How much longer than others its machines take: to boot, and to start a program."""
        return EMULATED_PATIENCE_S if self.emulate else PATIENCE_S

    @property
    def names(self) -> tuple[str, ...]:
        """The machines' names, in order."""
        return tuple(f"n{number}" for number in range(1, self.nodes + 1))

    def environment(self, folder: Path) -> Mapping[str, str]:
        """Return the variables that tell Vagrant; `folder` is the cluster's."""
        told = {
            "VAGRANT_CWD": str(PROJECT),
            "VAGRANT_DOTFILE_PATH": str(folder / "vagrant"),
            "VAGRANT_DEFAULT_PROVIDER": str(self.provider),
            "VAGRANT_CHECKPOINT_DISABLE": "1",  # no look for newer versions
            "VAGRANT_NO_COLOR": "1",
            "ACKED_NODES": str(self.nodes),
            "ACKED_MEMORY_MIB": str(self.memory_mib),
            "ACKED_EMULATE": "1" if self.emulate else "",
            "ACKED_CONSOLES": str(console.folder(folder)),
        }
        optional = {"ACKED_BOX": self.box, "ACKED_KEY": self.key}
        return told | {name: value for name, value in optional.items() if value}


def address(number: int) -> str:
    """Return the address of a machine on the cluster's network, by its number from 1 on, as in the Vagrantfile."""
    return f"192.168.56.{10 + number}"


def of_box_file(box: Path) -> tuple[str, str, str]:
    """Return a box file with the keys beside it (`Settings.box`, `.key`, `.host_key`).

    Raises UsageError where one of the three is missing.
    """
    found = [box.resolve().with_suffix(suffix) for suffix in (".box", ".key", ".host")]
    for path in found:
        if not path.is_file():
            raise UsageError(f"{path} is missing: vagrant/box/build makes a box with its keys beside it")
    box, key, host_key = found
    return str(box), str(key), str(host_key)


def project() -> Path:
    """Return the folder of the Vagrantfile; raises MissingError where it was not installed along."""
    if not (PROJECT / "Vagrantfile").is_file():
        raise MissingError(
            f"{PROJECT / 'Vagrantfile'} is missing: clusters of virtual machines need a checkout of Acked "
            "(git clone, then make verify or pip install -e .)"
        )
    return PROJECT


def save(settings: Settings, folder: Path) -> None:
    """Keep the settings in the cluster's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    console.folder(folder).mkdir(exist_ok=True)
    _file(folder).write_bytes(msgspec.json.format(msgspec.json.encode(settings)))


def load(folder: Path) -> Settings | None:
    """Return the settings of the cluster that was made here, or None; raises DamagedError."""
    try:
        return msgspec.json.decode(_file(folder).read_bytes(), type=Settings)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise DamagedError(f"{_file(folder)}: {error}; remove it after `vagrant destroy`") from error


def _file(folder: Path) -> Path:
    return folder / "cluster.json"
