"""The version of this project: what `--version` prints and every report contains. pyproject.toml has the same."""

VERSION = "1.0.0"
