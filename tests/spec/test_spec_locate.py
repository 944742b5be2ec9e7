"""Suites and baselines by name: the working folder first, then the package."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalharness.errors import UsageError
from evalharness.spec.locate import baseline_names, find_suite, roots, suite_names


@pytest.fixture
def folder(tmp_path) -> Iterator[Path]:
    """An empty working folder, entered for the test."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def put(path: Path, text: str = "name: x\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_taken_as_it_is(folder):
    path = put(folder / "mine.yaml")
    assert find_suite(str(path)) == path
    assert find_suite("mine.yaml") == Path("mine.yaml")


def test_a_folder_stands_for_the_suite_in_it(folder):
    put(folder / "faq" / "suite.yaml")
    assert find_suite("faq") == Path("faq/suite.yaml")
    assert find_suite(str(folder / "faq")) == folder / "faq" / "suite.yaml"


def test_a_name_is_looked_for_under_suites(folder):
    one = put(folder / "suites" / "faq" / "suite.yaml")
    other = put(folder / "suites" / "short.yaml")
    assert find_suite("faq") == one.resolve()
    assert find_suite("short") == other.resolve()


def test_a_file_in_the_working_folder_wins_over_a_name(folder):
    put(folder / "suites" / "faq" / "suite.yaml")
    put(folder / "faq")
    assert find_suite("faq") == Path("faq")


def test_the_working_folder_wins_over_the_package(folder):
    shipped = next(iter(suite_names()))
    mine = put(folder / "suites" / shipped / "suite.yaml")
    assert find_suite(shipped) == mine.resolve()
    assert suite_names()[shipped] == mine.resolve()


def test_shipped_suites_are_found_from_any_folder(folder):
    for name, path in suite_names().items():
        assert find_suite(name) == path
        assert path.is_file()


def test_an_unknown_name_is_refused_with_the_nearest_and_where_it_was_looked_for(folder):
    put(folder / "suites" / "support-faq" / "suite.yaml")
    with pytest.raises(UsageError) as caught:
        find_suite("suport-faq")
    assert caught.value.message == "no suite 'suport-faq'"
    assert str(folder / "suites") in (caught.value.where or "")
    assert caught.value.mend == "did you mean 'support-faq'?"
    assert caught.value.exit_code == 64


def test_a_name_like_no_other_is_refused_with_the_commands_that_help(folder):
    with pytest.raises(UsageError) as caught:
        find_suite("zzzzzz")
    assert "`evalharness list suites` names them" in (caught.value.mend or "")


def test_a_folder_without_a_suite_is_refused(folder):
    (folder / "empty").mkdir()
    with pytest.raises(UsageError):
        find_suite("empty")


def test_baselines_are_named_by_their_path_without_the_suffix(folder):
    large = put(folder / "baselines" / "large.yaml", "model: m\n")
    nested = put(folder / "baselines" / "faq" / "rag.yaml", "model: m\n")
    names = baseline_names()
    assert names["large"] == large.resolve()
    assert names["faq/rag"] == nested.resolve()


def test_roots_name_each_existing_folder_once(folder):
    found = roots("suites")
    assert folder / "suites" not in found
    put(folder / "suites" / "faq" / "suite.yaml")
    assert roots("suites") == [(folder / "suites").resolve(), *found]
    assert len(set(roots("suites"))) == len(roots("suites"))


def test_a_working_folder_that_holds_the_package_lists_it_once(folder, root):
    os.chdir(root)
    assert len(roots("suites")) == len(set(roots("suites")))
