"""The rules of a machine: what they say, and that the kernel does it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nodes.agent import firewall
from nodes.agent.attach import doors

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1CE8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 01004D0A:1CE8 02004D0A:C350 04 00000001:00000000 01:00000014 00000003     0        0 0 3 0 20 4 30 10 -1
   2: 01004D0A:1CE8 03004D0A:C351 01 00000000:00000000 00:00000000 00000000     0        0 9 1 0 20 4 30 10 -1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st
   0: 0000000000000000FFFF000001004D0A:1CE8 0000000000000000FFFF000002004D0A:C352 09
   1: 000077FD000000000000000001000000:1CE8 000077FD000000000000000002000000:C353 0B
"""


@pytest.mark.skipif(sys.byteorder != "little", reason="the texts are those of a little-endian host")
def test_connections_that_only_the_kernel_still_serves_are_silenced() -> None:
    assert firewall.ghosts([(4, TCP), (6, TCP6)]) == [
        "add element inet acked ghosts4 { 10.77.0.1 . 7400 . 10.77.0.2 . 50000 timeout 15m }",
        "add element inet acked ghosts4 { 10.77.0.1 . 7400 . 10.77.0.2 . 50002 timeout 15m }",
        "add element inet acked ghosts6 { fd77::1 . 7400 . fd77::2 . 50003 timeout 15m }",
    ]


@pytest.mark.parametrize(
    "came_by,found",
    [
        ("10.0.0.9 50000 10.0.0.1 22", [("10.0.0.9", 22)]),
        ("fe80::1%eth0 50000 fe80::2%eth0 2222", [("fe80::1%eth0", 2222)]),
        ("", []),
    ],
)
def test_how_the_harness_came_is_read_from_what_sshd_says(came_by: str, found: list[tuple[str, int]]) -> None:
    assert doors(came_by) == found


RULES_WORK = """
import asyncio, socket
from nodes.agent.firewall import Cuts, Door, Firewall, down
from nodes.linux.programs import feed

HERE, THERE = "127.0.0.1", "127.0.0.2"

def opened(port):
    server = socket.create_server((HERE, port))
    server.setblocking(False)
    return server

async def reaches(port, source=THERE):
    one = socket.socket()
    one.bind((source, 0))
    one.setblocking(False)
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(one, (HERE, port)), 0.3)
        return True
    except TimeoutError:
        return False
    finally:
        one.close()

async def main():
    servers = [opened(port) for port in (22, 7400, 7399)]
    rules = Firewall(probe_port=7399, everyone=[])
    await rules.admit(Door(THERE, 22))
    await rules.up()
    assert await reaches(7400)
    await rules.cut(Cuts(incoming=frozenset({THERE})))
    assert not await reaches(7399)
    assert (await rules.dropped())[0] == {THERE: 0}, "probes are no evidence"
    assert not await reaches(7400)
    assert await reaches(7400, "127.0.0.3"), "others are not cut"
    assert await reaches(22), "the way of the harness is never cut"
    counted = (await rules.dropped())[0][THERE]
    assert counted > 0
    await rules.cut(Cuts(incoming=frozenset({THERE, "127.0.0.3"})))
    assert (await rules.dropped())[0][THERE] >= counted, "a count goes on when others are cut"
    await rules.cut(Cuts(outgoing=frozenset({THERE})))
    assert not await reaches(7400)
    assert (await rules.dropped())[1][THERE] > 0
    await rules.cut(Cuts())
    assert await reaches(7400)
    await rules.include(THERE)
    await rules.silence(on=True)
    assert not await reaches(7400)
    assert await reaches(22), "not even by a power cut"
    await rules.silence(on=False)
    assert await reaches(7400)
    await down()
    await down()
    assert "acked" not in await feed("", "nft", "list", "tables")

asyncio.run(main())
"""


@pytest.mark.cluster
@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="rules of a firewall need root")
def test_the_rules_cut_what_they_should_and_never_the_harness(tmp_path: Path) -> None:
    script = tmp_path / "rules.py"
    script.write_text(RULES_WORK)
    shell = 'ip link set lo up && exec "$@"'
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", shell, "sh", sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_an_address_of_ip_version_6_goes_to_its_own_sets() -> None:
    text = firewall.rules(7399, ["10.0.0.1", "fd00::1"])
    assert "set everyone6 { type ipv6_addr; elements = { fd00::1 }; }" in text
