"""A record as a page: it looks as on the site, findings are marked, and a stranger's post can do no harm."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from review.criteria import Finding, find_problems
from stackdump.markdown import html_to_markdown
from tests.conftest import record
from viewer.formulas import Formulas
from viewer.post_html import post_html, source_html, uses_math
from viewer.render import LONGEST, has_images, render


def shown(markdown: str, *findings: Finding, math: bool = True, images: bool = False) -> LexborHTMLParser:
    return LexborHTMLParser(post_html(markdown, findings, math=math, images=images), is_fragment=True)


def text_of(markdown: str, **options) -> str:
    return " ".join(shown(markdown, **options).text().split())


# ---- Markdown as the site shows it -----------------------------------------------------------------------------------


def test_a_table_has_its_cells_and_alignments():
    table = shown("| a | b |\n|:-:|--:|\n| 1 | ~~2~~ |")
    assert [cell.text() for cell in table.css("th")] == ["a", "b"]
    assert [cell.attributes["align"] for cell in table.css("td")] == ["center", "right"]
    assert table.css_first("td s").text() == "2"


def test_a_spoiler_is_closed_and_holds_blocks():
    page = shown("Before\n\n>! **secret**\n>!\n>! - one\n>! - two\n\nafter")
    spoiler = page.css_first("details.spoiler")
    assert "open" not in spoiler.attributes
    assert spoiler.css_first("strong").text() == "secret"
    assert [item.text() for item in spoiler.css("li")] == ["one", "two"]
    assert [paragraph.text() for paragraph in page.css("details ~ p")] == ["after"]


def test_a_quote_is_not_a_spoiler():
    assert shown("> !important").css_first("details") is None


def test_nested_spoilers_have_a_limit():
    assert len(shown(">!" * 5_000 + "x").css("details")) < 10


@pytest.mark.parametrize("info", ["python", "py", "lang-py", "Python startinline"])
def test_code_is_highlighted_in_its_language(info):
    assert shown(f"```{info}\nreturn 1\n```").css_first("pre code span.k").text() == "return"


@pytest.mark.parametrize("info", ["", "no-such-language"])
def test_code_of_an_unknown_language_is_plain(info):
    code = shown(f"```{info}\nreturn <b> & 1\n```").css_first("pre code")
    assert code.css("span") == []
    assert code.text() == "return <b> & 1\n"


def test_formulas_become_mathml():
    page = shown("So $x_1^2$ and\n\n$$\\frac{a}{b}$$\n\n\\begin{align}a&=b\\\\c&=d\\end{align}")
    inline, display, align = page.css("math")
    assert inline.css_first("msubsup").text() == "x12"
    assert "display" not in inline.attributes
    assert display.attributes["display"] == "block"
    assert display.css_first("mfrac").text() == "ab"
    assert len(align.css("mtr")) == 2
    assert "(1)" not in align.text()  # the sites do not number equations


def test_dollars_in_code_are_dollars():
    page = shown("$x$ `$a$ $b$` and\n\n```sh\necho $HOME $PATH\n```\n\n    $c$ $d$")
    assert len(page.css("math")) == 1
    assert [code.text() for code in page.css("code")] == ["$a$ $b$", "echo $HOME $PATH\n", "$c$ $d$\n"]


def test_escaped_dollars_are_dollars():
    assert text_of("It costs \\$5 or \\$6, $x$ of them") == "It costs $5 or $6, x of them"


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"\text{if $x$ is}", "ifxis"),
        (r"\mbox{a}", "a"),
        (r"\label{eq}x", "x"),
        (r"\newcommand{\R}[1]{\mathbb{R}^#1}\R n", "ℝn"),
        (r"\DeclareMathOperator{\Hom}{Hom}\Hom", "Hom"),
        (r"\sum_{\substack{a\\b}}", "∑ab"),
        (r"\boxed{x}", "x"),
        (r"\matrix{a & b \\ c & d}", "abcd"),
        (r"\cases{0 & \text{if $x<1$} \\ 1}", "{0ifx&lt;11\u2063"),
        (r"\eqalign{a&=b}", "a=b"),
        (r"\left\lt f,g\right\gt", "⟨f,g⟩"),
        (r"\left<a\right>", "⟨a⟩"),
        (r"a\lt b\gt c", "a&lt;b&gt;c"),
        (r"\xi^1\dotso\xi^k\dotsm", "ξ1...ξk⋯"),
        (r"\color{orchid}i + \textcolor{tomato}{x}", "i+x"),
        (r"\Large e^{\small x}\largefont", None),
        (r"\Large e^{\small x}", "ex"),
        (r"\frac{\text{#(pairs) in %}}{n}", "#(pairs)in%n"),
        (r"\verb`if a_b`\ x", "ifa_bx"),
        (r"\verbatim", None),
        (r"\newcommand{with}{y}\with", "y"),
        (r"\newcommand{\?}{y}\?", "y"),
        (r"\renewcommand\Im{\operatorname{\mathcal{I}}}\Im M", "ℐ\ufe00M"),
        ("\\begin{array}{c}a,\\ \\\nb\\\\\\\nc\\end{array}", "a,bc"),
        (r"\style{color: red}{x}\class{a}{y}\href{javascript:alert(1)}{z}", "xyz"),
        (r"\llap f\mathrlap{x}\pmb{y}", "fx𝒚"),
    ],
)
def test_formulas_that_only_mathjax_understands_are_translated(tex, text):
    html = Formulas().html(tex, display=True)
    if text is None:  # nothing that only begins like a translated word
        assert html.startswith('<code class="unrendered"')
        return
    assert html.startswith("<math")
    assert re.sub(r"<[^>]*>|\s|\u00a0", "", html) == text


def test_a_commutative_diagram_has_its_objects_arrows_and_labels():
    tex = r"\require{AMScd}\begin{CD}A @>f>> B @<<g< C\\ @VVV @AhAA @|\\ D @= E @. F\end{CD}"
    rows = shown(f"$${tex}$$").css("mtr")
    texts = [[re.sub(r"\s|\u00a0", "", cell.text()) for cell in row.css("mtd")] for row in rows]
    assert texts == [["A", "→f", "B", "←g", "C"], ["↓", "", "h↑", "", "‖"], ["D", "=", "E", "", "F"]]


@pytest.mark.parametrize(
    "tex", [r"\verb" + "`" * 4_000, "\\" * 2_400 + "\n", r"\begin{CD}" + "@>" * 2_000, r"\text{" + "$x" * 2_000]
)
def test_hostile_tex_is_simplified_in_no_time(tex):
    """Each would take minutes if a pattern tried its parts in all ways."""
    Formulas().html(tex, display=True)


def test_a_macro_is_valid_up_to_the_end_of_its_post():
    page = shown(r"$\newcommand{\foo}{y}$ $\foo$ $\newcommand{\foo}{z}\foo$")
    assert [math.text() for math in page.css("math")] == ["", "y", "z"]
    assert shown(r"$\foo$").css_first("math") is None


@pytest.mark.parametrize("tex", [r"\nosuchcommand{<b>}", r"\def\a{\a\a}\a", "x" * 6_000])
def test_a_formula_that_cannot_be_converted_is_shown_as_source(tex):
    page = shown(f"${tex}$")
    assert page.css_first("code.unrendered").text() == tex
    assert page.css_first("b") is None


@pytest.mark.parametrize(
    "text", ["let $n$ be", "$a_1$, $ b $", "$$x$$", "\\begin{align}a\\end{align}", "$a = b$", "$12$"]
)
def test_dollars_around_tex_are_formulas(text):
    assert uses_math(text)


@pytest.mark.parametrize(
    "text", ["costs $5 and $6", "from $HOME to $PATH", "US$5-$6", "`$x$`", "\\$x\\$", "```\n$x$\n```"]
)
def test_dollars_of_money_and_of_shells_are_not(text):
    assert not uses_math(text)


def test_html_without_a_markdown_form_is_rendered():
    page = shown(
        "H<sub>2</sub>O, 10<sup>2</sup>, <kbd>K</kbd>\n\n<details><summary>More</summary>\n\n*x*\n\n</details>"
    )
    texts = {tag: page.css_first(tag).text() for tag in ("sub", "sup", "kbd", "summary", "details em")}
    assert texts == {"sub": "2", "sup": "2", "kbd": "K", "summary": "More", "details em": "x"}


def test_what_our_markdown_writer_writes_is_rendered_as_the_original_html():
    html = (
        '<p>A <strong>b</strong> &lt;c&gt; <code>d`e</code></p><blockquote class="spoiler"><p>s</p></blockquote>'
        "<table><thead><tr><th>h</th></tr></thead><tbody><tr><td>$x$ | y</td></tr></tbody></table>"
        '<pre class="lang-py prettyprint-override"><code>a = "$b"\n</code></pre><ol start="3"><li><p>z</p></li></ol>'
    )
    page = shown(html_to_markdown(html, True))
    assert page.css_first("strong").text() == "b"
    assert page.css_first("p code").text() == "d`e"
    assert page.css_first("details p").text() == "s"
    assert page.css_first("td").text() == "x | y"
    assert page.css_first("pre").text() == 'a = "$b"\n'
    assert page.css_first("ol").attributes["start"] == "3"


# ---- the places of findings ------------------------------------------------------------------------------------------


def finding(markdown: str, text: str, criterion: int = 4) -> Finding:
    start = markdown.index(text)
    return Finding(criterion, "why", start, start + len(text))


@pytest.mark.parametrize(
    ("markdown", "place", "marked"),
    [
        ("As @bob said", "@bob", ["@bob"]),
        ("a *b c* d", "b c* d", ["b c", " d"]),
        ("a \\*b\\* c", "\\*b\\*", ["*", "b", "*"]),
        ("x &amp; y", "&amp;", ["&"]),
        ("| a | a |\n|---|---|\n| b | EDIT: |", "EDIT:", ["EDIT:"]),
        ("> quoted\n> @bob", "@bob", ["@bob"]),
        ("- item\n- @bob", "@bob", ["@bob"]),
        ("see [here](http://x.y/here) here.", "http://x.y/here", ["here"]),
        ("see [the page](http://x.y)", "[the page](http://x.y)", ["the page"]),
        ("see <http://x.y>", "<http://x.y>", ["http://x.y"]),
        ("![alt](http://x.y/i.png)", "![alt](http://x.y/i.png)", ["image: alt http://x.y/i.png"]),
        ("run `a b` now", "a b", ["a b"]),
        ("let $x+y$ be", "$x+y$", ["x+y"]),
        ("one\r\ntwo @bob", "@bob", ["@bob"]),
        (">! hidden @bob", "@bob", ["@bob"]),
        ("`x` x and x", "x and", ["x and"]),
    ],
)
def test_a_finding_is_marked_where_it_is_visible(markdown, place, marked):
    marks = shown(markdown, finding(markdown, place)).css("mark.finding")
    assert [mark.text() for mark in marks] == marked
    assert [mark.attributes.get("data-criteria") for mark in marks] == ["4"] + [None] * (len(marks) - 1)
    assert marks[0].attributes["title"] == "4: why"


def test_only_the_cell_with_the_finding_is_marked_among_cells_with_the_same_text():
    markdown = "| @bob | @bob | @bob |\n|---|---|---|"
    start = markdown.index("@bob", 5)
    cells = shown(markdown, Finding(4, "why", start, start + 4)).css("th")
    assert [cell.css_first("mark") is not None for cell in cells] == [False, True, False]


def test_overlapping_findings_are_both_marked():
    markdown = "abc def ghi"
    marks = shown(markdown, finding(markdown, "abc def", 4), finding(markdown, "def ghi", 6)).css("mark")
    assert [(mark.text(), mark.attributes["title"]) for mark in marks] == [
        ("abc ", "4: why"),
        ("def", "4: why; 6: why"),
        (" ghi", "6: why"),
    ]


def test_a_finding_in_a_code_block_marks_the_block():
    markdown = "a\n\n```\nb\n```\n\n```\nc\n```"
    assert [block.text() for block in shown(markdown, finding(markdown, "b\n```")).css("pre.finding")] == ["b\n"]


def test_a_finding_about_all_of_a_long_answer_is_only_listed():
    text = "wort " * 200
    about_all = Finding(2, "not English", 0, len(text))
    page = render(record(response=text), [about_all])
    assert "<mark" not in page.answer
    assert "not English" in page.findings
    assert "<mark" not in render(record(response=text), [about_all], raw=True).answer


def test_marks_change_nothing_else():
    markdown = "# A\n\na *b* [c](http://d) `e` $f$ \\* &amp;\n\n- g\n\n| h |\n|---|\n| i |"
    plain = shown(markdown).text()
    for start in range(len(markdown)):
        found = [Finding(1, "", start, min(start + 5, len(markdown)))]
        assert shown(markdown, *found).text() == plain


def test_the_source_is_marked_exactly():
    markdown = "see [here](http://x.y) & <b>"
    page = LexborHTMLParser(source_html(markdown, [finding(markdown, "http://x.y", 6)]), is_fragment=True)
    assert page.text() == markdown
    assert page.css_first("mark").text() == "http://x.y"


def test_the_criteria_s_own_findings_are_listed_and_marked():
    row = record(response="As @bob said, see [this](https://example.org/x) for the rest of it.")
    found = find_problems(row)
    page = render(row, found)
    assert {finding.criterion for finding in found} >= {4, 6}
    assert len(LexborHTMLParser(page.findings, is_fragment=True).css("li")) == len(found)
    assert "@bob" in [mark.text() for mark in LexborHTMLParser(page.answer, is_fragment=True).css("mark")]


# ---- untrusted posts -------------------------------------------------------------------------------------------------

ATTACKS = [
    "<script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<img srcset="http://evil.example/a.png 1x">',
    "<picture><source srcset=http://evil.example/a.png></picture>",
    "![x](http://evil.example/pixel.png)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href=data:text/html,<script>alert(1)</script>>x</a>",
    "<a href=vbscript:x>x</a>",
    "[x](javascript:alert(1))",
    "[x](<java&#115;cript:alert(1)>)",
    "<javascript:alert(1)>",
    "<a href=http://a.example ping=http://evil.example>x</a>",
    "<details ontoggle=alert(1) open>x</details>",
    "<svg onload=alert(1)><a xlink:href=javascript:alert(1)><text>x</text></a></svg>",
    "<svg><style>@import url(http://evil.example)</style></svg>",
    "<math><maction actiontype=statusline xlink:href=javascript:alert(1)>x</maction></math>",
    "<math><mi href=javascript:alert(1) style=background:url(http://evil.example)>x</mi></math>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<math><annotation-xml encoding=text/html><img src=x onerror=alert(1)></annotation-xml></math>",
    "<style>*{background:url(http://evil.example)}</style>",
    "<p style='background:url(http://evil.example)'>x</p>",
    "<link rel=stylesheet href=http://evil.example>",
    "<link rel=dns-prefetch href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<base href=http://evil.example>",
    "<iframe src=http://evil.example></iframe><iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=http://evil.example></object><embed src=http://evil.example><applet code=x>",
    "<video src=http://evil.example poster=http://evil.example autoplay></video><audio src=http://evil.example>",
    "<form action=http://evil.example><input type=image src=http://evil.example><button formaction=javascript:x>x",
    "<input autofocus onfocus=alert(1)><textarea><select><keygen>",
    "<body onload=alert(1) background=http://evil.example>",
    "<table background=http://evil.example><td background=http://evil.example>x</table>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<template><script>alert(1)</script></template><title><img src=x onerror=alert(1)></title>",
    "<xmp><script>alert(1)</script></xmp><plaintext><script>alert(1)</script>",
    "<div id=site name=cookie class=review-judge>x</div>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml-stylesheet href=http://evil.example?>",
    r"$\href{javascript:alert(1)}{x}$ $\style{background:url(http://evil.example)}{x}$ $\class{a}{x}$ $\cssId{a}{x}$",
    r"$\require{html}\unicode[a;background:url(http://evil.example)]{65}$",
    r"$\bbox[background:url(http://evil.example)]{x}$",
    r"$\text{<img src=x onerror=alert(1)>}$ $\text{<script>alert(1)</script>}$ $<img src=x onerror=alert(1)>$",
    r"$\color{red;background:url(http://evil.example)}{x}$ $\textcolor{url(http://evil.example)}{x}$",
    r"$\includegraphics{http://evil.example}$ $\nosuch<script>alert(1)</script>$",
    "```<img src=x onerror=alert(1)>\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "`<script>alert(1)</script>` &lt;script&gt;alert(1)&lt;/script&gt;",
    "| <script>alert(1)</script> |\n|---|\n| <img src=x onerror=alert(1)> |",
    "![<img src=x onerror=alert(1)>\"](x\"onerror=alert(1))",
    "<mark class=finding title='\"><script>alert(1)</script>' data-criteria='<img src=x onerror=alert(1)>'>x</mark>",
]  # fmt: skip
FORBIDDEN = set(
    "script style iframe object embed link meta base form input button svg video audio source picture textarea select "
    "template noscript title annotation-xml maction".split()
)
FETCHED = {"src", "srcset", "poster", "data", "background", "action", "formaction", "ping", "xlink:href", "srcdoc"}


def assert_harmless(html: str, *, images: bool = False) -> None:
    """Assert that in the parsed HTML no element or attribute runs, fetches, styles or names anything."""
    for node in LexborHTMLParser(f"<div>{html}</div>", is_fragment=True).root.traverse():
        name = node.tag.lower()
        assert name not in FORBIDDEN, html
        assert name != "img" or images, html
        for attribute, value in node.attributes.items():
            assert not attribute.startswith("on"), html
            assert attribute not in {"id", "name"} | (FETCHED if name != "img" else set()), html
            assert attribute != "href" or re.match(r"(https?|mailto):", value or ""), html
            assert attribute != "style" or not re.search(r"url|image|expression|@|\\", value or ""), html
            if name == "img":
                assert attribute in {"src", "alt", "referrerpolicy", "loading"}, html
                assert attribute != "src" or re.match(r"https?:", value or ""), html
        if name == "a":
            assert (node.attributes.get("target"), node.attributes.get("rel")) == (
                "_blank",
                "noopener noreferrer nofollow",
            )


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("before", ["", "text ", "- ", "> ", ">! ", "<details>\n\n", "<p>"], ids=repr)
def test_a_post_cannot_run_or_fetch_anything(attack, before):
    found = [Finding(4, '"><script>alert(1)</script>', 0, len(attack))]
    for math in (True, False):
        assert_harmless(post_html(before + attack, found, math=math))
        assert_harmless(post_html(before + attack, found, math=math, images=True), images=True)
    assert_harmless(source_html(before + attack, found))


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.sampled_from([*ATTACKS, "<b>", "</p>", "\n", "\n\n", '"', "'", "<", ">", "`", "$", "\\", "&#x3c;"]),
        max_size=6,
    )
)
def test_combined_attacks_cannot_run_or_fetch_anything_either(parts):
    text = "".join(parts)
    assert_harmless(post_html(text, [Finding(1, "x", 1, 9)], math=True))


def test_hostile_fields_of_a_record_are_text():
    evil = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
    meta = {
        "site": evil,
        "title": evil,
        "tags": [evil, {"a": evil}],
        "question_score": evil,
        "answer_score": [evil],
        "answer_url": "javascript:alert(1)",
        "question_author": evil,
        "question_author_url": "data:text/html," + evil,
        "answer_author": evil,
        "answer_author_url": f"https://a.example/{evil}",
        "question_license": evil,
        "license": {"a": evil},
        "accepted": evil,
    }
    page = render(record(instruction=f"{evil}\n\n{evil}", meta=meta, source=evil), [Finding(4, evil, 0, 3)])
    for part in page:
        assert_harmless(part)
    assert "javascript" not in page.about


@pytest.mark.parametrize(
    "meta", [{}, {"tags": "x", "site": 3}, {"answer_url": "http://[", "tags": None}, {"title": None}]
)
def test_a_record_of_another_source_has_a_page(meta):
    row = {"id": "conala/1", "source": "conala", "instruction": "a\n\nb", "response": "`c`", "meta": meta}
    assert "<code>c</code>" in render(row, []).answer


def test_images_are_shown_only_on_request():
    row = record(response='![a "knot"](https://i.example/k.png) <IMG src="https://i.example/2.png" onerror=x>')
    page = LexborHTMLParser(render(row, []).answer, is_fragment=True)
    assert page.css("img") == []
    assert [image.text() for image in page.css("span.image")] == [
        'image: a "knot" https://i.example/k.png',
        "image: no description https://i.example/2.png",
    ]
    images = LexborHTMLParser(render(row, [], images=True).answer, is_fragment=True).css("img")
    assert [image.attributes["src"] for image in images] == ["https://i.example/k.png", "https://i.example/2.png"]
    assert all(image.attributes["referrerpolicy"] == "no-referrer" for image in images)
    assert has_images(row)
    assert not has_images(record())


def test_links_into_jupyter_are_text():
    assert [
        link.attributes.get("href") for link in shown("[a](/lab/x) [b](#c) [d](../e) [f](//g.example)").css("a")
    ] == [None] * 4


# ---- odd and long posts ----------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(
    st.text(alphabet=st.sampled_from(list("ab$`*_[]()<>!&|\\-#~:\n \r\t\0\u2028{}^1é\ue000")), max_size=120),
    st.integers(0, 60),
)
def test_any_text_has_a_page(text, start):
    row = record(instruction=f"T\n\n{text}", response=text)
    found = [Finding(4, "x", min(start, len(text)), min(start + 7, len(text)))]
    for raw in (False, True):
        for part in render(row, found, raw=raw):
            assert_harmless(part)


def test_a_huge_post_is_shortened_and_says_so():
    page = render(record(response="word " * LONGEST), [])
    assert len(page.answer) < 2 * LONGEST
    assert "400,000 more characters are not shown" in page.answer


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [
        "*a ",
        "[",
        "![",
        "$",
        "${",
        "<a ",
        "`",
        "> ",
        ">!",
        "- ",
        "\\(",
        "<div>",
        "[a](",
        "|a",
        "**",
        "&#",
        "\\begin{a}",
        "<!--",
    ],
)
def test_time_is_proportional_to_the_length(shape):
    def seconds(length: int) -> float:
        text = "$x$" + shape * (length // len(shape))
        times = []
        for _ in range(3):
            started = time.process_time()
            render(record(response=text), [Finding(1, "x", 10, 20)])
            times.append(time.process_time() - started)
        return min(times)

    # four times the length: quadratic code would take 16 times as long
    assert seconds(32_000) < 10 * max(seconds(8_000), 0.02)
