"""Charts are short enough to read."""

from harness.campaign.sequence import CLIENTS, Row, drawn


def lines_of(text: str) -> list[str]:
    return drawn([Row(at_ns=1_500_000, who=CLIENTS, text=text)], ("n1",)).splitlines()


def test_a_row_has_its_time_and_its_column() -> None:
    chart = drawn([Row(at_ns=1_500_000, who="n1", text="starts, blank")], ("n1", "n2"))
    assert chart.splitlines()[1] == f"   0.0015  {'│':25}{'starts, blank':25}│"


def test_a_long_key_costs_a_few_lines() -> None:
    key = "list0" + 301 * "." + "end"
    _, *lines = lines_of(f"→ append {key} 304")
    assert len(lines) == 3
    assert "→ append list0." in lines[0]
    assert "…" in lines[1]
    assert lines[2] == f"           {'304':25}│"


def test_words_of_two_lines_are_kept_whole() -> None:
    key = "k" * 48
    assert sum(line.count("k") for line in lines_of(f"append {key} 1")) == 48
