"""Plots of the lengths, scores and tags of a data set, as PNG files; the same numbers give the same bytes."""

from __future__ import annotations

import importlib.util
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from merging.statistics import Statistics
from records.errors import InputError
from records.script import tell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOLDER = "plots"
OWN_FONT = "DejaVu Sans"  # comes with matplotlib
LAST_RESORT = "Last Resort"  # so do fonts of such names, which have a box for every character
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
    import matplotlib
    from matplotlib.figure import Figure

    plots = {
        "length": (statistics.sources, _lengths),
        "score": (statistics.scores, _scores),
        "tags": (statistics.tags, _tags),
    }
    captions = {}
    (folder / FOLDER).mkdir()
    labels = "".join(_plain(label) for label in [*statistics.sources, *_most_frequent(statistics.tags)])
    families = fonts(labels)
    for name, (data, plot) in plots.items():
        if not data:
            continue
        with matplotlib.rc_context({"font.family": families}), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # missing ones were named
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
    most = _most_frequent(statistics.tags).items()
    axes.barh([_plain(tag) for tag, _ in most], [count for _, count in most])
    axes.invert_yaxis()
    axes.set(xlabel="records")


def _most_frequent(tags: Counter[str]) -> dict[str, int]:
    return dict(sorted(tags.items(), key=lambda item: (-item[1], item[0]))[:MOST_TAGS])


def fonts(labels: str) -> list[str]:
    """The names of fonts that together have all characters of the labels, in the order in which they are to be tried.

    The first is matplotlib's own, which has the Latin, Greek and Cyrillic ones; the others are the machine's. Says on
    stderr which characters none of them has.
    """
    from matplotlib import font_manager, ft2font

    every = font_manager.fontManager.ttflist
    installed = {font.name: font.fname for font in every if not font.name.startswith(LAST_RESORT)}
    chosen, missing = [], set(filter(str.isprintable, labels))
    for name in [OWN_FONT, *sorted(installed.keys() - {OWN_FONT})]:
        if not missing:
            break
        has = {character for character in missing if ord(character) in ft2font.FT2Font(installed[name]).get_charmap()}
        if has or name == OWN_FONT:
            chosen.append(name)
            missing -= has
    if missing:
        some = "".join(sorted(missing)[:10])
        tell(f"--plots: no installed font has {some}; boxes stand in their place (Debian: apt-get install fonts-noto)")
    return chosen


def _plain(text: str) -> str:
    """A label without TeX, and without the leading underscore that hides it from a legend."""
    return text.replace("$", r"\$").lstrip("_") or "-"
