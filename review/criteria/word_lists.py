"""The lists of words/, one entry a line: in files of their own, to be read and added to without reading code."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "words"


def entries(name: str) -> list[str]:
    """The entries of words/<name>.txt, in the file's order; blank lines and lines that begin with # are comments."""
    lines = (FOLDER / f"{name}.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def any_of(name: str) -> str:
    """A pattern for any entry of words/<name>.txt, each of which is a regular expression."""
    return f"(?:{'|'.join(entries(name))})"
