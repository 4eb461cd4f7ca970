"""The Markdown writer as machine code, where that has been made: 0.6 of the time a post, and the same bytes.

    python -m stackdump.native        (or: make native)

It needs a C compiler, and mypy and setuptools from requirements-dev.txt; mypyc compiles the modules as they are
(https://mypyc.readthedocs.io). What it makes lies in a folder named after the sources' digest, so that it is never used
for sources that have changed since.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).parent / "markdown"
MODULES = [PACKAGE / f"{name}.py" for name in ("emphasis", "escape", "paragraph", "tex", "writer")]
GROUP = "stackdump_markdown"  # mypyc names the library that the modules share after it


def folder() -> Path:
    """Where the compiled modules of these sources are for this Python, if they have been made."""
    digest = hashlib.sha256(b"\0".join(module.read_bytes() for module in MODULES)).hexdigest()
    return PACKAGE.parent.parent / "build" / f"native-{sysconfig.get_config_var('SOABI')}-{digest[:16]}"


def use(path: list[str]) -> None:
    """Have the compiled modules found first: `path` is the package's `__path__`."""
    compiled = folder()
    if compiled.is_dir():
        path.insert(0, str(compiled / "stackdump" / "markdown"))
        sys.path.append(str(compiled))


def build() -> Path:
    """Compile, and return the folder. Raises ImportError where mypyc is not installed, CalledProcessError where the
    compiler fails."""
    from mypyc.build import mypycify  # noqa: F401 - needed below, in another process

    final = folder()
    with tempfile.TemporaryDirectory(prefix="native-") as name:
        work = Path(name)
        shutil.copytree(PACKAGE.parent, work / "stackdump", ignore=shutil.ignore_patterns("__pycache__"))
        names = [str(module.relative_to(PACKAGE.parent.parent)) for module in MODULES]
        (work / "setup.py").write_text(
            "from mypyc.build import mypycify\nfrom setuptools import setup\n"
            f"setup(name={GROUP!r}, packages=[], ext_modules=mypycify({names!r}, group_name={GROUP!r}))\n"
        )
        out = work / "out"
        command = [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", str(out)]
        subprocess.run(command, cwd=work, check=True, capture_output=True, text=True)
        final.parent.mkdir(exist_ok=True)
        shutil.rmtree(final, ignore_errors=True)
        staging = final.with_name(f".{final.name}.{os.getpid()}")
        shutil.move(out, staging)
        staging.rename(final)
    return final


def main() -> None:
    try:
        print(build())
    except ImportError:
        sys.exit("mypyc is not installed; pip install -r requirements-dev.txt")
    except subprocess.CalledProcessError as error:
        lines = (error.stdout + error.stderr).strip().splitlines()
        problem = next((line for line in lines if "error" in line), lines[-1] if lines else "no reason was told")
        sys.exit(f"it could not be compiled ({problem}); is a C compiler installed? All works without it")


if __name__ == "__main__":
    main()
