"""TCP on the simulated network, as processes see it: in order, once, late, or not at all."""

import asyncio

import pytest
from little_cluster import MS, PORT, Line, Little, Pair, World, within

from harness.machine import CLIENTS, Weather

BOTH = [(CLIENTS, "n1"), ("n1", CLIENTS)]
THERE = [(CLIENTS, "n1")]
NUMBERS = b"".join(number.to_bytes(2, "big") for number in range(1000))


def send_all(line: Line) -> None:
    for at in range(0, len(NUMBERS), 2):
        line.transport.write(NUMBERS[at : at + 2])


@pytest.mark.parametrize(
    "weather",
    [
        Weather(),
        Weather(loss=0.3),
        Weather(duplicate=0.5),
        Weather(reorder=0.5),
        Weather(loss=0.2, duplicate=0.3, reorder=0.3, jitter_ns=5 * MS, bytes_per_s=100_000),
    ],
)
def test_bytes_arrive_once_and_in_order_whatever_the_weather(world: World, weather: Weather) -> None:
    async def scenario(little: Little) -> None:
        pair = await Pair(little).open()
        await little.cluster.disturb("w", BOTH, weather)
        send_all(pair.near)
        await within(120, lambda: len(pair.far.heard) >= len(NUMBERS))
        await asyncio.sleep(10)
        assert pair.far.heard == NUMBERS
        assert pair.near.transport.get_write_buffer_size() == 0

    world.run(scenario)


def test_what_is_lost_comes_after_the_time_to_send_again(world: World) -> None:
    async def scenario(little: Little) -> None:
        pair = await Pair(little).open()
        begin = little.loop.time()
        await little.cluster.cut("c", THERE)
        pair.near.transport.write(b"a")
        await asyncio.sleep(0.05)
        await little.cluster.mend("c")
        pair.near.transport.write(b"b")
        await within(1, lambda: pair.far.heard)
        ((at, data), (again, other)) = pair.far.pieces
        assert (data, other, at) == (b"a", b"b", again), "b was there, and had to wait for a"
        assert at - begin == pytest.approx(0.2, abs=0.005)

    world.run(scenario)


def test_the_longer_a_cut_the_longer_the_pauses_between_tries(world: World) -> None:
    async def scenario(little: Little) -> tuple[int, float]:
        pair = await Pair(little).open()
        await little.cluster.cut("c", THERE)
        pair.near.transport.write(b"a")
        await asyncio.sleep(10)
        (dropped,) = (await little.cluster.dropped()).values()
        await little.cluster.mend("c")
        mended = little.loop.time()
        await within(10, lambda: pair.far.heard)
        return dropped, little.loop.time() - mended

    dropped, late = world.run(scenario)
    assert dropped == 7, "at once, and after 0.2, 0.6, 1.4, 3, 6 and 9 s"
    assert 1 < late < 3.1


def test_after_a_cut_everything_comes_soon_once_the_first_has_got_through(world: World) -> None:
    async def scenario(little: Little) -> None:
        pair = await Pair(little).open()
        await little.cluster.cut("c", THERE)
        for _ in range(100):
            pair.near.transport.write(b"x")
            await asyncio.sleep(0.01)
        await little.cluster.mend("c")
        await within(4, lambda: len(pair.far.heard) == 100)
        first, last = pair.far.pieces[0][0], pair.far.pieces[-1][0]
        assert last - first < 0.005

    world.run(scenario)


def test_a_one_way_cut_stops_one_direction(world: World) -> None:
    async def scenario(little: Little) -> None:
        pair = await Pair(little).open()
        await little.cluster.cut("c", THERE)
        pair.near.transport.write(b"lost")
        pair.far.transport.write(b"heard")
        await asyncio.sleep(1)
        assert (pair.far.heard, pair.near.heard) == (b"", b"heard")
        assert not await little.cluster.reach(CLIENTS, "n1")
        assert not await little.cluster.reach("n1", CLIENTS)

    world.run(scenario)


def test_probes_of_a_cut_are_not_counted(world: World) -> None:
    async def scenario(little: Little) -> None:
        await little.cluster.cut("c", BOTH)
        await little.cluster.disturb("w", BOTH, Weather(delay_ns=MS))
        assert not await little.cluster.reach(CLIENTS, "n1")
        assert set((await little.cluster.dropped()).values()) == {0}
        await little.cluster.mend("c")
        assert await little.cluster.reach(CLIENTS, "n1")
        assert {found.delayed for found in (await little.cluster.disturbed()).values()} == {0}

    world.run(scenario)


def test_connections_are_refused_where_nobody_listens(world: World) -> None:
    async def scenario(little: Little) -> None:
        with pytest.raises(ConnectionRefusedError):
            await little.connect("n1", Line)
        assert little.loop.time() < 0.01

    world.run(scenario)


def test_a_cut_during_a_connect_delays_it(world: World) -> None:
    async def scenario(little: Little) -> None:
        await little.listen("n1", Line)
        begin = little.loop.time()
        connecting = asyncio.create_task(little.connect("n1", Line))
        await asyncio.sleep(0)
        await little.cluster.cut("c", [("n1", CLIENTS)])
        await asyncio.sleep(0.5)
        await little.cluster.mend("c")
        await connecting
        assert little.loop.time() - begin == pytest.approx(1.0, abs=0.01), "the second try got through"

    world.run(scenario)


def test_nobody_answers_for_a_machine_without_power(world: World) -> None:
    async def scenario(little: Little) -> None:
        await little["n1"].cut_power()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20):
                await little.connect("n1", Line)
        assert not await little.cluster.reach(CLIENTS, "n1")

    world.run(scenario)


def test_a_killed_process_tells_its_peers_behind_what_it_had_sent(world: World) -> None:
    async def scenario(little: Little) -> None:
        pair = await Pair(little).open()
        pair.far.transport.write(b"last words")
        await little["n1"].kill()
        await within(0.01, lambda: pair.near.over is not None)
        assert (pair.near.heard, pair.near.error) == (b"last words", None)

    world.run(scenario)


def test_a_power_cut_tells_nobody_and_a_reboot_resets_old_connections(world: World) -> None:
    async def scenario(little: Little) -> None:
        pair = await Pair(little).open()
        await little["n1"].cut_power()
        await asyncio.sleep(5)
        assert pair.near.over is None
        pair.near.transport.write(b"is anybody there?")
        await asyncio.sleep(5)
        assert pair.near.over is None
        await little["n1"].restore_power()
        await within(4, lambda: pair.near.over is not None)
        assert isinstance(pair.near.error, ConnectionResetError)
        assert pair.far.heard == b""

    world.run(scenario)


@pytest.mark.parametrize("after_s", [0, 0.05])
def test_what_was_not_confirmed_goes_with_the_power_of_the_sender(world: World, after_s: float) -> None:
    async def scenario(little: Little) -> None:
        pair = await Pair(little).open()
        await little.cluster.cut("c", BOTH)
        pair.far.transport.write(b"never sent again")
        await asyncio.sleep(after_s)
        await little["n1"].cut_power()
        await asyncio.sleep(0.1)
        await little["n1"].restore_power()
        await little.cluster.mend("c")
        await asyncio.sleep(10)
        assert pair.near.heard == b""

    world.run(scenario)


def test_a_process_that_tidies_up_as_its_machine_loses_power_is_not_heard(world: World) -> None:
    async def scenario(little: Little) -> None:
        accepted = Line()
        await little.listen("n2", lambda: accepted)

        async def polite(process: object) -> None:
            transport, _ = await asyncio.get_running_loop().create_connection(
                Line, little["n2"].address, PORT
            )
            try:
                await asyncio.sleep(1e6)
            finally:
                transport.close()

        await little.start("n1", polite)
        await asyncio.sleep(0.1)
        await little["n1"].cut_power()
        await asyncio.sleep(1)
        assert accepted.transport is not None
        assert accepted.over is None

    world.run(scenario)


def test_a_paused_process_keeps_what_arrives_and_acts_on_it_in_order(world: World) -> None:
    async def scenario(little: Little) -> None:
        pair = await Pair(little).open()
        await little["n1"].pause()
        send_all(pair.near)
        await asyncio.sleep(1)
        assert pair.far.heard == b""
        assert pair.near.transport.get_write_buffer_size() == 0, "the kernel has taken it"
        await little["n1"].resume()
        pair.near.transport.write(b"more")
        await asyncio.sleep(0.1)
        assert pair.far.heard == NUMBERS + b"more"

    world.run(scenario)


def test_a_paused_process_is_connected_to_and_learns_of_it_later(world: World) -> None:
    async def scenario(little: Little) -> None:
        made: list[Line] = []

        def accept() -> Line:
            made.append(Line())
            return made[-1]

        await little.listen("n1", accept)
        await little["n1"].pause()
        near = await little.connect("n1", Line)
        near.transport.write(b"hello")
        near.transport.close()
        await asyncio.sleep(1)
        assert made == []
        await little["n1"].resume()
        await asyncio.sleep(0.1)
        assert made[0].heard == b"hello"
        assert made[0].over is not None

    world.run(scenario)


def test_a_process_that_dies_while_it_connects_leaves_no_connection(world: World) -> None:
    async def scenario(little: Little) -> None:
        made: list[Line] = []

        def accept() -> Line:
            made.append(Line())
            return made[-1]

        await little.listen("n2", accept)

        async def connecting(process: object) -> None:
            await asyncio.get_running_loop().create_connection(Line, little["n2"].address, PORT)

        await little.start("n1", connecting)
        await asyncio.sleep(0.0002)  # its first packet is under way
        await little["n1"].kill()
        await asyncio.sleep(5)
        assert made == []

    world.run(scenario)


def test_a_clog_ends_in_a_burst(world: World) -> None:
    async def scenario(little: Little) -> None:
        pair = await Pair(little).open()
        await little.cluster.clog("c", THERE)
        for number in range(50):
            pair.near.transport.write(bytes([number]))
            await asyncio.sleep(0.02)
        assert pair.far.heard == b""
        assert await little.cluster.held() == {(CLIENTS, "n1"): 50}
        assert not await little.cluster.reach(CLIENTS, "n1")
        await little.cluster.unclog("c")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert pair.far.heard == bytes(range(50))
        assert len({at for at, _ in pair.far.pieces}) == 1

    world.run(scenario)


def test_a_reset_breaks_both_ends_and_loses_what_is_on_its_way(world: World) -> None:
    async def scenario(little: Little) -> None:
        pair = await Pair(little).open()
        pair.near.transport.write(b"on its way")
        (number,) = await little.cluster.connections("n1", CLIENTS)
        await little.cluster.reset("n1", CLIENTS)
        assert await little.cluster.connections(CLIENTS, "n1") == ()
        await asyncio.sleep(0.1)
        for end in (pair.near, pair.far):
            assert isinstance(end.error, ConnectionResetError)
        assert pair.far.heard == b""
        await little.connect("n1", Line)
        assert number not in await little.cluster.connections(CLIENTS, "n1")

    world.run(scenario)


def test_a_reset_breaks_no_other_connection(world: World) -> None:
    async def scenario(little: Little) -> None:
        one, other = await Pair(little).open("n1"), await Pair(little).open("n2")
        await little.cluster.reset(CLIENTS, "n2")
        await asyncio.sleep(0.1)
        assert (one.near.over, one.far.over) == (None, None)
        assert other.near.over is not None

    world.run(scenario)
