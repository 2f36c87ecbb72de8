"""A list from a file or a URL: what may be fetched, from whom, and what of it is believed."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest

from infrastructure.sanctions import source
from infrastructure.sanctions.source import REDIRECTS, SourceUnavailable, opened

BODY = b"<list/>" * 30_000
Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """A server on this machine that answers so; its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}/list.xml"
        finally:
            listening.shutdown()
            thread.join()


def sends(body: bytes = BODY, *, status: int = 200, **headers: str) -> Answer:
    """An answer with these headers, `_` for `-`."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def fetched(url: str) -> tuple[bytes, int | None]:
    """All of it, and its announced size."""
    with opened(url) as (stream, size):
        pieces = []
        while piece := stream.read(10_000):
            assert len(piece) <= 10_000
            pieces.append(piece)
    return b"".join(pieces), size


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "list.xml"
    path.write_bytes(BODY)
    assert fetched(str(path)) == (BODY, len(BODY))


def test_a_pipe_has_no_size(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = Thread(target=path.write_bytes, args=(BODY,))
    writer.start()
    assert fetched(str(path)) == (BODY, None)
    writer.join()


@pytest.mark.parametrize("name", ["nowhere.xml", "", "a" * 300])
def test_a_file_that_cannot_be_read_is_not_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceUnavailable, match="the file cannot be read") as refused:
        fetched(str(tmp_path / name))
    assert str(tmp_path) not in str(refused.value)


def test_a_url_is_read_as_it_is() -> None:
    with server(sends(Content_Length=str(len(BODY)))) as url:
        assert fetched(url) == (BODY, len(BODY))


def test_a_url_without_a_length_is_read_to_its_end() -> None:
    with server(sends()) as url:
        assert fetched(url) == (BODY, None)


def test_a_body_in_chunks_is_read_to_its_end() -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:70_000], BODY[70_000:])) + b"0\r\n\r\n"
    with server(sends(chunks, Transfer_Encoding="chunked")) as url:
        assert fetched(url) == (BODY, None)


@pytest.mark.parametrize("missing", [1, 1000, len(BODY)])
def test_a_body_that_ends_before_its_announced_length_is_refused(missing: int) -> None:
    with (
        server(sends(BODY[: len(BODY) - missing], Content_Length=str(len(BODY)))) as url,
        pytest.raises(SourceUnavailable, match="the server broke the download off"),
    ):
        fetched(url)


def test_chunks_without_the_last_are_refused() -> None:
    chunk = b"%x\r\n%b\r\n" % (len(BODY), BODY)
    with (
        server(sends(chunk, Transfer_Encoding="chunked")) as url,
        pytest.raises(SourceUnavailable, match="the server broke the download off"),
    ):
        fetched(url)


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500, 503])
def test_any_other_status_is_no_list(status: int) -> None:
    with server(sends(b"", status=status)) as url, pytest.raises(SourceUnavailable, match=f"answers {status}"):
        fetched(url)


def test_nothing_encoded_is_taken() -> None:
    with server(sends(Content_Encoding="gzip")) as url, pytest.raises(SourceUnavailable, match="encoded"):
        fetched(url)


def test_nothing_encoded_is_asked_for() -> None:
    asked = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.headers.get_all("accept-encoding"))
        sends()(request)

    with server(answer) as url:
        fetched(url)
    assert asked == [["identity"]]


def hops(number: int) -> Answer:
    """Redirects so often, then answers."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        left = int(request.path.rpartition("/")[2] or number) if request.path != "/list.xml" else number
        if left:
            sends(b"", status=302, Location=f"/{left - 1}")(request)
        else:
            sends()(request)

    return answer


def test_redirects_are_followed_a_few_times() -> None:
    with server(hops(REDIRECTS)) as url:
        assert fetched(url)[0] == BODY


def test_redirects_without_an_end_are_not() -> None:
    with server(hops(REDIRECTS + 1)) as url, pytest.raises(SourceUnavailable, match="redirects more than"):
        fetched(url)


@pytest.mark.parametrize("location", ["http://192.0.2.1/", "http://example.com/", "file:///etc/passwd", "ftp://[::1]/"])
def test_a_redirect_leads_to_https_alone(location: str) -> None:
    with (
        server(sends(b"", status=302, Location=location)) as url,
        pytest.raises(SourceUnavailable, match="a list comes from a file or an https URL"),
    ):
        fetched(url)


def test_https_never_leads_back_to_this_machine() -> None:
    """Whoever publishes a list must not make us ask our own services."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(302, headers={"location": "http://127.0.0.1:8000/v1/customers"})

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as client,
        pytest.raises(SourceUnavailable, match="https"),
    ):
        source._answer(client, httpx2.URL("https://lists.example/"))  # noqa: SLF001 -- no certificate in a test


@pytest.mark.parametrize("url", ["http://example.com/list", "ftp://localhost/x", "FILE:///etc/passwd", "https:///x"])
def test_a_list_comes_from_a_file_or_an_https_url(url: str) -> None:
    with pytest.raises(SourceUnavailable, match="a list comes from a file or an https URL"):
        fetched(url)


def test_a_server_that_is_not_there_is_not_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SourceUnavailable) as refused:
        fetched(f"https://127.0.0.1:{port}/?secret=hush")
    assert str(refused.value) == "the server cannot be reached"


def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "TIMEOUT", httpx2.Timeout(0.05))
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(SourceUnavailable, match="does not answer in time"),
    ):
        fetched(f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_a_server_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "GRACE", -100.0)

    def answer(request: BaseHTTPRequestHandler) -> None:
        sends(b"x", Content_Length="1000000")(request)

    with server(answer) as url, pytest.raises(SourceUnavailable, match="the server is too slow"):
        fetched(url)


def test_what_is_no_http_is_refused() -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"SSH-2.0-OpenSSH\r\n")

    with server(answer) as url, pytest.raises(SourceUnavailable, match="the server broke the download off"):
        fetched(url)
