"""The README holds: its transcripts are what the commands print, and it names every script and flag that there is."""

import re
import shlex
import subprocess
import sys

import pytest

from review.criteria import CRITERIA
from review.judgements.judgement_reading import CRITERIA as JUDGEABLE
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")
SCRIPTS = sorted(path.name for path in ROOT.glob("*.py"))
CONSOLE = re.findall(r"```console\n(.*?)```", README, re.S)


def test_transcripts_are_what_the_commands_print(tmp_path):
    (tmp_path / "sample").symlink_to(ROOT / "sample")
    assert len(CONSOLE) >= 4
    for block in CONSOLE:
        command, _, expected = block.partition("\n")
        program, script, *args = shlex.split(command.removeprefix("$ "))
        assert program == "python"
        run = subprocess.run(
            [sys.executable, ROOT / script, *args], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        assert run.stdout + run.stderr == expected


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_in_the_readme_and_its_help_shows_a_command(script):
    assert f"`{script}`" in README
    shown = subprocess.run(
        [sys.executable, ROOT / script, "--help"], capture_output=True, text=True, check=False
    ).stdout
    assert f"python {script} --" in shown


def test_every_flag_that_the_readme_names_exists():
    scripts = "".join(
        (ROOT / file).read_text("utf-8") for file in [*SCRIPTS, "records/script.py", "generation/models.py"]
    )
    flags = set(re.findall(r"--[a-z_]+\b", README)) - {
        "--help",
        "--nworkers",
        "--nthreads",
        "--cap",
        "--security",
    }  # Dask's, Docker's
    assert len(flags) > 20
    assert {flag for flag in flags if f'"{flag}"' not in scripts} == set()


def test_the_criteria_are_the_same_seven_everywhere():
    section = README.partition("seven\ncriteria")[2].partition("The judgement file")[0]
    assert re.findall(r"^(\d)\. ", section, re.M) == list(JUDGEABLE) == [str(number) for number in CRITERIA]
