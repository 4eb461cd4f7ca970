"""Rows come out of a table's XML as they went in, however the XML is laid out, or the error is one line."""

import gc
import tracemalloc
from collections.abc import Iterator
from itertools import chain, repeat

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from records.errors import InputError
from stackdump import xml_rows as rows_module
from stackdump.quick_rows import rows as quick_rows
from stackdump.xml_rows import RowReader
from tests.conftest import SAMPLE_DUMP
from tests.dumps import table

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")

XML_TEXT = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="".join(map(chr, range(32)))), max_size=40
)


def pieces(xml: bytes, chunk: int = 1 << 20) -> Iterator[bytes]:
    return (xml[i : i + chunk] for i in range(0, len(xml), chunk))


def read(xml: bytes, chunk: int = 1 << 20) -> list[dict[str, str]]:
    return list(RowReader("posts", "Posts.xml").rows(pieces(xml, chunk)))


@given(
    st.lists(st.dictionaries(st.sampled_from(["Id", "Body", "Title", "New_Column"]), XML_TEXT), max_size=4),
    st.integers(1, 50),
)
def test_rows_survive_any_cutting_into_chunks(attributes, chunk):
    assert read(table("posts", attributes), chunk) == attributes


@given(st.lists(st.dictionaries(st.sampled_from(["Id", "Body", "Title"]), XML_TEXT, min_size=1), max_size=4))
def test_a_row_over_several_lines_reads_as_one_on_one_line(attributes):
    xml = table("posts", attributes)
    # a line break before each attribute, which a line-based reader cannot see through
    spread = b"\r\n".join(line.replace(b' Id="', b'\n\tId="', 1) for line in xml.split(b"\r\n"))
    assert read(spread) == read(xml)


@pytest.mark.parametrize(
    "row",
    [
        "<row Id='1' Body='<p>single quotes</p>'/>".replace("<p>", "&lt;p>").replace("</p>", "&lt;/p>"),
        '<row Id="1" Body=" Id=&quot;2&quot;"/>',
        """<row Body='a "quoted" Id="7" PostTypeId="1"' Id='1'/>""",
        '<row Id="1"></row>',
        '<row Id="1"/><row Id="1"/>',
        '<!-- a comment --><row Id="1"/>',
        '<row\nId="1"\n/>',
        '<row Id = "1"/>',
    ],
)
def test_unusual_forms_of_a_row_are_understood(row):
    xml = f'<?xml version="1.0"?>\n<posts>\n{row}\n<row Id="9" />\n</posts>\n'.encode()
    found = [row["Id"] for row in read(xml)]
    assert found == ["1"] * (len(found) - 1) + ["9"]
    assert len(found) >= 2


@pytest.mark.parametrize(
    "prolog", ["", "\ufeff", '<?xml version="1.0"?>', "\ufeff<?xml version='1.0'?>\r\n<!-- a\n b\n-->\n"]
)
def test_what_stands_before_the_root_does_not_matter(prolog):
    assert read(f'{prolog}<posts><row Id="1"/></posts>'.encode()) == [{"Id": "1"}]
    assert read(f'{prolog}<posts>\n  <row Id="1"/>\n</posts>'.encode()) == [{"Id": "1"}]


def test_line_ends_in_a_body_are_kept_as_references_say():
    assert read(b'<posts>\n<row Body="a&#xD;&#xA;b&#x9;c" />\n</posts>') == [{"Body": "a\r\nb\tc"}]


@pytest.mark.parametrize(
    "code", ["x0", "x1E", "x1f", "x000b", "0", "31", "xD800", "xdfff", "xFFFE", "xffff", "65535", "55296", "57343"]
)
@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
@pytest.mark.parametrize("indent", ["", "  "])  # parsed as they come, and in batches
def test_references_to_forbidden_characters_are_replaced_and_counted(code, chunk, indent, monkeypatch):
    monkeypatch.setattr(rows_module, "BATCH", 10)
    xml = f'<posts>\n{indent}<row Body="a&#{code};b&#x9;&#10;&amp;#x0;" />\n</posts>'.encode()
    reader = RowReader("posts", "Posts.xml")
    [row] = reader.rows(pieces(xml, chunk))
    assert row["Body"] == "a\ufffdb\t\n&#x0;"
    assert reader.replaced == 1


@pytest.mark.parametrize(
    "code", ["x9", "xA", "xD", "x20", "10", "13", "xD7FF", "xE000", "xFFFD", "x10FFFF", "55295", "57344", "65533"]
)
def test_references_to_other_characters_are_left(code):
    reader = RowReader("posts", "Posts.xml")
    value = int(code[1:], 16) if code.startswith("x") else int(code)
    assert list(reader.rows([f'<posts>\n<row Body="&#{code};" />\n</posts>'.encode()])) == [{"Body": chr(value)}]
    assert reader.replaced == 0


@pytest.mark.parametrize(
    ("xml", "problem"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf  \n\n", "is empty"),
        (b'<row Id="1"/>', "no <posts> element"),
        (b"<users><row/></users>", "no <posts> element"),
        (b"<html>503</html>", "no <posts> element"),
        (b"version https://git-lfs.github.com/spec/v1\noid x\n", "Git LFS pointer"),
        (b'<?xml version="1.0"?><!DOCTYPE posts [<!ENTITY a "b">]><posts/>', "DOCTYPE"),
        (b'<posts>\n<row Id="1" />\n', "is cut after row 1"),
        (b'<posts>\n<row Id="1" />\n<row Id="2" Bo', "is cut after row 1"),
        (b'<posts>\n<row Id="1" />\n</users>\n', "is not XML after row 1"),
        (b'<posts>\n<row Id="1" Body="<p>" />\n</posts>', "is not XML after row 0"),
        (b'<posts>\n<row Id="1" />\n</posts>\n<row Id="2" />\n', "goes on after </posts>"),
        (b'<posts>\n<row Id="1" />\n<row Id="2" Body="&e;" />\n</posts>', "is not XML after row 1"),
        (b'<posts>\n<row Id="1" />\n<row Id="2" Body="\xff" />\n</posts>', "is not XML after row 1"),
        (b'<posts>\n<row Id="1" />\n<row Id="2" Id="3" />\n</posts>', "is not XML after row 1"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_what_is_not_a_table_is_reported_in_one_line(xml, problem, chunk):
    with pytest.raises(InputError) as error:
        read(xml, chunk)
    assert str(error.value).startswith("Posts.xml: ")
    assert problem in str(error.value)


@pytest.mark.parametrize("rest", [b' Body="&e;"', b' Body="\xff"', b' Id="3"', b' Body="&#x0;&e;"', b">"])
def test_a_row_in_a_batch_that_is_no_xml_is_named(rest, monkeypatch):
    monkeypatch.setattr(rows_module, "BATCH", 1)
    xml = [b'<posts>\n  <row Id="1" />\n', b'  <row Id="2"%s />\n' % rest, b"</posts>"]
    with pytest.raises(InputError, match=r'^Posts\.xml: is not XML in the row <row Id="2"'):
        list(RowReader("posts", "Posts.xml").rows(xml))


@given(
    st.lists(st.dictionaries(st.sampled_from(["Id", "Body", "Title"]), XML_TEXT, min_size=1), min_size=3, max_size=9),
    st.integers(1, 300),
    st.integers(0, 8),
)
def test_batches_hold_complete_rows_whatever_their_size_and_layout(attributes, size, odd):
    """One line with a comment in front sends all that follows through the other reader."""
    xml = table("posts", attributes)
    lines = xml.split(b"\r\n")
    if odd < len(attributes):
        lines[2 + odd] = b"<!-- odd -->" + lines[2 + odd]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "BATCH", size)
        reader = RowReader("posts", "Posts.xml")
        batches = list(reader.batches(pieces(b"\r\n".join(lines), 37)))
    found = [row for batch in batches for row in rows_module.parse_rows(batch, "Posts.xml")[0]]
    assert found == attributes
    assert reader.count == len(attributes)


def test_a_row_without_end_is_not_held_in_memory(monkeypatch):
    monkeypatch.setattr(rows_module, "LONGEST_ROW", 10_000)
    endless = chain([b"<posts>\n<row Body='"], repeat(b"x" * 1000))
    with pytest.raises(InputError, match="a row of more than 10,000 bytes"):
        list(RowReader("posts", "Posts.xml").rows(endless))


def test_rows_that_were_used_leave_the_memory_though_no_collector_comes():
    """A parser and its target hold each other: without care they would hold the rows of many batches too."""
    batch = b"".join(b'  <row Id="%d" Body="%s" />\n' % (n, b"x" * 1000) for n in range(1000))
    rows_module.parse_rows(batch, "Posts.xml")
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(20):
            rows_module.parse_rows(batch, "Posts.xml")
        assert tracemalloc.get_traced_memory()[0] < len(batch)
    finally:
        tracemalloc.stop()
        gc.enable()


def parsed(batch: bytes) -> list[dict[str, str]] | None:
    """The rows that the XML parser finds, or None if it refuses the batch."""
    try:
        return rows_module._attributes(batch)
    except etree.XMLSyntaxError:
        return None


@pytest.mark.parametrize("name", ["Posts", "Users", "PostHistory"])
def test_the_rows_of_a_dump_are_read_without_the_parser(name):
    lines = (SAMPLE_DUMP / f"{name}.xml").read_bytes().splitlines(keepends=True)
    usual = [line for line in lines if line.startswith(b"  <row ")]
    assert len(usual) > 5
    for line in [b"".join(usual), *usual]:
        assert quick_rows(line) == parsed(line)


@pytest.mark.parametrize(
    "row",
    [
        b'  <row Id="1" Body="&lt;&gt;&amp;&quot;&apos;&#xA;&#xD;&#x9;&#10;&#13;&#9;&#39;" />\r\n',
        b'  <row Id="1" New_Column2="" />\n',
        b'  <row Id="1" Body="a\tb" />\n',
        '  <row Id="1" Body="\u00e9\uffef\U0001f600 > &amp;lt; \'" />\n'.encode(),
        b'  <row />\n  <row Id="1"/>\n',
    ],
)
def test_usual_rows_are_read_without_the_parser(row):
    assert quick_rows(row) == parsed(row) is not None


# What would make a row unusual, or another one, or no XML, in the places where it would.
ODD = [
    *(b'"', b"'", b" ", b"  ", b"=", b"/", b"//", b">", b"/>", b"&", b"&lt", b"&#xa;", b"&#0;", b"&#x1F600;", b"&e;"),
    *(b"\t", b"\n", b"\r", b"\0", b"\x1f", b"\x7f", b"\xc2\x80", b"\xff", b"\xed\xa0\x80", b"&#xFFFE;"),
    *(b"\xef\xbf\xbe", b"\xef\xbf\xbd", b"<!-- -->", b"  <row ", b" />\n"),
    *(b' Id="2"', b' xmlns="a"', b' xml:lang="a"', b' a:b="a"', b' 1="a"', b' \xc3\xa9="a"'),
]  # fmt: skip


@settings(max_examples=500)
@given(
    st.lists(st.dictionaries(st.sampled_from(["Id", "Body", "Title"]), XML_TEXT), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from(ODD)), max_size=2),
    st.integers(0, 3),
)
def test_what_is_read_without_the_parser_is_what_the_parser_reads(attributes, insertions, cut):
    batch = table("posts", attributes).partition(b"<posts>\r\n")[2].removesuffix(b"</posts>\r\n")
    for at, odd in insertions:
        at %= len(batch) + 1
        batch = batch[:at] + odd + batch[at:]
    batch = batch[: len(batch) - cut]
    assume(rows_module._count_usual(batch))  # others are read by the parser from the start
    assert quick_rows(batch) in (None, parsed(batch))


def test_a_long_value_is_left_to_the_parser_which_has_its_limit():
    for size, is_read in ((999_999, True), (1_000_001, False)):
        rows = quick_rows(b'  <row Body="%s" />\n' % (b"x" * size))
        assert rows == ([{"Body": "x" * size}] if is_read else None)


@pytest.mark.parametrize(
    "row",
    [
        b'  <row Id="1" //>\n',
        b'  <row Id="1" /> \n',
        b'  <row Id="1" />\r\r\n',
        b'  <row Id="1" B="&lt" />\n',
        b'  <row Id="1"B="2" />\n',
    ],
)
def test_what_only_resembles_a_usual_row_is_left_to_the_parser(row):
    assert quick_rows(row) is None
