"""Tests as checks that can be judged from outside: the process under test tells values, and what they must be stays here.

    assert f(3) == 9 and not g(0)   becomes   CHECK(0, f(3), g(0))
    >>> f(3)                        becomes   CHECK(1, f(3))
    9

and holds(..) of a check decides from the values that came back, with Python's own comparisons of plain data. Literals are not
among the operands: the process that computes f(3) is never told the 9. So it makes no difference what becomes of `assert`,
of AssertionError or of objects that are equal to everything in there; and who forges the values has to know them.
"""

from __future__ import annotations

import ast
import doctest
import operator
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from generation.sandbox.runner import CHECK

Holds = Callable[[list[Any]], bool]  # whether a check holds, by the values of its operands

TEST_NAME = re.compile(r"test|check$")  # of a function that is a test
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
    """Whether a statement is a test: asserts that are not inside a function which is no test itself."""
    if isinstance(statement, ast.FunctionDef) and not TEST_NAME.match(statement.name):
        return False
    return not isinstance(statement, ast.ClassDef | ast.AsyncFunctionDef) and any(
        isinstance(node, ast.Assert) for node in ast.walk(statement)
    )


def make_checks(program: list[ast.stmt], tests: list[ast.stmt]) -> tuple[ast.Module, list[Holds]]:
    """The examples in the program's docstrings and the tests, as a module that reports, and what its checks must hold.

    Changes `tests`. Raises ValueError where an example is not written as doctest wants it, SyntaxError where it is no Python.
    """
    made = _Checks()
    body = [statement for text in docstrings(program) for statement in made.examples(text)]
    body += [made.visit(statement) for statement in tests]
    body += [ast.Expr(ast.Call(ast.Name(name, ast.Load()), [], [])) for name in uncalled(tests)]
    return ast.fix_missing_locations(ast.Module(body, [])), made.checks


def docstrings(statements: list[ast.stmt]) -> Iterator[str]:
    """Those of the functions and classes, and of what is in them."""
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and (text := ast.get_docstring(node)):
                yield text


def uncalled(tests: list[ast.stmt]) -> list[str]:
    """The test functions that only a test runner would call."""
    defined = [test.name for test in tests if isinstance(test, ast.FunctionDef) and not ast.unparse(test.args)]
    named = {node.id for test in tests for node in ast.walk(test) if isinstance(node, ast.Name)}
    return [name for name in defined if name.startswith("test") and name not in named]


class _Checks(ast.NodeTransformer):
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
        """The statements of a docstring's examples."""
        for example in doctest.DocTestParser().get_examples(text):
            statements = ast.parse(example.source).body
            value = statements[0].value if len(statements) == 1 and isinstance(statements[0], ast.Expr) else None
            if example.exc_msg is not None:
                yield self.raising(statements, example.exc_msg.partition(":")[0].strip())
            elif example.want and value:
                yield self.showing(value, example)
            else:
                yield from statements

    def showing(self, value: ast.expr, example: doctest.Example) -> ast.stmt:
        """`>>> value`, or `>>> print(value)`, and what it shows."""
        text = partial(text_is_shown, example)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print":
            if len(value.args) == 1 and not value.keywords and not isinstance(value.args[0], ast.Starred):
                return self.check(text, [ast.Call(ast.Name("str", ast.Load()), value.args, [])])
            return ast.Expr(value)
        if is_literal(example.want):
            return self.check(partial(literal_is_shown, example), [value])
        return self.check(text, [ast.Call(ast.Name("repr", ast.Load()), [value], [])])

    def raising(self, statements: list[ast.stmt], name: str) -> ast.stmt:
        """An example that ends with an exception of this name."""
        told = self.check(lambda values: values[0] == name.rpartition(".")[2], [ast.Name("__raised__", ast.Load())])
        template = "try: __raised__ = None\nexcept Exception as error: __raised__ = type(error).__name__\nfinally: pass"
        [attempt] = ast.parse(template).body
        assert isinstance(attempt, ast.Try)
        attempt.body += statements
        attempt.finalbody = [told]
        return attempt


# ---- judging ---------------------------------------------------------------------------------------------------------
def is_literal(source: str | ast.expr) -> bool:
    try:
        ast.literal_eval(source.strip() if isinstance(source, str) else source)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def operands_of(test: ast.expr) -> list[ast.expr]:
    """What has to be evaluated to decide a test: what stands between comparisons, `and`, `or`, `not`, and is no literal."""
    match test:
        case ast.BoolOp(values=parts):
            return [operand for part in parts for operand in operands_of(part)]
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return operands_of(part)
        case ast.Compare(left=left, comparators=others):
            return [operand for part in (left, *others) for operand in operands_of(part)]
    return [] if is_literal(test) else [test]


def assertion_holds(test: ast.expr, values: list[Any]) -> bool:
    """Whether a test is true, by the values of its operands."""
    return bool(value_of(test, iter(values)))


def value_of(test: ast.expr, values: Iterator[Any]) -> Any:
    """The value of a test; the values are taken in the order of operands_of, each once."""
    match test:
        case ast.BoolOp(op=op, values=parts):
            *firsts, last = [value_of(part, values) for part in parts]
            return next((value for value in firsts if bool(value) is isinstance(op, ast.Or)), last)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return not value_of(part, values)
        case ast.Compare(left=left, ops=ops, comparators=others):
            terms = [value_of(part, values) for part in (left, *others)]
            return all(OPERATORS[type(op)](*terms[place : place + 2]) for place, op in enumerate(ops))
    return ast.literal_eval(test) if is_literal(test) else next(values)


def text_is_shown(example: doctest.Example, values: list[Any]) -> bool:
    """Whether the one value, a text, is what the example shows."""
    options = sum(flag for flag, on in example.options.items() if on)
    return isinstance(values[0], str) and doctest.OutputChecker().check_output(example.want, values[0] + "\n", options)


def literal_is_shown(example: doctest.Example, values: list[Any]) -> bool:
    """Whether the one value is what the example shows; sets and dictionaries in any order."""
    wanted = ast.literal_eval(example.want.strip())
    same = type(values[0]) is type(wanted) and isinstance(wanted, set | dict) and values[0] == wanted
    return same or text_is_shown(example, [repr(values[0])])
