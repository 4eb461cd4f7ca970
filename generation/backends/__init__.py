"""Ways to query a model: transformers on this machine, or an OpenAI-compatible server."""
