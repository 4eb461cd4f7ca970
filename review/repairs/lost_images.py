"""Images without which the text stands: a data set has no images, only what the words say.

An image stands alone in its paragraph, has no description ("enter image description here"), and nothing in the answer
speaks of it.
"""

from __future__ import annotations

import re

from review.criteria.parsed_response import Span, blanked
from review.repairs.verified_edits import NOTHING, Edit, Element, Found, MarkdownText

FEWEST_CHARACTERS = 200  # of an answer without its images, for it to be more than their caption
# What the sites put in the place of a description, and names of files.
_NO_DESCRIPTION = re.compile(
    r"(?:enter image description here|image|img|picture|photo|screenshot|alt text|\w*\.(?:png|jpe?g|gif|svg))?", re.I
)
_SPEAKS_OF_IT = re.compile(
    r"\b(?:images?|pictures?|pics?|figures?|fig|photos?|photographs?|screen ?shots?|screen ?captures?|diagrams?|"
    r"drawings?|drawn|sketch(?:es)?|"
    r"illustrat\w+|graphs?|plots?|plotted|charts?|visuali[sz]\w*|schematics?|animat\w+|gifs?|depict\w*)\b",
    re.I,
)
# In the paragraphs beside it.
_POINTS_AT_IT = re.compile(
    r"\b(?:shows?|shown|showing|see|seen|look(?:s|ing)?|below|above|here|following|follows|like (?:this|so|that)|"
    r"this is|these are|left|right|top|bottom|colou?rs?|red|green|blue|yellow|orange|purple|pink|black|white|e\.g\.|"
    r"examples?|results?|output|render\w*|displays?|appears?|get|gives|curves?|draw|screens?|maps?|tables?|logos?|"
    r"icons?|menu|button|click|window|"
    r"dialog)\b|:\s*$",
    re.I,
)


def may_find(text: str) -> bool:
    return "![" in text


def find(parsed: MarkdownText) -> Found:
    """The images of a text, if none of them is needed."""
    images = _images(parsed)
    if not images:
        return NOTHING
    rest = blanked(parsed.text, [Span(image.start, image.end) for image, _ in images])
    edits = [edit for image, words in images if (edit := _with_its_paragraph(parsed, image, "".join(words)))]
    if len(edits) < len(images) or len(rest.strip()) < FEWEST_CHARACTERS or _SPEAKS_OF_IT.search(rest):
        return Found(left=True)
    if any(_POINTS_AT_IT.search(text) for edit in edits for text in _beside(rest, edit)):
        return Found(left=True)
    return Found(tuple((edit,) for edit in edits))


def _images(parsed: MarkdownText) -> list[tuple[Element, list[str]]]:
    """The images, each with the pieces of its description."""
    images: list[tuple[Element, list[str]]] = []
    for element in parsed.elements:
        if element.kind == "Start" and element.value == "Image":
            images.append((element, []))
        elif element.kind == "Text" and images and element.start < images[-1][0].end:
            images[-1][1].append(element.value)
    return images


def _beside(text: str, edit: Edit) -> tuple[str, str]:
    """The paragraphs before and after a place."""
    return text[: edit.start].rstrip().rpartition("\n\n")[2], text[edit.end :].lstrip().partition("\n\n")[0]


def _with_its_paragraph(parsed: MarkdownText, image: Element, description: str) -> Edit | None:
    """The paragraph of an image that is all of it and has no description; None for any other."""
    paragraph = parsed.paragraph_at(image.start)
    if paragraph is None or not _NO_DESCRIPTION.fullmatch(description.strip()):
        return None
    alone = re.fullmatch(
        r"\[?!\[[^\]]*\]\([^()\s]*(?: \"[^\"]*\")?\)(?:\]\([^()\s]*\))?",
        parsed.text[paragraph.start : paragraph.end].strip(),
    )
    return Edit(paragraph.start, paragraph.end) if alone else None
