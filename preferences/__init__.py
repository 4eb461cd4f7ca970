"""Preference data: pairs of answers to one question by their votes, and answers that reviewers accepted or rejected."""
