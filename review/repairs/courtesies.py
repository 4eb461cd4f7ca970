"""Greetings, thanks, wishes and signatures: whole sentences at the beginning and the end, said to one person."""

from __future__ import annotations

import re
from collections.abc import Iterator

from review.repairs.verified_edits import Edit, Element, Found, MarkdownText

_END = r"[ \t]*(?:[.!]+|[:;]-?[)D]|🙂|😊)*[ \t]*"
_GREETING = re.compile(
    r"(?:(?:hi|hello|hey|dear|greetings)(?: (?:there|all|everyone|everybody|guys|folks|friend|again))?"
    r"(?:[.!]+|,(?=\s*\n))"
    r"|good (?:morning|day|evening|afternoon)[.,!]+"
    r"|welcome to (?:the )?(?:site|stack ?exchange|stack ?overflow|[\w.]+ ?(?:SE|stack ?exchange))(?: \w+)?[.!]+"
    r"|(?:that(?:['’]s| is) an? |this is an? |what an? )?(?:very |really )?"
    r"(?:great|good|nice|excellent|interesting|fun) question(?: (?:this is|indeed))?[.!]+"
    r"|thanks (?:you )?for (?:the|your|this|asking)(?: \w+){0,2} question[.!]+)(?=\s)"
    r"(?!\s+thank(?:s| you) for\b)",  # for it, as in "Great question! Thanks for asking it here."
    re.I,
)
_CLOSINGS = (
    # "Anyway, I hope that this will be of some help to you"
    r"(?:(?:so|well|anyway|anyways|again),? )?(?:i |i do |i really |we )?(?:hope|hopefully|trust)(?: that)?,? "
    r"(?:this|that|it|all (?:of )?this|my answer|these)(?: (?:will|would|may|might|can|could|should|does|did))?"
    r"(?: be| is| was)? ?(?:helps?|helped|helpful|useful|of (?:some )?(?:help|use))"
    r"(?: (?:you|someone|somebody|anyone|others|a bit|a little|out|some|clarify|explain|clear up|it|things|this))*",
    r"hth|h\.t\.h",
    r"(?:and )?(?:good|best of) luck(?: (?:to you|with (?:it|that|this|your \w+)))?",
    r"(?:(?:many |much )?thanks|thank you)"
    r"(?: (?:a lot|again|so much|very much|in advance|for (?:reading|your time|any help|the help|your help)))*",
    r"cheers|enjoy|happy (?:coding|hacking|programming|learning|teaching|new year)",
    r"(?:(?:best|kind|warm) )?regards|best wishes",
    r"(?:please )?(?:let me know|feel free to ask|don['’]t hesitate to ask|ask)(?: me)? (?:if|in case|should) "
    r"(?:you (?:have|need|still have|run into)|there are|anything is|something is|this|that|it)(?: \w+){1,5}",
)
_CLOSING = re.compile(rf"(?:{'|'.join(_CLOSINGS)}){_END}", re.I)
_SIGNATURE = re.compile(
    r"(?:cheers|(?:best |kind |warm )?regards|best(?: wishes)?|thanks|sincerely|yours)[,.!]?\s*\n"
    r"[-–—~ ]*(?-i:[A-Z][\w.]*(?: [A-Z][\w.]*)?)[ \t]*",
    re.I,
)
LONGEST_CLOSING = 160  # characters
_WORDS_OF_CLOSINGS = """hope trust hth h.t.h luck thank cheers enjoy happy regards best know free hesitate ask
    sincerely yours""".split()
_LINE_OR_SENTENCE_START = re.compile(r"(?<=[.!?)])[ \t]+|\n\s*|\A")
_SENTENCE_START = re.compile(r"(?<=[.!?)])[ \t]+|(?<=[.!?:)\w])[ \t]*\n|\A")


def may_find(text: str) -> bool:
    if _GREETING.match(text):
        return True
    end = text.rstrip()[-LONGEST_CLOSING:]
    lower = end.lower()
    return any(word in lower for word in _WORDS_OF_CLOSINGS) and any(
        _is_closing(end[match.end() :]) for match in _LINE_OR_SENTENCE_START.finditer(end)
    )


def find(parsed: MarkdownText) -> Found:
    """The courtesies at the beginning of the first and at the end of the last paragraph, if something else is left."""
    places = [(edit,) for edit in _courtesies(parsed)]
    taken = sum(edit.end - edit.start for place in places for edit in place)
    return Found(tuple(places)) if taken < len(parsed.text.strip()) else Found(left=True)


def _courtesies(parsed: MarkdownText) -> Iterator[Edit]:
    paragraphs = [
        (element.start, element.start + len(parsed.text[element.start : element.end].rstrip()))
        for element in _top_level(parsed)
    ]
    if paragraphs and paragraphs[0][0] == 0 and (match := _GREETING.match(parsed.text)):
        yield Edit(0, len(parsed.text) - len(parsed.text[match.end() :].lstrip()))
    end = len(parsed.text.rstrip())
    if not paragraphs or paragraphs[-1][1] != end:
        return
    start = paragraphs[-1][0]
    paragraph = parsed.text[start:end]
    for match in _SENTENCE_START.finditer(paragraph):
        if _is_closing(paragraph[match.end() :]):
            kept = parsed.text[: start + match.start()].rstrip()
            if kept.endswith((":", ",")):  # "The program then prints: Thanks!"
                return
            yield Edit(len(kept.removesuffix("\\").rstrip()), end)  # without the mark of a line break
            return


def _is_closing(text: str) -> bool:
    return len(text) <= LONGEST_CLOSING and bool(_SIGNATURE.fullmatch(text) or _CLOSING.fullmatch(text))


def _top_level(parsed: MarkdownText) -> Iterator[Element]:
    depth = 0
    for element in parsed.elements:
        if element.kind == "Start":
            if depth == 0 and element.value == "Paragraph":
                yield element
            depth += 1
        elif element.kind == "End":
            depth -= 1
