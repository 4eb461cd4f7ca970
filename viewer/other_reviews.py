"""What others say of the records: reviewers who differ, and models."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from html import escape
from pathlib import Path

from records.errors import InputError
from review.agreement import Review, differing, reviews_of
from review.judgements import load_judgement_files, record_id_of
from viewer.controls import judgement_html

REVIEWER = re.compile(r"\w[\w-]*")  # a name that is a part of a file's name


def own_file(path: Path, reviewer: str | None) -> Path:
    """The judgement file of a reviewer: cstheory.ann.yaml beside cstheory.yaml for ann, `path` itself without a name.

    Raises InputError if the name cannot be a part of a file's name.
    """
    if reviewer is None:
        return path
    if not REVIEWER.fullmatch(reviewer):
        raise InputError(f"reviewer={reviewer!r}: give a name of letters, digits, `-` and `_`, such as ann")
    return path.with_name(f"{path.stem}.{reviewer}{path.suffix}")


class OtherReviews:
    """The reviews of others by record id: all that is in dispute, and all that models say."""

    def __init__(self, disputes: Collection[str | Path], models: Collection[str | Path], own: Path):
        """Reads the judgement files; `own` is the reviewer's.

        Raises InputError if one of them is missing, invalid, or `own`, and if there is only one in `disputes`.
        """
        for path in [*disputes, *models]:
            if os.path.realpath(path) == os.path.realpath(own):
                raise InputError(f"{path}: is the file to write to as well; give your judgements a file of their own")
        if len(disputes) == 1:
            raise InputError(f"disputes: {next(iter(disputes))} alone differs from nobody; give two files or more")
        self.in_dispute = differing(_read(disputes))
        self._by_models = _read(models)
        self._names = _names([*disputes, *models])

    def of_models(self, record_id: str) -> Collection[Review]:
        return self._by_models.get(record_id_of(record_id), [])

    def html(self, record_id: str, *, models: bool) -> str:
        """The judgements and notes of a record as a list; `models`: with those of the models."""
        reviews = [*self.in_dispute.get(record_id_of(record_id), []), *(self.of_models(record_id) if models else [])]
        items = (
            f"<li><b>{escape(self._names[each.file])}</b> {judgement_html(each.judgement)}</li>" for each in reviews
        )
        return f"<ul>{''.join(items)}</ul>" if reviews else ""


def _read(paths: Iterable[str | Path]) -> Mapping[str, Collection[Review]]:
    return reviews_of(load_judgement_files(map(str, paths)))


def _names(paths: Iterable[str | Path]) -> dict[str, str]:
    """What to call the author of each file: the file's name without its ending, or its path if two have one name."""
    stems = Counter(Path(path).stem for path in set(paths))
    return {str(path): Path(path).stem if stems[Path(path).stem] == 1 else str(path) for path in paths}
