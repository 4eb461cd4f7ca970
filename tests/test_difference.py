"""What the editor shows of a correction."""

import html
import re

import pytest

from viewer.difference import difference_html


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("a\nb c d\ne", "a\nb x d\ne", "<p>b <del>c</del><ins>x</ins> d\n</p>"),
        ("same", "same", ""),
        ("a\n\nb", "a\nb", "<p><del>¶\n</del></p>"),
        ("a\nb", "a\n\nb", "<p><ins>¶\n</ins></p>"),
        ("1 < 2", "1 > 2", "<p>1 <del>&lt;</del><ins>&gt;</ins> 2\n</p>"),
        ("a\nb\nc", "A\nb\nC", "<p><del>a</del><ins>A</ins>\n</p><p><del>c</del><ins>C</ins>\n</p>"),
    ],
)  # fmt: skip
def test_changed_words_are_marked(before, after, shown):
    assert difference_html(before, after) == shown


def test_both_texts_of_changed_lines_can_be_read_from_a_long_difference():
    before = " ".join(f"word{number % 7}" for number in range(5_000))
    after = before.replace("word3", "other")
    shown = difference_html(before, after)
    for tag, text in (("ins", before), ("del", after)):
        kept = re.sub(rf"<{tag}>.*?</{tag}>|<[^>]*>", "", shown, flags=re.DOTALL)
        assert html.unescape(kept).replace("¶", "").strip() == text
