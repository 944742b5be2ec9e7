"""A tokeniser with nothing to learn: a token a byte, and one for each mark of a conversation.

Reads: texts, token ids.  Gives: encode, decode, conversation, write_tokenizer.
Depends on: the standard library.
For protocols that carry token ids: `write_tokenizer` writes the folder that transformers loads, so
that a client and the emulator cut texts in the same places.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from evalharness.records import JsonObject

BYTES: Final = 256
ROLES: Final = ("system", "user", "assistant", "tool")
ROLE_IDS: Final = {role: BYTES + place for place, role in enumerate(ROLES)}
END: Final = BYTES + len(ROLES)
"""The token that ends a turn."""

CHAT_TEMPLATE: Final = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def encode(text: str) -> list[int]:
    """The ids of a text: its bytes."""
    return list(text.encode("utf-8", "replace"))


def decode(ids: Iterable[int]) -> str:
    """The text of ids; marks say nothing."""
    return bytes(token for token in ids if token < BYTES).decode("utf-8", "replace")


def conversation(ids: Sequence[int]) -> tuple[JsonObject, list[int]]:
    """What a prompt asks, and what already stands of the answer.

    Gives the body of a chat request where the prompt holds turns, of a completion where it is
    plain text; and the ids behind the last mark of an assistant's turn that is not ended.
    """
    roles = {token: role for role, token in ROLE_IDS.items()}
    if not any(token in roles for token in ids):
        return {"prompt": decode(ids)}, []
    turns: list[tuple[str, list[int]]] = []
    for token in ids:
        if token in roles:
            turns.append((roles[token], []))
        elif turns and token != END:
            turns[-1][1].append(token)
    begun: list[int] = []
    if turns[-1][0] == "assistant" and ids[-1] != END:
        begun = turns.pop()[1]
    messages = [{"role": role, "content": decode(said)} for role, said in turns]
    return {"messages": messages}, begun


def write_tokenizer(folder: Path) -> Path:
    """Write the tokeniser as transformers reads it, with its chat template; gives the folder."""
    marks = [*(f"<|{role}|>" for role in ROLES), "<|end|>"]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}
    whole: JsonObject = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": BYTES + place,
                "content": mark,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for place, mark in enumerate(marks)
        ],
        "normalizer": None,
        "pre_tokenizer": {**byte_level, "use_regex": False},
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": False},
        "model": {
            "type": "BPE",
            "vocab": {letter: value for value, letter in enumerate(byte_letters())},
            "merges": [],
        },
    }
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|end|>",
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(whole), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def byte_letters() -> list[str]:
    """The printable letter that stands for each byte in a byte-level vocabulary.

    Source: GPT-2's encoder (Radford et al., 2019): printable Latin-1 stands for itself, the other
    bytes for the letters from U+0100 on, in order.
    """
    plain = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    letters, spare = [], 0x100
    for value in range(BYTES):
        if value in plain:
            letters.append(chr(value))
        else:
            letters.append(chr(spare))
            spare += 1
    return letters
