"""HTML -> Markdown: one test a rule, with invented HTML and the exact Markdown that is expected."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from markdown_it import MarkdownIt

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

HARD_BREAKS = {
    "two end a paragraph": ("<p>a<br>\n<br>\nb</p>", "a\n\nb"),
    "more than two": ("<p>a<br><br/> <BR />&nbsp;<br>b</p>", "a\n\nb"),
    "one at the start or the end": ("<p><br>a<br></p><p><br></p><p> <br>b</p>", "a\n\nb"),
    "in a quote": ("<blockquote><p>a<br><br>b</p></blockquote>", "> a\n>\n> b"),
    "in an item": ("<ul><li>a<br><br>b</li><li>c</li></ul>", "- a\n\n  b\n\n- c"),
    "in emphasis": ("<p><em>a<br><br>b</em> c</p>", "*a*\n\n*b* c"),
    "at the end of emphasis": ("<p><b>a<br></b><br>b</p>", "**a**\n\nb"),
    "at the start of emphasis": ("<p>a<br><b><br>b</b></p>", "a\n\n**b**"),
    "around emphasis": ("<p>a<br> <i> </i> <br>b</p>", "a\n\nb"),
    "in a link": ('<p><a href="u">a<br><br>b</a></p>', "[a](u)\n\n[b](u)"),
    "in a heading": ("<h2>a<br><br>b</h2>", "## a<br><br>b"),
    "in a code block": ("<pre>a<br><br>b</pre>", "```\na\n\nb\n```"),
    "around an image": ('<p>a<br><br><img src="s" alt="b"><br><br></p>', "a\n\n![b](s)"),
    "of a list typed by hand": ("<p>a<br><br>- b<br>- c</p>", "a\n\n\\- b\\\n\\- c"),
}

SMALL_PRINT = {
    "a note": ("<p><sub>a <em>b</em> c.</sub></p>", "a *b* c."),
    "in each line": ("<p><sup>a</sup><br>\n<sup>b</sup></p>", "a\\\nb"),
    "in emphasis and a link": ('<p><em><sub>a</sub></em> <a href="u"><sub>b</sub></a></p>', "*a* [b](u)"),
    "smaller still": ("<p><sub><sub>a <sup>1</sup></sub></sub></p>", "a <sup>1</sup>"),
    "in an item and a quote": (
        "<ul><li><sub>a</sub></li></ul><blockquote><p><sup>b</sup></p></blockquote>",
        "- a\n\n> b",
    ),
    "around paragraphs": ("<sub><p>a</p><p>b</p></sub>", "a\n\nb"),
    "beside text": ("<p><sub>a</sub>: b</p>", "<sub>a</sub>: b"),
    "beside code": ("<p><code>a</code><sub>1</sub></p>", "`a`<sub>1</sub>"),
    "a footnote's mark": ("<p><sup>1</sup> a</p>", "<sup>1</sup> a"),
    "a fraction": ("<p><sup>1</sup><sub>2</sub></p>", "<sup>1</sup><sub>2</sub>"),
    "of two kinds": ("<p><sub><sup>a</sup> <sub>b</sub></sub></p>", "<sup>a</sup> <sub>b</sub>"),
    "in a cell": ("<table><tr><th><sup>a</sup></th></tr></table>", "| <sup>a</sup> |\n| --- |"),
    "in a heading": ("<h2><sup>a</sup></h2>", "## <sup>a</sup>"),
    "tags that are text": ("<p>&lt;sub&gt;a&lt;/sub&gt; <code>&lt;sub&gt;</code></p>", "\\<sub>a\\</sub> `<sub>`"),
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
    "an item of stars that looks like a rule": ("<ul><li>a</li></ul><ul><li>**</li></ul>", "- a\n\n* \\**"),
    "reversed": ("<ol reversed><li>a</li></ol>", "<ol reversed><li>a</li></ol>"),
    "numbered by hand": ('<ol>\n<li value="7">a</li>\n</ol>', '<ol><li value="7">a</li></ol>'),
    "a list beside the items": ("<ul><li>a</li><ul><li>b</li></ul></ul>", "- a\n  - b"),
}

TYPED_LISTS = {
    "lines after hard breaks": ("<p>1) a<br>\n2) b</p>", "1) a\n2) b"),
    "lines after soft breaks": ("<p>Try:\n1. a\nb\n2. c</p>", "Try:\n\n1. a\n   b\n2. c"),
    "lines after text": ("<p>So:<br>1) a<br>b<br>2) <b>c</b></p>", "So:\n\n1) a\\\n   b\n2) **c**"),
    "lines before a list": ("<p>1. a<br>2. b</p><ol><li>c</li></ol>", "1. a\n2. b\n\n1) c"),
    "lines in an item": ("<ul><li>a<br>1) b<br>2) c</li><li>d</li></ul>", "- a\n\n  1) b\n  2) c\n- d"),
    "lines that begin like blocks": ("<p>1) - a<br>2) # b<br>3) [c]: d</p>", "1) \\- a\n2) \\# b\n3) \\[c]: d"),
    "ten lines": (
        "<p>" + "<br>".join(f"{n}) a\nb" for n in range(1, 11)) + "</p>",
        "\n".join(f"{n}) a\n{' ' * len(f'{n}) ')}b" for n in range(1, 11)),
    ),
    "paragraphs": ("<p>1) a</p><p>2) b\nc</p><p>d</p>", "1) a\n\n2) b\n   c\n\nd"),
    "paragraphs with code between": ("<p>1) a</p><pre>x</pre><p>2) b</p>", "1) a\n\n```\nx\n```\n\n2) b"),
    "paragraphs in a quote": ("<blockquote><p>1) a\nb</p><p>2) c</p></blockquote>", "> 1) a\n>    b\n>\n> 2) c"),
    "paragraphs that begin like blocks": ("<p>1) &gt; a\n- b</p><p>2) + c</p>", "1) \\> a\n   \\- b\n\n2) \\+ c"),
    "paragraphs that begin again": (
        "<p>1) a</p><p>2) b</p><p>1) c</p><p>2) d</p>",
        "1) a\n\n2) b\n\n1\\) c\n\n2\\) d",
    ),
    "a list that would go on": (
        "<ol><li>a</li></ol><ol><li>b</li></ol><p>1) c</p><p>2) d</p>",
        "1. a\n\n1) b\n\n1\\) c\n\n2\\) d",
    ),
    "one alone": ("<p>1) a</p><p>b</p>", "1\\) a\n\nb"),
    "a gap": ("<p>1) a</p><p>3) b</p><p>1) c<br>3) d</p>", "1\\) a\n\n3\\) b\n\n1\\) c\\\n3) d"),
    "not from one": ("<p>2) a</p><p>3) b</p>", "2\\) a\n\n3\\) b"),
    "two marks": ("<p>1) a<br>2. b</p>", "1\\) a\\\n2. b"),
    "unclear what follows": ("<p>1) a<br>2) b<br>c</p>", "1\\) a\\\n2) b\\\nc"),
    "emphasis over lines": ("<p>a <em>b\n1) c\n2) d</em></p>", "a *b\n1\\) c\n2) d*"),
    "another container": ("<p>1) a</p><blockquote><p>2) b</p></blockquote>", "1\\) a\n\n> 2\\) b"),
    "numbers with points in paragraphs": ("<p>1. a</p><p>2. b</p>", "1\\. a\n\n2\\. b"),
    "decimals": ("<p>1.5\n2.5</p><p>1)a</p><p>2)b</p>", "1.5\n2.5\n\n1)a\n\n2)b"),
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
    "adjoining spans": ("<p><code>a</code><code>b`</code><code>c</code> <code>d</code></p>", "``ab`c`` `d`"),
    "spans beside a text's backtick": ("<p>`<code>a</code>`</p>", "\\``a`\\`"),
    "spans with nothing between": ("<p><code>a</code><em></em><code>b</code><code></code></p>", "`ab`"),
    "spans in adjoining emphasis": ("<p><b><code>a</code></b><b><code>b</code></b></p>", "**`ab`**"),
    "spans of two styles": ("<p><code>a</code><b><code>b</code></b></p>", "`a`**`b`**"),
    "spans of two paragraphs": ("<p><code>a</code></p><p><code>b</code></p>", "`a`\n\n`b`"),
    "a long span": (f"<p><code>{'a' * 1001}</code><code>b</code></p>", f"`{'a' * 1001}`<!-- -->`b`"),
    "colours in a block": (
        '<pre class="lang-py"><code><span class="k">if</span> x:\n    <font color="red">y</font>\n</code></pre>',
        "```py\nif x:\n    y\n```",
    ),
    "colours without code": ("<pre><span>a</span>\n<span><span>b</span></span></pre>", "```\na\nb\n```"),
    "colours and markup": ("<pre><span>a</span> <b>b</b></pre>", "<pre>a <b>b</b></pre>"),
    "colours in a span": ('<p><code><span class="x">a</span>_b</code></p>', "`a_b`"),
    "a link in a block": ('<pre><a href="u">a</a></pre>', '<pre><a href="u">a</a></pre>'),
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
    "a link": ('<p><a href="http://a/b" rel="nofollow">x <em>y</em></a></p>', "[x *y*](http://a/b)"),
    "a link's title": ('<p><a href="u" title="a &amp; *b*" rel="nofollow">x</a></p>', '[x](u "a & *b*")'),
    "quotes in a title": (r'<p><a href="u" title="a &quot;b&quot; \ &amp;lt;">x</a></p>', r'[x](u "a \"b\" \\ \&lt;")'),
    "lines in a title": ('<p><a href="u" title=" a&nbsp;\n\nb ">x</a></p>', '[x](u "a b")'),
    "an empty title": ('<p><a href="u" title=" ">x</a></p>', "[x](u)"),
    "a title of an address": ('<p><a href="http://a" title="t">http://a</a></p>', '[http://a](http://a "t")'),
    "a title over paragraphs": ('<a href="u" title="t"><p>a</p><p>b</p></a>', '[a](u "t")\n\n[b](u "t")'),
    "an image's title": ('<p><img src="u" alt="a" title="t"></p>', '![a](u "t")'),
    "a tag's title": ('<p><a href="u" class="post-tag" title="show questions tagged x" rel="tag">x</a></p>', "[x](u)"),
    "a title in a table": (
        '<table><tr><th><a href="u" title="a|b">x</a></th></tr></table>',
        '| [x](u "a\\|b") |\n| --- |',
    ),
    "a title in raw HTML": (
        '<dl><dt><a href="u" title="t">x</a></dt></dl>',
        '<dl><dt><a href="u" title="t">x</a></dt></dl>',
    ),
    "an autolink": ('<p><a href="http://a/b_c">http://a/b_c</a></p>', "<http://a/b_c>"),
    "an empty link": ('<p>a<a href="u"></a></p>', "a"),
    "brackets in a link": ('<p><a href="u">[a]</a> <a href="u">a]</a></p>', "[[a]](u) [a\\]](u)"),
    "addresses": (
        '<p><a href="a b">x</a> <a href="a_(b)">x</a> <a href="a(b">x</a> <a href="a?b&amp;copy=1">x</a> '
        '<a href="a&lt;\\">x</a></p>',
        "[x](a%20b) [x](a_(b)) [x](a\\(b) [x](a?b&copy=1) [x](a%3C%5C)",
    ),
    "an exclamation mark before a link": ('<p>Hi!<a href="u">x</a></p>', "Hi\\![x](u)"),
    "an image": ('<p><img src="u.png" alt="a [b] *c* d_e" width="3"></p>', "![a [b] \\*c\\* d_e](u.png)"),
    "an image that links to itself": ('<p><a href="s"><img src="s" alt="c"></a></p>', "![c](s)"),
    "... by another scheme": ('<p><a href="http://s/i"> <img src="https://s/i" alt="c"></a></p>', "![c](https://s/i)"),
    "... in emphasis": ('<p><b><a href="s"><img src="s" alt="c"></a></b></p>', "**![c](s)**"),
    "... in each of two lines": (
        '<p><a href="s"><img src="s" alt="c"></a><br><a href="t"><img src="t" alt="d"></a></p>',
        "![c](s)\\\n![d](t)",
    ),
    "... with a caption": ('<p><a href="s"><img src="s" alt="c"> d</a></p>', "[![c](s) d](s)"),
    "... with a title": ('<p><a href="s" title="t"><img src="s" alt="c"></a></p>', '[![c](s)](s "t")'),
    "an image that links to a larger one": (
        '<p><a href="s.png"><img src="sm.png" alt="c"></a></p>',
        "[![c](sm.png)](s.png)",
    ),
    "a link after an image": ('<p><img src="s" alt="c"><a href="s">d</a></p>', "![c](s)[d](s)"),
    "a description that is the editor's": ('<p><img src="s" alt="enter image description here"></p>', "![](s)"),
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
    "single tildes": ("<p>5~10 and 20~30</p><p>'~' or '~'</p>", "5\\~10 and 20\\~30\n\n'\\~' or '\\~'"),
    "tildes without a partner": ("<p>~5 and ~10, a ~ b ~ c</p><p>d~ ~~ ~5</p>", "~5 and ~10, a ~ b ~ c\n\nd~ ~~ ~5"),
    "tildes in strike-through": ("<p><s>a ~5</s> ~5</p>", "~~a \\~5~~ ~5"),
    "tildes in code and addresses": ('<p>~5 <code>~</code> <a href="~u">a</a></p>', "~5 `~` [a](~u)"),
    "stars that cannot pair": ("<p>A* or B* and a footnote*</p>", "A* or B* and a footnote*"),
    "a star beside an address": ('<p><a href="http://x/A*_s">A*</a> <code>*</code></p>', "[A*](http://x/A*_s) `*`"),
    "a star beside emphasis": ("<p><b>Note</b> A* is <em>good</em>*</p>", "**Note** A* is *good*\\*"),
    "a star in emphasis": ("<p><b>A* is</b> <i>a*</i></p>", "**A\\* is** *a\\**"),
    "stars that pair": ("<p>A* (*a*) *</p>", "A* (\\*a\\*) *"),
    "underscores that cannot pair": ("<p>_a _b c_d_ (f_)</p><p>x_ _y</p>", "\\_a \\_b c_d\\_ (f\\_)\n\nx_ _y"),
    "backticks that cannot pair": ("<p>` ``</p><p>`` <code>a</code> b`</p>", "` ``\n\n`` `a` b`"),
    "backticks before code": ("<p>a` <code>b</code></p>", "a\\` `b`"),
    "no tags": (
        "<p>a &lt;stdio.h&gt; &lt;T, U&gt; &lt;3 &lt;- &lt;&gt;</p><p>x &lt;y</p>",
        "a <stdio.h> <T, U> <3 <- <>\n\nx <y",
    ),
    "a tag, perhaps, that begins a line": ("<p>&lt;stdio.h&gt;\n&lt;div</p>", "\\<stdio.h>\n\\<div"),
    "a tag's start before emphasis that becomes tags": (
        "<p>a &lt;!b <em>c.</em>d</p><p>a &lt;!b</p>",
        "a \\<!b <em>c.</em>d\n\na <!b",
    ),
    "addresses in angles": ("<p>a &lt;b@c.de&gt; &lt;http:x&gt;</p>", "a \\<b@c.de> \\<http:x>"),
    "no entities": ("<p>&amp;bogus; &amp;a &amp;lt</p>", "&bogus; &a &lt"),
    "no links": ("<p>E[X](t) f](x) [a](b c)</p><p>g](y)</p>", "E[X\\](t) f\\](x) [a](b c)\n\ng](y)"),
    "backslashes before spaces": ("<p>/|\\ a \\\\ b\\\nc\\ <b>d</b></p>", "/|\\ a \\\\\\\\ b\\\\\nc\\ **d**"),
    "no definitions": ("<p>[a]: b c</p><p>[a]:</p><p>[a]</p>", "[a]: b c\n\n[a]:\n\n[a]"),
    "definitions": (
        "<p>[a\nb]: c</p><p>[^1]: d e</p><p>[f]: g (h)</p>",
        "\\[a\nb]: c\n\n\\[^1]: d e\n\n\\[f]: g (h)",
    ),
    "no row of dashes": ("<p>a|b\n|\n: :</p>", "a|b\n|\n: :"),
    "backslashes": ("<p>C:\\dir \\_ \\</p>", "C:\\dir \\\\_ \\"),
    "tags": ("<p>List&lt;T&gt; 1 &lt; 2 &lt;/p&gt;</p>", "List\\<T> 1 < 2 \\</p>"),
    "entities": ("<p>&amp;copy; AT&amp;T &amp; &eacute; &lt;</p>", "\\&copy; AT&T & é <"),
    "brackets": ("<p>see [1] and [1](2)</p>", "see [1] and [1\\](2)"),
    "a definition": ("<p>[a]: b</p>", "\\[a]: b"),
    "list items": ("<p>1. a</p><p>1)</p><p>- a</p><p>+ a</p><p>* a</p>", "1\\. a\n\n1\\)\n\n\\- a\n\n\\+ a\n\n\\* a"),
    "list items that interrupt": ("<p>a\n1. b\n- d\n1986. e</p>", "a\n1\\. b\n\\- d\n1986. e"),
    "no list items": ("<p>1.5</p><p>-a</p><p>+1</p>", "1.5\n\n-a\n\n+1"),
    "headings": ("<p># a</p><p>#a</p>", "\\# a\n\n#a"),
    "quotes": ("<p>&gt; a &gt; b</p>", "\\> a > b"),
    "underlines": ("<p>a\n---</p><p>a\n===</p>", "a\n\\---\n\na\n\\==="),
    "rules": ("<p>---</p><p>***</p><p>- - -</p>", "\\---\n\n\\***\n\n\\- - -"),
    "a row of dashes": ("<p>a|b\n--|--</p>", "a|b\n\\--|--"),
    "fences": ("<p>~~~</p><p>```</p>", "\\~~~\n\n\\`\\`\\`"),
    "white space": ("<p>    a  \n   b</p>", "a\nb"),
}

SPACES = {
    "in a block of code": (
        "<pre><code>if a:\n&nbsp; \u2003b\u3000=\u202f1\n</code></pre>",
        "```\nif a:\n   b = 1\n```",
    ),
    "in a code span": ("<p><code>a&nbsp;&nbsp;b\u2009c</code></p>", "`a  b c`"),
    "in code with markup": ("<p><code>a&nbsp;<sub>i</sub></code></p>", "<code>a <sub>i</sub></code>"),
    "in a block with markup": ("<pre>a&nbsp;&nbsp;<b>b</b></pre>", "<pre>a  <b>b</b></pre>"),
    "of no width in code": (
        "<p><code>ab\u200c\u200bc\ufeff</code></p><pre>\ufeffx\u200b\n</pre>",
        "`abc`\n\n```\nx\n```",
    ),
    "joiners are letters": ("<p>a\u200cb <code>a\u200db</code></p>", "a\u200cb `a\u200db`"),
    "in text": ("<p>10&nbsp;km, 5\u2009m, a&#160;&ensp; b</p>", "10 km, 5 m, a b"),
    "of no width in text": ("<p>a\u200bb \u2060 c</p>", "ab c"),
    "at the edges of blocks": ("<p>&nbsp; a&emsp;</p><h2>&nbsp;b</h2><ul><li>c&nbsp;</li></ul>", "a\n\n## b\n\n- c"),
    "a block of nothing else": ("<p>a</p><p>&nbsp;\n\u2003</p><p>\u200b</p><p>b</p>", "a\n\nb"),
    "around emphasis": ("<p>a<em>&nbsp;b&nbsp;</em>c <strong>&nbsp;</strong>d</p>", "a *b* c  d"),
    "around a link": ('<p>a<a href="u">&nbsp;b</a></p>', "a [b](u)"),
    "after a hard break": ("<p>a<br>&nbsp;&nbsp;b</p>", "a\\\nb"),
    "in a description": ('<p><img src="u" alt="a&nbsp;b"></p>', "![a b](u)"),
    "not in an address": ('<p><a href="u\xa0v">b</a></p>', "[b](u%C2%A0v)"),
    "in raw HTML": ("<dl><dt>a&nbsp;b</dt></dl>", "<dl><dt>a b</dt></dl>"),
}

TABLE = "<table><thead><tr>{}</tr></thead><tbody><tr>{}</tr></tbody></table>"
TABLES = {
    "pipes": (
        '<div class="s-table-container"><table class="s-table">\n<thead>\n<tr>\n<th>a</th>\n'
        '<th style="text-align: right;">b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td><code>x|y</code></td>\n'
        '<td style="text-align: right;">1<br>2</td>\n</tr>\n</tbody>\n</table></div>',
        "| a | b |\n| --- | --: |\n| `x\\|y` | 1<br>2 |",
    ),
    "no head": ("<table>\n<tr><td>a</td></tr>\n</table>", "<table>\n<tr><td>a</td></tr>\n</table>"),
    "empty cells": (
        TABLE.format("<th>a</th><th>b</th>", "<td>1</td><td></td></tr><tr><td></td><td>2</td>"),
        "| a | b |\n| --- | --- |\n| 1 |  |\n|  | 2 |",
    ),
    "empty rows": (
        TABLE.format("<th>a</th><th>b</th>", "<td></td><td>&nbsp;</td></tr><tr><td><br></td><td>2</td>"),
        "| a | b |\n| --- | --- |\n|  |  |\n|  | 2 |",
    ),
    "one empty column": (TABLE.format("<th></th>", "<td></td>"), "|  |\n| --- |\n|  |"),
    "an empty head": (TABLE.format("<th></th><th></th>", "<td>1</td><td>2</td>"), "|  |  |\n| --- | --- |\n| 1 | 2 |"),
    "a short row": (TABLE.format("<th>a</th><th>b</th>", "<td>1</td>"), "| a | b |\n| --- | --- |\n| 1 |"),
    "an empty cell too many": (
        TABLE.format("<th>a</th>", "<td>1</td><td> </td><td></td>"),
        "| a |\n| --- |\n| 1 |",
    ),
    "an empty cell of another alignment": (
        TABLE.format('<th align="right">a</th><th>b</th>', '<td align="right">1</td><td align="center"></td>'),
        "| a | b |\n| --: | --- |\n| 1 |  |",
    ),
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
    "display": ("<p>$$\na_1\n= c\n$$</p>", "$$\na_1\n= c\n$$"),
    "lines like blocks": ("<p>$a\n- b\n  + c\n&gt; d\n# e\n1) f$</p>", "$a - b + c > d # e 1) f$"),
    "lines like underlines": ("<p>$$a\n=\nb\n---\nc$$</p>", "$$a =\nb ---\nc$$"),
    "lines like fences and tags": ("<p>$$a\n```\n~~~\n&lt;p\nb$$</p>", "$$a ``` ~~~ <p\nb$$"),
    "lines like a table": ("<p>$$a|b\n-|-\nc$$</p>", "$$a|b -|-\nc$$"),
    "lines that are none": ("<p>$a\n-b\n+1\n1.5\n= c\n#d$</p>", "$a\n-b\n+1\n1.5\n= c\n#d$"),
    "the first line": ("<p>$$\n- b$$ $\n+ c$</p>", "$$ - b$$ $ + c$"),
    "after a space that counts": ("<p>$a \\ \n- b\\\n+ c$</p>", "$a \\ - b\\ + c$"),
    "after a comment": ("<p>$a % x\n- b\n- c \\% d\n- e$</p>", "$a % x\n- b - c \\% d - e$"),
    "an environment with such lines": (
        "<p>\\begin{align}a\n+ b\\\\\n- c\\end{align}</p>",
        "\\begin{align}a + b\\\\ - c\\end{align}",
    ),
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
    "in a quote": ("<blockquote><p>$$a\n- b$$</p></blockquote>", "> $$a - b$$"),
    "in a table": (TABLE.format("<th>$|x|$</th>", "<td>$y$</td>"), "| $\\|x\\|$ |\n| --- |\n| $y$ |"),
    "in code": ("<p><code>$a_b$</code> $c$</p>", "`$a_b$` $c$"),
    "over a break": ("<p>$a<br>+ b_1$</p>", "$a + b_1$"),
    "blank lines": ('<p><span class="math-container">$$a\n\n  b$$</span></p>', "$$a\n  b$$"),
    "an environment without end": (r"<p>\begin{x} \begin{y}</p>", r"\\begin{x} \\begin{y}"),
}


def cases(**groups: dict[str, tuple[str, str]]):
    return pytest.mark.parametrize(
        "html,markdown",
        [pytest.param(*case, id=f"{group}-{name}") for group, table in groups.items() for name, case in table.items()],
    )


@cases(
    block=BLOCKS,
    hard_break=HARD_BREAKS,
    small=SMALL_PRINT,
    list=LISTS,
    typed=TYPED_LISTS,
    code=CODE,
    inline=INLINE,
    escape=ESCAPES,
    space=SPACES,
    table=TABLES,
)
def test_without_math(html, markdown):
    assert html_to_markdown(html, False) == markdown


@cases(math=MATH)
def test_with_math(html, markdown):
    assert html_to_markdown(html, True) == markdown


@cases(math={name: case for name, case in MATH.items() if "quote" not in name and "comment" not in name})
def test_a_reader_without_formulas_sees_one_paragraph_or_a_table(html, markdown):
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    assert not re.search("<(ul|ol|li|blockquote|h[1-6]|hr|pre)[ >]", page), page


@cases(
    block=BLOCKS,
    hard_break=HARD_BREAKS,
    small=SMALL_PRINT,
    list=LISTS,
    typed=TYPED_LISTS,
    code=CODE,
    inline=INLINE,
    space=SPACES,
    table=TABLES,
)
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


@pytest.mark.parametrize(
    "html,markdown",
    [
        (r"<dl><dt>\$R_1\$</dt></dl>", "<dl><dt>$R_1$</dt></dl>"),
        (r"<dl><dt>$5 and $6</dt></dl>", "<dl><dt>$<!-- -->5 and $<!-- -->6</dt></dl>"),
        (r"<dl><dt>$5</dt></dl>", "<dl><dt>$5</dt></dl>"),
        (r"<dl><dt>$5 for \$R_1\$</dt></dl>", "<dl><dt>$<!-- -->5 for $R_1$</dt></dl>"),
        (r"<dl><dt>$$R_1$$ <code>\$x\$</code></dt></dl>", "<dl><dt>$$R_1$$ <code>$<!-- -->x$<!-- --></code></dt></dl>"),
        (r"<table><tr><td>\$R_1\$</td></tr></table>", "<table><tr><td>$R_1$</td></tr></table>"),
        (r"<details><summary>\$R_1\$</summary></details>", "<details><summary>$R_1$</summary></details>"),
    ],
)
def test_escaped_dollars_in_raw_html(html, markdown):
    assert html_to_markdown(html, True, dollar="\\$") == markdown


def test_relative_links_become_absolute():
    html = (
        '<p><a href="/q/1">a</a> <a href="//b.c/d">b</a> <a href="#f">c</a> <a href="mailto:x@y">d</a> '
        '<img src="/i.png" alt=""></p>'
    )
    base = "https://math.stackexchange.com"
    assert html_to_markdown(html, False, base_url=base) == (
        f"[a]({base}/q/1) [b](https://b.c/d) [c](#f) [d](mailto:x@y) ![]({base}/i.png)"
    )
    assert html_to_markdown(html, False).startswith("[a](/q/1) [b](//b.c/d)")


@pytest.mark.parametrize(
    "title,math,markdown",
    [
        ("How to use snake_case?", False, "How to use snake_case?"),
        ("A* search, <stdio.h> & C:\\ or ~5", False, "A* search, <stdio.h> & C:\\ or ~5"),
        ("Why 2*3*4, _a_ or `x`?", False, "Why 2\\*3\\*4, \\_a\\_ or \\`x\\`?"),
        ("Is A* $a*b$ or [x](y z)?", True, "Is A* $a*b$ or [x](y z)?"),
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


@pytest.mark.parametrize(
    "title,markdown",
    [
        (r"\begin{vmatrix}a_1&b_1\end{vmatrix} in LaTeX", r"\begin{vmatrix}a_1&b_1\end{vmatrix} in LaTeX"),
        (r"Is \[x_1*y_1*z\] odd?", "Is $$x_1*y_1*z$$ odd?"),
        (r"Is \\(x_1\\) odd?", "Is $x_1$ odd?"),
        (r"What does \begin{x} do?", r"What does \\begin{x} do?"),
        (r"What does \alpha do?", r"What does \alpha do?"),
    ],
)
def test_titles_with_formulas_without_dollars(title, markdown):
    assert text_to_markdown(title, True) == markdown


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
        ("&#0;&#xD800;&bogus;&amp", "\ufffd\ufffd&bogus;&"),
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


@cases(
    block=BLOCKS,
    hard_break=HARD_BREAKS,
    small=SMALL_PRINT,
    list=LISTS,
    typed=TYPED_LISTS,
    code=CODE,
    inline=INLINE,
    escape=ESCAPES,
    space=SPACES,
    table=TABLES,
)
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
        ("<p>10&nbsp;km, a\u200bb</p>", "10\xa0km, a\u200bb"),
        ("<p>&nbsp;a&nbsp;</p><p>&nbsp;</p><p>b</p>", "a\n\nb"),
        ("<p>a<em>&nbsp;b&nbsp;</em>c</p>", "a\xa0*b*\xa0c"),
        ("<p><code>a&nbsp;b</code></p>", "`a b`"),
        ('<p><img src="u" alt="a&nbsp;b"></p>', "![a\xa0b](u)"),
    ],
)
def test_invisible_spaces_inside_of_text_stay_where_they_are_asked_for(html, markdown):
    assert html_to_markdown(html, False, keep_nbsp=True) == markdown


def test_a_title_is_one_line_of_plain_spaces():
    title = " 10\u00a0m of\trope\u2028or\n chain\u00a0"
    assert text_to_markdown(title, False) == "10 m of rope or chain"
    assert text_to_markdown(title, False, keep_nbsp=True) == "10\u00a0m of rope or chain"
