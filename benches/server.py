"""A throw-away PostgreSQL with all defaults (fsync on), and a line to it that is as slow as asked."""

import os
import pathlib
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time


def programs():
    """The folder with the newest initdb, postgres and psql."""
    debian = pathlib.Path("/usr/lib/postgresql")
    versions = sorted(debian.glob("*/bin/initdb"), key=lambda it: float(it.parts[-3]))
    found = versions[-1] if versions else shutil.which("initdb")
    if not found:
        raise SystemExit("there is no `initdb` here: install PostgreSQL's server")
    return pathlib.Path(os.path.realpath(found)).parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """Listens on 127.0.0.1; user postgres, no password. `with` starts and stops it."""

    def __init__(self):
        self.programs = programs()
        self.psql = str(self.programs / "psql")
        self.port = free_port()
        self.version = subprocess.run([self.psql, "--version"], capture_output=True, text=True).stdout.strip()

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="migrate-bench-"))
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(self.folder, "postgres")
        self.data = self.folder / "data"
        self._control("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C")
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self._control("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-o", options, "start")
        return self

    def __exit__(self, *_):
        self._control("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")
        shutil.rmtree(self.folder)

    def _control(self, program, *arguments):
        as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = as_postgres + [str(self.programs / program)] + [str(it) for it in arguments]
        done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"{program} failed:\n{done.stderr}")

    def environment(self, database, port=None):
        """libpq's variables. Without TLS, whose round trips not every tool makes."""
        return {"PGHOST": "127.0.0.1", "PGPORT": str(port or self.port), "PGUSER": "postgres",
                "PGDATABASE": database, "PGSSLMODE": "disable",
                "DATABASE_URL": self.url(database, port)}

    def url(self, database, port=None):
        return f"postgres://postgres@127.0.0.1:{port or self.port}/{database}?sslmode=disable"

    def sql(self, text, database="postgres"):
        command = [self.psql, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text]
        environment = dict(os.environ, **self.environment(database), PGOPTIONS="-c client_min_messages=error")
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{text}: {done.stderr}")
        return done.stdout.strip()

    def make(self, database):
        self.drop(database)
        self.sql(f'CREATE DATABASE "{database}"')
        self.sql("SELECT 1", database)  # builds the cache file that a first connection would pay for
        self.sql("CHECKPOINT")

    def drop(self, database):
        self.sql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


class Proxy:
    """Hands every byte on `latency` seconds after it came, in both directions."""

    def __init__(self, target, latency):
        self.target, self.latency = target, latency
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:  # closed
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            for one, other in ((client, server), (server, client)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                waiting = queue.SimpleQueue()
                threading.Thread(target=self._read, args=(one, waiting), daemon=True).start()
                threading.Thread(target=self._write, args=(other, waiting), daemon=True).start()

    def _read(self, source, waiting):
        data = True
        while data:
            try:
                data = source.recv(1 << 16)
            except OSError:
                data = b""
            waiting.put((time.monotonic() + self.latency, data))

    def _write(self, target, waiting):
        while True:
            due, data = waiting.get()
            time.sleep(max(0, due - time.monotonic()))
            try:
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)
            except OSError:
                return
