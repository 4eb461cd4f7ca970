"""What some tests need that may be missing; a test that is skipped for it names it, and where it is from."""

from pathlib import Path
from types import ModuleType

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"  # real dumps and tools, beside the project


def package(name: str, kind: str) -> ModuleType:
    """The module `name` of the optional requirements of that kind; skips the test, or the test file, without it."""
    __tracebackhide__ = True  # so that pytest names the line of the test
    return pytest.importorskip(name, reason=f"needs {name}: pip install -r requirements/{kind}.txt")


def shared(part: str) -> pytest.MarkDecorator:
    """The mark of tests that need a part of ../shared."""
    return pytest.mark.skipif(not (SHARED / part).exists(), reason=f"needs ../shared/{part}, beside this folder")
