"""A language model as one more reviewer: what it is asked, what its verdicts say, and whether to trust them."""
