"""One version: of every script, in every report, and in the files that publish it."""

import json
import re
import tomllib

import pytest

from records.version import VERSION
from tests.conftest import ROOT, run_script

SCRIPTS = sorted(path.name for path in ROOT.glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_tells_its_version_in_one_line(script):
    assert run_script(script, "--version") == (0, f"{script} {VERSION}\n", "")


@pytest.mark.parametrize(("script", "flags"), [
    ("filter_for_score.py", "--min_answer_votes 1"),
    ("repair_answers.py", ""),
    ("filter_for_criteria.py", "--annotate"),
    ("filter_by_human.py", f"--judgement_file {ROOT}/sample/judgements/harbour.yaml"),
    ("merge_datasets.py", ""),
])  # fmt: skip
def test_a_report_tells_the_version(sample_records, tmp_path, script, flags):
    run = run_script(script, "--inputpath", sample_records, "--destpath", tmp_path / "out", *flags.split())
    assert run.status == 0, run.stderr
    [report] = [*tmp_path.glob("out.report.json"), *tmp_path.glob("out/report.json")]
    assert json.loads(report.read_bytes())["version"] == VERSION


@pytest.mark.parametrize("script", ["get_conala.py", "get_hh_rlhf.py"])
def test_the_report_of_another_source_tells_the_version(tmp_path, script):
    flags = ["--subset", "helpful"] if script == "get_hh_rlhf.py" else []
    run = run_script(script, "--inputpath", "sample/sources", "--destpath", tmp_path / "out.jsonl", *flags)
    assert run.status == 0, run.stderr
    assert json.loads((tmp_path / "out.jsonl.report.json").read_bytes())["version"] == VERSION


def test_the_report_of_a_site_tells_the_version(sample_records):
    assert json.loads(sample_records.with_name("report.json").read_bytes())["version"] == VERSION


def test_the_files_that_tell_of_the_version_are_in_step():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"] == VERSION
    assert re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.M) == [VERSION]
    released = re.findall(r"^## (\d.*) - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert released[0] == VERSION
