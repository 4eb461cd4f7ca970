"""HTML -> Markdown under fire: random nestings of the sites' tags around nasty texts, broken HTML, sizes, depths."""

from __future__ import annotations

import random
import re
import sys
from html import unescape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from benchmarks.tools.fidelity.judge import judge
from benchmarks.tools.fidelity.reference import Reference
from stackdump.markdown import bodies, html_to_markdown, text_to_markdown
from stackdump.markdown.body_options import Options
from stackdump.markdown.repair import repaired
from stackdump.markdown.writer import Writer

pytestmark = pytest.mark.slow

quick = settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))

# ---- random posts ------------------------------------------------------------------------------------------------

WORDS = """foo a x1 snake_case _a_ __x__ * ** a*b **bold** ~~s~~ ~ ` ``c`` [x] [x](y) ]( [a]: ![i](u) ! \\ \\* C:\\_x
    &lt;b&gt; &lt;/p&gt; &amp; &amp;copy; &amp;#35; &nbsp; # ## 1. 1) - -- --- + = === &gt; | a|b --|-- :- . , ( )
    “q” é 日本 ~~~ ``` *** $5""".split()
TEX = [
    "$x_1$", "$a*b$", "$$\\sum_i$$", "$$\na\n- b\n$$", "\\begin{align}a&amp;=b\\\\\n-c\\end{align}", "\\$", "$", "${$",
    "\\[x^2\\]", "$a|b|$",
    '<span class="math-container">$y_2*z$</span>', '<span class="math-container">$$y\n+ z$$</span>',
]  # fmt: skip
ADDRESSES = [
    "http://a.b/c",
    "http://a.b/c_(d)",
    "http://a.b/c_(d",
    "u v",
    "/q/1",
    "#f",
    "http://é.x",
    "?q=1&amp;copy=2",
    "*b*",
    "`x`",
    "",
]
CODES = ["x", "a_b", "*p", "a`b", "`", "``", " a", " a ", "  ", "a|b", "&lt;b&gt;", "&amp;amp;", "\\", "a\nb", "]"]
LISTINGS = [
    "x\n",
    "if x:\n    y\n",
    "\na\n",
    "a\n\n\nb\n",
    "```\nx\n```\n",
    "~~~\n",
    " \n",
    "a  \nb\n",
    "&lt;b&gt; &amp;amp;\n",
    "no newline",
]

texts = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", " ", "", "\n", "  "])), min_size=1, max_size=5
).map(lambda pairs: "".join(word + space for word, space in pairs))


def wrap(*names: str):
    return lambda inside: st.tuples(st.sampled_from(names), inside).map(lambda t: f"<{t[0]}>{t[1]}</{t[0]}>")


def joined(parts, max_size=4):
    return st.lists(parts, min_size=1, max_size=max_size).map("".join)


codes = st.sampled_from(CODES).map("<code>{}</code>".format)
images = st.tuples(st.sampled_from(ADDRESSES), texts).map(lambda t: f'<img src="{t[0]}" alt="{t[1]}">')
leaves = texts | texts | codes | images | st.sampled_from(["<br>", "<br />\n", " ", ","])
unlinked = st.recursive(
    leaves,
    lambda inside: wrap("em", "strong", "i", "b", "s", "del", "sup", "sub", "kbd", "ins", "span")(joined(inside)),
    max_leaves=6,
)
links = st.tuples(st.sampled_from(ADDRESSES), joined(unlinked, 2)).map(lambda t: f'<a href="{t[0]}">{t[1]}</a>')
lines = joined(unlinked | unlinked | links)
tex_lines = joined(unlinked | links | st.sampled_from(TEX))


def blocks(inline):
    paragraphs = wrap("p", "p", "p", "h2", "h3")(inline)
    listings = st.tuples(
        st.sampled_from(["", ' class="lang-py prettyprint-override"', ' class="lang-none"']), st.sampled_from(LISTINGS)
    ).map(lambda t: f"<pre{t[0]}><code>{t[1]}</code></pre>")
    tables = st.lists(st.tuples(inline, inline), min_size=1, max_size=3).map(
        lambda rows: (
            "<table><thead><tr><th>{}</th><th>{}</th></tr></thead><tbody>".format(*rows[0])
            + "".join("<tr><td>{}</td><td>{}</td></tr>".format(*row) for row in rows[1:])
            + "</tbody></table>"
        )
    )
    plain = paragraphs | paragraphs | listings | tables | st.just("<hr>") | st.just("<!-- c -->") | inline

    def nested(inside):
        items = joined(wrap("li")(inside | inline | st.just("")), 3)
        return (
            wrap("blockquote", "div")(joined(inside, 3))
            | items.map("<ul>\n{}</ul>".format)
            | st.tuples(st.sampled_from(["", ' start="0"', ' start="99"']), items).map(
                lambda t: f"<ol{t[0]}>\n{t[1]}</ol>"
            )
            | joined(inside, 3).map('<blockquote class="spoiler">{}</blockquote>'.format)
        )

    return joined(st.recursive(plain, nested, max_leaves=5).map("{}\n".format), 3)


posts, tex_posts = blocks(lines), blocks(tex_lines)


@st.composite
def broken(draw):
    """A post of which some tags are missing, doubled, in upper case, or of another element."""
    html = draw(posts)
    for _ in range(draw(st.integers(1, 4))):
        tags = list(re.finditer(r"<[^>]*>", html))
        if not tags:
            break
        tag = draw(st.sampled_from(tags))
        other = draw(
            st.sampled_from(
                [
                    "",
                    tag[0] * 2,
                    tag[0].upper(),
                    "</p>",
                    "<p>",
                    "<b>",
                    "</i>",
                    "<li>",
                    "<a>",
                    "<td>",
                    "<x-y>",
                    "<",
                    ">",
                    "\r\n",
                    "<!--",
                ]
            )
        )
        html = html[: tag.start()] + other + html[tag.end() :]
    return html


# What the rules of `relax` and `numbered` decide about, and what stands beside it.
MARKUP = [
    *"*_~`\\[]()!#-+.|: aAb\n\n  ", "&lt;", "&gt;", "&amp;", "**", "__", "~~", "``", "*a", "a*", "_a", "a_", "`a", "~a",
    "a~", "&amp;amp", "&amp;lt;", "&amp;bogus;", "&lt;b&gt;", "&lt;/b&gt;", "&lt;a.b&gt;", "&lt;!", "](", "](a b)",
    "[a]: b", "1)", "2. ", "\n1) a", "\n2) b", "\n- ", "\n---", "\n===", "$", "\\$", "é", "“", "\xa0", "\u2003",
    "\u200b", "<br>", "<br>\n<br>", "<br>1) a<br>2) b",
]  # fmt: skip
markup = joined(st.sampled_from(MARKUP), 9)
marked_up = st.recursive(
    markup | markup.map("<code>{}</code>".format).filter(lambda html: "<br>" not in html),
    lambda inside: (
        wrap("em", "strong", "s", "sup", "sub", "kbd", "span")(joined(inside, 3))
        | joined(inside, 2).map('<a href="u*_v" title="t `*_&lt;">{}</a>'.format)
    ),
    max_leaves=5,
)
marked_up_posts = joined(
    wrap("p", "p", "p", "h2", "blockquote")(joined(marked_up))
    | st.tuples(st.sampled_from(["1) ", "2) ", "3) ", "1. "]), marked_up).map(lambda t: f"<p>{t[0]}{t[1]}</p>")
    | joined(wrap("li")(joined(marked_up, 2)), 3).map("<ul>{}</ul>".format),
    4,
)


# ---- what always holds -------------------------------------------------------------------------------------------


@quick
@given(
    st.text(st.characters(codec=None), max_size=200)
    | broken()
    | st.text("<>/=\"'&;#!-[]() \n\0\ud800abpx", max_size=80),
    st.booleans(),
)
def test_any_text_becomes_text(html, math):
    for markdown in (
        html_to_markdown(html, math),
        html_to_markdown(html, math, dollar="\\$"),
        text_to_markdown(html, math),
    ):
        markdown.encode()
        assert "\0" not in markdown and "\r" not in markdown


@quick
@given(posts | tex_posts)
def test_the_layout_is_tidy(html):
    markdown = html_to_markdown(html, True)
    assert markdown == markdown.strip(" \n") or "```" in markdown or "~~~" in markdown
    if "<pre" not in html:
        assert "\n\n\n" not in markdown
        assert not re.search(r"[ \t]\n", re.sub(r"\$\$.*?\$\$", "F", markdown, flags=re.S))


@quick
@given(tex_posts, st.booleans())
def test_a_well_nested_post_is_written_alike_with_and_without_repair(html, math):
    find_math = math and "math-container" not in html
    options = Options(math, find_math, "$", None, trusted=True)
    writer = Writer(options)
    writer.run(repaired(html))
    assert writer.result() == html_to_markdown(html, math)


@quick
@given(tex_posts, st.booleans())
def test_links_and_emphasis_of_plain_text_are_written_as_any_other(html, math):
    with_attributes = re.sub("<(em|strong|a)(?=[ >])", r'<\1 class="x"', html)  # which are not one token
    assert html_to_markdown(html, math) == html_to_markdown(with_attributes, math)


@pytest.mark.parametrize(
    "html",
    [
        "<p><a href='u'><em>a</em> b</a></p>",
        '<p>!<a href="u">a</a></p>',
        "<p>*<em>a</em><em>b</em></p>",
        "<p>a<em> b </em>c <strong>d.</strong>e</p>",
        '<p><em>a <em>b</em> <a href="u">c</a></em></p>',
        '<p><a href="//a.b/c">a.b</a>, <a href="/c">https://x.com/c</a>, <a href="u v">a\nb</a></p>',
        '<p><a href="https://a.b/c">https://a.b/c</a>, <a href="mailto:a@b.c">mailto:a@b.c</a> <a href="x"> </a></p>',
        '<ul><li>1) <em>a</em>\n<strong>2) b</strong>\n<a href="u">3) c</a></li></ul>',
    ],
)
def test_the_rare_links_and_emphases_of_plain_text_are_written_as_any_other(html):
    with_attributes = re.sub("<(em|strong|a)(?=[ >])", r'<\1 class="x"', html)
    assert html_to_markdown(html, True, base_url="https://x.com") == html_to_markdown(
        with_attributes, True, base_url="https://x.com"
    )


def test_the_posts_of_a_site_need_no_repair(monkeypatch):
    html = (
        '<p>a <em>b</em> <code>c</code> <a href="u" rel="nofollow">d</a><br>\n<img src="s" alt="x"></p>\n\n'
        '<pre class="lang-py s-code"><code>x\n</code></pre>\n<!-- c -->\n<ul>\n<li><p>a</p></li>\n</ul>\n'
        '<ol start="2">\n<li>b</li>\n</ol>\n<blockquote class="spoiler">\n<p>q</p>\n</blockquote>\n<hr />\n'
        '<h2>h</h2>\n<p><span class="math-container">$x$</span><sup>1</sup></p>\n<div class="s-table-container">'
        '<table class="s-table">\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n'
        "<tbody>\n<tr>\n<td>1</td>\n</tr>\n</tbody>\n</table></div>"
    )
    monkeypatch.setattr(bodies, "repaired", lambda _: pytest.fail("repaired"))
    assert html_to_markdown(html, True).count("\n\n") == 8


# ---- meaning, by a renderer of Markdown alone --------------------------------------------------------------------

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
RENDERER.validateLink = lambda url: True
SAME = {"b": "strong", "i": "em", "s": "del", "strike": "del"}


def plain(text: str) -> str:
    """The text with spaces of all kinds as one plain one, and without those of no width."""
    return re.sub("[ \xa0\u2003]+", " ", text.replace("\u200b", ""))


def visible(html: str) -> list[str]:
    """The visible characters of HTML, each with the elements that it stands in, but for what is only spelling."""
    out = []

    def walk(node, inside):
        while node is not None:
            if node.is_text_node:
                text = node.text_content
                if "pre" not in inside:
                    text = re.sub(r"[ \t\n\r\f\xa0\u2003\u200b]+", "", text)
                out.extend((c, inside) for c in text.rstrip("\n"))
            elif node.is_element_node:
                name = SAME.get(node.tag, node.tag)
                # sub and sup: small print is written without them
                skipped = name in ("p", "span", "div", "thead", "tbody", "code", "sub", "sup")
                walk(node.child, inside if skipped or name in inside else tuple(sorted((*inside, name))))
            node = node.next

    walk(LexborHTMLParser(html, is_fragment=True, fragment_tag="body").root, ())
    return out


@quick
@given(posts)
def test_a_renderer_shows_the_same(html):
    html = html.replace(' class="spoiler"', "")  # (which this renderer does not know)
    assert visible(RENDERER.render(html_to_markdown(html, False))) == visible(html)


@quick
@given(texts.map(unescape))
def test_a_renderer_shows_the_same_title(title):
    markdown = text_to_markdown(title, False)
    assert "\n" not in markdown
    html = RENDERER.render(markdown)
    assert not html or re.fullmatch("<p>[^<]*</p>\n", html)
    shown = re.sub("[ \t\n\v\f\x1c-\x1e\x85\u2028\u2029]+", " ", title)
    assert plain(unescape(html[3:-5])).strip() == plain(shown).strip()


# ---- meaning, by the measure -------------------------------------------------------------------------------------


@quick
@given(html=posts)
def test_meaning_is_kept(html):
    verdict = judge(html, html_to_markdown(html, False), False)
    assert verdict.equal, (verdict.classes, verdict.want, verdict.got)


@quick
@given(html=tex_posts)
def test_meaning_is_kept_with_math(html):
    verdict = judge(html, html_to_markdown(html, True), True)
    assert verdict.equal, (verdict.classes, verdict.want, verdict.got)


@quick
@given(html=marked_up_posts, math=st.booleans())
def test_meaning_is_kept_of_what_looks_like_markup(html, math):
    verdict = judge(html, html_to_markdown(html, math), math)
    assert verdict.equal, (verdict.classes, verdict.want, verdict.got)


@quick
@given(html=posts)
def test_converting_again_changes_nothing(html):
    markdown = html_to_markdown(html, False)
    rendered, _ = Reference(False).render(markdown)
    verdict = judge(html, html_to_markdown(rendered, False), False)
    assert verdict.equal, (verdict.classes, verdict.want, verdict.got)


# ---- size and depth ----------------------------------------------------------------------------------------------

SHAPES = {
    "quotes": lambda n: "<blockquote>" * n + "x" + "</blockquote>" * n,
    "unclosed quotes": lambda n: "<blockquote>" * n,
    "lists": lambda n: "<ul><li>" * n + "x" + "</li></ul>" * n,
    "spans": lambda n: "<span>" * n + "x" + "</span>" * n,
    "emphasis": lambda n: "<em>" * n + "x" + "</em>" * n,
    "superscripts": lambda n: "<sup>" * n + "x" + "</sup>" * n,
    "divs": lambda n: "<div>" * n + "x" + "</div>" * n,
    "tables": lambda n: "<table><tr><td>" * n,
    "definition lists": lambda n: "<dl><dd>" * n,
    "code blocks": lambda n: "<pre><b>" * n,
    "unclosed bold": lambda n: "<p><b>x" * n,
    "unclosed fonts": lambda n: "".join(f"<p><font color={i}>x" for i in range(n)),
    "links": lambda n: '<a href="x">y' * n,
    "stars": lambda n: "<p>" + "*a " * n,
    "a run of stars": lambda n: "*" * n,
    "underscores": lambda n: "_a " * n,
    "backticks": lambda n: "`" * n,
    "code of backticks": lambda n: f"<code>{'`' * n}</code>",
    "less-than": lambda n: "<" * n,
    "tags without end": lambda n: '<a "' * n,
    "comments without end": lambda n: "<!-- " * n,
    "dollars": lambda n: "$" * n,
    "braces": lambda n: "${" * n,
    "environments": lambda n: "".join(f"\\begin{{a{i}}}" for i in range(n)),
    "brackets": lambda n: "](" * n,
    "breaks": lambda n: "<p>" + "<br> " * n,
    "no-break spaces": lambda n: "<p>a" + "\u00a0" * n + "b",
    "tags that are text": lambda n: "<p>" + "&lt;a " * n,
    "tildes": lambda n: "<p>" + "~a " * n,
    "adjoining code": lambda n: "<p>" + "<code>`</code>" * n,
    "numbered lines": lambda n: "<p>" + "<br>".join(f"{i}) a" for i in range(1, n)),
    "numbered paragraphs": lambda n: "".join(f"<p>{i}) a</p>" for i in range(1, n)),
    "small print": lambda n: "<p>" + "<sub>a</sub> " * n,
    "lines of a formula": lambda n: "<p>$$a" + "\n- b" * n + "$$",
    "white space": lambda n: "<p>a" + " " * n + "\n" * n + "b",
    "rows": lambda n: "<table><tr><th>a</th></tr>" + "<tr><td>b</td></tr>" * n + "</table>",
    "emphasis in doubt": lambda n: "<p>" + "<em>a.</em>b " * n,
    "adjoining emphasis": lambda n: "<p>" + "<em>a</em>" * n,
    "links and emphasis of text": lambda n: "<p>" + '<a href="u">a</a> <strong>a</strong> <em>b ' * n,
    "formulas in blocks": lambda n: "<p>" + "$${a$ " * n,
    "brackets in a link": lambda n: '<a href="u">' + "[<b>x</b>" * n,
    "backslashes": lambda n: "\\" * n,
    "closing tags": lambda n: "</p>" * n,
}


class Steps:
    """Counts the lines of Python that run: a measure of time without a clock. (What is inside `re` is not seen; that
    its searches are linear is what `benchmarks/markdown.py --linear` shows.)"""

    def __enter__(self):
        self.count = 0
        self.before = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def trace(self, frame, event, arg):
        self.count += event == "line"
        return self.trace

    def __exit__(self, *exc):
        sys.settrace(self.before)


@pytest.mark.parametrize("shape", SHAPES)
def test_work_grows_no_faster_than_the_body(shape):
    counts = []
    for n in (1000, 2000):
        html = SHAPES[shape](n)
        with Steps() as steps:
            markdown = html_to_markdown(html, True)
        assert len(markdown) < 40 * len(html) + 100
        counts.append(steps.count)
    assert counts[1] < 2.3 * counts[0] + 20_000


@pytest.mark.parametrize("shape", SHAPES)
def test_ten_thousand_of_anything(shape):
    html_to_markdown(SHAPES[shape](10_000), True)


@pytest.mark.parametrize("shape", ["stars", "quotes", "less-than", "braces", "white space", "emphasis in doubt"])
def test_a_body_of_a_megabyte(shape):
    make = SHAPES[shape]
    html_to_markdown(make(1_000_000 // len(make(1000)) * 1000), True)


@pytest.mark.parametrize(
    ("html", "markdown"),
    [("<s<!--><p>a</_", "a"), ("<p><b<!--><i>a</i></p> <!", "*a*"), ("<s<!--><t<!--></_", "")],
)
def test_a_comment_in_the_name_of_a_tag(html, markdown):
    assert html_to_markdown(html, False) == markdown


def test_random_bytes():
    random_ = random.Random(1)
    for _ in range(300):
        html_to_markdown(random_.randbytes(random_.randrange(400)).decode("utf-8", "surrogateescape"), True)
