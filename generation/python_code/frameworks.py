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
BUILTIN_FIXTURES = {"tmp_path": "__import__('pathlib').Path(__import__('tempfile').mkdtemp())"}
EXITS = {"sys.exit", "exit", "quit", "SystemExit"}
APPROX = "abs(A - B) < 1e-6 * max(1, abs(B))"  # pytest.approx: a millionth

Fixtures = dict[str, ast.FunctionDef]


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


def without_exit(guard: list[ast.stmt]) -> list[ast.stmt]:
    """The statements below `if __name__ == "__main__"` with `main()` for a `sys.exit(main())` at their end."""
    last = guard[-1]
    value = last.exc if isinstance(last, ast.Raise) else last.value if isinstance(last, ast.Expr) else None
    match value:
        case ast.Call(func=function, args=arguments) if ast.unparse(function) in EXITS:
            return [*guard[:-1], *map(ast.Expr, arguments)]
    return guard


def imports_test_module(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.ImportFrom):
        return statement.module in TEST_MODULES
    return isinstance(statement, ast.Import) and all(alias.name in TEST_MODULES for alias in statement.names)


def is_fixture(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef) and any(
        ast.unparse(decorator).partition("(")[0] in ("pytest.fixture", "fixture")
        for decorator in statement.decorator_list
    )


def calls_of_tests(tests: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Calls of the test functions and methods that only a runner would call. Takes pytest's decorators away."""
    named = {node.id for test in tests for node in ast.walk(test) if isinstance(node, ast.Name)}
    fixtures = {test.name: test for test in tests if isinstance(test, ast.FunctionDef) and is_fixture(test)}
    for fixture in fixtures.values():
        fixture.decorator_list = []
    for test in tests:
        if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef) and TEST_NAME.match(test.name):
            if test.name not in named:
                yield from calls_of_function(test, test.name, test.args.args, fixtures)
        elif is_test_class(test) and isinstance(test, ast.ClassDef):
            yield from calls_of_methods(test, fixtures)


def calls_of_methods(test_class: ast.ClassDef, fixtures: Fixtures) -> Iterator[ast.stmt]:
    defined = {method.name for method in test_class.body if isinstance(method, ast.FunctionDef)}
    before = [name for name in ("setUpClass", "setUp", "setup_method") if name in defined]
    for method in test_methods(test_class):
        yield from parsed(f"__case__ = {test_class.name}()")
        for name in before:
            yield from parsed(f"__case__.{name}()")
        yield from calls_of_function(method, f"__case__.{method.name}", method.args.args[1:], fixtures)
        if "tearDown" in defined:
            yield from parsed("__case__.tearDown()")


def calls_of_function(
    test: ast.FunctionDef | ast.AsyncFunctionDef, name: str, parameters: list[ast.arg], fixtures: Fixtures
) -> list[ast.stmt]:
    """The calls of a test, with the arguments that pytest would give; none if it skips the test or nobody has them."""
    given: dict[str, str] = {}
    loops: list[str] = []
    marks = [each for each in test.decorator_list if ast.unparse(each).startswith(("pytest.", "mark."))]
    test.decorator_list = [each for each in test.decorator_list if each not in marks]
    for mark in marks:
        match mark:
            case ast.Call(func=function, args=[names, cases, *_]) if ast.unparse(function).endswith("mark.parametrize"):
                case = f"__case{len(loops)}__"
                columns = parameter_names(names)
                single = isinstance(names, ast.Constant) and len(columns) == 1
                given |= {column: case if single else f"{case}[{at}]" for at, column in enumerate(columns)}
                loops.append(f"for {case} in {ast.unparse(plain_cases(cases, single))}:")
        if re.search(r"mark\.(skip|xfail)", ast.unparse(mark)):
            return []
    required = parameters[: len(parameters) - len(test.args.defaults)]
    for parameter in required:
        if parameter.arg not in given and (made := fixture_value(parameter.arg, fixtures)):
            given[parameter.arg] = made
    if not {parameter.arg for parameter in required} <= given.keys() <= {parameter.arg for parameter in parameters}:
        return []
    call = awaited(test, f"{name}({', '.join(f'{name}={value}' for name, value in given.items())})")
    lines = [" " * depth + line for depth, line in enumerate([*reversed(loops), call])]  # the lowest is the outermost
    return parsed("\n".join(lines))


def parameter_names(names: ast.expr) -> list[str]:
    """The parameters that pytest.mark.parametrize names: "a, b" or ["a", "b"]."""
    texts = names.elts if isinstance(names, ast.List | ast.Tuple) else [names]
    constants = [str(text.value) for text in texts if isinstance(text, ast.Constant)]
    return [name.strip() for text in constants for name in text.split(",") if name.strip()]


def plain_cases(cases: ast.expr, single: bool) -> ast.expr:
    """The cases of pytest.mark.parametrize without pytest.param; those with marks are left out."""
    if not isinstance(cases, ast.List | ast.Tuple):
        return cases
    plain: list[ast.expr] = []
    for case in cases.elts:
        match case:
            case ast.Call(func=function, args=values, keywords=keywords) if ast.unparse(function) == "pytest.param":
                if not any(keyword.arg == "marks" for keyword in keywords):
                    plain.append(values[0] if single else ast.Tuple(values, ast.Load()))
            case _:
                plain.append(case)
    return ast.List(plain, ast.Load())


def fixture_value(name: str, fixtures: Fixtures) -> str | None:
    """An expression for what a fixture gives to a test; None if it is not known. One that yields stays suspended."""
    if name not in fixtures:
        return BUILTIN_FIXTURES.get(name)
    others = {each: fixture for each, fixture in fixtures.items() if each != name}
    arguments = [fixture_value(parameter.arg, others) for parameter in fixtures[name].args.args]
    if None in arguments:
        return None
    call = f"{name}({', '.join(filter(None, arguments))})"
    yields = any(isinstance(node, ast.Yield) for node in ast.walk(fixtures[name]))
    return f"next((__{name}__ := {call}))" if yields else call


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
