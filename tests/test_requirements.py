"""The locks belong to the ranges of pyproject.toml, to each other, and to every machine that is promised."""

import itertools
import re
import tomllib
from importlib import metadata
from typing import NamedTuple

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
GROUPS = PROJECT["dependency-groups"]
USER = PROJECT["project"]["dependencies"]
NATIVE = GROUPS["native"]
SETS = {
    "requirements.txt": USER,
    **{f"requirements/{name}.txt": [*USER, *needed] for name, needed in EXTRAS.items()},
    "requirements/native.txt": NATIVE,
    "requirements/dev.txt": [
        *USER, *itertools.chain(*EXTRAS.values()), *NATIVE, *(one for one in GROUPS["dev"] if isinstance(one, str)),
    ],
}  # fmt: skip
MACHINES = [
    {
        "sys_platform": system,
        "platform_system": name,
        "platform_machine": machine,
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
        "python_version": f"3.{minor}",
        "python_full_version": f"3.{minor}.9",
    }
    for minor in (11, 12, 13, 14)
    for system, name, machine in (
        ("linux", "Linux", "x86_64"),
        ("linux", "Linux", "aarch64"),
        ("darwin", "Darwin", "arm64"),
    )
]


class Pin(NamedTuple):
    """One version in a lock, and where it is for."""

    version: Version
    marker: Marker | None
    hashes: int


def read(lock: str) -> dict[str, list[Pin]]:
    """The pins of a lock, by package."""
    pins: dict[str, list[Pin]] = {}
    text = re.sub(r"^#.*\n", "", (ROOT / lock).read_text("utf-8"), flags=re.M)
    for entry in text.replace("\\\n", " ").splitlines():
        requirement = Requirement(entry.partition(" --hash=")[0])
        [specifier] = requirement.specifier
        assert specifier.operator == "==", entry
        pin = Pin(Version(specifier.version), requirement.marker, entry.count("--hash=sha256:"))
        pins.setdefault(canonicalize_name(requirement.name), []).append(pin)
    return pins


LOCKS = {lock: read(lock) for lock in [*SETS, "requirements/torch.txt"]}


def holds(marker: Marker | None, machine: dict[str, str]) -> bool:
    return marker is None or marker.evaluate(machine)


def versions(lock: str, machine: dict[str, str]) -> dict[str, Version]:
    """What a lock installs on a machine. Fails where it is two versions of one package."""
    found = {}
    for name, pins in LOCKS[lock].items():
        there = [pin.version for pin in pins if holds(pin.marker, machine)]
        assert len(there) <= 1, (name, there)
        found.update((name, version) for version in there)
    return found


def test_there_is_a_lock_for_every_set_of_requirements():
    assert {str(path.relative_to(ROOT)) for path in ROOT.glob("requirements*/*.txt")} | {"requirements.txt"} == set(
        LOCKS
    )


@pytest.mark.parametrize("lock", SETS)
def test_a_lock_has_a_version_within_the_range_of_each_requirement_on_every_machine(lock):
    for machine in MACHINES:
        locked = versions(lock, machine) | versions("requirements/torch.txt", machine)
        for requirement in map(Requirement, SETS[lock]):
            if holds(requirement.marker, machine):
                name = canonicalize_name(requirement.name)
                assert name in locked, (requirement, machine)
                assert locked[name] in requirement.specifier, (requirement, locked[name], machine)


@pytest.mark.parametrize("lock", SETS)
def test_the_locks_can_be_installed_together(lock):
    for machine in MACHINES:
        assert versions(lock, machine).items() <= versions("requirements/dev.txt", machine).items()


def test_everything_but_torch_has_hashes_and_no_lock_names_a_host():
    for lock, packages in LOCKS.items():
        assert "://" not in (ROOT / lock).read_text("utf-8")
        for name, pins in packages.items():
            assert all(pin.hashes > 0 for pin in pins) == (name != "torch"), (lock, name)


def test_each_lock_has_all_that_its_packages_need_and_nothing_else():
    """By what the installed packages say of themselves, where they are the locked ones."""
    machine = default_environment()
    [torch] = PROJECT["tool"]["uv"]["dependency-metadata"]
    for lock, direct in SETS.items():
        locked = versions(lock, machine)
        reached: set[tuple[str, str]] = set()
        ahead = [(Requirement(text), "") for text in direct]
        while ahead:
            requirement, extra = ahead.pop()
            name = canonicalize_name(requirement.name)
            if requirement.marker and not requirement.marker.evaluate({**machine, "extra": extra}):
                continue
            if name != "torch":
                assert name in locked, (lock, name)
                assert locked[name] in requirement.specifier, (lock, requirement)
            for extra in {"", *requirement.extras} - {extra for known, extra in reached if known == name}:
                reached.add((name, extra))
                needed = torch["requires-dist"] if name == "torch" else needed_by(name, locked[name])
                ahead += [(Requirement(text), extra) for text in needed]
        assert {name for name, _ in reached} - {"torch"} == set(locked), lock


def needed_by(name: str, version: Version) -> list[str]:
    """The requirements of a package; skips the test where it is not installed in this version."""
    try:
        installed = Version(metadata.version(name))
    except metadata.PackageNotFoundError:
        installed = None
    if installed != version:
        pytest.skip(f"{name} {installed} is installed and not {version}, which is locked")
    return metadata.requires(name) or []
