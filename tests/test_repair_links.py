"""Links: which become their text, which go with what only leads to them, and which are left."""

import pytest

from review.repairs import repair_text
from tests.test_repairs import LONG

U = "(https://e.org/b)"

BECOMES = {
    "a term": (f"You can use a [double loop]{U} for that.", "You can use a double loop for that."),
    "a term in the plural": (f"People have made [knots]{U} for wet ropes.", "People have made knots for wet ropes."),
    "a program by its address": (
        "Take a look at [knotty](https://knotty.org/doc), a small program for ropes.",
        "Take a look at knotty, a small program for ropes.",
    ),
    "where it can be had": (f"The rope is available from [RopeMart]{U}.", "The rope is available from RopeMart."),
    "a term between brackets": (f"It has two ends ([bights]{U}), which hold.", "It has two ends (bights), which hold."),
    "a term spoken of": (
        "We all know this [slip knot](https://en.wikipedia.org/wiki/Slip_knot) effect.",
        "We all know this slip knot effect.",
    ),
    "a name that ends like a word": (f"The [loop of Jones]{U} holds well.", "The loop of Jones holds well."),
    "a statement": (
        f"Never do it when it is wet. [A wet rope will not hold any load at all!]{U}",
        "Never do it when it is wet. A wet rope will not hold any load at all!",
    ),
    "a file": (
        "The header [rope/knots.h](https://github.com/a/rope/blob/main/rope/knots.h) has it all.",
        "The header rope/knots.h has it all.",
    ),
    "a title after see": (
        f"Ropes are old. See [Sailors learn to tie ropes anew]{U} for why.",
        'Ropes are old. See "Sailors learn to tie ropes anew" for why.',
    ),
    "a title with code": (
        f"For what it means, refer to [In Rope, what does `--` (dash) mean?]{U}",
        'For what it means, refer to "In Rope, what does `--` (dash) mean?"',
    ),
    "a title with its author": (f"- [On teaching knots]{U} by A. Lovelace", '- "On teaching knots" by A. Lovelace'),
    "a book": (
        "I like the [Complete Rope Reference](https://amazon.com/dp/1) most of all.",
        'I like the "Complete Rope Reference" most of all.',
    ),
    "a title after its year": (
        f"Lovelace, A. (1942). [Tying ropes with wet hands at sea.]{U} Rope Studies, 10(1).",
        "Lovelace, A. (1942). Tying ropes with wet hands at sea. Rope Studies, 10(1).",
    ),
    "a short title with its author": (
        "I like [On Knots](https://en.wikipedia.org/wiki/On_Knots) by Ada Lovelace best.",
        'I like "On Knots" by Ada Lovelace best.',
    ),
    "books with authors": (
        f'- ["The Shape of Knots"]{U} (2015) by A. Lovelace',
        '- "The Shape of Knots" (2015) by A. Lovelace',
    ),
    "an answer that it does not name": (
        "It is one of [several ways](https://knots.stackexchange.com/a/12/3) to tie it.",
        "It is one of several ways to tie it.",
    ),
    "an author whose work is named": (
        f"Read [Klein (2003)]{U} on that.\n\nKlein, D. (2003). A History of Knots. Rope Press.",
        "Read Klein (2003) on that.\n\nKlein, D. (2003). A History of Knots. Rope Press.",
    ),
}

GOES = {
    "see": (f"{LONG}Please see [this page]{U} for more info.", LONG),
    "see an address": (f"{LONG}See this paper for some proofs: https://e.org/b", LONG),
    "take a look": (f"{LONG}Take a look at the [getting started page]{U} if you like it.", LONG),
    "here is": (f"{LONG}Here is a [survey paper]{U}.", LONG),
    "here it is": (f"{LONG}[Here]{U} is a good tutorial on it, and [here]{U} is another one.", LONG),
    "here is at": (f"{LONG}Here is a nice article about ropes: https://e.org/b", LONG),
    "read about it": (f"{LONG}You can read about it [here]{U}.", LONG),
    "more on this": (f"{LONG}More on this [here]{U}.", LONG),
    "is described": (f"{LONG}The second turn is described [here]{U}.", LONG),
    "can be found": (f"{LONG}A review of the book can be found on their site [here]{U}.", LONG),
    "somebody has it": (f"{LONG}Ada has a nice introduction to ropes [here]{U}.", LONG),
    "found": (f"{LONG}I also [found this reference]{U}.", LONG),
    "a source": (f"{LONG}\n\nReference: [All about ropes]{U}", LONG),
    "an abbreviation": (f"{LONG}See [this page]{U} for why it holds approx. twice and e.g. never slips.", LONG),
    "the sentence before stays": (f"Ropes hold. See [here]{U} for why. {LONG}", f"Ropes hold. {LONG}"),
    "in an item": (f"- {LONG.strip()} See [this paper]{U} for an overview.\n- Two", f"- {LONG.strip()}\n- Two"),
    "brackets": (f"{LONG}It holds (read their paper [here]{U}) well.", f"{LONG}It holds well."),
    "brackets for": (f"{LONG}It holds (see [here]{U} for a short overview).", f"{LONG}It holds."),
    "here is, in brackets": (f"{LONG}The book (here is the [table]{U}) has it.", f"{LONG}The book has it."),
    "clause at the end": (f"{LONG}It holds, see [here]{U} for details.", f"{LONG}It holds."),
    "clause without full stop": (f"{LONG}It holds in water, e.g. see <https://e.org/b>", f"{LONG}It holds in water."),
    "clause amid": (f"{LONG}The loop, as described [here]{U}, is old.", f"{LONG}The loop is old."),
    "clause after when": (
        f"{LONG}When it is wet, as shown in [this post]{U}, it holds.",
        f"{LONG}When it is wet, it holds.",
    ),
    "clause after because": (
        f"{LONG}It holds because, as per [this question]{U}, it is wet.",
        f"{LONG}It holds because it is wet.",
    ),
    "clause before and": (
        f"{LONG}It is old, [for example in this paper]{U}, and it holds.",
        f"{LONG}It is old, and it holds.",
    ),
    "no main clause": (f"{LONG}For an example of using ropes at sea in the dark, see [this paper]{U}", LONG),
    "download": (f"{LONG}You can download the rope chart from [here]{U}.", f"{LONG}You can download the rope chart."),
    "address of a name": (f"{LONG}Check out RopeMart <https://e.org/b>.", f"{LONG}Check out RopeMart."),
    "address in brackets": (f"{LONG}Use RopeMart (https://e.org/b) ropes.", f"{LONG}Use RopeMart ropes."),
    "address of an item": (f"{LONG}\n\n- RopeMart: <https://e.org/b>\n- Knots", f"{LONG}\n\n- RopeMart\n- Knots"),
    "citations": (f"{LONG}Two hold best [1]{U},[2]{U}.", f"{LONG}Two hold best."),
    "list": (f"{LONG}\n\nFurther reading:\n\n- [All about ropes]{U}\n- <https://e.org/c>", LONG),
    "list after a sentence": (f"{LONG}See the following articles for details:\n\n- [All about ropes]{U}", LONG),
    "list amid": (
        f"{LONG}\n\nHelpful links:\n\n- [All about ropes]{U}\n\nThe rest is rope.",
        f"{LONG}\n\nThe rest is rope.",
    ),
    "heading": (f"{LONG}\n\n---\n\n## References\n\n[All about ropes]{U}", LONG),
    "links at the end": (f"{LONG}\n\n[All about ropes]{U}\n\n<https://e.org/c>", LONG),
    "numbers": (
        f"{LONG}It holds [1], also wet.[2]\n\n1. <https://e.org/c>\n2. <https://e.org/d>",
        f"{LONG}It holds, also wet.",
    ),
}  # fmt: skip

STAYS = {
    "only a link": f"{LONG}[Relevant XKCD.]{U}",
    "only a link, in brackets": f"{LONG}(Some hold. [Relevant comic.]{U})",
    "only a link that is a name": f"{LONG}Until then... [Hawsers]{U}?",
    "an address for what can be had": f"{LONG}If you need the chart, you can get it [here]{U}.",
    "a title that promises": f"{LONG}Read the book [Ropes and Knots, (free download)]{U} by Ada.",
    "names of links after a colon": f"Example notes: [Intro to Ropes]{U} and [Intro to Knots]{U}\n\n{LONG}",
    "a sentence that goes on after a question": f"{LONG}\n\nSource: [What is a rope?]{U} at the FAQ of the fleet",
    "marks of references": f"{LONG}It holds [(ROPE 1)]{U} [(ROPE 2)]{U}.",
    "a quoted source": f"{LONG}\n\n> Ropes hold.\n>\n> Source: [Ropes]{U}",
    "what a quotation is from": f"{LONG}Check out [this blog post]{U}.\n\n> Ropes hold.",
    "somebody named": f"{LONG}For an example of tying one with RopeMart, see [this article]{U}.",
    "an implementation": f"{LONG}For a working implementation you can check [this page]{U}.",
    "leaning remark": f"{LONG}Take a look at [this paper]{U}. (Sadly, it is not free.)",
    "leaning word": f"You can find the knots in [this blog post]{U}. Anyway, the bowline is best.\n\n{LONG}",
    "an example of a page": f"{LONG}Hawsers tie it (see the last [hitch_table]{U} example).",
    "a title that is all": f"[Open source rope editors examined]{U} - it is a little outdated, though, and long.",
    "only a link, first": f"[Relevant XKCD.]{U}\n\n{LONG}",
    "a sentence of a link": f"{LONG}[How ropes are tied in the dark of night.]{U} Then one waits.",
    "a name that is a source": f"OOM comes from pinning. You must see [Pinning Article]{U} before you do it in code.",
    "an author and a year": f"{LONG}That was shown by [Klein (2003)]{U} and Kline (1973), who tied ropes.",
    "authors": f"{LONG}That was found by [Ashley et al.]{U} when they tied ropes.",
    "a place to start": f"{LONG}This is a good place to start if you look for more: [rope options]{U}.",
    "a verb for a term": f"{LONG}All this should be [constructed](https://e.org/wiki/Constructivism) by the sailor.",
    "a tool without a name": f"{LONG}There is also a [nice tool]{U} for it on all ships.",
    "an outline": f"To use it, [follow the general guide for ropes]{U}, and use tar instead of, as in the guide, oil.",
    "steps": f"We use the [rope tutorial]{U}. {LONG} As the tutorial says, it holds.",
    "a link spoken of": f"The [QR knot]{U} holds. {LONG} On the wikipedia-link this is called alpha.",
    "slides spoken of": f"They published [some ropes (2010)]{U}. {LONG} On slide 17 they tie it.",
    "publications": f"There is one program called RopeWiki ([publications]{U}) for all of these ropes [here]{U}.",
    "a sentence that leans, without it": f"{LONG}I found [this paper]{U} on ropes. Not very detailed, but good.",
    "a text that is not complete": f"{LONG}Try a rope builder, e.g.\n\n- <https://e.org/b>",
    "is here": f"The entry on how to get started with ropes is [here]{U}. {LONG}",
    "a sentence that leans": f"{LONG}Here is a [paper]{U}. It says that wet ropes hold.",
    "an author spoken of": f"{LONG}Here is a [paper]{U} on wet ropes. The authors say that they hold.",
    "more than a pointer": f"{LONG}See [this page]{U} for ropes, but never tie them when they are wet.",
    "a block that leans": f"{LONG}Here is a [paper]{U} on wet ropes.\n\nThey tie it as a loop.",
    "the answer itself": f"{LONG}Here is [the code]{U} for it.",
    "a download": f"{LONG}Here is a [download]{U} of all.",
    "steps of a list": f"1. See [this page]{U}.\n2. Tie it as {LONG}",
    "announced links": f"{LONG}Here are some good sites on ropes.\n\n[All about ropes]{U}",
    "the name of the tool": f"{LONG}There is a tool that does all of that.\n\n[RopeKnotter]{U}",
    "a paper that is spoken of": f"{LONG}It is proved as part of this [paper (Ada, Ben)]{U} on ropes.",
    "links after a colon": f"{LONG}These ropes are sold:\n\n- [All about ropes]{U}\n- [Best rope]{U}",
    "links under a heading": f"{LONG}\n\n## Shops\n\n- [All about ropes]{U}\n- [Best rope]{U}",
    "most of the text": f"Yes.\n\nSee [this page about ropes and how they are tied in the dark]{U} for more info.",
    "numbers of another list": f"{LONG}It holds [7].\n\nReferences\n\n1. <https://e.org/c>",
    "a claim by its address": f"{LONG}According to [this page]{U}, wet ropes hold.",
    "an address that is a part": f"{LONG}Now open http://e.org/rope in your browser.",
    "a word that goes on": f"{LONG}Ropes are what the loop is made of, see [here]{U}.",
    "a tool that is announced": f"{LONG}For that you can try this free tool for ropes. <https://e.org/b>",
    "a name that goes on": f"{LONG}\n\n- Ada Lovelace's <https://e.org/b>\n- Knots",
    "something written": f"{LONG}I have written a short [introduction to ropes]{U} that says more.",
    "a comment": f"{LONG}See [Ada](https://knots.stackexchange.com/users/3/ada) for ropes.",
    "braces of the text": f"{LONG}See {{here}} and [here]{U} it goes on.",
    "an image": f"The [bowline]{U} holds.\n\n![A rope](https://e.org/i.png)",
}


def params(table):
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), id=name) for name, case in table.items()]


@pytest.mark.parametrize(("before", "after"), params(BECOMES))
def test_a_text_that_says_enough_stays_without_its_address(before, after):
    repaired = repair_text(before, ["links"])
    assert (repaired.text, repaired.left) == (after, set())


@pytest.mark.parametrize(("before", "after"), params(GOES))
def test_what_only_points_on_goes_as_a_whole(before, after):
    repaired = repair_text(before, ["links"])
    assert repaired.text.rstrip() == after.rstrip() and not repaired.left
    assert repair_text(repaired.text, ["links"]).made.total() == 0


@pytest.mark.parametrize("text", params(STAYS))
def test_what_the_reader_would_miss_stays(text):
    repaired = repair_text(text, ["links"])
    assert (repaired.text, repaired.left) == (text, {"links"})


def test_a_cut_leaves_one_blank_line():
    text = f"{LONG}\n\nReference: [All about ropes]{U}\n\nThe rest."
    assert repair_text(text, ["links"]).text == f"{LONG}\n\nThe rest."
