"""Tells whether this host's KVM is of use, by a trial: that `/dev/kvm` opens is not enough.

A host that is a virtual machine itself may offer a KVM without help from the processor. Guests start there,
but each of their kernel's instructions costs a thousand times what it should. So the same guest of 512 bytes
is run twice, with emulation and with KVM: KVM is of use if it is the quicker one, as it is by far where it works.
"""

import os
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from harness.errors import MissingError

QEMU = "qemu-system-x86_64"
DEVICE = Path("/dev/kvm")

_ROUNDS = 1 << 28
"""So many turns of a loop take an emulator a second, and a processor a tenth of that."""
_EXITS = 4096
"""How often the guest calls the host: 0.2 s, even where a host that is a guest itself must pass on each call."""
_DONE = 0x10
_EMULATION_LIMIT_S = 120.0
_LEAST_LIMIT_S = 2.0
"""What KVM is given in any case: a busy host may need that long to start a program."""


class Trial(NamedTuple):
    """What became of the guest: how long it took, and what QEMU complained of if it did not end by itself."""

    seconds: float
    complaint: str = ""


class Kvm(NamedTuple):
    """Whether KVM is of use, and what was found, in one line."""

    usable: bool
    why: str


def probe() -> Kvm:
    """Run the trial; takes 1 to 3 s. Raises MissingError without QEMU."""
    qemu = shutil.which(QEMU)
    if qemu is None:
        raise MissingError(
            f"{QEMU} is not installed: apt-get install qemu-system-x86 (or your system's package)"
        )
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return verdict(accessible=False)
    with tempfile.TemporaryDirectory(prefix="acked-kvm-") as folder:
        image = Path(folder, "guest")
        image.write_bytes(boot_sector(rounds=_ROUNDS, exits=_EXITS))
        emulated = _run(qemu, image, "tcg", limit_s=_EMULATION_LIMIT_S)
        limit_s = max(_LEAST_LIMIT_S, emulated.seconds)
        return verdict(accessible=True, emulated=emulated, native=_run(qemu, image, "kvm", limit_s=limit_s))


def verdict(*, accessible: bool, emulated: Trial | None = None, native: Trial | None = None) -> Kvm:
    """Judge what was found; the trials are there if the device could be opened."""
    if not accessible:
        there = "can't be opened by this user" if DEVICE.exists() else "is not there"
        return Kvm(False, f"{DEVICE} {there}: processors are emulated")
    assert emulated is not None and native is not None, "a device that can be opened is tried"
    if native.complaint:
        return Kvm(False, f"{DEVICE} can be opened, but {native.complaint}: processors are emulated")
    if not emulated.complaint and native.seconds > max(_LEAST_LIMIT_S, emulated.seconds):
        slower = (
            f"a guest is slower with it ({native.seconds:.1f} s) than emulated ({emulated.seconds:.1f} s)"
        )
        return Kvm(False, f"{DEVICE} can be opened, but {slower}: processors are emulated")
    return Kvm(True, f"{DEVICE} is of use: a guest took {native.seconds:.1f} s with it")


def boot_sector(*, rounds: int, exits: int) -> bytes:
    """Return a disk from which a guest starts, loops, calls the host `exits` times, and ends QEMU.

    In real mode, as a processor starts: each part loads ECX, does its work, and counts down.
    """
    assert 0 < rounds < 1 << 32 and 0 < exits < 1 << 32, "both are counted in a register, down to zero"
    load_ecx, count_down = b"\x66\xb9", b"\x66\x49"  # mov ecx, …; dec ecx
    code = b"".join(
        [
            b"\xfa",  # cli: nothing interrupts it
            load_ecx + struct.pack("<I", rounds),
            count_down + b"\x75\xfc",  # jnz to the counting
            load_ecx + struct.pack("<I", exits),
            b"\xe6\x80" + count_down + b"\x75\xfa",  # out 0x80, al: a port that nothing listens on
            bytes([0xB0, _DONE]) + b"\xe6\xf4",  # mov al, …; out 0xf4, al: the device that ends QEMU
            b"\xf4",  # hlt
        ]
    )
    return code.ljust(510, b"\0") + b"\x55\xaa"


def _run(qemu: str, image: Path, accelerator: str, *, limit_s: float) -> Trial:
    argv = [qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", "16"]
    argv += ["-accel", accelerator, "-drive", f"file={image},format=raw,if=ide"]
    argv += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    begun = time.monotonic()
    try:
        done = subprocess.run(
            argv, capture_output=True, check=False, timeout=limit_s, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return Trial(limit_s, f"a guest of 512 bytes did not end within {limit_s:.1f} s")
    seconds = time.monotonic() - begun
    if done.returncode != _DONE << 1 | 1:  # what the device makes of the byte
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return Trial(seconds, f"QEMU failed ({lines[-1] if lines else f'status {done.returncode}'})")
    return Trial(seconds)
