"""Whether an assertion holds, judged outside the sandbox by the values of its operands; and whether it is a test.

    assert f(3) == 9 and not g(0)   has the operands f(3), g(0)

Literals are not among the operands: the process that computes f(3) never sees the 9.

An assertion is a test only if it tells what a value is. A test of the kind of a value (isinstance, len, `is not
None`), of its truth, or of a range of values holds for most wrong functions too.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

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
OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
KIND_ONLY = {"isinstance", "issubclass", "callable", "hasattr", "bool", "type", "id", "len"}
KIND_METHODS = {name for name in vars(str) if name.startswith("is")}  # isdigit, isupper, ..
MAX_TOLERANCE = 0.01  # relative to the expected value, or absolute for values up to 1
TOLERANCES = {"rel_tol", "abs_tol"}


def literal(source: str | ast.expr) -> Any:
    """The value of a literal, as ast.literal_eval gives it, with the same errors; spaces around it do not matter."""
    return ast.literal_eval(source.strip() if isinstance(source, str) else source)


def is_literal(source: str | ast.expr) -> bool:
    try:
        literal(source)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


# ---- values ----------------------------------------------------------------------------------------------------------
def operands_in_order(test: ast.expr, optional: bool = False) -> Iterator[tuple[ast.expr, bool]]:
    """The expressions that decide a test, and whether others before them can decide it alone.

    These are the operands of comparisons, `and`, `or` and `not` that are not literals.
    """
    match test:
        case ast.BoolOp(values=parts):
            for index, part in enumerate(parts):
                yield from operands_in_order(part, optional or index > 0)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            yield from operands_in_order(part, optional)
        case ast.Compare(left=left, comparators=others) if not compares_identity(test):
            for part in (left, *others):
                yield from operands_in_order(part, optional)
        case _ if not is_literal(test):
            yield test, optional


def compares_identity(test: ast.Compare) -> bool:
    """Whether a comparison is about the identity of two objects, which only their process knows."""
    singleton = any(isinstance(part, ast.Constant) for part in (test.left, *test.comparators))
    return any(isinstance(op, ast.Is | ast.IsNot) for op in test.ops) and not singleton


def assertion_holds(test: ast.expr, values: list[Any]) -> bool:
    """Whether a test is true, given the values of its operands."""
    return bool(value_of(test, iter(values)))


def value_of(test: ast.expr, values: Iterator[Any]) -> Any:
    """The value of a test. Takes the values of its operands in the order of operands_in_order."""
    match test:
        case ast.BoolOp(op=op, values=parts):
            value: Any = isinstance(op, ast.And)
            for part in parts:
                if bool(value) is isinstance(op, ast.And):
                    value = value_of(part, values)
                else:
                    skip(part, values)
            return value
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return not value_of(part, values)
        case ast.Compare(left=left, ops=ops, comparators=others) if not compares_identity(test):
            terms = [value_of(part, values) for part in (left, *others)]
            return all(OPERATORS[type(op)](*terms[index : index + 2]) for index, op in enumerate(ops))
    return literal(test) if is_literal(test) else next(values)


def skip(test: ast.expr, values: Iterator[Any]) -> None:
    """Take the values of a test's operands without looking at them."""
    for _ in operands_in_order(test):
        next(values)


# ---- tests -----------------------------------------------------------------------------------------------------------
def tells(test: ast.expr, values: Iterator[Any] | None = None, negated: bool = False) -> bool:
    """Whether a test tells what a value is. Without the operands' values they are taken to be True or False."""
    match test:
        case ast.BoolOp(op=op, values=parts):
            told = [tells(part, values, negated) for part in parts]
            return any(told) if isinstance(op, ast.And) is not negated else all(told)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return tells(part, values, not negated)
        case ast.Compare(left=left, ops=ops, comparators=others):
            if values:
                skip(test, values)
            terms = [left, *others]
            told = [pair_tells(terms[index], op, terms[index + 1], negated) for index, op in enumerate(ops)]
            return all(told) if negated else any(told)
    if is_literal(test):
        return bool(literal(test)) is negated  # `assert False` stands where nothing may arrive
    value = next(values) if values else True
    return type(value) is bool and not tells_kind_only(test)


def asks(test: ast.expr, functions: set[str]) -> bool:
    """Whether a test only asks functions for yes or no: `is_even(4)`, `not is_even(3)`, `is_even(4) is True`."""
    match test:
        case ast.BoolOp(values=parts):
            return all(asks(part, functions) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return asks(part, functions)
        case ast.Compare(left=part, ops=[ast.Eq() | ast.Is()], comparators=[ast.Constant(value=bool())]):
            return asks(part, functions)
        case ast.Call(func=ast.Name(name), args=arguments):
            return name in functions and all(map(is_literal, arguments))  # not `is_close(f(2), 4)`
    return False


def pair_tells(left: ast.expr, op: ast.cmpop, right: ast.expr, negated: bool) -> bool:
    """Whether a comparison of two terms tells what one of them is."""
    kind = OPPOSITES.get(type(op), type(op)) if negated else type(op)
    if ast.unparse(left) == ast.unparse(right):
        return False
    if kind in (ast.Eq, ast.Is):
        for one, other in ((left, right), (right, left)):
            if isinstance(other, ast.Constant) and isinstance(other.value, bool):
                return tells(one, negated=not other.value)
        return not tells_kind_only(left) and not tells_kind_only(right)
    if kind is ast.In:
        return is_literal(left) or not (is_literal(right) or is_range(right))
    return kind in (ast.Lt, ast.LtE, ast.Gt, ast.GtE) and is_close(left, kind, right)


def is_range(container: ast.expr) -> bool:
    """Whether an expression makes many values for an answer to be one of: `range(9)`, `[n * n for n in ..]`."""
    if is_call_of(container, {"list", "set", "tuple", "sorted", "frozenset"}):
        return is_literal(container.args[0]) or is_range(container.args[0])
    return is_call_of(container, {"range"}) or isinstance(container, ast.ListComp | ast.SetComp | ast.GeneratorExp)


def is_close(left: ast.expr, kind: type[ast.cmpop], right: ast.expr) -> bool:
    """Whether a comparison is `abs(a - b) < tolerance` with a small tolerance."""
    small, large = (left, right) if kind in (ast.Lt, ast.LtE) else (right, left)
    if not is_call_of(small, {"abs", "fabs"}):
        return False
    expected = [literal(node) for node in ast.walk(small) if isinstance(node, ast.Constant)]
    size = max([1.0, *(abs(value) for value in expected if isinstance(value, int | float))])
    return not is_literal(large) or (isinstance(large, ast.Constant) and literal(large) <= MAX_TOLERANCE * size)


def tells_kind_only(term: ast.expr) -> bool:
    """Whether an expression has the same value for most values of the same kind."""
    match term:
        case ast.Attribute(attr=name):
            return name in ("__class__", "__name__", "__doc__")
        case ast.Call(func=ast.Attribute(attr=name)) if name in KIND_METHODS:
            return True
    if is_call_of(term, {"all", "any"}) and isinstance(term.args[0], ast.GeneratorExp | ast.ListComp):
        return not tells(term.args[0].elt) and not repeats_range(term.args[0])
    if is_call_of(term, {"isclose"}):
        tolerances = [keyword.value for keyword in term.keywords if keyword.arg in TOLERANCES]
        return any(is_literal(value) and literal(value) > MAX_TOLERANCE for value in tolerances)
    if is_call_of(term, {"str", "repr"}):
        return any(map(tells_kind_only, term.args))
    return is_call_of(term, KIND_ONLY)


def repeats_range(repeated: ast.GeneratorExp | ast.ListComp) -> bool:
    """Whether a comprehension asks again and again whether the same is in a range, as tests of random numbers do."""
    names = {node.id for node in ast.walk(repeated.elt) if isinstance(node, ast.Name)}
    drawn = {node.id for part in repeated.generators for node in ast.walk(part.target) if isinstance(node, ast.Name)}
    match repeated.elt:
        case ast.Compare(left=ast.Constant(), comparators=[_, ast.Constant()]) | ast.Compare(ops=[ast.In()]):
            return not names & drawn
    return False


def is_call_of(term: ast.expr, names: set[str]) -> TypeGuard[ast.Call]:
    """Whether an expression calls a function of such a name with arguments."""
    if not isinstance(term, ast.Call) or not term.args:
        return False
    name = term.func.attr if isinstance(term.func, ast.Attribute) else getattr(term.func, "id", None)
    return name in names
