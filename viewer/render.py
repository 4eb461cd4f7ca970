"""A record as HTML that is safe to show: facts about the post, the question, the answer and the findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from review.criteria import Finding
from viewer.post_html import post_html, source_html, uses_math

LONGEST = 100_000  # characters of a question or an answer that are shown; Stack Exchange allows 30,000
LONGEST_LABEL = 300  # characters of a name, a tag, a reason
MOST_TAGS = 20
EXCERPT = 80  # characters of a finding that the list quotes


class Page(NamedTuple):
    """The parts of a page, as HTML."""

    about: str
    question: str
    answer: str
    findings: str


def render(record: dict[str, Any], findings: Sequence[Finding], *, raw: bool = False, images: bool = False) -> Page:
    """A record as a page.

    findings  of its response
    raw       show the Markdown source
    images    show images, which the browser then fetches, instead of their descriptions
    """
    meta = record["meta"]
    question, question_cut = _shortened(record["instruction"])
    answer, answer_cut = _shortened(record["response"])
    if raw:
        return Page(
            _about(record),
            source_html(question) + question_cut,
            source_html(answer, findings) + answer_cut,
            _list(record, findings),
        )
    math = uses_math(question, answer)
    title, _, body = question.partition("\n\n") if meta.get("title") else ("", "", question)
    return Page(
        _about(record),
        (post_html(f"## {title}", math=math) if title else "")
        + post_html(body, math=math, images=images)
        + question_cut,
        post_html(answer, findings, math=math, images=images) + answer_cut,
        _list(record, findings),
    )


def has_images(record: dict[str, Any]) -> bool:
    return any("![" in text or "<img" in text.lower() for text in (record["instruction"], record["response"]))


def _shortened(text: str) -> tuple[str, str]:
    if len(text) <= LONGEST:
        return text, ""
    return text[:LONGEST], f'<p class="cut">{len(text) - LONGEST:,} more characters are not shown.</p>'


def _about(record: dict[str, Any]) -> str:
    """The line above the posts: site, id, scores, tags, authors and licences."""
    return " · ".join(part for part in _facts(record) if part)


def _facts(record: dict[str, Any]) -> Iterator[str]:
    meta = record["meta"]
    yield f"<b>{_label(meta.get('site') or record['source'])}</b>"
    yield _link(meta.get("answer_url") or meta.get("question_url"), record["id"])
    for name in ("question", "answer"):
        score = meta.get(f"{name}_score")
        accepted = " ✓ accepted on the site" if name == "answer" and meta.get("accepted") is True else ""
        if score is not None:
            yield f"{name} {_label(score)}{accepted}"
    tags = meta.get("tags")
    if isinstance(tags, list):
        yield " ".join(f'<span class="tag">{_label(tag)}</span>' for tag in tags[:MOST_TAGS])
    for name in ("question", "answer"):
        author = meta.get(f"{name}_author")
        if author is not None:
            yield f"{name} by {_link(meta.get(f'{name}_author_url'), author)}"
    licenses = [meta.get(name) for name in ("license", "question_license", "answer_license")]
    yield ", ".join(dict.fromkeys(_label(name) for name in licenses if name))


def _label(value: object) -> str:
    text = str(value)
    return escape(text if len(text) <= LONGEST_LABEL else text[:LONGEST_LABEL] + "…")


def _link(address: object, text: object) -> str:
    if not isinstance(address, str) or not _is_web(address):
        return _label(text)
    return f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer nofollow">{_label(text)}</a>'


def _is_web(address: str) -> bool:
    try:
        return urlsplit(address).scheme in ("http", "https")
    except ValueError:
        return False


def _list(record: dict[str, Any], findings: Sequence[Finding]) -> str:
    """The findings as a list: the criterion, the reason, how many there are, and a quotation of the first place."""
    if not findings:
        return ""
    groups: dict[tuple[int, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.criterion, finding.reason), []).append(finding)
    items = (
        f'<li><b class="number">{criterion}</b> {_label(reason)}{f" ×{len(group)}" if len(group) > 1 else ""} '
        f"<q>{_excerpt(record['response'], group[0])}</q></li>"
        for (criterion, reason), group in groups.items()
    )
    return f"<ul>{''.join(items)}</ul>"


def _excerpt(response: str, finding: Finding) -> str:
    text = response[finding.start : finding.end]
    return escape(" ".join(text[:EXCERPT].split()) + ("…" if len(text) > EXCERPT else ""))
