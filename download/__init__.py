"""Files from servers: the HTTP client, resumable ranges, and published files that are fetched once and verified."""
