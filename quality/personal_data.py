"""Finds personal data in a text: e-mail addresses, phone numbers, IP addresses, and keys and tokens.

Made for technical text, which is full of false friends: 7.2.1.3 is a section, cells@raw.data is R, 6034609800 is a
count. So the rules are strict, and the placeholders of documentation (user@example.com, 192.0.2.1,
AKIAIOSFODNN7EXAMPLE) are left alone. Names and postal addresses are not looked for. benchmarks/quality.py measures the
precision on real posts.

Few texts hold any, so each kind begins with a quick test that texts which hold it pass: together these take a third of
the time of the patterns.
"""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberMatch, PhoneNumberMatcher, PhoneNumberType

KINDS = ("email_address", "phone_number", "ip_address", "secret")


class PersonalData(NamedTuple):
    """The place of personal data in a text."""

    kind: str  # one of KINDS
    start: int  # in characters
    end: int


def find_personal_data(text: str) -> list[PersonalData]:
    """The personal data in a text, in order and without overlaps. Never raises; takes time linear in the text's length.

    Of two that are adjacent, without a space or a comma between them, the second may be missed.
    """
    found = [PersonalData("secret", *place) for place in _secrets(text)]
    found += [PersonalData("email_address", *place) for place in _email_addresses(text)]
    found += [PersonalData("ip_address", *place) for place in _ip_addresses(text)]
    found += [PersonalData("phone_number", *place) for place in _phone_numbers(text)]
    spans: list[PersonalData] = []
    for span in sorted(found, key=lambda span: (span.start, -span.end)):
        if not spans or span.start >= spans[-1].end:
            spans.append(span)
    return spans


def mask(text: str, spans: Sequence[PersonalData]) -> str:
    """The text with <EMAIL_ADDRESS>, <PHONE_NUMBER>, <IP_ADDRESS> or <SECRET> in place of each span.

    Angle brackets around a span, as around an address in Markdown, become those of the mask.
    """
    pieces, end = [], 0
    for span in spans:
        before = text[end : span.start]
        opening, closing = len(before) - len(before.rstrip("<")), 0
        while text.startswith(">", span.end + closing):
            closing += 1
        pieces += [before[: len(before) - min(opening, max(closing, 1))], f"<{span.kind.upper()}>"]
        end = span.end + min(closing, max(opening, 1))
    return "".join([*pieces, text[end:]])


def _has_run(text: str, characters: bytes, length: int) -> bool:
    """Whether a text has so many characters of a kind (a table of `_only`) in a row."""
    return b"x" * length in text.encode("latin-1", "replace").translate(characters)


def _has_any(text: str, words: Sequence[str]) -> bool:
    """Whether one of the words is in the text, in any case."""
    folded = text.casefold()
    return any(word in folded for word in words)


def _only(characters: str) -> bytes:
    """A table for bytes.translate that makes an x of these characters, and a full stop of all others."""
    return bytes(ord("x" if chr(code) in characters else ".") for code in range(256))


# ---- e-mail addresses ------------------------------------------------------------------------------------------------
# country-code top-level domains and the common generic ones: cells@raw.data and a@b.shape are code
_TOP_LEVEL = {region.lower() for region in phonenumbers.SUPPORTED_REGIONS} | set(
    "eu uk com org net edu gov mil int info biz name pro dev app xyz tech cloud online".split()
)
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}([a-z]{2,24})(?![\w-]|\.\w)", re.I)
_NAME = re.compile(r"[A-Za-z0-9][\w.%+-]{0,63}\Z", re.A)
_COPIED_TO = re.compile(r":[^\s,;:)\]}>\"'`]")  # as in git@github.com:team/project
# placeholders
_PLACEHOLDER_NAME = re.compile(
    r"(?:your|my|some|any|user|first|last|full|example|foo|bar|xxx|test|no-?reply|do-?not-?reply)"
    r"|(?:name|e?mail|me|you|abc|a|b|x|git|hg|svn|anonymous|(?:john|jane|joe)[._]?(?:doe|smith)?)\Z",
    re.I,
)
_PLACEHOLDER_DOMAIN = re.compile(
    r"(?:^|\.)(?:(?:my|some|the|any)-?)?(?:domain|company|host|server|site|website|where|thing)\.[a-z]+\Z"
    r"|(?:^|\.)(?:your[a-z-]*|my|some|the|any|address|provider|example\d?|test|foo|bar|baz|foobar|acme|contoso|x+|abc)"
    r"\.[a-z]+\Z"
    r"|(?:^|\.)(?:my)?e?mail\.(?:com|org|net)\Z"
    r"|(?:^|\.)noreply\.",
    re.I,
)


def _email_addresses(text: str) -> Iterator[tuple[int, int]]:
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        if domain and domain[1].lower() in _TOP_LEVEL and not _PLACEHOLDER_DOMAIN.search(domain[0]):
            name = _NAME.search(text, max(0, at - 64), at)
            if name and _is_address(text, name, domain):
                yield name.start(), domain.end()
        at = text.find("@", at + 1)


def _is_address(text: str, name: re.Match[str], domain: re.Match[str]) -> bool:
    before = text[max(0, name.start() - 64) : name.start()]
    if before.endswith(("@", "/")) or (before.endswith(":") and "://" in before.split()[-1]):
        return False  # @someone@mastodon.social; the user or the password in a URL such as ftp://user@host
    return not _PLACEHOLDER_NAME.match(name[0]) and not _COPIED_TO.match(text, domain.end())


# ---- IP addresses ----------------------------------------------------------------------------------------------------
_IPV4 = re.compile(r"\d(?<![\w.]\d)(?<![a-z]-\d)\d{0,2}(?:\.\d{1,3}){3}(?!\w|\.\w|-[a-z]|/\d)", re.I | re.A)
_IPV6 = re.compile(r"[23](?<![\w:.][23])[0-9a-f]{3}:[0-9a-f:]{2,34}(?<!:)(?!\w|:\w|/\d)", re.I | re.A)  # of 2000::/3
_IN_IPV4, _IN_IPV6 = re.compile(r"\.[0-9]{1,3}\.[0-9]"), re.compile(r":[0-9a-fA-F]{0,4}:")
_VERSION = re.compile(r"(?:\bv|ver|version|release|build|section|chapter|definition|theorem|figure)[ .:]{0,2}\Z", re.I)
_SMALL = 32  # with three of four numbers below it, a version or a section; this loses 1 of 150 random addresses
# public name servers, and example.com
_WELL_KNOWN = {
    "93.184.216.34",
    "8.8.8.8",
    "8.8.4.4",
    "1.1.1.1",
    "1.0.0.1",
    "9.9.9.9",
    "208.67.222.222",
    "208.67.220.220",
    "2001:4860:4860::8888",
    "2001:4860:4860::8844",
    "2606:4700:4700::1111",
    "2606:4700:4700::1001",
}


def _ip_addresses(text: str) -> Iterator[tuple[int, int]]:
    if _IN_IPV4.search(text):
        for found in _IPV4.finditer(text):
            if _is_public(found[0]) and not _is_version(text, found):
                yield found.span()
    if _IN_IPV6.search(text):
        for found in _IPV6.finditer(text):
            if _is_public(found[0]):
                yield found.span()


def _is_public(address: str) -> bool:
    """Whether it belongs to somebody: not reserved for private networks or documentation, and not well known."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.is_global and not parsed.is_multicast and str(parsed) not in _WELL_KNOWN


def _is_version(text: str, found: re.Match[str]) -> bool:
    """Whether an IPv4 address is a version, a section, or made up, such as 11.22.33.44 and 123.45.67.89."""
    numbers = [int(number) for number in found[0].split(".")]
    steps = {after - before for before, after in zip(numbers, numbers[1:], strict=False)}
    return (
        sum(number < _SMALL for number in numbers) >= 3
        or len(steps) == 1
        or _is_made_up(found[0].replace(".", ""))
        or _VERSION.search(text, max(0, found.start() - 12), found.start()) is not None
    )


def _is_made_up(digits: str) -> bool:
    """Whether digits are typed without thinking: 1234567890, 9876543210, 5555555555."""
    upwards = "01234567890123456789"
    return digits in upwards or digits in upwards[::-1] or len(set(digits)) <= 2


# ---- phone numbers ---------------------------------------------------------------------------------------------------
_NUMBER = re.compile(r"[+(\d](?<![\w+.)][+(\d])(?:(?<=\()\+)?[\d().\- \xa0]{7,20}\d(?!\w)", re.A)
# a number without a country code counts only after one of these words, and if it is valid in one of these countries
_WORD_FOR_PHONES = re.compile(
    r"\b(?:tel|phone|telephone|mobile|cell|fax|whatsapp|call)(?: number| no| me| us)?(?: is| at| on)?[.:]{0,2} ?\Z",
    re.I,
)
_IN_WORDS_FOR_PHONES = (
    "phone",
    "tel",
    "mob",
    "cell",
    "fax",
    "whatsapp",
    "call",
)  # "mob", for the pattern also finds mobıle
_IN_PHONES = _only(string.digits + "().- \xa0")
_COUNTRIES = ("US", "GB")
_LAST_GROUP = re.compile(r"\D*\d+\Z", re.A)
_PERSONAL = {  # unlike hotlines
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP,
    PhoneNumberType.PERSONAL_NUMBER,
    PhoneNumberType.PAGER,
}
# numbers reserved for fiction by NANPA and Ofcom
_FICTION = re.compile(r"1 \d{3}55501\d\d|44 (?:2079460|7700900|1632960|1[1-6]1496)\d*")


def _phone_numbers(text: str) -> Iterator[tuple[int, int]]:
    if not _has_run(text, _IN_PHONES, 8) or not ("+" in text or _has_any(text, _IN_WORDS_FOR_PHONES)):
        return
    for found in _NUMBER.finditer(text):
        if found[0].startswith(("+", "(+")):
            countries: Sequence[str | None] = [None]
        elif _WORD_FOR_PHONES.search(text, max(0, found.start() - 30), found.start()):
            countries = _COUNTRIES
        else:
            continue
        match = _number_at_start(found[0], countries)
        if match and _is_personal(match.number):
            bracket = match.raw_string.startswith("(") and ")" not in match.raw_string  # opened before the number
            yield found.start() + match.start + bracket, found.start() + match.end


def _number_at_start(digits: str, countries: Sequence[str | None]) -> PhoneNumberMatch | None:
    """The phone number at the beginning of a run of digits, perhaps after a bracket; other digits may follow it."""
    while digits:
        for match in (match for country in countries for match in PhoneNumberMatcher(digits, country)):
            if match.start <= 1:
                return match
        digits = _LAST_GROUP.sub("", digits)
    return None


def _is_personal(number: PhoneNumber) -> bool:
    national = phonenumbers.national_significant_number(number)
    fiction = _FICTION.fullmatch(f"{number.country_code} {national}")
    return not fiction and not _is_made_up(national) and phonenumbers.number_type(number) in _PERSONAL


# ---- keys and tokens -------------------------------------------------------------------------------------------------
# the beginnings and forms of services' tokens, from the rules of gitleaks and detect-secrets
_TOKENS = {
    "AKIA": r"AKIA[A-Z2-7]{16}",  # AWS: long-term and temporary
    "ASIA": r"ASIA[A-Z2-7]{16}",
    "ghp_": r"ghp_[A-Za-z0-9]{36}",  # GitHub: personal, OAuth, app
    "gho_": r"gho_[A-Za-z0-9]{36}",
    "ghs_": r"ghs_[A-Za-z0-9]{36}",
    "github_pat_": r"github_pat_\w{82}",
    "glpat-": r"glpat-[\w-]{20,50}",  # GitLab
    "xox": r"xox[abeoprs]-\d[\w-]{15,250}",  # Slack
    "hooks.slack.com": r"hooks\.slack\.com/services/T\w{6,12}/B\w{6,12}/\w{20,30}",
    "T3BlbkFJ": r"sk-[\w-]{20,120}T3BlbkFJ[\w-]{20,120}",  # OpenAI: the middle is its name in Base64
    "sk-ant-": r"sk-ant-[a-z]{3,6}\d\d-[\w-]{80,120}",  # Anthropic
    "hf_": r"hf_[A-Za-z0-9]{34}",  # Hugging Face
    "AIza": r"AIza[\w-]{35}",  # Google
    "ya29.": r"ya29\.[\w-]{30,300}",
    "k_live_": r"[rs]k_live_[A-Za-z0-9]{10,99}",  # Stripe
    "SG.": r"SG\.[\w-]{22}\.[\w-]{43}",  # SendGrid
    "npm_": r"npm_[A-Za-z0-9]{36}",
    "pypi-": r"pypi-AgE[\w-]{50,300}",
    ":AA": r"\d{8,10}:AA[\w-]{33}",  # Telegram
    "AccountKey=": r"(?<=AccountKey=)[A-Za-z0-9+/]{86}==",  # Azure
    "eyJ": r"eyJ[\w-]{10,1000}\.eyJ[\w-]{10,4000}\.[\w-]{10,1000}",  # JSON web tokens
}
_IN_TOKENS = _only(string.ascii_letters + string.digits + "_-")  # 18 or more of these are in every token but two kinds
_TOKENS_WITHOUT_RUN = ("eyJ", "AccountKey=")
_TOKEN_FORMS = {beginning: re.compile(rf"(?<![\w-]){form}(?![\w-])", re.A) for beginning, form in _TOKENS.items()}
_VALUE = re.compile(r"[:=>](?<![:=]:) ?[\"']?([A-Za-z0-9+/=_-]{20,100}+)(?![\w.(\[])", re.A)
_NAME_OF_SECRET = re.compile(r"(?:api|access|auth|secret|private|client)[_-]?(?:key|token|secret)[\"']? ?[:=]?\Z", re.I)
_IN_NAMES_OF_SECRETS = ("key", "token", "secret")
_DIGIT = re.compile(r"\d", re.A)
_PLACEHOLDER_SECRET = re.compile(
    r"example|x{4}|abcdefgh|12345678|your|eyJzdWIiOiIxMjM0NTY3ODkw", re.I
)  # the last is jwt.io's example
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")


def _secrets(text: str) -> Iterator[tuple[int, int]]:
    beginnings = _TOKEN_FORMS if _has_run(text, _IN_TOKENS, 18) else _TOKENS_WITHOUT_RUN
    for beginning in beginnings:
        if beginning in text:
            for found in _TOKEN_FORMS[beginning].finditer(text):
                if _is_random(found[0], 8):
                    yield found.span()
    for found in _VALUE.finditer(text) if _has_any(text, _IN_NAMES_OF_SECRETS) else ():
        if (
            _NAME_OF_SECRET.search(text, max(0, found.start() - 30), found.start())
            and _is_random(found[1], 14)
            and _DIGIT.search(found[1])
        ):
            yield found.span(1)
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)


def _is_random(value: str, distinct: int) -> bool:
    """Whether a value has at least so many distinct characters, and is not a placeholder."""
    return len(set(value)) >= distinct and not _PLACEHOLDER_SECRET.search(value)


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Blocks from BEGIN to END with a key between them, not only dots."""
    begin = _KEY_BEGINS.search(text)
    while begin and (end := _KEY_ENDS.search(text, begin.end())):
        if len(set(text[begin.end() : end.start()])) > 32:
            yield begin.start(), end.end()
        begin = _KEY_BEGINS.search(text, end.end())
