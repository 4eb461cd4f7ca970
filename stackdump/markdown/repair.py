"""Ill-nested or rare HTML as the well-nested HTML that a browser makes of it (the HTML Standard's parsing algorithm).

https://html.spec.whatwg.org/multipage/parsing.html, as implemented by lexbor.
"""

import re
from collections import Counter
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from stackdump.markdown.escape import BREAK, WS

MAX_OPEN = (
    250  # elements open at once; deeper ones lose their tags, since browsers' algorithm is quadratic in the depth
)

_PATIENCE = 1000  # how often elements may be opened again by the algorithm, and once per four characters more

_TAG = re.compile(r"<(/?)([A-Za-z][^\s/<>]*)[^<>]*>")
# Text without any character that needs care, whatever the site, and an address that Markdown has as it stands.
_TEXT = r"[ \n!-#%'-)+-;=?@A-Z^a-z{|}]++"
_ADDRESS = r"[!#-%'*-;=?-Z_a-z~]++"
# Elements that are common and hold only text are one token, and so is the step from a paragraph to the next: a token
# saves a thirtieth of the time.
TOKEN = re.compile(
    rf'(</p>\n{{0,2}}+<p>|<a href="{_ADDRESS}"(?: rel="[^"<>]*+")?+>{_TEXT}</a>|<em>{_TEXT}</em>'
    rf'|<strong>{_TEXT}</strong>|<code>[^<]*+</code>|<span class="math-container">[^<]*+</span>'
    r'|<pre(?: class="[^"<>]*+")?+><code>[^<]*+</code></pre>|</?[A-Za-z][^<>]*+>)'
)
_ATTRIBUTE_NAME = re.compile(r"[^\s\"'<>/=]+")
_COMMENT = re.compile(r"<!--.*?-->|<!--.*", re.S)
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
# What the algorithm closes by itself, so that being unclosed says nothing of the depth.
_CLOSED_BY_NEXT = frozenset("p li dt dd tr td th thead tbody tfoot option optgroup rt rp".split())
# What the algorithm opens again in every block that follows, if unclosed.
_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())


def repaired(html: str) -> list[str]:
    """[text, tag, text, tag, ..., text] of the repaired body: tags in lower case, attributes in double quotes."""
    root = LexborHTMLParser(_pruned(html), is_fragment=True, fragment_tag="body")
    text = root.html or ""
    if "<" in _TAG.sub("", text):  # an attribute such as `<b` in `<p <b>`
        for node in root.css("*"):
            if "<!--" in (node.tag or ""):  # an element such as `s<!--`, whose tags would be cut like comments
                node.unwrap(delete_empty=True)
                continue
            for name in list(node.attributes):
                if not _ATTRIBUTE_NAME.fullmatch(name):
                    del node.attrs[name]
        text = root.html or ""
    text = text.replace("\0", "").replace("<br>", BREAK)
    if "<!--" in text:
        text = _COMMENT.sub("", text)
    return _with_strays_in_items(TOKEN.split(text))


def _name(tag: str) -> str:
    return tag[1 : tag.find(">")].split(" ", 1)[0]


def _pruned(html: str) -> str:
    """The body without what would make the repair superlinear: hundreds of unclosed elements."""
    open_: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    depth = formatting = 0  # open elements, and the formatting ones among them
    patience = _PATIENCE + len(html) // 4

    def keep(tag: re.Match[str]) -> str:
        nonlocal depth, formatting, patience
        closing, name = tag[1], tag[2].lower()
        is_formatting = name in _FORMATTING
        if closing:
            if dropped[name]:
                dropped[name] -= 1
                return ""
            if open_[name]:
                open_[name] -= 1
                depth -= 1
                formatting -= is_formatting
            return tag[0]
        ends = ""
        if formatting and not is_formatting:
            patience -= formatting
            if patience < 0:  # closes them for good
                ends = "".join(f"</{f}>" * open_.pop(f, 0) for f in _FORMATTING)
                depth -= formatting
                formatting = 0
        if name in _VOID or name in _CLOSED_BY_NEXT:
            return ends + tag[0]
        if depth >= MAX_OPEN or is_formatting and patience < 0:
            dropped[name] += 1
            return ends
        open_[name] += 1
        depth += 1
        formatting += is_formatting
        return ends + tag[0]

    return _TAG.sub(keep, html)


def _with_strays_in_items(tokens: list[str]) -> list[str]:
    """What stands in a list beside its items is moved to where browsers show it: the end of the item before."""
    out: list[str] = []
    # one entry per open element: name, and for a list the place of its last `</li>` in `out`
    # (None: no item yet, -1: an item was opened again for strays)
    open_: list[list[Any]] = [["", None]]
    for n, token in enumerate(tokens):
        is_tag = n % 2 == 1
        top = open_[-1]
        if top[0] not in ("ul", "ol"):
            pass
        elif not is_tag and not token.strip(WS):
            token = ""
        else:
            name = _name(token) if is_tag else ""
            if name in ("li", "/" + top[0]):
                if top[1] == -1:
                    out += ["</li>", ""]
                    top[1] = None
            elif top[1] != -1:
                if top[1] is None:
                    if is_tag:
                        out += ["<li>", ""]
                    else:
                        out += ["", "<li>"]
                else:
                    out[top[1]] = ""
                top[1] = -1
        out.append(token)
        if is_tag and not (token[1] == "/" and token.endswith("<p>")):
            name = _name(token)
            if name[0] == "/":
                open_.pop()
                if name == "/li" and open_[-1][0] in ("ul", "ol"):
                    open_[-1][1] = len(out) - 1
            elif name not in _VOID and "</" not in token:
                open_.append([name, None])
    return out
