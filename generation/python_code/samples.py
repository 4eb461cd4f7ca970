"""Extracts the code from a model's answer, splits it into program and tests, and makes a record of it."""

from __future__ import annotations

import ast
import hashlib
import re
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from generation.python_code.checks import Holds, has_asserts, make_checks
from generation.python_code.parsing import parse_module
from records.code_block import fenced
from records.json_rows import SkipRow

SOURCE = "python_code"  # the label in the tuple files
MAX_CODE = 20_000  # characters; answers to few-shot prompts have a few hundred
MAX_ANSWER = 10 * MAX_CODE
MAX_TRAILING_LINES = 100  # of prose after code without a fence

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.M | re.S)
_CLOSING_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})", re.M)
_CODE_BEGINS = re.compile(r"^(?:def|class|import|from|async def)\b|^@", re.M)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LANGUAGES = ("", "python", "python3", "py", "pycon")


class Rejected(SkipRow):
    """Code that does not become a record. The message is the reason, which is counted; `detail` is about this code."""

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(reason)
        self.detail = detail


@dataclass(frozen=True)
class Sample:
    """A program of functions, and its tests."""

    code: str  # the program's source
    test_code: str
    program: ast.Module
    tests: ast.Module  # reports values instead of asserting
    checks: list[Holds]
    digest: str  # of the program; names and docstrings do not matter


# ---- extracting code -------------------------------------------------------------------------------------------------
def extract(text: str) -> str:
    """The Python code in a model's answer: its fenced blocks, or else the lines from the first definition on that
    parse.

    Raises Rejected if there is none.
    """
    if len(text) > MAX_ANSWER:
        raise Rejected("too long")
    text = text.replace("\r\n", "\n")
    if before_fence := _code_to_closing_fence(text):
        return before_fence
    blocks = [textwrap.dedent(body) for _, language, body in _FENCE.findall(text) if language.lower() in _LANGUAGES]
    code = "\n".join(block for block in blocks if parses(block) or len(blocks) == 1) if blocks else _unfenced(text)
    if not code.strip():
        raise Rejected("no code in the answer")
    return code.strip("\n")


def _code_to_closing_fence(text: str) -> str:
    """The code of an answer that continues a block opened by the prompt."""
    closing = _CLOSING_FENCE.search(text)
    head = text[: closing.start()] if closing else ""
    return head.strip("\n") if _CODE_BEGINS.search(head) and parses(head) else ""


def _unfenced(text: str) -> str:
    """The code from the first definition on, without trailing prose."""
    begin = _CODE_BEGINS.search(text)
    lines = text[begin.start() :].split("\n") if begin else []
    for end in range(len(lines), max(0, len(lines) - MAX_TRAILING_LINES), -1):
        if parses(code := "\n".join(lines[:end])):
            return code
    return "\n".join(lines)


def parses(code: str) -> bool:
    try:
        parse(code)
    except Rejected:
        return False
    return True


def parse(code: str) -> ast.Module:
    """Parse code. Raises Rejected if it is not valid in the running version of Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about invalid escapes such as "\d"
        try:
            return parse_module(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # ValueError: a null byte
            raise Rejected("is no Python", str(error)) from None


# ---- program and tests -----------------------------------------------------------------------------------------------
def make_sample(code: str, more_tests: str = "") -> Sample:
    """Split code into the program and its tests, and turn the tests into checks.

    more_tests: further asserts. Raises Rejected if there is no function or no test.
    """
    if len(code) + len(more_tests) > MAX_CODE:
        raise Rejected("too long")
    program, tests = split_tests(code)
    if not any(isinstance(statement, ast.FunctionDef) for statement in program.body):
        raise Rejected("no function")
    lines = code.split("\n")
    begin = _first_line(tests[0]) - 1 if tests else len(lines)
    try:
        module, checks = make_checks(program.body, tests + parse(more_tests).body)
    except (ValueError, SyntaxError, RecursionError) as error:
        raise Rejected("an example in a docstring cannot be read", str(error)) from None
    if not checks:
        raise Rejected("no test")
    test_code = "\n".join(filter(None, ["\n".join(lines[begin:]).strip("\n"), more_tests.strip("\n")]))
    return Sample(_without_trailing_comments(lines[:begin]), test_code, program, module, checks, digest(program))


def split_tests(code: str) -> tuple[ast.Module, list[ast.stmt]]:
    """The program and the tests after it, which begin at the first assert outside a function, or at their preparation.

    Raises Rejected if the code is not Python.
    """
    statements = parse(code).body
    first = next((index for index, statement in enumerate(statements) if has_asserts(statement)), len(statements))
    while first < len(statements) and prepares_tests(statements[first - 1], statements[: first - 1]):
        first -= 1
    return ast.Module(statements[:first], []), statements[first:]


def prepares_tests(statement: ast.stmt, before: list[ast.stmt]) -> bool:
    """Whether a statement belongs to the tests: `print(f(1))`, or `CASES = ..` that no function before it uses."""
    if not any(isinstance(earlier, ast.FunctionDef) for earlier in before):
        return False
    if not isinstance(statement, ast.Assign):
        return isinstance(statement, ast.Expr)
    assigned = {node.id if isinstance(node, ast.Name) else None for node in statement.targets}
    used = {node.id for earlier in before for node in ast.walk(earlier) if isinstance(node, ast.Name)}
    return None not in assigned and not assigned & used


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


# ---- the record ------------------------------------------------------------------------------------------------------
def make_record(sample: Sample, meta: dict[str, Any]) -> dict[str, Any]:
    """A verified sample as a record: the task in words, and the program as a fenced block.

    Raises Rejected if there is no docstring to take the task from.
    """
    return {
        "id": f"{SOURCE}/{sample.digest}",
        "source": SOURCE,
        "instruction": instruction(sample),
        "response": fenced(sample.code),
        "meta": meta,
    }


def instruction(sample: Sample) -> str:
    """The task in words, from the docstring of the function that the tests use first."""
    function = tested_function(sample)
    task = (ast.get_docstring(function) or "").partition(">>>")[0].strip()
    task = re.sub(r"\n*\s*(?:Examples?|Tests?|Doctests?|Usage)\s*:*\s*(?:-+\s*)?$", "", task, flags=re.I).strip()
    if not task:
        raise Rejected("no docstring")
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    signature = f"{function.name}({ast.unparse(function.args)}){returns}"
    return f"Write a Python function `{signature}` that does the following:\n\n{task}"


def tested_function(sample: Sample) -> ast.FunctionDef:
    functions = {node.name: node for node in sample.program.body if isinstance(node, ast.FunctionDef)}
    named = (node.id for node in ast.walk(sample.tests) if isinstance(node, ast.Name) and node.id in functions)
    return functions[next(named, list(functions)[-1])]
