import pytest
from msgspec import Struct

from harness import json_lines
from harness.errors import DamagedError


class Line(Struct):
    n: int


@pytest.fixture
def file(tmp_path):
    return tmp_path / "lines.jsonl"


@pytest.mark.parametrize("together", [1, 20, 1 << 14])
def test_lines_are_numbered_however_many_are_read_at_once(file, monkeypatch, together):
    monkeypatch.setattr(json_lines, "TOGETHER_BYTES", together)
    file.write_bytes(b"".join(b'{"n":%d}\n' % number for number in range(1, 10)))
    assert list(json_lines.read(file, Line)) == [(number, Line(number)) for number in range(1, 10)]
    assert [number for number, _ in json_lines.read(file, Line, passed=7)] == [8, 9]


@pytest.mark.parametrize("together", [1, 1 << 14])
def test_a_last_line_that_was_cut_off_is_left_out(file, monkeypatch, together):
    monkeypatch.setattr(json_lines, "TOGETHER_BYTES", together)
    file.write_bytes(b'{"n":1}\n{"n":2}\n{"n":3}')
    assert list(json_lines.read(file, Line)) == [(1, Line(1)), (2, Line(2))]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"nonsense",
        b'{"n":2},{"n":3}',
        b'{"n":2}{"n":3}',
        b'{"n":"2"}',
        b"[]",
        b'{"n":2',
        b'{"n":"\xff"}',
    ],
)
def test_what_comes_before_the_damage_is_read(file, damage):
    file.write_bytes(b'{"n":1}\n' + damage + b'\n{"n":4}\n')
    lines = json_lines.read(file, Line)
    assert next(lines) == (1, Line(1))
    with pytest.raises(DamagedError, match=r"lines.jsonl:2: damaged line"):
        next(lines)


def test_a_file_that_is_not_there_is_damage(file):
    with pytest.raises(DamagedError, match=r"lines\.jsonl"):
        list(json_lines.read(file, Line))
