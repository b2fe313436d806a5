"""The models that come with Acked, by name."""

from collections.abc import Mapping

from checkers.linearizability.model import Model
from checkers.linearizability.models.collections import FifoQueue, ListAppend, SetModel, UnorderedQueue
from checkers.linearizability.models.registers import CasRegister, MultiRegister, Register
from checkers.linearizability.models.scalars import AppendableText, Counter, Mutex

MODELS: Mapping[str, Model] = {
    model.name: model
    for model in (
        Register(),
        CasRegister(),
        MultiRegister(),
        Mutex(),
        Counter(),
        SetModel(),
        FifoQueue(),
        UnorderedQueue(),
        ListAppend(),
        AppendableText(),
    )
}
"""Each model under its name: register, cas-register, multi-register, mutex, counter, set, fifo-queue,
unordered-queue, list-append, kv-append."""
