"""The compiled Markdown writer gives the bytes of the one in Python, and is never used for other sources."""

import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.conftest import ROOT, SAMPLE_DUMP

pytestmark = pytest.mark.slow

# Prints which file the writer is of, and the Markdown of all posts of a Posts.xml and of what no site would write.
CONVERT = """
import sys
from pathlib import Path
from stackdump.markdown import html_to_markdown, writer
from stackdump.rows import RowReader
print(writer.__file__)
bodies = [row.get("Body", "") for row in RowReader("posts", "Posts.xml").rows([Path(sys.argv[1]).read_bytes()])]
bodies += ["<p>" * 60 + "$x$ \\\\ *a*", "<em><b>a</em></b>", "<ol start=7><li>a<p>b</p></ol>", "<pre><code>`</code></pre>", "\\ud800"]
for body in bodies:
    for math in (True, False):
        print(ascii(html_to_markdown(body, math, base_url="https://quay.stackexchange.com", dollar="$")))
"""


@pytest.mark.skipif(
    not (shutil.which("gcc") or shutil.which("clang")), reason="needs a C compiler: apt-get install gcc"
)
@pytest.mark.skipif(find_spec("mypyc") is None, reason="needs mypyc: pip install -r requirements-dev.txt")
def test_the_compiled_writer_gives_the_same_bytes_and_is_left_alone_when_the_sources_change(tmp_path):
    shutil.copytree(ROOT / "stackdump", tmp_path / "stackdump")

    def python(*args: str) -> str:
        done = subprocess.run([sys.executable, *args], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def convert() -> tuple[str, str]:
        file, _, markdown = python("-c", CONVERT, str(SAMPLE_DUMP / "Posts.xml")).partition("\n")
        return file, markdown

    file, in_python = convert()
    assert file.endswith(".py")
    assert in_python.count("\n") > 200
    python("-m", "stackdump.native")
    file, compiled = convert()
    assert not file.endswith(".py")
    assert compiled == in_python

    with (tmp_path / "stackdump" / "markdown" / "tex.py").open("a") as source:
        source.write("# changed\n")
    assert convert()[0].endswith(".py")
