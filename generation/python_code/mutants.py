"""Mutants: copies of a program with one small fault each. Tests that pass for all of them test nothing.

The existing tools (mutmut, cosmic-ray) test projects: they write mutants into a source tree, run its test suite for
each, and keep a session on disk. Here only the mutated AST is needed. The faults are the ones that those tools use
(https://mutmut.readthedocs.io); the idea is from DeMillo, Lipton and Sayward, "Hints on Test Data Selection",
Computer 11(4), 1978.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator

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

UNCHANGED = ("annotation", "returns", "decorator_list")  # fields of AST nodes that are not mutated

Change = tuple[ast.AST, str, object]  # a node, one of its fields, and the new value


def mutants(program: ast.Module, most: int) -> Iterator[ast.Module]:
    """Copies of a program with one fault each in its functions: at most `most`, spread evenly over the program."""
    count = sum(1 for _ in changes(program))
    chosen = {index * count // most for index in range(most)} if count > most else set(range(count))
    for index in sorted(chosen):
        mutant = copy.deepcopy(program)
        node, name, value = list(changes(mutant))[index]
        setattr(node, name, value)
        yield ast.fix_missing_locations(mutant)


def changes(node: ast.AST, in_function: bool = False) -> Iterator[Change]:
    """All possible faults in the functions below a node, in source order."""
    if in_function and (change := CHANGES.get(type(node))):
        yield from change(node)
    in_function = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and name not in UNCHANGED and not is_text(child):
                yield from changes(child, in_function)


def is_text(node: ast.AST) -> bool:
    """Whether a node is a docstring, or a string used as a comment."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _constant(node: ast.Constant) -> Iterator[Change]:
    match node.value:
        case bool():
            yield node, "value", not node.value
        case int() | float() | complex():
            yield node, "value", node.value + 1
        case str():
            yield node, "value", node.value + "X"


def _operator(node: ast.BinOp | ast.AugAssign) -> Iterator[Change]:
    if other := ARITHMETIC.get(type(node.op)):
        yield node, "op", other()


def _comparison(node: ast.Compare) -> Iterator[Change]:
    for index, op in enumerate(node.ops):
        yield node, "ops", [*node.ops[:index], COMPARISONS[type(op)](), *node.ops[index + 1 :]]


def _condition(node: ast.If | ast.IfExp | ast.While) -> Iterator[Change]:
    if not isinstance(node.test, ast.Compare | ast.Constant):  # these are mutated themselves
        yield node, "test", ast.UnaryOp(ast.Not(), node.test)


def _result(node: ast.Return | ast.Yield) -> Iterator[Change]:
    if node.value and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield node, "value", ast.Constant(None)


def _boolean(node: ast.BoolOp) -> Iterator[Change]:
    yield node, "op", ast.And() if isinstance(node.op, ast.Or) else ast.Or()


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
