"""Small histories: operations in a line each, and random ones for comparison with plain definitions."""

from hypothesis import strategies as st

from harness.columns.table import Table, table_of
from harness.columns.values import Keyword
from harness.history_checker import Request
from harness.operation import Operation, Outcome
from harness.verdict import Verdict

OK, FAIL, INFO = Outcome.OK, Outcome.FAIL, Outcome.INFO


def op(f, *args, at, value=None, outcome=OK, process=0, node=None, error=None):
    """An operation from `at[0]` to `at[1]`; without the latter it never returned."""
    call, returned = at if isinstance(at, tuple) else (at, None)
    return Operation(
        id=0,
        process=process,
        f=f,
        args=args,
        node=node,
        call_ns=call,
        return_ns=returned,
        outcome=INFO if returned is None else outcome,
        value=value,
        error=error,
    )


def table(*operations) -> Table:
    """The operations as columns, with ids in the order given."""
    return table_of(
        [
            Operation(**{**{name: getattr(each, name) for name in each.__struct_fields__}, "id": number})
            for number, each in enumerate(operations)
        ]
    )


def check(checker, *operations, **request):
    """What a checker says of these operations."""
    return checker.check(table(*operations), Request(**request))


def titles(result, verdict=Verdict.VIOLATED):
    """The titles of its findings of one verdict."""
    return [each.title for each in result.findings if each.verdict is verdict]


@st.composite
def spans(draw):
    """A call, and perhaps a return: few instants, so that many touch."""
    call = draw(st.integers(0, 12))
    return draw(st.just(call) | st.integers(call, 15).map(lambda end: (call, end)))


outcomes = st.sampled_from([OK, OK, OK, FAIL, INFO])


def names(text):
    """A name as EDN or as JSON has it."""
    return st.sampled_from([text, Keyword(text)])
