import sys
from pathlib import Path

import pytest

from bench.footprint import cpu_seconds, memory_mb, runs, tree, watch_memory
from bench.load_generator import load_generator
from bench.report import BenchError
from bench.server import Launch, serving

PARENT = """
import socket, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()"])
socket.create_server(("127.0.0.1", int(sys.argv[1]))).accept()
import signal; signal.pause()
"""


def python(code: str) -> Launch:
    return Launch(command=lambda port: [sys.executable, "-c", code, str(port)], environment={})


def bare() -> Launch:
    return Launch(command=lambda port: [sys.executable, "-m", "bench.peers.bare", str(port)], environment={})


def test_a_server_and_its_children_end_with_the_block(tmp_path: Path) -> None:
    with serving("parent", python(PARENT), folder=tmp_path) as server:
        processes = tree(server.pid)
        assert len(processes) == 2
        assert all(runs(process) for process in processes)

    assert not any(runs(process) for process in processes)


def test_a_server_ends_when_the_bench_is_interrupted(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), serving("bare", bare(), folder=tmp_path) as server:
        raise KeyboardInterrupt

    assert not runs(server.pid)


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(BenchError, match="no database today"),
        serving("broken", python("raise SystemExit('no database today')"), folder=tmp_path),
    ):
        pass


def test_a_process_that_is_gone_costs_nothing(tmp_path: Path) -> None:
    with serving("bare", bare(), folder=tmp_path) as server:
        assert runs(server.pid)

    assert (runs(server.pid), memory_mb(server.pid), cpu_seconds(server.pid)) == (False, 0, 0)


def test_the_footprint_counts_the_whole_tree(tmp_path: Path) -> None:
    with serving("parent", python(PARENT), folder=tmp_path) as server:
        parent, child = tree(server.pid)

        assert memory_mb(parent) > memory_mb(child) > 1
        assert cpu_seconds(parent) >= cpu_seconds(child)
        with watch_memory(parent) as peak:
            pass
        assert peak.mb > memory_mb(child)


def test_the_load_process_answers_turn_after_turn(tmp_path: Path) -> None:
    requests = [b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n"] * 200
    with serving("bare", bare(), folder=tmp_path) as server, load_generator() as generator:
        turns = [generator.turn(server, requests, expected_status=201, seconds=5) for _ in range(2)]
        with pytest.raises(BenchError, match="bare: 200 of 200 answers were not 200"):
            generator.turn(server, requests, expected_status=200, seconds=5)

    assert [turn.answered for turn in turns] == [200, 200]
