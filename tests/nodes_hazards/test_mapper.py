"""Tables of the kernel's device-mapper, as text."""

import pytest

from nodes.hazards import mapper, witness
from nodes.hazards.mapper import Range

DEVICE = "/dev/vdb"


def covered(table: str) -> list[tuple[int, int]]:
    return [(int(start), int(length)) for start, length, *_ in map(str.split, table.splitlines())]


@pytest.mark.parametrize(
    "table",
    [
        mapper.linear(DEVICE, 1000),
        mapper.slow(DEVICE, 1000, 100),
        mapper.failing(DEVICE, 1000, Range(200, 50)),
        mapper.failing(DEVICE, 1000, Range(0, 50)),
        mapper.failing(DEVICE, 1000, Range(950, 50)),
        mapper.dropping(DEVICE, 1000, Range(200, 50)),
        mapper.lying(DEVICE, 1000, "/dev/loop0"),
        mapper.confessing(DEVICE, 1000, "/dev/loop0"),
        mapper.gone(1000),
        mapper.logged("/dev/mapper/acked-base", 1000, "/dev/loop1"),
    ],
)
def test_every_table_covers_the_device_without_gap_or_overlap(table: str) -> None:
    at = 0
    for start, length in covered(table):
        assert start == at
        assert length > 0
        at += length
    assert at == 1000


def test_the_journal_is_spared_at_its_own_place() -> None:
    lines = [line.split() for line in mapper.failing(DEVICE, 1000, Range(200, 50)).splitlines()]
    assert lines[1] == ["200", "50", "linear", DEVICE, "200"]
    assert lines[0] == ["0", "200", "flakey", DEVICE, "0", "0", "1", "1", "error_writes"]
    assert lines[2] == ["250", "750", "flakey", DEVICE, "250", "0", "1", "1", "error_writes"]


def test_only_flushes_are_slow() -> None:
    assert mapper.slow(DEVICE, 1000, 70).split()[3:] == [DEVICE, "0", "0"] * 2 + [DEVICE, "0", "70"]


def test_what_a_lying_disk_keeps_is_read_from_its_status() -> None:
    assert mapper.kept_sectors("0 2097152 snapshot 1368/65536 16\n") == (1368, 16)
    with pytest.raises(RuntimeError, match="broken"):
        mapper.kept_sectors("0 2097152 snapshot Invalid\n")


def test_counts_of_the_kernels_tracing_are_read_by_process() -> None:
    histogram = """# event histogram
# trigger info: hist:keys=common_pid:vals=hitcount:sort=hitcount:size=2048 if ret == -5 [active]

{ common_pid:        622 } hitcount:          2
{ common_pid:       1008 } hitcount:         11

Totals:
    Hits: 13
"""
    assert witness.read(histogram) == [(622, 2), (1008, 11)]
    assert witness.read("# event histogram\n") == []
