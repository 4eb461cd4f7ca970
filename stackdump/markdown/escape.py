"""Text, code and addresses as Markdown: what a reader would take for markup is escaped, and nothing else."""

import html
import re
from collections.abc import Iterable
from html.entities import html5
from typing import Final

WS: Final = " \t\n\r\f"  # HTML's white space; a no-break space is text
BREAK: Final = "\0"  # stands for <br> until a block is written: a body cannot hold it
FORMULA: Final = "\x01"  # stands for a formula of several lines until then

# ---- invisible spaces -----------------------------------------------------------------------------------------

# Unicode's spaces (category Zs) other than the plain one, such as U+00A0, the no-break space; and those of no width.
_WIDE_SPACES: Final = dict.fromkeys([0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " ")
_NO_WIDTH: Final = dict.fromkeys([0x200B, 0x2060, 0xFEFF], "")
_PLAIN: Final = str.maketrans({**_WIDE_SPACES, **_NO_WIDTH})
INVISIBLE: Final = "".join(map(chr, [*_WIDE_SPACES, *_NO_WIDTH]))
SPACES: Final = WS + INVISIBLE
has_invisible: Final = re.compile(f"[{INVISIBLE}]").search
_INVISIBLE_SPACES: Final = re.compile(f"[ \t]*[{INVISIBLE}][ \t{INVISIBLE}]*")
# What Stack Exchange's editor once put into long words: a non-joiner, with the space of no width that follows it.
_WORD_BREAK: Final = "\u200c\u200b"


def plain_code(code: str) -> str:
    """Code whose invisible spaces, which no language takes for white space, are spaces; those of no width go."""
    if code.isascii() or not has_invisible(code):
        return code
    return code.replace(_WORD_BREAK, "").translate(_PLAIN)


def plain_spaces(text: str) -> str:
    """Text in which a run of spaces of any kind with an invisible one among them is one space; those of no width go."""
    if text.isascii() or not has_invisible(text):
        return text
    text = text.replace(_WORD_BREAK, "")
    return _INVISIBLE_SPACES.sub(lambda found: " " if found[0].translate(_PLAIN) else "", text)


# ---- entities -------------------------------------------------------------------------------------------------

_ATTRIBUTE_REFERENCE: Final = re.compile(
    r"&(#\d+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]*+;|[A-Za-z][A-Za-z0-9]*+(?![=;]))"
)


def unescape(text: str) -> str:
    """Character references of HTML text resolved; the five common ones without a call per reference."""
    plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&nbsp;", "\xa0")
    if plain.count("&") == plain.count("&amp;"):
        return plain.replace("&amp;", "&")
    return html.unescape(text).replace("\r", " ")


def unescape_attribute(value: str) -> str:
    """The same in an attribute, where `&copy=1` is not a reference (HTML Standard, 13.2.5.73)."""
    if "&" not in value:
        return value
    return _ATTRIBUTE_REFERENCE.sub(lambda m: html.unescape(m[0]) if m[1][0] == "#" else html5.get(m[1], m[0]), value)


# ---- text -----------------------------------------------------------------------------------------------------

# What may need an escape. A run of `*` or `_` between words (`2 * 3`) is not a delimiter, nor is a `_` between letters;
# at the ends of a text and of its lines the neighbours count as unknown. (Every alternative begins with a character of
# its own, so that the search can skip to them, and looks behind to match a run only from its start: linear time.)
_MARKUP: Final = r"""
      \\(?![^\W_])                                          # a backslash, unless a letter or digit follows
    | \*(?<!\*\*)  (?: (?<![^\s\0][ ]\*) \**+ | \**+ (?![ ][^\s\0]) )
    | _(?<!__)  (?: (?<!\w_) (?: (?<![^\s\0][ ]_) _*+ | _*+ (?![ ][^\s\0]) ) | (?<![ ]_) _*+ (?!\w) )
    | `
    | ~(?<!~~)~*+
    | \](?=\()                                              # [text](address)
    | <(?=[A-Za-z/!?])                                      # a tag, comment or autolink
    | &(?=\#[0-9]{1,7};|\#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};)
"""
_ESCAPE: Final = re.compile(_MARKUP, re.X)
_ESCAPE_MATH: Final = re.compile(r"\\\$ | \$ | \\(?=begin\{) |" + _MARKUP, re.X)
_BRACKET: Final = re.compile(r"\\.|[\[\]]", re.S)


def _with_backslashes(found: re.Match[str]) -> str:
    run = found[0]
    if len(run) == 1:
        return "\\" + run
    return "\\$" if run == "\\$" else "".join(["\\" + c for c in run])


def escape(text: str, math: bool) -> str:
    """Plain text as Markdown that renders as it, but for line starts (`escape_line_starts`).

    math: a dollar is written `\\$`, and `\\$`, MathJax's own spelling of a dollar, is one too."""
    return (_ESCAPE_MATH if math else _ESCAPE).sub(_with_backslashes, text)


def escape_all(text: str, math: bool) -> str:
    """Text in which nothing is a formula and a backslash before a dollar is a backslash: a description, code."""
    text = escape(text, False)
    return text.replace("$", "\\$") if math else text


def has_odd_brackets(markdown: str) -> bool:
    """Brackets that are not in pairs, which a link's label cannot hold."""
    return not _are_paired(_BRACKET.findall(markdown))


def escape_brackets(markdown: str) -> str:
    """Markdown in which every bracket is escaped."""
    return _BRACKET.sub(lambda m: m[0] if len(m[0]) > 1 else "\\" + m[0], markdown)


def _are_paired(brackets: Iterable[str]) -> bool:
    depth = 0
    for bracket in brackets:
        if len(bracket) == 1:
            depth += 1 if bracket in "[(" else -1
            if depth < 0:
                return False
    return depth == 0


def escape_end(markdown: str, chars: str) -> str:
    """Markdown whose last character, if one of `chars`, is escaped."""
    if markdown and markdown[-1] in chars and (len(markdown) - len(markdown[:-1].rstrip("\\"))) % 2:
        return f"{markdown[:-1]}\\{markdown[-1]}"
    return markdown


# ---- lines ----------------------------------------------------------------------------------------------------

# The start of a paragraph that would make it a list item, quote, heading, rule, code fence or link definition; of a
# later line that would be one of those that may interrupt a paragraph (of numbered lists: only 1), an underline, or the
# row of dashes of a table.
_LINE_START: Final = re.compile(
    r"""(?:
        (1 | \A \d{1,9}) (?= [.)] (?: [ \t\n] | \Z ) )
      | (?= [-+*] (?: [ \t\n] | \Z ) | > | \#{1,6} (?: [ \t\n] | \Z ) | ~~~
          | (?: (?: - [ \t]*+ ){3,}+ | (?: \* [ \t]*+ ){3,}+ | (?: _ [ \t]*+ ){3,}+ ) (?: \n | \Z )
          | (?<=\n) (?: =++ [ \t]* (?: \n | \Z )
              | (?= [-|:] ) (?= [|: \t]*+ - ) [-|: \t]*+ (?: \n | \Z ) )
          | \A \[ (?: \^ (?: \\. | [^\[\]\\] )*+ \]:
              | (?: \\. | [^\[\]\\] )*+ \]: \s*+ (?: < | [^\s]++ [ \t]*+ (?: [\n"'(] | \Z ) ) ) ) )""",
    re.X,
)
# (the lookbehinds keep a search from entering a run of white space: linear time)
HARD_BREAK: Final = re.compile(rf"(?:(?<![{WS}])[{WS}]++)?{BREAK}[{WS}]*+")
PARAGRAPH_END: Final = re.compile(f"{BREAK}[{WS}{INVISIBLE}]*{BREAK}[{WS}{INVISIBLE}{BREAK}]*")  # <br><br>
MAY_START_BLOCK: Final = frozenset("-+*>#_~[0123456789")
_MAY_START_LINE: Final = MAY_START_BLOCK | frozenset("=|:")  # a later one also of an underline or a row of dashes


def escape_line_starts(text: str) -> str:
    """Lines of a paragraph that begin like another block begin with an escape."""
    lines, start = text.split("\n"), 0
    for n, line in enumerate(lines):
        is_doubtful = line and line[0] in _MAY_START_LINE and _is_doubtful(line, text, start)
        if is_doubtful and (found := _LINE_START.match(text, start)):
            number = found[1] or ""
            lines[n] = f"{number}\\{line[len(number) :]}"
        start += len(line) + 1
    return "\n".join(lines)


def _is_doubtful(line: str, text: str, start: int) -> bool:
    """May `_LINE_START` match? Not an emphasis or a link, with which lines begin more often than with all others."""
    if line[0] == "*":
        rest = line.lstrip("*")
        return not rest or rest[0] in " \t"
    return line[0] != "[" or start == 0 and "]:" in text


def join_lines(text: str) -> str:
    """White space around line ends taken away: no blank lines, no indentation, no hard breaks by two blanks."""
    first, *others = text.split("\n")
    lines = [stripped for line in others[:-1] if (stripped := line.strip(WS))]
    return "\n".join([first.rstrip(WS), *lines, others[-1].lstrip(WS)]) if others else text


def write_breaks(text: str, as_: str) -> str:
    """The hard breaks in a paragraph, with the white space around them, written `as_`."""
    first, *others = text.split(BREAK)
    if not others:
        return text
    return as_.join([first.rstrip(WS), *[part.strip(WS) for part in others[:-1]], others[-1].lstrip(WS)])


# ---- code -----------------------------------------------------------------------------------------------------

_BACKTICKS: Final = re.compile(r"`+")
_TILDES: Final = re.compile(r"~+")


def _longer_than_any(runs: list[str], at_least: int) -> int:
    lengths = set(map(len, runs))
    return next(n for n in range(at_least, len(lengths) + at_least + 1) if n not in lengths)


def code_span(code: str) -> str:
    """Code as a Markdown code span of the same characters (a newline is a space)."""
    code = code.replace("\n", " ")
    if "`" not in code:
        return f"` {code} `" if code[0] == code[-1] == " " and code.strip(" ") else f"`{code}`"
    fence = "`" * _longer_than_any(_BACKTICKS.findall(code), 1)
    blank = " " if code[0] in "` " or code[-1] in "` " else ""
    return f"{fence}{blank}{code}{blank}{fence}"


def code_block(code: str, language: str) -> str:
    """Code as a fenced block."""
    mark, runs = ("~", _TILDES) if "`" in language else ("`", _BACKTICKS)
    fence = mark * 3
    if fence in code:
        fence = mark * (max(map(len, runs.findall(code))) + 1)
    if not code.endswith("\n") and code:
        code += "\n"
    return f"{fence}{language}\n{code}{fence}"


# ---- addresses ------------------------------------------------------------------------------------------------

_PLAIN_URL: Final = re.compile(r"[\w.~:/?#@!$&'*+,;=%-]*", re.A)
_UNSAFE_IN_URL: Final = re.compile(r"[\s\x00-\x20\x7f<>\\\"`{}|^]")
_ENTITY_LIKE: Final = re.compile(r"&(?=#?\w{1,32};)")
_AUTOLINK: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>\x00-\x20|]*")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())


def clean_url(value: str, base_url: str | None) -> str:
    """An attribute's address, made absolute if a base (scheme and host, no slash at the end) is given."""
    url = unescape_attribute(value).strip(WS).replace("\n", "").replace("\t", "").replace("\r", "")
    return absolute_url(url, base_url)


def absolute_url(url: str, base_url: str | None) -> str:
    """The address, made absolute if a base is given."""
    if base_url is None or url.startswith(("https:", "http:")) or not url or url[0] == "#" or _SCHEME.match(url):
        return url
    if url.startswith("//"):
        return base_url.partition("//")[0] + url
    return base_url + url if url[0] == "/" else f"{base_url}/{url}"


def destination(url: str) -> str:
    """The address as it stands between the parentheses of a link."""
    if not _PLAIN_URL.fullmatch(url):
        url = _UNSAFE_IN_URL.sub(_percent, url)
        # (32 is as deep as implementations go)
        if url.count("(") > 32 or not _are_paired(c for c in url if c in "()"):
            url = url.replace("(", "\\(").replace(")", "\\)")
    return _ENTITY_LIKE.sub("&amp;", url) if "&" in url else url


_UNSAFE_IN_TITLE: Final = re.compile(r"""["\\]|&(?=\#?\w{1,32};)""")


def quoted(title: str, math: bool) -> str:
    """A link's title as it stands after the address."""
    title = _UNSAFE_IN_TITLE.sub(r"\\\g<0>", title)
    if math:
        title = title.replace("$", "\\$")
    return f'"{title}"'


def is_autolink(url: str, math: bool) -> bool:
    """May the address stand between angle brackets, as itself?"""
    return bool(_AUTOLINK.fullmatch(url)) and not _ENTITY_LIKE.search(url) and not (math and "$" in url)
