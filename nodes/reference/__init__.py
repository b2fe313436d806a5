"""The reference store: a small primary/replica key-value store with a replicated log, written to be read.

It runs with the standard library alone and knows nothing of any test harness. Where to start:

- `rules`: which copies an acknowledgement needs and which logs an election must hear, mode by mode;
- `node`: the state machine of one member (events in, effects out), with `primary`, `replica`, `candidate`;
- `wal`, `meta`, `snapshot`: what is on disk, and how it survives a crash;
- `server` and `client`: the sockets around them.
"""
