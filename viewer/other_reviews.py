"""What others say of the records: reviewers who differ, and models."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from records.errors import InputError
from review.agreement import disputes, reviews_of
from review.judgements import Judgement, load_judgement_files, record_id_of
from viewer.controls import judgement_html
from viewer.difference import correction_html


class Said(NamedTuple):
    """A judgement, and what to call the one who made it."""

    name: str
    judgement: Judgement


class OtherReviews:
    """The reviews of others by record id: all that is in dispute, and all that models say."""

    def __init__(self, disputing: Collection[str | Path], models: Collection[str | Path], own: Path):
        """Reads the judgement files of reviewers and of models; `own` is the reviewer's.

        Raises InputError if one of them is missing, invalid, given twice, or `own`, and if a reviewer is a model.
        """
        for path in [*disputing, *models]:
            if os.path.realpath(path) == os.path.realpath(own):
                raise InputError(f"{path}: is the file to write to as well; give your judgements a file of their own")
        files = load_judgement_files(map(str, [*disputing, *models]))
        names = _names(files)
        reviewers = {str(path): files[str(path)] for path in disputing}
        for path, judgements in reviewers.items():
            if judgements and all(judgement.model for judgement in judgements.values()):
                raise InputError(f"disputes: {path} has judgements by models alone; give it as models={path!r}")
        self.in_dispute = {
            record_id: [Said(names[file], judgement) for file, judgement in of_record]
            for record_id, of_record in disputes(reviews_of(reviewers)).items()
        }
        self._by_models: dict[str, list[Said]] = {}
        for file, judgements in files.items():
            for record_id, judgement in judgements.items():
                if file not in reviewers:
                    self._by_models.setdefault(record_id, []).append(Said(names[file], judgement))
                elif judgement.model:
                    self._by_models.setdefault(record_id, []).append(Said(judgement.model, judgement))

    def of_models(self, record_id: str) -> list[Said]:
        return self._by_models.get(record_id_of(record_id), [])

    def of_reviewers(self, record_id: str) -> list[Said]:
        """What the reviewers say of a record in dispute; nothing of others."""
        return self.in_dispute.get(record_id_of(record_id), [])


def reviews_html(said: Iterable[Said], record: dict[str, Any]) -> str:
    """Judgements of a record as a list, each with its note and its correction."""
    items = [
        f"<li><b>{escape(name)}</b> {judgement_html(judgement)}{correction_html(judgement, record['response'])}</li>"
        for name, judgement in said
    ]
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _names(paths: Collection[str]) -> dict[str, str]:
    """What to call the author of each file: the file's name without its ending, or its path if two have one name."""
    stems = Counter(Path(path).stem for path in paths)
    return {path: Path(path).stem if stems[Path(path).stem] == 1 else path for path in paths}
