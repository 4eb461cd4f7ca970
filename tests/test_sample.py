"""The sample site holds what sample/README.md promises.

The README lists every oddity with the ids of all posts that have it; this file says, for each, what the oddity is. The
files are read by ElementTree alone, not by stackdump, so that a fault there cannot hide a fault here. After an edit of
the sample, a failing test prints the ids that the README has to list.
"""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from functools import cache
from html import unescape
from pathlib import Path

import pytest

SAMPLE = Path(__file__).resolve().parent.parent / "sample"
SITE = SAMPLE / "harbour.stackexchange.com"
TABLES = ["Badges", "Comments", "PostHistory", "PostLinks", "Posts", "Tags", "Users", "Votes"]
PLANTED = {1000000001, 1000000010}
QUESTION, ANSWER = "1", "2"

# Columns of Posts.xml in a dump of 2024 (NewColumn is the sample's own).
KNOWN_COLUMNS = set(
    "Id PostTypeId AcceptedAnswerId ParentId CreationDate Score ViewCount Body OwnerUserId OwnerDisplayName"
    " LastEditorUserId LastEditorDisplayName LastEditDate LastActivityDate Title Tags AnswerCount CommentCount"
    " FavoriteCount ClosedDate CommunityOwnedDate ContentLicense".split()
)

# ----------------------------------------------------------------------------------------------------------------------
# reading the sample
# ----------------------------------------------------------------------------------------------------------------------


@cache
def raw_text(table: str) -> str:
    return (SITE / f"{table}.xml").read_bytes().decode("utf-8-sig")


@cache
def rows(table: str) -> list[dict[str, str]]:
    """The rows of a table in file order, read after removing the references to characters that XML forbids."""
    allowed = re.sub(r"&#x(?:[0-8BCEF]|1[0-9A-F]);", "", raw_text(table))
    root = ET.fromstring(allowed.encode())
    assert {child.tag for child in root} == {"row"}
    return [dict(child.attrib) for child in root]


@cache
def posts() -> dict[int, dict[str, str]]:
    return {int(row["Id"]): row for row in rows("Posts")}


@cache
def raw_rows() -> dict[int, str]:
    """The source text of each row of Posts.xml."""
    found = re.findall(r"<row\s[^>]*/>", raw_text("Posts"))
    return {int(re.search(r'\sId="(\d+)"', row)[1]): row for row in found}


@cache
def positions() -> dict[int, int]:
    return {post_id: n for n, post_id in enumerate(posts())}


def parent(post: dict[str, str]) -> dict[str, str] | None:
    return posts().get(int(post.get("ParentId", 0)))


def answers_of(post: dict[str, str]) -> list[dict[str, str]]:
    return [p for p in posts().values() if p["PostTypeId"] == ANSWER and p["ParentId"] == post["Id"]]


def is_pair(post: dict[str, str]) -> bool:
    """Does this post make a question/answer pair: an answer with a text, not planted, to a question in the file?"""
    question = parent(post)
    return (
        post["PostTypeId"] == ANSWER
        and bool(post.get("Body"))
        and int(post["Id"]) not in PLANTED
        and question is not None
        and question["PostTypeId"] == QUESTION
    )


def body(post: dict[str, str]) -> str:
    return post.get("Body", "")


def prose(post: dict[str, str]) -> str:
    """The body without code and without math that is marked as such."""
    return re.sub(r'<pre.*?</pre>|<code.*?</code>|<span class="math-container">.*?</span>', "", body(post), flags=re.S)


def bare_math(post: dict[str, str]) -> str:
    """The formulas that are not in a span, one a line; escaped and lone dollars are none."""
    text = re.sub(r"\\\$|\$\d+ ", "", prose(post))
    found = re.findall(r"\$\$.+?\$\$|\$[^$]+\$|\\begin\{align\}.+?\\end\{align\}", text, flags=re.S)
    return "\n".join(found)


def math(post: dict[str, str]) -> str:
    marked = re.findall(r'<span class="math-container">(.*?)</span>', body(post), flags=re.S)
    return "\n".join([bare_math(post), *marked])


def code_blocks(post: dict[str, str]) -> list[str]:
    return re.findall(r"<pre.*?</pre>", body(post), flags=re.S)


def visible_text(html: str) -> str:
    return unescape(re.sub(r"<!--.*?-->|<[^>]*>", " ", html, flags=re.S))


def has(pattern: str, flags: int = 0) -> Callable[[dict[str, str]], bool]:
    return lambda post: bool(re.search(pattern, body(post), flags))


def in_prose(pattern: str, flags: int = 0) -> Callable[[dict[str, str]], bool]:
    return lambda post: bool(re.search(pattern, prose(post), flags))


def in_code(pattern: str, flags: int = 0) -> Callable[[dict[str, str]], bool]:
    return lambda post: any(re.search(pattern, block, flags) for block in code_blocks(post))


def in_math(pattern: str) -> Callable[[dict[str, str]], bool]:
    return lambda post: bool(re.search(pattern, math(post)))


def in_title(pattern: str) -> Callable[[dict[str, str]], bool]:
    return lambda post: bool(re.search(pattern, post.get("Title", "")))


# ----------------------------------------------------------------------------------------------------------------------
# what each oddity is
# ----------------------------------------------------------------------------------------------------------------------


def accepted(post: dict[str, str]) -> dict[str, str] | None:
    return posts().get(int(post.get("AcceptedAnswerId", 0)))


def shares_its_score(post: dict[str, str]) -> bool:
    question = parent(post)
    if not is_pair(post) or question is None:
        return False
    return Counter(p["Score"] for p in answers_of(question))[post["Score"]] > 1


def repeats_another_answer(post: dict[str, str]) -> bool:
    others = [p for p in posts().values() if p is not post and p.get("ParentId") != post.get("ParentId")]
    return is_pair(post) and body(post).strip() in {body(p).strip() for p in others}


def follows_a_greater_id(post: dict[str, str]) -> bool:
    order = list(posts())
    place = positions()[int(post["Id"])]
    return place > 0 and order[place - 1] > int(post["Id"])


def is_ill_nested(post: dict[str, str]) -> bool:
    """Is there an end tag that does not close the innermost open element? (`p` and `li` may stay open in HTML.)"""
    open_tags: list[str] = []
    for slash, name in re.findall(r"<(/?)([a-z][a-z0-9]*)[^>]*>", re.sub(r"<!--.*?-->", "", body(post), flags=re.S)):
        if name in {"br", "hr", "img"}:
            continue
        if not slash:
            open_tags.append(name)
        elif not open_tags or open_tags.pop() != name:
            return True
    return bool(open_tags)


def list_depth(post: dict[str, str]) -> int:
    depth = deepest = 0
    for slash in re.findall(r"<(/?)[ou]l\b", body(post)):
        depth += -1 if slash else 1
        deepest = max(deepest, depth)
    return deepest


def list_items(post: dict[str, str]) -> list[str]:
    return re.findall(r"<li>.*?</li>", body(post), flags=re.S)


ROW_ODDITIES: dict[str, Callable[[dict[str, str]], bool]] = {
    "type-3-to-8": lambda p: p["PostTypeId"] in set("345678"),
    "planted": lambda p: int(p["Id"]) in PLANTED,
    "accepted-answer-of-another-question": lambda p: (a := accepted(p)) is not None and a["ParentId"] != p["Id"],
    "accepted-answer-absent": lambda p: "AcceptedAnswerId" in p and accepted(p) is None,
    "answer-before-its-question": lambda p: is_pair(p) and positions()[int(p["Id"])] < positions()[int(p["ParentId"])],
    "not-in-id-order": follows_a_greater_id,
    "orphan-parent-absent": lambda p: "ParentId" in p and parent(p) is None,
    "orphan-parent-is-an-answer": lambda p: (q := parent(p)) is not None and q["PostTypeId"] == ANSWER,
    "body-empty": lambda p: p.get("Body") == "",
    "body-absent": lambda p: "Body" not in p,
    "owner-absent": lambda p: "OwnerUserId" not in p and "OwnerDisplayName" not in p,
    "owner-is-community": lambda p: p.get("OwnerUserId") == "-1" and is_pair(p),
    "owner-by-name-only": lambda p: "OwnerUserId" not in p and "OwnerDisplayName" in p,
    "owner-not-in-users": lambda p: p.get("OwnerUserId", "-1") not in {u["Id"] for u in rows("Users")},
    "editor-by-name-only": lambda p: "LastEditorDisplayName" in p and "LastEditorUserId" not in p,
    "licence-absent": lambda p: "ContentLicense" not in p,
    "tags-with-bars": lambda p: bool(re.fullmatch(r"\|([\w-]+\|)+", p.get("Tags", ""))),
    "unknown-column": lambda p: not p.keys() <= KNOWN_COLUMNS,
    "attributes-in-another-order": lambda p: next(iter(p)) != "Id",
    "row-over-several-lines": lambda p: "\n" in raw_rows()[int(p["Id"])],
    "forbidden-characters": lambda p: {"&#x1E;", "&#x0;"} <= set(re.findall(r"&#\w+;", raw_rows()[int(p["Id"])])),
    "cr-in-body": lambda p: "\r\n" in body(p) and "snippet" not in body(p),
    "closed": lambda p: "ClosedDate" in p,
    "community-owned": lambda p: "CommunityOwnedDate" in p,
    "question-without-answers": lambda p: p["PostTypeId"] == QUESTION and not answers_of(p) and p["AnswerCount"] == "0",
    "question-with-eight-answers-or-more": lambda p: p["PostTypeId"] == QUESTION and len(answers_of(p)) >= 8,
    "same-score-as-another-answer": shares_its_score,
    "same-text-under-another-question": repeats_another_answer,
    "negative-score": lambda p: int(p["Score"]) < 0,
    "title-with-math": in_title(r"\$.+\$"),
    "title-with-less-than": in_title("<"),
    "title-with-ampersand": in_title("&"),
    "title-with-asterisk": in_title(r"\*"),
    "title-with-underscore": in_title("_"),
}

BODY_ODDITIES: dict[str, Callable[[dict[str, str]], bool]] = {
    "math-bare-inline": lambda p: bool(re.search(r"(?<!\$)\$[^$]+\$(?!\$)", bare_math(p))),
    "math-bare-display": lambda p: "$$" in bare_math(p),
    "math-bare-environment": lambda p: "\\begin{align}" in bare_math(p),
    "math-span-inline": has(r'<span class="math-container">\$[^$]'),
    "math-span-display": has(r'<span class="math-container">\$\$'),
    "math-span-environment": has(r'<span class="math-container">\$\$\\begin'),
    "math-with-ampersand": in_math("&amp;"),
    "math-with-less-than": in_math("&lt;"),
    "math-with-double-backslash": in_math(r"\\\\"),
    "math-with-asterisk": in_math(r"\*"),
    "dollar-escaped": in_prose(r"\\\$\d"),
    "dollar-lone": in_prose(r"(?<!\\)\$\d+ [a-z]"),
    "dollar-in-code": has(r"<code>[^<]*\$[A-Z{0-9]"),
    "code-prettyprint-override": has(r'<pre class="lang-\w+ prettyprint-override"><code>'),
    "code-prettyprinted": has(r'<pre class="default prettyprint prettyprinted"><code'),
    "code-language-on-code": has(r'<pre[^>]*><code class="lang-\w+">'),
    "code-without-language": has(r"<pre><code>"),
    "code-with-fence": in_code("```"),
    "code-with-tab": in_code("\t"),
    "code-with-blank-line": in_code(r"\n\n"),
    "code-with-less-than": in_code("&lt;"),
    "code-with-ampersand": in_code("&amp;"),
    "code-inline-with-backtick": has(r"<code>[^<\n]*`[^<\n]*</code>"),
    "code-snippet": has(
        r'<div class="snippet".*<div class="snippet-code">\s*<pre class="snippet-code-js lang-js', re.S
    ),
    "table": has(r'<div class="s-table-container">\s*<table class="s-table">'),
    "table-with-alignment": has(r'<th style="text-align: center;">'),
    "table-with-bar-in-cell": has(r"<td[^>]*>[^\n]*\|[^\n]*</td>"),
    "table-with-spans": has(r"rowspan=.*colspan=", re.S),
    "spoiler": has(r'<blockquote class="spoiler">'),
    "quote-three-deep": has(r"(?:<blockquote>(?:(?!</blockquote>).)*){3}", re.S),
    "list-three-deep": lambda p: list_depth(p) >= 3,
    "list-start": has(r'<ol start="\d+">'),
    "list-item-with-paragraphs": lambda p: any(item.count("<p>") > 1 for item in list_items(p)),
    "list-item-with-code": lambda p: any("<pre" in item for item in list_items(p)),
    "sup": in_prose("<sup>"),
    "sub": in_prose("<sub>"),
    "kbd": in_prose("<kbd>"),
    "del": in_prose("<del>"),
    "s": in_prose("<s>"),
    "strike": in_prose("<strike>"),
    "ins": in_prose("<ins>"),
    "dl": in_prose("<dl>.*<dt>.*<dd>", re.S),
    "hr": in_prose("<hr"),
    "heading": in_prose("<h[1-6]>"),
    "br": in_prose("<br"),
    "details": in_prose("<details>.*<summary>", re.S),
    "image": in_prose(r'<img [^>]*alt="[^"]+"'),
    "image-in-a-link": in_prose(r"<a [^>]*><img "),
    "only-an-image": lambda p: "<img" in body(p) and not visible_text(body(p)).strip(),
    "link-relative": in_prose(r'href="/[qa]\w*/\d'),
    "link-without-scheme": in_prose('href="//'),
    "link-absolute": in_prose('href="https?://'),
    "link-with-parentheses": in_prose(r'href="[^"]*\([^"]*\)'),
    "link-with-underscore": in_prose('href="[^"]*_'),
    "link-with-title": in_prose('<a href="[^"]*" title="(?!show questions)'),
    "link-is-its-own-text": in_prose(r'<a href="([^"]*)"[^>]*>\1</a>'),
    "tag-link": in_prose('class="post-tag"'),
    "nbsp-character": has("\u00a0"),
    "nbsp-entity": has("&nbsp;"),
    "emphasis-inside-a-word": in_prose(r"[a-z]<em>\w+</em>[a-z]"),
    "paragraph-begins-like-a-list": has(r"<p>1\)"),
    "paragraph-begins-with-hash": has("<p>#5"),
    "backslash-in-prose": in_prose(r"[a-z]\\[a-z]{5}\b, a"),
    "asterisk-in-prose": lambda p: bool(re.search(r"\*\w+\*", prose(p).replace(math(p), ""))) and not math(p).strip(),
    "less-than-text": has("&lt;stdin&gt;"),
    "html-comment": has(r"<!-- language: lang-\w+ -->"),
    "emoji": has("[\U0001f300-\U0001faff]"),
    "right-to-left": has("[\u0590-\u06ff]"),
    "ill-nested-html": is_ill_nested,
}

USER_ODDITIES: dict[str, Callable[[str], bool]] = {
    "name-with-quotes": lambda name: '"' in name,
    "name-with-ampersand": lambda name: "&" in name,
    "name-with-angle-brackets": lambda name: "<" in name and ">" in name,
    "name-in-another-script": lambda name: bool(re.search("[\u0400-\u04ff\u0600-\u06ff\u4e00-\u9fff]", name)),
    "name-with-emoji": lambda name: bool(re.search("[\U0001f300-\U0001faff]", name)),
}

# What of the review criteria can be seen in the text of an answer. Criteria 1 to 3 and the rest of 7 need a reader.
BROKEN: dict[str, Callable[[dict[str, str]], bool]] = {
    "criterion-4": lambda p: bool(
        re.search(r"@\w+ said|my paper|the other answer says|I wrote a whole", body(p), re.I)
    ),
    "criterion-5": in_prose("left as an exercise|for the rest of"),
    "criterion-6": in_prose(r'href="|src="|https?://'),
    "criterion-7": in_prose("in the picture in the question|<p><img", re.I),
}

# ----------------------------------------------------------------------------------------------------------------------
# reading the README
# ----------------------------------------------------------------------------------------------------------------------


@cache
def promised() -> dict[str, list[int]]:
    """What the README lists: name -> numbers, from its table rows | `name` | 1, 2, 3 | ... |."""
    text = (SAMPLE / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `([\w-]+)` \| ([-\d, ]+?) \|", text, flags=re.M)
    names = [name for name, _ in found]
    assert len(names) == len(set(names)), "a name stands twice in the README"
    return {name: [int(number) for number in numbers.split(",")] for name, numbers in found}


def counts() -> dict[str, int]:
    all_posts = posts().values()
    pairs = [p for p in all_posts if is_pair(p)]
    return {
        "count-rows": len(all_posts),
        "count-questions": sum(p["PostTypeId"] == QUESTION for p in all_posts),
        "count-answers": sum(p["PostTypeId"] == ANSWER for p in all_posts),
        "count-pairs": len(pairs),
        "count-pairs-with-score-10": sum(int(p["Score"]) >= 10 for p in pairs),
        "count-users": len(rows("Users")),
    }


# ----------------------------------------------------------------------------------------------------------------------
# tests
# ----------------------------------------------------------------------------------------------------------------------


def test_readme_and_this_file_name_the_same_oddities():
    named_here = {*ROW_ODDITIES, *BODY_ODDITIES, *USER_ODDITIES, *BROKEN, *counts(), "clean"}
    assert set(promised()) == named_here


@pytest.mark.parametrize("name", [*ROW_ODDITIES, *BODY_ODDITIES])
def test_posts_hold_the_oddity(name: str):
    check = {**ROW_ODDITIES, **BODY_ODDITIES}[name]
    holders = sorted(post_id for post_id, post in posts().items() if check(post))
    assert holders == promised()[name]
    assert 0 < len(holders) < len(posts()), "a check that all posts or none pass tells nothing"


@pytest.mark.parametrize("name", USER_ODDITIES)
def test_users_hold_the_oddity(name: str):
    holders = sorted(int(u["Id"]) for u in rows("Users") if USER_ODDITIES[name](u["DisplayName"]))
    assert holders == promised()[name]
    assert 0 < len(holders) < len(rows("Users"))


@pytest.mark.parametrize("name", BROKEN)
def test_answers_that_break_a_criterion(name: str):
    holders = sorted(post_id for post_id, post in posts().items() if is_pair(post) and BROKEN[name](post))
    assert holders == promised()[name]
    assert any(int(posts()[post_id]["Score"]) >= 10 for post_id in holders), "none would get through the score filter"


def test_clean_answers_have_ten_votes_and_break_no_criterion_that_can_be_seen():
    clean = promised()["clean"]
    assert len(set(clean)) >= 15
    for post_id in clean:
        post = posts()[post_id]
        assert is_pair(post) and int(post["Score"]) >= 10, post_id
        assert [name for name, breaks in BROKEN.items() if breaks(post)] == [], post_id
        assert "@" not in prose(post) and len(visible_text(body(post)).split()) >= 60, post_id


@pytest.mark.parametrize("name", counts())
def test_counts(name: str):
    assert promised()[name] == [counts()[name]]


def test_scores_are_spread():
    scores = [int(p["Score"]) for p in posts().values() if is_pair(p)]
    assert min(scores) == -3 and max(scores) == 180
    assert 20 <= sum(score >= 10 for score in scores) <= len(scores) / 2


def test_every_post_type_is_there():
    assert {p["PostTypeId"] for p in posts().values()} == set("12345678")


def test_both_forms_of_tags_are_there():
    forms = {p["Tags"][0] for p in posts().values() if "Tags" in p}
    assert forms == {"<", "|"}


def test_licence_of_a_row_follows_its_date():
    seen = set()
    for post_id, post in posts().items():
        date = post["CreationDate"][:10]
        expected = "CC BY-SA 2.5" if date < "2011-04-08" else "CC BY-SA 3.0" if date < "2018-05-02" else "CC BY-SA 4.0"
        assert post.get("ContentLicense", expected) == expected, post_id
        seen.add(post.get("ContentLicense"))
    assert seen == {"CC BY-SA 2.5", "CC BY-SA 3.0", "CC BY-SA 4.0", None}
    dates = [post["CreationDate"] for post in posts().values()]
    assert min(dates) < "2011" and max(dates) > "2026"


@pytest.mark.parametrize("table", TABLES)
def test_files_are_written_as_in_a_dump(table: str):
    data = (SITE / f"{table}.xml").read_bytes()
    assert data.startswith(
        b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>\r\n<' + table.lower().encode() + b">\r\n"
    )
    assert data.endswith(b"</" + table.lower().encode() + b">\r\n")
    assert data.count(b"\n") == data.count(b"\r\n"), "git has changed the line ends: see .gitattributes"
    assert len(data) < 300_000
    lines = data.decode("utf-8-sig").split("\r\n")[2:-2]
    rows_one_a_line = [line for line in lines if line.startswith("  <row ") and line.endswith(" />")]
    expected = len(lines) if table != "Posts" else len(rows(table)) - 1  # one row of Posts.xml has several lines
    assert len(rows_one_a_line) == expected
    ids = [row["Id"] for row in rows(table)]
    assert ids and len(ids) == len(set(ids))


def test_the_sample_stays_small():
    assert sum(path.stat().st_size for path in SITE.iterdir()) < 450_000


def test_only_posts_holds_what_xml_forbids():
    for table in TABLES:
        if table == "Posts":
            with pytest.raises(ET.ParseError):
                ET.fromstring(raw_text(table).encode())
        else:
            ET.fromstring(raw_text(table).encode())


def test_answers_are_younger_than_their_questions_and_edits_than_both():
    for post_id, post in posts().items():
        question = parent(post)
        if question is not None:
            assert post["CreationDate"] > question["CreationDate"], post_id
        assert post.get("LastEditDate", "9") > post["CreationDate"], post_id
        assert post["LastActivityDate"] >= post.get("LastEditDate", post["CreationDate"]), post_id


def test_answer_counts():
    for post_id, post in posts().items():
        if post["PostTypeId"] == QUESTION:
            assert int(post["AnswerCount"]) == len(answers_of(post)), post_id


def test_links_lead_to_no_real_host():
    text = "\n".join(unescape(raw_text(table)) for table in TABLES) + (SAMPLE / "README.md").read_text(encoding="utf-8")
    hosts = re.findall(r"""https?://(\w[\w.-]*)|(?:href|src)=["']//(\w[\w.-]*)""", unescape(text))
    assert len(hosts) > 10
    for host in {one or other for one, other in hosts}:
        assert re.search(r"(^|\.)example\.(org|com)$", host), host


def test_small_tables_point_to_what_is_there():
    users = {u["Id"] for u in rows("Users")}
    ids = {str(post_id) for post_id in posts()}
    for comment in rows("Comments"):
        assert comment["PostId"] in ids and comment["Text"]
        assert comment.get("UserId", "-1") in users and ("UserId" in comment) != ("UserDisplayName" in comment)
    commented = Counter(c["PostId"] for c in rows("Comments"))
    assert all(int(p["CommentCount"]) == commented[p["Id"]] for p in posts().values())
    for link in rows("PostLinks"):
        assert link["PostId"] in ids and link["RelatedPostId"] in ids and link["LinkTypeId"] in {"1", "3"}
    assert {badge["UserId"] for badge in rows("Badges")} <= users
    assert {vote["PostId"] for vote in rows("Votes")} <= ids


def test_tags_are_counted():
    used = Counter(
        tag
        for post_id, post in posts().items()
        if post_id not in PLANTED
        for tag in re.findall(r"[^<>|]+", post.get("Tags", ""))
    )
    assert {tag["TagName"]: int(tag["Count"]) for tag in rows("Tags")} == used
    excerpts = [tag for tag in rows("Tags") if "ExcerptPostId" in tag]
    assert [posts()[int(tag["ExcerptPostId"])]["PostTypeId"] for tag in excerpts] == ["4"]
    assert [posts()[int(tag["WikiPostId"])]["PostTypeId"] for tag in excerpts] == ["5"]


def test_votes_add_up_for_posts_with_few_of_them():
    up_or_down = {"2": 1, "3": -1}
    total = Counter()
    for vote in rows("Votes"):
        total[int(vote["PostId"])] += up_or_down.get(vote["VoteTypeId"], 0)
    checked = [
        (post_id, int(post["Score"]))
        for post_id, post in posts().items()
        if post["PostTypeId"] in {QUESTION, ANSWER} and abs(int(post["Score"])) <= 6 and post_id not in PLANTED
    ]
    assert len(checked) > 30
    assert [(post_id, total[post_id]) for post_id, _ in checked] == checked


def test_post_history_holds_the_source_of_every_body():
    """Every word (of four letters or more) that a body shows stands in the last Markdown version of the post."""
    sources: dict[int, str] = {}
    titles: dict[int, str] = {}
    for event in rows("PostHistory"):
        if event["PostHistoryTypeId"] in {"2", "5", "8"}:
            sources[int(event["PostId"])] = event["Text"]
        if event["PostHistoryTypeId"] == "1":
            titles[int(event["PostId"])] = event["Text"]
    assert sources.keys() == posts().keys()
    for post_id, post in posts().items():
        shown = set(re.findall(r"[^\W\d_]{4,}", visible_text(body(post))))
        written = set(re.findall(r"[^\W\d_]{4,}", unescape(sources[post_id])))
        assert shown <= written, post_id
        assert titles.get(post_id) == post.get("Title"), post_id


def test_post_history_has_edits_and_a_rollback():
    kinds = Counter(event["PostHistoryTypeId"] for event in rows("PostHistory"))
    assert kinds["5"] >= 10 and kinds["8"] == 1 and kinds["3"] == kinds["1"] == counts()["count-questions"]
    rollback = next(event for event in rows("PostHistory") if event["PostHistoryTypeId"] == "8")
    assert any(rollback["Comment"] == f"Rollback to [{event['RevisionGUID']}]" for event in rows("PostHistory"))
    assert "\r\n" in rollback["Text"]
