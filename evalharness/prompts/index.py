"""The nearest texts by words: BM25, the same on every machine, ties by the texts' order.

Reads: a list of texts, once.  Gives: `Hit`s, best first.
Depends on: text.tokenize, errors; bm25s (extra `rag`) at construction.
Knows nothing of prompts, samples or documents.
Sources: Robertson & Zaragoza (2009), eq. 3.15; the variant that Lucene scores by, as Kamphuis et
al. (2020), "Which BM25 do you mean?", name it: idf = ln(1 + (N - df + 0.5) / (df + 0.5)), term
weight tf / (tf + k1 (1 - b + b length / mean length)).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias

from evalharness.errors import MissingExtra
from evalharness.text.tokenize import cjk_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores: TypeAlias = NDArray[np.float64]

K1: Final = 1.5
B: Final = 0.75
VARIANT: Final = f"bm25|method:lucene|k1:{K1:g}|b:{B:g}|tok:cjk"
"""What moves a score; part of every program's sha256."""

DECIMALS: Final = 9
"""Scores are compared after rounding: sums of the same terms in another order are ties."""


class Hit(NamedTuple):
    """A text that was found: its position in the list that was indexed, and its score."""

    position: int
    score: float


class Index(Protocol):
    """Texts that can be searched. signature: of the method and all that moves a score."""

    signature: str

    def nearest(self, query: str, k: int) -> list[Hit]:
        """The k best texts (fewer if there are fewer), best first, equal ones in their order."""
        ...


def best(scores: Scores, k: int, *, decimals: int = DECIMALS) -> list[Hit]:
    """The k greatest of scores [n], equal ones by position; fewer if there are fewer.

    >>> import numpy as np
    >>> [hit.position for hit in best(np.array([1.0, 3.0, 1.0, 3.0]), 3)]
    [1, 3, 0]
    """
    import numpy as np

    rounded = scores.round(decimals)
    if k < len(rounded):
        bar = np.partition(rounded, len(rounded) - k)[len(rounded) - k]
        candidates = np.flatnonzero(rounded >= bar)
    else:
        candidates = np.arange(len(rounded))
    ranked = candidates[np.argsort(-rounded[candidates], kind="stable")][:k]
    return [Hit(int(position), float(rounded[position])) for position in ranked]


def words(text: str) -> list[str]:
    """A text's words as BM25 counts them: lower case, NFC; Chinese and its like by character.

    >>> words("Don't panic: 42!")
    ['don', 't', 'panic', '42']
    """
    return cjk_words(text).split()


def digest_texts(texts: Sequence[str]) -> str:
    """sha256 of a list of texts, each kept apart from the next; lone surrogates pass."""
    digest = hashlib.sha256()
    for text in texts:
        raw = text.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()


class Bm25Index:
    """Texts searched by BM25 (`VARIANT`), scored by bm25s in double precision.

    texts: at least one.  needed_for: who asks, for the error.
    Raises MissingExtra where bm25s is not installed.
    """

    def __init__(self, texts: Sequence[str], *, needed_for: str) -> None:
        try:
            import bm25s
        except ModuleNotFoundError as error:
            raise MissingExtra("bm25s", extra="rag", needed_for=needed_for) from error
        self.signature = VARIANT
        self._size = len(texts)
        corpus = [words(text) for text in texts]
        self._known = frozenset(word for text in corpus for word in text)
        self._bm25 = bm25s.BM25(k1=K1, b=B, method="lucene", dtype="float64", backend="numpy")
        if self._known:
            self._bm25.index(corpus, show_progress=False)

    def scores(self, query: str) -> Scores:
        """The score of every text, [n]; 0 for a text that shares no word with the query."""
        import numpy as np

        asked = [word for word in words(query) if word in self._known]
        if not asked:
            return np.zeros(self._size)
        return np.asarray(self._bm25.get_scores(asked), dtype=np.float64)

    def nearest(self, query: str, k: int) -> list[Hit]:
        """The k best texts, see `Index.nearest`."""
        return best(self.scores(query), k)
