"""When KVM is of use, and the guest that finds out."""

import struct

import pytest

from nodes.vagrant.kvm import Trial, boot_sector, verdict


def test_a_kvm_that_is_quicker_than_emulation_is_used() -> None:
    found = verdict(accessible=True, emulated=Trial(1.1), native=Trial(0.3))
    assert found.usable
    assert "of use" in found.why


@pytest.mark.parametrize("accelerated", [Trial(2.0, "a guest did not end within 2.0 s"), Trial(5.0)])
def test_a_kvm_that_crawls_is_not(accelerated: Trial) -> None:
    found = verdict(accessible=True, emulated=Trial(1.1), native=accelerated)
    assert not found.usable
    assert "emulated" in found.why


def test_a_kvm_that_can_not_start_a_guest_is_not() -> None:
    found = verdict(accessible=True, emulated=Trial(1.1), native=Trial(0.1, "QEMU failed (no such CPU)"))
    assert not found.usable
    assert "no such CPU" in found.why


def test_on_a_busy_host_both_are_slow() -> None:
    assert verdict(accessible=True, emulated=Trial(30.0), native=Trial(9.0)).usable
    assert not verdict(accessible=True, emulated=Trial(9.0), native=Trial(30.0)).usable


def test_a_kvm_is_used_where_emulation_fails() -> None:
    assert verdict(accessible=True, emulated=Trial(0.1, "QEMU failed"), native=Trial(0.3)).usable


def test_without_the_device_processors_are_emulated() -> None:
    found = verdict(accessible=False)
    assert not found.usable
    assert "/dev/kvm" in found.why


def test_the_guest_is_a_boot_sector_that_counts_as_told() -> None:
    sector = boot_sector(rounds=0x1234_5678, exits=77)
    assert len(sector) == 512
    assert sector[510:] == b"\x55\xaa"
    assert [sector.count(struct.pack("<I", number)) for number in (0x1234_5678, 77)] == [1, 1]


def test_jumps_of_the_guest_go_back_to_what_they_repeat() -> None:
    """Each loop ends with `jnz`, whose target is as many bytes back as its last byte says."""
    code = boot_sector(rounds=1 << 28, exits=4096)
    count_down = b"\x66\x49\x75"
    first = code.index(count_down)
    second = code.index(count_down, first + 1)
    for at, body in ((first, count_down), (second, b"\xe6\x80" + count_down)):
        back = struct.unpack("b", code[at + 3 : at + 4])[0]
        target = at + 4 + back
        assert code[target : target + len(body)] == body
