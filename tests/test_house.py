"""The package structure: who imports whom, without cycles, as docs/design.md draws it; no vague or repeated names."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Each room, and the rooms that it uses. docs/design.md draws these arrows.
USES = {
    "records": set(),
    "download": {"records"},
    "quality": {"records"},
    "review": {"records"},
    "corpora": {"records"},
    "stackdump": {"records", "download"},
    "viewer": {"records", "review"},
    "merging": {"records", "quality"},
    "generation": {"records", "quality", "review"},
    "preferences": {"records", "quality", "review"},
    "judging": {"records", "review", "generation", "quality"},
}
PAGE = (ROOT / "docs" / "design.md").read_text("utf-8")
SCRIPTS = {path.stem: path for path in ROOT.glob("*.py")}
ABOVE = {*SCRIPTS, "examples", "sample", "benchmarks", "tests"}  # they use rooms, and no room uses them


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


ROOMS = {module_of(path): path for room in USES for path in sorted((ROOT / room).rglob("*.py"))}


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of all that a file imports: at its top, in functions, and for types only."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{path}:{node.lineno}: a relative import"
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def graph(paths: dict[str, Path]) -> dict[str, set[str]]:
    """The modules among `paths` that each of them imports; `from package import module` imports the module."""
    found = {}
    for name, path in paths.items():
        wholes = ((f"{module}.{what}", module) for module, what in imports(path))
        found[name] = {whole if whole in paths else module for whole, module in wholes} & paths.keys()
    return found


def room_of(module: str) -> str:
    return module.partition(".")[0]


def test_no_modules_import_each_other_in_a_circle():
    TopologicalSorter(graph(ROOMS | SCRIPTS)).prepare()  # raises CycleError with the modules of a circle


@pytest.mark.parametrize("room", USES)
def test_a_room_uses_the_rooms_of_the_table_and_nothing_above_them(room):
    used = {room_of(module) for name, path in ROOMS.items() if room_of(name) == room for module, _ in imports(path)}
    assert used & (USES.keys() | ABOVE) - {room} == USES[room]


def test_the_design_page_draws_the_same_arrows():
    drawn = re.findall(r"^ +(\w+) --> (\w+)$", PAGE, re.M)
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == {(room, used) for room, rooms in USES.items() for used in rooms}


def test_the_design_page_names_every_module():
    names = {path.name for path in ROOMS.values() if path.name != "__init__.py"} | {
        path.name for path in SCRIPTS.values()
    }
    assert names - set(re.findall(r"\w+\.py\b", PAGE)) == set()


def test_no_two_modules_have_the_same_file_name():
    names = Counter(path.name for path in ROOMS.values() if path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


def test_every_room_says_what_it_is_for():
    assert [
        room for room in USES if not ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text("utf-8")))
    ] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_imports_no_private_names(script):
    assert [what for _, what in imports(SCRIPTS[script]) if what.startswith("_")] == []


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_help_loads_no_slow_package(name):
    """--help answers in less than 0.15 s of CPU. Seconds depend on the machine; what takes them does not."""
    slow = {"bs4", "dask", "lxml", "numpy", "py7zr", "pyarrow", "tqdm", "torch", "transformers"}
    slow |= {"jinja2", "matplotlib", "phonenumbers", "rensa", "sklearn", "tokenizers"}
    if name not in {"get_conala", "get_hh_rlhf"}:  # which have the time for it
        slow.add("requests")
    code = f"""
import atexit, runpy, sys
atexit.register(lambda: print(sorted(sys.modules.keys() & {slow}), file=sys.stderr))
sys.argv = [{name!r}, "--help"]
runpy.run_path({str(SCRIPTS[name])!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
