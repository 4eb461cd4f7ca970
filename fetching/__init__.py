"""Files that others have published, fetched once, verified, and kept."""
