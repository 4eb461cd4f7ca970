"""Questions and answers made from text, by a series of prompts with an evaluation after each."""
