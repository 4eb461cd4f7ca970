"""The project's notebook: it has no outputs in the repository, and runs to its end as a user runs it."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from review.criteria import CRITERIA
from tests.conftest import ROOT, jsonl, record

NOTEBOOK = ROOT / "data_viewer.ipynb"
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def outputs(
    notebook: nbformat.NotebookNode, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[nbformat.NotebookNode]:
    """Run the notebook in a folder; returns the outputs of all cells."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(folder / ".ipython"))
    NotebookClient(
        notebook, kernel_name="python3", timeout=300, resources={"metadata": {"path": str(folder)}}
    ).execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_the_notebook_is_valid_and_has_no_outputs(notebook):
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_the_notebook_lists_the_criteria(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert all(f"\n{number}. " in text for number in CRITERIA)


def test_the_notebook_opens_the_demo_s_records(notebook, tmp_path, monkeypatch):
    data = tmp_path / "demo" / "filtered-stack-exchange" / "harbour.jsonl"
    data.parent.mkdir(parents=True)
    data.write_bytes(jsonl(record(1), record(2)))
    [shown] = outputs(notebook, tmp_path, monkeypatch)
    assert VIEW in shown.data
    progress = str(notebook.metadata.widgets)
    assert "record 1 of 2" in progress


def test_without_the_demo_the_notebook_says_what_to_type(notebook, tmp_path, monkeypatch):
    [printed] = outputs(notebook, tmp_path, monkeypatch)
    assert printed.text.count("\n") == 1
    assert "type `make demo`" in printed.text
