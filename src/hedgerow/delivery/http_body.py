"""The body of an answer: bounded in memory and decompressed as it arrives.

The limit counts decompressed bytes, and a decompressor is never asked for more than fits, so that a small answer which
unpacks to gigabytes costs no more than an honest one.
"""

from __future__ import annotations

import zlib

__all__ = ["BadEncoding", "Body"]

_GZIP = 31  # zlib's "window bits" that select the gzip format
_ZLIB = 15
_RAW = -15
_FORMATS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}
_GZIP_MAGIC = b"\x1f\x8b"
_SLACK = 65_536
"""How much longer than the limit the compressed form may be: room for headers of the format, no more."""


class BadEncoding(Exception):
    """The body is not what its Content-Encoding says."""


class Body:
    """Collects a body up to a limit.

    Args:
        limit: bytes to keep, after decompression.
        encoding: the Content-Encoding; one that is not known leaves the bytes as they are.

    Attributes:
        truncated: there was more than the limit; what follows need not be read.
    """

    __slots__ = ("_format", "_inflate", "_parts", "_raw", "_room", "truncated")

    def __init__(self, limit: int, encoding: str = "") -> None:
        self._parts: list[bytes] = []
        self._room = limit
        self._raw = limit + _SLACK
        self._format = _FORMATS.get(encoding.strip().lower(), 0)
        self._inflate = zlib.decompressobj(self._format) if self._format else None
        self.truncated = False

    def feed(self, data: bytes) -> bool:
        """Take the next bytes from the network.

        Returns:
            Whether more can be of use: False once the body was cut.

        Raises:
            BadEncoding: they cannot be decompressed.
        """
        if self._inflate is None:
            self._keep(data)
        else:
            self._feed_compressed(data)
        return not self.truncated

    def finish(self) -> bytes:
        """What was kept."""
        return b"".join(self._parts)

    def _keep(self, data: bytes) -> None:
        if len(data) > self._room:
            data = data[: self._room]
            self.truncated = True
        self._room -= len(data)
        self._parts.append(data)

    def _feed_compressed(self, data: bytes) -> None:
        self._raw -= len(data)
        while data and not self.truncated:
            self._keep(self._decompress(data))
            data = self._left_over()
        self.truncated = self.truncated or self._raw < 0

    def _decompress(self, data: bytes) -> bytes:
        assert self._inflate is not None
        try:
            return self._inflate.decompress(data, self._room + 1)
        except zlib.error as error:
            if self._format != _ZLIB or self._parts:
                raise BadEncoding(str(error)) from None
        return self._decompress_raw(data)

    def _decompress_raw(self, data: bytes) -> bytes:
        """Some servers send "deflate" without the zlib header that the standard asks for."""
        self._format = _RAW
        self._inflate = zlib.decompressobj(_RAW)
        return self._decompress(data)

    def _left_over(self) -> bytes:
        """Bytes after the end of one compressed member: another member, or nothing of interest."""
        assert self._inflate is not None
        rest = self._inflate.unused_data
        if self._format != _GZIP or not rest.startswith(_GZIP_MAGIC):
            return b""
        self._inflate = zlib.decompressobj(_GZIP)
        return rest
