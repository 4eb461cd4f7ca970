"""Which text between question and answer keeps their tokens apart, for three kinds of tokenizers.

    python -m benchmarks.separators                all records of the real dumps, else the sample's

A trainer that is given a prompt and a completion joins them into one text, and learns what comes after the tokens of
the prompt. That is right only if the tokens of the prompt are the beginning of the tokens of the whole text. Trains a
byte-level BPE on the records with the pre-tokenizer of each kind (benchmarks.trainers.pretokenizers), and prints for
each separator in how many records that is not so.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tokenizers import Tokenizer, models, trainers

from benchmarks.dumps import add_dumps, read_dump, read_dumps
from benchmarks.merge import SAMPLE
from benchmarks.trainers.pretokenizers import PRE_TOKENIZERS, alphabet
from merging.formats import SEPARATOR

SEPARATORS = ("\n\n", "\n", SEPARATOR, "\n\n### Response:\n", "\n\nAnswer:", "\n\nAnswer: ", "\n\nAnswer:\n\n")
VOCABULARY = 16_000
TEXTS = 2_000  # to train a tokenizer on

Pair = tuple[str, str]  # question and answer


def tokenizer(kind: str, texts: Sequence[str]) -> Tokenizer:
    """A tokenizer of a kind of PRE_TOKENIZERS."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = PRE_TOKENIZERS[kind]
    made.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=VOCABULARY, initial_alphabet=alphabet(), show_progress=False)
    )
    return made


def broken(tokens: Tokenizer, pairs: Sequence[Pair], separator: str) -> int:
    """In how many pairs the tokens of the prompt are not the beginning of the tokens of prompt and answer."""
    prompts = tokens.encode_batch([question + separator for question, _ in pairs])
    wholes = tokens.encode_batch([question + separator + answer for question, answer in pairs])
    return sum(whole.ids[: len(prompt.ids)] != prompt.ids for prompt, whole in zip(prompts, wholes, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_dumps(parser)
    dumps = parser.parse_args().dumps
    records = read_dumps(dumps) if any(dumps.rglob("*.7z")) else read_dump(SAMPLE)
    pairs = [(record["instruction"], record["response"]) for record in records]
    made = {kind: tokenizer(kind, ["".join(pair) for pair in pairs[:TEXTS]]) for kind in PRE_TOKENIZERS}
    print(f"of {len(pairs):,} pairs those whose prompt's tokens are not the beginning of the whole text's:\n")
    print(f"| separator | {' | '.join(made)} |\n|{'---|' * (1 + len(made))}")
    for separator in SEPARATORS:
        counts = (f"{broken(tokens, pairs, separator):,}" for tokens in made.values())
        print(f"| `{separator!r}` | {' | '.join(counts)} |", flush=True)


if __name__ == "__main__":
    main()
