"""The local encoder: mean pooling, the same vector in any batch, and refusals."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from evalharness.errors import SpecError
from evalharness.prompts.build import build_program
from evalharness.prompts.embedding import BATCH, EmbeddingIndex, LocalEncoder
from evalharness.records import Sample
from evalharness.spec.suite import FewShotSpec, PromptSpec

pytest.importorskip("torch", reason="the extra `local` is not installed")
pytest.importorskip("transformers", reason="the extra `local` is not installed")

WORDS = [
    "the",
    "a",
    "cat",
    "dog",
    "sat",
    "ran",
    "capital",
    "of",
    "france",
    "germany",
    "card",
    "pin",
    "how",
    "what",
    "is",
    "my",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A BERT of two small layers with random weights and a tokeniser of a few words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    vocabulary = {word: n for n, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path_factory.mktemp("encoder")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=16
    ).save_pretrained(path)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def encoder(folder) -> LocalEncoder:
    return LocalEncoder(folder, where="suite.yaml")


def test_a_vector_is_the_mean_of_the_token_states_made_one_long(folder, encoder):
    import torch
    from transformers import AutoModel, AutoTokenizer

    text = "the cat sat"
    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.no_grad():
        states = AutoModel.from_pretrained(folder)(tokens["input_ids"]).last_hidden_state[0]
    mean = states.mean(0).numpy()
    expected = mean / np.linalg.norm(mean)
    assert encoder.encode([text])[0].tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_a_vector_does_not_depend_on_what_else_is_in_the_batch(encoder):
    texts = [" ".join(WORDS[: n % 9 + 1]) for n in range(BATCH + 5)]
    together = encoder.encode(texts)
    assert together.shape == (len(texts), 16)
    for place in (0, 8, BATCH, BATCH + 4):
        alone = encoder.encode([texts[place]])[0]
        assert together[place].tolist() == pytest.approx(alone.tolist(), abs=1e-5)


def test_vectors_are_one_long_and_texts_without_tokens_are_zero(encoder):
    lengths = np.linalg.norm(encoder.encode(["the cat", "", "unheard", "dog " * 99]), axis=1)
    assert lengths.tolist() == pytest.approx([1.0, 0.0, 1.0, 1.0], abs=1e-5)
    assert encoder.encode(["", ""]).tolist() == [[0.0] * 16] * 2


def test_a_long_text_is_cut_where_the_tokeniser_says(encoder):
    words = ["cat", "dog"] * 8
    long = encoder.encode([" ".join(words)])[0]
    longer = encoder.encode([" ".join([*words, "france", "germany"])])[0]
    assert long.tolist() == pytest.approx(longer.tolist(), abs=1e-6)


def test_the_nearest_text_is_the_same_text_and_ties_keep_their_order(encoder):
    texts = ["the dog ran", "the cat sat", "my card", "the cat sat"]
    index = EmbeddingIndex(texts, encoder)
    assert [hit.position for hit in index.nearest("the cat sat", 2)] == [1, 3]
    assert index.nearest("the cat sat", 1)[0].score == pytest.approx(1.0, abs=1e-5)
    assert len(index.nearest("dog", 99)) == 4


def test_the_digest_covers_the_weights_and_not_what_else_lies_there(folder, encoder, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "README.md").write_text("notes", encoding="utf-8")
    assert LocalEncoder(copy, where="suite.yaml").digest == encoder.digest
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 0.1}))
    assert LocalEncoder(copy, where="suite.yaml").digest != encoder.digest


def test_a_suite_names_the_encoder_by_its_folder(folder, tmp_path):
    rows = [
        {"id": "a", "input": "how is my card", "target": "card"},
        {"id": "b", "input": "the cat sat", "target": "cat"},
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "encoder").symlink_to(folder, target_is_directory=True)
    spec = FewShotSpec(train="train.jsonl", k=1, select="embedding", encoder="encoder")
    program = build_program(PromptSpec(few_shot=spec), base=tmp_path, where="suite.yaml")
    rendered = program.render(Sample(id="q", input="the cat ran"))
    assert [turn.content for turn in rendered] == ["the cat sat", "cat", "the cat ran"]


@pytest.mark.parametrize("broken", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_that_lacks_a_part_is_refused(folder, tmp_path, broken):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / broken).unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # transformers warns before it gives up
        with pytest.raises(SpecError) as caught:
            LocalEncoder(copy, where="suite.yaml, prompt.few_shot.encoder")
    assert caught.value.where == "suite.yaml, prompt.few_shot.encoder"
    assert str(copy) in caught.value.message


WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None  # as if it were not installed
from pathlib import Path
from evalharness.errors import MissingExtra
from evalharness.prompts.embedding import LocalEncoder
try:
    LocalEncoder(Path(sys.argv[2]), where="suite.yaml")
except MissingExtra as error:
    print(error.package, error.mend)
"""


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_without_the_packages_the_error_says_how_to_install_them(folder, package):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, package, str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{package} pip install 'evalharness[local]'\n"
