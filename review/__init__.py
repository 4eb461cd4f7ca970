"""What is known of an answer's quality: the criteria that a machine can check, people's judgements, their agreement."""
