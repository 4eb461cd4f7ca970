"""The judgement file: YAML that people edit by hand, and that the viewer writes into without touching the rest of it.

# filtered-stack-exchange/cstheory.jsonl
cstheory.stackexchange.com/a/17: accept
cstheory.stackexchange.com/a/29: {judgement: reject, criteria: [4, 6], note: links to a blog}
"""

from instructions.judgements.reading import Judgement as Judgement
from instructions.judgements.reading import load_judgements as load_judgements
from instructions.judgements.writing import ConflictError as ConflictError
from instructions.judgements.writing import JudgementFile as JudgementFile
