"""Records in an order drawn by a seed, in bounded memory, the same for the same records and seed.

Each record's place is a hash of the seed and its id. Records are put aside by the first bits of that hash, in memory
as long as they are few and in files beyond, and then sorted bucket after bucket.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import product
from pathlib import Path

import orjson

from instructions.records import Row
from instructions.script import InputError

BUCKET_DIGITS = 2  # hexadecimal: 256 buckets. One must fit into memory: 120 MB for 10 million records of 3 kB
BUFFER = 1 << 26  # bytes held back before they go to files


def shuffled(rows: Iterable[Row], seed: str, folder: Path) -> Iterator[Row]:
    """The rows in the order that `seed` draws; `folder` is for temporary files.

    Raises InputError where an id comes twice.
    """
    held: dict[str, list[bytes]] = {}
    size = 0
    with tempfile.TemporaryDirectory(prefix=".shuffle-", dir=folder) as scratch:
        for row in rows:
            key = blake2b(f"{seed}\n{row.record['id']}".encode(), digest_size=16).hexdigest()
            line = b"%s\t%s\t%s" % (key.encode(), row.place.encode("unicode_escape"), row.raw)
            held.setdefault(key[:BUCKET_DIGITS], []).append(line)
            size += len(line)
            if size > BUFFER:
                _put_aside(held, Path(scratch))
                size = 0
        for bucket in map("".join, product("0123456789abcdef", repeat=BUCKET_DIGITS)):
            lines = held.pop(bucket, [])
            file = Path(scratch, bucket)
            if file.exists():
                lines += file.read_bytes().split(b"\n")[:-1]
                file.unlink()
            yield from _in_order(lines)


def _put_aside(held: dict[str, list[bytes]], folder: Path) -> None:
    for bucket, lines in held.items():
        with (folder / bucket).open("ab") as out:
            out.write(b"\n".join(lines) + b"\n")
    held.clear()


def _in_order(lines: list[bytes]) -> Iterator[Row]:
    lines.sort()
    last_key, last_place = b"", ""
    for line in lines:
        key, place, raw = line.split(b"\t", 2)
        row = Row(orjson.loads(raw), raw, place.decode("unicode_escape"))
        if key == last_key:
            raise InputError(f"{row.place}: the id {row.record['id']} is also at {last_place}; give each record once")
        last_key, last_place = key, row.place
        yield row
