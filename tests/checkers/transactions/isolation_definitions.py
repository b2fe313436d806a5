"""What consistency models mean, tried out in full: by Adya's definitions, and by carrying transactions out.

Nothing here is shared with the checkers, and nothing is clever: all orders of versions, all orders of
transactions.
"""

from itertools import combinations, pairwise, permutations, product

import networkx as nx

from harness.operation import Outcome


def _written(txn, key):
    return [value for f, k, value in txn.micro if k == key and f != "r"]


def _value(state, *, lists):
    return list(state) if lists else (state[-1] if state else None)


def _applied(state, values, *, lists):
    return (*state, *values) if lists else (values[-1:] or state)


def precedes(one, other, order):
    """Whether the order of time puts a transaction before another one."""
    if one is other or not one.is_ok:
        return False
    if order == "realtime" and one.back < other.call:
        return True
    return bool(order) and one.process == other.process and one.back <= other.call


def worlds(txns):
    """Yield what may have happened: all that is acknowledged, and some of what is unknown."""
    ok = [txn for txn in txns if txn.is_ok]
    unknown = [txn for txn in txns if txn.is_info]
    for size in range(len(unknown) + 1):
        for some in combinations(unknown, size):
            yield [*ok, *some]


def carried_out(txn, state, *, lists):
    """Return the state after a transaction, None if it would have read something else."""
    state = dict(state)
    for f, key, value in txn.micro:
        now = state.get(key, ())
        if f != "r":
            state[key] = _applied(now, (value,), lists=lists)
        elif txn.is_ok and _value(now, lists=lists) != (value if value is not None or not lists else []):
            return None
    return state


def serializable(txns, order="", *, lists):
    """Whether the transactions may have happened one after the other, in keeping with an order of time."""

    def some(left, state):
        if not left:
            return True
        for txn in left:
            if any(precedes(other, txn, order) for other in left):
                continue
            after = carried_out(txn, state, lists=lists)
            if after is not None and some([other for other in left if other is not txn], after):
                return True
        return False

    return any(some(world, {}) for world in worlds(txns))


def snapshot_isolated(txns, order="", *, lists):
    """Whether each may have read a snapshot, and none of two concurrent ones wrote what the other did."""

    def some(begun, left, state, commits):
        if not left and not begun:
            return True
        for txn in left:
            if any(precedes(other, txn, order) for other in (*left, *(each for each, _, _ in begun))):
                continue
            after = carried_out(txn, state, lists=lists)
            if after is not None:
                rest = [other for other in left if other is not txn]
                if some([*begun, (txn, after, commits)], rest, state, commits):
                    return True
        for txn, after, since in begun:
            keys = {key for f, key, _ in txn.micro if f != "r"}
            if any(keys & other for other in commits[len(since) :]):
                continue
            rest = [each for each in begun if each[0] is not txn]
            merged = {**state, **{key: after[key] for key in keys}}
            if some(rest, left, merged, (*commits, keys)):
                return True
        return False

    return any(some([], world, {}, ()) for world in worlds(txns))


def _graphs(txns, order, *, lists):
    """Yield Adya's graph for every order of versions that explains what was read."""
    for world in worlds(txns):
        keys = sorted({key for txn in world for _, key, _ in txn.micro})
        writers = {key: [txn for txn in world if _written(txn, key)] for key in keys}
        for chosen in product(*(permutations(writers[key]) for key in keys)):
            versions = dict(zip(keys, chosen, strict=True))
            graph = _graph(world, versions, order, lists=lists)
            if graph is not None:
                yield graph


def _graph(world, versions, order, *, lists):
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(txn.id for txn in world)
    for key, writers in versions.items():
        for one, other in pairwise(writers):
            graph.add_edge(one.id, other.id, ("ww", key))
        states = [()]
        for writer in writers:
            states.append(_applied(states[-1], tuple(_written(writer, key)), lists=lists))
        for txn in world:
            if not txn.is_ok:
                continue
            for place, (f, k, value) in enumerate(txn.micro):
                if f != "r" or k != key:
                    continue
                own = [v for f_, k_, v in txn.micro[:place] if k_ == key and f_ != "r"]
                shown = value if value is not None or not lists else []
                if own and not lists:
                    continue  # a read of one's own write tells nothing of others
                if own and list(states[-1][: len(shown)]) != shown:
                    return None  # a list with one's own writes in it tells what comes before them
                base = shown[: len(shown) - len(own)] if own else shown
                matching = [i for i, state in enumerate(states) if _value(state, lists=lists) == base]
                if not matching:
                    return None
                at = matching[0]
                if at and writers[at - 1] is not txn:
                    graph.add_edge(writers[at - 1].id, txn.id, ("wr", key))
                if at < len(writers) and writers[at] is not txn:
                    graph.add_edge(txn.id, writers[at].id, ("rw", key))
    for one in world:
        for other in world:
            if precedes(one, other, order):
                graph.add_edge(one.id, other.id, ("time", None))
    return graph


def _kinds(graph):
    """Yield the kinds and keys of the edges of every cycle, in every choice among parallel edges."""
    for nodes in nx.simple_cycles(nx.DiGraph(graph)):
        hops = list(zip(nodes, (*nodes[1:], nodes[0]), strict=True))
        yield from product(*(list(graph[one][other]) for one, other in hops))


def _forbidden(base, edges):
    kinds = [kind for kind, _ in edges]
    anti = kinds.count("rw")
    adjacent = any(one == other == "rw" for one, other in zip(kinds, (*kinds[1:], kinds[0]), strict=True))
    match base:
        case "read-uncommitted":
            return not anti and "wr" not in kinds
        case "read-committed":
            return not anti
        case "cursor-stability":  # G1, and Adya's G-cursor: all edges are of one object
            same = len({key for _, key in edges}) == 1 and set(kinds) == {"rw", "ww"}
            return not anti or (anti == 1 and same)
        case "consistent-view":
            return anti <= 1
        case "snapshot-isolation":
            return not adjacent
    return True


def _clean(txns, base, *, lists):
    """Whether reads are of final, committed versions, and in keeping with what the same transaction did."""
    if base == "read-uncommitted":
        return True
    failed = {(k, v) for txn in txns if txn.outcome is Outcome.FAIL for f, k, v in txn.micro if f != "r"}
    for txn in txns:
        for f, key, value in txn.micro if txn.is_ok else ():
            shown = (value if lists else [value]) or [] if f == "r" else []
            if failed & {(key, each) for each in shown}:
                return False
    return True


def holds(txns, base, order="", *, lists):
    """Whether Adya's graph has none of the cycles that a level forbids, for some order of versions."""
    return _clean(txns, base, lists=lists) and any(
        not any(_forbidden(base, edges) for edges in _kinds(graph))
        for graph in _graphs(txns, order, lists=lists)
    )


def atomically_read(txns, order="", *, lists):
    """Whether there is an order of all transactions, and for each a set of those before it that it saw.

    Read atomic as Cerone, Bernardi and Gotsman have it (2015): of each key it reads what the last one of these
    left, and, once it has read or written it, what it knows itself.
    """
    return any(
        all(_in_time(world, placed, order) and _sees(txn, placed, lists=lists) for txn in placed)
        for world in worlds(txns)
        for placed in permutations(world)
    )


def _in_time(world, placed, order):
    return all(
        placed.index(one) < placed.index(other)
        for one in world
        for other in world
        if precedes(one, other, order)
    )


def _sees(txn, placed, *, lists):
    if not txn.is_ok:
        return True
    earlier = placed[: placed.index(txn)]
    return any(
        _reads_from(txn, seen, placed, lists=lists)
        for size in range(len(earlier) + 1)
        for seen in combinations(earlier, size)
    )


def _reads_from(txn, seen, placed, *, lists):
    """Whether a transaction read what it must if it saw these, in their order.

    A list that shows its own appends tells where these are in the order of all.
    """
    now, own = {}, set()
    for f, key, value in txn.micro:
        if key not in now:
            last = max((placed.index(other) for other in seen if _written(other, key)), default=-1)
            now[key] = _left(placed[: last + 1], key, lists=lists)
        if f != "r":
            now[key] = _applied(now[key], (value,), lists=lists)
            own.add(key)
            continue
        shown = value if value is not None or not lists else []
        if _value(now[key], lists=lists) != shown:
            return False
        if lists and key in own and list(_left(placed, key, lists=lists)[: len(shown)]) != shown:
            return False
    return True


def _left(placed, key, *, lists):
    state = ()
    for other in placed:
        state = _applied(state, tuple(_written(other, key)), lists=lists)
    return state
