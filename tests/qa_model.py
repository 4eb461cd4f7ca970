"""A scripted model for generate_qa.py: recognises the step by the end of the prompt, and gives a good answer.

The passages are invented, each about a lamp of another name. `Script(question=..)` replaces the answer of a step.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from tests.model_server import Asked, Fault, Reply

PASSAGE = (
    "The lamp of {name} stood on a rock outside the harbour, and the widow Marta Venn kept it for eleven winters. "
    "It burnt rape oil, which was carried up the stairs in cans of two gallons. The lamp was lit at dusk and tended "
    "until the last boat was in. Boats found it by its red glass, for every other light on that coast was white. In "
    "the end the lamp was put out because oil had grown dear, and the rock has been dark since the spring of that year."
)
ANSWERS = {
    "Who": ("Who kept the lamp of {name} for eleven winters?", "the widow Marta Venn"),
    "What": ("What did the lamp of {name} burn?", "rape oil"),
    "Where": ("Where did the lamp of {name} stand?", "on a rock outside the harbour"),
    "When": ("When was the lamp of {name} lit?", "at dusk"),
    "Why": ("Why was the lamp of {name} put out?", "because oil had grown dear"),
    "How": ("How did boats find the lamp of {name}?", "by its red glass"),
}
LONG = (
    "On the coast where it stood, the lamp of {name} was known to every sailor. What can be said in short is this: "
    "{answer}. People who lived there remembered that for a long time, and told it to their children, who wrote it "
    "down with care."
)
NAME = re.compile(r"The lamp of (\w+) stood")
FORMS = (  # the last lines of each prompt
    ("topics", re.compile(r"Topics:$")),
    ("asked_back", re.compile(r"\nAnswer: .*\nFirst word: (?P<kind>\w+)\nQuestion:(?: \w+)?$")),
    ("question", re.compile(r"\nFirst word: (?P<kind>\w+)\nQuestion:(?: \w+)?$")),
    ("answerable", re.compile(r"\nQuestion: (?P<kind>\w+).*\nAnswered:$")),
    ("long_answer", re.compile(r"\nQuestion: (?P<kind>\w+).*\nShort answer: .*\nLong answer:$")),
    ("answer", re.compile(r"\nQuestion: (?P<kind>\w+).*\nAnswer:$")),
)


class Place(NamedTuple):
    """What a prompt asks for."""

    step: str
    kind: str  # "" for topics
    name: str  # of the lamp


Answer = str | Reply | Fault | Callable[[Place], str | Reply | Fault]


def place_of(prompt: str) -> Place:
    step, found = next((step, found) for step, form in FORMS if (found := form.search(prompt)))
    return Place(step, found.groupdict().get("kind", ""), NAME.findall(prompt)[-1])


class Script:
    """Gives a good answer to every prompt of the recipe, except in the steps that `instead` replaces."""

    def __init__(self, **instead: Answer):
        self.instead = instead

    def __call__(self, asked: Asked) -> str | Reply | Fault:
        place = place_of(asked.prompt)
        answer = self.instead.get(place.step, good_answer)
        return answer(place) if callable(answer) else answer


def good_answer(place: Place) -> str:
    question, answer = ANSWERS.get(place.kind, ("", ""))
    return {
        "topics": f" the lamp of {place.name}; its keeper; its end",
        "question": f" {question}",
        "asked_back": f" {question}",
        "answer": f" {answer}",
        "answerable": " yes",
        "long_answer": f" {LONG}",
    }[place.step].format(name=place.name, answer=answer)
