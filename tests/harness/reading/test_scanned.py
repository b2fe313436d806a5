import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.columns.values import Keyword, Members
from harness.errors import DamagedError
from harness.exporting.plain import plain
from harness.reading import edn, formats, scanned
from harness.reading.events import gathered
from harness.reading.joining import join_ids, join_processes
from harness.reading.piece import MalformedError
from harness.recording import Origin

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.text(st.characters(codec="utf-8"), max_size=4)
    | st.text("abc/-?", min_size=1, max_size=3).map(Keyword)
    | st.sampled_from([1.5, Keyword("timed-out"), 0, 10**18 - 1, 10**18]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(Members)
        | st.dictionaries(st.integers(0, 3) | st.text("abc", max_size=2), inner, max_size=2)
    ),
    max_leaves=6,
)


def a_map(**fields):
    """A map of some of these fields, in any order."""
    return st.fixed_dictionaries({}, optional=fields).flatmap(
        lambda found: st.permutations(list(found)).map(lambda names: {name: found[name] for name in names})
    )


op_maps = a_map(
    type=st.sampled_from(["invoke", "ok", "fail", "info"]).map(Keyword) | values,
    process=st.integers(0, 3) | st.just(Keyword("nemesis")) | values,
    f=st.sampled_from(["read", "write"]).map(Keyword) | values,
    value=values,
    time=st.integers(0, 99) | values,
    node=values,
    error=values,
    key=st.just("k"),
    index=st.integers(0, 9),
)
ordinary = a_map(
    type=st.sampled_from(["invoke", "ok", "fail", "info"]).map(Keyword),
    process=st.integers(0, 3) | st.just(Keyword("nemesis")),
    f=st.sampled_from(["read", "write"]).map(Keyword),
    value=values,
    time=st.integers(0, 99),
    node=st.just("n1"),
    error=st.just(Keyword("timeout")),
).map(lambda found: {"type": Keyword("info"), **found})
own_lines = a_map(
    id=st.integers(0, 4) | values,
    process=st.integers(-1, 3),
    f=st.sampled_from(["get", "put"]),
    args=st.lists(values, max_size=3) | values,
    call=st.integers(0, 99),
    outcome=st.sampled_from(["ok", "fail", "info"]) | values,
    value=values,
    node=st.just("n1") | values,
    error=st.just("timeout") | values,
    epoch=st.integers(0, 3) | values,
    offset=st.integers(0, 3),
    degraded=st.booleans() | values,
    **{"return": st.integers(0, 99)},
)


def outcome(format_, piece, *, join):
    """The operations that a piece comes to, or that it can't be read."""
    try:
        events = format_.parse(piece)
    except MalformedError:
        return "malformed"
    try:
        joined = join(events)
    except DamagedError as error:
        return str(error)
    return [
        [repr(getattr(each, name)) for name in each.__struct_fields__] for each in joined.operations()
    ], events.skipped


def by_process(events):
    return join_processes(gathered([events])).table


def by_id(events):
    return join_ids(gathered([events]), "x", Origin(utc="", monotonic_ns=0))


def same_both_ways(monkeypatch, format_, piece, join):
    compiled = outcome(format_, piece, join=join)
    with monkeypatch.context() as patch:
        patch.setattr(scanned, "COMPILED", False)
        assert outcome(format_, piece, join=join) == compiled


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as made:
        yield made


@given(
    maps=st.lists(ordinary, max_size=5) | st.lists(op_maps, max_size=4),
    between=st.sampled_from(["\n", ",\n", " "]),
)
def test_edn_comes_to_the_same(patch, maps, between):
    piece = between.join(map(edn.write, maps)).encode()
    same_both_ways(patch, formats.EDN, piece, by_process)


@given(
    maps=st.lists(ordinary, max_size=5) | st.lists(op_maps, max_size=4),
    between=st.sampled_from(["\n", ",\n"]),
)
def test_json_comes_to_the_same(patch, maps, between):
    piece = between.join(msgspec.json.encode(plain(each)).decode() for each in maps).encode()
    same_both_ways(patch, formats.JSON, piece, by_process)


@given(maps=st.lists(own_lines, max_size=5))
def test_our_own_lines_come_to_the_same(patch, maps):
    piece = b"".join(msgspec.json.encode(plain({"id": 0, **each})) + b"\n" for each in maps)
    same_both_ways(patch, formats.OWN, piece, by_id)


ODD = (
    b'{"id":0,"process":0,"f":"get","call":1}\n{"id":0,"return":2,"outcome":"ok","value":[1,{"a":null}]}\n',
    b'{"type":"invoke","f":"w","value":[1,2],"process":0}\n{"type":"ok","f":"w","value":{"a":[]},"process":0}',
    b"{:type :invoke, :f :w, :value #{1 (2 nil)}, :process 0} {:type :ok, :f :w, :process 0}",
)


@pytest.mark.parametrize("number", [0, 1, 2])
@given(place=st.integers(0, 200), new=st.binary(max_size=3), cut=st.integers(0, 3))
def test_damaged_text_comes_to_the_same(patch, number, place, new, cut):
    format_, piece = (formats.OWN, formats.JSON, formats.EDN)[number], ODD[number]
    damaged = piece[:place] + new + piece[place + cut :]
    same_both_ways(patch, format_, damaged, by_id if format_ is formats.OWN else by_process)


def test_the_scanner_reads_what_is_ordinary():
    own, json, edn_text = ODD
    assert (scanned.own_events(own) is not None) == scanned.COMPILED
    assert (scanned.jepsen_events(json, edn=False) is not None) == scanned.COMPILED
    assert (scanned.jepsen_events(edn_text, edn=True) is not None) == scanned.COMPILED
