#!/usr/bin/env python3
"""Draws the pictures of the documents anew: python3 docs/pictures/draw.py [--plugin PATH] [--nu PATH]

Starts a throw-away PostgreSQL, types the commands below into a real nu with the real plugin on a terminal of
80 columns, and draws what the terminal showed. Needs Python 3, PostgreSQL's programs, nu and a built plugin.
"""

import argparse
import os
import pathlib
import pty
import fcntl
import shutil
import struct
import subprocess
import sys
import tempfile
import termios

import flow
from terminal import Screen, picture

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "benches"))
sys.dont_write_bytecode = True
from server import Server  # noqa: E402

COLUMNS = 80
MISTAKE = "20400101000000_core_unique_names.sql"

# A picture, and what is typed in it; `write` puts a migration there first.
PICTURES = [
    ("run", None, ["migrate status ./erp | where pending", "migrate run ./erp"]),
    ("error", "ALTER TABLE customer ADD UNIQUE (nam);", ["migrate run ./erp"]),
    ("rehearse", "ALTER TABLE customer ALTER name TYPE varchar(200);",
     ["migrate validate ./erp | where severity == warning", "migrate rehearse ./erp | get locks | flatten"]),
]


def typed(nu, plugin, command, folder, environment):
    """What a terminal shows while nu runs a command."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    arguments = [nu, "--no-config-file", "--no-std-lib", "--plugins", f"[{plugin}]", "--commands", command]
    child = subprocess.Popen(arguments, cwd=folder, env=environment, stdin=other, stdout=other, stderr=other)
    os.close(other)
    data = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # Linux says so when the last writer has gone
            break
        if not piece:
            break
        data += piece
    child.wait()
    os.close(main)
    return data.decode()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--plugin", default=ROOT / "target/debug/nu_plugin_migrate")
    parser.add_argument("--nu", default=next(iter((ROOT / "target/tools").glob("node_modules/@nushell/*/bin/nu")), "nu"))
    options = parser.parse_args()
    (HERE / "flow.svg").write_text(flow.picture())
    with Server() as server, tempfile.TemporaryDirectory() as folder:
        server.sql("CREATE ROLE alice SUPERUSER LOGIN")
        server.sql("CREATE DATABASE erp OWNER alice")
        shutil.copytree(ROOT / "examples/erp", f"{folder}/erp")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment |= {"PGHOST": "localhost", "PGPORT": str(server.port), "PGUSER": "alice", "PGDATABASE": "erp",
                        "TERM": "xterm-256color", "PATH": f"{server.programs}:{os.environ['PATH']}"}
        environment.pop("DATABASE_URL", None)
        for name, sql, commands in PICTURES:
            if sql:
                pathlib.Path(folder, "erp/core", MISTAKE).write_text(sql + "\n")
            screen = Screen(COLUMNS)
            for command in commands:
                screen.prompt(command)
                screen.write(typed(options.nu, options.plugin, command, folder, environment)
                             .replace(f"localhost:{server.port}", "localhost:5432"))
            (HERE / f"{name}.svg").write_text(picture(screen, f"A terminal: {', then '.join(commands)}"))
            print(f"docs/pictures/{name}.svg")


if __name__ == "__main__":
    main()
