"""How long records are in tokens, and which of them a trainer cuts or leaves out by default."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from merging.inputs import shown
from records.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Default lengths, in tokens, and what becomes of a longer row: sequence_len of axolotl 0.19, max_length of SFTConfig in
# TRL 1.16, cutoff_len of LLaMA-Factory 0.9.5.
DEFAULT_LENGTHS = {512: "axolotl leaves it out", 1024: "TRL cuts it", 2048: "LLaMA-Factory cuts it"}

# SmolLM2's tokenizer makes 1 token of 4.26 characters of ai.stackexchange.com and of 4.29 of matheducators (2,256
# records as step 1 writes them, nine in ten between 3.4 and 5.0); of code, and of other languages, of fewer.
CHARACTERS_PER_TOKEN = 4


class TokenCounter:
    """Counts the tokens of a record's instruction and response, without what a chat template adds to them."""

    def __init__(self, name: str | None):
        """name: a folder with tokenizer.json, such a file, or a model at the Hugging Face hub; None to estimate.

        Raises InputError if there is no such tokenizer, or the library is missing.
        """
        self.name = name
        self._tokenizer = _load(name) if name else None

    def count(self, record: dict[str, Any]) -> int:
        instruction, response = record["instruction"], record["response"]
        if self._tokenizer is None:
            return -(-(len(instruction) + 2 + len(response)) // CHARACTERS_PER_TOKEN)
        return len(self._tokenizer.encode(f"{instruction}\n\n{response}", add_special_tokens=False).ids)

    @property
    def method(self) -> str:
        """How tokens are counted, as it may be published."""
        return f"counted by {shown(self.name)}" if self.name else f"estimated as characters / {CHARACTERS_PER_TOKEN}"


def _load(name: str) -> Tokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise InputError("--tokenizer needs tokenizers: pip install -r requirements/tokenizer.txt") from None
    path = Path(name) / "tokenizer.json" if Path(name).is_dir() else Path(name)
    if not path.is_file() and (Path(name).is_dir() or path.suffix == ".json"):
        raise InputError(f"{path}: no such file; give a folder with a tokenizer.json, or a model at the hub")
    try:
        tokenizer = Tokenizer.from_file(str(path)) if path.is_file() else Tokenizer.from_pretrained(name)
    except Exception as error:  # noqa: BLE001 - the library raises Exception, for a hub out of reach many kinds
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{name}: is not a tokenizer that can be read ({reason}); give a folder or a hub name"
        ) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
