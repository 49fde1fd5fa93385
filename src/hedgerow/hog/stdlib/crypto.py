"""Digests and signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any, Final

from hedgerow.hog.context import RuntimeContext, watch
from hedgerow.hog.errors import HogRuntimeError
from hedgerow.hog.stdlib.arguments import is_array, need_text
from hedgerow.hog.stdlib.registry import function
from hedgerow.hog.utf16 import utf8

_ENCODINGS: Final[dict[str, Callable[[bytes], str]]] = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode("ascii"),
    "base64url": lambda digest: base64.urlsafe_b64encode(digest).decode("ascii").rstrip("="),
    "binary": lambda digest: digest.decode("latin-1"),
}


def _shown(name: str, digest: bytes, encoding: Any) -> str:
    """A digest in an encoding, hex when none is named."""
    chosen = "hex" if encoding is None else encoding
    encode = _ENCODINGS.get(chosen) if type(chosen) is str else None
    if encode is None:
        raise HogRuntimeError(f"{name}() knows the encodings {', '.join(_ENCODINGS)}")
    return encode(digest)


def _digest(ctx: RuntimeContext, algorithm: str, value: Any, encoding: Any = None) -> str | None:
    """The digest of a text's UTF-8 bytes; null for null."""
    if value is None:
        return None
    text = need_text(algorithm, value)
    watch(ctx, len(text))
    found = hashlib.new(algorithm, utf8(text), usedforsecurity=False)
    watch(ctx, len(text))
    return _shown(algorithm, found.digest(), encoding)


def _chain(ctx: RuntimeContext, algorithm: str, items: Any, encoding: Any = None) -> str | None:
    """The HMAC of the second item keyed by the first; that digest keys the next item, and so on."""
    if items is None:
        return None
    if not is_array(items) or len(items) < 2:
        raise HogRuntimeError("Data array must contain at least two elements.")
    name = f"{algorithm}HmacChain"
    key = utf8(need_text(name, items[0]))
    for item in items[1:]:
        message = utf8(need_text(name, item))
        ctx.tick()
        key = hmac.digest(key, message, algorithm)
    return _shown(name, key, encoding)


@function(
    "md5Hex",
    1,
    1,
    context=True,
    examples=[("md5Hex('abc')", "'900150983cd24fb0d6963f7d28e17f72'"), ("md5Hex(null)", "null")],
)
def md5_hex(ctx: RuntimeContext, value: Any) -> str | None:
    """The MD5 digest of a text in hex. Null stays null."""
    return _digest(ctx, "md5", value)


@function(
    "sha1Hex", 1, 1, context=True, examples=[("sha1Hex('abc')", "'a9993e364706816aba3e25717850c26c9cd0d89d'")]
)
def sha1_hex(ctx: RuntimeContext, value: Any) -> str | None:
    """The SHA-1 digest of a text in hex. Null stays null."""
    return _digest(ctx, "sha1", value)


@function(
    "sha256Hex",
    1,
    1,
    context=True,
    examples=[("sha256Hex('abc')", "'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'")],
)
def sha256_hex(ctx: RuntimeContext, value: Any) -> str | None:
    """The SHA-256 digest of a text in hex. Null stays null."""
    return _digest(ctx, "sha256", value)


@function("md5", 1, 2, context=True, examples=[("md5('abc', 'base64')", "'kAFQmDzST7DWlj99KOF/cg=='")])
def md5(ctx: RuntimeContext, value: Any, encoding: Any = None) -> str | None:
    """The MD5 digest of a text in an encoding: hex (default), base64, base64url or binary. Null stays null."""
    return _digest(ctx, "md5", value, encoding)


@function(
    "sha1", 1, 2, context=True, examples=[("sha1('abc', 'base64url')", "'qZk-NkcGgWq6PiVxeFDCbJzQ2J0'")]
)
def sha1(ctx: RuntimeContext, value: Any, encoding: Any = None) -> str | None:
    """The SHA-1 digest of a text in an encoding: hex (default), base64, base64url or binary. Null stays null."""
    return _digest(ctx, "sha1", value, encoding)


@function(
    "sha256",
    1,
    2,
    context=True,
    examples=[("sha256('abc', 'base64')", "'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='")],
)
def sha256(ctx: RuntimeContext, value: Any, encoding: Any = None) -> str | None:
    """The SHA-256 digest of a text in an encoding: hex (default), base64, base64url or binary. Null stays null."""
    return _digest(ctx, "sha256", value, encoding)


@function(
    "sha1HmacChainHex",
    1,
    1,
    context=True,
    examples=[("sha1HmacChainHex(['k', 'm'])", "'772b71c8a2997e768be01d9711e4a4f34a24ef33'")],
)
def sha1_hmac_chain_hex(ctx: RuntimeContext, items: Any) -> str | None:
    """HMAC-SHA-1 in a chain: the first text keys the second, each digest keys the next text. In hex."""
    return _chain(ctx, "sha1", items)


@function(
    "sha256HmacChainHex",
    1,
    1,
    context=True,
    examples=[
        (
            "sha256HmacChainHex(['k', 'm', 'n'])",
            "'b1fa44f924a3261f925ccceb039df9bdfb5531e111ffbd1c39bd8de9ab7b42b0'",
        )
    ],
)
def sha256_hmac_chain_hex(ctx: RuntimeContext, items: Any) -> str | None:
    """HMAC-SHA-256 in a chain: the first text keys the second, each digest keys the next text. In hex."""
    return _chain(ctx, "sha256", items)


@function(
    "sha1HmacChain",
    1,
    2,
    context=True,
    examples=[("sha1HmacChain(['k', 'm'], 'base64')", "'dytxyKKZfnaL4B2XEeSk80ok7zM='")],
)
def sha1_hmac_chain(ctx: RuntimeContext, items: Any, encoding: Any = None) -> str | None:
    """As ``sha1HmacChainHex``, in an encoding: hex (default), base64, base64url or binary."""
    return _chain(ctx, "sha1", items, encoding)


@function(
    "sha256HmacChain", 1, 2, context=True, examples=[("length(sha256HmacChain(['k', 'm'], 'binary'))", "32")]
)
def sha256_hmac_chain(ctx: RuntimeContext, items: Any, encoding: Any = None) -> str | None:
    """As ``sha256HmacChainHex``, in an encoding: hex (default), base64, base64url or binary."""
    return _chain(ctx, "sha256", items, encoding)
