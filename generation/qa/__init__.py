"""Questions and answers made from text, by a list of prompts with an evaluation after each."""
