"""What asks a model: transformers here, or an OpenAI-compatible server."""
