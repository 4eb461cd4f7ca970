"""Model-written Python: the code in an answer, its tests as checks, its mutants, and the verdict over its runs."""

import ast
import re
from textwrap import dedent

import pytest
from test_sandbox import sandbox_or_skip

from generation.python_code import candidates
from generation.python_code.answers import Rejected, extract, parse
from generation.python_code.candidates import CodeCandidate, VerifiedCode, make_record, verify_all
from generation.python_code.checks import make_checks
from generation.python_code.judging import assertion_holds, operands_in_order
from generation.python_code.mutants import changes, mutants
from generation.python_code.samples import digest, instruction, make_sample
from generation.python_code.verification import MUTANTS, verify
from generation.sandbox.bubblewrap import FAILED
from tests.conftest import ROOT

DOUBLE = '''def double(x: int) -> int:
    """Return twice x."""
    return 2 * x


assert double(4) == 8
'''


@pytest.fixture(scope="module")
def sandbox():
    return sandbox_or_skip()


def rejected(call, *args) -> str:
    with pytest.raises(Rejected) as caught:
        call(*args)
    return str(caught.value)


# ---- the code in an answer -------------------------------------------------------------------------------------------
FENCED = f"```python\n{DOUBLE}```"
ANSWERS = {
    "bare code": DOUBLE,
    "a block": FENCED,
    "chatter around a block": f"Sure! Here it is:\n\n{FENCED}\n\nIt doubles x, as you can see.",
    "a block without a language": f"```\n{DOUBLE}```\n",
    "a block in another spelling": f"~~~~ Py title=x\n{DOUBLE}~~~~\n",
    "an indented block": "1. So:\n\n" + "".join(f"    {line}\n" for line in FENCED.splitlines()),
    "a block that is not closed": f"Here:\n```python\n{DOUBLE}",
    "a block that is cut off in its last line": f"```python\n{DOUBLE}assert doub",
    "the end of a block that the prompt opened": f"\n{DOUBLE}```\n\nTopic: other things\n```python\ndef other(): ...",
    "the end of one, and chatter": f"{DOUBLE}```\nThis doubles x.",
    "chatter after bare code": f"{DOUBLE}\nThis function doubles x, as you see.\nIt's short!",
    "chatter before bare code": f"Here you are:\n\n{DOUBLE}",
    "a block next to one in another language": f"```bash\npip install x\n```\n{FENCED}",
    "line ends of Windows": FENCED.replace("\n", "\r\n"),
    "two blocks": FENCED.replace("\n\n\n", "\n```\nand its tests:\n```python\n\n"),
}


@pytest.mark.parametrize("form", ANSWERS)
def test_code_is_found_in(form):
    assert ast.dump(parse(extract(ANSWERS[form]))) == ast.dump(parse(DOUBLE))


RIGHT = DOUBLE.replace("2 * x", "x * 2")
DRAFT = DOUBLE.replace("2 * x", "x ** 2").replace("double(4) == 8", "double(2) == 4")
FUNCTION, TEST = RIGHT.split("\n\n\n")
LAST = {
    "thinking": f"<think>\n```python\n{DRAFT}```\nWrong.\n</think>\n```python\n{RIGHT}```",
    "thinking that the prompt began": f"```python\n{DRAFT}```\nNo.\n</think>\n\n{RIGHT}",
    "thinking in capitals and brackets": f"[THINK]{DRAFT}[/THINK]{RIGHT}",
    "channels": f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>a<|channel|>final<|message|>{RIGHT}<|return|>",
    "a correction": f"```python\n{DRAFT}```\n\nWait, that is wrong. Corrected:\n\n```python\n{RIGHT}```",
    "a correction without fences": f"{DRAFT}\nWait, that is wrong. Corrected:\n\n{RIGHT}\nIt is right now.",
    "a correction of a block that the prompt opened": f"{DRAFT}```\nWait, no:\n```python\n{RIGHT}```",
    "a correction of both blocks": f"```\n{DRAFT}```\nNo:\n```\n{FUNCTION}\n```\n```\n{TEST}```",
    "an alternative without tests": f"```python\n{RIGHT}```\nAlternatively:\n```python\n{DRAFT[:-25]}\n```",
    "labels in bold": f"**Function:**\n\n{FUNCTION}\n\n**Tests:**\n\n{TEST}",
    "leading blank lines": f"\n\n\n  \n{RIGHT}",
    "tests before the code": f"```python\n{TEST}```\n```python\n{FUNCTION}\n```",
    "the end of a turn": f"```\n{RIGHT}```<|im_end|>\n<|im_start|>user\n```python\n{DRAFT}```",
    "a no-break space for indentation": f"```python\n{RIGHT.replace('    ', chr(160) * 4)}```",
    "a mark of the byte order": f"\ufeff{RIGHT}",
}


@pytest.mark.parametrize("form", LAST)
def test_the_last_complete_answer_is_taken_of(form):
    code = extract(LAST[form])
    if form == "a correction of both blocks":  # whose function has to pass the draft's tests too
        assert code.count("assert") == 2
        code = code.replace("assert double(2) == 4", "")
    assert ast.dump(parse(code)) == ast.dump(parse(RIGHT))


def test_a_correction_without_tests_has_to_pass_those_of_the_draft():
    code = extract(f"```python\n{DRAFT}```\nThat is wrong. Corrected:\n```python\n{FUNCTION}\n```")
    assert "x * 2" in code and "x ** 2" not in code and "assert double(2) == 4" in code


def test_a_draft_is_not_taken_when_its_correction_is_cut_off():
    answer = f"```python\n{DRAFT}```\nThat is wrong. Corrected:\n```python\ndef double(x: int) -> int:\n    return (2 *"
    assert rejected(extract, answer) == "is not Python"


def test_a_docstring_may_have_a_fenced_block():
    code = DOUBLE.replace("twice x.", "twice x.\n\n    ```\n    double(2)\n    ```\n    ")
    assert ast.dump(parse(extract(f"Here:\n```python\n{code}```\nDone."))) == ast.dump(parse(code))


def test_a_session_becomes_code_and_asserts():
    answer = "```python\n>>> def double(x):\n...     return 2 * x\n>>> double(2)\n4\n```"
    assert extract(answer) == "def double(x):\n    return 2 * x\nassert double(2) == 4"


def test_a_test_of_another_module_is_one_of_this_program():
    sample = make_sample(extract(f"```python\n{FUNCTION}\n```\n```python\nfrom double import double\n{TEST}```"))
    assert "import" not in sample.code and "import" not in ast.unparse(sample.tests)


@pytest.mark.parametrize("answer", ["", "I cannot do that.", "```bash\nls\n```", "```python\n```", "\n\n"])
def test_no_code_in(answer):
    assert rejected(extract, answer) == "no code in the answer"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def f(x):\n    print x\nassert f(1) == 1", "is not Python"),
        ("def f(x):\n    return 'a\0b'\nassert f(1) == 1", "is not Python"),
        ("def f(x):\n    return " + "(" * 5000 + ")" * 5000, "is not Python"),
        ("def f(x):\n    return '\ud800'\nassert f(1)", "is not Python"),
        ("x = 3\nassert x == 3", "no function or class"),
        ("def f(x):\n    return x", "no test"),
        ("def f(x):\n    assert x\n    return x", "no test"),
        ("def f(x):\n    return x\nprint(f(3))", "no test"),
        ('def f(x):\n    """\n    >>> f(3)\n    """\n    return x', "no test"),
        ('def f(x):\n    """\n    >>>f(3)\n    3\n    """\n    return x', "an example in a docstring cannot be read"),
        ('def f(x):\n    """\n    >>> f(3\n    3\n    """\n    return x', "an example in a docstring cannot be read"),
        (f"def f(x):\n    return '{'x' * 20_000}'\nassert f(1)", "too long"),
        ("def f(x):\n    return x\nassert f(1) == 1\ndef f(x):\n    return 4", "its tests redefine the program"),
        ("def f(x):\n    return x\nf = lambda x: 4\nassert f(1) == 4", "its tests redefine the program"),
        ("def f(x):\n    return x\nassert f(1) == 1\nfrom math import sin as f", "its tests redefine the program"),
        (
            "def f(x):\n    return x\ndef test_f():\n    global f\n    f = int\n    assert f(1) == 1",
            "its tests redefine the program",
        ),
        ("def f(x):\n    return x\ndef f(x):\n    return 2 * x\nassert f(1) == 2", "defines a function twice"),
        (
            "def f(x):\n    return {2: 4, 3: 9}[x]\nassert f(2) == 4\nassert f(3) == 9",
            "its tests are a table in the program",
        ),
    ],
)
def test_no_sample(code, reason):
    assert rejected(make_sample, code) == reason


def test_the_program_ends_where_its_tests_begin():
    sample = make_sample(
        "import re\n\n# a comment\ndef f(x):\n    return x  # so\n\n# Tests\nX = 1\nassert f(X)\n# done\nassert f(2)\n"
    )
    assert sample.code == "import re\n\n# a comment\ndef f(x):\n    return x  # so"
    assert sample.test_code == "X = 1\nassert f(X)\n# done\nassert f(2)"


@pytest.mark.parametrize(
    ("between", "prepares"),
    [
        ("from module import f", True),
        ("X = 1", True),
        ("print(f(2))", True),
        ("X = Y = [3]", True),
        ("N = 1", False),
        ("f.n = 1", False),
        ("import os", False),
    ],
)
def test_statements_before_the_tests_belong_to_them_unless_the_program_uses_them(between, prepares):
    sample = make_sample(f"def f(x):\n    return x + N\n{between}\nassert f(1)")
    assert (between in sample.test_code, between in sample.code) == (prepares, not prepares)


def test_comments_above_the_tests_are_not_in_the_program():
    sample = make_sample("def f(x):\n    return x\n\n# Tests\n\n@decorate\ndef test_f():\n    assert f(2)\n")
    assert sample.code == "def f(x):\n    return x"
    assert sample.test_code.startswith("@decorate\ndef test_f")


# ---- checks ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("test", "operands", "values", "expected"),
    [
        ("f(1) == 2", ["f(1)"], [2], True),
        ("f(1) == 2", ["f(1)"], [3], False),
        ("2 == f(1)", ["f(1)"], [2], True),
        ("f(1) == [1, {'a': (2, -3)}]", ["f(1)"], [[1, {"a": (2, -3)}]], True),
        ("f(1) is None", ["f(1)"], [None], True),
        ("f(1) is not True", ["f(1)"], [True], False),
        ("f(1)", ["f(1)"], [[]], False),
        ("not f(1)", ["f(1)"], [[]], True),
        ("0 < f(1) < f(2) <= 9", ["f(1)", "f(2)"], [1, 9], True),
        ("0 < f(1) < f(2) <= 9", ["f(1)", "f(2)"], [9, 9], False),
        ("f(1) in (1, 2) and not f(2)", ["f(1)", "f(2)"], [2, 0], True),
        ("f(1) in (1, 2) and not f(2)", ["f(1)", "f(2)"], [2, 1], False),
        ("f(1) not in [3]", ["f(1)"], [3], False),
        ("(f(1) or f(2)) == 5", ["f(1)", "f(2)"], [0, 5], True),
        ("(f(1) and f(2)) == 5", ["f(1)", "f(2)"], [0, 5], False),
        ("abs(f(1) - 0.1) < 1e-9", ["abs(f(1) - 0.1)"], [0.0], True),
        ("len(f(1)) == len(f(2))", ["len(f(1))", "len(f(2))"], [1, 2], False),
        ("f(1) > 2", ["f(1)"], [3], True),
        ("f(1) >= 2 or f(2) != 1", ["f(1)", "f(2)"], [1, 1], False),
        ("True", [], [], True),
        ("not x or x[0] == 1", ["x", "x[0]"], [[], FAILED], True),
        ("x and x[0] == 1", ["x", "x[0]"], [[], FAILED], False),
        ("f(1) is g(1)", ["f(1) is g(1)"], [True], True),
    ],
)
def test_an_assertion_is_judged_by_the_values_of_its_operands(test, operands, values, expected):
    tree = ast.parse(test, mode="eval").body
    assert [ast.unparse(operand) for operand, _ in operands_in_order(tree)] == operands
    assert assertion_holds(tree, values) is expected
    assert len(operands) == len(values) and "2" not in operands


EXAMPLES = [
    ("f(3)", "9", "9", True),
    ("f(3)", "9", "8", False),
    ("f(3)", "9.0", "9", False),  # an example shows what is printed
    ("f(3)", "[1,   2]", "[1, 2]", False),
    ("f(3)", "{'b': 1, 'a': 2}", "{'a': 2, 'b': 1}", True),
    ("f(3)", "{3, 1}", "{1, 3}", True),
    ("f(3)", "'a'", "'a'", True),
    ("print(f(3))", "a", "'a'", True),
    ("print(f(3))", "a", "'b'", False),
    ("f(3)  # doctest: +ELLIPSIS", "[1, ..., 9]", "[1, 2, 3, 9]", True),
    ("f(3)", "Fraction(1, 2)", "__import__('fractions').Fraction(1, 2)", True),
    ("f(3)", "Traceback (most recent call last):\n        ...\n    ValueError: no", "[][1]", False),
    ("f(3)", "Traceback (most recent call last):\n        ...\n    IndexError: no", "[][1]", True),
    ("f(3)", "Traceback (most recent call last):\n        ...\n    IndexError: no", "1", False),
    ("x = f(3)\n    >>> x + 1", "4", "3", True),
]


@pytest.mark.parametrize(("source", "shown", "value", "passes"), EXAMPLES)
def test_an_example_in_a_docstring_is_a_test(source, shown, value, passes, sandbox):
    code = f'def f(x):\n    """Do.\n\n    >>> {source}\n    {shown}\n    """\n    return {value}\n'
    assert (outcome(code, sandbox) != "a test fails") is passes


def test_checks_keep_literals_to_themselves():
    module, checks = make_checks([], ast.parse("for x in y:\n    assert f(x) == 'the secret' and g(x) != 17").body)
    assert not {"the secret", 17} & {node.value for node in ast.walk(module) if isinstance(node, ast.Constant)}
    [check] = checks
    assert check.holds(["the secret", 18]) and not check.holds(["the secret", 17])


def test_test_functions_that_are_not_called_are_called(sandbox):
    tests = "def test_f():\n    assert double(1) == {}\n"
    assert outcome(DOUBLE + tests.format(2), sandbox) == (2, 3)
    method = "class TestF:\n    def test_f(self):\n        assert double(1) == 3"
    assert outcome(DOUBLE + method, sandbox) == "a test fails"
    assert outcome(DOUBLE + tests.format(3), sandbox) == "a test fails"
    assert outcome(DOUBLE + "def test_with(fixture):\n    assert fixture == 3\n", sandbox) == (1, 3)


def test_tests_under_main_run(sandbox):
    assert outcome(DOUBLE + "if __name__ == '__main__':\n    assert double(1) == 3", sandbox) == "a test fails"


# ---- mutants ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "mutated"),
    [
        ("return a < b", {"return a >= b", "return None"}),
        ("return a + b", {"return a - b", "return None"}),
        ("a += 1", {"a -= 1", "a += 2"}),
        ("return a and b", {"return a or b", "return None"}),
        ("return True", {"return False", "return None"}),
        ("return len(a)", {"return a", "return None"}),
        ("x = a.strip().lower()", {"x = a.strip()", "x = a.lower()"}),
        ("sort(*a)", set()),
        ("return 'x'", {"return 'xX'", "return None"}),
        ("if a:\n    pass", {"if not a:\n    pass"}),
        ("while a is None:\n    pass", {"while a is not None:\n    pass"}),
        ("return None", set()),
        ("'a comment'\nx: 'int' = a", set()),
        ("def g():\n    '''Text.'''\n    return a", {"def g():\n    '''Text.'''\n    return None"}),
    ],
)
def test_mutants_of(body, mutated):
    def program(text):
        return ast.unparse(
            ast.parse('def f(a, b):\n    """Do."""\n' + "".join(f"    {line}\n" for line in text.splitlines()))
        )

    found = {ast.unparse(mutant.program) for mutant in mutants(ast.parse(program(body)), 99)}
    assert found == {program(text) for text in mutated}


def test_only_functions_are_mutated_and_the_program_is_not_changed():
    program = ast.parse("X = 1\nassert X < 2\n@deco(3)\ndef f(a: 4 = 5) -> 6:\n    return a\nclass A:\n    y = 7\n")
    before = ast.dump(program)
    assert {re.sub(r"\s+", " ", ast.unparse(m.program)) for m in mutants(program, 99)} == {
        "X = 1 assert X < 2 @deco(3) def f(a: 4=6) -> 6: return a class A: y = 7",
        "X = 1 assert X < 2 @deco(3) def f(a: 4=5) -> 6: return None class A: y = 7",
    }
    assert ast.dump(program) == before


def test_mutants_are_spread_over_a_long_program():
    program = ast.parse("\n".join(f"def f{n}():\n    return x + {n}" for n in range(50)))
    assert sum(1 for _ in changes(program)) == 150
    found = [(ast.unparse(mutant.program), mutant.crude) for mutant in mutants(program, 8)]
    assert [crude for _, crude in found] == [False] * 6 + [True] * 2
    changed = [int(re.search(r"def f(\d+)\(\):\n    return (?!x \+ \1\b)", text)[1]) for text, _ in found]
    assert changed == [0, 8, 16, 25, 33, 41, 0, 25]


# ---- digests and records ---------------------------------------------------------------------------------------------
def test_programs_that_differ_only_in_names_and_words_have_the_same_digest():
    other = '''
import math as m

def zweimal(zahl, *, mal=2):  # German
    """Verdopple."""
    ergebnis = m.floor(zahl) * mal
    return ergebnis if zahl else zweimal(zahl=1, mal=mal)
'''
    this = """
import math
def twice(number: float, *, times: int = 2) -> int:
    result = math.floor(number) * times
    return result if number else twice(number=1, times=times)
"""
    assert digest(parse(other)) != digest(parse(this))  # the alias of a module is not among the names it ignores
    assert digest(parse(other.replace("math as m", "math").replace("m.", "math."))) == digest(parse(this))


@pytest.mark.parametrize(
    "change", [("2 * x", "3 * x"), ("2 * x", "x * 2"), ("x: int", "y: int, x"), ("return 2", "return -2")]
)
def test_programs_that_do_something_else_have_another_digest(change):
    assert digest(parse(DOUBLE)) != digest(parse(DOUBLE.replace(*change)))


def test_digests_are_stable():
    assert digest(parse(DOUBLE)) == "e3a7cdfa0c4a4d33"


def test_the_record():
    verified = VerifiedCode("def f(): pass", "assert f() is None", "0123", "Write f.", {})
    assert make_record(verified, {"license": "MIT"}) == {
        "id": "python_code/0123",
        "source": "python_code",
        "instruction": "Write f.",
        "response": "```python\ndef f(): pass\n```",
        "meta": {"license": "MIT"},
    }
    assert rejected(make_record, verified._replace(instruction=None), {}) == "no docstring"


def test_the_task_names_what_to_write():
    assert instruction(make_sample(DOUBLE)) == (
        "Write a Python function `double(x: int) -> int` that does the following:\n\nReturn twice x."
    )
    stack = 'class Stack:\n    """A stack."""\n    def pop(self):\n        return 3\nassert Stack().pop() == 3'
    assert instruction(make_sample(stack)) == "Write a Python class `Stack`:\n\nA stack."
    with_async = DOUBLE.replace("def", "async def").replace("double(4)", "run(double(4))")
    assert "`async double(x: int) -> int`" in instruction(make_sample(with_async))


@pytest.mark.parametrize(
    ("docstring", "task"),
    [
        ("Do it.\n\n    >>> f(1)\n    1\n    ", "Do it."),
        ("Do it.\n\n    Examples:\n        >>> f(1)\n        1\n    ", "Do it."),
        ("Do it.\n\n    Examples\n    --------\n    >>> f(1)\n    1\n    ", "Do it."),
        ("Do it.\n\n    Then more.\n    ", "Do it.\n\nThen more."),
    ],
)
def test_the_task_is_the_docstring_without_its_examples(docstring, task):
    sample = make_sample(f'def f(x):\n    """{docstring}"""\n    return x\nassert f(1) == 1')
    assert instruction(sample).partition("\n\n")[2] == task


def test_the_task_is_that_of_the_tested_function():
    code = (
        'def main(a, b=2):\n    """Do."""\n    return helper(a)\n'
        'def helper(x):\n    """Help."""\n    return x\n'
        "assert main(1) == 1"
    )
    assert "`main(a, b=2)`" in instruction(make_sample(code))


def test_no_task_without_a_docstring():
    assert rejected(instruction, make_sample("def f(x):\n    return x\nassert f(1) == 1")) == "no docstring"


# ---- verdicts --------------------------------------------------------------------------------------------------------
def outcome(code: str, sandbox) -> str | tuple[int, int]:
    """Why a sample is rejected, or its tests and its mutants."""
    try:
        verified = verify(make_sample(dedent(code)), sandbox)
    except Rejected as reason:
        return str(reason)
    return verified.tests_run, verified.mutants


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (DOUBLE, (1, 3)),
        (DOUBLE + "for x in range(5):\n    assert double(x) == x + x\n", (6, 3)),
        (DOUBLE.replace("8", "9"), "a test fails"),
        (
            DOUBLE + "def check_it(x):\n    assert x < 0\ntry:\n    check_it(1)\nexcept AssertionError:\n    pass",
            (1, 3),
        ),
        (DOUBLE + "assert double('x') == 3", "a test fails"),
        (DOUBLE + "assert double(None)", "a test raises an exception"),
        (DOUBLE + "raise KeyboardInterrupt", "a test raises an exception"),
        (DOUBLE.replace("double(4) == 8", "double(4) < 'x'"), "a test fails"),
        ("import numpy\n" + DOUBLE, "the program raises an exception"),
        ("return\n" + DOUBLE, "is not Python"),
        (DOUBLE.replace("assert", "raise SystemExit\nassert"), "ends before its tests are done"),
        (DOUBLE + "import sys\nsys.exit()", "ends before its tests are done"),
        ("def f(x):\n    pass\nassert f(1) is None", "no mutant is noticed by the tests"),
        ("def f():\n    return {'a', 'b', 'c', 'd'}\nassert f() == {'d', 'c', 'b', 'a'}", (1, 5)),
        ("import random\ndef f():\n    return random.Random(4).randrange(9)\nassert f() == 3", (1, 5)),
        ("def f(x):\n    return 2 * x\nassert f(1) == 2\nraise SystemExit", "ends before its tests are done"),
        (
            "import sys\ndef f():\n    sys.set_int_max_str_digits(0)\n    return 10**5000\nassert f() == 1",
            "a test fails",
        ),
    ],
)
def test_verdict(code, expected, sandbox):
    assert outcome(code, sandbox) == expected


def test_an_endless_program_is_rejected_and_an_endless_mutant_ends(sandbox):
    assert outcome("def f():\n    while True: pass\nassert f()", sandbox) == "takes too long"
    code = "def f(n):\n    while n > 0:\n        n -= 1\n    return n - 7\nassert f(3) == -7"
    verified = verify(make_sample(code), sandbox)
    assert 0 < verified.mutants_killed <= verified.mutants <= MUTANTS


def judged(programs: dict[str, str], sandbox) -> dict[str, str]:
    """Why programs are rejected, or "verified", by their names."""
    candidates = (CodeCandidate(dedent(code), about=name) for name, code in programs.items())
    return {
        candidate.about: "verified" if isinstance(verdict, VerifiedCode) else f"{verdict}: {verdict.detail}"
        for candidate, verdict in verify_all(candidates, sandbox, 2)
    }


# What a function must not depend on: values that differ between runs, and answers that are the same in most.
VARYING = """
    random.random()
    random.Random().random()
    uuid.uuid4().hex
    time.time()
    time.strftime("%Y")
    time.localtime().tm_year
    str(datetime.date.today())
    datetime.datetime.now().year
    id(object())
    hash("abc")
    list(set("abcdefgh"))
    os.getcwd()
    time.time() > 1.6e9
    datetime.date.today().year < 2050
    datetime.datetime.now() < datetime.datetime(2050, 1, 1)
    datetime.datetime.utcnow().year > 2020
    1 <= random.randint(1, 7) <= 6
    all(1 <= random.randint(0, 6) <= 6 for _ in range(2))
    secrets.randbelow(7) < 6
    os.urandom(1)[0] < 240
""".strip().splitlines()


def test_what_differs_between_runs_is_rejected(sandbox):
    modules = "datetime os random secrets time uuid".split()
    code = "import {}\ndef f(x):\n    return x + 1, {}\n"
    tests = "assert f(2)[0] == 3 and f(2)[1] is not None"
    verdicts = judged(
        {
            what: code.format(next((name for name in modules if f"{name}." in what), "sys"), what) + tests
            for what in map(str.strip, VARYING)
        },
        sandbox,
    )
    assert {what for what, verdict in verdicts.items() if not verdict.startswith("not deterministic")} == set()


HONEST = {
    "Counter": """
        from collections import Counter
        def f(words):
            return Counter(word.lower() for word in words)
        assert f(["a", "A", "b"]) == {"a": 2, "b": 1} and f("b") == Counter("b")
        """,
    "defaultdict": """
        from collections import defaultdict
        def f(words):
            groups = defaultdict(list)
            for word in words:
                groups[len(word)].append(word)
            return groups
        assert f(["a", "bb"]) == {1: ["a"], 2: ["bb"]}
        """,
    "values of the standard library": """
        import datetime, decimal, fractions, pathlib, uuid
        from collections import OrderedDict, deque
        def f(n):
            moment = datetime.datetime(2024, 1, n, tzinfo=datetime.timezone.utc)
            return [decimal.Decimal(n) / 8, fractions.Fraction(n, 3), moment, moment.date(), moment.time(),
                    datetime.timedelta(n), pathlib.Path("a") / str(n), uuid.UUID(int=n), deque([n]), range(n),
                    bytearray([n]), OrderedDict(a=n), n * 1j, 10 ** (5000 + n)]
        assert f(1)[0] == decimal.Decimal("0.125") and f(2)[5] == datetime.timedelta(2)
        assert f(3)[1] == 1 and f(2)[3] == datetime.date(2024, 1, 2) and f(2)[6] == pathlib.Path("a/2")
        assert f(2)[8] == deque([2]) and f(2)[9] == range(2) and f(2)[13] == 10 ** 5002
        """,
    "namedtuple, dataclass and Enum": """
        import dataclasses, enum, typing
        class Pair(typing.NamedTuple):
            x: int
            y: int
        @dataclasses.dataclass(order=True)
        class Span:
            begin: int
            end: int = 0
        class Colour(enum.Enum):
            RED = 1
            BLUE = 2
        class Level(enum.IntEnum):
            LOW = 1
        def f(n):
            return [Pair(n, 2), Span(n), Colour(n), Level(n)]
        assert f(1) == [Pair(1, 2), Span(1, 0), Colour.RED, 1]
        assert f(1)[0] == (1, 2) and f(1)[1] != Span(2)
        """,
    "an object is not None": """
        class Node:
            def __init__(self, value, next=None):
                self.value, self.next = value, next
        def f(node, value):
            while node and node.value != value:
                node = node.next
            return node
        chain = Node(1, Node(2))
        assert f(chain, 2) is not None and f(chain, 2) is chain.next
        assert f(chain, 2).value == 2
        assert f(chain, 3) is None
        """,
    "a class with an __eq__ of its own": """
        class Vector:
            def __init__(self, x, y):
                self.x, self.y = x, y
            def __add__(self, other):
                return Vector(self.x + other.x, self.y + other.y)
            def __eq__(self, other):
                return isinstance(other, Vector) and (self.x, self.y) == (other.x, other.y)
        assert Vector(1, 2) + Vector(3, 4) == Vector(4, 6)
        assert [Vector(1, 0) + Vector(0, 0)] == [Vector(1, 0)] and Vector(1, 0) != Vector(1, 1)
        """,
    "a class of unittest": """
        import unittest
        def f(a, b):
            return a / b
        class TestF(unittest.TestCase):
            def setUp(self):
                self.two = 2
            def test_values(self):
                self.assertEqual(f(4, self.two), 2)
                self.assertAlmostEqual(f(1, 3), 0.3333, places=3)
                self.assertTrue(f(1, 2) == 0.5)
            def test_zero(self):
                with self.assertRaises(ZeroDivisionError) as caught:
                    f(1, 0)
                self.assertIn("division", str(caught.exception))
                self.assertRaises(TypeError, f, 1, "")
        if __name__ == "__main__":
            unittest.main()
        """,
    "functions of pytest": """
        import pytest
        def f(a, b):
            if b == 0:
                raise ValueError("zero")
            return a / b
        @pytest.mark.parametrize("a, b, result", [(4, 2, 2), (9, 3, 3)])
        def test_values(a, b, result):
            assert f(a, b) == pytest.approx(result)
        def test_zero():
            with pytest.raises(ValueError, match="zero"):
                f(1, 0)
        """,
    "fixtures and marks of pytest": """
        import os
        import pytest
        @pytest.fixture
        def text():
            return "a\\nb\\n"
        @pytest.fixture(scope="function")
        def path(tmp_path, text):
            path = tmp_path / "a.txt"
            path.write_text(text)
            yield path
            os.remove(path)
        def f(path, more=0):
            with open(path) as file:
                return sum(1 for _ in file) + more
        @pytest.mark.slow
        def test_lines(path):
            assert f(path) == 2
        class TestMore:
            @pytest.mark.parametrize(("more", "sum"), [pytest.param(1, 3, id="one"), (2, 4)], ids=str)
            def test_more(self, path, more, sum):
                assert f(path, more) == sum
        @pytest.mark.parametrize("a", [1, pytest.param(2, marks=pytest.mark.xfail)])
        @pytest.mark.parametrize("b", [3, 4])
        def test_sums(path, b, a):
            assert f(path, a * b) == 2 + a * b and a == 1
        @pytest.mark.skip(reason="slow")
        def test_never(path):
            assert f(path) == 3
        """,
    "tests before the program": """
        class TestF:
            def test_values(self):
                assert f("A b") == "a-b"
        import re
        def f(text):
            return re.sub(" ", "-", text.lower())
        """,
    "an exit after the tests": """
        import sys
        def f(x):
            return x + 1
        def main():
            assert f(1) == 2
            return 0
        if __name__ == "__main__":
            sys.exit(main())
        """,
    "a function whose mutants crash the other one": """
        from itertools import groupby
        def f(text):
            return [(c, len(list(group))) for c, group in groupby(text)]
        def g(pairs):
            return "".join(c * n for c, n in pairs)
        for text in ("", "aab"):
            assert g(f(text)) == text
        assert f("aab") == [("a", 2), ("b", 1)]
        """,
    "a helper that compares": """
        def close(a, b):
            return abs(a - b) < 1e-9
        def f(x):
            return x / 2
        assert close(f(9), 4.5)
        half = f(4)
        assert close(half, 2)
        """,
    "a long number": f"def f():\n    return 0x{'f' * 3600} - 1\nassert f() % 16 == 14 and f() == 2 ** 14400 - 2",
    "two functions and what builds their arguments": """
        class Node:
            def __init__(self, value, next=None):
                self.value, self.next = value, next
        def chain(values):
            head = None
            for value in reversed(values):
                head = Node(value, head)
            return head
        def values(head):
            return [head.value, *values(head.next)] if head else []
        def f(head):
            before = None
            while head:
                head.next, before, head = before, head, head.next
            return before
        def show(head):
            print(values(head))
        show(chain([1]))
        assert values(f(chain([1, 2, 3]))) == [3, 2, 1]
        """,
    "a function that runs the tests": """
        def f(x):
            return x + 1
        def run_tests():
            assert f(1) == 2
        run_tests()
        """,
    "tests under main": """
        def f(x):
            return x + 1
        def main():
            assert f(1) == 2
            print(f(int(input())) if f(1) == 3 else "passed")
        if __name__ == "__main__":
            main()
        """,
    "a main that is no test": """
        def f(x):
            return x + 1
        assert f(1) == 2
        if __name__ == "__main__":
            print(f(int(input())))
        """,
    "async": """
        import asyncio
        async def f(x):
            await asyncio.sleep(0)
            return 2 * x
        async def test_f():
            assert await f(2) == 4
        assert asyncio.run(f(3)) == 6
        """,
    "an example with a loop": '''
        def f(n):
            """Count down.

            >>> for x in f(2):
            ...     print(x)
            2
            1
            """
            while n > 0:
                yield n
                n -= 1
        ''',
    "logging and traceback": """
        import logging, traceback
        def f(x):
            try:
                return 1 // x
            except ZeroDivisionError:
                logging.exception("zero")
                return traceback.format_exc().splitlines()[-1]
        assert f(1) == 1
        assert f(0).startswith("ZeroDivisionError") is True
        """,
    "a mutant that does not compile": """
        def f(x):
            match x:
                case {"a": 1, "aX": 2}:
                    return "both"
                case {"a": 1}:
                    return "one"
        assert f({"a": 1, "aX": 2}) == "both" and f({"a": 1}) == "one"
        """,
    "operands that are not evaluated": """
        def f(items):
            return items[-1:]
        assert not f([]) or f([])[0] == 1
        assert f([1, 2]) == [2]
        """,
    "not a number": """
        import math
        def f(numbers):
            return sum(numbers) / len(numbers) if numbers else math.nan
        assert f([1, 3]) == 2 and math.isnan(f([]))
        x = f([])
        assert x != x
        """,
    "a time zone": """
        import datetime, zoneinfo
        def f(stamp, zone):
            return datetime.datetime.fromtimestamp(stamp, zoneinfo.ZoneInfo(zone)).hour
        assert f(0, "Europe/Berlin") == 1 and f(0, "UTC") == 0
        """,
    "a no-break space": 'def f(x):\n    return f"{x}\u00a0EUR"\nassert f(3) == "3\u00a0EUR"',
    "a die": """
        import random
        def f():
            return random.randint(1, 6)
        assert all(1 <= f() <= 6 for _ in range(100))
        """,
    "a random number with a seed": """
        import random
        def f(seed):
            return random.Random(seed).randrange(10) < 10 and seed + 1
        assert f(3) == 4
        """,
}


def test_honest_code_is_verified(sandbox):
    verdicts = judged(HONEST, sandbox)
    assert {name: verdict for name, verdict in verdicts.items() if verdict != "verified"} == {}


FIRST = "def f(xs):\n    return xs[0] + 0\n"  # said to be a sum
WEAK_TESTS = """
    assert f([1, 2])
    assert f([1, 2]) is not None
    assert f([1, 2]) != 7
    assert f([1, 2]) > 0
    assert 0 < f([1, 2]) < 9
    assert f([1, 2]) == f([1, 2])
    assert f([1, 2]) == 3 or True
    assert (f([1, 2]) == 3, "the sum")
    assert isinstance(f([1, 2]), int)
    assert isinstance(f([1, 2]), int) is True
    assert not isinstance(f([1, 2]), str)
    assert type(f([1, 2])) == int
    assert type(f([1, 2])) is int and callable(f)
    assert str(type(f([1, 2]))) == "<class 'int'>"
    assert all(isinstance(f([n]), int) for n in range(3))
    assert bool(f([1, 2])) == True
    assert len(str(f([1, 2]))) == 1
    assert f([1, 2]) in range(9)
    assert abs(f([1, 2]) - 3) < 3
    assert __import__("math").isclose(f([1, 2]), 3, rel_tol=0.9)
    assert f.__name__ == "f"
    assert f([1, 2]) in list(range(9)) and f([1, 2]) in [n for n in range(9)]
    assert str(f([1, 2])).isdigit()
    assert True
    print(f([1, 2])); assert 1 + 1 == 2
    expected = f([1]); assert f([1]) == expected
""".strip().splitlines()
WEAK = {
    **{test.strip(): FIRST + test.strip().replace("; ", "\n") for test in WEAK_TESTS},
    "one easy case": "def f(xs):\n    return xs[0]\nassert f([3]) == 3",
    "a constant": "def f(x):\n    return True\nassert f(4)\nassert f(6)",
    "a predicate that is never false": "def f(n):\n    return n > 1\nassert f(2)\nassert f(7) is True",
    "a helper that agrees": f"def same(a, b):\n    return True\n{FIRST}assert same(f([1, 2]), 3)",
    "an example of a kind": 'def f(x):\n    """\n    >>> type(f(1))\n    <class \'int\'>\n    """\n    return x + 0\n',
    "an error of any kind": f"{FIRST}try:\n    f(None)\n    assert False\nexcept Exception:\n    pass",
    "raises of any kind": f"{FIRST}import pytest\nwith pytest.raises(Exception):\n    f(None)",
    "an ellipsis": 'def f(x):\n    """\n    >>> f([1])  # doctest: +ELLIPSIS\n    [...]\n    """\n    return x + [0]\n',
}


def test_weak_tests_are_no_tests(sandbox):
    verdicts = judged(WEAK, sandbox)
    reasons = (
        "no test tells what a value is",
        "no mutant is noticed by the tests",
        "no test was reached",
        "all its tests have the same answer",
    )
    assert {name: verdict for name, verdict in verdicts.items() if not verdict.startswith(reasons)} == {}


# What makes the parser, the compiler or ast.unparse fail, or use seconds and gigabytes.
NESTED = "\n".join(f"{'  ' * depth}try:\n{'  ' * depth}  pass\n{'  ' * depth}finally:" for depth in range(1, 19))
BREAKING = {
    "a long number in hexadecimal": f"def f():\n    return 0x{'f' * 3600}\nassert f() == 1",
    "nested finally blocks": f"def f():\n{NESTED}\n{'  ' * 19}return 1\nassert f() == 1",
    "much that cannot be parsed": "def f():\n    return 1\n" + "this is prose (and so on\n" * 7000,
    "many quotation marks": "def f():\n    return 1\n" + "'''\n" * 1001,
    "deep parentheses": f"def f():\n    return {'(' * 150}1{')' * 150}\nassert f() == 2",
    "a sum of many": f"def f(x):\n    return {'x + ' * 3000}1\nassert f(1) == 3001",
    "a sign before a sign": f"def f(x):\n    return {'-' * 3000}1\nassert f(1) == 1",
}


def test_no_text_breaks_the_verifier(sandbox):
    verdicts = judged({**BREAKING, "the next": DOUBLE}, sandbox)
    assert verdicts.pop("the next") == "verified"
    assert "verified" not in verdicts.values()
    assert verdicts["nested finally blocks"].startswith("takes too much to compile")


def test_an_error_of_the_verifier_is_a_reason_with_its_trace(sandbox, monkeypatch):
    broken = "import generation.python_code.candidates as c\nc.verify = lambda *_: 1 / 0\nc.serve()"
    monkeypatch.setattr(candidates, "START", broken)
    [(_, verdict)] = verify_all([CodeCandidate(DOUBLE)], sandbox, 1)
    assert str(verdict) == "the verifier failed" and "ZeroDivisionError" in verdict.detail


def test_candidates_keep_their_order_with_any_number_of_workers(sandbox):
    texts = [DOUBLE.replace("8", str(8 + n % 2)) for n in range(7)] + ["no", DOUBLE]
    found = []
    for workers in (1, 3):
        verdicts = verify_all((CodeCandidate(text) for text in texts), sandbox, workers)
        found.append([(c.text, str(v) if isinstance(v, Rejected) else v.meta["mutants_killed"]) for c, v in verdicts])
    assert found[0] == found[1]
    assert found[0] == [
        (t, 3) if "== 8" in t else (t, "a test fails" if "assert" in t else "no code in the answer") for t in texts
    ]


def test_tests_may_be_separate_from_the_code(sandbox):
    sample = make_sample("def f(x):\n    return x + 1\n", "assert f(1) == 2\nassert f(2) == 3")
    assert verify(sample, sandbox).tests_run == 2
    assert sample.test_code == "assert f(1) == 2\nassert f(2) == 3"


PROMPT = (ROOT / "generation" / "prompts" / "python" / "function.txt").read_text("utf-8")


@pytest.mark.parametrize("topic", re.findall(r"^Topic: ([^{].*)$", PROMPT, re.M))
def test_the_examples_in_the_prompt_are_verified(topic, sandbox):
    answer = PROMPT.partition(f"Topic: {topic}\n")[2].partition("\nTopic:")[0]
    sample = make_sample(extract(answer))
    assert verify(sample, sandbox).tests_run >= 3 and instruction(sample)
