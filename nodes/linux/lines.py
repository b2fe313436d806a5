"""Cuts a stream of bytes into whole lines."""

LONGEST_LINE_BYTES = 1 << 20


class LineBuffer:
    """Holds back the beginning of a line until its end has come.

    A line longer than LONGEST_LINE_BYTES is let go in pieces, which are no lines: nobody's report is that
    long, and memory must not depend on what a broken process prints.
    """

    def __init__(self) -> None:
        self._held = b""
        self._inside_long_line = False

    def feed(self, chunk: bytes) -> tuple[bytes, list[bytes]]:
        """Take what was read; return the bytes to keep in a log now, and the lines that they complete.

        The bytes end with a line, unless a line is too long. Lines come without their end.
        """
        data = self._held + chunk
        end = data.rfind(b"\n") + 1
        block, self._held = data[:end], data[end:]
        lines = block.split(b"\n")[:-1]
        if lines and self._inside_long_line:
            del lines[0]
            self._inside_long_line = False
        if len(self._held) > LONGEST_LINE_BYTES:
            block, self._held = block + self._held, b""
            self._inside_long_line = True
        return block, lines

    def rest(self) -> bytes:
        """Return what is held back, at the end of the stream: the beginning of a line that never ended.

        It is for the log only. A process that was killed in the middle of a line has not said it.
        """
        rest, self._held = self._held, b""
        return rest
