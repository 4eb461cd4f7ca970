"""Uploads a data set to the Hugging Face hub, by its own client (huggingface_hub)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from merging.card import FILE_NAME as CARD
from merging.publishing import REPORT, digest_of, listed_files
from records.errors import InputError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

OF_THE_HUB = {".gitattributes"}  # in every repository
CARD_LINES_SHOWN = 40
NO_NAME = "--push: {!r} is not a name at the hub; give USER/NAME"
LOGIN = (
    "log in with `hf auth login`, or set HF_TOKEN to a token that may write (https://huggingface.co/settings/tokens)"
)


class Hub:
    """A data set's place at the hub. It is looked at before the work begins, and written to at the end."""

    def __init__(self, name: str, is_public: bool, is_confirmed: bool):
        """name: USER/NAME. is_confirmed: upload without asking.

        Raises InputError if huggingface_hub is missing, nobody is logged in, the hub does not answer, nobody could be
        asked, or the name has a data set there that is not of this project, or is private or public and `is_public`
        says otherwise.
        """
        self.name, self._is_public, self._is_confirmed = name, is_public, is_confirmed
        if not is_confirmed and not sys.stdin.isatty():
            raise InputError("--push asks before it uploads, and there is no terminal; give --yes")
        if "/" not in name:  # the client takes one word for a name too
            raise InputError(NO_NAME.format(name))
        self._api = _api()
        with self._errors():
            self._refuse_token_that_only_reads()
            self._earlier = self._earlier_files()

    def _refuse_token_that_only_reads(self) -> None:
        if self._api.whoami().get("auth", {}).get("accessToken", {}).get("role") == "read":
            raise InputError(f"--push: the token at hand may only read; {LOGIN}")

    def _earlier_files(self) -> set[str]:
        """The files that an earlier upload left there."""
        if not self._api.repo_exists(self.name, repo_type="dataset"):
            return set()
        there = self._api.repo_info(self.name, repo_type="dataset")
        if not there.private and not self._is_public:
            raise InputError(f"{self.name}: is public at the hub; give --public, or another name")
        if there.private and self._is_public:
            raise InputError(f"{self.name}: is private at the hub; leave out --public, or make it public there first")
        files = {file.rfilename for file in there.siblings or ()} - OF_THE_HUB
        if not files:
            return set()
        listed = listed_files(self._fetched(REPORT))[1] if REPORT in files else {}
        if not listed:
            raise InputError(f"{self.name}: holds files at the hub that no merge wrote; give another name")
        if CARD in files and digest_of(self._fetched(CARD)) != listed.get(CARD):
            raise InputError(
                f"{self.name}: its {CARD} was changed at the hub, and would be lost; keep a copy, then remove it there"
            )
        return files & {*listed, REPORT}

    def _fetched(self, file: str) -> Path:
        return Path(self._api.hf_hub_download(self.name, file, repo_type="dataset"))

    def upload(self, folder: Path) -> str | None:
        """Show the card, ask, upload what the folder's report lists, and remove what an earlier upload left.

        Returns the address, or None if the answer was no. Raises InputError if it fails; the folder is not changed.
        """
        files = {*json.loads((folder / REPORT).read_bytes())["files"], REPORT}
        if not self._is_confirmed and not self._asked(folder, files):
            return None
        with self._errors():
            self._api.create_repo(self.name, repo_type="dataset", private=not self._is_public, exist_ok=True)
            self._api.upload_folder(
                repo_id=self.name,
                repo_type="dataset",
                folder_path=folder,
                allow_patterns=sorted(files),
                delete_patterns=sorted(self._earlier - files),
                commit_message="Data set",
            )
        return f"{self._api.endpoint}/datasets/{self.name}"

    def _asked(self, folder: Path, files: set[str]) -> bool:
        """Whether the person at the terminal wants the upload, having seen the beginning of the card."""
        lines = (folder / CARD).read_text("utf-8").splitlines()
        print("\n".join(lines[:CARD_LINES_SHOWN]), file=sys.stderr)
        if len(lines) > CARD_LINES_SHOWN:
            print(f"... {len(lines) - CARD_LINES_SHOWN:,} more lines in {folder / CARD}", file=sys.stderr)
        size = sum((folder / name).stat().st_size for name in files)
        who = "for everybody" if self._is_public else "private"
        print(f"Upload {len(files):,} files, {size:,} bytes, as {self.name}, {who}? [y/N] ", end="", file=sys.stderr)
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns what the client raises into InputError, but for errors of local files, such as those of its cache."""
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, LocalTokenNotFoundError

        try:
            yield
        except LocalTokenNotFoundError:
            raise InputError(f"--push: nobody is logged in at the hub; {LOGIN}") from None
        except HFValidationError:
            raise InputError(NO_NAME.format(self.name)) from None
        except HfHubHTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            hint = f"; {LOGIN}" if status in (401, 403) else ""
            raise InputError(f"{self.name}: the hub refuses ({_first_line(error)}){hint}") from None
        except (HTTPError, OSError) as error:
            if getattr(error, "filename", None) is not None:
                raise
            raise InputError(f"{self.name}: the hub does not answer ({_first_line(error)}); try again later") from None
        except (ValueError, RuntimeError) as error:  # no such address, an answer that is no JSON, a failed large file
            reason = _first_line(error.__cause__ or error)
            raise InputError(f"{self.name}: no data set can be sent to {self._api.endpoint} ({reason})") from None


def _api() -> HfApi:
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.utils import disable_progress_bars
    except ImportError:
        raise InputError("--push needs huggingface_hub: pip install -r requirements/push.txt") from None
    except ValueError as error:  # it reads the address when it is imported
        raise InputError(f"--push: HF_ENDPOINT is not an address ({error})") from None
    if not sys.stderr.isatty():
        disable_progress_bars()
    return HfApi()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
