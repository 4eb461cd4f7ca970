"""Splits code into program and tests, and describes the program: its digest and its task."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from generation.python_code.answers import MAX_CODE, NoPython, Rejected, parse
from generation.python_code.checks import Check, has_asserts, is_check, make_checks
from generation.python_code.frameworks import imports_test_module, is_fixture, is_main_guard

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)


@dataclass(frozen=True)
class Sample:
    """A program of functions or classes, and its tests."""

    code: str  # the program's source
    test_code: str
    program: ast.Module
    tests: ast.Module  # reports values instead of asserting
    checks: list[Check]
    digest: str  # of the program; names and docstrings do not matter


# ---- program and tests -----------------------------------------------------------------------------------------------
def make_sample(code: str, more_tests: str = "") -> Sample:
    """Split code into the program and its tests, and turn the tests into checks.

    more_tests: further asserts. Raises Rejected if there is no function or no test.
    """
    if len(code) + len(more_tests) > MAX_CODE:
        raise Rejected("too long")
    program, tests = split_tests(code)
    if not any(isinstance(statement, _DEFINITIONS) for statement in program.body):
        raise Rejected("no function or class")
    if twice := defined_twice(program):
        raise Rejected("defines a function twice", twice)
    lines = code.split("\n")
    apart = {line for test in tests for line in range(_first_line(test), (test.end_lineno or 0) + 1)}
    end = max(statement.end_lineno or 0 for statement in program.body)
    begin = min((line for test in tests if (line := _first_line(test)) > end), default=len(lines) + 1)
    all_tests = [test for test in tests + parse(more_tests).body if not imports_program(test, program)]
    if redefined := bound_outside(all_tests) & defined_names(program):
        raise Rejected("its tests redefine the program", ", ".join(sorted(redefined)))
    if are_in_table(all_tests, program):
        raise Rejected("its tests are a table in the program")
    try:
        module, checks = make_checks(program.body, all_tests)
    except (NoPython, ValueError, SyntaxError, RecursionError) as error:
        raise Rejected("an example in a docstring cannot be read", str(error)) from None
    if not checks:
        raise Rejected("no test")
    remove_examples(program)
    program_lines = [line for number, line in enumerate(lines[: begin - 1], 1) if number not in apart]
    among = [ast.unparse(test) for test in tests if _first_line(test) < begin]  # the program's statements
    parts = ["\n".join(among), "\n".join(lines[begin - 1 :]).strip("\n"), more_tests.strip("\n")]
    test_code = "\n".join(filter(None, parts))
    return Sample(_without_trailing_comments(program_lines), test_code, program, module, checks, digest(program))


def split_tests(code: str) -> tuple[ast.Module, list[ast.stmt]]:
    """The program and its tests: imports and fixtures of test frameworks, and all from the first assert outside a
    function on, or from what prepares it. If nothing is defined before the tests, the program is what comes between
    and after them.

    Raises Rejected if the code is not Python.
    """
    statements = parse(code).body
    begins = (index for index, statement in enumerate(statements) if has_asserts(statement) or is_main_guard(statement))
    first = next(begins, len(statements))
    while first and prepares_tests(statements[first - 1], statements[: first - 1]):
        first -= 1
    if not any(map(has_asserts, statements[first:])):  # what is left does not prepare tests, but runs the program
        guards = (index for index, statement in enumerate(statements) if is_main_guard(statement))
        first = next(guards, len(statements))
    frameworks = [each for each in statements[:first] if imports_test_module(each) or is_fixture(each)]
    program = [statement for statement in statements[:first] if statement not in frameworks]
    tests = frameworks + statements[first:]
    if not any(isinstance(statement, _DEFINITIONS) for statement in program):
        later = [statement for statement in statements[first:] if belongs_to_program(statement)]
        program, tests = program + later, [test for test in tests if test not in later]
    return ast.Module(program, []), tests


def belongs_to_program(statement: ast.stmt) -> bool:
    """Whether a statement among the tests is the program's: an import, or a definition without asserts."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return not imports_test_module(statement)
    return isinstance(statement, _DEFINITIONS) and not (has_asserts(statement) or is_fixture(statement))


def prepares_tests(statement: ast.stmt, before: list[ast.stmt]) -> bool:
    """Whether a statement belongs to the tests: `print(f(1))`, `from module import f` of a function before it, or
    `CASES = ..` that no function before it uses.
    """
    if not any(isinstance(earlier, _DEFINITIONS) for earlier in before):
        return False
    if not isinstance(statement, ast.Assign):
        return isinstance(statement, ast.Expr) or imports_program(statement, ast.Module(before, []))
    assigned = {node.id if isinstance(node, ast.Name) else None for node in statement.targets}
    used = {node.id for earlier in before for node in ast.walk(earlier) if isinstance(node, ast.Name)}
    return None not in assigned and not assigned & used


def defined_names(program: ast.Module) -> set[str]:
    """The functions and classes of a program."""
    return {statement.name for statement in program.body if isinstance(statement, _DEFINITIONS)}


def defined_twice(program: ast.Module) -> str:
    """A function that a program defines twice, so that one of them is a draft; "" if there is none."""
    names = [node.name for node in program.body if isinstance(node, _DEFINITIONS) and not node.decorator_list]
    return next((name for index, name in enumerate(names) if name in names[:index] and name != "_"), "")


def bound_outside(tests: list[ast.stmt]) -> set[str]:
    """The names that tests bind outside their functions, or declare as global in them."""
    names: set[str] = set()
    for test in tests:
        for node in ast.walk(test):
            if isinstance(node, ast.Global):
                names.update(node.names)
        if isinstance(test, _DEFINITIONS):
            names.add(test.name)
        elif isinstance(test, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in test.names)
        else:
            names.update(bound_names(ast.Module([test], [])))
    return names


def imports_program(statement: ast.stmt, program: ast.Module) -> bool:
    """Whether a statement imports the program's own functions, as if it were a module."""
    return (
        isinstance(statement, ast.ImportFrom)
        and statement.module not in sys.stdlib_module_names
        and {alias.name for alias in statement.names if not alias.asname} <= defined_names(program) | {"*"}
    )


def remove_examples(program: ast.Module) -> None:
    """Take the examples out of the docstrings, so that a program cannot read there what its tests expect."""
    for node in ast.walk(program):
        if isinstance(node, _DEFINITIONS):
            match node.body[0]:
                case ast.Expr(value=ast.Constant(value=str(text)) as docstring):
                    docstring.value = text.partition(">>>")[0]


def are_in_table(tests: list[ast.stmt], program: ast.Module) -> bool:
    """Whether the program has a dictionary of just the arguments and results that the tests have."""
    pairs = set()
    for test in tests:
        match test:
            case ast.Assert(test=ast.Compare(left=ast.Call(args=[argument]), ops=[ast.Eq()], comparators=[expected])):
                pairs.add((ast.unparse(argument), ast.unparse(expected)))
            case ast.Assert():
                return False
    for node in ast.walk(program):
        if isinstance(node, ast.Dict):
            items = zip(node.keys, node.values, strict=True)
            if pairs and pairs == {(ast.unparse(key), ast.unparse(value)) for key, value in items if key}:
                return True
    return False


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _without_trailing_comments(lines: list[str]) -> str:
    """The program's source without a heading of the tests, such as "# Tests"."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return "\n".join(lines[:end])


def digest(program: ast.Module) -> str:
    """A digest that ignores the names a program defines, docstrings, comments, annotations and layout."""
    normalized = _Normalizer(program).visit(parse(ast.unparse(program)))
    return hashlib.sha256(ast.unparse(normalized).encode()).hexdigest()[:16]


class _Normalizer(ast.NodeTransformer):
    """Numbers the names that a program binds, and removes annotations and docstrings."""

    def __init__(self, program: ast.Module):
        self.numbers: dict[str, str] = {}
        for name in bound_names(program):
            self.numbers.setdefault(name, f"v{len(self.numbers)}")

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name, value in ast.iter_fields(node):
            if isinstance(value, str) and value in self.numbers and not isinstance(node, ast.Attribute | ast.Constant):
                setattr(node, name, self.numbers[value])
        if isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [self.numbers.get(name, name) for name in node.names]
        for name in ("annotation", "returns"):
            if hasattr(node, name) and not isinstance(node, ast.AnnAssign):
                setattr(node, name, None)
        if isinstance(node, _DEFINITIONS) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return super().generic_visit(node)


def bound_names(program: ast.Module) -> Iterator[str]:
    for node in ast.walk(program):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                yield name
            case ast.alias(asname=str(name)):
                yield name


# ---- the task --------------------------------------------------------------------------------------------------------
def instruction(sample: Sample) -> str:
    """The task in words, from the docstring of the function or class that the tests use first.

    Raises Rejected if it has none.
    """
    tested = tested_definition(sample)
    task = (ast.get_docstring(tested) or "").partition(">>>")[0].strip()
    task = re.sub(r"\n*\s*(?:Examples?|Tests?|Doctests?|Usage)\s*:*\s*(?:-+\s*)?$", "", task, flags=re.I).strip()
    if not task:
        raise Rejected("no docstring")
    if isinstance(tested, ast.ClassDef):
        return f"Write a Python class `{tested.name}`:\n\n{task}"
    returns = f" -> {ast.unparse(tested.returns)}" if tested.returns else ""
    kind = "async " if isinstance(tested, ast.AsyncFunctionDef) else ""
    signature = f"{kind}{tested.name}({ast.unparse(tested.args)}){returns}"
    return f"Write a Python function `{signature}` that does the following:\n\n{task}"


def used_definitions(sample: Sample) -> set[str]:
    """The functions and classes whose values the tests use; not those that they only call as statements."""
    names: set[str] = set()
    waiting: list[ast.AST] = [sample.tests]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif not isinstance(node, ast.Expr) or is_check(node):
            waiting += ast.iter_child_nodes(node)
    return names & defined_names(sample.program) or {tested_definition(sample).name}


def tested_definition(sample: Sample) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef:
    """The first function that the tests use, or else the first class."""
    functions = {node.name: node for node in sample.program.body if isinstance(node, _FUNCTIONS)}
    classes = {node.name: node for node in sample.program.body if isinstance(node, ast.ClassDef)}
    used = [node.id for node in ast.walk(sample.tests) if isinstance(node, ast.Name)]
    for definitions in (functions, classes):
        if name := next((name for name in used if name in definitions), None):
            return definitions[name]
    return next(reversed((functions or classes).values()))
