"""The documentation is right: transcripts are what the commands print, links, scripts and flags exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from review.criteria import CRITERIA
from review.judgements.judgement import CRITERIA as JUDGEABLE
from tests.conftest import ROOT
from viewer.controls import IN_SHORT

README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SCRIPTS = sorted(path.name for path in ROOT.glob("*.py"))
TOOLS_FLAGS = {
    "--help",
    "--version",
    "--nworkers",
    "--nthreads",
    "--cap",
    "--security",
}  # everybody's; Dask's, Docker's
# The pages in the order of the steps, for a transcript reads what those before it wrote.
IN_ORDER = (
    "README",
    "get_stackexchange",
    "filter_for_score",
    "repair_answers",
    "filter_for_criteria",
    "review",
    "other_sources",
    "merging",
    "training",
    "preferences",
)


def page(name: str) -> str:
    return (ROOT / "README.md" if name == "README" else ROOT / "docs" / f"{name}.md").read_text("utf-8")


def transcripts(text: str) -> list[str]:
    return re.findall(r"```console\n(.*?)```", text, re.S)


def anchors(text: str) -> set[str]:
    """The addresses of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to type the commands in."""
    path = tmp_path_factory.mktemp("docs")
    (path / "sample").symlink_to(ROOT / "sample")
    return path


@pytest.mark.parametrize("name", IN_ORDER)
def test_transcripts_are_what_the_commands_print(folder, name):
    """A line of three dots in a transcript stands for any number of lines."""
    blocks = transcripts(page(name))
    assert blocks
    for block in blocks:
        command, _, expected = block.partition("\n")
        program, script, *args = shlex.split(command.removeprefix("$ "))
        assert program == "python"
        run = subprocess.run(
            [sys.executable, ROOT / script, *args], cwd=folder, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        pattern = re.escape(expected).replace(re.escape("...\n"), r"(?:.*\n)*?")
        assert re.fullmatch(pattern, run.stdout + run.stderr), run.stdout + run.stderr


def test_every_page_with_transcripts_is_run():
    assert {path.stem for path in PAGES if transcripts(path.read_text("utf-8"))} == set(IN_ORDER)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_to_a_file_and_a_heading(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked.read_text("utf-8")), target


def test_the_readme_fits_one_sitting_and_links_every_page():
    assert README.count("\n") < 200
    linked = set(re.findall(r"\]\(docs/([\w.]+)", README))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= linked


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_every_page_says_whom_it_is_for(path):
    title, _, rest = path.read_text("utf-8").partition("\n\n")
    assert title.startswith("# ") and rest.startswith("This page is for ")


def test_pictures_are_small():
    for path in (ROOT / "docs" / "img").iterdir():
        assert path.stat().st_size < 200_000, path


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_in_the_readme_and_its_help_shows_a_command(script):
    assert f"`{script}`" in README
    shown = subprocess.run(
        [sys.executable, ROOT / script, "--help"], capture_output=True, text=True, check=False
    ).stdout
    assert f"python {script} --" in shown


def test_every_flag_that_the_documentation_names_exists():
    files = [path for folder in (".", "generation", "merging", "examples") for path in (ROOT / folder).glob("*.py")]
    code = "".join(path.read_text("utf-8") for path in files)
    text = "".join(path.read_text("utf-8") for path in PAGES if path.name != "CONTRIBUTING.md")
    flags = set(re.findall(r"--[a-z_]+\b", text)) - TOOLS_FLAGS
    assert len(flags) > 50
    assert {flag for flag in flags if f'"{flag}"' not in code} == set()


def test_the_criteria_are_the_same_seven_everywhere():
    section = page("review").partition("## The criteria")[2].partition("## The viewer")[0]
    assert re.findall(r"^(\d)\. ", section, re.M) == list(JUDGEABLE) == [str(number) for number in CRITERIA]
    assert IN_SHORT.keys() == CRITERIA.keys()


def literal_parts(message: str) -> list[str]:
    """What of a quoted message is the same each time: without numbers, names and what two dots stand for."""
    return [part for part in re.split(r"\.\.|[;,]|[\d.]*\d|\S*[/:]\S*|[`']", message) if len(part.strip()) >= 10]


@pytest.mark.parametrize("name", ["troubleshooting", "cluster"])
def test_messages_that_the_documentation_explains_are_in_the_code(name):
    files = [*ROOT.glob("*.py"), *(path for room in ROOT.iterdir() if room.is_dir() for path in room.rglob("*.py"))]
    ours = [path for path in files if path.relative_to(ROOT).parts[0] not in (".venv", "tests", "benchmarks", "build")]
    code = " ".join(re.sub(r'"\s*f?"', "", path.read_text("utf-8")) for path in ours)
    rows = re.findall(r"^\| (`.*?`) \|", page(name), re.M)
    assert len(rows) > 5
    for row in rows:
        for message in re.findall(r"`(.*?)`", row):
            for part in literal_parts(message):
                assert part.strip() in code, message
