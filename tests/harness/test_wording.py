from harness.words import plural


def test_one_is_not_many() -> None:
    assert plural(1, "write") == "1 write"
    assert plural(0, "write") == "0 writes"
    assert plural(2, "write") == "2 writes"
