"""The record that all steps share, and what is done to records: reading, writing, judging, merging."""
