"""Records of all sources as one data set: mixed, shuffled, split, written in every format, and described by a card."""
