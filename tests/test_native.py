"""Compiled modules give the bytes of those in Python, and are never used for other sources."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stackdump.native import obstacle
from tests.conftest import ROOT, SAMPLE_DUMP

pytestmark = pytest.mark.slow

# Prints which file the writer is of, what reads usual rows, and the Markdown of all posts of a Posts.xml and of what no
# site would write.
CONVERT = """
import sys
from pathlib import Path
from stackdump import xml_rows
from stackdump.markdown import html_to_markdown, writer
from stackdump.xml_rows import RowReader
print(writer.__file__, type(xml_rows.quick_rows).__name__)
for value in (b"&apos;\\t\\xc3\\xa9", b"&#x0;", b'" A="'):
    print(xml_rows.parse_rows(b'  <row Id="%s" />\\r\\n' % value, ""))
bodies = [row.get("Body", "") for row in RowReader("posts", "Posts.xml").rows([Path(sys.argv[1]).read_bytes()])]
bodies += ["<p>" * 60 + "$x$ \\\\ *a*", "<em><b>a</em></b>", "<ol start=7><li>a<p>b</p></ol>"]
bodies += ["<pre><code>`</code></pre>", "\\ud800"]
for body in bodies:
    for math in (True, False):
        print(ascii(html_to_markdown(body, math, base_url="https://quay.stackexchange.com", dollar="$")))
"""


def native(folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Begin `python -m stackdump.native` in a copy of the sources."""
    command = [sys.executable, "-m", "stackdump.native"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}, stdout=pipe, stderr=pipe, text=True)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    for room in ("stackdump", "records"):
        shutil.copytree(ROOT / room, tmp_path / room)
    return tmp_path


@pytest.mark.skipif(obstacle() is not None, reason=f"cannot compile here: {obstacle()}")
def test_the_compiled_writer_gives_the_same_bytes_and_is_left_alone_when_the_sources_change(sources):
    def convert() -> tuple[str, str]:
        command = [sys.executable, "-c", CONVERT, str(SAMPLE_DUMP / "Posts.xml")]
        done = subprocess.run(command, cwd=sources, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        file, _, markdown = done.stdout.partition("\n")
        return file, markdown

    in_python_file, in_python = convert()
    assert in_python_file.endswith(".py function")
    assert in_python.count("\n") > 200
    for process in [native(sources), native(sources)]:  # at once, as by two makes
        _, stderr = process.communicate()
        assert (process.returncode, stderr) == (0, "")
    assert len(list((sources / "build").iterdir())) == 1
    file, compiled = convert()
    assert file.endswith(".so builtin_function_or_method")
    assert compiled == in_python

    with (sources / "stackdump" / "markdown" / "tex.py").open("a") as source:
        source.write("# changed\n")
    assert convert()[0] == in_python_file


@pytest.mark.parametrize("compiler", ["no-such-compiler", "false"])
def test_where_it_cannot_be_compiled_one_line_says_so_and_nothing_is_left(sources, compiler):
    process = native(sources, CC=compiler)
    _, stderr = process.communicate()
    assert process.returncode == 1
    assert stderr.startswith("the Markdown writer is not compiled (") and stderr.count("\n") == 1
    assert not list(sources.glob("build/*")) and not list(sources.glob("build/.*"))
