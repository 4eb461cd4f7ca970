"""Licences: their names in all spellings, and which cannot be published together."""

import pytest

from records.errors import InputError
from records.licenses import Terms, license_named, licenses_of
from records.record import RecordLine
from tests.conftest import record


def row(source: str = "stackexchange", **meta) -> RecordLine:
    return RecordLine(
        record(source=source, meta={"question_license": None, "answer_license": None, **meta}), b"", "in.jsonl:1"
    )


SPELLINGS = {
    "CC BY-SA 4.0": "CC-BY-SA-4.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "CC-BY-SA-4.0": "CC-BY-SA-4.0",
    " cc by sa 4.0 ": "CC-BY-SA-4.0",
    "Cc-By-Sa_4.0": "CC-BY-SA-4.0",
    "https://creativecommons.org/licenses/by-sa/4.0/": "CC-BY-SA-4.0",
    "CC BY-SA 4.0 International": "CC-BY-SA-4.0",
    "CC BY-SA": "CC-BY-SA",
    "Creative Commons Attribution-ShareAlike 4.0 International (CC BY-SA 4.0)": "CC-BY-SA-4.0",
    "Creative Commons Attribution Share Alike 3.0": "CC-BY-SA-3.0",
    "Creative Commons Attribution-NonCommercial-NoDerivatives 4.0 International": "CC-BY-NC-ND-4.0",
    "Creative Commons Attribution 4.0": "CC-BY-4.0",
    "CC BY-SA 2.5": "CC-BY-SA-2.5",
    "CC BY 4.0": "CC-BY-4.0",
    "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0",
    "CC BY-NC 4.0": "CC-BY-NC-4.0",
    "mit": "MIT",
    "MIT License": "MIT",
    "apache-2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "CC0": "CC0-1.0",
    "cc0-1.0": "CC0-1.0",
    "bigscience-bloom-rail-1.0": "bigscience-bloom-rail-1.0",
}


@pytest.mark.parametrize(("written", "name"), SPELLINGS.items())
def test_all_spellings_become_spdx_identifiers(written, name):
    license = license_named(written)
    assert license.name == name and license.known


@pytest.mark.parametrize("written", ["proprietary", "ask me", "CC", "BY", "MITRE", "byte", "cc by-something"])
def test_unknown_names_are_kept_and_marked(written):
    license = license_named(written)
    assert (license.name, license.hub_name) == (written, "other") or license.name == "CC-BY"
    assert not license.share_alike


HUB_NAMES = {
    "GPL-3.0": "gpl-3.0",
    "GPLv2": "gpl-2.0",
    "GPL-3.0-or-later": "gpl-3.0",
    "agpl-3.0": "agpl-3.0",
    "LGPL 2.1": "lgpl-2.1",
    "gpl": "gpl",
    "Llama 3.1 Community License": "llama3.1",
    "Meta Llama 3 Community License Agreement": "llama3",
    "llama2": "llama2",
    "Gemma Terms of Use": "gemma",
    "bigscience-bloom-rail-1.0": "bigscience-bloom-rail-1.0",
    "some-openrail-of-ours": "other",
    "CC BY-ND 3.0": "other",
    "CC BY-ND 4.0": "cc-by-nd-4.0",
    "CC BY-SA 2.5": "other",
    "CC BY 3.0": "cc-by-3.0",
    "MPL 2.0": "mpl-2.0",
    "proprietary": "other",
}


@pytest.mark.parametrize(("written", "hub_name"), HUB_NAMES.items())
def test_the_hub_is_given_names_that_it_lists(written, hub_name):
    assert license_named(written).hub_name == hub_name


ADDRESSES = {
    "CC BY-SA 2.5": "https://creativecommons.org/licenses/by-sa/2.5/",
    "cc-by-nc-nd-4.0": "https://creativecommons.org/licenses/by-nc-nd/4.0/",
    "CC BY-SA": "https://creativecommons.org/licenses/",
    "CC0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "MIT": "https://spdx.org/licenses/MIT.html",
    "Llama 3.1 Community License": "https://www.llama.com/llama3_1/license/",
    "GPLv3": "https://www.gnu.org/licenses/gpl-3.0.html",
    "LGPL-2.1": "https://www.gnu.org/licenses/lgpl-2.1.html",
    "proprietary": "",
}


@pytest.mark.parametrize(("written", "address"), ADDRESSES.items())
def test_each_version_has_the_address_of_its_text(written, address):
    assert license_named(written).address == address


@pytest.mark.parametrize(
    ("names", "hub_names", "not_at_hub"),
    [
        (["CC BY-ND 3.0"], ["other"], ["CC-BY-ND-3.0"]),
        (["MIT", "ours"], ["other"], ["ours"]),
        (["CC BY-SA 2.5", "MIT"], ["cc-by-sa-4.0"], []),
        (["GPL-3.0", "MIT"], ["gpl-3.0", "mit"], []),
    ],
)
def test_licences_that_the_hub_does_not_list_are_named(names, hub_names, not_at_hub):
    terms = Terms()
    for name in names:
        terms.add((name,), row())
    assert terms.hub_names() == hub_names and [license.name for license in terms.not_at_hub()] == not_at_hub


def test_a_licence_that_allows_no_changes_is_a_caution_by_itself():
    terms = Terms()
    terms.add(("CC BY-ND 4.0",), row())
    assert [line.partition(";")[0] for line in terms.cautions()] == ["CC-BY-ND-4.0 of stackexchange allows no changes"]


FORBIDDEN = [
    ("CC BY-SA 4.0", "CC BY-NC 4.0", "is for non-commercial use only"),
    ("CC BY-SA", "CC BY-NC-SA 4.0", "is for non-commercial use only"),
    ("CC BY-SA 3.0", "CC BY-ND 4.0", "allows no changes"),
    ("CC BY-SA 2.5", "GPL-3.0", "is another copyleft"),
    ("CC BY-SA 4.0", "GFDL 1.3", "is another copyleft"),
    ("CC BY-SA 4.0", "Creative Commons Attribution-NonCommercial 4.0", "is for non-commercial use only"),
]
ALLOWED = [
    (["CC BY-SA 2.5", "CC BY-SA 3.0", "CC BY-SA 4.0", "CC BY-SA"], ["cc-by-sa-4.0"]),
    (["CC BY-SA 4.0", "MIT", "Apache-2.0", "CC BY 4.0", "CC0"], ["cc-by-sa-4.0"]),
    (["MIT", "Apache-2.0"], ["apache-2.0", "mit"]),
    (["MIT", "CC BY-NC 4.0"], ["cc-by-nc-4.0", "mit"]),
    (["MIT", "a licence of our own"], ["other"]),
    (["MIT", "llama3.1"], ["llama3.1", "mit"]),
    (["CC BY-SA 3.0", "bigcode-openrail-m"], ["cc-by-sa-4.0"]),
]


@pytest.mark.parametrize(("alike", "other", "why"), FORBIDDEN)
def test_conflicting_licences_are_reported_with_both_sources(alike, other, why):
    for first, second in (
        ((alike, "stackexchange"), (other, "python_code")),
        ((other, "python_code"), (alike, "stackexchange")),
    ):
        terms = Terms()
        terms.add((first[0],), row(first[1]))
        with pytest.raises(InputError) as caught:
            terms.add((second[0],), row(second[1]))
        for part in (
            "in.jsonl:1: ",
            license_named(other).name,
            "of python_code",
            why,
            license_named(alike).name,
            "of stackexchange",
        ):
            assert part in str(caught.value)


@pytest.mark.parametrize(("names", "hub_names"), ALLOWED)
def test_compatible_licences_give_the_licence_of_the_data_set(names, hub_names):
    terms = Terms()
    for name in names:
        terms.add((name,), row())
    assert terms.hub_names() == hub_names and terms.conflict() == ""


def test_allowed_conflict_is_still_reported():
    terms = Terms(allow_conflict=True)
    for name in FORBIDDEN[0][:2]:
        terms.add((name,), row())
    assert "CC-BY-NC-4.0" in terms.conflict() and terms.hub_names() == ["other"]


def test_rules_of_use_and_unknown_licences_are_cautions():
    terms = Terms()
    for name in ("CC BY-SA 4.0", "bigcode-openrail-m", "ask me"):
        terms.add((name,), row())
    rules, unknown = terms.cautions()
    assert rules.startswith("bigcode-openrail-m of stackexchange has rules") and "the licence ask me" in unknown


def test_the_models_licence_counts_too():
    assert licenses_of(row(license="MIT", model_license="CC BY-NC 4.0")) == ("MIT", "CC BY-NC 4.0")
    terms = Terms()
    with pytest.raises(InputError, match="CC-BY-NC-4.0"):
        terms.add(licenses_of(row(license="CC BY-SA 4.0", model_license="CC BY-NC 4.0")), row())


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"license": ""},
        {"license": " "},
        {"license": 4},
        {"license": ["MIT"]},
        {"question_license": "CC BY-SA 4.0"},
        {"answer_license": "CC BY-SA 4.0"},
    ],
)
def test_record_without_a_licence_is_reported_with_its_place(meta):
    with pytest.raises(InputError, match="^in.jsonl:1: has no licence; give it meta.license"):
        licenses_of(row(**meta))
