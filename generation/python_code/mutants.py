"""Mutants: copies of a program with one small fault each. Tests that pass for all of them test nothing.

The existing tools (mutmut, cosmic-ray) test projects: they write mutants into a source tree, run its test suite for
each, and keep a session on disk. Here only the mutated AST is needed. The faults are the ones that those tools use
(https://mutmut.readthedocs.io); the idea is from DeMillo, Lipton and Sayward, "Hints on Test Data Selection",
Computer 11(4), 1978. Leaving out a call is from PIT (https://pitest.org/quickstart/mutators: "naked receiver",
"argument propagation").
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple, TypeVar

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}

Item = TypeVar("Item")

UNCHANGED = ("annotation", "returns", "decorator_list")  # fields of AST nodes that are not mutated


class Change(NamedTuple):
    """A fault: a new value for a field of a node."""

    node: ast.AST
    field: str
    value: Any
    crude: bool = False  # a result is left out, or another constant: nearly every test notices that


class Mutant(NamedTuple):
    """A program with a fault."""

    program: ast.Module
    crude: bool
    definition: str  # the function or class of the program that has the fault


def mutants(program: ast.Module, most: int, within: Collection[str] = ()) -> Iterator[Mutant]:
    """A program with one fault at a time in its functions: at most `most`, spread evenly over the program, or over
    the functions and classes `within`.

    The program itself is changed, and changed back when the next mutant is asked for. A quarter of the faults are
    crude ones, or more if there are few others.
    """
    found = [
        (change, definition)
        for statement in program.body
        if (definition := getattr(statement, "name", "")) in within or not within
        for change in changes(statement)
    ]
    crude = [each for each in found if each[0].crude]
    fine = [each for each in found if not each[0].crude]
    fine_count = min(len(fine), max(most - most // 4, most - len(crude)))
    for change, definition in [*spread(fine, fine_count), *spread(crude, min(len(crude), most - fine_count))]:
        before = getattr(change.node, change.field)
        setattr(change.node, change.field, change.value)
        yield Mutant(ast.fix_missing_locations(program), change.crude, definition)
        setattr(change.node, change.field, before)


def spread(items: list[Item], count: int) -> list[Item]:
    """`count` of the items, evenly."""
    return [items[index * len(items) // count] for index in range(count)]


def changes(node: ast.AST, in_function: bool = False) -> Iterator[Change]:
    """All possible faults in the functions below a node, in source order."""
    if in_function and (change := CHANGES.get(type(node))):
        yield from change(node)
    in_function = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for name, value in ast.iter_fields(node):
        if name in UNCHANGED:
            continue
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if in_function and (inner := instead_of_call(child)):
                changed = [*value[:index], inner, *value[index + 1 :]] if isinstance(value, list) else inner
                yield Change(node, name, changed)
            if isinstance(child, ast.AST) and not is_text(child):
                whole = isinstance(node, ast.Return) and isinstance(child, ast.Constant)
                yield from (change._replace(crude=change.crude or whole) for change in changes(child, in_function))


def instead_of_call(node: object) -> ast.expr | None:
    """What a call is applied to; None for other nodes."""
    match node:
        case ast.Call(func=ast.Name() | ast.Attribute(value=ast.Name()), args=[argument, *_]):
            return None if isinstance(argument, ast.Starred) else argument
        case ast.Call(func=ast.Attribute(value=receiver)):
            return receiver
    return None


def is_text(node: ast.AST) -> bool:
    """Whether a node is a docstring, or a string used as a comment."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _constant(node: ast.Constant) -> Iterator[Change]:
    match node.value:
        case bool():
            yield Change(node, "value", not node.value)
        case int() | float() | complex():
            yield Change(node, "value", node.value + 1)
        case str():
            yield Change(node, "value", node.value + "X")


def _operator(node: ast.BinOp | ast.AugAssign) -> Iterator[Change]:
    if other := ARITHMETIC.get(type(node.op)):
        yield Change(node, "op", other())


def _comparison(node: ast.Compare) -> Iterator[Change]:
    for index, op in enumerate(node.ops):
        yield Change(node, "ops", [*node.ops[:index], COMPARISONS[type(op)](), *node.ops[index + 1 :]])


def _condition(node: ast.If | ast.IfExp | ast.While) -> Iterator[Change]:
    if not isinstance(node.test, ast.Compare | ast.Constant):  # these are mutated themselves
        yield Change(node, "test", ast.UnaryOp(ast.Not(), node.test))


def _result(node: ast.Return | ast.Yield) -> Iterator[Change]:
    if node.value and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield Change(node, "value", ast.Constant(None), crude=True)


def _boolean(node: ast.BoolOp) -> Iterator[Change]:
    yield Change(node, "op", ast.And() if isinstance(node.op, ast.Or) else ast.Or())


CHANGES: dict[type[ast.AST], Callable[..., Iterator[Change]]] = {
    ast.Constant: _constant,
    ast.BinOp: _operator,
    ast.AugAssign: _operator,
    ast.Compare: _comparison,
    ast.BoolOp: _boolean,
    ast.If: _condition,
    ast.IfExp: _condition,
    ast.While: _condition,
    ast.Return: _result,
    ast.Yield: _result,
}
