"""The flags of the scripts that write a data set, as far as they are the same."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from merging.hub import Hub


def add_folder_flags(parser: argparse.ArgumentParser, default: str, choice: str) -> None:
    """Add --destpath and --seed. choice: what is chosen at random."""
    add = parser.add_argument
    add(
        "--destpath",
        "--destdir",
        type=_folder,
        default=Path(default),
        metavar="DIR",
        help="a folder, replaced as a whole; files that were not written by this script stay in it (default: "
        f"{default})",
    )
    add("--seed", type=int, default=0, metavar="N", help=f"for the shuffle and the choice of {choice} (default: 0)")


def valid_text(value: str) -> str:
    """The type of a flag whose text is written into files."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{value!r} is not UTF-8") from None
    return value


def _folder(value: str) -> Path:
    if any(sign in value for sign in "*?["):
        raise argparse.ArgumentTypeError(f"{value!r}: load_dataset takes *, ? and [ for patterns; give another name")
    return Path(value)


def add_split_flag(add: Any) -> None:
    """Add --split by a parser's or a group's `add_argument`."""
    add(
        "--split",
        nargs="+",
        default=["train:1"],
        metavar="NAME:SHARE",
        help="splits and each one's share of the questions, such as train:0.98 validation:0.02 (default: train:1)",
    )


def add_publishing_flags(parser: argparse.ArgumentParser, title: str) -> None:
    """Add --title, --languages, --allow_license_conflict, --push, --public and --yes."""
    add = parser.add_argument_group("publishing").add_argument
    add("--title", type=valid_text, default=title, metavar="TEXT", help=f"of the card (default: {title})")
    add("--languages", type=valid_text, nargs="+", default=["en"], metavar="CODE", help="of the card (default: en)")
    add(
        "--allow_license_conflict",
        action="store_true",
        help="go on if licences forbid each other; the data set must not be published",
    )
    add(
        "--push",
        metavar="USER/NAME",
        help="at the end, show the card, ask, and upload the data set to the Hugging Face hub under this name; needs "
        "requirements/push.txt",
    )
    add("--public", action="store_true", help="with --push: for everybody to see (default: private)")
    add("--yes", action="store_true", help="with --push: upload without asking")


def refuse_publishing_contradictions(flags: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    if (flags.public or flags.yes) and not flags.push:
        parser.error("--public and --yes do nothing without --push")
    if flags.push and flags.allow_license_conflict:
        parser.error("--push publishes, which --allow_license_conflict forbids")


def hub_of(flags: argparse.Namespace) -> Hub | None:
    """Where --push uploads to, None without it. Raises InputError as `Hub` does."""
    return Hub(flags.push, flags.public, flags.yes) if flags.push else None


def push(hub: Hub | None, folder: Path) -> None:
    """Upload a complete data set, and print what became of it."""
    if hub:
        address = hub.upload(folder)
        print(f"uploaded to {address}" if address else f"not uploaded; it is in {folder}", file=sys.stderr)
