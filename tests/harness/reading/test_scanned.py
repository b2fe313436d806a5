from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.columns.values import Keyword, Kind, Members
from harness.errors import DamagedError
from harness.exporting.plain import plain
from harness.reading import edn, formats, scanned
from harness.reading.events import gathered
from harness.reading.joining import join_ids, join_processes
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


def outcome(events, join):
    """The operations that events come to."""
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


def same_both_ways(format_, piece, join):
    """Whatever is scanned can be parsed, too, and comes to the same operations."""
    scanned_events = format_.scan(piece)
    if scanned_events is not None:
        assert outcome(scanned_events, join) == outcome(format_.parse(piece), join)


@given(
    maps=st.lists(ordinary, max_size=5) | st.lists(op_maps, max_size=4),
    between=st.sampled_from(["\n", ",\n", " "]),
)
def test_edn_comes_to_the_same(maps, between):
    piece = between.join(map(edn.write, maps)).encode()
    same_both_ways(formats.EDN, piece, by_process)


@given(
    maps=st.lists(ordinary, max_size=5) | st.lists(op_maps, max_size=4),
    between=st.sampled_from(["\n", ",\n"]),
)
def test_json_comes_to_the_same(maps, between):
    piece = between.join(msgspec.json.encode(plain(each)).decode() for each in maps).encode()
    same_both_ways(formats.JSON, piece, by_process)


@given(maps=st.lists(own_lines, max_size=5))
def test_our_own_lines_come_to_the_same(maps):
    piece = b"".join(msgspec.json.encode(plain({"id": 0, **each})) + b"\n" for each in maps)
    same_both_ways(formats.OWN, piece, by_id)


ODD = (
    b'{"id":0,"process":0,"f":"get","call":1}\n{"id":0,"return":2,"outcome":"ok","value":[1,{"a":null}]}\n',
    b'{"type":"invoke","f":"w","value":[1,2],"process":0}\n{"type":"ok","f":"w","value":{"a":[]},"process":0}',
    b"{:type :invoke, :f :w, :value #{1 (2 nil)}, :process 0} {:type :ok, :f :w, :process 0}",
)


@pytest.mark.parametrize("number", [0, 1, 2])
@given(place=st.integers(0, 200), new=st.binary(max_size=3), cut=st.integers(0, 3))
def test_damaged_text_comes_to_the_same(number, place, new, cut):
    format_, piece = (formats.OWN, formats.JSON, formats.EDN)[number], ODD[number]
    damaged = piece[:place] + new + piece[place + cut :]
    same_both_ways(format_, damaged, by_id if format_ is formats.OWN else by_process)


def test_the_scanner_reads_what_is_ordinary():
    own, json, edn_text = ODD
    assert (formats.OWN.scan(own) is not None) == scanned.COMPILED
    assert (formats.JSON.scan(json) is not None) == scanned.COMPILED
    assert (formats.EDN.scan(edn_text) is not None) == scanned.COMPILED


@pytest.mark.skipif(not scanned.COMPILED, reason="the scanner is not built")
def test_of_a_field_that_comes_twice_the_last_one_counts():
    found = scanned.maps(b'{"value":[1],"f":2,"value":"x","f":null}', ("f", "value"))
    assert found.values.get(int(found.fields["value"].payload[0])) == "x"
    assert found.fields["f"].kind.tolist() == [Kind.NIL]
    assert not found.fields["f"].given.any()


@pytest.mark.skipif(not scanned.COMPILED, reason="the scanner is not built")
def test_what_is_passed_over_leaves_no_cells():
    found = scanned.maps(
        b'{"other":[1,{"a":[2]}],"value":3}\n{"value":{"a":[4]}}\n{"value":null}', ("value",)
    )
    assert found.values.objects(found.fields["value"].payload) == [3, {"a": [4]}, None]
    assert len(found.values) == 5


@pytest.mark.skipif(not scanned.COMPILED, reason="the scanner is not built")
@pytest.mark.parametrize(
    "piece",
    [
        b'{"id":0,"process":0,"f":"get","args":[],"call":1}\n\n{"id":0,"return":2,"outcome":"ok"}\n',
        b'{"id":0,"process":0,"f":"get","args":[],\n"call":1}\n',
        b'{"id":0,"process":0,"f":"get","args":null,"call":1}\n',
        b'{"id":0,"process":null,"f":"get","args":[],"call":1}\n',
        b'{"id":0,"return":2,"outcome":"ok","degraded":null}\n',
        b'{"id":0,"return":2,"outcome":"ok","value":"\xff"}\n',
        b'{"id":0,"return":2,"outcome":"ok","\xff":1}\n',
    ],
)
def test_what_is_not_ordinary_is_not_scanned(piece):
    assert formats.OWN.scan(piece) is None


def test_threads_scan_side_by_side():
    own = ODD[0]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(formats.OWN.scan, [own * 200] * 32))
    alone = formats.OWN.scan(own * 200)
    if scanned.COMPILED:
        assert all((each.returns.value == alone.returns.value).all() for each in found)
        assert all(each.values.texts == alone.values.texts for each in found)
    else:
        assert found == [None] * 32
