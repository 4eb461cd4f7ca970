"""What a Viewer is given. A mistake in it is one line in the notebook, as one in a file is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from records.errors import InputError

REVIEWER = re.compile(r"\w[\w-]*")  # a name that is a part of a file's name
LARGEST_SEED = 2**31 - 1
RECORDS = (".jsonl", ".gz", ".zst")  # endings of files of records

Paths = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Arguments:
    """The arguments of a Viewer, whatever they are until `check` is called; `disputes` and `models` are lists."""

    data_path: str | Path
    judgement_path: str | Path
    seed: int
    reviewer: str | None
    disputes: list[str | Path]
    models: list[str | Path]
    suggest: bool

    def check(self) -> None:
        """Raises InputError if one of them is not of its kind, or if `disputes` is a single file."""
        for name in ("data_path", "judgement_path"):
            _require_path(name, getattr(self, name))
        if str(self.judgement_path).endswith(RECORDS) or Path(self.judgement_path).is_dir():
            raise InputError(f"judgement_path={self.judgement_path!r}: give the path of a YAML file")
        for name in ("disputes", "models"):
            for path in getattr(self, name):
                _require_path(name, path)
        if not is_seed(self.seed):
            raise InputError(f"seed={self.seed!r}: give a whole number from 0 to {LARGEST_SEED}")
        if self.reviewer is not None and not (isinstance(self.reviewer, str) and REVIEWER.fullmatch(self.reviewer)):
            raise InputError(f"reviewer={self.reviewer!r}: give a name of letters, digits, `-` and `_`, such as ann")
        if not isinstance(self.suggest, bool):
            raise InputError(f"suggest={self.suggest!r}: give True or False")
        if len(self.disputes) == 1:
            raise InputError(f"disputes: {self.disputes[0]} alone differs from nobody; give two files or more")

    @property
    def own_path(self) -> Path:
        """The reviewer's judgement file: cstheory.ann.yaml beside cstheory.yaml for ann, as given without a name."""
        path = Path(self.judgement_path)
        return path.with_name(f"{path.stem}.{self.reviewer}{path.suffix}") if self.reviewer else path


def paths_of(paths: Any) -> list[Any]:
    """The paths of an argument that takes one or several, or None for none."""
    if paths is None:
        return []
    return [paths] if isinstance(paths, (str, bytes)) or not isinstance(paths, Iterable) else list(paths)


def is_seed(seed: Any) -> bool:
    return isinstance(seed, int) and 0 <= seed <= LARGEST_SEED


def _require_path(name: str, path: Any) -> None:
    if not isinstance(path, (str, os.PathLike)) or not str(path) or "\0" in str(path):
        raise InputError(f"{name}={path!r}: give the path of a file")
