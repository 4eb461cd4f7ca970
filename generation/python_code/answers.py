"""The code in a model's answer: the last complete one, never a draft.

Models think aloud, introduce their code, put tests into a block of their own, notice mistakes and write it again. A
block that defines anew what an earlier block defined takes its place, unless it is announced as an alternative; blocks
without definitions are its tests.
"""

from __future__ import annotations

import ast
import doctest
import re
import textwrap
import warnings
from dataclasses import dataclass, field

from generation.python_code.checks import has_asserts
from generation.python_code.frameworks import is_test_class

MAX_CODE = 20_000  # characters; answers to few-shot prompts have a few hundred
MAX_ANSWER = 10 * MAX_CODE
MAX_ATTEMPTS = 30  # at parsing one piece of text
LANGUAGES = ("", "python", "python3", "py", "pycon", "python-repl")

_THINKING = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis"
_THOUGHT = re.compile(rf"[<\[◁](?:{_THINKING})[>\]▷].*?(?:[<\[◁]/(?:{_THINKING})[>\]▷]|\Z)", re.S | re.I)
_END_OF_THOUGHT = re.compile(rf"[<\[◁]/(?:{_THINKING})[>\]▷]", re.I)  # of one that the prompt began
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+).*?<\|message\|>", re.S)
_SPECIAL_TOKEN = re.compile(r"<\|[^|<>\n]{1,40}\|>.*|</s>.*", re.S)  # the end of a turn, and what follows it
_FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*([\w+-]*)[^\n`]*$", re.M)
_DEFINITION = re.compile(r"^[ \t]*(?:(?:def|class|async def)\s+\w|import\s+\w|from\s+[\w.]+\s+import\b|@\w)", re.M)
_CODE = re.compile(_DEFINITION.pattern + r"|^(?:assert|print|if|for)\b", re.M)
_ALTERNATIVE = re.compile(
    r"alternativ|another (?:way|version|approach|solution|option)|\bor\b|\balso\b|variant|variation|shorter|one-liner",
    re.I,
)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Rejected(Exception):  # noqa: N818 - not an error: code that is left out
    """Code that does not become a record. The message is the reason, which is counted; `detail` is about this code."""

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(reason)
        self.detail = detail


@dataclass
class Block:
    """A piece of code in an answer."""

    code: str
    before: str  # the text between it and the block before it
    names: set[str] = field(default_factory=set)  # that it defines outside its tests
    broken: str | None = None  # why it is not Python
    tested: bool = False  # whether it has tests

    def __post_init__(self) -> None:
        try:
            tree = parse(self.code)
        except Rejected as rejected:
            self.broken = rejected.detail
            self.names = set(re.findall(r"^(?:async def|def|class)\s+(\w+)", self.code, re.M))
            return
        self.tested = any(map(has_asserts, tree.body)) or ">>>" in self.code
        self.names = {
            node.name
            for node in tree.body
            if isinstance(node, _DEFINITIONS) and not has_asserts(node) and not is_test_class(node)
        }


def extract(text: str) -> str:
    """The Python code in a model's answer: the last complete answer in it, with its tests.

    Raises Rejected if there is none.
    """
    if len(text) > MAX_ANSWER:
        raise Rejected("too long")
    text = without_thoughts(text.replace("\r\n", "\n").lstrip("\ufeff"))
    blocks = [block for block in find_blocks(text) if block.code.strip()]
    if len(blocks) == 1:
        return blocks[0].code.strip("\n")
    code = "\n\n\n".join(block.code.strip("\n") for block in last_answer(blocks))
    if not code.strip():
        raise Rejected("no code in the answer")
    return code


def without_thoughts(text: str) -> str:
    """What a model says after thinking, without the marks of its turns."""
    channels = list(_CHANNEL.finditer(text))
    if channels:
        final = [channel for channel in channels if channel[1] == "final"]
        text = text[final[-1].end() :] if final else ""
    text = _SPECIAL_TOKEN.sub("", text)
    text = _THOUGHT.sub("", text)
    ends = list(_END_OF_THOUGHT.finditer(text))
    return text[ends[-1].end() :] if ends else text


def last_answer(blocks: list[Block]) -> list[Block]:
    """The blocks of the last complete answer: those with its definitions, then those with its tests.

    Raises Rejected if a block that defines something is not Python.
    """
    answer: list[Block] = []
    tests: list[Block] = []
    for block in blocks:
        replaced = [earlier for earlier in answer if earlier.names & block.names]
        if not block.names:
            tests += [] if block.broken else [block]
        elif not replaced:
            answer.append(block)
        elif block.tested or not _ALTERNATIVE.search(block.before):
            answer = [earlier for earlier in answer if earlier not in replaced] + [block]
            if block.tested:
                tests = []
            elif not block.broken:  # it has to pass the tests of what it replaces
                tests += [Block(test_source(earlier.code), "") for earlier in replaced if not earlier.broken]
    for block in answer:
        if block.broken:
            raise Rejected("is not Python", block.broken)
    return [*answer, *tests]


def test_source(code: str) -> str:
    """The tests in code."""
    tests = filter(has_asserts, parse(code).body)
    return "\n".join(ast.get_source_segment(code, test) or "" for test in tests)


# ---- finding blocks --------------------------------------------------------------------------------------------------
def find_blocks(text: str) -> list[Block]:
    """The pieces of Python in an answer: fenced blocks, or else what can be parsed between other lines.

    An answer may also begin within a block that the prompt opened. Then, and without fences, only what is about the
    functions of the first piece counts: the rest may be the next example of a prompt.
    """
    fence = _FENCE.search(text)
    head = textwrap.dedent(text[: fence.start()].strip("\n")) if fence else text
    is_code = bool(_DEFINITION.search(head)) and parses(head)
    if fence and is_code and not fence[3]:  # the end of a block that the prompt opened
        blocks = [Block(head, ""), *fenced_blocks(text, fence.end())]
    elif fence and (fenced := fenced_blocks(text, 0)):
        return fenced
    else:
        blocks = unfenced_blocks(head)
    return [block for index, block in enumerate(blocks) if index == 0 or belongs_to(block, blocks[0])]


def belongs_to(later: Block, block: Block) -> bool:
    """Whether a later block is about the same functions, not the next example of a prompt."""
    if later.names:
        return bool(later.names & block.names)
    return any(re.search(rf"\b{re.escape(name)}\b", later.code) for name in block.names)


def fenced_blocks(text: str, begin: int) -> list[Block]:
    """The fenced blocks of Python after a position, closed or not."""
    blocks = []
    between = begin
    while opening := _FENCE.search(text, begin):
        code, end = block_body(text, opening)
        if opening[3].lower() in LANGUAGES:
            blocks.append(Block(as_script(code), text[between : opening.start()]))
        begin = between = end
    return blocks


def block_body(text: str, opening: re.Match[str]) -> tuple[str, int]:
    """The text in a fenced block, and where the block ends. A docstring may have fences too.

    The last line of a block that is not closed may be cut off, so it is left out.
    """
    body = opening.end() + 1
    closings = [
        closing
        for closing in _FENCE.finditer(text, body)
        if not closing[3] and closing[2].startswith(opening[2]) and len(closing[1]) <= len(opening[1]) + 3
    ]
    ends = [(closing.start(), closing.end()) for closing in closings[:MAX_ATTEMPTS]]
    ends = ends or [(max(body, text.rfind("\n") + 1), len(text))]
    for end, after in ends:
        if parses(code := textwrap.dedent(text[body:end])):
            return code, after
    return textwrap.dedent(text[body : ends[0][0]]), ends[0][1]


def as_script(code: str) -> str:
    """A block's code; a session with >>> as the statements that were typed, and asserts of what they showed."""
    if not code.lstrip().startswith(">>> "):
        return code if parses(code) else code.replace("\u00a0", " ")  # no-break spaces for indentation
    lines = []
    try:
        for example in doctest.DocTestParser().get_examples(code):
            want = example.want.strip()
            shown = want if parses(want) else None
            is_value = shown and example.source.count("\n") == 1 and parses(f"({example.source})")
            lines.append(f"assert {example.source.strip()} == {shown}" if is_value else example.source.rstrip())
    except ValueError:  # a malformed session
        return code
    return "\n".join(lines)


def unfenced_blocks(text: str) -> list[Block]:
    """The pieces of code between lines of prose and labels; the first begins with a definition or an import."""
    blocks: list[Block] = []
    between = begin = 0
    for _ in range(MAX_ATTEMPTS):
        found = (_CODE if blocks else _DEFINITION).search(text, begin)
        if not found:
            break
        rest = textwrap.dedent(text[found.start() :])
        code = longest_beginning(rest)
        if code or _DEFINITION.match(rest):
            blocks.append(Block(code or rest, text[between : found.start()]))
        lines = code.count("\n") + 1
        begin = found.start() + sum(len(line) for line in text[found.start() :].splitlines(True)[:lines])
        between = begin if code else between
    return blocks


def longest_beginning(code: str) -> str:
    """The lines of code before those that are not Python."""
    lines = code.split("\n")
    end = len(lines)
    for _ in range(MAX_ATTEMPTS):
        candidate = "\n".join(lines[:end])
        if len(candidate) <= MAX_CODE:
            try:
                parse(candidate)
            except NoPython as rejected:
                end = min(end - 1, rejected.line - 1)
            else:
                return candidate
        else:
            end = candidate.count("\n", 0, MAX_CODE)
        if end <= 0:
            break
    return ""


def parses(code: str) -> bool:
    try:
        parse(code)
    except Rejected:
        return False
    return True


class NoPython(Rejected):
    """Code with an error in this line, counted from 1."""

    def __init__(self, error: Exception):
        super().__init__("is not Python", str(error))
        self.line: int = getattr(error, "lineno", None) or 1 << 30


def parse(code: str) -> ast.Module:
    """Parse code. Raises NoPython if it is not valid in the running version of Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about invalid escapes such as "\d"
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # ValueError: a null byte
            raise NoPython(error) from None
