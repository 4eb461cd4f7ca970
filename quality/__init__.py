"""What is looked for in the texts of a whole data set: near duplicates, benchmark items, personal data."""
