"""Plots of the lengths, scores and tags of a data set, as PNG files; the same numbers give the same bytes."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from merging.statistics import Statistics
from records.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOLDER = "plots"
HIGHEST_SCORE = 100  # higher scores are drawn as this one
MOST_TAGS = 20
CAPTIONS = {
    "length": "Responses by length and source",
    "score": f"Answers by score; those above {HIGHEST_SCORE} as {HIGHEST_SCORE}",
    "tags": f"The {MOST_TAGS} most frequent tags",
}


def require_matplotlib() -> None:
    """Raises InputError if matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("--plots needs matplotlib: pip install -r requirements/plots.txt")


def draw(statistics: Statistics, folder: Path) -> dict[str, str]:
    """Write the plots into `folder`/plots, without those that would be empty.

    Returns their captions by path relative to `folder`.
    """
    from matplotlib.figure import Figure

    plots = {
        "length": (statistics.sources, _lengths),
        "score": (statistics.scores, _scores),
        "tags": (statistics.tags, _tags),
    }
    captions = {}
    (folder / FOLDER).mkdir()
    for name, (data, plot) in plots.items():
        if data:
            figure = Figure(figsize=(8, 4.5), layout="constrained")
            axes = figure.subplots()
            plot(axes, statistics)
            axes.set_title(CAPTIONS[name])
            # without the name and version of the software, which would change the bytes
            figure.savefig(folder / FOLDER / f"{name}.png", dpi=100, metadata={"Software": None})
            captions[f"{FOLDER}/{name}.png"] = CAPTIONS[name]
    return captions


def _lengths(axes: Axes, statistics: Statistics) -> None:
    lengths = [octave for numbers in statistics.sources.values() for octave in numbers.lengths]
    octaves = range(min(lengths), max(lengths) + 1)
    below = [0] * len(octaves)
    for source, numbers in statistics.by_source():
        counts = [numbers.lengths[octave] for octave in octaves]
        axes.bar(octaves, counts, bottom=below, label=_plain(source), width=0.9)
        below = [a + b for a, b in zip(below, counts, strict=True)]
    axes.set_xticks(octaves, [f"{1 << octave:,}" for octave in octaves], rotation=45, ha="right")
    axes.set(xlabel="characters of the response, from .. to twice as many", ylabel="records")
    axes.legend()


def _scores(axes: Axes, statistics: Statistics) -> None:
    counts = Counter[int]()
    for score, count in statistics.scores.items():
        counts[min(score, HIGHEST_SCORE)] += count
    axes.hist(list(counts), bins=min(50, len(counts)), weights=list(counts.values()))
    axes.set(xlabel="score of the answer", ylabel="records")


def _tags(axes: Axes, statistics: Statistics) -> None:
    most = sorted(statistics.tags.items(), key=lambda item: (-item[1], item[0]))[:MOST_TAGS]
    axes.barh([_plain(tag) for tag, _ in most], [count for _, count in most])
    axes.invert_yaxis()
    axes.set(xlabel="records")


def _plain(text: str) -> str:
    """A label without TeX, and without the leading underscore that hides it from a legend."""
    return text.replace("$", r"\$").lstrip("_") or "-"
