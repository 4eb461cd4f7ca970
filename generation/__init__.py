"""Records made by a language model: the models, and what their texts go through before they are records."""
