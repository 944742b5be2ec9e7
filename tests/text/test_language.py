"""Languages told by script and function words, and said to be unknown where they are."""

from __future__ import annotations

import csv
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.text.language import LANGUAGES, language_of

SENTENCES = {
    "en": "The tenant must pay the rent on the first of the month, and it is not refunded.",
    "de": "Der Mieter muss die Miete am Ersten zahlen, und sie wird nicht erstattet.",
    "fr": "Le locataire doit payer le loyer le premier du mois et il n'est pas remboursé.",
    "es": "El inquilino debe pagar la renta el primero de cada mes y no se devuelve.",
    "it": "Il conduttore deve pagare il canone il primo del mese e non è rimborsabile.",
    "pt": "O inquilino deve pagar a renda no dia um de cada mês e não é devolvida.",
    "nl": "De huurder moet de huur op de eerste van de maand betalen en het wordt niet terugbetaald.",
    "sv": "Hyresgästen ska betala hyran den första i månaden och det är inte något som man får igen.",
    "pl": "Najemca musi płacić czynsz na początku miesiąca i nie jest to do zwrotu.",
    "ru": "Арендатор должен платить в начале месяца, и это не возвращается.",
    "uk": "Орендар має платити на початку місяця, і це не повертається, бо так є у договорі.",
    "zh": "租户必须在每月的第一天支付租金，租金不予退还。",
    "ja": "借主は毎月一日に家賃を支払わなければなりません。",
    "ko": "세입자는 매월 첫날에 임대료를 지불해야 합니다.",
    "el": "Ο ενοικιαστής πρέπει να πληρώνει το ενοίκιο.",
    "he": "השוכר חייב לשלם את שכר הדירה.",
    "ar": "يجب على المستأجر أن يدفع الإيجار في أول الشهر من كل عام.",
    "th": "ผู้เช่าต้องชำระค่าเช่าในวันแรกของเดือน",
    "hi": "किरायेदार को महीने के पहले दिन किराया देना होगा।",
}


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_a_plain_sentence_is_told(code):
    assert language_of(SENTENCES[code]) == code


@pytest.mark.parametrize("text", ["", "42", "!?", "Paris", "OK", "\x00\ud800"])
def test_too_little_is_undecided(text):
    assert language_of(text) is None


@given(st.text(max_size=200))
def test_whatever_is_told_is_a_known_language(text):
    assert language_of(text) in {None, *LANGUAGES}


def test_support_questions_are_english(shared_data):
    with gzip.open(shared_data / "banking77" / "test.csv.gz", "rt", newline="") as lines:
        texts = [row["text"] for row in csv.DictReader(lines)][:1500]
    told = [language_of(text) for text in texts]
    wrong = sum(code not in ("en", None) for code in told)
    assert wrong / len(texts) < 0.01
    assert told.count("en") / len(texts) > 0.9


def test_translations_into_chinese_are_chinese_and_their_sources_english(shared_data):
    def lines(name):
        return (
            gzip.decompress((shared_data / "wmt23" / name).read_bytes()).decode().split("\n")[:600]
        )

    chinese = [language_of(line) for line in lines("en-zh.refA.gz") if len(line) > 10]
    english = [language_of(line) for line in lines("en-zh.src.gz") if len(line.split()) > 7]
    assert chinese.count("zh") / len(chinese) > 0.97
    assert english.count("en") / len(english) > 0.95


def test_a_giant_answer_costs_what_its_beginning_costs():
    assert language_of("the of and to in " * 1_000_000) == "en"
