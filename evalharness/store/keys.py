"""Canonical bytes and the hashes made of them.

Reads: nothing.  Gives: request keys, 64-bit id hashes, sha256 of JSON-like values.
Depends on: contracts, records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from evalharness.contracts import Identity
from evalharness.records import JsonObject, Message, Sampling

_encoder = msgspec.json.Encoder(order="sorted")


def sha256_of(value: Any) -> str:  # Any: every JSON-like value and record
    """sha256, in hex, of a value's canonical JSON (sorted keys, no spaces)."""
    return hashlib.sha256(_encoder.encode(value)).hexdigest()


def request_key(
    identity: Identity,
    messages: Sequence[Message],
    sampling: Sampling,
    *,
    repeat: int,
    tools: Sequence[JsonObject] = (),
    continuation: str | None = None,
) -> str:
    """What makes two requests the same question to the same model: 128 bits, in hex.

    The sample's id is no part of it: equal questions of different samples share an answer.
    """
    payload = (identity, tuple(messages), sampling, repeat, tuple(tools), continuation)
    return hashlib.sha256(_encoder.encode(payload)).hexdigest()[:32]


def unit_hash(sample_id: str, repeat: int) -> int:
    """A 64-bit name of (sample id, repeat), for indexes that must stay small."""
    name = f"{repeat}\0{sample_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")


def derive_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for one use, derived from the run's seed by name.

    >>> derive_seed(7, "bootstrap", "f1") == derive_seed(7, "bootstrap", "f1")
    True
    """
    text = "\0".join([str(seed), *(str(name) for name in names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
