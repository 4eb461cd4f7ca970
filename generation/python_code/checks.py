"""Turns tests into checks that are judged outside the sandbox: the process under test only reports values.

    assert f(3) == 9 and not g(0)   becomes   CHECK(0, f(3), g(0))
    >>> f(3)                        becomes   CHECK(1, f(3), what is printed)
    9

Whether a check holds is decided from the reported values (judging.py), with Python's own comparisons of plain data.
So it does not help a program to redefine AssertionError or to return objects that equal everything.
"""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from generation.python_code.frameworks import (
    TEST_NAME,
    as_assert,
    calls_of_tests,
    expected_exceptions,
    is_main_guard,
    is_test_class,
    parsed,
    starts_runner,
    without_approx,
    without_exit,
)
from generation.python_code.judging import (
    asks,
    assertion_holds,
    is_literal,
    literal,
    operands_in_order,
    tells,
    tells_kind_only,
)
from generation.sandbox.bubblewrap import CHECK

Judgement = Callable[[list[Any]], bool]  # from the values of the operands
FAILED = "..."  # a value that hardly a function has; see Failed in generation/sandbox/bubblewrap.py
ANYTHING = {"Exception", "BaseException"}  # exceptions that say nothing


class Check(NamedTuple):
    """One assertion or example of the tests."""

    holds: Judgement
    is_test: Judgement  # whether it tells what a value is
    asks: bool = False  # whether it only asks functions of the program for yes or no


def has_asserts(statement: ast.stmt) -> bool:
    """Whether a statement is a test: it contains asserts, and is not a class or a function that is not a test."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and not TEST_NAME.match(statement.name):
        return False
    if isinstance(statement, ast.ClassDef):
        return is_test_class(statement)
    return any(isinstance(node, ast.Assert) or is_raises(node) for node in ast.walk(statement))


def is_raises(node: ast.AST) -> bool:
    return isinstance(node, ast.With) and expected_exceptions(node.items[0].context_expr) is not None


def make_checks(program: list[ast.stmt], tests: list[ast.stmt]) -> tuple[ast.Module, list[Check]]:
    """Turn the examples in the program's docstrings and the tests into a module that reports values, and its checks.

    Modifies `tests`. Raises ValueError if an example is malformed, SyntaxError if it is not Python.
    """
    maker = _CheckMaker({node.name for node in program if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)})
    tests = [
        test for test in tests if not (starts_runner(test) or is_idle_guard(test, tests)) or imports_unittest(test)
    ]
    calls = list(calls_of_tests(tests))
    body = [statement for text in docstrings(program) for statement in maker.examples(text)]
    body += maker.visit_all(tests) + calls
    return ast.fix_missing_locations(ast.Module(body, [])), maker.checks


def is_check(statement: ast.Expr) -> bool:
    """Whether a statement reports the values of a check."""
    call = statement.value
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Constant) and call.func.value == CHECK


def imports_unittest(statement: ast.stmt) -> bool:
    """Whether a statement imports unittest, whose TestCase stays the base class of the tests."""
    return isinstance(statement, ast.Import | ast.ImportFrom) and "unittest" in ast.unparse(statement)


def is_idle_guard(statement: ast.stmt, tests: list[ast.stmt]) -> bool:
    """Whether a statement is `if __name__ == "__main__": ..` without a test in it; it may ask for input, say."""
    if not is_main_guard(statement):
        return False
    functions = {test.name for test in tests if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef)}
    nodes = list(ast.walk(statement))
    named = {node.id for node in nodes if isinstance(node, ast.Name)}
    return not named & functions and not any(isinstance(node, ast.Assert) for node in nodes)


def docstrings(statements: list[ast.stmt]) -> Iterator[str]:
    """The docstrings of functions and classes, nested ones too."""
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and (
                text := ast.get_docstring(node)
            ):
                yield text


class _CheckMaker(ast.NodeTransformer):
    """Replaces asserts and examples by calls that report, and collects the checks."""

    def __init__(self, functions: set[str]) -> None:
        self.functions = functions  # of the program
        self.checks: list[Check] = []
        self.caught = 0  # depth of `try` blocks in which a failing assertion would be caught

    def check(
        self, holds: Judgement, is_test: Judgement, operands: list[ast.expr], asking: ast.expr | None = None
    ) -> ast.stmt:
        self.checks.append(Check(holds, is_test, asking is not None and asks(asking, self.functions)))
        number = ast.Constant(len(self.checks) - 1)
        return ast.Expr(ast.Call(ast.Constant(CHECK), [number, *operands], []))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self.generic_visit(node) if TEST_NAME.match(node.name) else node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self.generic_visit(node) if TEST_NAME.match(node.name) else node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self.generic_visit(node) if is_test_class(node) else node

    def visit_If(self, node: ast.If) -> ast.AST:
        if is_main_guard(node):
            node.body = [each for each in without_exit(node.body) if not starts_runner(each)] or [ast.Pass()]
        return self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> ast.AST:
        catches = any(catches_assertions(handler) for handler in node.handlers)
        self.caught += catches
        node.body = self.visit_all(node.body)
        self.caught -= catches
        node.handlers = [self.visit(handler) for handler in node.handlers]
        node.orelse, node.finalbody = self.visit_all(node.orelse), self.visit_all(node.finalbody)
        return node

    def visit_all(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        block = ast.Module(statements, [])
        self.generic_visit(block)
        return block.body

    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        return self.check_assertion(without_approx(node.test))

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | list[ast.stmt]:
        match node.value:
            case ast.Call(args=[named, function, *arguments]) if expected_exceptions(node.value):
                called = ast.Expr(ast.Call(function, arguments, node.value.keywords))
                return self.check_raises([called], ast.unparse(named))
        asserted = as_assert(node)
        return self.check_assertion(asserted) if asserted else node

    def visit_With(self, node: ast.With) -> ast.AST:
        names = expected_exceptions(node.items[0].context_expr)
        if names is None or len(node.items) > 1:
            return self.generic_visit(node)
        bound = node.items[0].optional_vars
        return self.check_raises(node.body, names, bound.id if isinstance(bound, ast.Name) else "__error__")

    def check_assertion(self, test: ast.expr) -> list[ast.stmt]:
        """The check of an assertion. What may not be evaluated, as in `not x or x[0] == 1`, is evaluated first; where
        that fails, FAILED stands for it.
        """
        statements: list[ast.stmt] = []
        operands: list[ast.expr] = []
        for operand, optional in operands_in_order(test):
            if optional:
                name = f"__operand{len(operands)}__"
                [attempt] = parsed(f"try: {name} = None\nexcept Exception: {name} = {FAILED}")
                assert isinstance(attempt, ast.Try) and isinstance(attempt.body[0], ast.Assign)
                attempt.body[0].value = operand
                statements.append(attempt)
                operand = ast.Name(name, ast.Load())
            operands.append(operand)
        is_test = never if self.caught else partial(assertion_tells, test)
        return [*statements, self.check(partial(assertion_holds, test), is_test, operands, test)]

    def examples(self, text: str) -> Iterator[ast.stmt]:
        """The examples in a docstring, as statements."""
        for example in doctest.DocTestParser().get_examples(text):
            statements = parsed(example.source)
            if example.exc_msg is not None:
                yield self.check_raises(statements, example.exc_msg.partition(":")[0].strip())
            elif example.want:
                yield from self.check_shown(statements, example)
            else:
                yield from statements

    def check_shown(self, statements: list[ast.stmt], example: doctest.Example) -> Iterator[ast.stmt]:
        """The check of an example that shows something: its value, and what it prints with the value."""
        asking = None
        if isinstance(statements[-1], ast.Expr):
            asking = statements[-1].value
            [assignment] = parsed("__value__ = None")
            assert isinstance(assignment, ast.Assign)
            assignment.value = asking
            statements = [*statements[:-1], assignment, *parsed("__value__ is None or print(repr(__value__))")]
        *prepare, attempt = parsed(
            "import io, sys\n__value__, __shown__, __stdout__ = None, io.StringIO(), sys.stdout\n"
            "try: sys.stdout = __shown__\nfinally: sys.stdout = __stdout__"
        )
        assert isinstance(attempt, ast.Try)
        attempt.body += statements
        operands = parsed("(__value__, __shown__.getvalue())")[0]
        assert isinstance(operands, ast.Expr) and isinstance(operands.value, ast.Tuple)
        yield from [*prepare, attempt]
        yield self.check(partial(example_holds, example), partial(example_tells, example), operands.value.elts, asking)

    def check_raises(self, statements: list[ast.stmt], names: str, bound: str = "__error__") -> ast.stmt:
        """The check that statements end with an exception of one of these names."""
        expected = {name.rpartition(".")[2] for name in re.findall(r"[\w.]+", names)}
        [attempt] = parsed(
            "try: __raised__ = []\n"
            "except Exception as __caught__:\n"
            "  __raised__ = [kind.__name__ for kind in type(__caught__).__mro__]\n"
            f"  {bound} = __import__('types').SimpleNamespace(value=__caught__, exception=__caught__)\n"
            "finally: pass"
        )
        assert isinstance(attempt, ast.Try)
        attempt.body += statements
        is_test = never if expected & ANYTHING else always
        attempt.finalbody = [
            self.check(partial(exception_is_raised, expected), is_test, [ast.Name("__raised__", ast.Load())])
        ]
        return attempt


def catches_assertions(handler: ast.ExceptHandler) -> bool:
    caught = ast.unparse(handler.type) if handler.type else "Exception"
    return bool(re.search(r"\b(Exception|BaseException|AssertionError)\b", caught))


# ---- judging ---------------------------------------------------------------------------------------------------------
def never(values: list[Any]) -> bool:
    return False


def always(values: list[Any]) -> bool:
    return True


def assertion_tells(test: ast.expr, values: list[Any]) -> bool:
    return tells(test, iter(values))


def exception_is_raised(expected: set[str], values: list[Any]) -> bool:
    """Whether the only value, the names of an exception's classes, has one of those expected."""
    return isinstance(values[0], list) and bool(expected & set(values[0]))


def example_holds(example: doctest.Example, values: list[Any]) -> bool:
    """Whether a value, or what is printed, is what the example shows; sets and dictionaries have no order."""
    value, shown = values
    if is_literal(example.want):
        expected = literal(example.want)
        if type(value) is type(expected) and isinstance(expected, set | dict) and value == expected:
            return True
    options = sum(flag for flag, on in example.options.items() if on)
    return isinstance(shown, str) and doctest.OutputChecker().check_output(example.want, shown, options)


def example_tells(example: doctest.Example, values: list[Any]) -> bool:
    """Whether an example shows a value: not only `...`, nor the answer to a question about its kind."""
    shown = example.want.replace("...", "") if example.options.get(doctest.ELLIPSIS) else example.want
    statements = parsed(example.source)
    test = statements[-1].value if isinstance(statements[-1], ast.Expr) else ast.Constant(None)
    if example.want.strip() not in ("True", "False"):
        return not tells_kind_only(test) and (bool(re.search(r"\w", shown)) or shown == example.want)
    return tells(test, negated=example.want.strip() == "False")
