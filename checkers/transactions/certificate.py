"""What a violation rests on, as plain values that an independent program can check against the history."""

from typing import Any

import msgspec
from msgspec import structs

from checkers.transactions.check import Result
from checkers.transactions.explanation import Pointer, Step, Story


def certificate(result: Result) -> dict[str, Any]:
    """Return the certificate of a result: every anomaly that was told, by ids and places.

    Its form is described in docs/certificates.md. The `story` of each is what people are told, and drawn.
    """
    infer = structs.asdict(result.infer)
    return {
        "kind": "transactions",
        "workload": result.workload,
        "consistency": result.consistency,
        "infer": [name for name, taken in infer.items() if taken],
        "anomalies": [
            {"anomaly": str(found.anomaly), **_shown(story), "story": msgspec.to_builtins(story)}
            for found in result.found
            for story in found.stories
        ],
    }


def _shown(story: Story) -> dict[str, Any]:
    if not story.is_cycle:
        return {"micro": [_plain(pointer) for pointer in story.micro]}
    return {"steps": [_step(step) for step in story.steps]}


def _step(step: Step) -> dict[str, Any]:
    told = {"before": step.before, "after": step.after, "witness": step.witness}
    return {
        "id": step.id,
        "edge": step.edge,
        **{name: _plain(pointer) for name, pointer in told.items() if pointer is not None},
    }


def _plain(pointer: Pointer) -> dict[str, int]:
    return {"id": pointer.id, "place": pointer.place}
