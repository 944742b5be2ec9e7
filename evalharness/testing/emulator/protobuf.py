"""As much of protobuf's wire format as the emulator writes: numbers and bytes.

Gives: number, blob.  Depends on: nothing.
Source: Protocol Buffers, "Encoding": a field is its tag (number << 3 | wire type) and its value;
wire type 0 is a varint, 2 is a length and so many bytes.
"""

from __future__ import annotations


def number(field: int, value: int) -> bytes:
    """A field that holds a whole number of 0 or more."""
    return varint(field << 3) + varint(value)


def blob(field: int, content: bytes) -> bytes:
    """A field that holds bytes, or another message."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """Seven bits a byte, the least first; the top bit says that more follows.

    >>> varint(300).hex()
    'ac02'
    """
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
