"""When the lost writes of a run were acknowledged: for drawing them, not for judging.

Lost is what the durability checker says it is; its count is the authority. This finds the same operations
again from the history by the plain definition: acknowledged, and absent from the survivor's final reads.
"""

from harness.course import Course
from harness.history import History
from harness.operation import Outcome
from harness.workload import Workload, is_final_read


def times_ns(history: History, workload: Workload, course: Course | None, *, lost: int) -> tuple[int, ...]:
    """Return the acknowledgement times of the `lost` writes; () if they can't be told for sure.

    Reads the history twice; holds the elements of the final reads.
    """
    if course is None or course.survivor is None or course.stopped_ns is None or not lost:
        return ()
    present = {
        element
        for operation in history
        if is_final_read(operation, node=course.survivor, stopped_ns=course.stopped_ns)
        for element in workload.sees(operation)
    }
    times = tuple(
        operation.return_ns
        for operation in history
        if operation.outcome is Outcome.OK
        and operation.return_ns is not None
        and not present.issuperset(workload.writes(operation))
    )
    return times if len(times) == lost else ()
