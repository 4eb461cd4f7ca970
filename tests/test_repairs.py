"""The repairs: what each mends, what it leaves, and that nothing else changes."""

import json
import random
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from review.criteria import ParsedResponse, find_problems
from review.repairs import REPAIRS, repair_text
from review.repairs.pairs import Pair, repair_all
from review.repairs.verified_edits import PROTECTED, Edit, MarkdownText
from tests.conftest import record

OF_ANSWERS = [name for name, rule in REPAIRS.items() if rule.of_answers]
LONG = "A bowline makes a loop that holds under load, and it can be untied by hand when the load is gone. " * 3

# ---- what each repair does -----------------------------------------------------------------------------------------

MENDED = {
    "links": [
        ("The [bowline](https://e.org/b) holds under load.", "The bowline holds under load."),
        ("The [`bowline()`](https://e.org/b) call holds it.", "The `bowline()` call holds it."),
        ("The [*old* knot](https://e.org/b) holds under load.", "The *old* knot holds under load."),
        ('The [bowline](https://e.org/b "A knot") holds under load.', "The bowline holds under load."),
        ("- [Bowline](https://e.org/b): a loop that holds.", "- Bowline: a loop that holds."),
        ("The bowline holds ([source](https://e.org/b)).", "The bowline holds."),
        ("The bowline holds. See also [this page](https://e.org/b).", "The bowline holds."),
        ("It costs [5 \\* 3 = 15 pounds](https://e.org) in all places.", "It costs 5 \\* 3 = 15 pounds in all places."),
    ],
    "courtesies": [
        ("Hi!\n\nTie a bowline.", "Tie a bowline."),
        ("Great question! Tie a bowline.", "Tie a bowline."),
        ("Tie a bowline.\n\nHope this helps!", "Tie a bowline."),
        ("Tie a bowline. Good luck!", "Tie a bowline."),
        ("Tie a bowline.\n\nI hope that helps. Thanks!", "Tie a bowline."),
        ("Tie a bowline.\n\nCheers,\nAda", "Tie a bowline."),
    ],
    "edits": [
        ("Tie a bowline.\n\nEDIT: The knot holds when wet.", "Tie a bowline.\n\nThe knot holds when wet."),
        ("Tie a bowline.\n\n_Edit:_ The knot holds when wet.", "Tie a bowline.\n\nThe knot holds when wet."),
        ("Tie a bowline.\n\n**Update 2:** in salt water it holds.", "Tie a bowline.\n\nIn salt water it holds."),
        ("Tie a bowline.\n\nEdit (2015-03-01): The knot holds.", "Tie a bowline.\n\nThe knot holds."),
        ("Tie a bowline.\n\n**Update May 2019**\\\nThe knot holds.", "Tie a bowline.\n\nThe knot holds."),
        (
            "Tie a bowline.\n\nEDIT: To untie it, do this:\n\n1. Push.",
            "Tie a bowline.\n\nTo untie it, do this:\n\n1. Push.",
        ),
        ("Tie a bowline.\n\n**EDIT:**\n\nThe knot holds.", "Tie a bowline.\n\nThe knot holds."),
        ("Tie a bowline.\n\n## Update\n\nThe knot holds.", "Tie a bowline.\n\nThe knot holds."),
        ("Tie a bowline.\n\n## Edit: Wet rope\n\nIt holds.", "Tie a bowline.\n\n## Wet rope\n\nIt holds."),
        ("Tie a bowline.\n\n**Edit: Wet rope**\n\nIt holds.", "Tie a bowline.\n\n**Wet rope**\n\nIt holds."),
        ("Tie a bowline.\n\nEDIT: Fixed the typo.", "Tie a bowline."),
        ("Tie a bowline.\n\n*Edit: I added an example*\n\nPull.", "Tie a bowline.\n\nPull."),
        ("Tie a bowline.\n\n(Edit: Ben beat me to it)", "Tie a bowline."),
    ],
    "mentions": [
        ("As @ben mentioned, the bowline holds.", "The bowline holds."),
        ("As @Ben Rope mentioned in a comment above, *wet* rope slips.", "*Wet* rope slips."),
        ("As [Ben said](https://knots.stackexchange.com/a/7), `bowline` holds.", "`bowline` holds."),
        ("As others have already pointed out, the bowline holds.", "The bowline holds."),
        ("As noted in the comments: the bowline holds.", "The bowline holds."),
        ("As was said in the other answers by Ben, the bowline holds.", "The bowline holds."),
        ("It is wet. But, as others said, a bowline holds.", "It is wet. But a bowline holds."),
        ("The bowline, as @ben said in his answer, holds.", "The bowline holds."),
        ("When it is wet, as others have said, it slips.", "When it is wet, it slips."),
        ("The bowline holds, as others have said.", "The bowline holds."),
        ("The bowline (as noted in the comments) holds.", "The bowline holds."),
        ("The bowline holds (thanks to @ben for pointing this out).", "The bowline holds."),
        ("The bowline holds (see [Ben's answer](https://knots.stackexchange.com/a/7)).", "The bowline holds."),
        ("In addition to Ben's answer, I would also try a hitch.", "I would try a hitch."),
        ("Adding to what others have said, the bowline holds.", "The bowline holds."),
        ("It was said in other answers that wet rope slips. A hitch holds.", "Wet rope slips. A hitch holds."),
        ("I agree that the bowline holds.", "The bowline holds."),
        ("I agree with @ben that the bowline holds.", "The bowline holds."),
        ("I'd like to add that a bowline also jams.", "A bowline jams."),
        ("@ben: Wet rope slips in a bowline.", "Wet rope slips in a bowline."),
        ("Tie a bowline.\n\nSee also Ben's answer.", "Tie a bowline."),
        ("+1 to Ben's answer. Tie a bowline.", "Tie a bowline."),
        ("I agree with @ben. Tie a bowline.", "Tie a bowline."),
        ("Tie a bowline. Thanks to @ben for the photo. Pull it tight.", "Tie a bowline. Pull it tight."),
        ("- Rope:\n- As others said, wet rope slips.\n", "- Rope:\n- Wet rope slips.\n"),
    ],
    "asides": [
        ("Knots draws it.\n\n---\n\nDisclaimer: I am the author of Knots.", "Knots draws it."),
        ("Knots draws it (disclaimer: I wrote it).", "Knots draws it."),
        ("Knots draws it (I'm one of the developers).", "Knots draws it."),
        ("I'm not an expert on ropes, but the bowline holds.", "The bowline holds."),
        ("I know this is an old question, but the bowline holds.", "The bowline holds."),
        ("This is an old question but the bowline holds. Pull it.", "The bowline holds. Pull it."),
        ("This should be a comment, but it came out too long. Pull it.", "Pull it."),
        ("I'm a sailor and teacher. The bowline holds.", "The bowline holds."),
        ("I can't comment yet, so I post this here. The bowline holds.", "The bowline holds."),
        ("This is too long for a comment.\n\nThe bowline holds.", "The bowline holds."),
        ("The bowline holds. Sorry for my bad English.", "The bowline holds."),
        ("The bowline may hold, but I'm new to ropes.", "The bowline may hold."),
    ],
    "images": [(f"{LONG}\n\n![enter image description here](https://e.org/i.png)\n\n{LONG}", f"{LONG}\n\n{LONG}")],
    "notices": [
        (
            "Tie it.\n\nComments are not for extended discussion; this conversation has been moved to chat.",
            "Tie it.",
        ),
    ],
}
LEFT = {
    "links": [
        "Look [here](https://e.org/b) for the knot.",
        "The knot is in [this paper](https://e.org/b) by Ada.",
        "The knot is shown at <https://e.org/b> in full.",
        "The knot [https://e.org/b](https://e.org/b) holds.",
        "The [bowline](https://e.org/b) holds, as said [here](https://e.org/c).",
        "The [bowline](https://e.org/b) holds; see https://e.org/c for a proof.",
        'The [bowline](https://e.org/b) holds, <a href="https://e.org/c">it</a> says.',
        "The [bowline](https://e.org/b) holds. The link shows all steps.",
        "The [answer by Ada](https://knots.stackexchange.com/a/12) tells which knot holds.",
        "[The Book of Knots](https://e.org/b)\n\n[The Book of Ropes and Sails](https://e.org/c)",
        "The knot holds [1](https://e.org/b) in water.",
        "For that we have [another knot](https://e.org/b) on this boat.",
    ],
    "courtesies": [
        "Thank you for the rope is what he said.",
        "Hope this helps!",
        "Good luck is not a knot. Tie a bowline.",
        "He said: `Thanks!`",
        "The program prints:\n\nThanks!",
        "Tie it so.\n\n    Thanks!",
    ],
    "edits": [
        "Tie it.\n\nEDIT: As Ada said in the comments, it slips.",
        "Tie it.\n\nEDIT: Fixed in version 2 of the rope.",
        "Tie it.\n\nEDIT: Fixed the typo in `tie()`.",
        "Tie it.\n\nUpdate: I removed the old rope and now it holds.",
        "Tie it.\n\n**EDIT:**\n\nThe first version was wrong.",
        "Tie it.\n\n**Edit: Which rope?**\n\nBen asks below which rope it was.",
        "Tie it.\n\nEDIT:\n\n    tie it",
        "Tie it.\n\nEDIT: Your question has changed, so tie two.",
        "Tie it with `EDIT: x`.",
    ],
    "mentions": [
        "Contrary to what @ben says, the bowline holds.",
        "Unlike Ben's answer says, the bowline holds.",
        "As @ben mentioned, but did not show, the bowline holds.",
        "As @ben mentioned, the bowline holds. His second photo shows it.",
        "As @ben mentioned, the bowline holds. What @ben says of ropes is wrong.",
        "As Ben's answer is long, I only add a photo.",
        "As others said the bowline slips, I tie a hitch.",
        "As noted above, the bowline holds.",
        "As Newton said, the bowline holds.",
        "Tie it as `@ben said, so`, or as $others said, so$.",
        "> As @ben mentioned, the bowline holds.\n\nIt does.",
        "The bowline holds. I agree that it slips.",
        "I agree.\n\nThe bowline holds.",
        "I agree with @ben because his rope was wet. Tie a bowline.",
        "I agree with @ben. But it slips.",
        "In addition to Ben's answer, there is another knot.",
        "@ben: That is wrong.",
        "@ben: Your answer leaves out wet rope.",
        "See Ben's answer. It shows the knot.",
        "Thanks to @ben for the hint that wet rope slips. Tie a bowline.",
        "This works:\n\nSee Ben's answer.",
        "- See Ben's answer.\n- Tie a bowline.",
        "See Ben's answer.",
        "It was said in other answers that wet rope slips. But it holds.",
        "Use the `@ben` tag, as the manual says, to tie it.",
        "Thanks to @Rope, the knot holds.",
        'As @ben said: "Wet rope slips." I tie a hitch.',
        "Besides @Rope, you need a knot that holds under load.",
        "See @Rope. Tie a bowline.",
        "@Rope: Marks a knot as one that holds.\n\n    @Rope",
        "I'd like to add that knot.",
    ],
    "asides": [
        "I'm a teacher. My students tie bowlines.",
        "I'm a sailor. That is why I tie bowlines.",
        "I work at sea, and there the bowline holds.",
        "The bowline holds when I'm not an expert, he said.",
        "Disclaimer: I wrote `knots`.",
        "It is easy. Disclaimer: I am the author of Knots. Pull it tight.",
        "Disclaimer: I sail, it is different from climbing (e.g. wet). Tie a bowline.",
        "Disclaimer: the rope must be dry.",
        "This is too long for a comment, but the bowline holds. Pull it.",
        "I can't comment on the photo but the bowline holds. Pull it.",
        "Sorry for my English but the bowline holds. Pull it.",
        "Disclaimer: I am the author of Knots.",
        "I'm no expert, but is it wet?\n\nI'm no expert, but",
        "You can't comment out a knot, so it stays. Tie a bowline.",
        "The bowline holds. Write that in a comment. Then run it.",
    ],
    "images": [
        f"{LONG}\n\nIt looks like this:\n\n![enter image description here](https://e.org/i.png)",
        f"{LONG} See the picture.\n\n![enter image description here](https://e.org/i.png)",
        f"{LONG}\n\n![The second turn of the bowline](https://e.org/i.png)",
        "Tie it.\n\n![enter image description here](https://e.org/i.png)",
        f"{LONG} ![](https://e.org/i.png) is how it ends.",
    ],
}


def cases(table):
    return [pytest.param(name, case, id=f"{name}-{n}") for name, of in table.items() for n, case in enumerate(of)]


@pytest.mark.parametrize(("name", "case"), cases(MENDED))
def test_what_can_be_mended_is(name, case):
    before, after = case
    repaired = repair_text(before, [name])
    assert " ".join(repaired.text.split()) == " ".join(after.split())
    assert repaired.made[name] >= 1 and not repaired.left


@pytest.mark.parametrize(("name", "text"), cases(LEFT))
def test_what_is_doubtful_is_left_as_it_is(name, text):
    repaired = repair_text(text, [name])
    assert (repaired.text, repaired.made.total()) == (text, 0)


def test_names_of_the_thread_are_mentions_and_others_are_not():
    text = "As Benedikt says, the bowline holds. As Ashley says, it is old."
    after = repair_text(text, ["mentions"], ["Benedikt Rope"]).text
    assert after == "The bowline holds. As Ashley says, it is old."
    assert repair_text(text, ["mentions"]).text == text


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("As @ben mentioned, the bowline holds.", False),
        ("As @ben mentioned, the bowline holds. What @ada says is wrong.", True),
        ("Tie a bowline.\n\nEDIT: Fixed a typo.", False),
        ("I'm no expert on ropes, but the bowline holds. I teach it at sea, and it never slips.", True),
    ],
)
def test_criterion_4_is_found_after_the_repairs_only_where_something_is_left(text, is_found):
    before = record(response=text)
    after = {**before, "response": repair_text(text, OF_ANSWERS).text}
    assert any(finding.criterion == 4 for finding in find_problems(before)) and after != before
    assert any(finding.criterion == 4 for finding in find_problems(after)) == is_found


def test_what_is_left_is_counted():
    assert repair_text("Look [here](https://e.org) for it.", OF_ANSWERS).left == {"links"}
    assert repair_text("Tie a bowline.", OF_ANSWERS).left == set()


@pytest.mark.parametrize(
    "protected",
    ["`[a](http://e.org)`", "$f[a](http://e.org)$", "\\$f[a](http://e.org)\\$", "```\n[a](http://e.org)\n```"]
    + ["\\begin{align}[a](http://e.org)\\end{align}", "    [a](http://e.org)"],
    ids=["code span", "math", "escaped dollars", "fence", "environment", "indented code"],
)
def test_code_and_math_are_never_touched(protected):
    text = f"The [bowline](https://e.org/b) holds under load.\n\n{protected}\n\nHope this helps!"
    after = repair_text(text, OF_ANSWERS).text
    assert protected in after and after != text


def test_a_text_is_never_emptied():
    for text in ("Thanks!", "Hi!\n\nHope this helps!", "![](https://e.org/i.png)", "See also [this](https://e.org)."):
        assert repair_text(text, OF_ANSWERS).text == text


def test_only_the_repairs_asked_for_are_made():
    text = "The [bowline](https://e.org/b) holds under load.\n\nThanks!"
    assert repair_text(text, ["links"]).text == "The bowline holds under load.\n\nThanks!"
    assert repair_text(text, ["courtesies"]).text == "The [bowline](https://e.org/b) holds under load."
    assert repair_text(text, []).text == text


def test_a_mended_link_is_no_longer_found_by_criterion_6():
    before = record(response="The [bowline](https://e.org/b) holds under load when it is wet.")
    after = {**before, "response": repair_text(before["response"], OF_ANSWERS).text}
    assert [finding.criterion for finding in find_problems(before)] == [6]
    assert find_problems(after) == []


# ---- edits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("a b\n\nX - c", Edit(5, 7)),  # what follows would be a list
        ("X # c", Edit(0, 2)),
        ("say `x` now", Edit(5, 6)),  # in code
        ("a $x$ b", Edit(3, 4)),  # in math
        ("*a* b", Edit(1, 3)),  # a star would be left over
        ("- ```\n  a\n\nX\n\nb", Edit(11, 13)),  # the code would end with one more line
    ],
    ids=["list", "heading", "code", "math", "emphasis", "end of code"],
)
def test_an_edit_that_changes_something_else_is_not_made(text, edit):
    assert MarkdownText(text).edited([edit]) is None


def test_an_edit_that_changes_nothing_else_is_made():
    edited = MarkdownText("one two three").edited([Edit(4, 8)])
    assert edited is not None and edited.text == "one three"


# ---- instructions -------------------------------------------------------------------------------------------------


def instruction(prompt, title, text, names=tuple(REPAIRS)):
    [pair] = repair_all([Pair(text, "Tie it.", title)], names, prompt)
    return pair.instruction, pair.made, pair.left


def test_the_block_of_a_duplicate_goes_from_a_question():
    block = "> **Possible Duplicate:**  \n> [Which knot?](https://e.org/q/1)\n\n"
    text, made, _ = instruction("both", "Knots", f"Knots\n\n{block}Which knot holds?")
    assert (text, made) == ("Knots\n\nWhich knot holds?", {"duplicates": 1})


def test_links_of_a_question_stay():
    text = "Knots\n\nIs the [bowline](https://e.org/b) a good knot?"
    assert instruction("both", "Knots", text) == (text, {}, set())


@pytest.mark.parametrize(
    ("prompt", "title", "text", "expected"),
    [
        ("title", "Which knot holds?", "Which knot holds?\n\nMy boat drifts.", "Which knot holds?"),
        ("title", "How to tie a bowline", "How to tie a bowline\n\nI try.", "How to tie a bowline"),
        ("title", "Problem with a knot", "Problem with a knot\n\nIt slips.", "Problem with a knot\n\nIt slips."),
        ("title", "Is a_b_c *it*?", "Is a_b_c \\*it\\*?\n\nIt slips.", "Is a_b_c \\*it\\*?"),
        ("body", "Which knot holds?", "Which knot holds?\n\nMy boat drifts.", "My boat drifts."),
        ("both", "Which knot holds?", "Which knot holds?\n\nMy boat drifts.", "Which knot holds?\n\nMy boat drifts."),
        ("title", "", "Which knot?\n\nIt slips.", "Which knot?\n\nIt slips."),
        ("body", "Another title", "Which knot?\n\nIt slips.", "Which knot?\n\nIt slips."),
        ("body", "???", "!!!\n\nIt slips.", "!!!\n\nIt slips."),
    ],
    ids=["question", "how to", "no question", "escaped", "body", "both", "no title", "another title", "no letters"],
)
def test_the_prompt_is_what_was_asked_for(prompt, title, text, expected):
    after, made, _ = instruction(prompt, title, text)
    assert after == expected and made == ({f"prompt_{prompt}": 1} if after != text else {})
    assert instruction(prompt, title, after)[:2] == (after, {})


# ---- any text -----------------------------------------------------------------------------------------------------

PIECES = [
    *"* _ ** ~~ \\ [ ] ( ) ! ` $ | < > é 😀 \u2028 &amp; &lt;b> 1986 HTH".split(" "),
    "[the bowline](https://e.org/x)", "[here](http://a.b)", "[a *b](http://c.d)", "[a](<http://e f> 't')",
    "<https://e.org>", "https://e.org/z", "[x][1]", "\n\n[1]: http://e.org\n\n", "EDIT: ", "**Update 2:** ",
    "Hope this helps!", "Hi,\n\n", "Thanks\nBob", "Good luck!", "![](https://i.x/y.png)",
    "See also [that](http://q.r). ", "As @ben said, ", "(as noted in the comments)", ", as others have said, ",
    "@ben: ",
    "See Ben's answer. ", "I agree that ", "I'm a teacher. ", "Disclaimer: I work on Hail. ", "(edited) ",
    "## Edit\n\n",
    "Edit: fixed a typo.", "I'm no expert, but ", "Since I can't comment, I post this. ", "|a|b|\n|-|-|\n|[c d](http://x.y)|e|\n",
    "```\ncode [a](http://b.c)\n```", "`x [b](http://y)`", "$a[b](c)$", "$$\nx\n$$", "\\$f[x](http://y)\\$",
    "\\begin{align} [x](http://y.z) \\end{align}", "- item ", "1. one ", "> quote ", "# head ",
    "\n", "\n\n", "\\\n", "  \n",
    "    indented", "text that goes on and on ", " ([source](http://s.t))", "<b>",
]  # fmt: skip
texts = st.lists(
    st.tuples(st.sampled_from(PIECES) | st.text(max_size=4), st.sampled_from(["", "", " ", "\n"])), max_size=14
).map(lambda parts: "".join(piece + space for piece, space in parts))


@pytest.mark.parametrize(
    "part",
    [
        "We tie [the bowline](https://e.org/b) to the mast today. ",
        "We tie it to the mast. See also [this page](https://e.org/b).\n\n",
        "We tie [the bowline](https://e.org/b) to `mast` today.\n\n",
        "EDIT: The mast holds.\n\n",
        "As @ben said, the mast holds. The mast, as others said, holds (as @ben said). ",
        "I agree with @ben. We tie it.\n\nSee Ben's answer.\n\n",
        "I'm no expert, but the mast holds. I'm a teacher. Disclaimer: I work on ropes.\n\n",
        f"{LONG}\n\n![](https://e.org/i.png)\n\n",
    ],
    ids=["links", "pointers", "code", "edits", "mentions", "sentences", "asides", "images"],
)
def test_the_time_grows_with_the_length(part):
    def seconds(count):
        begin = time.process_time()
        repaired = repair_text(part * count + LONG, OF_ANSWERS, ["Ben Rope"])
        assert repaired.made or repaired.left
        return time.process_time() - begin

    few = min(seconds(100) for _ in range(3))
    assert seconds(1600) < 80 * few  # 16 times as long; 256 times if it were quadratic


def protected_texts(text):
    kinds = [(one.kind, one.value) for one in MarkdownText(text).elements if one.kind in PROTECTED]
    parsed = ParsedResponse.of("", text)
    return kinds, [text[start:end] for start, end in sorted(parsed.math)]


@settings(max_examples=400, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts)
def test_of_any_text_code_and_math_stay_and_a_second_run_changes_nothing(text):
    repaired = repair_text(text, list(REPAIRS))
    assert (repaired.text == text) == (not repaired.made)
    assert protected_texts(repaired.text) == protected_texts(text)
    assert repair_text(repaired.text, list(REPAIRS)).text == repaired.text


@pytest.mark.slow
def test_of_many_random_texts_too():
    choose = random.Random(1)
    for _ in range(4000):
        text = "".join(choose.choice(PIECES) + choose.choice(["", " ", "\n"]) for _ in range(choose.randint(1, 14)))
        repaired = repair_text(text, list(REPAIRS))
        assert protected_texts(repaired.text) == protected_texts(text), text
        assert repair_text(repaired.text, list(REPAIRS)).text == repaired.text, text


def test_of_the_sample_site_what_cannot_stand_is_left(sample_records):
    made, left = Counter(), Counter()
    for line in sample_records.read_bytes().splitlines():
        text = json.loads(line)["response"]
        repaired = repair_text(text, OF_ANSWERS)
        assert repaired.text == text or repaired.text[1:] in text  # without "As @halfhitch_42 said, "
        made.update(repaired.made.keys())
        left.update(repaired.left)
    assert made == {"mentions": 2}
    assert left == {"links": 3, "images": 2}  # its few links are "the link", "this table" and references
