"""From passages to questions with answers: one prompt per step, and the evaluations after it.

    topics        what the passage is about
    question      one of each kind: who, what, where, when, why, how
    answer        a short answer, with the passage given
    asked_back    the question again, from the answer; if both questions agree, question and answer belong together
                  (roundtrip consistency, after Alberti et al. 2019, https://arxiv.org/abs/1906.05416)
    answerable    whether the passage answers the question, according to the model
    long_answer   the text that becomes the response

Each step is done for all questions of all given passages before the next, so that the model gets a few large batches. A
question that fails an evaluation skips the remaining steps. The prompts are files in generation/prompts/qa, and
those for chat models in generation/prompts/qa_chat.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from generation.backends.base import Generation
from generation.models import Model
from generation.prompt_template import Template, read_template
from generation.qa.evaluations import (
    KINDS,
    declines,
    is_english,
    mentions_the_text,
    only_repeats,
    points_outside,
    repetition,
    says_yes,
    share_found,
    token_f1,
    why_malformed,
    word_count_outside,
)
from generation.qa.final_answer import final_answer, last_question, listed, short_answer
from generation.qa.passages import Passage

SOURCE = "synthetic_qa"  # the label in the tuple files
PROMPTS = Path(__file__).parent.parent / "prompts" / "qa"
CHAT_PROMPTS = PROMPTS.with_name("qa_chat")
SCORE_DIGITS = 6
TOPICS = 3  # at most, as the prompt asks
FEW_WORDS = 3  # up to here a text may be in an example by chance


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of the evaluations. docs/generation.md has what two small models make of them."""

    drop_unlikely: float = 0.05  # of the questions, answers and long answers each: those of the least log-probability
    min_agreement: float = 0.5  # an unrelated question may share its first word and its function words
    min_found: float = 0.7  # allows for one inflected or added word in three or four
    min_covered: float = 0.5  # the long answer may rephrase the short one, but has to be about it
    max_repetition: float = 0.1  # human text has 0.006, text that loops above 0.4
    question_words: tuple[int, int] = (4, 40)
    answer_words: tuple[int, int] = (1, 40)
    long_answer_words: tuple[int, int] = (30, 300)


@dataclass
class QuestionCandidate:
    """A question of one kind about one passage, with the results of the steps so far."""

    passage: Passage
    kind: str
    texts: dict[str, str] = field(default_factory=dict)  # by step
    scores: dict[str, float] = field(default_factory=dict)
    problem: str | None = None  # why it is dropped
    detail: str = ""  # the words of a server that refused a prompt

    @property
    def id(self) -> str:
        """Depends only on the passage and the question."""
        key = "\n".join([self.passage.body, self.kind, self.texts.get("question", "")])
        return f"{SOURCE}/{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}"

    @property
    def score(self) -> float:
        """Ranks questions of the same kind: the mean of agreement, found and covered, and of the mean token
        probabilities of question, answer and long answer."""
        shares = [self.scores[name] for name in ("agreement", "found", "covered")]
        logprobs = [self.scores.get(f"{step}_logprob") for step in WEIGHED]
        shares += [math.exp(logprob) for logprob in logprobs if logprob is not None]
        return sum(shares) / len(shares)

    def record(self, model: dict[str, str | None]) -> dict[str, Any]:
        return {
            "id": self.id,
            "source": SOURCE,
            "instruction": self.texts["question"],
            "response": self.texts["long_answer"],
            "meta": {
                "license": self.passage.text.license,
                **model,
                "text_id": self.passage.text.id,
                **self.passage.text.attribution,
                "paragraph": self.passage.paragraph,
                "passage": self.passage.body,
                "kind": self.kind.lower(),
                "topics": [topic.strip() for topic in self.texts["topics"].split(";") if topic.strip()],
                "answer": self.texts["answer"],
                "asked_back": self.texts["asked_back"],
                "scores": {**self.rounded_scores, "score": round(self.score, SCORE_DIGITS)},
            },
        }

    def dropped(self, reason: str) -> dict[str, Any]:
        """The row that is written if the question is dropped."""
        return {
            "reason": reason,
            **({"detail": self.detail} if self.detail else {}),
            "id": self.id,
            "text_id": self.passage.text.id,
            "paragraph": self.passage.paragraph,
            "kind": self.kind.lower(),
            **self.texts,
            "scores": self.rounded_scores,
        }

    @property
    def rounded_scores(self) -> dict[str, float]:
        return {name: round(score, SCORE_DIGITS) for name, score in self.scores.items()}


# ---- the steps -------------------------------------------------------------------------------------------------------
# Returns the reason to drop a candidate, or None; may add scores to it.
Evaluation = Callable[[QuestionCandidate, Thresholds], str | None]
Reader = Callable[[str, str], str]  # of what the model wrote, and the kind of question


class Step(NamedTuple):
    """A prompt, what is taken from the text that the model wrote for it, and the evaluation of that."""

    name: str
    read: Reader
    evaluate: Evaluation


def _read_question(written: str, kind: str) -> str:
    return last_question(written, kind, lambda question: why_malformed(question, kind) is None)


def _check_question(candidate: QuestionCandidate, limits: Thresholds) -> str | None:
    question = candidate.texts["question"]
    if problem := why_malformed(question, candidate.kind) or word_count_outside(question, limits.question_words):
        return problem
    return "not self-contained" if points_outside(question) else None


def _check_answer(candidate: QuestionCandidate, limits: Thresholds) -> str | None:
    answer = candidate.texts["answer"]
    if declines(answer):
        return "declined"
    if outside := word_count_outside(answer, limits.answer_words):
        return outside
    if only_repeats(answer, candidate.texts["question"]):
        return "repeats the question"
    candidate.scores["found"] = share_found(answer, candidate.passage.body)
    return _below(candidate, "found", limits.min_found, "found in the passage")


def _check_asked_back(candidate: QuestionCandidate, limits: Thresholds) -> str | None:
    asked_back = candidate.texts["asked_back"]
    if problem := why_malformed(asked_back, candidate.kind):
        return problem
    if only_repeats(candidate.texts["answer"], asked_back):  # it would agree with any question about the same thing
        return "contains the answer"
    candidate.scores["agreement"] = token_f1(candidate.texts["question"], asked_back)
    return _below(candidate, "agreement", limits.min_agreement, "agreement with the question")


def _check_answerable(candidate: QuestionCandidate, limits: Thresholds) -> str | None:
    return None if says_yes(candidate.texts["answerable"]) else "not yes"


def _check_long_answer(candidate: QuestionCandidate, limits: Thresholds) -> str | None:
    text = candidate.texts["long_answer"]
    if outside := word_count_outside(text, limits.long_answer_words):
        return outside
    candidate.scores["repetition"] = repetition(text)
    if candidate.scores["repetition"] > limits.max_repetition:
        return f"repetition above {limits.max_repetition}"
    if mentions_the_text(text):
        return "speaks of the passage"
    if not is_english(f"{candidate.texts['question']} {text}"):
        return "not English"
    candidate.scores["covered"] = share_found(candidate.texts["answer"], text)
    return _below(candidate, "covered", limits.min_covered, "of the short answer in it")


def _below(candidate: QuestionCandidate, score: str, least: float, what: str) -> str | None:
    return f"below {least} {what}" if candidate.scores[score] < least else None


RECIPE = (
    Step("topics", lambda written, kind: listed(written, TOPICS), lambda candidate, limits: None),
    Step("question", _read_question, _check_question),
    Step("answer", lambda written, kind: short_answer(written), _check_answer),
    Step("asked_back", _read_question, _check_asked_back),
    Step("answerable", lambda written, kind: short_answer(written), _check_answerable),
    Step("long_answer", lambda written, kind: final_answer(written), _check_long_answer),
)
WEIGHED = ("question", "answer", "long_answer")  # the texts whose log-probability counts
PLACEHOLDERS = frozenset({"passage", "kind", *(step.name for step in RECIPE)})


def read_prompts(folder: Path, chat: bool) -> dict[str, Template]:
    """The prompt file of each step, `<step>.txt`. Raises InputError if one is missing or malformed."""
    return {step.name: read_template(folder / f"{step.name}.txt", PLACEHOLDERS, chat) for step in RECIPE}


def ask(
    passages: Sequence[Passage],
    model: Model,
    prompts: dict[str, Template],
    limits: Thresholds,
    temperature: float,
    seed: int,
) -> list[QuestionCandidate]:
    """Take one candidate of each kind for each passage through all steps; `problem` is set on those that failed."""
    candidates = [QuestionCandidate(passage, kind) for passage in passages for kind in KINDS]
    for step in RECIPE:
        template = prompts[step.name]
        remaining = [candidate for candidate in candidates if candidate.problem is None]
        values = [
            {"passage": candidate.passage.body, "kind": candidate.kind, **candidate.texts} for candidate in remaining
        ]
        requests = [template.request(**each) for each in values]
        settings = template.settings(temperature=temperature, seed=seed)
        generations = model.generate(requests, settings, step.name.replace("_", " "))
        for candidate, generation, each in zip(remaining, generations, values, strict=True):
            written = _after_beginning(template.beginning(**each), generation.text)
            candidate.texts[step.name] = step.read(written, candidate.kind)
            candidate.detail = generation.problem
            if generation.logprob is not None:
                candidate.scores[f"{step.name}_logprob"] = generation.logprob
            problem = _why_unusable(candidate, step.name, generation)
            if not problem and _is_copied(candidate.texts[step.name], template):
                problem = "copied from the prompt"
            problem = problem or step.evaluate(candidate, limits)
            if not problem and step.name == "question" and _is_about_an_example(candidate, template):
                problem = "about an example of the prompt"
            candidate.problem = problem and f"{step.name.replace('_', ' ')}: {problem}"
    return candidates


def _after_beginning(beginning: str, written: str) -> str:
    """A base model's text with the beginning that stands in the prompt, which some models write again."""
    text = written.strip()
    return text if not text or text.startswith(beginning) else beginning + written


def _is_copied(text: str, template: Template) -> bool:
    """Whether a text is one of the examples in its prompt, which small models like to repeat."""
    return len(text.split()) > FEW_WORDS and any(text in turn for turn in template.turns)


def _is_about_an_example(candidate: QuestionCandidate, template: Template) -> bool:
    """Whether more of a question's words are only in the prompt, as those of its examples, than in the passage."""
    question, passage = candidate.texts["question"], candidate.passage.body
    in_either = share_found(question, " ".join([passage, *template.turns]))
    return in_either > 2 * share_found(question, passage)


def _why_unusable(candidate: QuestionCandidate, step: str, generation: Generation) -> str | None:
    if generation.lost:
        return generation.lost
    if not candidate.texts[step]:
        return "nothing but a draft" if generation.text.strip() else "empty"
    if generation.finish_reason == "length" and step in WEIGHED:
        return "cut at max_tokens"
    return None
