"""The errors that end a script with one line on stderr and exit status 1."""

from __future__ import annotations


class InputError(Exception):
    """Bad input. The message is one line that names the file, the line, what is wrong and what to do."""

    @property
    def messages(self) -> tuple[str, ...]:
        """One line for each mistake."""
        return (str(self),)


class MistakesError(InputError):
    """Several mistakes that are reported at once, a line each; as text it is the first of them."""

    def __init__(self, *messages: str):
        super().__init__(*messages)

    @property
    def messages(self) -> tuple[str, ...]:
        return self.args

    def __str__(self) -> str:
        return str(self.args[0])


class DamagedError(InputError):
    """Bytes do not match their checksum, so a downloaded copy is worth downloading once more.

    span: the affected bytes (start, end) of the archive, None for all of them.
    """

    def __init__(self, message: str, span: tuple[int, int] | None = None):
        super().__init__(message)
        self.span = span


class ChangedError(InputError):
    """The file on the server has changed since its download began."""


class RowError(InputError):
    """A value in a row is wrong. The message names the row; the reader of the file adds the file's name."""


class LostError(InputError):
    """A worker is gone or cannot do its work; the dump itself may be fine."""
