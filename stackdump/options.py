"""What a run of step 1 is asked to do with its sites, and where each site's files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upath import UPath

DEFAULT_URL = "https://archive.org"

# Where the Markdown comes from: ours, made of the posts' HTML, or the authors' own, from PostHistory.xml.
BODY_SOURCES = ("html", "history")

COMPRESSIONS = ("zst",)  # endings of files of records


@dataclass(frozen=True)
class Options:
    """The flags of get_stackexchange.py that concern the conversion, under the same names.

    dump_path: the inputs, none for an item at archive.org. tmpdir: None for a folder in the site's, if `destdir` is
    local. workers: processes, and sites converted side by side.
    """

    destdir: Path | UPath
    dump_path: tuple[Path | UPath, ...] = ()
    tmpdir: Path | None = None
    workers: int = 1
    scheduler: str | None = None
    authors: bool = True
    body_source: str = "html"  # one of BODY_SOURCES
    keep_nbsp: bool = False
    keep_suspects: bool = False
    keep_archive: bool = False
    compress: str | None = None  # one of COMPRESSIONS
    force: bool = False
    ignore_disk_space: bool = False

    def records_file(self, folder: str) -> Path | UPath:
        """The records of the site with this folder name."""
        return self.destdir / folder / records_name(self.compress)

    def other_records_files(self, folder: str) -> list[Path | UPath]:
        """Where a run with another --compress writes these records."""
        return [self.destdir / folder / records_name(each) for each in (None, *COMPRESSIONS) if each != self.compress]

    def report_file(self, folder: str) -> Path | UPath:
        return self.destdir / folder / "report.json"

    def work_folder(self, folder: str) -> Path:
        """Where the site's downloads and temporary files are, until it is complete."""
        if self.tmpdir:
            return self.tmpdir / f"get_stackexchange-{folder}"
        assert isinstance(self.destdir, Path)
        return self.destdir / folder / ".work"

    def reported(self) -> dict[str, bool | str]:
        """The options on which the records depend, for the report."""
        # A report from before there was --keep_suspects means the same as one without it.
        suspects = {"keep_suspects": True} if self.keep_suspects else {}
        return {"authors": self.authors, "body_source": self.body_source, "keep_nbsp": self.keep_nbsp, **suspects}


def records_name(compress: str | None) -> str:
    return f"unfiltered.jsonl.{compress}" if compress else "unfiltered.jsonl"
