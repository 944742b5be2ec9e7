"""Which language a text is in: scripts and the commonest words; a guess that says when it cannot.

Reads: texts.  Gives: ISO 639-1 codes, or None.
Depends on: the standard library.

Scripts decide where one language owns them (kana, hangul, Greek ...); the languages in Latin,
Cyrillic and Arabic letters are told apart by their commonest function words.  Texts of a few words
are often undecided; that is said, not guessed.  What is not listed below is never found.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Final

_FUNCTION_WORDS: Final[dict[str, str]] = {
    "en": "the of and to in is that it was for on are with as be this have from or had by not but "
    "what were there can an your which their will would about they you he she we a i my me do "
    "does did how when why who am if so any been has get could into just should where out up",
    "de": "der die das und ist nicht ein eine zu den mit von auf für im sich dem des auch als an "
    "wird bei sind aus nach oder wie hat werden einen wir ich sie es war noch nur über",
    "fr": "le la les et des un une est que dans pour qui du sur pas plus par avec ce il elle sont "
    "au nous vous mais ou être cette ses aux été leur l d qu n s c",
    "es": "el la los las de que y en un una es por con no para se del su al como más pero sus le "
    "este ha sobre entre cuando también fue son está muy hasta desde",
    "it": "il lo la gli le di che e è un una per non in con sono del della si da come più ma anche "
    "nel alla dei delle questo ha al essere stato dal l",
    "pt": "o a os as de que e em um uma é para com não do da no na se por mais como dos mas ao ele "
    "das foi são seu sua ou também está pelo pela à",
    "nl": "de het een en van in is dat op te zijn met voor niet die aan er om ook als bij maar dan "
    "door naar heeft wordt uit nog hij wij je worden",
    "sv": "och att det som en på är av för med den till inte har de ett om var men jag sig från vi "
    "så kan när man hade under också eller",
    "da": "og at det er en til af på som for med den der de ikke har et var jeg men kan vi sig om "
    "fra han ved blev eller også efter",
    "pl": "i w na z się nie do to że jest o jak po co od za ale przez dla są przy był jego oraz "
    "tym czy tylko już może",
    "tr": "ve bir bu da de için ile çok ne daha gibi olarak en kadar sonra olan ancak değil ama "
    "var her o ki mi olduğu",
    "id": "dan yang di dengan untuk dari pada ini itu adalah tidak dalam akan ke juga sebagai "
    "oleh atau bisa ada saya karena lebih",
    "ru": "и в не на что с он как это по но из у за от то для все так его о же был она бы к или "
    "мы только еще при",
    "uk": "і в не на що з як це та до але із у за від для він є про його вона чи був або ми при "
    "які також",
    "ar": "في من على أن إلى عن هذا هذه التي الذي مع كان لا ما أو هو هي كما بعد قد لم كل بين",
    "fa": "و در به از که این را با است برای آن یک خود تا بر شده می های هم نیز اما یا",
}
_SCRIPTS: Final[dict[str, str]] = {
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "GREEK": "el",
    "HEBREW": "he",
    "THAI": "th",
    "DEVANAGARI": "hi",
    "BENGALI": "bn",
    "TAMIL": "ta",
    "TELUGU": "te",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
}
LANGUAGES: Final = frozenset({*_FUNCTION_WORDS, *_SCRIPTS.values(), "zh"})
"""The codes that `language_of` can give."""

_WORDS: Final = {code: frozenset(words.split()) for code, words in _FUNCTION_WORDS.items()}
_WORD: Final = re.compile(r"[^\W\d_]+")
_MOST_CHARACTERS: Final = 5000
_LEAST_WORDS: Final = 2
_IDEOGRAPH_LETTERS: Final = 3  # so many letters of a foreign name weigh as much as one ideograph


def language_of(text: str) -> str | None:
    """The language of a text as a two-letter code, or None if it cannot be told.

    Looks at the first 5,000 characters. Undecided: no letters, fewer than 2 function words, or two
    languages with equally many.

    >>> language_of("Der Vertrag ist nicht mit dem Kunden geschlossen.")
    'de'
    >>> language_of("42") is None
    True
    """
    text = text[:_MOST_CHARACTERS]
    by_script = _by_script(text)
    if by_script is not None:
        return by_script
    words = _WORD.findall(text.lower())
    found = Counter({code: sum(word in known for word in words) for code, known in _WORDS.items()})
    (best, most), (_, second) = found.most_common(2)
    return best if most >= _LEAST_WORDS and most > second else None


def _by_script(text: str) -> str | None:
    """The language that owns the script of most letters, or None where several share it."""
    scripts = Counter(
        unicodedata.name(letter, "").split(" ", 1)[0] for letter in text if letter.isalpha()
    )
    total = scripts.total()
    if not total:
        return None
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if _IDEOGRAPH_LETTERS * (scripts["CJK"] + kana) > total - scripts["CJK"] - kana:
        return "ja" if 10 * kana > scripts["CJK"] else "zh"
    script, most = scripts.most_common(1)[0]
    return _SCRIPTS.get(script) if 2 * most > total else None
