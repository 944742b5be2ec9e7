"""HTTP/1.1 by hand: whatever a server sends, in whatever pieces, it is read as it was meant."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.clients.addresses import normalise_base_url
from evalharness.clients.connections import ConnectionPool
from evalharness.clients.http1 import (
    CHUNKED,
    UNTIL_CLOSE,
    Connection,
    TimeLimits,
    parse_head,
)
from evalharness.clients.lines import DirectLine, ProxiedLine, header_block, open_line
from evalharness.clients.openai_http import open_openai
from evalharness.clients.payloads import Dialect
from evalharness.clients.settings import ClientSettings
from evalharness.clients.transport import Endpoint
from evalharness.errors import ClientError, Fatal, Transient, UsageError
from evalharness.testing.client_kit import check_http_client, check_http_load
from evalharness.testing.emulator.faults import FAULTS

PATIENT = TimeLimits(5.0, 5.0, 5.0)
OK = b"HTTP/1.1 200 OK\r\n"


class Fed:
    """A connection that is fed by hand, without a socket."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.connection = Connection(self.loop, memoryview(bytearray(1)))
        self.connection._begin(PATIENT)
        self.connection._timer = self.loop.call_later(60, lambda: None)

    def feed(self, *pieces):
        for piece in pieces:
            self.connection.take(piece)

    def end(self):
        self.connection.connection_lost(None)


def read(pieces, *, closed=False):
    """(status, body) of an answer that comes in these pieces."""

    async def run():
        fed = Fed()
        fed.feed(*pieces)
        if closed:
            fed.end()
        head = await asyncio.wait_for(fed.connection.head(), 5)
        body = await asyncio.wait_for(fed.connection.body(), 5)
        return head.status, body

    return asyncio.run(run())


def cut(content, places):
    ends = sorted({place % (len(content) + 1) for place in places})
    return [content[a:b] for a, b in zip([0, *ends], [*ends, len(content)], strict=True) if a < b]


bodies = st.binary(max_size=200)
cuts = st.lists(st.integers(0, 10_000), max_size=12)


@given(bodies, cuts)
def test_a_body_of_known_length_is_read_however_it_is_cut(body, places):
    answer = OK + b"Content-Length: %d\r\n\r\n" % len(body) + body
    assert (200, body) == read(cut(answer, places))


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=6), cuts, st.booleans())
def test_a_body_in_chunks_is_read_however_it_is_cut(chunks, places, with_trailer):
    answer = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    for chunk in chunks:
        answer += b"%x;name=value\r\n" % len(chunk) + chunk + b"\r\n"
    answer += b"0\r\n" + (b"X-Trailer: yes\r\n" if with_trailer else b"") + b"\r\n"
    assert (200, b"".join(chunks)) == read(cut(answer, places))


@given(bodies, cuts)
def test_a_body_until_the_end_of_the_connection_is_read_whole(body, places):
    assert (200, body) == read(cut(OK + b"\r\n" + body, places), closed=True)


@given(bodies, cuts, st.sampled_from(["gzip", "deflate"]))
def test_a_zipped_body_is_unzipped(body, places, how):
    zipped = gzip.compress(body) if how == "gzip" else zlib.compress(body)
    head = f"Content-Encoding: {how}\r\nContent-Length: {len(zipped)}\r\n\r\n".encode()
    assert (200, body) == read(cut(OK + head + zipped, places))


def test_informational_heads_are_passed_over():
    first = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert (200, b"hi") == read([first + OK + b"Content-Length: 2\r\n\r\nhi"])


def test_an_answer_without_a_body_ends_at_its_head():
    assert (204, b"") == read([b"HTTP/1.1 204 No Content\r\n\r\n"])


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"220 smtp.example.com ESMTP\r\n\r\n", "malformed", "not HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", "malformed", "not HTTP"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "malformed", "not HTTP"),
        (OK + b"no colon here\r\n\r\n", "malformed", "colon"),
        (OK + b"Content-Length: five\r\n\r\n", "malformed", "five"),
        (OK + b"Content-Length: -5\r\n\r\n", "malformed", "-5 bytes"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed", "zz"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", "malformed", "negative"),
        (OK + b"X: " + b"x" * 70_000, "malformed", "does not end"),
        (OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhihi", "malformed", "unzip"),
        (OK + b"Content-Length: 70000000\r\n\r\n", "malformed", "70000000 bytes"),
    ],
)
def test_what_is_no_answer_is_malformed(answer, kind, words):
    with pytest.raises(Transient) as failed:
        read([answer])
    assert kind == failed.value.kind
    assert words in str(failed.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        OK + b"Content-Length: 5\r\n\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_a_connection_failure(answer):
    with pytest.raises(Transient) as failed:
        read([answer] if answer else [], closed=True)
    assert ("connection", "unknown") == (failed.value.kind, failed.value.facts.billed)


@given(st.binary(max_size=200), cuts)
def test_no_bytes_break_it(content, places):
    try:
        status, body = read(cut(content, places), closed=True)
    except ClientError:
        return
    assert 200 <= status <= 999
    assert isinstance(body, bytes)


@pytest.mark.parametrize(
    ("head", "keep", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3", True, 3),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked", True, CHUNKED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3", True, CHUNKED),
        (b"HTTP/1.1 200", True, UNTIL_CLOSE),
        (b"HTTP/1.1 200 OK\r\nConnection: Close", False, UNTIL_CLOSE),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3", False, 3),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3", True, 3),
    ],
)
def test_a_head_says_how_long_the_body_is_and_whether_the_connection_stays(head, keep, length):
    parsed = parse_head(head)
    assert (keep, length) == (parsed.keep_alive, parsed.length)


# --- over sockets -----------------------------------------------------------------------------


@pytest.fixture
def serving():
    """A server that sends each connection a list of byte strings, one for each request."""

    def serve(replies, work, *, pause_s=0.0, tls=None, loop_factory=None):
        seen = []

        async def answer(reader, writer):
            seen.append("opened")
            try:
                for reply in replies:
                    await reader.readuntil(b"\r\n\r\n")
                    if pause_s:
                        await asyncio.sleep(pause_s)
                    writer.write(reply)
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            writer.close()

        async def run():
            server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
            port = server.sockets[0].getsockname()[1]
            try:
                return await work(port)
            finally:
                server.close()

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(run()), seen

    return serve


def line_to(port, *, scheme="http", **more):
    endpoint = Endpoint(
        provider="p",
        model="m",
        address=normalise_base_url(f"{scheme}://127.0.0.1:{port}"),
        dialect=Dialect(),
    )
    return DirectLine(endpoint, ClientSettings(**more))


HELLO = OK + b"Content-Length: 5\r\n\r\nhello"


def asked(times):
    async def work(port):
        line = line_to(port)
        try:
            return [(await line.whole("POST", "/x", b"", "k")).body for _ in range(times)]
        finally:
            await line.close()

    return work


def test_a_connection_is_used_again(serving):
    bodies, seen = serving([HELLO] * 3, asked(3))
    assert ([b"hello"] * 3, ["opened"]) == (bodies, seen)


@pytest.mark.parametrize(
    "reply",
    [
        OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        HELLO + b"and more than was announced",
    ],
)
def test_a_connection_that_cannot_be_used_again_is_not(serving, reply):
    bodies, seen = serving([reply, HELLO], asked(2))
    assert ([b"hello"] * 2, ["opened"] * 2) == (bodies, seen)


def test_a_connection_that_the_server_closed_meanwhile_is_not_used(serving):
    async def work(port):
        line = line_to(port)
        first = await line.whole("POST", "/x", b"", "k")
        await asyncio.sleep(0.05)  # the server has one reply only, and then closes
        second = await line.whole("POST", "/x", b"", "k")
        await line.close()
        return first.body, second.body

    bodies, seen = serving([HELLO], work)
    assert ((b"hello", b"hello"), 2) == (bodies, len(seen))


def test_giving_up_in_the_middle_closes_the_connection(serving):
    async def work(port):
        line = line_to(port)
        task = asyncio.create_task(line.whole("POST", "/x", b"", "k"))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        idle = len(line._pool._idle)
        await line.close()
        return idle

    assert 0 == serving([HELLO], work, pause_s=0.3)[0]


def test_the_first_byte_may_not_take_too_long(serving):
    async def work(port):
        line = line_to(port, ttft_timeout_s=0.1)
        started = time.monotonic()
        with pytest.raises(Transient) as failed:
            await line.whole("POST", "/x", b"", "k")
        await line.close()
        return failed.value, time.monotonic() - started

    (error, took_s), _ = serving([HELLO], work, pause_s=3.0)
    assert ("timeout", "unknown") == (error.kind, error.facts.billed)
    assert took_s < 2


def test_a_body_may_not_stall(serving):
    async def work(port):
        line = line_to(port, idle_timeout_s=0.1)
        with pytest.raises(Transient, match="nothing more") as failed:
            await line.whole("POST", "/x", b"", "k")
        await line.close()
        return failed.value.kind

    begun = OK + b"Content-Length: 50\r\n\r\nhello"
    # The second reply waits for a second request, which never comes.
    assert "timeout" == serving([begun, HELLO], work)[0]


def test_a_server_that_is_not_there_was_not_billed():
    async def work():
        line = line_to(9)
        with pytest.raises(Transient) as failed:
            await line.whole("POST", "/x", b"", "k")
        await line.close()
        return failed.value

    error = asyncio.run(work())
    assert ("connection", "no") == (error.kind, error.facts.billed)


def test_a_name_that_does_not_exist_was_not_billed():
    async def work():
        pool = ConnectionPool("no-such-host.invalid", 80, None, PATIENT)
        with pytest.raises(Transient) as failed:
            await pool.acquire()
        return failed.value

    error = asyncio.run(work())
    assert ("connection", "no") == (error.kind, error.facts.billed)


def test_an_event_loop_of_another_make_will_do(serving):
    pytest.importorskip("uvloop", reason="uvloop is not installed: its loop untested")
    import uvloop

    bodies, seen = serving([HELLO] * 3, asked(3), loop_factory=uvloop.new_event_loop)
    assert ([b"hello"] * 3, ["opened"]) == (bodies, seen)


def test_a_client_may_be_used_in_one_event_loop_after_another(emulator, question, client_at):
    client = client_at(emulator.url)
    for number in range(2):
        answer = asyncio.run(client.complete(question(f"q{number}")))
        assert f"q{number}" == answer.text


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody vouches for but itself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: TLS untested")
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


def test_a_certificate_that_nobody_vouches_for_stops_the_run(serving, certificate):
    async def work(port):
        line = line_to(port, scheme="https")
        with pytest.raises(Fatal) as failed:
            await line.whole("POST", "/x", b"", "k")
        await line.close()
        return failed.value

    error, _ = serving([HELLO], work, tls=certificate[0])
    assert "connection" == error.kind
    assert "certificate" in error.mend


def test_https_is_spoken_where_the_certificate_is_trusted(serving, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))

    async def work(port):
        line = line_to(port, scheme="https")
        bodies = [(await line.whole("POST", "/x", b"{}", "k")).body for _ in range(2)]
        await line.close()
        return bodies

    async def drop_body(port):
        return await work(port)

    replies = [HELLO, HELLO]
    assert [b"hello"] * 2 == serving(replies, drop_body, tls=certificate[0])[0]


# --- lines ------------------------------------------------------------------------------------


def endpoint(**more):
    address = normalise_base_url("http://h.example.com")
    return Endpoint(provider="p", model="m", address=address, dialect=Dialect(), **more)


@pytest.mark.parametrize("key", ["a\r\nX-Evil: 1", "ключ", "a\x00b", "tab\there"])
def test_a_key_that_http_cannot_carry_is_refused_without_being_shown(key):
    with pytest.raises(UsageError) as refused:
        header_block(endpoint(key=key), ClientSettings(), host="h")
    assert key not in str(refused.value)
    assert "Authorization" in str(refused.value)


def test_headers_of_the_user_replace_ours_whatever_their_case():
    block = header_block(
        endpoint(key="ours"), ClientSettings(headers={"authorization": "theirs"}), host="h"
    )
    assert b"theirs" in block
    assert b"ours" not in block


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=3))
def test_no_header_can_bring_in_another_line(headers):
    try:
        block = header_block(endpoint(), ClientSettings(headers=headers), host="h")
    except UsageError:
        return
    assert block.count(b"\r\n") == len(block.split(b"\r\n")) - 1 <= 5 + len(headers)
    assert b"\n" not in block.replace(b"\r\n", b"")


def test_a_proxy_goes_another_way_than_a_direct_connection():
    proxied = ClientSettings(environment={"HTTP_PROXY": "http://proxy:1"})
    assert isinstance(open_line(endpoint(), proxied), ProxiedLine)
    assert isinstance(open_line(endpoint(), ClientSettings()), DirectLine)


def behind_proxy(url, **more):
    """The emulator stands in for a proxy: it answers absolute targets too."""
    root = url.removesuffix("/v1")
    return open_openai(
        "echo",
        ClientSettings(
            base_url="http://model.example.com/v1",
            environment={"HTTP_PROXY": root},
            ttft_timeout_s=1.0,
            idle_timeout_s=1.0,
            **more,
        ),
    )


WIRE = [
    name
    for name, fault in FAULTS.items()
    if fault.when == "wire" or name in ("stream_reset", "stream_cut_chunk", "stream_stall")
] + ["throttle_ms", "moved_308", "stream_split_utf8", "stream_open_after_done", "text_in_200"]


@pytest.mark.parametrize("stream", ["on", "off"])
def test_faults_of_the_wire_are_taken_for_what_they_are_behind_a_proxy(stream):
    check_http_client(lambda url: behind_proxy(url, stream=stream), WIRE)
    check_http_load(lambda url: behind_proxy(url, stream=stream))
