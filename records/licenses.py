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
    "the-mit-license": "MIT",
    "apache": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "apache-license-2.0": "Apache-2.0",
    "apache-license,-version-2.0": "Apache-2.0",
    "cc0": "CC0-1.0",
    "public-domain": "CC0-1.0",
    "odc-by": "ODC-By-1.0",
}
NO_CHANGES = "allows no changes"

LICENSES_OF_POSTS = ("question_license", "answer_license")  # in a record's meta
LICENSES_OF_PAIR = ("question_license", "chosen_license", "rejected_license")
# The identifiers at https://huggingface.co/docs/hub/repositories-licenses, but for `cc`, `other` and `unknown`.
HUB_NAMES = frozenset(
    """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m
    afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc0-1.0 cc-by-2.0 cc-by-2.5
    cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
    cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl
    lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl mpl-2.0 odc-by odbl openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib
    pddl lgpl-lr deepfloyd-if-license llama2 llama3 llama3.1 llama3.2 llama3.3 gemma
    """.split()
)
ADDRESSES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "llama2": "https://ai.meta.com/llama/license/",
    "llama3": "https://www.llama.com/llama3/license/",
    "llama3.1": "https://www.llama.com/llama3_1/license/",
    "llama3.2": "https://www.llama.com/llama3_2/license/",
    "llama3.3": "https://www.llama.com/llama3_3/license/",
    "gemma": "https://ai.google.dev/gemma/terms",
    "odbl": "https://opendatacommons.org/licenses/odbl/",
    "gfdl": "https://www.gnu.org/licenses/fdl.html",
}

_BETWEEN_WORDS = re.compile(r"[\s_/()-]+")
_CREATIVE_COMMONS = re.compile(r".*\b(?:cc|licenses)-by((?:-(?:nc|nd|sa))*)(?:-(\d\.\d))?(?:-.*)?")
_RULES_OF_USE = re.compile(r".*(rail|llama|gemma).*")
_OTHER_COPYLEFT = re.compile(r"a?l?gpl.*|gnu-.*|gfdl.*|odbl.*")
_SHORT = {  # for the words of Creative Commons' long names
    "creative-commons-attribution": "cc-by",
    r"non-?commercial": "nc",
    r"share-?alike": "sa",
    r"no-?deriv(?:ative)?s": "nd",
}
_LLAMA = re.compile(r".*llama-?(\d(?:\.\d)?).*")
_GPL = re.compile(r"([al]?gpl)(?:-?v?(\d)(?:\.(\d))?)?.*")


class License(NamedTuple):
    """A licence, and the properties that matter here."""

    name: str  # the SPDX identifier, without a version if none is given; as it was written if unknown
    hub_name: str  # one of HUB_NAMES, "other" if it has none there
    known: bool = True
    attribution: bool = False  # asks to name the author of each work
    share_alike: bool = False  # CC BY-SA
    forbids: str = ""  # what makes it incompatible with CC BY-SA; "" for nothing
    has_rules: bool = False  # on how the work is used
    address: str = ""  # of its text, "" if it is not known


@cache
def license_named(name: str) -> License:
    """A licence by its name as records write it: "CC BY-SA 4.0", "cc-by-sa-4.0", "MIT", the address of its text, .."""
    plain = _BETWEEN_WORDS.sub("-", name.casefold()).strip("-")
    if plain.startswith("creative-commons"):
        for words, short in _SHORT.items():
            plain = re.sub(words, short, plain)
    if creative_commons := _CREATIVE_COMMONS.fullmatch(plain):
        return _creative_commons(creative_commons[1], creative_commons[2])
    for known in PERMISSIVE:
        if plain == known.casefold() or SPELLINGS.get(plain) == known:
            hub_name = "odc-by" if known == "ODC-By-1.0" else known.casefold()
            return License(known, hub_name, address=ADDRESSES.get(known, f"https://spdx.org/licenses/{known}.html"))
    hub_name = _hub_name(plain)
    address = ADDRESSES.get(hub_name, "")
    if _RULES_OF_USE.fullmatch(plain):
        return License(name, hub_name, has_rules=True, address=address)
    if _OTHER_COPYLEFT.fullmatch(plain):
        return License(name, hub_name, forbids="is another copyleft", address=address or _gnu_address(hub_name))
    return License(name, hub_name, known=False, address=address)


def _hub_name(plain: str) -> str:
    """The hub's identifier of a licence that is neither Creative Commons nor permissive, "other" if it has none."""
    if llama := _LLAMA.fullmatch(plain):
        plain = f"llama{llama[1].removesuffix('.0')}"
    elif "gemma" in plain:
        plain = "gemma"
    elif gpl := _GPL.fullmatch(plain):
        family, major, minor = gpl.groups()
        plain = next((name for name in (f"{family}-{major}.{minor or 0}", family) if name in HUB_NAMES), "other")
    elif plain.startswith("odbl"):
        plain = "odbl"
    return plain if plain in HUB_NAMES else "other"


def _gnu_address(hub_name: str) -> str:
    return f"https://www.gnu.org/licenses/{hub_name}.html" if "gpl" in hub_name else ""


def _creative_commons(elements: str, version: str | None) -> License:
    name = f"CC-BY{elements.upper()}" + (f"-{version}" if version else "")
    forbids = NO_CHANGES if "nd" in elements else "is for non-commercial use only" if "nc" in elements else ""
    hub_name = f"cc-by{elements}-{version or '4.0'}"
    return License(
        name,
        hub_name if hub_name in HUB_NAMES else "other",
        attribution=True,
        share_alike=elements == "-sa",
        forbids=forbids,
        # without a version, the page that lists them
        address=f"https://creativecommons.org/licenses/{f'by{elements}/{version}/' if version else ''}",
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
        lines += [
            f"{license.name} of {source} {NO_CHANGES}; do not publish its texts if this data set changed them"
            for license, source in self._first.items()
            if license.forbids == NO_CHANGES
        ]
        lines += [f"nothing is known here of the licence {name}; read it before you publish" for name in self.unknown()]
        return list(filter(None, lines))

    def texts(self) -> list[tuple[str, str]]:
        """Each licence and the address of its text, "" if it is not known."""
        return sorted({(license.name, license.address) for license in self._first})

    def not_at_hub(self) -> list[License]:
        """The licences for which the hub has no identifier, if the data set as a whole is under them."""
        if self.hub_names() != ["other"]:
            return []
        return sorted(license for license in self._first if license.hub_name == "other")

    def hub_names(self) -> list[str]:
        """The licences of the data set as a whole, as its card gives them to the hub.

        CC BY-SA of any version comes out as CC BY-SA 4.0, the later version that all of them allow.
        """
        names = {license.hub_name for license in self._first}
        if self.conflict():
            return ["other"]
        if "other" in {license.hub_name for license in self._first if not license.share_alike}:
            return ["other"]
        if any(license.share_alike for license in self._first):
            return ["cc-by-sa-4.0"]
        return sorted(names) or ["unknown"]
