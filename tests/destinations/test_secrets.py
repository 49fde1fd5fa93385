"""Secrets at rest."""

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.destinations import Keyring, SecretsError

KEY, OTHER = "k" * 32, "o" * 32


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_can_be_opened(plain, context):
    """Any bytes come back under the same key and context."""
    ring = Keyring([KEY])
    assert ring.open(ring.seal(plain, context), context) == plain


def test_sealing_twice_differs():
    """Equal secrets do not look equal at rest."""
    ring = Keyring([KEY])
    assert ring.seal(b"secret", "a") != ring.seal(b"secret", "a")


def test_secrets_belong_to_their_context():
    """A blob that was moved to another row cannot be opened there."""
    ring = Keyring([KEY])
    with pytest.raises(SecretsError, match="belong to something else"):
        ring.open(ring.seal(b"secret", "one"), "two")


def test_every_flipped_bit_is_noticed():
    """Altered bytes are refused, wherever the alteration is."""
    ring = Keyring([KEY])
    sealed = ring.seal(b"secret", "a")
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(SecretsError):
            ring.open(bytes(altered), "a")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" * 40, b"\xde\x93\x33\x12"])
def test_foreign_bytes_are_refused(sealed):
    """What never was sealed is an error, not a crash."""
    with pytest.raises(SecretsError):
        Keyring([KEY]).open(sealed, "a")


def test_keys_can_be_rotated():
    """A new first key seals; the former one, kept after it, still opens what it sealed."""
    before = Keyring([OTHER])
    after = Keyring([KEY, OTHER])
    assert after.open(before.seal(b"old", "a"), "a") == b"old"
    with pytest.raises(SecretsError, match="key that is not here"):
        before.open(after.seal(b"new", "a"), "a")


def test_the_key_file_is_made_once_for_its_owner_only(tmp_path):
    """Without a configured key one is made, readable by nobody else, and used again."""
    sealed = Keyring.load("", tmp_path).seal(b"secret", "a")
    mode = stat.S_IMODE((tmp_path / "secrets.key").stat().st_mode)
    assert mode == 0o600
    assert Keyring.load("", tmp_path).open(sealed, "a") == b"secret"


def test_a_configured_key_comes_before_the_file(tmp_path):
    """Moving from the file to the setting keeps old secrets readable."""
    sealed = Keyring.load("", tmp_path).seal(b"secret", "a")
    moved = Keyring.load(f" {KEY} ,{OTHER}", tmp_path)
    assert moved.open(sealed, "a") == b"secret"
    assert Keyring([KEY]).open(moved.seal(b"new", "a"), "a") == b"new"


def test_a_configured_key_makes_no_file(tmp_path):
    """Who brings a key does not get a second one."""
    Keyring.load(KEY, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("keys", "said"), [([], "No key"), (["short"], "shorter than 16")])
def test_weak_keys_are_refused(keys, said):
    """A key that could be guessed is refused with advice."""
    with pytest.raises(SecretsError, match=said):
        Keyring(keys)
