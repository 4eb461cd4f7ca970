"""The metric can fail (MUTATIONS), does not fail for nothing (SPELLINGS), forgives what
LENIENCIES says and nothing near it (FORGIVEN / NOT_FORGIVEN), and cannot be gamed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.tools.fidelity.__main__ import main
from benchmarks.tools.fidelity.canonical import LENIENCIES, canonical, canonical_url
from benchmarks.tools.fidelity.judge import CLASSES, judge
from benchmarks.tools.fidelity.posts import site_uses_math
from benchmarks.tools.fidelity.reference import Reference
from benchmarks.tools.fidelity.texscan import math_spans
from tests.conftest import ROOT

# (name, html, correct Markdown, damaged Markdown, class that must be first, math)
MUTATIONS = [
    ("sup dropped", "<p>10<sup>200</sup> stars</p>", "10<sup>200</sup> stars", "10200 stars", "dropped-tag", False),
    ("sub dropped", "<p>H<sub>2</sub>O</p>", "H<sub>2</sub>O", "H2O", "dropped-tag", False),
    ("sub became strike", "<p>H<sub>2</sub>O</p>", "H<sub>2</sub>O", "H~~2~~O", "dropped-tag", False),
    ("kbd dropped", "<p>press <kbd>Ctrl</kbd><kbd>C</kbd></p>", "press <kbd>Ctrl</kbd><kbd>C</kbd>", "press CtrlC",
     "dropped-tag", False),
    ("kbds merged", "<p>press <kbd>Ctrl</kbd><kbd>C</kbd></p>", "press <kbd>Ctrl</kbd><kbd>C</kbd>",
     "press <kbd>CtrlC</kbd>", "dropped-tag", False),
    ("kbd became code", "<p>press <kbd>Esc</kbd></p>", "press <kbd>Esc</kbd>", "press `Esc`", "dropped-tag", False),
    ("spoiler opened", '<blockquote class="spoiler"><p>He dies</p></blockquote>', ">! He dies", "> He dies",
     "dropped-tag", False),
    ("strike lost", "<p>a <s>not</s> b</p>", "a ~~not~~ b", "a not b", "emphasis-changed", False),
    ("ins dropped", "<p>a <ins>new</ins> b</p>", "a <ins>new</ins> b", "a new b", "dropped-tag", False),
    ("escape inside math", "<p>so $x_1*y_2$</p>", "so $x_1*y_2$", r"so $x\_1\*y\_2$", "math-corrupted", True),
    ("backslash lost in math", r"<p>$\{a\}\\b$</p>", r"$\{a\}\\b$", r"${a}\b$", "math-corrupted", True),
    ("backslash doubled in math", r"<p>$a\\b$</p>", r"$a\\b$", r"$a\\\\b$", "math-corrupted", True),
    ("entity inside math", "<p>$a &lt; b$</p>", "$a < b$", "$a &lt; b$", "math-corrupted", True),
    ("display math made inline", "<p>$$x$$</p>", "$$x$$", "$x$", "math-corrupted", True),
    ("dollars escaped", "<p>let $x_1$ be</p>", "let $x_1$ be", r"let \$x_1\$ be", "math-corrupted", True),
    ("dollars lost", '<p>let <span class="math-container">$x_1$</span> be</p>', "let $x_1$ be", "let x_1 be",
     "math-corrupted", True),
    ("align escaped", r"<p>\begin{align}a&amp;=b_1\\ c&amp;=d\end{align}</p>", r"\begin{align}a&=b_1\\ c&=d\end{align}",
     r"\\begin{align}a&=b\_1\\\\ c&=d\\end{align}", "math-corrupted", True),
    ("price became math", "<p>pay \\$5 or \\$10</p>", r"pay \$5 or \$10", "pay $5 or $10", "math-corrupted", True),
    ("math lost its line with %", "<p>$a % note\n+b$</p>", "$a % note\n+b$", "$a % note +b$", "math-corrupted", True),
    ("list nesting lost", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "- a\n  - b\n- c", "- a\n- b\n- c",
     "list-structure", False),
    ("list nested too deep", "<ul><li>a</li><li>b</li></ul>", "- a\n- b", "- a\n  - b", "list-structure", False),
    ("nested list indented too little", "<ol><li>a<ul><li>b</li></ul></li></ol>", "1. a\n   - b", "1. a\n  - b",
     "list-structure", False),
    ("numbered list restarted", "<ol start=\"3\"><li>c</li><li>d</li></ol>", "3. c\n4. d", "1. c\n2. d",
     "list-structure", False),
    ("ol became ul", "<ol><li>a</li></ol>", "1. a", "- a", "list-structure", False),
    ("item split off by paragraph", "<ul><li><p>a</p><p>b</p></li></ul>", "- a\n\n  b", "- a\n\nb", "list-structure",
     False),
    ("two lists joined", "<ul><li>a</li></ul><ul><li>b</li></ul>", "- a\n\n* b", "- a\n- b", "list-structure", False),
    ("1. text became list", "<p>1. May was warm</p>", r"1\. May was warm", "1. May was warm", "list-structure", False),
    ("year became list", "<p>born in\n1986. A good year</p><p>x</p>", "born in\n1986. A good year\n\nx",
     "born in\n\n1986. A good year\n\nx", "list-structure", False),
    ("+ text became list", "<p>+ is plus</p>", r"\+ is plus", "+ is plus", "list-structure", False),
    ("- text became list", "<p>said\n- nobody</p>", "said\n\\- nobody", "said\n- nobody", "list-structure", False),
    ("# text became heading", "<p># is hash</p>", r"\# is hash", "# is hash", "text-changed", False),
    ("> text became quote", "<p>&gt; 5 apples</p>", r"\> 5 apples", "> 5 apples", "text-changed", False),
    ("--- made a heading", "<p>a\n---</p>", "a\n\\---", "a\n---", "text-changed", False),
    ("heading level changed", "<h2>T</h2>", "## T", "### T", "other/heading", False),
    ("indented text became code", "<p>a</p><p>b</p>", "a\n\nb", "a\n\n    b", "code-changed", False),
    ("code language lost", '<pre class="lang-py prettyprint-override"><code>x\n</code></pre>', "```py\nx\n```",
     "```\nx\n```", "code-changed", False),
    ("code language is the class", '<pre class="lang-py prettyprint-override"><code>x\n</code></pre>', "```py\nx\n```",
     "```lang-py\nx\n```", "code-changed", False),
    ("code indent lost", "<pre><code>if x:\n    y\n</code></pre>", "```\nif x:\n    y\n```", "```\nif x:\ny\n```",
     "code-changed", False),
    ("blank line in code lost", "<pre><code>a\n\n\nb\n</code></pre>", "```\na\n\n\nb\n```", "```\na\n\nb\n```",
     "code-changed", False),
    ("first blank line of code lost", "<pre><code>\na\n</code></pre>", "```\n\na\n```", "```\na\n```", "code-changed",
     False),
    ("tab in code expanded", "<pre><code>\ta\n</code></pre>", "```\n\ta\n```", "```\n    a\n```", "code-changed",
     False),
    ("trailing space in code lost", "<pre><code>a  \nb\n</code></pre>", "```\na  \nb\n```", "```\na\nb\n```",
     "code-changed", False),
    ("entity damage in code", "<pre><code>a &amp;&amp; b &lt; c\n</code></pre>", "```\na && b < c\n```",
     "```\na &amp;&amp; b &lt; c\n```", "code-changed", False),
    ("nested fences", "<pre><code>```\nx\n```\n</code></pre>", "````\n```\nx\n```\n````", "```\n```\nx\n```\n```",
     "code-changed", False),
    ("backtick in code span", "<p><code>a`b</code></p>", "``a`b``", "`a`b`", "code-changed", False),
    ("escape in code span", "<p><code>a_b*c</code></p>", "`a_b*c`", r"`a\_b\*c`", "code-changed", False),
    ("space in code span lost", "<p><code>a  b</code></p>", "`a  b`", "`a b`", "code-changed", False),
    ("edge space of code span lost", "<p>the <code> </code> and <code> -x </code></p>", "the ` ` and `  -x  `",
     "the ` ` and ` -x `", "code-changed", False),
    ("code span became text", "<p>use <code>x</code></p>", "use `x`", "use x", "code-changed", False),
    ("code spans joined", "<p><code>a</code> <code>b</code></p>", "`a` `b`", "`a b`", "code-changed", False),
    ("link swapped", '<p><a href="http://a">x</a> <a href="http://b">y</a></p>', "[x](http://a) [y](http://b)",
     "[x](http://b) [y](http://a)", "link-changed", False),
    ("link lost", '<p><a href="http://a">x</a></p>', "[x](http://a)", "x", "link-changed", False),
    ("autolink lost", '<p><a href="http://a.b/c">http://a.b/c</a></p>', "<http://a.b/c>", "http://a.b/c",
     "link-changed", False),
    ("link cut at parenthesis", '<p><a href="http://a/b_(c">x</a></p>', r"[x](http://a/b_\(c)", "[x](http://a/b_(c)",
     "link-changed", False),
    ("link with space broken", '<p><a href="http://a/b c">x</a></p>', "[x](<http://a/b c>)", "[x](http://a/b c)",
     "link-changed", False),
    ("bracketed text became link", "<p>see [1](2)</p>", r"see \[1](2)", "see [1](2)", "link-changed", False),
    ("text took a reference", '<p>see [1] and <a href="http://a">x</a></p>', "see \\[1] and [x][1]\n\n[1]: http://a",
     "see [1] and [x][1]\n\n[1]: http://a", "link-changed", False),
    ("image became link", '<p><img src="u.png" alt="cat"></p>', "![cat](u.png)", "[cat](u.png)", "link-changed", False),
    ("image alt lost", '<p><img src="u.png" alt="cat"></p>', "![cat](u.png)", "![](u.png)", "link-changed", False),
    ("image lost its link", '<p><a href="l"><img src="u.png" alt="c"></a></p>', "[![c](u.png)](l)", "![c](u.png)",
     "link-changed", False),
    ("table cell lost",
     "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>",
     "| a | b |\n|---|---|\n| 1 | 2 |", "| a | b |\n|---|---|\n| 1 |", "table", False),
    ("table row lost",
     "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr><tr><td>2</td></tr></tbody></table>",
     "| a |\n|---|\n| 1 |\n| 2 |", "| a |\n|---|\n| 1 |", "table", False),
    ("table alignment lost",
     '<table><thead><tr><th style="text-align: right;">a</th></tr></thead>'
     '<tbody><tr><td style="text-align: right;">1</td></tr></tbody></table>',
     "| a |\n|--:|\n| 1 |", "| a |\n|---|\n| 1 |", "table", False),
    ("pipe in cell split it", "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>x|y</td></tr></tbody></table>",
     "| a |\n|---|\n| x\\|y |", "| a |\n|---|\n| x|y |", "text-changed", False),
    ("table became text", "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>",
     "| a |\n|---|\n| 1 |", "a\n\n1", "table", False),
    ("star became emphasis", "<p>2*3*4 = 24</p>", r"2\*3\*4 = 24", "2*3*4 = 24", "emphasis-changed", False),
    ("underscore became emphasis", "<p>_foo_</p>", r"\_foo\_", "_foo_", "emphasis-changed", False),
    ("tilde became strike", "<p>~~a~~</p>", r"\~~a\~~", "~~a~~", "emphasis-changed", False),
    ("bold became italic", "<p><b>a</b></p>", "**a**", "*a*", "emphasis-changed", False),
    ("emphasis failed to close", "<p><strong>Note:</strong>this</p>", "<strong>Note:</strong>this", "**Note:**this",
     "emphasis-changed", False),
    ("emphasis with inner space", "<p><em>foo </em>bar</p>", "*foo* bar", "*foo *bar", "emphasis-changed", False),
    ("emphasis lost", "<p>do <em>not</em> eat</p>", "do *not* eat", "do not eat", "emphasis-changed", False),
    ("< became a tag", "<p>a &lt;b&gt; c</p>", r"a \<b> c", "a <b> c", "emphasis-changed", False),
    ("<T> vanished", "<p>List&lt;T&gt; x</p>", r"List\<T> x", "List<T> x", "text-changed", False),
    ("angle text became autolink", "<p>&lt;http://a.b&gt;</p>", r"\<http://a.b>", "<http://a.b>", "link-changed",
     False),
    ("entity damage", "<p>AT&amp;amp;T</p>", "AT&amp;amp;T", "AT&amp;T", "text-changed", False),
    ("text became entity", "<p>&amp;copy; 1999</p>", r"\&copy; 1999", "&copy; 1999", "text-changed", False),
    ("nbsp lost", "<p>10&nbsp;km</p>", "10\u00a0km", "10km", "text-changed", False),
    ("space lost", "<p>10 km</p>", "10 km", "10km", "text-changed", False),
    ("nbsp and a word", "<p>10&nbsp;km far</p>", "10\u00a0km far", "10 km", "text-changed", False),
    ("sup invented", "<p>10^2</p>", "10^2", "10<sup>2</sup>", "dropped-tag", False),
    ("backslash eaten", r"<p>C:\_x</p>", r"C:\\\_x", r"C:\_x", "text-changed", False),
    ("words run together", "<p>a<br>b</p>", "a\\\nb", "ab", "text-changed", False),
    ("hard break missing", "<p>a<br>b</p>", "a  \nb", "a\nb", "other/line-break", False),
    ("break became paragraph", "<p>a<br>b</p>", "a  \nb", "a\n\nb", "other/line-break", False),
    ("paragraphs merged", "<p>a</p><p>b</p>", "a\n\nb", "a\nb", "other/paragraph", False),
    ("paragraph lost its quote", "<blockquote><p>a</p><p>b</p></blockquote>", "> a\n>\n> b", "> a\n\nb", "other",
     False),
    ("quote swallowed the answer", "<blockquote><p>a</p></blockquote><p>b</p>", "> a\n\nb", "> a\nb", "other/paragraph",
     False),
    ("quote lost", "<blockquote><p>a</p></blockquote>", "> a", "a", "other/quote", False),
    ("two quotes joined", "<blockquote><p>a</p></blockquote><blockquote><p>b</p></blockquote>", "> a\n\n> b",
     "> a\n>\n> b", "other/quote", False),
    ("rule lost", "<p>a</p><hr><p>b</p>", "a\n\n---\n\nb", "a\n\nb", "other/rule", False),
    ("order changed", "<p>a</p><h2>b</h2>", "a\n\n## b", "## b\n\na", "text-changed", False),
    ("truncated", "<p>a</p><p>b</p>", "a\n\nb", "a", "text-changed", False),
    ("nothing", "<p>a</p>", "a", "", "text-changed", False),
]  # fmt: skip


@pytest.mark.parametrize("name,html,good,bad,cls,math", MUTATIONS, ids=[m[0] for m in MUTATIONS])
def test_mutation_is_caught(name, html, good, bad, cls, math):
    v = judge(html, good, math)
    assert v.equal, (v.classes, v.want, v.got)
    v = judge(html, bad, math)
    assert not v.equal
    assert v.classes[0].startswith(cls), (v.classes, v.want, v.got)


# (name, html, spellings that all mean it, math)
SPELLINGS = [
    ("headings", "<h1>T</h1><h2>U</h2>", ["# T\n\n## U", "T\n=\n\nU\n---", "# T #\n## U ##"], False),
    ("emphasis", "<p>a <em>b</em> <strong>c</strong></p>", ["a *b* **c**", "a _b_ __c__"], False),
    ("both at once", "<p><strong><em>x</em></strong></p>", ["***x***", "*__x__*", "**_x_**"], False),
    ("code block", "<pre><code>a\n  b\n</code></pre>",
     ["```\na\n  b\n```", "~~~\na\n  b\n~~~", "    a\n      b", "`````\na\n  b\n`````"], False),
    ("code language", '<pre class="lang-c prettyprint-override"><code>x;\n</code></pre>',
     ["```c\nx;\n```", "~~~ c\nx;\n~~~", "``` C\nx;\n```"], False),
    ("code span", "<p><code>a`b</code></p>", ["``a`b``", "`` a`b ``", "```a`b```"], False),
    ("code span with edge spaces", "<p><code> a </code></p>", ["`  a  `", "``  a  ``"], False),
    ("links", '<p><a href="http://a/b">x y</a></p>',
     ["[x y](http://a/b)", "[x y](<http://a/b>)", "[x y][1]\n\n[1]: http://a/b", "[x y]\n\n[X Y]: <http://a/b>",
                                                     '[x y](http://a/b "title")', "[x\ny](http://a/b)"], False),
    ("autolink", '<p><a href="http://a.b/c">http://a.b/c</a></p>', ["<http://a.b/c>", "[http://a.b/c](http://a.b/c)"],
     False),
    ("parentheses in a link", '<p><a href="http://a/b_(c)">x</a></p>',
     ["[x](http://a/b_(c))", r"[x](http://a/b_\(c\))", "[x](<http://a/b_(c)>)"], False),
    ("image", '<p><img src="u.png" alt="a [cat]"></p>',
     [r"![a \[cat\]](u.png)", "![a [cat]](u.png)", "![a \\[cat\\]][i]\n\n[i]: u.png"], False),
    ("hard break", "<p>a<br>b</p>", ["a\\\nb", "a  \nb", "a<br>b", "a<br/>\nb"], False),
    ("bullets", "<ul><li>a</li><li>b</li></ul>", ["- a\n- b", "* a\n* b", "+   a\n+   b", "- a\n\n- b", " -  a\n -  b"],
     False),
    ("numbers", "<ol><li>a</li><li>b</li></ol>", ["1. a\n2. b", "1. a\n1. b", "1) a\n2) b"], False),
    ("nesting", "<ul><li>a<ol><li>b</li></ol></li></ul>", ["- a\n  1. b", "*   a\n    1. b", "- a\n\n  1. b"], False),
    ("rule", "<p>a</p><hr><p>b</p>", ["a\n\n---\n\nb", "a\n***\nb", "a\n\n* * *\n\nb", "a\n\n___\nb"], False),
    ("quote", "<blockquote><p>a\nb</p></blockquote>", ["> a\n> b", "> a\nb", ">a b"], False),
    ("quote in list", "<ul><li><p>a</p><blockquote><p>q</p></blockquote></li></ul>", ["- a\n  > q", "- a\n\n  > q"],
     False),
    ("spoiler", '<blockquote class="spoiler"><p>a</p><p>b</p></blockquote>',
     [">! a\n>!\n>! b", '<blockquote class="spoiler">\n\na\n\nb\n\n</blockquote>'], False),
    ("table",
     "<table><thead><tr><th>a</th><th>b</th></tr></thead>"
     "<tbody><tr><td>1</td><td><b>x</b> | y</td></tr></tbody></table>",
     ["| a | b |\n|---|---|\n| 1 | **x** \\| y |", "a | b\n-|-\n1 | **x** \\| y",
      "|a|b|\n| ------ | - |\n|1|__x__ &#124; y|"], False),
    ("table that GFM cannot write", "<table><tbody><tr><td>1</td><td><ul><li>x</li></ul></td></tr></tbody></table>",
     ["<table><tr><td>1</td><td><ul><li>x</li></ul></td></tr></table>",
      "<table><tr><td>1</td><td>\n\n- x\n\n</td></tr></table>"], False),
    ("escapes", "<p>a*b* #1 &lt;i&gt; &amp;lt; [x](y) c_d_ `q` ~~z~~ \\.</p>",
     [r"a\*b\* #1 \<i> \&lt; \[x](y) c_d_ \`q\` \~~z~~ \\.",
      r"a\*b\* \#1 &lt;i&gt; &amp;lt; \[x\]\(y\) c\_d\_ \`q\` \~\~z\~\~ \\\."], False),
    ("entities", "<p>é – &lt; &amp;</p>", ["é – < &", "&eacute; &ndash; &lt; &amp;", "&#233; &#x2013; \\< \\&"], False),
    ("nbsp", "<p>10&nbsp;km</p>", ["10\u00a0km", "10&nbsp;km", "10&#160;km", "10 km"], False),
    ("nbsp at the start", "<p>&nbsp;km</p>", ["\u00a0km", "&nbsp;km", "km"], False),
    ("nbsp in code", "<pre><code>&nbsp; x\n</code></pre><p><code>a&nbsp;b</code></p>",
     ["```\n  x\n```\n\n`a b`", "```\n\u00a0 x\n```\n\n`a\u00a0b`"], False),
    ("soft breaks", "<p>a b c</p>", ["a b c", "a\nb\nc", "a   b\n   c"], False),
    ("strike", "<p><strike>a</strike> <s>b</s> <del>c</del></p>", ["~~a~~ ~~b~~ ~~c~~"], False),
    ("inner emphasis", "<p>un<em>believ</em>able, <em>a<strong>b</strong>c</em></p>",
     ["un*believ*able, *a**b**c*", "un*believ*able, *a**b***c*"][:1], False),
    ("emphasis Markdown cannot close", "<p><strong>Note:</strong>this</p>",
     ["<strong>Note:</strong>this", "<b>Note:</b>this"], False),
    ("plain dollars", "<p>$5 and $10 and a_1$ *</p>", ["$5 and $10 and a_1$ *", r"\$5 and \$10 and a\_1\$ \*"], False),
    ("inline math", "<p>so $x_1*y_2$ and $a\\{b\\}$</p>", [r"so $x_1*y_2$ and $a\{b\}$"], True),
    ("marked math", '<p>so <span class="math-container">$x_1$</span>, $5</p>', ["so $x_1$, $5", r"so $x_1$, \$5"],
     True),
    ("display math", "<p>$$\na\n+ b\n= c\n$$</p>",
     ["$$\na\n+ b\n= c\n$$", "$$a + b = c$$", "$$\n  a\n  + b\n  = c\n$$"], True),
    ("math in quote and list", "<ul><li>a<blockquote><p>$$a\n- b\n&gt; c$$</p></blockquote></li></ul>",
     ["- a\n  > $$a\n  > - b\n  > > c$$", "- a\n  > $$a - b > c$$"], True),
    ("environment", "<p>x\n\\begin{align}a&amp;=b\\\\\n-c&amp;=*d*\\end{align}</p>",
     ["x\n\\begin{align}a&=b\\\\\n-c&=*d*\\end{align}"], True),
    ("math with emphasis around", "<p><em>let $a_b$ be_</em></p>", ["*let $a_b$ be\\_*"], True),
    ("math in a table", '<table><thead><tr><th>$|x|$</th></tr></thead></table>', ["| $\\|x\\|$ |\n|---|"], True),
    ("literal dollar on a math site", r"<p>\$5 and $x$</p>", [r"\$5 and $x$"], True),
    ("dollar in code on a math site", "<p><code>$a_b$</code> $c$</p>", ["`$a_b$` $c$"], True),
]  # fmt: skip


@pytest.mark.parametrize("name,html,spellings,math", SPELLINGS, ids=[s[0] for s in SPELLINGS])
def test_spelling_passes(name, html, spellings, math):
    for md in spellings:
        v = judge(html, md, math)
        assert v.equal, (md, v.classes, v.want, v.got)


# leniency -> HTML that it makes equal
FORGIVEN = {
    "L1": ("<p><b>a</b><i>b</i><s>c</s></p>", "<p><strong>a</strong><em>b</em><del>c</del></p>"),
    "L2": ('<p><em><a href="u"><b>x</b></a></em></p>', '<p><a href="u"><b><em>x</em></b></a></p>'),
    "L3": ("<p><em>a</em><em>b <em>c</em></em></p>", "<p><em>ab c</em></p>"),
    "L4":
        ('<p><em>foo </em>bar <a href="u"> x</a> <b>y</b> <b>z</b></p>',
         '<p><em>foo</em> bar <a href="u">x</a> <b>y z</b></p>'),
    "L5": ("<p> a\n\t b </p>\n", "<p>a b</p>"),
    "L6": ("<ul><li><p>a</p></li><li>b</li></ul>x", "<ul><li>a</li><li><p>b</p></li></ul><p>x</p>"),
    "L7": ("<pre>a</pre>", "<pre><code>a\n</code></pre>"),
    "L8": ("<p><code>a\nb</code></p>", "<p><code>a b</code></p>"),
    "L9": ('<pre class="lang-none prettyprint-override"><code>a</code></pre>', "<pre><code>a</code></pre>"),
    "L10": ('<p><a href=" http://a/%7eb/é?q=%c3%a9">x</a></p>', '<p><a href="http://a/~b/%C3%A9?q=é">x</a></p>'),
    "L13":
        ('<p id="p"><a href="u" rel="nofollow" title="t" class="c">x</a><img src="s" alt="a" title="t" width="3"></p>',
         '<p><a href="u">x</a><img src="s" alt="a"></p>'),
    "L14": ('<div class="snippet"><span>a</span><a name="n">b</a></div><p>c</p>', "<p>ab</p><p>c</p>"),
    "L15": ("<p>a<!-- x -->b</p><!-- language: c -->", "<p>ab</p>"),
    "L16": ("<p></p><p><em></em>a<sup></sup></p><h2> </h2><blockquote></blockquote><ul></ul>", "<p>a</p>"),
    "L17": ("<p><br>a <br> b<br><br></p>", "<p>a<br>b</p>"),
    "L18":
        ("<table><tr><th>a</th><td></td><td> </td><td></td></tr></table>",
         "<table><thead><tr><th>a</th></tr></thead></table>"),
    "L19": ("<pre><code>a<br>b</code></pre>", "<pre><code>a\nb</code></pre>"),
    "L20":
        ("<p>a<ul><li>b</ul></p><b><p>c</p><p>d</p></b>", "<p>a</p><ul><li>b</li></ul><p><b>c</b></p><p><b>d</b></p>"),
    "L21": ("<ul><li>a</li><ul><li>b</li></ul></ul>", "<ul><li>a<ul><li>b</li></ul></li></ul>"),
    "L22":
        ("<p>a&nbsp;b &ensp;c\u200bd <code>&emsp;x\u200c\u200by</code></p><p>&nbsp;</p><pre>\u3000z\ufeff</pre>",
         "<p>a b cd <code> xy</code></p><pre> z</pre>"),
    "L23":
        ("<p>a<br> <br>\n<b>b<br></b><br>c</p><ul><li>d<br><br><br>e</li></ul>",
         "<p>a</p><p><b>b</b></p><p>c</p><ul><li><p>d</p><p>e</p></li></ul>"),
    "L24":
        ('<p><sub>a <b>b</b></sub></p><p><a href="u"><sup>c</sup></a><br><sup>d</sup></p>'
         '<p><sub><sub>e</sub></sub></p>',
         '<p>a <b>b</b></p><p><a href="u">c</a><br>d</p><p>e</p>'),
    "L25":
        ("<p><code>a</code><code>b</code> <b><code>c</code></b><b><code>d</code></b></p>",
         "<p><code>ab</code> <b><code>cd</code></b></p>"),
    "L26":
        ('<pre><code><span class="k">if</span> x\n</code></pre><p><code><font color="red">y</font></code></p>',
         "<pre>if x</pre><p><code>y</code></p>"),
    "L27":
        ('<p><a href="http://a/b.png"><img src="https://a/b.png" alt="c"> </a></p>',
         '<p><img src="https://a/b.png" alt="c"></p>'),
    "L28": ('<p><img src="u" alt="enter image description here"></p>', '<p><img src="u"></p>'),
    "L29":
        ("<p>a:<br>1) b<br>2) c</p><p>d\n1. e\nf\n2. <b>g</b></p><p>1) h</p><p>2) i</p><hr><p>3) j</p>",
         "<p>a:</p><ol><li>b</li><li>c</li></ol><p>d</p><ol><li>e f</li><li><b>g</b></li></ol>"
         "<ol><li>h</li><li>i</li></ol><hr><ol start=3><li>j</li></ol>"),
}  # fmt: skip


def test_every_leniency_is_shown():
    names = {k.split()[0] for k in LENIENCIES}
    assert names == set(FORGIVEN) | {"L11", "L12"}


@pytest.mark.parametrize("name", FORGIVEN)
def test_forgiven(name):
    a, b = FORGIVEN[name]
    assert canonical(a) == canonical(b)


def test_forgiven_in_math():  # L11, L12
    assert canonical("<p>$a\n b$ \\[c\\] \\$5</p>", True) == canonical("<p>$a b$ $$c$$ $5</p>", True)
    assert canonical('<p><span class="math-container">\\$V_1\\$</span></p>', True) == canonical("<p>$V_1$</p>", True)
    assert canonical("<p>$a\n- b % c\n- d\n- e$</p>", True) == canonical("<p>$a - b % c\n- d - e$</p>", True)
    assert canonical("<p>$a % c\n- d$</p>", True) != canonical("<p>$a % c - d$</p>", True)
    assert canonical("<p>$a\\ $</p>", True) != canonical("<p>$a\\$</p>", True)  # `\\ ` is a command


NOT_FORGIVEN = [
    ("<p>a</p>", "<p>b</p>"), ("<p>a b</p>", "<p>ab</p>"), ("<p>a\u00a0b</p>", "<p>ab</p>"),
    ("<p>a\u200cb</p>", "<p>ab</p>"), ("<pre>&nbsp;&nbsp;a</pre>", "<pre> a</pre>"),
    ("<p><code>a&nbsp;b</code></p>", "<p><code>ab</code></p>"),
    ('<p><a href="a&nbsp;b">x</a></p>', '<p><a href="a b">x</a></p>'),
    ("<p>1) a</p>", "<ol><li>a</li></ol>"), ("<p>1. a</p><p>2. b</p>", "<ol><li>a</li><li>b</li></ol>"),
    ("<p>2) a</p><p>3) b</p>", '<ol start="2"><li>a</li><li>b</li></ol>'),
    ("<p>1) a 2) b</p>", "<ol><li>a</li><li>b</li></ol>"), ("<p>1) a<br>3) b</p>", "<ol><li>a</li><li>b</li></ol>"),
    ("<p>1) a<br>2) b<br>c</p>", "<ol><li>a</li><li>b c</li></ol>"),
    ("<p>1) a</p><p>2) b</p>", "<ul><li>a</li><li>b</li></ul>"),
    ("<p>1) a</p><blockquote><p>2) b</p></blockquote>",
     "<ol><li>a</li></ol><blockquote><ol start=2><li>b</li></ol></blockquote>"),
    ("<p><em>a</em> b</p>", "<p>a <em>b</em></p>"), ("<p><em>a b</em></p>", "<p><em>a</em> b</p>"),
    ("<p><code>a</code> <code>b</code></p>", "<p><code>ab</code></p>"),
    ("<p><code>a</code><b><code>b</code></b></p>", "<p><code>ab</code></p>"),
    ('<p><code>a</code><a href="u"><code>b</code></a></p>', '<p><a href="u"><code>ab</code></a></p>'),
    ("<pre><i>a</i></pre>", "<pre>a</pre>"),
    ('<p><a href="v"><img src="u" alt="c"></a></p>', '<p><img src="u" alt="c"></p>'),
    ('<p><a href="u"><img src="u" alt="c"> d</a></p>', '<p><img src="u" alt="c"> d</p>'),
    ('<p><img src="u" alt="description"></p>', '<p><img src="u"></p>'),
    ("<p>x<sup>1</sup><sup>2</sup></p>", "<p>x<sup>12</sup></p>"),
    ('<p><a href="u">a</a><a href="u">b</a></p>', '<p><a href="u">ab</a></p>'),
    ("<p>x<sup>a<sup>b</sup></sup></p>", "<p>x<sup>ab</sup></p>"),
    ('<p><a href="http://a/%2F">x</a></p>', '<p><a href="http://a//">x</a></p>'),
    ('<p><a href="http://a/%28">x</a></p>', '<p><a href="http://a/(">x</a></p>'),
    ('<p><a href="http://a">x</a></p>', '<p><a href="https://a">x</a></p>'),
    ('<p><a href="u#a">x</a></p>', '<p><a href="u">x</a></p>'),
    ("<p>a<br>b</p>", "<p>a b</p>"), ("<p>a<br><br>b</p>", "<p>a<br>b</p>"), ("<p>a<br>b</p>", "<p>a</p><p>b</p>"),
    ("<h2>a<br><br>b</h2>", "<h2>a<br>b</h2>"),
    ("<p><sup>1</sup><sub>2</sub></p>", "<p>12</p>"), ("<p><sub>a</sub> b</p>", "<p>a b</p>"),
    ("<h2><sub>a</sub></h2>", "<h2>a</h2>"), ("<p><kbd><sub>a</sub></kbd></p>", "<p><kbd>a</kbd></p>"),
    ("<table><tr><td><sup>2</sup></td></tr></table>", "<table><tr><td>2</td></tr></table>"),
    ("<p><sub><sup>a</sup></sub> <sub>b</sub></p>", "<p>a b</p>"), ("<p><small>a</small></p>", "<p>a</p>"),
    ("<pre>a\n\n</pre>", "<pre>a\n</pre>"), ("<pre>a </pre>", "<pre>a</pre>"),
    ("<p><code> a</code></p>", "<p><code>a</code></p>"),
    ("<ul><li>a</li><li></li></ul>", "<ul><li>a</li></ul>"), ("<ol><li>a</li></ol>", '<ol start="0"><li>a</li></ol>'),
    ("<ul><li><p>a</p><p>b</p></li></ul>", "<ul><li><p>a b</p></li></ul>"), ("<h2>a</h2>", "<p><strong>a</strong></p>"),
    ("<pre><b>a</b></pre>", "<pre>a</pre>"), ("<p><u>a</u></p>", "<p>a</p>"), ("<p><ins>a</ins></p>", "<p>a</p>"),
    ("<p><u>a</u></p>", "<p><em>a</em></p>"),
    ("<dl><dt>a</dt><dd>b</dd></dl>", "<p>a</p><p>b</p>"), ("<div>a</div><div>b</div>", "<p>ab</p>"),
    ("<table><tr><td>a</td><td></td><td>b</td></tr></table>", "<table><tr><td>a</td><td>b</td></tr></table>"),
    ("<table><tr><th>a</th></tr></table>", "<table><tr><td>a</td></tr></table>"),
    ("<p>a</p><iframe src=\"u\"></iframe>", "<p>a</p>"),
]  # fmt: skip


@pytest.mark.parametrize("a,b", NOT_FORGIVEN)
def test_not_forgiven(a, b):
    assert canonical(a) != canonical(b)


# ---- it cannot be gamed --------------------------------------------------------------------
BODY = (
    '<p>Press <kbd>F1</kbd>, <em>then</em> <a href="u">see</a> <code>x</code>.</p>\n'
    "<ul><li>a</li></ul>\n<blockquote><p>q</p></blockquote>\n"
    "<pre><code>c\n</code></pre>\n<h2>T</h2><hr><table><thead><tr><th>a</th></tr></thead></table>"
)


def test_copying_the_html_fails():
    assert judge(BODY, BODY, False).classes == ["raw-html"]


@pytest.mark.parametrize(
    "html",
    [
        "<p>a</p>",
        "<ul><li>a</li></ul>",
        "<h1>a</h1>",
        "<pre><code>a</code></pre>",
        "<blockquote><p>a</p></blockquote>",
        "<table><tr><th>a</th></tr><tr><td>b</td></tr></table>",
        "<hr>",
    ],
)
def test_raw_html_for_what_markdown_has(html):
    assert not judge(html, html, False).equal


@pytest.mark.parametrize(
    "html,md",
    [
        ("<p>a <em>b</em> c</p>", "a <em>b</em> c"),
        ("<p>a <b>b</b></p>", "a <b>b</b>"),
        ('<p><a href="u">b</a></p>', '<a href="u">b</a>'),
        ("<p><code>b</code></p>", "<code>b</code>"),
        ('<p><img src="u" alt="x"></p>', '<img src="u" alt="x">'),
        ("<p><s>b</s></p>", "<s>b</s>"),
        ("<p><span>b</span></p>", "<span>b</span>"),
        ("<div>b</div>", "<div>\n\nb\n\n</div>"),
    ],
)
def test_needless_inline_html(html, md):
    assert judge(html, md, False).classes == ["raw-html"]


@pytest.mark.parametrize(
    "html,md",
    [
        ("<p><code>a<sub>i</sub></code></p>", "<code>a<sub>i</sub></code>"),
        ("<pre><code>a <b>b</b>\n\nc</code></pre>", "<pre><code>a <b>b</b>\n\nc</code></pre>"),
        ("<dl><dt>a</dt><dd><p>b</p></dd></dl>", "<dl><dt>a</dt><dd><p>b</p></dd></dl>"),
    ],
)
def test_needed_raw_html(html, md):
    assert judge(html, md, False).equal


def test_math_container_need_not_stay():
    html = '<p>a <span class="math-container">$x$</span></p>'
    assert judge(html, html[3:-4], True).classes == ["raw-html"]


def test_no_text():
    assert judge("<p>a</p>", None, False).classes == ["error"]
    assert judge("<p>a</p>", ValueError("x"), False).classes == ["error"]


# ---- parts -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text,found",
    [
        ("a $x$ b $y$", ["x", "y"]),
        ("$$a$$ $b$", ["a", "b"]),
        ("$a {b$ c} d$", ["a {b$ c} d"]),
        (r"\$5 and $x\$y$", [r"x\$y"]),
        ("$5 only", []),
        ("$ $ a", []),
        (r"\begin{align}x\end{align} $y$", [r"\begin{align}x\end{align}", "y"]),
        (r"$$\begin{align}x\end{align}$$", [r"\begin{align}x\end{align}"]),
        ("$$ open $x$", ["x"]),
    ],
)
def test_math_spans(text, found):
    assert [s[3] for s in math_spans(text)] == found


@pytest.mark.parametrize(
    "a,b",
    [
        ("a b", "a%20b"),
        ("%41%2d", "A-"),
        ("%e9", "%E9"),
        ("é", "%C3%A9"),
        ("100%", "100%25"),
        ("a|b", "a%7Cb"),
        ("a\\b", "a%5Cb"),
    ],
)
def test_same_url(a, b):
    assert canonical_url(a) == canonical_url(b)


def test_reference_is_commonmark_where_markdown_it_is_not():
    html = Reference(False).render("\u00a0x\n\n[a](javascript:x)")[0]
    assert html == '<p>\u00a0x</p>\n<p><a href="javascript:x">a</a></p>\n'
    deep = "".join("  " * i + "- x\n" for i in range(40))
    assert Reference(False).render(deep)[0].count("<ul>") == 40


def test_math_is_detected():
    assert site_uses_math("/x/math.stackexchange.com/Posts.xml", []) == (True, "site math")
    assert site_uses_math("/x/cooking.stackexchange.com/Posts.xml", ["<p>$x_1$</p>"])[0] is False
    assert (
        site_uses_math("/x/math.meta.stackexchange.com/Posts.xml", [])[0]
        and site_uses_math("/x/meta.mathoverflow.net/Posts.xml", [])[0]
    )
    assert site_uses_math("/x/cooking.meta.stackexchange.com/Posts.xml", [])[0] is False
    assert site_uses_math("/x/y.xml", ["<p>$x_1$</p>"] + ["<p>a</p>"] * 50)[0] is True
    assert site_uses_math("/x/y.xml", ["<p>$5 or $10</p><pre>$a_b$</pre>"] * 50)[0] is False


def test_command_line(tmp_path, capsys, monkeypatch):
    posts = tmp_path / "Posts.xml"
    posts.write_text(
        '<posts><row Id="1" PostTypeId="1" Body="&lt;p&gt;a&lt;/p&gt;"/>'
        '<row Id="2" PostTypeId="2" Body="&lt;p&gt;*b*&lt;/p&gt;"/>'
        '<row Id="3" PostTypeId="4" Body="&lt;p&gt;wiki&lt;/p&gt;"/></posts>'
    )
    (tmp_path / "conv.py").write_text("def f(html, math):\n    return html.replace('<p>', '').replace('</p>', '')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["--converter", "conv:f", "--posts", str(posts), "--show", "1", "--json", "o.json"]) == 0
    out = capsys.readouterr().out
    assert "equal 1   50.00 %" in out and "emphasis-changed" in out and "posts/s" in out
    assert json.loads(Path("o.json").read_text())["by_class"] == {"emphasis-changed": 1}
    Path("p.jsonl").write_text(json.dumps({"html": "<p>a</p>", "markdown": "a"}) + "\n")
    assert main(["--pairs", "p.jsonl"]) == 0
    assert "100.00 %" in capsys.readouterr().out
    command = [sys.executable, "-m", "benchmarks.tools.fidelity", "--pairs", str(tmp_path / "p.jsonl")]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_classes_are_all_described():
    assert {m[4] for m in MUTATIONS} <= set(CLASSES)
