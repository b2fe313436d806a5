"""Brings a connection of the harness to the agent of a folder, and starts the agent if there is none.

Started by sshd, at the other end of a channel: what comes on standard input goes to the agent, what the agent
says to standard output. It says first how the harness came, since the agent can't know.
"""

import fcntl
import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

from nodes.agent.places import LOCK, LOG, SOCKET

_START_S = 60.0
"""How long an agent may take to listen, on a machine that is emulated or busy."""
_END_S = 30.0
_READ_BYTES = 1 << 18


def attach(folder: Path, code: str, came_by: str) -> None:
    """Join standard input and output with the agent; returns when one of them ends.

    `code` is what Python is to run as the agent, and `came_by` is sshd's SSH_CONNECTION.
    """
    os.chdir(folder)
    with _agent(folder, code) as agent:
        lock = os.open(LOCK, os.O_RDWR | os.O_CLOEXEC)
        agent.sendall(json.dumps({"doors": doors(came_by)}).encode() + b"\n")
        if _join(agent):
            _await_end(lock)


def doors(came_by: str) -> list[tuple[str, int]]:
    """Return, from SSH_CONNECTION, from where the harness came and to which port; none if it does not say."""
    fields = came_by.split()
    return [(fields[0], int(fields[3]))] if len(fields) == 4 else []


def _agent(folder: Path, code: str) -> socket.socket:
    end = time.monotonic() + _START_S
    started = False
    while True:
        agent = socket.socket(socket.AF_UNIX)
        try:
            agent.connect(SOCKET)
        except (FileNotFoundError, ConnectionRefusedError):
            agent.close()
        else:
            return agent
        if not started:
            started = True
            _start(folder, code)
        if time.monotonic() > end:
            raise SystemExit(f"the agent did not start: see {folder / LOG}")
        time.sleep(0.01)


def _start(folder: Path, code: str) -> None:
    """Start the agent out of this session, so that it outlives the connection."""
    with Path(LOG).open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-I", "-S", code, "serve", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _join(agent: socket.socket) -> bool:
    """Pass on what comes from either side; tells whether it was the agent that hung up."""
    while True:
        readable, _, _ = select.select([0, agent.fileno()], [], [])
        if 0 in readable:
            data = os.read(0, _READ_BYTES)
            if not data:
                return False
            agent.sendall(data)
        if agent.fileno() in readable:
            data = agent.recv(_READ_BYTES)
            if not data:
                return True
            while data:
                data = data[os.write(1, data) :]


def _await_end(lock: int) -> None:
    """Stay until nothing of the agent is left, or the harness hangs up: the end of this process tells it so."""
    end = time.monotonic() + _END_S
    while time.monotonic() < end:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if select.select([0], [], [], 0.01)[0] and not os.read(0, _READ_BYTES):
                return
        else:
            return
