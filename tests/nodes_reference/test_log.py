"""The log in memory, against plain lists."""

from hypothesis import given
from hypothesis import strategies as st

from nodes.reference.log import Log, Mark
from nodes.reference.records import encode

EPOCHS = st.lists(st.integers(1, 5), max_size=30).map(sorted)


def log_of(epochs: list[int]) -> Log:
    return Log(frames=[encode(index, epoch, b"x") for index, epoch in enumerate(epochs, 1)])


@given(epochs=EPOCHS, cut=st.integers(0, 30), compact=st.integers(0, 30))
def test_every_question_after_cuts_and_compaction(epochs: list[int], cut: int, compact: int) -> None:
    log = log_of(epochs)
    cut, compact = min(cut, len(epochs)), min(compact, cut, len(epochs))
    removed = log.cut(cut)
    assert len(removed) == len(epochs) - cut
    epochs = epochs[:cut]
    log.compact(compact)
    assert log.last == len(epochs)
    assert log.end == Mark(epochs[-1] if epochs else 0, len(epochs))
    assert [log.epoch_at(index) for index in range(1, len(epochs) + 1)] == epochs
    assert log.epoch_at(len(epochs) + 1) is None
    assert [e for e, first, last in log.ranges() for _ in range(first, last + 1)] == epochs
    assert log.size_bytes == sum(len(log.frame(index)) for index in range(compact + 1, len(epochs) + 1))
    assert log.slice(compact + 1, log.last, 1 << 30) == [
        log.frame(i) for i in range(compact + 1, log.last + 1)
    ]


@given(shared=EPOCHS, mine=st.integers(0, 5), theirs=st.integers(0, 5))
def test_two_logs_agree_up_to_where_they_parted(shared: list[int], mine: int, theirs: int) -> None:
    """Logs that part never share an epoch behind that point: an epoch has one primary."""
    one, two = log_of(shared + [6] * mine), log_of(shared + [7] * theirs)
    assert one.common(two.ranges()) == len(shared)
    assert two.common(one.ranges()) == len(shared)


@given(epochs=EPOCHS, shorter=st.integers(0, 30))
def test_a_prefix_agrees_up_to_its_end(epochs: list[int], shorter: int) -> None:
    shorter = min(shorter, len(epochs))
    whole, prefix = log_of(epochs), log_of(epochs[:shorter])
    assert whole.common(prefix.ranges()) == prefix.common(whole.ranges()) == shorter


def test_recency_is_the_last_epoch_first_then_the_length() -> None:
    assert Mark(203, 5) > Mark(101, 900)
    assert Mark(203, 6) > Mark(203, 5)


def test_a_batch_has_at_least_one_entry() -> None:
    log = log_of([1, 1, 1])
    assert len(log.slice(1, 3, 1)) == 1
