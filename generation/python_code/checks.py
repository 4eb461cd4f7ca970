"""Turns tests into checks that are judged outside the sandbox: the process under test only reports values.

    assert f(3) == 9 and not g(0)   becomes   CHECK(0, f(3), g(0))
    >>> f(3)                        becomes   CHECK(1, f(3))
    9

Whether a check holds is decided here from the reported values, with Python's own comparisons of plain data. Literals
are not among the operands: the process that computes f(3) never sees the 9. So it does not help a program to redefine
AssertionError or to return objects that equal everything, and to forge the values it would have to know them.
"""

from __future__ import annotations

import ast
import doctest
import operator
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from generation.python_code.parsing import literal, parse_module
from generation.sandbox.runner import CHECK

Holds = Callable[[list[Any]], bool]  # whether a check holds, given the values of its operands

TEST_NAME = re.compile(r"test|check$")  # matches the names of test functions
OPERATORS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda item, container: item in container,
    ast.NotIn: lambda item, container: item not in container,
}


def has_asserts(statement: ast.stmt) -> bool:
    """Whether a statement is a test: it contains asserts, and is not a class or a function that is not a test."""
    if isinstance(statement, ast.FunctionDef) and not TEST_NAME.match(statement.name):
        return False
    return not isinstance(statement, ast.ClassDef | ast.AsyncFunctionDef) and any(
        isinstance(node, ast.Assert) for node in ast.walk(statement)
    )


def make_checks(program: list[ast.stmt], tests: list[ast.stmt]) -> tuple[ast.Module, list[Holds]]:
    """Turn the examples in the program's docstrings and the tests into a module that reports values, and its checks.

    Modifies `tests`. Raises ValueError if an example is malformed, SyntaxError if it is not Python.
    """
    maker = _CheckMaker()
    body = [statement for text in docstrings(program) for statement in maker.examples(text)]
    body += [maker.visit(statement) for statement in tests]
    body += [ast.Expr(ast.Call(ast.Name(name, ast.Load()), [], [])) for name in uncalled(tests)]
    return ast.fix_missing_locations(ast.Module(body, [])), maker.checks


def docstrings(statements: list[ast.stmt]) -> Iterator[str]:
    """The docstrings of functions and classes, nested ones too."""
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and (text := ast.get_docstring(node)):
                yield text


def uncalled(tests: list[ast.stmt]) -> list[str]:
    """The test functions that only a test runner would call."""
    defined = [test.name for test in tests if isinstance(test, ast.FunctionDef) and not ast.unparse(test.args)]
    named = {node.id for test in tests for node in ast.walk(test) if isinstance(node, ast.Name)}
    return [name for name in defined if name.startswith("test") and name not in named]


class _CheckMaker(ast.NodeTransformer):
    """Replaces asserts and examples by calls that report, and collects the checks."""

    def __init__(self) -> None:
        self.checks: list[Holds] = []

    def check(self, holds: Holds, operands: list[ast.expr]) -> ast.stmt:
        self.checks.append(holds)
        number = ast.Constant(len(self.checks) - 1)
        return ast.Expr(ast.Call(ast.Constant(CHECK), [number, *operands], []))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self.generic_visit(node) if TEST_NAME.match(node.name) else node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        return self.check(partial(assertion_holds, node.test), operands_of(node.test))

    def examples(self, text: str) -> Iterator[ast.stmt]:
        """The examples in a docstring, as statements."""
        for example in doctest.DocTestParser().get_examples(text):
            statements = parse_module(example.source).body
            value = statements[0].value if len(statements) == 1 and isinstance(statements[0], ast.Expr) else None
            if example.exc_msg is not None:
                yield self.check_raised(statements, example.exc_msg.partition(":")[0].strip())
            elif example.want and value:
                yield self.check_shown(value, example)
            else:
                yield from statements

    def check_shown(self, value: ast.expr, example: doctest.Example) -> ast.stmt:
        """The check of `>>> value` or `>>> print(value)`."""
        text = partial(text_is_shown, example)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print":
            if len(value.args) == 1 and not value.keywords and not isinstance(value.args[0], ast.Starred):
                return self.check(text, [ast.Call(ast.Name("str", ast.Load()), value.args, [])])
            return ast.Expr(value)
        if is_literal(example.want):
            return self.check(partial(literal_is_shown, example), [value])
        return self.check(text, [ast.Call(ast.Name("repr", ast.Load()), [value], [])])

    def check_raised(self, statements: list[ast.stmt], name: str) -> ast.stmt:
        """The check of an example that ends with an exception of this name."""
        report = self.check(lambda values: values[0] == name.rpartition(".")[2], [ast.Name("__raised__", ast.Load())])
        template = "try: __raised__ = None\nexcept Exception as error: __raised__ = type(error).__name__\nfinally: pass"
        [attempt] = parse_module(template).body
        assert isinstance(attempt, ast.Try)
        attempt.body += statements
        attempt.finalbody = [report]
        return attempt


# ---- judging ---------------------------------------------------------------------------------------------------------
def is_literal(source: str | ast.expr) -> bool:
    try:
        literal(source)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def operands_of(test: ast.expr) -> list[ast.expr]:
    """The expressions that decide a test: the operands of comparisons, `and`, `or` and `not` that are not literals."""
    match test:
        case ast.BoolOp(values=parts):
            return [operand for part in parts for operand in operands_of(part)]
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return operands_of(part)
        case ast.Compare(left=left, comparators=others):
            return [operand for part in (left, *others) for operand in operands_of(part)]
    return [] if is_literal(test) else [test]


def assertion_holds(test: ast.expr, values: list[Any]) -> bool:
    """Whether a test is true, given the values of its operands."""
    return bool(value_of(test, iter(values)))


def value_of(test: ast.expr, values: Iterator[Any]) -> Any:
    """The value of a test. Takes the values of its operands in the order of operands_of."""
    match test:
        case ast.BoolOp(op=op, values=parts):
            *firsts, last = [value_of(part, values) for part in parts]
            return next((value for value in firsts if bool(value) is isinstance(op, ast.Or)), last)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return not value_of(part, values)
        case ast.Compare(left=left, ops=ops, comparators=others):
            terms = [value_of(part, values) for part in (left, *others)]
            return all(OPERATORS[type(op)](*terms[index : index + 2]) for index, op in enumerate(ops))
    return literal(test) if is_literal(test) else next(values)


def text_is_shown(example: doctest.Example, values: list[Any]) -> bool:
    """Whether the only value, a string, is what the example shows."""
    options = sum(flag for flag, on in example.options.items() if on)
    return isinstance(values[0], str) and doctest.OutputChecker().check_output(example.want, values[0] + "\n", options)


def literal_is_shown(example: doctest.Example, values: list[Any]) -> bool:
    """Whether the only value is what the example shows; the order of sets and dictionaries does not matter."""
    expected = literal(example.want)
    same = type(values[0]) is type(expected) and isinstance(expected, set | dict) and values[0] == expected
    return same or text_is_shown(example, [repr(values[0])])
