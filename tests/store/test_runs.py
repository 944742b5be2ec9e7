"""Run folders: the same questions share one, others get their own, damage is named."""

from __future__ import annotations

import msgspec
import pytest

from evalharness.contracts import Identity
from evalharness.errors import StoreError
from evalharness.records import Message, Sampling
from evalharness.spec.suite import Suite
from evalharness.store.keys import derive_seed, request_key, sha256_of, unit_hash
from evalharness.store.runs import Manifest, is_run, list_runs, load_run, open_run

MANIFEST = Manifest(
    run="", suite=Suite(name="s"), arm="a", identity=Identity(provider="p", model="m"),
    data="d.jsonl", fingerprints={"data": "1", "prompt": "2"},
)  # fmt: skip


def test_the_same_questions_share_a_folder(tmp_path):
    first = open_run(tmp_path, MANIFEST)
    again = open_run(tmp_path, msgspec.structs.replace(MANIFEST, session="later"))
    assert first == again
    assert first.path.name == first.manifest().run
    assert [first] == list_runs(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprints": {"data": "1", "prompt": "3"}},
        {"arm": "b"},
        {"seed": 1},
        {"limit": 5},
        {"shard": "1/2"},
        {"identity": Identity(provider="p", model="n")},
        {"suite": Suite(name="t")},
    ],
)
def test_other_questions_get_a_folder_of_their_own(tmp_path, change):
    first = open_run(tmp_path, MANIFEST)
    other = open_run(tmp_path, msgspec.structs.replace(MANIFEST, **change))
    assert first != other


def test_a_foreign_folder_of_the_same_name_is_left_alone(tmp_path):
    first = open_run(tmp_path, MANIFEST)
    first.manifest_path.write_text("{}")
    second = open_run(tmp_path, MANIFEST)
    assert first != second
    assert first.manifest_path.read_text() == "{}"


def test_a_damaged_manifest_is_named(tmp_path):
    folder = tmp_path / "r"
    folder.mkdir()
    assert not is_run(folder)
    with pytest.raises(StoreError, match=r"cannot read run\.json"):
        load_run(folder)
    (folder / "run.json").write_text('{"run": 5}')
    with pytest.raises(StoreError, match="not a Manifest"):
        load_run(folder)


def test_an_incomplete_run_says_how_to_go_on(tmp_path):
    run = open_run(tmp_path, MANIFEST)
    assert not run.complete
    with pytest.raises(StoreError, match="not complete"):
        run.summary()


def test_a_key_depends_on_everything_that_is_asked_and_on_nothing_else():
    identity = Identity(provider="openai", model="m", base_url="http://a/v1")
    messages = (Message(role="user", content="hi"),)
    base = request_key(identity, messages, Sampling(), repeat=0)
    assert base == request_key(identity, list(messages), Sampling(), repeat=0)
    others = {
        request_key(
            Identity(provider="openai", model="n", base_url="http://a/v1"),
            messages,
            Sampling(),
            repeat=0,
        ),
        request_key(
            Identity(provider="openai", model="m", base_url="http://b/v1"),
            messages,
            Sampling(),
            repeat=0,
        ),
        request_key(identity, (Message(role="user", content="ho"),), Sampling(), repeat=0),
        request_key(identity, messages, Sampling(temperature=1.0), repeat=0),
        request_key(identity, messages, Sampling(), repeat=1),
        request_key(identity, messages, Sampling(), repeat=0, tools=({"a": 1},)),
        request_key(identity, messages, Sampling(), repeat=0, continuation="x"),
    }
    assert len(others - {base}) == 7


def test_hashes_are_stable_across_processes():
    assert sha256_of({"b": 1, "a": [2]}) == sha256_of({"a": [2], "b": 1})
    assert len(sha256_of(None)) == 64
    assert unit_hash("q1", 0) != unit_hash("q1", 1) != unit_hash("q", 11)
    assert derive_seed(1, "x") != derive_seed(1, "y") != derive_seed(2, "y")
    assert 0 <= derive_seed(5, "z") < 2**63
