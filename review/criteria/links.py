"""Criterion 6, no URLs: links, images, addresses and domains, but not those in code, e-mail addresses and anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from review.criteria.parsed_response import Finding, Link, ParsedResponse, blanked
from review.criteria.word_lists import any_of

CRITERION = 6

# With a scheme, or as people write it without one: starting with www., or a host name with a path.
ADDRESS = re.compile(
    r"(?:https?|ftp)://[^\s<>\ufffc]*\w[^\s<>\ufffc]*"
    r"|(?<![\w.@-])www\.[\w-]+\.[\w./~%-]+"
    r"|(?<![\w.@/-])[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|uk|de|fr|ch|ca)/[~\w][^\s<>\ufffc]*"
)
MAY_HOLD_ADDRESS = re.compile(r"://|www\.|\.[a-z]{2,3}/")
# A host name alone, in lower case: "Amazon.com" is rather a company's name. Not an attribute, as in "a.com()".
_BARE_DOMAIN = re.compile(
    rf"(?<![\w.@/\\$#%:-])[a-z0-9][a-z0-9-]+(?:\.[a-z0-9-]+)*\.{any_of('top_level_domains')}(?![\w@/(\[-]|\.\w| *=)"
)
_NOT_A_DOMAIN = re.compile(any_of("not_domains"))
# The dot comes first, for which Python searches fast.
_ENDS_HOST = re.compile(r"\.[a-z]{2,3}/")
_MAY_HOLD_DOMAIN = re.compile(rf"\.(?<=[a-z0-9]\.){any_of('top_level_domains')}\b")
_TRAILING = ".,:;!?)]'\"*_"  # punctuation of the sentence around an address
HTML_ADDRESS = re.compile(r"<(?:a|(?P<image>img))\b[^>]*?(?:href|src)\s*=", re.I)
# Example hosts: "user.yourdomain.com/path", "http://localhost:8080".
_PLACEHOLDER = re.compile(
    r"(?:https?://)?(?:localhost|127\.0\.0\.1)\b|(?:\w+\.)?(?:your|my|our|some|the)?(?:domain|site|server)\.\w+/"
)


def find(parsed: ParsedResponse) -> Iterator[Finding]:
    end = 0  # of the last link, which may contain an image
    for link in parsed.links:
        if link.start >= end and _is_url(link):
            is_image = link.is_image or parsed.response.startswith("[![", link.start)
            yield Finding(CRITERION, "image" if is_image else "link", link.start, link.end)
            end = link.end
    for start, stop in parsed.html:
        if match := HTML_ADDRESS.match(parsed.response, start, stop):
            yield Finding(CRITERION, "image" if match["image"] else "link", start, stop)
    if not (_may_hold_address(parsed.prose) or _MAY_HOLD_DOMAIN.search(parsed.prose)):
        return
    prose = blanked(parsed.prose, parsed.links)
    if _may_hold_address(prose):
        for match in ADDRESS.finditer(prose):
            if not _PLACEHOLDER.match(match[0]):
                yield Finding(CRITERION, "address", match.start(), match.start() + len(match[0].rstrip(_TRAILING)))
    if _MAY_HOLD_DOMAIN.search(prose):
        for match in _BARE_DOMAIN.finditer(prose):
            if not _NOT_A_DOMAIN.fullmatch(match[0]):
                yield Finding(CRITERION, "address", *match.span())


def _may_hold_address(text: str) -> bool:
    return "://" in text or "www." in text or bool(_ENDS_HOST.search(text))


def _is_url(link: Link) -> bool:
    """Whether it leads to another page, and is not an e-mail address."""
    address = link.address.lower()
    if not address or address.startswith(("#", "mailto:")):
        return False
    return "://" in address or "@" not in address
