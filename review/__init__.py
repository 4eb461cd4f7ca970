"""The quality of answers: the criteria that a machine can check, people's judgements, and how well they agree."""
