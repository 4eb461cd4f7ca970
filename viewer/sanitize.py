"""Posts are written by strangers: which of their HTML may reach the browser.

Allow-lists, applied last. No script, style, form, frame, media or id passes; links lead only to http(s) and mail; and
the browser fetches nothing by itself, images only if the reader asked for them. No element passes whose text browsers
parse by other rules (style, textarea, title ..), because parsed again it could become something else.
"""

from __future__ import annotations

from functools import cache

import nh3
from pygments.token import STANDARD_TYPES

_TEXT = set(
    "a abbr b blockquote br caption cite code dd del details dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i ins kbd li mark "
    "ol p pre q s samp small span strike strong sub summary sup table tbody td tfoot th thead tr tt u ul var "
    "wbr".split()
)
_MATH = set(
    "math menclose mfrac mi mn mo mover mpadded mphantom mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable "
    "mtd mtext mtr munder munderover mmultiscripts mprescripts".split()
)
_ATTRIBUTES = {
    "a": {"href"},
    "abbr": {"title"},
    "details": {"open"},
    "li": {"value"},
    "mark": {"title", "data-criteria"},
    "ol": {"start", "reversed"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan"},
}
_MATH_ATTRIBUTES = set(
    "accent accentunder columnalign columnlines depth display displaystyle form height largeop linethickness lspace "
    "mathvariant maxsize minsize movablelimits notation rspace scriptlevel separator stretchy symmetric voffset "
    "width".split()
)
_STYLES = set(  # of formulas: those that math-core writes, none of which can contain an address
    "border-bottom border-left border-right border-top color justify-items margin-left padding-bottom padding-left "
    "padding-right padding-top text-align width".split()
)
_CLASSES = {
    "blockquote": {"spoiler"},
    "code": {"unrendered"},
    "details": {"spoiler"},
    "div": {"finding", "formula"},
    "mark": {"finding"},
    "pre": {"finding"},
    "span": {name for name in STANDARD_TYPES.values() if name} | {"image"},
}
_REMOVED_WITH_THEIR_TEXT = set(
    "script style svg iframe object embed applet noscript noembed noframes template title textarea select xmp "
    "plaintext".split()
)


def sanitize(html: str, *, images: bool = False) -> str:
    """The harmless part of a post's HTML; with `images` this includes images, which the browser then fetches."""
    return _cleaner(images).clean(html)


@cache
def _cleaner(images: bool) -> nh3.Cleaner:
    attributes = {"*": set(), **_ATTRIBUTES, **{tag: _MATH_ATTRIBUTES | {"style"} for tag in _MATH}}
    if images:
        attributes["img"] = {"src", "alt"}
    return nh3.Cleaner(
        tags=_TEXT | _MATH | ({"img"} if images else set()),
        clean_content_tags=_REMOVED_WITH_THEIR_TEXT,
        attributes=attributes,
        allowed_classes=_CLASSES,
        filter_style_properties=_STYLES,
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",  # which would lead into Jupyter
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={
            "a": {"target": "_blank"},
            "img": {"referrerpolicy": "no-referrer", "loading": "lazy"},
        },
    )
