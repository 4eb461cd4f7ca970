"""Records written by a language model: access to models, prompts, and the checks that their output has to pass."""
