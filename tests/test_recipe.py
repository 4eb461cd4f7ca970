"""The recipe of README.md, run as it is written there, on the sample site in place of a real one."""

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SITE, SAMPLE = "cstheory", "harbour"
WITHOUT_REVIEWER = {"jupyter", "filter_by_human.py"}


def recipe() -> list[list[str]]:
    """The commands of README.md's recipe, for the sample site."""
    text = (ROOT / "README.md").read_text("utf-8").partition("\n## A recipe\n")[2]
    [block] = re.findall(r"```\n(.*?)```", text.partition("\n## ")[0], re.S)
    lines = block.replace("\\\n", "").replace(SITE, SAMPLE).splitlines()
    commands = [shlex.split(line, comments=True) for line in lines]
    return [command[1:] if command[0] == "python" else command for command in commands]


@pytest.mark.parametrize("reviewed", [True, False], ids=["reviewed", "not reviewed"])
def test_the_recipe_makes_a_data_set(tmp_path, reviewed):
    (tmp_path / "judgements").mkdir()
    shutil.copy(ROOT / "sample" / "judgements" / "harbour.yaml", tmp_path / "judgements")
    sizes = []
    for script, *flags in recipe():
        if script == "jupyter" or (not reviewed and script in WITHOUT_REVIEWER):
            continue
        if script == "get_stackexchange.py":
            flags += ["--dump_path", str(ROOT / "sample")]
        if not reviewed:
            flags = [flag.replace(".accepted.", ".checked.") for flag in flags]
        command = [sys.executable, ROOT / script, *flags]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        sizes += [int(count) for count in re.findall(r"^ *records (?:read|kept) +([\d,]+)$", done.stderr, re.M)]
    assert sizes == sorted(sizes, reverse=True)  # each step reads what the one before wrote, and keeps no more
    folder = tmp_path / "dataset" / "chat_prompt_completion"
    rows = [json.loads(line) for path in folder.glob("*.jsonl") for line in path.open()]
    assert len(rows) == sizes[-1] > 5
    assert not any("](http" in message["content"] for row in rows for message in row["completion"])
