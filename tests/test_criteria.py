"""What the rules on the review criteria find, and what they leave alone: each criterion by itself, and all of them on
the sample site and on random text."""

import json
import re
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.criteria import LABELS, SPLITS, Label, finds, read_labels
from benchmarks.dumps import distinct_records
from review.criteria import CRITERIA, ParsedResponse, find_problems
from review.criteria.parsed_response import GONE, OBJECT
from review.criteria.rules import rule
from review.criteria.word_lists import FOLDER, entries
from review.judgements import Judgement
from review.learnt_criteria import Judged, learn
from tests import needs
from tests.conftest import ROOT, record

QUESTION = "Which knot?\n\nWhich knot holds a boat?"


def named(response: str, *participants: str, question: str = QUESTION) -> bool:
    """Whether criterion 4 finds something in a thread with these other authors, and nothing without them."""
    row = record(instruction=question, response=response)
    assert not [finding for finding in find_problems(row) if finding.criterion == 4], response
    row["meta"]["participants"] = list(participants)
    return any(finding.criterion == 4 for finding in find_problems(row))


def reasons(response: str, criterion: int, question: str = QUESTION) -> list[str]:
    """The reasons of the findings of a criterion, in order."""
    findings = find_problems({"instruction": question, "response": response})
    return [finding.reason for finding in findings if finding.criterion == criterion]


def found(response: str, criterion: int, question: str = QUESTION) -> list[str]:
    """The texts that the findings of a criterion mark, in order."""
    findings = find_problems({"instruction": question, "response": response})
    return [response[finding.start : finding.end] for finding in findings if finding.criterion == criterion]


# ----------------------------------------------------------------------------------------------------------------------
# 1: it directly addresses the question
# ----------------------------------------------------------------------------------------------------------------------

LONG = "Take the bowline, for it holds under load, does not slip, and is easily untied when the load is gone."


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("Done.", "very short"),
        ("+1, good idea", "very short"),
        ("**Yes**", "very short"),
        ("", "very short"),
        ("Which knot do you use now?", "only asks back"),
        ("How heavy is your boat? Do you moor it to a ring or to a post?", "only asks back"),
        (f"Not really an answer, but {LONG}", "says that it is not an answer"),
        (f"This does not really answer your question. {LONG}", "says that it is not an answer"),
        (f"Although not an answer to your question, {LONG}", "says that it is not an answer"),
    ],
)
def test_answers_that_do_not_address_the_question_are_found(response, reason):
    assert reasons(response, 1) == [reason]


@pytest.mark.parametrize(
    "response",
    [
        LONG,
        "A bowline holds under load.",  # short, but complete
        "`make -j4`",
        "$x = 2$",
        "Use `rope -l`.",
        "How about a round turn and two half hitches?",  # offers one
        "Have you tried a round turn? It is easily untied when your boat pulls.",
        "Have you tried a round turn for your boat?",
        f"Why not? {LONG}",
        f"{LONG} Does that help you?",
        f'Whoever says "this does not answer your question" is wrong. {LONG}',
        f"A survey that leaves this out does not answer the question of safety. {LONG}",
        f"That makes it not an answer. {LONG}",
    ],
)
def test_answers_that_address_the_question_are_left_alone(response):
    assert reasons(response, 1) == []


# ----------------------------------------------------------------------------------------------------------------------
# 2: it is English
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "response",
    [
        "Zuerst legt man die Leine um den Poller, dann steckt man das Ende durch die Bucht und zieht sie fest.",
        "Primero se pasa el cabo por la argolla, luego se mete el extremo por el lazo y se tira con fuerza.",
        "Il faut d'abord passer le bout autour du taquet, puis le glisser dans la boucle et tirer fort.",
        "Сначала обведите канат вокруг кнехта, затем проденьте конец в петлю и крепко затяните узел.",
        "まずロープを係柱に回し、それから端を輪に通して、しっかりと引き締めてください。船が動いても結び目はほどけません。",
        "Eerst leg je de lijn om de bolder, daarna steek je het einde door de lus en trek je hem stevig aan.",
    ],
    ids=["German", "Spanish", "French", "Russian", "Japanese", "Dutch"],
)
def test_other_languages_are_found(response):
    assert reasons(response, 2) == ["not English"]
    assert reasons(f"{response}\n\n```\nfor (i = 0; i < 9; i++) the_and_of(this, that);\n```\n", 2) == ["not English"]


@pytest.mark.parametrize(
    "response",
    [
        LONG,
        "Try `Zuerst legt man die Leine um den Poller, dann steckt man das Ende durch die Bucht` and see.",
        "So:\n\n> Zuerst legt man die Leine um den Poller, dann steckt man das Ende durch die Bucht.\n\nSo be it.",
        "```\nZuerst legt man die Leine um den Poller, dann steckt man das Ende durch die Bucht.\n```\n\nIt prints it.",
        "By $\\int_0^1 x\\,dx = \\tfrac12$ we get $a_n \\to b$, hence $\\sup_n |a_n| < \\infty$ and $b = c$, QED.",
        "Leine",  # too little to tell
        "Schöne Grüße aus Kiel, Herr Fischer!",
        "Poller, Klampe, Schot, Fall, Want, Stag",
        "Apt: gcc, g++, libboost-all-dev, cmake, ninja-build, python3-venv, zlib1g-dev",
    ],
)
def test_english_with_much_else_is_left_alone(response):
    assert reasons(response, 2) == []


# ----------------------------------------------------------------------------------------------------------------------
# 3: it is valid Markdown
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("So:\n\n```sh\nmoor --now\n\nThat is all.", "unclosed code fence"),
        ("> ```\n> moor --now\n\nThat is all.", "unclosed code fence"),
        ("The sum $$\\sum_i a_i of all ropes is long.", "$$ without its other side"),
        ("So \\begin{align} a &= b \\end{aligned} holds.", "TeX environment without its other side"),
        ("So $$\\begin{pmatrix} a & b \\end{bmatrix}$$ holds.", "TeX environment without its other side"),
        ("So $\\frac{a}{b$ holds.", "formula with an unpaired brace"),
        ("So $\\left( \\frac{a}{b} )$ holds.", "formula with an unpaired brace"),
        ("The tension is \\frac{T}{2} in each rope.", "TeX outside of math"),
        ("Water is H<sub>2O.", "HTML tag without its other side"),
        ("Water is H2</sub>O.", "HTML tag without its other side"),
        ("See [the chart] (https://example.org/chart) for it.", "broken link"),
        ("See [the chart][3] for it.", "broken link"),
    ],
)
def test_markup_that_does_not_render_is_found(response, reason):
    assert reason in reasons(response, 3)


@pytest.mark.parametrize(
    "response",
    [
        "```sh\nmoor --now\n```",
        "~~~~\nmoor\n~~~\n~~~~\n",
        "1. So:\n\n   ```\n   moor\n   ```\n\n2. Then:\n\n   ```\n   cast off\n   ```\n",
        "> ```\n> moor\n> ```\n",
        "    $$ \\begin{align} <b> indented code\n",
        "The PHP variable $$name and the shell's $$ are no formulas.",
        "It costs $40, or $$$ as the guides write.",
        "$$\\begin{align} a &= b \\\\ c &= d \\end{align}$$ and $\\left\\{ x \\right.$ and $\\{$",
        "\\begin{cases} 1 \\\\ 0 \\end{cases}",
        "$ \\frac{a}{b} $ with spaces, and $50\\%$ of it",
        "H<sub>2</sub>O<br>and <kbd>Ctrl</kbd> <img alt=x> <p>one <p>two",
        "`<b>` and `\\frac` and `$$`",
        "a[i][0] = b[1][2]; see C:\\times\\new",
        "[the chart](https://example.org/chart_(1984))",
        "An array `a[1][2]` (in C).",
        "![\\frac{a}{b} and $$](https://example.org/formula.png)",  # an alternative text
        "[notes][1] and [2][3]\n\n[1]: https://example.org/notes",
    ],
)
def test_markup_that_renders_is_left_alone(response):
    assert reasons(response, 3) == []


# ----------------------------------------------------------------------------------------------------------------------
# 4: it refers to no others, and says nothing about its author
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "span"),
    [
        ("@halfhitch42 is right about the load.", "@halfhitch42"),
        ("As [@Mary](https://example.org) says, it slips.", "@Mary"),
        ("@Sven: a bowline.", "@Sven"),
        ("As gringer suggests, use two turns.", "As gringer suggests"),
        ("To expand on Mary's answer, use two turns.", "Mary's answer"),
        ("I second Mary Ann's excellent answer.", "Mary Ann's excellent answer"),
        ("Unlike in the other answers, two turns are used.", "in the other answers"),
        ("Two turns, as mentioned in another answer.", "in another answer"),
        ("The accepted answer is wrong: two turns hold.", "accepted answer is"),
        ("See my previous answer on ropes.", "my previous answer"),
        ("As others have pointed out, it slips.", "As others have pointed out"),
        ("This is too long for a comment.", "too long for a comment"),
        ("Use two turns, as *knotty7* and others suggest.", "as *knotty7* and others suggest"),
        ("To echo Jim, use two turns.", "To echo Jim"),
        ("As the OP says, it slips.", "the OP"),
        ("I agree that two turns hold.", "I agree"),
        ("**I fully agree**, two turns hold.", "**I fully agree"),
        ("Two turns hold. I agree with Eric's statement on ropes.", "I agree with Eric"),
        ("After reading the previous answers, I would add a turn.", "previous answers"),
        ("This is an add-on to the existing answer.", "existing answer"),
        ("Two turns hold, as other answers say.", "as other answers say"),
        ("As stated in some of the comments, it slips.", "some of the comments"),
        ("It needs more visibility than a comment.", "more visibility than a comment"),
        ("As mentioned in the comments, it slips.", "mentioned in the comments"),
        ("Based on your comment, use two turns.", "Based on your comment"),
        ("I cannot comment yet, so here it is.", "cannot comment"),
        ("Use two turns. EDIT: three.", "EDIT:"),
        ("Use two turns.\n\n**Update 2 (May 3):** three.", "Update 2 (May 3):"),
        ("Use two turns.\n\n**Edit**\n\nThree are better.", "Edit"),
        ("Use two turns.\n\n## Update August 2019\n\nThree are better.", "Update August 2019"),
        ("[Edited to add: three are better.]", "Edited "),
        (
            "Thanks to [Mary](https://boats.stackexchange.com/users/12/mary) for the hint.",
            "[Mary](https://boats.stackexchange.com/users/12/mary)",
        ),
        (
            "As [this answer](https://stackoverflow.com/a/123) tells, two turns.",
            "[this answer](https://stackoverflow.com/a/123)",
        ),
    ],
)
def test_references_are_found(response, span):
    assert span in found(response, 4)


@pytest.mark.parametrize(
    "response",
    [
        "Write to harbour@example.org about berths.",
        "Put @Override before the method, or the @deprecated tag, and install @angular/core.",
        "In CSS an @media rule, in Python a @cached_property decorator.",
        "Matrix sizes m @ n, a@b, and `@halfhitch42` in code.\n\n    @Sven: code\n",
        "> @Mary: which one?\n\nThe bowline.",
        "As the previous answerer's theorem".replace("answerer's", "author's") + " shows, it holds.",
        "Edit the file, then update the index: it is rebuilt.",
        "Open Edit > Preferences. To edit: click twice.",
        "## Update the index\n\nRun it again.\n\n## Edit distance\n\nIt is a metric.",
        "- UPDATE: changes rows\n- INSERT: adds rows",
        "The menus:\n\n- Edit: changes the text\n1. View: shows it",
        "Run this to update it:\n\n```sh\n# Update\n```",
        "UPDATE: changes rows, while INSERT: adds them.",
        "```sh\n# Update\nEDIT: code\n```",
        "The students' answers vary; the answer is 42, and another answer is 43.",
        "What's the answer? It's answered by Ohm's law, and Newton's answer to it was gravity.",
        "ChatGPT's answer differs, and the LLM's answers too.",
        "Explain your code in the comments of the program, and read the comment character of the language.",
        'Somebody may say "this is too long for a comment", which is no reason.',
        "As previously mentioned, and as already said above, it holds.",
        "I can't comment on the price.",
        "As noted by Kolmogorov (1933), the axioms are few.",
        "The last update: in May.",
        "Other answers to the equation are x = 3 and x = 4.",
        "The op amp holds, and the OP amp too.",
        "Two experts will agree: two turns hold. I agree with the theory of knots.",
        "The previous answer is 42; echo Hello prints it.",
        "It is said in the comments of the program.",
    ],
)
def test_what_only_looks_like_a_reference_is_left_alone(response):
    assert found(response, 4) == []


@pytest.mark.parametrize(
    ("response", "span"),
    [
        ("I published a paper on that.", "I published"),
        ("It is proved in my paper with Lovelace.", "in my paper"),
        ("See the article I wrote on knots.", "article I wrote"),
        ("I wrote a small tool for it.", "I wrote a small tool"),
        ("More is on my blog.", "my blog"),
        ("(Shameless plug: it floats.)", "Shameless plug"),
        ("I am the author of Moor.", "I am the author"),
        ("Disclaimer: I work for the harbour.", "Disclaimer: I"),
        ("I am a marine engineer.", "I am a marine engineer"),
        ("I used to work. I work for the harbour office.", "I work for the "),
        ("I have taught sailing for ten years.", "I have taught"),
        ("When I was a student, ropes were of hemp.", "When I was a"),
        ("As a mathematician, I prefer knots with names.", "As a mathematician, I"),
        ("I tell my students to use two turns.", "my students"),
        ("My wife ties it with one hand.", "My wife"),
        ("I have ten years of experience with ropes.", "I have ten years of experience"),
        ("Here is the script that I wrote.", "script that I wrote"),
        ("I wrote my own script to tie it.", "I wrote my own script"),
        ("There are tools (I have my own, but use any).", "I have my own"),
        ("I'm no expert in ropes, but two turns hold.", "I'm no expert"),
        ("I am lacking time to check it.", "I am lacking time"),
        ("Last year I attended a course on knots.", "I attended"),
        ("On my laptop it takes a second.", "my laptop"),
    ],
)
def test_personal_details_are_found(response, span):
    assert span in found(response, 4)


@pytest.mark.parametrize(
    "response",
    [
        "I put my paper into the printer, and fold my wrapping paper.",
        "I would use two turns, and I think that I am right.",
        "In my book that is a good knot, and in my experience too.",
        "If I am a teacher, I see the marks; imagine I work for a bank.",
        'The prompt says "I am a teacher and my students are young".',
        "> My wife asks: which knot?\n\nThe bowline.",
        "**How do I introduce my students to knots?** By showing them one.",
        "Suppose `my wife` is a variable.\n\n    I am a teacher\n",
        "I am a bit surprised, I am the first to say so.",
        "Disclaimer: I have not tested it.",
        "Put `my company` in the form; the email field validates it.",
        "We published the package to the registry in this step.",
        "Call the function I wrote above, and the code I use here.",
        "If I have my own rope, I need no other.",
    ],
)
def test_what_says_nothing_about_the_author_is_left_alone(response):
    assert found(response, 4) == []


@pytest.mark.parametrize(
    ("response", "participant"),
    [
        ("As Michael suggested, a bowline holds.", "Michael"),
        ("As Michael has rightly put it, a bowline holds.", "Michael Quay"),
        ("A bowline, like Michael Quay already mentioned.", "Michael Quay"),
        ("Michael Quay's solution slips when it is wet.", "Michael Quay"),
        ("See Michael's list for the other knots.", "Michael Quay"),
        ("After all I agree with Eric's.", "Eric"),
        ("My thoughts are along the same lines as Kim's.", "Kim Mole"),
        ("Michael is right, a bowline holds.", "Michael"),
        ("Good call Mike. A bowline holds.", "Mike Stone"),
        ("Thanks to Åsa, I tied a bowline.", "Åsa"),
        ("Sorantis, please note that knots slip.", "Sorantis"),
        ("The answer by [phpguy](#1) is correct.", "phpguy"),
        ("A bowline, similar to what user7 proposed and tied.", "user7"),
        ("In addition to mindcrime's answer, take a bowline.", "mindcrime"),
        ("Take a bowline (as already explained by SQLServerSteve).", "SQLServerSteve"),
        ("What [Ann](#1) described holds.", "Ann"),
    ],
)
def test_another_author_of_the_thread_is_found_by_name(response, participant):
    assert named(response, "Zed", participant)
    assert not named(response, "Zed", participant[:2])


@pytest.mark.parametrize(
    ("response", "participant"),
    [
        ("As will suggest itself, what will said answers do? I agree with will.", "will"),
        ("As Will suggests, Will's list is what will said.", "Will"),
        ("Your code mentioned a bowline, and the code's answer is as the code said.", "code"),
        ("As the Jordan solution shows, Jordan's solution holds.", "Jordan"),
        ("What C suggested, C's list, as C said.", "C"),
        ("David Chalmers mentioned it, as David Chalmers says.", "David Schwartz"),
        ("That is the proof of Thomas Mole's solution.", "Mole"),
        ("He wrote: “I agree with Eric here, and Eric is right.”", "Eric"),
        ("```\nas Eric suggested\n```\n\nTake a bowline, the best of knots.", "Eric"),
        ("> as Eric suggested\n\nTake a bowline, the best of knots.", "Eric"),
        ("Ericson's solution, as Ericson suggested.", "Eric"),
        ("Eric's boat is moored by Eric.", "Eric"),
        ("It ran as the student said, and the student's answer holds.", "student"),
        ("It ran as 42 said.", "42"),
        ("My terdon solution holds: every terdon's solution slips.", "terdon"),
        ("Take a bowline.", ""),
    ],
)
def test_a_name_that_is_another_word_or_person_is_left_alone(response, participant):
    assert not named(response, participant)


def test_a_name_that_is_in_the_question_is_its_topic():
    assert named("As Alma suggested, a bowline.", "Alma")
    assert not named("As Alma suggested, a bowline.", "Alma", question="Which knot?\n\nAlma and Bo tie boats.")


@pytest.mark.parametrize(
    "meta", [{}, {"participants": None}, {"participants": "Eric"}, {"participants": [7, None, ""]}]
)
def test_participants_of_another_form_are_ignored(meta):
    assert find_problems(record(response="As Eric suggested, take a bowline.", meta=meta)) == []


def test_a_name_is_marked_once_where_another_rule_finds_it_too():
    row = record(response="Thanks to Eric. I second Eric's answer.", meta={"participants": ["Eric"]})
    assert [row["response"][each.start : each.end] for each in find_problems(row)] == [
        "Thanks to Eric",
        "Eric's answer",
    ]


# ----------------------------------------------------------------------------------------------------------------------
# 5: it is complete
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (f"{LONG} The rest is left as an exercise to the reader.", "left to the reader"),
        (f"{LONG} I leave the proof to the reader.", "left to the reader"),
        (f"{LONG} The details are an exercise for the interested reader.", "left to the reader"),
        (f"{LONG} See the page of the club for the rest of the code.", "the rest is elsewhere"),
        (f"{LONG} The rest is in the article.", "the rest is elsewhere"),
        (f"{LONG} I will add more later.", "left for later"),
        (f"{LONG} I don't have time to check it now.", "left for later"),
        (f"{LONG} (TODO: the sheet bend)", "notes to do"),
        (f"Hint: {LONG}", "only a hint"),
        (f"This is just a partial answer. {LONG}", "says that it is partial"),
    ],
)
def test_what_is_left_out_is_found(response, reason):
    assert reasons(response, 5) == [reason]


@pytest.mark.parametrize(
    "response",
    [
        LONG,
        "The exercise is hard; the students leave the room, and the rope is left as it is.",
        "You can leave the last proof as an exercise for the class.",
        "Whether it is worth it, I leave to you to decide.",
        "For more information see the manual. The rest of the rope is coiled.",
        "See the chart for the full moon.",
        "Later I will show that it holds; later versions add it.",
        "There is no time to waste, and TODO comments are found by the editor.",
        "A hint: look at the load first.",
        'The proof that "is left as an exercise to the reader" is easy.',
        "`left as an exercise to the reader`",
        "> The rest is left as an exercise to the reader.\n\nHere is the rest.",
    ],
)
def test_complete_answers_are_left_alone(response):
    assert reasons(response, 5) == []


# ----------------------------------------------------------------------------------------------------------------------
# 6: it contains no URLs
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "spans"),
    [
        ("See [the chart](https://example.org/a_(b)).", ["[the chart](https://example.org/a_(b))"]),
        ("See <https://example.org>.", ["<https://example.org>"]),
        ("See https://example.org/a, then.", ["https://example.org/a"]),
        ("See www.example.org.", ["www.example.org"]),
        ("See math.example.edu/~ada/knots.pdf.", ["math.example.edu/~ada/knots.pdf"]),
        ("![chart](https://example.org/c.png)", ["![chart](https://example.org/c.png)"]),
        ("[![c](//e.org/c.png)](//e.org/c)", ["[![c](//e.org/c.png)](//e.org/c)"]),
        ("See [it][1].\n\n[1]: https://example.org/x", ["[it][1]"]),
        ("> see https://example.org", ["https://example.org"]),
        ('<a href="https://example.org">it</a>', ['<a href="https://example.org">']),
        ("🚤 ⚓ https://example.org 🚤", ["https://example.org"]),
        ("I highly recommend wolframalpha.com for it.", ["wolframalpha.com"]),
        ("Look at the news (climate.nasa.gov), or at php.net:", ["climate.nasa.gov", "php.net"]),
        ("See *quay-knots.co.uk*. It is good.", ["quay-knots.co.uk"]),
    ],
)
def test_addresses_are_found_in_their_places(response, spans):
    assert found(response, 6) == spans


@pytest.mark.parametrize(
    "response",
    [
        "Run `curl https://example.org/x` there.",
        "```\ngit clone https://example.org/x.git\n```\n",
        "    wget www.example.org\n",
        "See Knuth, The Art of Computer Programming, vol. 1, or arXiv 2204.05862, or Node.js and ASP.NET.",
        "[the table below](#table), <harbour@example.org>, [write](mailto:harbour@example.org)",
        "It maps user.yourdomain.com/a to http://localhost:8080/a, i.e. and/or e.g. 1/2.",
        "The path is C:/windows/system.com.",
        "Edit main.py, README.md, run.sh, java.io, logo.ai and a.b.c, then see np.info.",
        "Call foo.com() or foo.net(1), set port.com=1 and port.net = $port.com, with -quay.com and x.c.",
        "The package com.quay.net and org.apache.com, in asp.net or vb.net, or Amazon.com.",
        "Redirect name.domain.com to your-domain.org, or example.com to mail.example.co.uk.",
        "Write to harbour@example.org, harbour.quay@quay.org.",
        "`wolframalpha.com`",
        "$https://x$",
    ],
)
def test_code_books_and_placeholders_are_left_alone(response):
    assert found(response, 6) == []


# ----------------------------------------------------------------------------------------------------------------------
# 7: nothing is lost with the question
# ----------------------------------------------------------------------------------------------------------------------

WITH_IMAGE = "Which knot?\n\nWhich of the knots in this drawing holds a boat?\n\n![knots](https://i.example.org/1.png)"
ONLY_IMAGE = "Which knot?\n\n[![knots](https://i.example.org/1.png)](https://i.example.org/1.png)"


@pytest.mark.parametrize(
    ("response", "question", "reason"),
    [
        (
            "As in your picture, the left one slips and the right one holds.",
            QUESTION,
            "leans on an image of the question",
        ),
        ("The screenshot you posted shows two turns, so it holds.", QUESTION, "leans on an image of the question"),
        ("Your attached file has no header, so it cannot be read.", QUESTION, "leans on an image of the question"),
        ("As you see in the diagram, the left one slips under load.", WITH_IMAGE, "leans on an image of the question"),
        ("In that image the left one is a granny knot, which slips.", WITH_IMAGE, "leans on an image of the question"),
        ("See the figure above: the left one slips under load.", QUESTION, "an image that is not there"),
        (LONG, ONLY_IMAGE, "the question is little but an image"),
        ("![bowline](https://i.example.org/2.png)", QUESTION, "nothing but an image"),
    ],
)
def test_answers_that_depend_on_an_image_are_found(response, question, reason):
    assert reasons(response, 7, question) == [reason]


@pytest.mark.parametrize(
    ("response", "question"),
    [
        (LONG, QUESTION),
        (LONG, WITH_IMAGE),
        ("Resize your image, then save the picture as a file; the diagram commutes on your diagram.", QUESTION),
        ("The image of the map is closed, and the figure is 40 %.", WITH_IMAGE),
        ("In the bigger picture, and in the images that networks learn, edges come first.", WITH_IMAGE),
        (
            "In the picture below the left one slips.\n\n![two](https://i.example.org/2.png)\n\nThe right one holds.",
            QUESTION,
        ),
        (
            "In that image the left one slips.\n\n![two](https://i.example.org/2.png)\n\nThe right one holds.",
            WITH_IMAGE,
        ),
        ("As the figure below shows:\n\n```\n  o--o\n```\n", QUESTION),
    ],
)
def test_answers_that_stand_alone_are_left_alone(response, question):
    assert reasons(response, 7, question) == []


# ----------------------------------------------------------------------------------------------------------------------
# all of them
# ----------------------------------------------------------------------------------------------------------------------


def test_the_sample_sites_answers_fail_what_its_readme_says_and_no_other(sample_records):
    readme = (ROOT / "sample" / "README.md").read_text("utf-8").partition("## Material for the review")[2]
    listed = {
        name: {int(each) for each in ids.split(",")} for name, ids in re.findall(r"\| `(.+?)` \| ([\d, ]+) \|", readme)
    }
    clean, broken = listed.pop("clean"), {int(name[-1]): ids for name, ids in listed.items()}
    assert len(clean) == 27 and sorted(broken) == [4, 5, 6, 7]
    records = {each["meta"]["answer_id"]: each for each in map(json.loads, sample_records.open("rb"))}
    fails = {number: {finding.criterion for finding in find_problems(each)} for number, each in records.items()}
    for criterion, ids in broken.items():
        assert {number for number, criteria in fails.items() if criterion in criteria} == ids
    assert {number for number in clean if fails[number]} == set()


def test_findings_are_in_order_with_spans_of_characters():
    response = "🚤 As @halfhitch42 says, see https://example.org/x. EDIT: not there."
    findings = find_problems(record(response=response))
    assert [(f.criterion, response[f.start : f.end]) for f in findings] == [
        (4, "@halfhitch42"),
        (6, "https://example.org/x"),
        (4, "EDIT:"),
    ]


def test_prose_is_as_long_as_the_response_and_keeps_its_characters_in_place():
    response = (
        "é *a* `b` $c$ [d](e) <i>f</i> \\* &amp; 🚤\n\n> g\n\n```\nh\n```\n\n"
        "| i | j |\n|---|---|\n| `k` | l |\n\n    m\n"
    )
    parsed = ParsedResponse.of("", response)
    assert len(parsed.prose) == len(response)
    assert all(ours in (theirs, GONE, OBJECT) for ours, theirs in zip(parsed.prose, response, strict=True))
    assert set(parsed.prose) - {GONE, OBJECT, "\n"} == set("éadf*&amp;🚤gijl")
    assert [response[span.start : span.end].strip("\n") for span in parsed.code] == ["`b`", "```\nh\n```", "`k`", "m"]
    assert [response[span.start : span.end] for span in parsed.math] == ["$c$"]
    assert [response[span.start : span.end].strip() for span in parsed.quotes] == ["> g"]
    assert "g" not in parsed.own and "é" in parsed.own


PIECES = st.sampled_from(
    "@Mary|Mary's answer|EDIT:|my students|I am a teacher|https://e.org|[a](b)|![a](b)|`|```\n|$|$$|\\begin{a}|\\end{b}|"
    '\\frac|<b>|</b>|> |- |    |\n|\n\n|İ|ß|🚤|\ud800|\0|\r|\ufffc|“|"|left as an exercise|see the rest|the answer|'
    "in your picture|(|)|[|]|*|_|#|~~~\n|{|}|\\left|Hint:|not an answer|?|.".split("|")
)
TEXT = st.one_of(
    st.text(max_size=200), st.lists(PIECES, max_size=40).map(" ".join), st.lists(PIECES, max_size=40).map("".join)
)


def test_the_entries_of_a_word_list_differ_and_are_regular_expressions():
    for path in sorted(FOLDER.glob("*.txt")):
        words = entries(path.stem)
        assert words, path
        assert len(set(words)) == len(words), path
        for word in words:
            assert re.compile(word).fullmatch("") is None, f"{path}: {word} matches the empty text"


@settings(max_examples=400, deadline=None)
@given(TEXT, TEXT)
def test_any_text_has_findings_with_a_known_criterion_inside_the_response(question, response):
    for finding in find_problems({"instruction": question, "response": response}):
        assert finding.criterion in CRITERIA and finding.reason
        assert 0 <= finding.start <= finding.end <= len(response)
    assert len(ParsedResponse.of(question, response).prose) == len(response)


@settings(max_examples=200, deadline=None)
@given(
    st.text(
        alphabet=st.characters(exclude_characters="`\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029", exclude_categories=["Cs"])
    )
)
def test_nothing_is_found_inside_code(text):
    """What is in a fence does not change what is found around it."""
    plain = f"Tie it like this:\n\n```\nx\n```\n\n{LONG}"
    assert find_problems(record(response=plain)) == []
    assert find_problems(record(response=plain.replace("\nx\n", f"\n{text}\n"))) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        "[",
        ">",
        "*a ",
        "`a",
        "$",
        "$ x_1 ",
        "\\begin{a}",
        "A-",
        "I ",
        "my students ",
        "(edit ",
        "/",
        "((",
        "EDIT: x\n",
        "http://",
        "a.",
        "<b>",
        "@a",
        "[a](b)",
        "|a",
        "Bob's answer ",
        "Bob ",
        "bo7 ",
        "as Bob often ",
        "\n ",
        "İ ",
        "🚤",
    ],
)
def test_hostile_text_is_checked_in_linear_time(piece):
    """Rules that take quadratic time would need hours for these."""
    response = piece * (200_000 // len(piece)) + " edit answer comment Bob bo7"
    find_problems({"instruction": "", "response": response, "meta": {"participants": ["Bob Bo", "bo7"]}})


# ----------------------------------------------------------------------------------------------------------------------
# the labels of real answers
# ----------------------------------------------------------------------------------------------------------------------


def test_patterns_of_a_rule_keep_their_order_and_where_they_may_begin():
    """Those that begin where a word does are tried together: the first that fits wins, and others begin anywhere."""
    found = rule("a reason", ["a"], r"\bab\b", r"\ba", "c", r"\bd").pattern
    assert [match[0] for match in found.finditer("ab abx cab xd d")] == ["ab", "a", "c", "d"]


def test_labels_are_ids_and_judgements_without_text():
    labels = [json.loads(line) for line in LABELS.read_text("utf-8").splitlines()]
    assert sum(label["drawn"] == "random" for label in labels) >= 300
    for label in labels:
        has_why = label["split"] in ("tune", "test") and 4 in label["fails"]
        assert sorted(label) == ["drawn", "fails", "id", "split"] + ["why"] * has_why
        assert re.fullmatch(r"[a-z.]+/a/\d+", label["id"]) and label["split"] in SPLITS
        assert set(label["fails"]) <= (set(CRITERIA) if label["drawn"] == "random" else {int(label["drawn"][-1])})
    assert len({(label["id"], label["drawn"]) for label in labels}) == len(labels)


@pytest.fixture(scope="module")
def real_answers():
    return distinct_records(needs.SHARED / "archive.org")


@pytest.mark.slow
@needs.shared("archive.org")
def test_tune_and_test_have_no_question_of_another_split(real_answers):
    splits = defaultdict(set)
    for line in LABELS.read_text("utf-8").splitlines():
        label = Label(**json.loads(line))
        splits[real_answers[label.id]["meta"]["question_url"]].add(label.split)
    assert all(len(of_question) == 1 for of_question in splits.values() if of_question & {"tune", "test"})


@pytest.mark.slow
@needs.shared("archive.org")
def test_what_is_found_in_real_answers_is_right(real_answers):
    """At least 95 % of the findings of each criterion and split, but for `test`: no rule may be made to pass on it."""
    labels = read_labels()
    labels = [label for label in labels if label.split != "test"]
    found = {label.id: find_problems(real_answers[label.id]) for label in labels}
    for split in {label.split for label in labels}:
        for criterion in CRITERIA:
            judged = [label for label in labels if label.split == split and label.covers(criterion)]
            flagged = [label for label in judged if finds(found[label.id], criterion)]
            assert sum(criterion in label.fails for label in flagged) >= 0.95 * len(flagged), (split, criterion)


@pytest.mark.slow
@needs.shared("archive.org")
def test_what_a_model_of_the_labels_finds_likely_is_accepted_more_often(real_answers):
    """Cross-validated, without `test`."""
    labels = read_labels()
    judged = [
        Judged(real_answers[label.id], Judgement(not label.fails, tuple(label.fails)))
        for label in labels
        if label.split != "test" and label.drawn == "random"
    ]
    every, *_, likely = [point for point in learn(judged, [4, 6]).curve if point.kept >= 80]
    assert likely.kept < every.kept / 2 and likely.accepted / likely.kept > every.accepted / every.kept + 0.03
