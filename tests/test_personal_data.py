"""Personal data: what is found, what only looks like it, masking, and linear time."""

import random
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quality.personal_data import KINDS, PersonalData, find_personal_data, mask

DETERMINISTIC = settings(derandomize=True, deadline=None, database=None)
JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjcifQ.eyJpc3MiOiJxdWF5IiwicGllciI6OX0.q1Zx8vB3nMk7LpR2tYw5"


def found(text: str) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in find_personal_data(text)]


FOUND = {
    "email_address": [
        "Write to jonna.berg@havn.no.",
        "<jonna@berg.co.uk> says",
        "mailto:jonna-b+rope@cs.uni-freiburg.de)",
        "Email:jonna@berg.org",
        "JONNA.BERG@HAVN.NO!",
        "a@x, then jonna_b84@berg.io",
        "`jonna@berg.com`",
        "jonna@mail.ru: that is hers",
    ],
    "phone_number": [
        "+47 22 12 34 76",
        "ring +442071838750!",
        "(+44) 20 7183 8750",
        "Tel. +49 (0)30 901820",
        "+49 (0)30 901820 (85.2 m)",
        "(+49 30 901820)",
        "+1 (212) 736-5000",
        "Phone: (212) 736-5000",
        "call me at 212-736-5000.",
        "mobile 07911 123456",
    ],
    "ip_address": [
        "from 85.214.132.117",
        "http://85.214.132.117:8080/x",
        "(85.214.132.117)",
        "It is 85.214.132.117.",
        "85.214.132.117-85.214.132.190",
        "[2a02:8108:8ac0:1234::5]:443",
        "2a02:8108:8ac0:1234:ab:cd:ef:5, too",
    ],
    "secret": [
        "AWSAccessKeyId=AKIAQ4TZ7RWSMTNPEB2L&",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        f"Bearer {JWT}",
        "xoxb-2845190736-8472619503-qT7vKx2mN9wB",
        'api_key = "b7d2f0c9e1a84c5db2f6a7e8c9d0e1f2"',
        "AWS_SECRET_ACCESS_KEY=wJ9rXU7nFE2I+K7MD8NG+bPx0fiCY5zQ8s2kLmNo",
        '"client_secret": "Gk3-1mVwPqZ8kR3nT5yB7dF9hJ2lL4"',
        "-----BEGIN RSA PRIVATE KEY-----\n"
        "MIIEowIBAAKCAQEA7bq9ZkX3vT5yWn8sLr2UcQhJdFgPo16M\n"
        "-----END RSA PRIVATE KEY-----",
    ],
}
EXPECTED = {
    "Write to jonna.berg@havn.no.": "jonna.berg@havn.no",
    "mailto:jonna-b+rope@cs.uni-freiburg.de)": "jonna-b+rope@cs.uni-freiburg.de",
    "Email:jonna@berg.org": "jonna@berg.org",
    "Tel. +49 (0)30 901820": "+49 (0)30 901820",
    "(+44) 20 7183 8750": "(+44) 20 7183 8750",
    "+49 (0)30 901820 (85.2 m)": "+49 (0)30 901820",
    "(+49 30 901820)": "+49 30 901820",
    "Phone: (212) 736-5000": "(212) 736-5000",
    "It is 85.214.132.117.": "85.214.132.117",
    "[2a02:8108:8ac0:1234::5]:443": "2a02:8108:8ac0:1234::5",
    "AWSAccessKeyId=AKIAQ4TZ7RWSMTNPEB2L&": "AKIAQ4TZ7RWSMTNPEB2L",
    f"Bearer {JWT}": JWT,
    'api_key = "b7d2f0c9e1a84c5db2f6a7e8c9d0e1f2"': "b7d2f0c9e1a84c5db2f6a7e8c9d0e1f2",
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in KINDS for text in FOUND[kind]])
def test_personal_data_is_found(kind, text):
    spans = find_personal_data(text)
    assert {span.kind for span in spans} == {kind}
    if text in EXPECTED:
        assert found(text) == [(kind, EXPECTED[text])]


@pytest.mark.parametrize(
    "text",
    [
        # placeholders of documentation
        "user@example.com me@berg.example your.name@gmail.com john.doe@berg.no info@yourdomain.com jonna@company.org",
        "noreply@github.com 7+jonna@users.noreply.github.com email@address.com bla@some.com you@mail.com",
        "192.0.2.1 198.51.100.7 203.0.113.99 127.0.0.1 10.1.2.3 192.168.1.1 172.16.99.254 0.0.0.0 255.255.255.0",
        "224.0.0.251 8.8.8.8 1.1.1.1 123.123.123.123 123.45.67.89 11.22.33.44",
        "2001:db8::8a2e:370:7334 ::1 fe80::1 2001:4860:4860::8888",
        "+1 202-555-0143 +1 555 0100 +1 234 567 8901 +44 7700 900123 +1 800 273 8255 +91 9876543210",
        "Phone: 123-456-7890",
        "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "api_key = 'YOUR-API-KEY-GOES-HERE-2024' token: <token> secret_key = os.environ['SECRET_KEY_OF_THE_APP_2']",
        "access_token = 'the-one-that-you-were-given' ghp_010101010101010101010101010101010101",
        "x-ghp_16C7e42F292c6912E7710c838347Ae178B4a ghp_16C7e42F292c6912E7710c838347Ae178B4aQ",
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
        "begins with -----BEGIN PRIVATE KEY-----",
        # code
        "git@github.com:quay/rope.git svn+ssh://jonna@berg.no/repo root@berg.no:~$ ls https://jonna:berg@havn.no/x",
        "cells@raw.data obj@meta.data a@b.shape A@B.T @pytest.mark.skip @jonna@mastodon.social photo@2x.png x@1.2.3",
        "std::vector<int> a::b 12:34:56 0:0:0:211:34 2019:04:10 Set :: Integer 2001:1 irb(main):001:0>",
        "MQTFQADLAIVGAGGAGLRAAIAAAQANPNAKIALISKVYPMRSHTVAAEGGSAAVAQDH",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 key=value token=abc",
        # numbers
        "7.2.1.3 1.5.6.5 v85.214.132.117 version 85.214.132.117 Chrome/96.0.4664.110 1.3.6.1.4.1.311 10.1.1.294.5088",
        "4.100.200.300",
        "lib-85.214.132.117.tar.gz lib-85.214.132.117 85.214.132.0/24 1.11.1.11",
        "6034609800 2017-12-31 23:59 212 736 5000 0.0+1.2246063538223773e-16i (100 + 2000)(100)",
        "12345654321 call that 100 times",
        "26  22  18  14  10  6 x+447911123456 1+442071838750 978-3-16-148410-0 q/112519/254929 call printf: 2074850000",
        "",
    ],
)
def test_text_that_only_looks_like_personal_data_is_left_alone(text):
    assert found(text) == []


def test_several_are_found_in_order():
    text = f"jonna@berg.no, 85.214.132.117, +47 22 12 34 76, {JWT}, jonna@berg.no"
    assert [kind for kind, _ in found(text)] == [
        "email_address",
        "ip_address",
        "phone_number",
        "secret",
        "email_address",
    ]
    assert mask(text, find_personal_data(text)) == (
        "<EMAIL_ADDRESS>, <IP_ADDRESS>, <PHONE_NUMBER>, <SECRET>, <EMAIL_ADDRESS>"
    )


def test_of_overlapping_spans_the_first_is_taken():
    assert found(f"api_key={JWT.replace('.', '')[:90]}@berg.no") == [("secret", JWT.replace(".", "")[:90])]
    assert found(f'"auth_token": "{JWT}"') == [("secret", JWT)]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to <anne.bosun@harbourmail.org>.", "Write to <EMAIL_ADDRESS>."),
        ("<anne.bosun@harbourmail.org, ben@harbourmail.org>", "<EMAIL_ADDRESS>, <EMAIL_ADDRESS>"),
        ("a <anne.bosun@harbourmail.org b", "a <EMAIL_ADDRESS> b"),
        ("<<anne.bosun@harbourmail.org>>, <<<ben@harbourmail.org>>>", "<EMAIL_ADDRESS>, <EMAIL_ADDRESS>"),
        ("<anne.bosun@harbourmail.org><ben@harbourmail.org>", "<EMAIL_ADDRESS><EMAIL_ADDRESS>"),
        ("cout << anne.bosun@harbourmail.org<<end;", "cout << <EMAIL_ADDRESS><<end;"),
        ("anne.bosun@harbourmail.org> b", "<EMAIL_ADDRESS> b"),
    ],
)
def test_brackets_around_personal_data_are_not_doubled(text, masked):
    assert mask(text, find_personal_data(text)) == masked


def test_mask_changes_nothing_but_the_spans():
    assert (
        mask("aéb🚤c", [PersonalData("email_address", 1, 2), PersonalData("secret", 3, 4)])
        == "a<EMAIL_ADDRESS>b<SECRET>c"
    )
    assert mask("abc", [PersonalData("ip_address", 0, 3)]) == "<IP_ADDRESS>"
    assert mask("abc", []) == "abc" and mask("", []) == ""


PIECES = st.one_of(
    st.sampled_from([text for texts in FOUND.values() for text in texts]),
    st.sampled_from(["@", "+", "+1", ".", ":", "-", "(", " ", "\n", "a", "é", "🚤", "eyJ", "call ", "key=", "://"]),
    st.just("-----END PRIVATE KEY-----"),
    st.text(max_size=5),
)


@given(st.lists(PIECES, max_size=12).map(" ".join))
@example("jonna@berg.no:85.214.132.117")
@example(f"+442071838750@berg.no {JWT}@berg.no")
@settings(DETERMINISTIC, max_examples=300)
def test_spans_are_in_order_and_masked_text_has_none(text):
    spans = find_personal_data(text)
    ends = 0
    for span in spans:
        assert span.kind in KINDS and ends <= span.start < span.end <= len(text)
        ends = span.end
    assert find_personal_data(mask(text, spans)) == []


HOSTILE = [
    "a", "1.1.1.1.", "@", "a@", "a@b.", "a@b.com ", "a.b@", "+", "+1 ", "1 ", "1-", "(", "(+", "call 1 2 3 ", "2001:",
    "2001:db8:", "eyJ", "eyJ-", "eyJaaaaaaaaaa.", "sk-T3BlbkFJ", "sk-aaaaaaaaaaaaaaaaaaaaaaaaa ", "AKIA", "xoxb-1",
    "api_key=", "=aaaaaaaaaaaaaaaa", "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY----- -----END ",
    "85.214.132.117 ", "0123456789", "a" * 64 + "@" + "a." * 8, "12345678:AA", "hooks.slack.com/services/T",
    "telephone number is: ", "mailto:a@b.", " ", "\0", "é@",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE, ids=repr)
def test_time_is_linear_in_the_text(piece):
    """256 kB take not much more than 16 times as long as 16 kB; with quadratic time it would be 256 times."""
    times = []
    for size in (1 << 14, 1 << 18):
        text = (piece * (size // len(piece) + 1))[:size]
        began = time.process_time()
        find_personal_data(text)
        times.append(time.process_time() - began)
    assert times[1] < 64 * times[0] + 0.2


def test_random_text_never_raises():
    chance = random.Random(0)
    letters = "".join(chr(code) for code in (*range(128), 0x80, 0xA0, 0x660, 0x2028, 0xD800, 0xFF10, 0x1F6A4))
    for _ in range(300):
        find_personal_data("".join(chance.choices(letters, k=300)))
