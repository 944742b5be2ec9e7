"""Base URLs: however they are written, they lead to one root."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.clients.addresses import is_local, normalise_base_url, proxy_for
from evalharness.errors import UsageError

SAME = "https://api.example.com/v1"


@pytest.mark.parametrize(
    "written",
    [
        "https://api.example.com",
        "https://api.example.com/",
        "https://api.example.com/v1",
        "https://api.example.com/v1/",
        "https://api.example.com//v1//",
        "https://API.example.com/v1",
        "https://api.example.com/v1/v1",
        "https://api.example.com/v1/chat/completions",
        "https://api.example.com/v1/completions/",
        "https://api.example.com/v1/models",
        "https://api.example.com/chat/completions",
        "api.example.com",
        "api.example.com/v1",
        "  https://api.example.com/v1 \n",
    ],
)
def test_every_way_to_write_an_address_gives_the_same_root(written):
    assert normalise_base_url(written).root == SAME


@pytest.mark.parametrize(
    ("written", "root"),
    [
        ("localhost:8000", "http://localhost:8000/v1"),
        ("127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
        ("192.168.1.4:8000/v1", "http://192.168.1.4:8000/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
        ("https://example.com/api/v3", "https://example.com/api/v3"),
        (
            "https://generativelanguage.example.com/v1beta/openai",
            "https://generativelanguage.example.com/v1beta/openai",
        ),
        ("https://gateway.example.com/proxy", "https://gateway.example.com/proxy/v1"),
        (
            "https://tinker.example.dev/services/tinker-prod/oai/api/v1",
            "https://tinker.example.dev/services/tinker-prod/oai/api/v1",
        ),
        ("https://example.com/V1", "https://example.com/V1/v1"),
    ],
)
def test_other_paths_and_versions_are_kept(written, root):
    assert normalise_base_url(written).root == root


def test_a_query_follows_each_route():
    address = normalise_base_url("https://example.com/v1?api-version=2026-01")
    assert (
        address.route("/chat/completions")
        == "https://example.com/v1/chat/completions?api-version=2026-01"
    )
    assert "api-version" not in address.root


@pytest.mark.parametrize(
    "wrong", ["", "   ", "ftp://example.com", "https://", "http://h:99999", "http://[::1", "://x"]
)
def test_what_is_no_http_address_is_refused(wrong):
    with pytest.raises(UsageError, match="base URL"):
        normalise_base_url(wrong)


@pytest.mark.parametrize("written", ["https://key@example.com", "https://user:pw@example.com/v1"])
def test_an_address_with_a_password_is_refused_without_repeating_it(written):
    with pytest.raises(UsageError) as refused:
        normalise_base_url(written)
    assert "pw" not in str(refused.value)
    assert "environment" in str(refused.value)


hosts = st.sampled_from(["example.com", "localhost:8000", "10.0.0.1", "a-b.example.org:8443"])
segments = st.lists(st.sampled_from(["v1", "api", "openai", "v2", "proxy", "x"]), max_size=4)
endings = st.sampled_from(["", "/", "//", "/chat/completions", "/completions", "/models"])


@given(hosts, segments, endings, st.sampled_from(["", "http://", "https://"]))
def test_normalising_twice_changes_nothing(host, path, ending, scheme):
    once = normalise_base_url(scheme + "/".join([host, *path]) + ending)
    assert once == normalise_base_url(once.root)


@given(hosts, segments, endings)
def test_a_root_never_ends_in_a_slash_or_a_route_and_names_a_version(host, path, ending):
    root = normalise_base_url("https://" + "/".join([host, *path]) + ending).root
    assert not root.endswith(("/", "/completions", "/models"))
    assert any(segment in ("v1", "v2") for segment in root.split("/"))


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("gpu-box", True),
        ("gpu.internal", True),
        ("example.com", False),
        ("8.8.8.8", False),
    ],
)
def test_local_hosts_are_known(host, local):
    assert is_local(host) is local


ADDRESS = normalise_base_url("https://api.example.com")


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, "http://low:1"),
        ({"HTTP_PROXY": "http://proxy:3128"}, None),
        ({"ALL_PROXY": "http://all:1"}, "http://all:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "api.example.com"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "other.com, .example.com"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "example.com:443"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "ample.com"}, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ","}, "http://p:1"),
    ],
)
def test_the_proxy_is_read_from_the_environment_as_curl_reads_it(environment, proxy):
    assert proxy_for(ADDRESS, environment) == proxy
