"""A judgement file that a run may write again: its first line has the digest of the rest, so that an edit shows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from records.errors import InputError
from records.file_io import STANDARD_STREAM, open_output
from review.judgements import Judgement
from review.judgements.judgement_entry import new_entry

FIRST_LINE = b"# judge_with_model.py wrote this file, and replaces it only unchanged: %b\n"
SIGNATURE = re.compile(re.escape(FIRST_LINE).replace(b"%b", b"([0-9a-f]{32})"))


def require_replaceable(path: str) -> None:
    """Raise InputError if a file is there that no run wrote, or that was changed since."""
    if path == STANDARD_STREAM:
        return
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return
    signature = SIGNATURE.match(data)
    if data and not (signature and signature[1] == _digest(data[signature.end() :])):
        raise InputError(f"{path}: has judgements of a person, or was changed since a model's; give another --destpath")


def write_signed(path: str, judgements: Mapping[str, Judgement]) -> None:
    """Write the judgements by record id; raises InputError like require_replaceable."""
    body = "".join(f"{new_entry(record_id, judgement)}\n" for record_id, judgement in judgements.items()).encode()
    with open_output(path) as out:
        out.write(FIRST_LINE % _digest(body))
        out.write(body)
        require_replaceable(path)  # somebody may have judged during the run


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).hexdigest().encode()
