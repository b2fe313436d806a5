"""What is changed of a program to see whether its tests notice, and that all else stays as it was."""

import ast

from mutate import mutants

SOURCE = '''"""Not 1 == 1."""
def f(x: int = 3, ü: "1 < 2" = None) -> bool:
    assert x != 1, f"{x + 1}"
    for _ in zip(range(x), ü, strict=True):
        if x and ü:
            continue
    return not x if x <= 2 else x - 1 in (ü, True)
if TYPE_CHECKING:
    import typing
@dataclass(frozen=True)
class A(Struct, kw_only=True): ...
'''


def test_each_changes_one_place_and_is_a_program():
    found = list(mutants(SOURCE))
    assert len({each.source for each in found}) == len(found)
    for each in found:
        ast.parse(each.source)
        one, other = SOURCE.splitlines(), each.source.splitlines()
        assert [line for line in range(len(one)) if one[line] != other[line]] == [each.line - 1]
    assert [(each.line, each.before, each.after) for each in found] == [
        (2, "3", "4"),
        (5, "x and ü", "(x) or (ü)"),
        (5, "x and ü", "not (x and ü)"),
        (6, "continue", "pass"),
        (7, "not x", "(x)"),
        (7, "x <= 2", "(x) < (2)"),
        (7, "x <= 2", "(x) > (2)"),
        (7, "2", "3"),
        (7, "x - 1 in (ü, True)", "(x - 1) not in ((ü, True))"),
        (7, "x - 1", "(x) + (1)"),
        (7, "1", "2"),
        (7, "True", "False"),
    ]
