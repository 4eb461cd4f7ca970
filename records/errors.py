"""The errors that every script tells in one line, with exit status 1."""

from __future__ import annotations


class InputError(Exception):
    """Bad input. The message is one line that names the file, the line and the mend."""


class DamagedError(InputError):
    """Bytes are not what their check sum says; a fetched copy is worth fetching once more.

    span: the bytes (start, end) of the archive that are concerned, None for all of them.
    """

    def __init__(self, message: str, span: tuple[int, int] | None = None):
        super().__init__(message)
        self.span = span


class ChangedError(InputError):
    """The file on the server is another one than when its download began."""


class RowError(InputError):
    """A value in a row is wrong. The message names the row; who reads the file adds its name."""


class LostError(InputError):
    """Who was to do the work is gone or cannot do it, which says nothing of the dump."""
