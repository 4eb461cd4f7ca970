"""HTML -> Markdown: one test a rule, with invented HTML and the exact Markdown that is expected."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.tools.fidelity.judge import judge
from benchmarks.tools.fidelity.posts import read_posts, site_uses_math
from stackdump.markdown import html_to_markdown, text_to_markdown
from tests import needs

BLOCKS = {
    "paragraphs": ("<p>a</p>\n\n<p>b</p>\n", "a\n\nb"),
    "bare text and a div": ("a<div>b</div>c", "a\n\nb\n\nc"),
    "empty paragraphs": ("<p></p>\n<p> </p><p>a</p>", "a"),
    "soft line breaks stay": ("<p>a\n  b</p>", "a\nb"),
    "headings": ("<h1>A</h1><h3>b\nc</h3>", "# A\n\n### b c"),
    "a heading that ends in #": ("<h2>C #</h2><h2>C#</h2>", "## C \\#\n\n## C#"),
    "a rule": ("<p>a</p><hr /><p>b</p>", "a\n\n---\n\nb"),
    "a hard break": ("<p>a<br>\nb<br />c<br></p>", "a\\\nb\\\nc"),
    "a hard break in a heading": ("<h2>a<br>b</h2>", "## a<br>b"),
    "a quote": ("<blockquote>\n<p>a\nb</p>\n<p>c</p>\n</blockquote>", "> a\n> b\n>\n> c"),
    "two quotes": ("<blockquote><p>a</p></blockquote><blockquote><p>b</p></blockquote>", "> a\n\n> b"),
    "an empty quote": ("<p>a</p><blockquote></blockquote><p>b</p>", "a\n\nb"),
    "a spoiler": ('<blockquote class="spoiler"><p>a</p><p>b</p></blockquote>', ">! a\n>!\n>! b"),
    "a comment": ("<!-- language: lang-js -->\n<p>a<!-- x -->b</p>", "ab"),
    "a definition list": (
        "<dl>\n<dt>a</dt>\n<dd>b <em>c</em></dd>\n</dl>",
        "<dl>\n<dt>a</dt>\n<dd>b <em>c</em></dd>\n</dl>",
    ),
    "details around blocks": (
        "<details><summary>s</summary><ul><li>a</li></ul></details>",
        "<details>\n\n<summary>s</summary>\n\n- a\n\n</details>",
    ),
}

LISTS = {
    "tight": ("<ul>\n<li>a</li>\n<li>b</li>\n</ul>", "- a\n- b"),
    "loose": ("<ul>\n<li><p>a</p></li>\n<li><p>b</p></li>\n</ul>", "- a\n\n- b"),
    "numbered": ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
    "numbered from": ('<ol start="9"><li>a</li><li>b\nc</li></ol>', "9. a\n10. b\n    c"),
    "nested": ("<ul><li>a<ol><li>b</li></ol></li><li>c</li></ul>", "- a\n  1. b\n- c"),
    "nested from another number": ('<ul><li>a<ol start="3"><li>b</li></ol></li></ul>', "- a\n\n  3. b"),
    "adjoining": (
        "<ul><li>a</li></ul><ul><li>b</li></ul><ol><li>c</li></ol><ol><li>d</li></ol>",
        "- a\n\n* b\n\n1. c\n\n1) d",
    ),
    "an empty item": ("<ul><li></li><li>a</li></ul>", "-\n- a"),
    "an item that is code": ("<ul><li><pre><code>x\n</code></pre></li></ul>", "- ```\n  x\n  ```"),
    "an item with a quote": ("<ul><li><p>a</p><blockquote><p>q</p></blockquote></li></ul>", "- a\n\n  > q"),
    "an item that looks like a rule": ("<ul><li>--</li><li><hr></li></ul>", "- \\--\n- ***"),
    "reversed": ("<ol reversed><li>a</li></ol>", "<ol reversed><li>a</li></ol>"),
    "numbered by hand": ('<ol>\n<li value="7">a</li>\n</ol>', '<ol><li value="7">a</li></ol>'),
    "a list beside the items": ("<ul><li>a</li><ul><li>b</li></ul></ul>", "- a\n  - b"),
}

CODE = {
    "a block": ("<pre><code>if x:\n    y &lt; 1\n</code></pre>", "```\nif x:\n    y < 1\n```"),
    "its language": ('<pre class="lang-py prettyprint-override"><code>x\n</code></pre>', "```py\nx\n```"),
    "its language on the code": ('<pre class="s-code"><code class="language-c++">x\n</code></pre>', "```c++\nx\n```"),
    "no language": ('<pre class="lang-none default"><code>x\n</code></pre>', "```\nx\n```"),
    "a block with a fence": ("<pre><code>````\nx\n</code></pre>", "`````\n````\nx\n`````"),
    "blank lines and blanks": ("<pre><code>\na  \n\n\n</code></pre>", "```\n\na  \n\n\n```"),
    "a newline after pre is none": ("<pre>\na\n</pre>", "```\na\n```"),
    "a block in a quote": ("<blockquote><pre><code>a\n\nb\n</code></pre></blockquote>", "> ```\n> a\n>\n> b\n> ```"),
    "breaks for lines": ("<pre>a<br>b</pre>", "```\na\nb\n```"),
    "markup in a block": ("<pre><code>a <b>b</b>\n\nc</code></pre>", "<pre><code>a <b>b</b>\n\nc</code></pre>"),
    "a span": ("<p><code>a_b*c</code></p>", "`a_b*c`"),
    "a span with backticks": ("<p><code>a`b</code> <code>``</code> <code>`</code></p>", "``a`b`` ` `` ` `` ` ``"),
    "a span with blanks": ("<p><code> a </code> <code> </code> <code> a</code></p>", "`  a  ` ` ` ` a`"),
    "two spans": ("<p><code>a</code><code>b</code></p>", "`a`<!-- -->`b`"),
    "markup in a span": ("<p><code>a<sub>i</sub> *</code></p>", "<code>a<sub>i</sub> \\*</code>"),
}

INLINE = {
    "emphasis": ("<p><em>a</em> <strong>b</strong> <i>c</i> <b>d</b></p>", "*a* **b** *c* **d**"),
    "inside a word": ("<p>un<em>believ</em>able</p>", "un*believ*able"),
    "one in the other": ("<p><strong><em>a</em> b</strong></p>", "***a* b**"),
    "one after the other": ("<p><em>a</em><em>b</em> <em>c <em>d</em></em></p>", "*ab* *c d*"),
    "white space moves out": ("<p>a<em> b </em>c <em> </em>d</p>", "a *b* c  d"),
    "delimiters that would not close": ("<p><strong>Note:</strong>this</p>", "<strong>Note:</strong>this"),
    "delimiters that close": ("<p><strong>Note:</strong> this</p>", "**Note:** this"),
    "strike-through": ("<p><s>a</s> <del>b</del> <strike>c</strike></p>", "~~a~~ ~~b~~ ~~c~~"),
    "no syntax": (
        "<p>10<sup>2</sup> H<sub>2</sub>O <kbd>F1</kbd> <ins>i</ins></p>",
        "10<sup>2</sup> H<sub>2</sub>O <kbd>F1</kbd> <ins>i</ins>",
    ),
    "spans": ('<p>a <span class="x">b</span> <a name="n">c</a></p>', "a b c"),
    "emphasis around blocks": ("<em><p>a</p><p>b</p></em>", "*a*\n\n*b*"),
    "a link": ('<p><a href="http://a/b" rel="nofollow" title="t">x <em>y</em></a></p>', "[x *y*](http://a/b)"),
    "an autolink": ('<p><a href="http://a/b_c">http://a/b_c</a></p>', "<http://a/b_c>"),
    "an empty link": ('<p>a<a href="u"></a></p>', "a"),
    "brackets in a link": ('<p><a href="u">[a]</a> <a href="u">a]</a></p>', "[[a]](u) [a\\]](u)"),
    "addresses": (
        '<p><a href="a b">x</a> <a href="a_(b)">x</a> <a href="a(b">x</a> <a href="a?b&amp;copy=1">x</a> <a href="a&lt;\\">x</a></p>',
        "[x](a%20b) [x](a_(b)) [x](a\\(b) [x](a?b&copy=1) [x](a%3C%5C)",
    ),
    "an exclamation mark before a link": ('<p>Hi!<a href="u">x</a></p>', "Hi\\![x](u)"),
    "an image": ('<p><img src="u.png" alt="a [b] *c* d_e" width="3"></p>', "![a [b] \\*c\\* d_e](u.png)"),
    "an image in a link": ('<p><a href="l"><img src="s" alt="c"></a></p>', "[![c](s)](l)"),
    "upper case": ('<P>a <B>b</B> <CODE>c</CODE><BR><A HREF="u">d</A></P>', "a **b** `c`\\\n[d](u)"),
    "unquoted attributes": ("<p><a href=u>d</a></p>", "[d](u)"),
}

ESCAPES = {
    "stars": ("<p>2*3*4 and 2 * 3 * 4</p>", "2\\*3\\*4 and 2 * 3 * 4"),
    "a single star": ("<p>A* is a search</p>", "A* is a search"),
    "underscores": ("<p>snake_case_name and _a_</p>", "snake_case_name and \\_a\\_"),
    "backticks": ("<p>`a` b</p><p>`a</p>", "\\`a\\` b\n\n`a"),
    "tildes": ("<p>~5 and ~~a~~</p>", "~5 and \\~\\~a\\~\\~"),
    "backslashes": ("<p>C:\\dir \\_ \\</p>", "C:\\dir \\\\\\_ \\\\"),
    "tags": ("<p>List&lt;T&gt; 1 &lt; 2 &lt;/p&gt;</p>", "List\\<T> 1 < 2 \\</p>"),
    "entities": ("<p>&amp;copy; AT&amp;T &amp; &eacute; &lt;</p>", "\\&copy; AT&T & é <"),
    "brackets": ("<p>see [1] and [1](2)</p>", "see [1] and [1\\](2)"),
    "a definition": ("<p>[a]: b</p>", "\\[a]: b"),
    "list items": ("<p>1. a</p><p>1)</p><p>- a</p><p>+ a</p><p>* a</p>", "1\\. a\n\n1\\)\n\n\\- a\n\n\\+ a\n\n\\* a"),
    "list items that interrupt": ("<p>a\n1. b\n2. c\n- d\n1986. e</p>", "a\n1\\. b\n2. c\n\\- d\n1986. e"),
    "no list items": ("<p>1.5</p><p>-a</p><p>+1</p>", "1.5\n\n-a\n\n+1"),
    "headings": ("<p># a</p><p>#a</p>", "\\# a\n\n#a"),
    "quotes": ("<p>&gt; a &gt; b</p>", "\\> a > b"),
    "underlines": ("<p>a\n---</p><p>a\n===</p>", "a\n\\---\n\na\n\\==="),
    "rules": ("<p>---</p><p>***</p><p>- - -</p>", "\\---\n\n\\***\n\n\\- - -"),
    "a row of dashes": ("<p>a|b\n--|--</p>", "a|b\n\\--|--"),
    "fences": ("<p>~~~</p><p>```</p>", "\\~~~\n\n\\`\\`\\`"),
    "white space": ("<p>    a  \n   b</p>", "a\nb"),
    "no-break spaces": ("<p>10&nbsp;km</p><p>&nbsp;</p>", "10\xa0km\n\n\xa0"),
}

TABLE = "<table><thead><tr>{}</tr></thead><tbody><tr>{}</tr></tbody></table>"
TABLES = {
    "pipes": (
        '<div class="s-table-container"><table class="s-table">\n<thead>\n<tr>\n<th>a</th>\n<th style="text-align: right;">b</th>\n</tr>\n'
        '</thead>\n<tbody>\n<tr>\n<td><code>x|y</code></td>\n<td style="text-align: right;">1<br>2</td>\n</tr>\n</tbody>\n</table></div>',
        "| a | b |\n| --- | --: |\n| `x\\|y` | 1<br>2 |",
    ),
    "no head": ("<table>\n<tr><td>a</td></tr>\n</table>", "<table>\n<tr><td>a</td></tr>\n</table>"),
    "a list in a cell": (
        TABLE.format("<th>a</th>", "<td><ul><li>x</li></ul></td>"),
        "<table><tr><th>a</th></tr><tr><td><ul><li>x</li></ul></td></tr></table>",
    ),
    "cells that span": (
        TABLE.format('<th colspan="2" class="c">a</th>', "<td>x</td><td>y</td>"),
        '<table><tr><th colspan="2">a</th></tr><tr><td>x</td><td>y</td></tr></table>',
    ),
    "blank lines in raw HTML": (
        "<table><tr><td><pre>a\n\n\nb</pre></td>\n\n<td>c\n\nd</td></tr></table>",
        "<table><tr><td><pre>a&#10;&#10;\nb</pre></td>\n<td>c\nd</td></tr></table>",
    ),
}

MATH = {
    "bare": (r"<p>so $x_1*y_2$ and $a\{b\}$, $a &lt; b$</p>", r"so $x_1*y_2$ and $a\{b\}$, $a < b$"),
    "display": ("<p>$$\na_1\n- b\n= c\n$$</p>", "$$\na_1\n- b\n= c\n$$"),
    "an environment": (
        "<p>\\begin{align}a&amp;=b_1\\\\\n&amp;=*c*\\end{align}</p>",
        "\\begin{align}a&=b_1\\\\\n&=*c*\\end{align}",
    ),
    "brackets for delimiters": (r"<p>\[x_1\] and \\(y_1\\)</p>", r"$$x_1$$ and $y_1$"),
    "marked": ('<p><span class="math-container">$x_1*y$</span>, $5*6*7$</p>', "$x_1*y$, \\$5\\*6\\*7\\$"),
    "marked with escaped dollars": ('<p><span class="math-container">\\$V_1\\$</span></p>', "$V_1$"),
    "marked, but no formula": ('<p><span class="math-container">$h_{ab$</span></p>', "\\$h_{ab\\$"),
    "escaped dollars are dollars": (r"<p>\$5 and $x$</p>", r"\$5 and $x$"),
    "braces": ("<p>$a {b$ c} d_1*e*$</p>", "$a {b$ c} d_1*e*$"),
    "in a quote": ("<blockquote><p>$$a\n- b$$</p></blockquote>", "> $$a\n> - b$$"),
    "in a table": (TABLE.format("<th>$|x|$</th>", "<td>$y$</td>"), "| $\\|x\\|$ |\n| --- |\n| $y$ |"),
    "in code": ("<p><code>$a_b$</code> $c$</p>", "`$a_b$` $c$"),
    "over a break": ("<p>$a<br>+ b_1$</p>", "$a\n+ b_1$"),
    "blank lines": ('<p><span class="math-container">$$a\n\n  b$$</span></p>', "$$a\n  b$$"),
    "an environment without end": (r"<p>\begin{x} \begin{y}</p>", r"\\begin{x} \\begin{y}"),
}


def cases(**groups: dict[str, tuple[str, str]]):
    return pytest.mark.parametrize(
        "html,markdown",
        [pytest.param(*case, id=f"{group}-{name}") for group, table in groups.items() for name, case in table.items()],
    )


@cases(block=BLOCKS, list=LISTS, code=CODE, inline=INLINE, escape=ESCAPES, table=TABLES)
def test_without_math(html, markdown):
    assert html_to_markdown(html, False) == markdown


@cases(math=MATH)
def test_with_math(html, markdown):
    assert html_to_markdown(html, True) == markdown


@cases(block=BLOCKS, list=LISTS, code=CODE, inline=INLINE, table=TABLES)
def test_a_mathjax_site_writes_the_rest_alike(html, markdown):
    assert html_to_markdown(html, True) == markdown


def test_dollars_of_a_site_without_math_are_text():
    assert html_to_markdown("<p>$5 and $6\\\\ </p>", False) == "$5 and $6\\\\\\\\"


@pytest.mark.parametrize(
    "html,dollar,markdown",
    [
        (r"<p>\$V_1 * 2\$ for $5</p>", "\\$", r"$V_1 * 2$ for \$5"),
        (r"<p>$$x_1$$ \$5</p>", "\\$", r"$$x_1$$ \$5"),
        (r'<p><span class="math-container">\$R_1\$</span></p>', "\\$", "$R_1$"),
        (r"<p>\$V_1*2*\$</p>", "$", r"\$V_1\*2\*\$"),
    ],
)
def test_escaped_dollars_as_delimiters(html, dollar, markdown):
    assert html_to_markdown(html, True, dollar=dollar) == markdown


def test_relative_links_become_absolute():
    html = '<p><a href="/q/1">a</a> <a href="//b.c/d">b</a> <a href="#f">c</a> <a href="mailto:x@y">d</a> <img src="/i.png" alt=""></p>'
    base = "https://math.stackexchange.com"
    assert html_to_markdown(html, False, base_url=base) == (
        f"[a]({base}/q/1) [b](https://b.c/d) [c](#f) [d](mailto:x@y) ![]({base}/i.png)"
    )
    assert html_to_markdown(html, False).startswith("[a](/q/1) [b](//b.c/d)")


@pytest.mark.parametrize(
    "title,math,markdown",
    [
        ("How to use snake_case?", False, "How to use snake_case?"),
        ("# of *stars* in <T>", False, "\\# of \\*stars\\* in \\<T>"),
        ("1. What\n is  &lt;?", False, "1\\. What is \\&lt;?"),
        ("> 5 $a_1*b*$", True, "\\> 5 $a_1*b*$"),
        (r"\$x_1*y*\$ costs $5", True, r"\$x_1\*y\*\$ costs \$5"),
        ("---", False, "\\---"),
        ("", True, ""),
    ],
)
def test_titles(title, math, markdown):
    assert text_to_markdown(title, math) == markdown


def test_titles_with_escaped_dollars():
    assert text_to_markdown(r"\$x_1*y*\$ costs $5", True, dollar="\\$") == r"$x_1*y*$ costs \$5"


@pytest.mark.parametrize(
    "html,markdown",
    [
        ("<p>a<p>b", "a\n\nb"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<b><p>a</b> c</p>", "**a** c"),
        ("<p>1 < 2 <3</p>", "1 < 2 <3"),
        ("<p>a</b></p>", "a"),
        ("<p>a\r\nb\rc</p>", "a\nb\nc"),
        ("a\0b\ud800", "ab\ufffd"),
        ('<a href="u">x<p>y</p></a>', "[x](u)\n\n[y](u)"),
        ("<p>a", "a"),
        ("", ""),
        ("&#0;&#xD800;&bogus;&amp", "\ufffd\ufffd\\&bogus;&"),
    ],
)
def test_broken_html(html, markdown):
    assert html_to_markdown(html, False) == markdown


def test_threads_share_nothing():
    posts = [case[0] for table in (BLOCKS, LISTS, CODE, INLINE, TABLES) for case in table.values()] * 5
    alone = [html_to_markdown(post, False) for post in posts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda post: html_to_markdown(post, False), posts)) == alone


# ---- meaning, by the measure -------------------------------------------------------------------------------------


@cases(block=BLOCKS, list=LISTS, code=CODE, inline=INLINE, escape=ESCAPES, table=TABLES)
def test_the_expected_markdown_means_the_html(html, markdown):
    verdict = judge(html, markdown, False)
    assert verdict.equal, (verdict.classes, verdict.want, verdict.got)


@cases(math=MATH)
def test_the_expected_math_means_the_html(html, markdown):
    verdict = judge(html, markdown, True)
    assert verdict.equal, (verdict.classes, verdict.want, verdict.got)


@pytest.mark.slow
def test_every_post_of_the_dumps_keeps_its_meaning(tmp_path):
    """All dumps under ../shared/archive.org that hold a readable Posts.xml."""
    import py7zr
    from lxml.etree import XMLSyntaxError

    archives = sorted((needs.SHARED / "archive.org").rglob("*.7z"))
    if not archives:
        pytest.skip("needs ../shared/archive.org, beside this folder")
    failed, judged = [], 0
    for archive in archives:
        folder = tmp_path / archive.stem
        try:
            with py7zr.SevenZipFile(archive) as file:
                names = [name for name in file.getnames() if name.lower() == "posts.xml"]
                file.extract(folder, names)
        except (py7zr.exceptions.ArchiveError, OSError, EOFError):
            continue  # broken on purpose, or without posts
        for name in names:
            try:
                posts = list(read_posts(str(folder / name)))
            except XMLSyntaxError:
                continue
            math, _ = site_uses_math(str(folder / name), [body for _, body in posts])
            for post_id, body in posts:
                judged += 1
                verdict = judge(body, html_to_markdown(body, math), math)
                if not verdict.equal:
                    failed.append((archive.stem, post_id, verdict.classes, verdict.want, verdict.got))
    assert judged and not failed


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>\u00a0\u00a0<b>Pier 4</b></p>", "\u00a0\u00a0**Pier 4**"),
        ("<p>a</p><p>\u00a0</p><p>b</p>", "a\n\n\u00a0\n\nb"),
        ("<p>\u2003<sub>low</sub></p>", "\u2003<sub>low</sub>"),
    ],
)
def test_spaces_that_are_text_stay_where_only_they_begin_a_paragraph(html, markdown):
    assert html_to_markdown(html, False) == markdown


def test_a_title_keeps_no_break_spaces_and_stays_on_one_line():
    assert text_to_markdown(" 10\u00a0m of\trope\u2028or\n chain ", False) == "10\u00a0m of rope or chain"
