"""The Markdown writer and a reader of rows as machine code, if they have been compiled: the same bytes in less time.

    python -m stackdump.native        (`make demo` and `make bench` do it)

It needs a C compiler and requirements/native.txt; mypyc compiles the modules as they are
(https://mypyc.readthedocs.io). The result is in a folder named after the digest of the sources, so it is never used
for sources that have changed since.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = Path(__file__).parent
MARKDOWN = ("bodies", "body_options", "emphasis", "escape", "numbered", "paragraph", "relax", "tex", "writer")
MODULES = [PACKAGE / "quick_rows.py", *(PACKAGE / "markdown" / f"{name}.py" for name in MARKDOWN)]
GROUP = "stackdump_native"  # the library that the modules share is named after it


@cache
def folder() -> Path:
    """Where the compiled modules of these sources are for this Python, if they exist."""
    digest = hashlib.sha256(b"\0".join(module.read_bytes() for module in MODULES)).hexdigest()
    return PACKAGE.parent / "build" / f"native-{sysconfig.get_config_var('SOABI')}-{digest[:16]}"


def is_compiled() -> bool:
    return folder().is_dir()


def use(package: str, path: list[str]) -> None:
    """Let Python find the compiled modules of a package first: `path` is its `__path__`."""
    if is_compiled():
        path.insert(0, str(folder().joinpath(*package.split("."))))
        if str(folder()) not in sys.path:
            sys.path.append(str(folder()))


def obstacle() -> str | None:
    """What is missing to compile, or None."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if not shutil.which(compiler):
        return f"no C compiler: {compiler}"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "no Python.h, which Debian has in python3-dev"
    # Looked for and not imported: mypyc follows imports, and would check itself with the modules, which takes longer.
    if not find_spec("mypyc") or not find_spec("setuptools"):
        return "pip install -r requirements/native.txt"
    return None


def build() -> None:
    """Compile into `folder()`. Raises CalledProcessError if that fails."""
    final = folder()
    final.parent.mkdir(exist_ok=True)
    # Beside its final place, so that a rename puts it there complete; whoever comes second finds it there.
    with tempfile.TemporaryDirectory(prefix=".native-", dir=final.parent) as name:
        work = Path(name)
        shutil.copytree(PACKAGE, work / "stackdump", ignore=shutil.ignore_patterns("__pycache__"))
        names = [str(module.relative_to(PACKAGE.parent)) for module in MODULES]
        (work / "setup.py").write_text(
            "from mypyc.build import mypycify\nfrom setuptools import setup\n"
            f"setup(name={GROUP!r}, packages=[], ext_modules=mypycify({names!r}, group_name={GROUP!r}))\n"
        )
        command = [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", "out"]
        subprocess.run(command, cwd=work, check=True, capture_output=True, text=True)
        try:
            (work / "out").rename(final)
        except OSError:
            if not is_compiled():
                raise


def main() -> None:
    if is_compiled():
        return
    problem = obstacle()
    if not problem:
        print("compiling the Markdown writer and the reader of rows, once (about 15 s)", flush=True)
        try:
            build()
        except subprocess.CalledProcessError as error:
            lines = (error.stdout + error.stderr).strip().splitlines()
            problem = next((line for line in lines if "error" in line), lines[-1] if lines else f"{error}")
    if problem:
        sys.exit(
            f"the Markdown writer is not compiled ({problem}); it runs in Python, with the same result, but slower"
        )


if __name__ == "__main__":
    main()
