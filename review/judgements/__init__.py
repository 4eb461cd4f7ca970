"""The judgement file: YAML that people edit by hand, and that the viewer changes without touching the rest of it.

# filtered-stack-exchange/cstheory.jsonl
cstheory.stackexchange.com/a/17: accept
cstheory.stackexchange.com/a/29: {judgement: reject, criteria: [4, 6], note: links to a blog}
cstheory.stackexchange.com/a/31: {judgement: later, note: ask Ben about the second step}
cstheory.stackexchange.com/a/40:
  judgement: accept
  correction: |-
    The corrected answer.
  corrects: 4ae7f0a2b1c5
"""

from review.judgements.judgement import Judgement as Judgement
from review.judgements.judgement import digest_of as digest_of
from review.judgements.judgement_file import ConflictError as ConflictError
from review.judgements.judgement_file import JudgementFile as JudgementFile
from review.judgements.judgement_reading import load_judgement_files as load_judgement_files
from review.judgements.judgement_reading import load_judgements as load_judgements
from review.judgements.judgement_reading import load_persons_judgements as load_persons_judgements
from review.judgements.record_ids import record_id_of as record_id_of
