"""What can go wrong with a dump, each told in one line."""


class DumpError(Exception):
    """A dump cannot be read as it is. The message names the file, what is wrong with it, and the mend."""


class DamagedError(DumpError):
    """Bytes are not what their check sum says; a fetched copy is worth fetching once more.

    span: the bytes (start, end) of the archive that are concerned, None for all of them.
    """

    def __init__(self, message: str, span: tuple[int, int] | None = None):
        super().__init__(message)
        self.span = span


class ChangedError(DumpError):
    """The file on the server is another one than when its download began."""


class LostError(DumpError):
    """Who was to do the work is gone or cannot do it, which says nothing of the dump."""
