"""Licences of records: their names, and which of them can be published together.

Names become SPDX identifiers (https://spdx.org/licenses), however they are written. Which licences are compatible is
stated in the licences themselves and in Creative Commons' chart (https://creativecommons.org/faq, "Can I combine
material under different Creative Commons licenses in my work?"):

* CC BY-SA: adaptations are under CC BY-SA again, of the same or a later version (4(b) of 2.5 and 3.0, 3(b) of 4.0), and
  nobody may add terms (4(a), 2(a)(5)). So it cannot be in one data set with material that is for non-commercial use
  only, may not be changed, or is under another copyleft.
* MIT, Apache, BSD, CC0, CC BY and ODC-By are compatible with all of these.
* OpenRAIL, Llama and Gemma are licences of models. They claim no rights in what the model writes, but have rules on its
  use, which a card has to state.

Whether a model's licence binds what the model writes is disputed; here it does. This is a check against mistakes, not
legal advice.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from records.errors import InputError
from records.record import RecordLine

PERMISSIVE = ("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ODC-By-1.0", "Unlicense")
SPELLINGS = {
    "mit-license": "MIT",
    "apache": "Apache-2.0",
    "apache-license-2.0": "Apache-2.0",
    "cc0": "CC0-1.0",
    "public-domain": "CC0-1.0",
    "odc-by": "ODC-By-1.0",
}

LICENSES_OF_POSTS = ("question_license", "answer_license")  # in a record's meta
LICENSES_OF_PAIR = ("question_license", "chosen_license", "rejected_license")

_BETWEEN_WORDS = re.compile(r"[\s_/-]+")
_CREATIVE_COMMONS = re.compile(r".*\b(?:cc|licenses)-by((?:-(?:nc|nd|sa))*)(?:-(\d\.\d))?(?:-.*)?")
_RULES_OF_USE = re.compile(r".*(rail|llama|gemma).*")
_OTHER_COPYLEFT = re.compile(r"a?l?gpl.*|gnu-.*|odbl.*")


class License(NamedTuple):
    """A licence, and the properties that matter here."""

    name: str  # the SPDX identifier, without a version if none is given; as it was written if unknown
    hub_name: str  # of https://huggingface.co/docs/hub/repositories-licenses
    known: bool = True
    attribution: bool = False  # asks to name the author of each work
    share_alike: bool = False  # CC BY-SA
    forbids: str = ""  # what makes it incompatible with CC BY-SA; "" for nothing
    has_rules: bool = False  # on how the work is used


@cache
def license_named(name: str) -> License:
    """A licence by its name as records write it: "CC BY-SA 4.0", "cc-by-sa-4.0", "MIT", the address of its text, .."""
    plain = _BETWEEN_WORDS.sub("-", name.strip().casefold())
    if creative_commons := _CREATIVE_COMMONS.fullmatch(plain):
        return _creative_commons(creative_commons[1], creative_commons[2])
    for known in PERMISSIVE:
        if plain == known.casefold() or SPELLINGS.get(plain) == known:
            return License(known, "odc-by" if known == "ODC-By-1.0" else known.casefold())
    if _RULES_OF_USE.fullmatch(plain):
        return License(name, plain, has_rules=True)
    if _OTHER_COPYLEFT.fullmatch(plain):
        return License(name, "other", forbids="is another copyleft")
    return License(name, "other", known=False)


def _creative_commons(elements: str, version: str | None) -> License:
    name = f"CC-BY{elements.upper()}" + (f"-{version}" if version else "")
    forbids = "allows no changes" if "nd" in elements else "is for non-commercial use only" if "nc" in elements else ""
    return License(
        name,
        f"cc-by{elements}-{version or '4.0'}",
        attribution=True,
        share_alike=elements == "-sa",
        forbids=forbids,
    )


def own_licenses(row: RecordLine) -> tuple[str, ...]:
    """The licences of a record as they are written: `license`, or `question_license` and `answer_license`.

    A pair of answers has `question_license`, `chosen_license` and `rejected_license`.

    Raises InputError if it has none.
    """
    meta = row.record["meta"]
    license = meta.get("license")
    parts = LICENSES_OF_PAIR if LICENSES_OF_PAIR[-1] in meta else LICENSES_OF_POSTS
    names = (license,) if license else tuple(map(meta.get, parts))
    for name in names:
        if not isinstance(name, str) or not name.strip():
            hint = "give it meta.license, or meta.question_license and meta.answer_license"
            raise InputError(f"{row.place}: has no licence; {hint}")
    return names


def licenses_of(row: RecordLine) -> tuple[str, ...]:
    """The same, and `model_license`, the licence of the model that wrote the record, if there is one."""
    own, model = own_licenses(row), row.record["meta"].get("model_license")
    return (*own, model) if isinstance(model, str) and model.strip() else own


@cache
def ask_for_attribution(names: tuple[str, ...]) -> bool:
    """Whether one of these licences asks to name the author."""
    return any(license_named(name).attribution for name in names)


class Terms:
    """The licences that a data set is under, each with the source that it was first seen in."""

    def __init__(self, allow_conflict: bool = False):
        self._allow_conflict = allow_conflict
        self._seen: set[tuple[str, ...]] = set()
        self._first: dict[License, str] = {}

    def add(self, names: tuple[str, ...], row: RecordLine) -> None:
        """Add the licences of a record. Raises InputError if they are incompatible with those of earlier records."""
        if names in self._seen:
            return
        self._seen.add(names)
        for license in map(license_named, names):
            self._first.setdefault(license, row.record["source"])
        if not self._allow_conflict and (conflict := self.conflict()):
            raise InputError(
                f"{row.place}: {conflict}; make separate data sets of these sources, or give "
                "--allow_license_conflict for one that you do not publish"
            )

    def conflict(self) -> str:
        """The first two licences that are incompatible, "" if there are none."""
        for alike in self._first:
            for other in self._first:
                if alike.share_alike and other.forbids:
                    return (
                        f"{other.name} of {self._first[other]} {other.forbids}, "
                        f"and {alike.name} of {self._first[alike]} does not allow that"
                    )
        return ""

    def unknown(self) -> list[str]:
        """Licences that this check does not know."""
        return sorted(license.name for license in self._first if not license.known)

    def cautions(self) -> list[str]:
        """What to look at before the data set is published."""
        lines = [f"{conflict}; this data set is not to be published" if (conflict := self.conflict()) else ""]
        lines += [
            f"{license.name} of {source} has rules on the use of what the model wrote; tell them where you publish"
            for license, source in self._first.items()
            if license.has_rules
        ]
        lines += [f"nothing is known here of the licence {name}; read it before you publish" for name in self.unknown()]
        return list(filter(None, lines))

    def hub_names(self) -> list[str]:
        """The licences of the data set as a whole, as its card gives them to the hub.

        CC BY-SA of any version comes out as CC BY-SA 4.0, the later version that all of them allow.
        """
        names = {license.hub_name for license in self._first}
        if self.conflict() or "other" in names:
            return ["other"]
        if any(license.share_alike for license in self._first):
            return ["cc-by-sa-4.0"]
        return sorted(names) or ["unknown"]
