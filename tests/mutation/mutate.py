"""Small wrong changes of a program: what the tests of a checker should notice.

A mutant is a text with one node of the syntax tree changed, and all else as it was, so that it can be shown as
the line that it changes. Only such changes are made as are plausible slips: a comparison that is off by one or
the other way round, a condition that is reversed, a constant that is another, a sign, a loop that goes on.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARED: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">="),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<="),
    ast.GtE: (">", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
_COMPUTED: dict[type[ast.operator], str] = {ast.Add: "-", ast.Sub: "+", ast.BitAnd: "|", ast.BitOr: "&"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A changed program: where the change begins, what stood there, and what stands there now."""

    line: int
    column: int
    before: str
    after: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a program, in the order of its text."""
    tree = ast.parse(source)
    skipped, conditions = _told(tree), _conditions(tree)
    lines = source.encode().splitlines(keepends=True)
    found = [
        (node, after)
        for node in ast.walk(tree)
        if id(node) not in skipped
        for after in (*_changes(node, source), *_reversed(node, source, conditions))
    ]
    found.sort(key=lambda each: (each[0].lineno, each[0].col_offset, each[1]))
    for node, after in found:
        begin = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
        end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
        data = source.encode()
        changed = (data[:begin] + after.encode() + data[end:]).decode()
        before = data[begin:end].decode()
        yield Mutant(line=node.lineno, column=node.col_offset, before=before, after=after, source=changed)


def _told(tree: ast.AST) -> set[int]:
    """Return the nodes of what no test can see: docstrings, annotations, assertions, what a record forbids."""
    found = set[int]()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        match node:
            case ast.AnnAssign(annotation=annotation):
                parts = [annotation]
            case ast.arg(annotation=annotation):
                parts = [annotation]
            case ast.FunctionDef(returns=returns, decorator_list=decorators):
                parts = [returns, *decorators]
            case ast.ClassDef(keywords=keywords, decorator_list=decorators):
                parts = [*keywords, *decorators]
            case ast.If(test=ast.Name(id="TYPE_CHECKING") as test):
                parts = [test]
            case ast.JoinedStr() | ast.Assert() | ast.keyword(arg="strict"):
                parts = [node]
            case ast.Call(func=ast.Name(id="field" | "TypeVar" | "cast")):
                parts = [node]
        found |= {id(each) for part in parts if part is not None for each in ast.walk(part)}
    return found


def _conditions(tree: ast.AST) -> set[int]:
    """Return the tests of branches and loops that no other change reverses."""
    tests = [node.test for node in ast.walk(tree) if isinstance(node, ast.If | ast.IfExp | ast.While)]
    tests += [test for node in ast.walk(tree) if isinstance(node, ast.comprehension) for test in node.ifs]
    return {id(test) for test in tests if not isinstance(test, ast.Compare | ast.UnaryOp | ast.Constant)}


def _reversed(node: ast.AST, source: str, conditions: set[int]) -> Iterator[str]:
    if id(node) in conditions:
        yield f"not ({_text(node, source)})"


def _text(node: ast.AST, source: str) -> str:
    found = ast.get_source_segment(source, node)
    assert found is not None, "a node of this source"
    return found


def _changes(node: ast.AST, source: str) -> Iterator[str]:
    def text(part: ast.AST) -> str:
        return _text(part, source)

    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            for other in _COMPARED[type(op)]:
                yield f"({text(left)}) {other} ({text(right)})"
        case ast.BoolOp(op=op, values=values):
            joined = " or " if isinstance(op, ast.And) else " and "
            yield joined.join(f"({text(value)})" for value in values)
        case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
            yield f"({text(operand)})"
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTED:
            yield f"({text(left)}) {_COMPUTED[type(op)]} ({text(right)})"
        case ast.Constant(value=bool() as value):
            yield str(not value)
        case ast.Constant(value=int() as value):
            yield str(value + 1)
        case ast.Continue() | ast.Break():
            yield "pass"
