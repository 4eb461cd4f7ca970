"""Tests in the style of unittest and pytest, as plain asserts and calls.

Their runners would call a program's functions where their failures cannot be judged. So the methods of
unittest.TestCase become asserts, `raises` and `parametrize` of pytest become statements, and what starts a runner is
left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

TEST_NAME = re.compile(r"test|check$|main$|demo$|.*[Tt]ests?$")  # matches the names of test functions
TEST_MODULES = {"pytest", "unittest", "doctest"}
RUNNERS = {"unittest.main", "pytest.main", "doctest.testmod", "doctest.run_docstring_examples", "testmod"}
ASSERTIONS = {  # unittest's methods
    "assertEqual": "A == B",
    "assertNotEqual": "A != B",
    "assertTrue": "A",
    "assertFalse": "not A",
    "assertIs": "A is B",
    "assertIsNot": "A is not B",
    "assertIsNone": "A is None",
    "assertIsNotNone": "A is not None",
    "assertIn": "A in B",
    "assertNotIn": "A not in B",
    "assertIsInstance": "isinstance(A, B)",
    "assertGreater": "A > B",
    "assertGreaterEqual": "A >= B",
    "assertLess": "A < B",
    "assertLessEqual": "A <= B",
    "assertAlmostEqual": "abs(A - B) < TOLERANCE",
    "assertCountEqual": "sorted(A, key=repr) == sorted(B, key=repr)",
    **dict.fromkeys([f"assert{kind}Equal" for kind in "List Tuple Set Dict Sequence MultiLine".split()], "A == B"),
}
APPROX = "abs(A - B) < 1e-6 * max(1, abs(B))"  # pytest.approx: a millionth


def is_test_class(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ClassDef) and (
        any(ast.unparse(base).endswith("TestCase") for base in statement.bases)
        or (statement.name.startswith("Test") and any(True for _ in test_methods(statement)))
    )


def test_methods(test_class: ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for method in test_class.body:
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.name.startswith("test"):
            yield method


def is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)


def starts_runner(statement: ast.stmt) -> bool:
    """Whether a statement does nothing but start a test runner, or import what the runner needs."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return imports_test_module(statement)
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return isinstance(statement, ast.Expr | ast.Assign) and any(ast.unparse(call.func) in RUNNERS for call in calls)


def imports_test_module(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.ImportFrom):
        return statement.module in TEST_MODULES
    return isinstance(statement, ast.Import) and all(alias.name in TEST_MODULES for alias in statement.names)


def calls_of_tests(tests: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Calls of the test functions and methods that only a runner would call."""
    named = {node.id for test in tests for node in ast.walk(test) if isinstance(node, ast.Name)}
    for test in tests:
        if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef) and TEST_NAME.match(test.name):
            if test.name not in named:
                yield from calls_of_function(test)
        elif is_test_class(test) and isinstance(test, ast.ClassDef):
            yield from calls_of_methods(test)


def calls_of_function(test: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.stmt]:
    parametrized = [
        decorator
        for decorator in test.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("mark.parametrize")
    ]
    call = awaited(test, f"{test.name}()")
    if not parametrized and not ast.unparse(test.args):
        yield from parsed(call)
    elif len(parametrized) == 1 and len(parametrized[0].args) == 2:
        test.decorator_list.remove(parametrized[0])
        names, cases = parametrized[0].args
        several = len(test.args.args) > 1 or isinstance(names, ast.List | ast.Tuple)
        arguments = "*__case__" if several else "__case__"
        call = awaited(test, f"{test.name}({arguments})")
        yield from parsed(f"for __case__ in {ast.unparse(cases)}: {call}")


def calls_of_methods(test_class: ast.ClassDef) -> Iterator[ast.stmt]:
    defined = {method.name for method in test_class.body if isinstance(method, ast.FunctionDef)}
    before = [name for name in ("setUpClass", "setUp", "setup_method") if name in defined]
    for method in test_methods(test_class):
        yield from parsed(f"__case__ = {test_class.name}()")
        for name in before:
            yield from parsed(f"__case__.{name}()")
        yield from parsed(awaited(method, f"__case__.{method.name}()"))
        if "tearDown" in defined:
            yield from parsed("__case__.tearDown()")


def awaited(function: ast.FunctionDef | ast.AsyncFunctionDef, call: str) -> str:
    return f"__import__('asyncio').run({call})" if isinstance(function, ast.AsyncFunctionDef) else call


def as_assert(statement: ast.Expr) -> ast.expr | None:
    """What a call such as self.assertEqual(a, b) asserts; None for other statements."""
    match statement.value:
        case ast.Call(func=ast.Attribute(value=ast.Name("self"), attr=name), args=arguments, keywords=keywords):
            if name in ASSERTIONS and arguments:
                given = {keyword.arg: keyword.value for keyword in keywords}
                return fill(ASSERTIONS[name], arguments, tolerance(given, arguments))
    return None


def tolerance(given: dict[str | None, ast.expr], arguments: list[ast.expr]) -> ast.expr:
    """The difference that assertAlmostEqual allows."""
    if delta := given.get("delta"):
        return delta
    places = given.get("places") or (arguments[2] if len(arguments) > 2 else ast.Constant(7))
    return ast.Constant(0.5 * 10.0**-places.value if isinstance(places, ast.Constant) else 5e-8)  # type: ignore[operator]


def without_approx(test: ast.expr) -> ast.expr:
    """`a == pytest.approx(b)` as a comparison of numbers; other tests unchanged."""
    match test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Call(func=function, args=[expected, *_])]):
            if ast.unparse(function) in ("pytest.approx", "approx"):
                return fill(APPROX, [left, expected], ast.Constant(0))
    return test


def expected_exceptions(context: ast.expr) -> str | None:
    """The exceptions named in `pytest.raises(..)` and `self.assertRaises(..)`; None for other expressions."""
    match context:
        case ast.Call(func=function, args=[named, *_]):
            if ast.unparse(function) in ("pytest.raises", "raises", "self.assertRaises", "self.assertRaisesRegex"):
                return ast.unparse(named)
    return None


def fill(template: str, arguments: Iterable[ast.expr], limit: ast.expr) -> ast.expr:
    """The expression of a template, with arguments in the places of A and B."""
    places = dict(zip("AB", arguments, strict=False)) | {"TOLERANCE": limit}

    class Filler(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return places.get(node.id, node)

    filled = Filler().visit(ast.parse(template, mode="eval").body)
    assert isinstance(filled, ast.expr)
    return filled


def parsed(source: str) -> list[ast.stmt]:
    return ast.parse(source).body
