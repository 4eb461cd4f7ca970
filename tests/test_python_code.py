"""Model-written Python: the code in an answer, its tests as checks, its mutants, and the verdict over its runs."""

import ast
import gc
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent

import pytest
from test_sandbox import sandbox_or_skip

from generation.python_code.checks import assertion_holds, make_checks, operands_of
from generation.python_code.mutants import changes, mutants
from generation.python_code.parsing import literal, parse_module
from generation.python_code.samples import Rejected, digest, extract, instruction, make_record, make_sample, parse
from generation.python_code.verification import MUTANTS, CodeCandidate, Verified, verify, verify_all
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


# ---- parsing ---------------------------------------------------------------------------------------------------------
class Cyclic:
    """Garbage whose collection runs Python code, so that another thread may go on in the middle of a parse."""

    def __init__(self):
        self.itself = self

    def __del__(self):
        for _ in range(3):
            pass


def test_threads_that_parse_at_the_same_time_all_get_their_tree():
    source = "\n".join(f"def f{n}(a, b=[{{1: (2, 3)}}]):\n    return [a + b * {n} for c in b]" for n in range(200))

    def parse_many(_):
        for _ in range(10):
            Cyclic()
            assert len(parse_module(source).body) == 200
            assert literal(" [1, (2, 3)]\n") == [1, (2, 3)]

    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(parse_many, range(8)))
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*threshold)


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


@pytest.mark.parametrize("answer", ["", "I cannot do that.", "```bash\nls\n```", "```python\n```", "\n\n"])
def test_no_code_in(answer):
    assert rejected(extract, answer) == "no code in the answer"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def f(x):\n    print x\nassert f(1) == 1", "is no Python"),
        ("def f(x):\n    return 'a\0b'\nassert f(1) == 1", "is no Python"),
        ("def f(x):\n    return " + "(" * 5000 + ")" * 5000, "is no Python"),
        ("def f(x):\n    return '\ud800'\nassert f(1)", "is no Python"),
        ("x = 3\nassert x == 3", "no function"),
        ("class A:\n    pass\nassert A()", "no function"),
        ("def f(x):\n    return x", "no test"),
        ("def f(x):\n    assert x\n    return x", "no test"),
        ("def f(x):\n    return x\nprint(f(3))", "no test"),
        ('def f(x):\n    """\n    >>> f(3)\n    """\n    return x', "no test"),
        ('def f(x):\n    """\n    >>>f(3)\n    3\n    """\n    return x', "an example in a docstring cannot be read"),
        ('def f(x):\n    """\n    >>> f(3\n    3\n    """\n    return x', "an example in a docstring cannot be read"),
        (f"def f(x):\n    return '{'x' * 20_000}'\nassert f(1)", "too long"),
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
    ],
)
def test_an_assertion_is_judged_by_the_values_of_its_operands(test, operands, values, expected):
    tree = ast.parse(test, mode="eval").body
    assert [ast.unparse(operand) for operand in operands_of(tree)] == operands
    assert assertion_holds(tree, values) is expected
    assert (len(operands) == len(values)) and "2" not in [ast.unparse(operand) for operand in operands_of(tree)]


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
    assert "secret" not in ast.unparse(module) and "17" not in ast.unparse(module)
    assert len(checks) == 1 and checks[0](["the secret", 18]) and not checks[0](["the secret", 17])


def test_test_functions_that_are_not_called_are_called(sandbox):
    tests = "def test_f():\n    assert double(1) == {}\n"
    assert outcome(DOUBLE + tests.format(2), sandbox) == (2, 3)
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

    found = {ast.unparse(mutant) for mutant in mutants(ast.parse(program(body)), 99)}
    assert found == {program(text) for text in mutated}


def test_only_functions_are_mutated_and_the_program_is_not_changed():
    program = ast.parse("X = 1\nassert X < 2\n@deco(3)\ndef f(a: 4 = 5) -> 6:\n    return a\nclass A:\n    y = 7\n")
    before = ast.dump(program)
    assert {re.sub(r"\s+", " ", ast.unparse(m)) for m in mutants(program, 99)} == {
        "X = 1 assert X < 2 @deco(3) def f(a: 4=6) -> 6: return a class A: y = 7",
        "X = 1 assert X < 2 @deco(3) def f(a: 4=5) -> 6: return None class A: y = 7",
    }
    assert ast.dump(program) == before


def test_mutants_are_spread_over_a_long_program():
    program = ast.parse("\n".join(f"def f{n}():\n    return g({n})" for n in range(50)))
    assert sum(1 for _ in changes(program)) == 100
    texts = [ast.unparse(mutant) for mutant in mutants(program, 5)]
    assert len(set(texts)) == 5
    assert [int(next(re.finditer(r"def f(\d+)\(\):\n    return None", text))[1]) for text in texts] == [
        0,
        10,
        20,
        30,
        40,
    ]


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
    record = make_record(make_sample(DOUBLE), {"license": "MIT"})
    assert record == {
        "id": f"python_code/{digest(make_sample(DOUBLE).program)}",
        "source": "python_code",
        "instruction": "Write a Python function `double(x: int) -> int` that does the following:\n\nReturn twice x.",
        "response": '```python\ndef double(x: int) -> int:\n    """Return twice x."""\n    return 2 * x\n```',
        "meta": {"license": "MIT"},
    }


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


def test_no_record_without_a_docstring():
    assert rejected(make_record, make_sample("def f(x):\n    return x\nassert f(1) == 1"), {}) == "no docstring"


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
        ("return\n" + DOUBLE, "is no Python"),
        (DOUBLE.replace("assert", "raise SystemExit\nassert"), "ends before its tests are done"),
        (DOUBLE + "import sys\nsys.exit()", "ends before its tests are done"),
        ("def f(x):\n    pass\nassert f(1) is None", "no mutant is noticed by the tests"),
        ("def f(x):\n    return x + 1\nassert f(1) is not None or True", "no mutant is noticed by the tests"),
        ("def f(x):\n    return x + 1\nassert isinstance(1, int)", "no mutant is noticed by the tests"),
        ("import random\ndef f():\n    return random.random()\nassert f() < 1", "not deterministic"),
        ("import random\ndef f():\n    return random.randrange(10**9)\nassert 0 <= f() < 10**9", "not deterministic"),
        ("import time\ndef f():\n    return time.time()\nassert f() > 1", "not deterministic"),
        ("import datetime\ndef f():\n    return str(datetime.date.today())\nassert f() > '2'", "not deterministic"),
        ("def f():\n    return id(object())\nassert f() > 1", "not deterministic"),
        ("def f(x):\n    return hash(x)\nassert f('abc') != 1", "not deterministic"),
        (
            "def f(x):\n    return list(set(x))\nassert len(f('abcdefgh')) == 8 and f('abcdefgh') != 1",
            "not deterministic",
        ),
        ("import os\ndef f():\n    return os.getcwd()\nassert f() != 1", "not deterministic"),
        ("def f():\n    return {'a', 'b', 'c', 'd'}\nassert f() == {'d', 'c', 'b', 'a'}", (1, 5)),
        ("import random\ndef f():\n    return random.Random(4).random()\nassert f() < 1", (1, 2)),
    ],
)
def test_verdict(code, expected, sandbox):
    assert outcome(code, sandbox) == expected


def test_an_endless_program_is_rejected_and_an_endless_mutant_is_noticed(sandbox):
    assert outcome("def f():\n    while True: pass\nassert f()", sandbox) == "takes too long"
    code = "def f(n):\n    while n > 0:\n        n -= 1\n    return 7\nassert f(3)"
    verified = verify(make_sample(code), sandbox)
    assert 0 < verified.mutants_killed <= verified.mutants <= MUTANTS


def test_candidates_keep_their_order_with_any_number_of_workers(sandbox):
    texts = [DOUBLE.replace("8", str(8 + n % 2)) for n in range(7)] + ["no", DOUBLE]
    found = []
    for workers in (1, 3):
        verdicts = verify_all((CodeCandidate(text) for text in texts), sandbox, workers)
        found.append([(c.text, str(v) if isinstance(v, Rejected) else v.mutants_killed) for c, v in verdicts])
    assert found[0] == found[1]
    assert found[0] == [
        (t, 3) if "== 8" in t else (t, "a test fails" if "assert" in t else "no code in the answer") for t in texts
    ]


def test_code_that_is_nested_too_deep_is_rejected(sandbox):
    texts = [
        f"def f(x):\n    return {'x + ' * 3000}1\nassert f(1)",
        f"def f(x):\n    return {'-' * 3000}1\nassert f(1)",
    ]
    for _, verdict in verify_all((CodeCandidate(text) for text in texts), sandbox, 1):
        assert str(verdict) in ("nested too deep", "is no Python")


def test_tests_may_be_separate_from_the_code(sandbox):
    verified = verify(make_sample("def f(x):\n    return x + 1\n", "assert f(1) == 2\nassert f(2) == 3"), sandbox)
    assert isinstance(verified, Verified) and verified.tests_run == 2
    assert verified.sample.test_code == "assert f(1) == 2\nassert f(2) == 3"


PROMPT = (ROOT / "generation" / "prompts" / "python" / "function.txt").read_text("utf-8")


@pytest.mark.parametrize("topic", re.findall(r"^Topic: ([^{].*)$", PROMPT, re.M))
def test_the_examples_in_the_prompt_are_verified(topic, sandbox):
    answer = PROMPT.partition(f"Topic: {topic}\n")[2].partition("\nTopic:")[0]
    verified = verify(make_sample(extract(answer)), sandbox)
    assert verified.tests_run >= 3 and verified.mutants_killed >= verified.mutants / 2
    assert make_record(verified.sample, {})["instruction"]
