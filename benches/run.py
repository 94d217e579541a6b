#!/usr/bin/env python3
"""Times nu_plugin_migrate beside psql itself and other PostgreSQL migration tools.

Needs Python 3, nu 0.115, PostgreSQL's programs and the release build (cargo build --release).
Starts a PostgreSQL of its own with all defaults, fsync on. Tools are taken from PATH; those that
are not installed are left out, and told.

  tools       N migrations, each a table, an index and a row, with four operations per tool:
              apply    all of them on a new database
              status   with nothing pending
              no-op    the run command with nothing pending
              one      the run command with one more file
  databases   runs on --databases databases in one nu: one after the other, by par-each, and by par-each
              with two threads for each core; psql the same
  large       status, no-op, one on top and apply of --large files in 50 tracks, with the
              plugin's memory
  all         everything: the tools also with 1 and 20 ms of latency each way (with the smallest
              N alone), a session that stays open (`kept`), and transactions for each file

Rounds go over the tools in turn. The floor is `psql -X -1 -f` of all files glued together, and
`psql -X -c 'select 1'` for status and no-op; it runs before and after each tool, whose ratio is
to these two. Printed: median milliseconds, and in parentheses the median ratio. Only ratios of one
run say something: machines differ, and shared ones from minute to minute.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent import futures

sys.dont_write_bytecode = True
import chart  # noqa: E402
import tools as known_tools  # noqa: E402
from server import Proxy, Server  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPERATIONS = ["apply", "status", "no-op", "one"]
HEADINGS = {"apply": "apply all", "status": "status", "no-op": "run with nothing to do", "one": "run one more"}
TRACKS = 50
WHAT = ["tools", "databases", "large"]


def arguments():
    numbers = lambda text: [int(it) for it in text.split(",")]
    delays = lambda text: [float(it) for it in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["tools"], help="tools (the default), databases, large, all")
    parser.add_argument("--n", type=numbers, default=[100, 1000], help="counts of migrations (100,1000)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=delays, metavar="MS",
                        help="delays between client and server, each way (0); such as 0,1,20")
    parser.add_argument("--only", help="tools whose name begins so, comma between; psql always runs")
    parser.add_argument("--ours", action="append", default=[], metavar="NAME=RECORD",
                        help="one more row with this plugin configuration, such as each='{transaction: each}'")
    parser.add_argument("--tool", action="append", default=[], metavar="NAME=RUN ;; STATUS",
                        help="another tool; {folder} and {url} are filled in, files as for sqlx")
    parser.add_argument("--databases", type=int, default=100)
    parser.add_argument("--large", type=int, default=10_000)
    parser.add_argument("--plugin", default=str(ROOT / "target/release/nu_plugin_migrate"))
    parser.add_argument("--nu", default=shutil.which("nu"))
    parser.add_argument("--chart", metavar="FILE", help="draws the last N of `tools` without latency as SVG")
    parser.add_argument("--json", metavar="FILE", help="writes every time and ratio")
    chosen = parser.parse_args()
    for what in chosen.what:
        if what not in (*WHAT, "all"):
            parser.error(f"`{what}` is none of {', '.join(WHAT)}, all")
    if "all" in chosen.what:
        chosen.what, chosen.latency = WHAT, chosen.latency or [0, 1, 20]
        chosen.ours = ["kept={keep_session: 10sec}", "each={transaction: each}", *chosen.ours]
    chosen.latency = chosen.latency or [0]
    for program, name in ((chosen.nu, "nu"), (chosen.plugin, "the plugin")):
        if not program or not os.access(program, os.X_OK):
            parser.error(f"there is no {name} at {program}")
    chosen.plugin = os.path.abspath(chosen.plugin)
    return chosen


class Failed(Exception):
    pass


def timed(command, environment):
    """Milliseconds that a command takes, by its own clock where it has one."""
    keep = {name: os.environ[name] for name in ("HOME", "PATH", "LANG", "TMPDIR") if name in os.environ}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        done = subprocess.run(command.arguments, env={**keep, "NO_COLOR": "1", **environment, **command.environment},
                              stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
        elapsed = (time.perf_counter() - start) * 1000
        out.seek(0)
        errors.seek(0)
        if done.returncode:
            said = (errors.read() + out.read()).decode(errors="replace").split("\n")
            raise Failed(f"exit {done.returncode}: " + " / ".join(it.strip() for it in said if it.strip())[:300])
        return int(out.read().split()[-1]) / 1e6 if command.tells_time else elapsed


def count(server, database):
    return int(server.sql("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^t[0-9]{5}$'", database))


def cycle(server, port, tool, n, work, inner=3):
    """All four operations on one new database: milliseconds by operation."""
    database = "bench_" + "".join(it if it.isalnum() else "_" for it in tool.name)
    environment = server.environment(database, port)
    now, one_more = known_tools.files(tool, n, work), known_tools.files(tool, n + 1, work)
    found = {}
    server.make(database)
    try:
        for operation in OPERATIONS:
            folder = one_more if operation == "one" else now
            command = tool.command(operation, folder, server.url(database, port))
            if command is None:
                continue
            times = inner if operation in ("status", "no-op") else 1
            found[operation] = statistics.median(timed(command, environment) for _ in range(times))
            wanted = n + (operation == "one")
            if count(server, database) != wanted:
                raise Failed(f"{operation}: exit 0, and not {wanted} tables")
    finally:
        server.drop(database)
    return found


def compare(server, tools, n, latency, rounds, work):
    """{tool: {operation: ([ms], [ratio])}}, and why a tool failed."""
    proxy = Proxy(server.port, latency / 1000) if latency else None
    port = proxy.port if proxy else server.port
    floor, *rest = tools
    found = {tool.name: {} for tool in tools}
    failed = {}

    def note(tool, operation, ms, ratio):
        times, ratios = found[tool.name].setdefault(operation, ([], []))
        times.append(ms)
        ratios.append(ratio)

    for number in range(rounds):
        shift = number % max(1, len(rest))
        before = cycle(server, port, floor, n, work)
        for tool in rest[shift:] + rest[:shift]:
            if tool.name in failed:
                continue
            try:
                mine = cycle(server, port, tool, n, work)
            except Failed as failure:
                failed[tool.name] = str(failure)
                continue
            after = cycle(server, port, floor, n, work)
            for operation, ms in mine.items():
                note(tool, operation, ms, ms / statistics.mean([before[operation], after[operation]]))
            before = after
        for operation, ms in before.items():
            note(floor, operation, ms, 1.0)
        print(f"N = {n}, {latency:g} ms: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    if proxy:
        proxy.close()
    return found, failed


def show(found, failed, n, latency, rounds):
    each_way = f", {latency:g} ms each way" if latency else ""
    print(f"\n### N = {n}{each_way}: median ms of {rounds} rounds (median ratio to psql beside it)\n")
    print("| | " + " | ".join(HEADINGS[it] for it in OPERATIONS) + " |")
    print("|---|" + "---:|" * len(OPERATIONS))
    for name, operations in found.items():
        if name in failed:
            print(f"| {name} | {failed[name]} |")
            continue
        cells = []
        for operation in OPERATIONS:
            times, ratios = operations.get(operation, (None, None))
            cells.append(f"{statistics.median(times):.1f} ({statistics.median(ratios):.2f}x)" if times else "-")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def draw(found, failed, n, rounds, version, file):
    version = version.replace("psql (PostgreSQL)", "PostgreSQL").split(" (")[0]
    panels = [
        (HEADINGS[operation], [
            (name, statistics.median(operations[operation][1]), name.startswith("nu_plugin"))
            for name, operations in found.items() if operation in operations and name not in failed and name != known_tools.FLOOR
        ])
        for operation in OPERATIONS
    ]
    note = f"Times as long as psql itself (1×), log scale. Median of {rounds} rounds side by side, {version}."
    pathlib.Path(file).write_text(chart.draw(f"{n} migrations", note, panels))


def nu_lines(ours, server, script, database="postgres"):
    """What a script in nu prints, by lines."""
    done = subprocess.run(ours.script(script), env={**os.environ, "NO_COLOR": "1", **server.environment(database)},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout.split("\n")


def databases(server, floor, ours, options, work):
    """Runs on many databases in one shell and one plugin, beside as many runs of psql."""
    names = [f"tenant_{number}" for number in range(options.databases)]
    cores = os.cpu_count()
    ways = {"each": 1, "par-each": cores, f"par-each --threads {2 * cores}": 2 * cores}
    folder, glued = (known_tools.files(tool, 10, work) for tool in (ours, floor))
    listed = "[" + " ".join(names) + "]"

    def by_ours(way):
        each = f"{{|db| migrate run '{folder}' --database $db --quiet }} | ignore"
        lines = nu_lines(ours, server, f"migrate status '{folder}' --offline | ignore; "
                                       f"print (timeit {{ {listed} | {way} {each} }} | into int)")
        return int(lines[0]) / 1e6

    def by_psql(way):
        one = lambda name: timed(floor.command("apply", glued, server.url(name)), server.environment(name))
        start = time.perf_counter()
        with futures.ThreadPoolExecutor(ways[way]) as pool:
            list(pool.map(one, names))
        return (time.perf_counter() - start) * 1000

    found = {floor.name: {way: [] for way in ways}, ours.name: {way: [] for way in ways}}
    for number in range(options.rounds):
        for way in sorted(ways, reverse=number % 2 == 1):
            for tool, run in ((floor, by_psql), (ours, by_ours)):
                for name in names:
                    server.make(name)
                found[tool.name][way].append(run(way))
                if any(count(server, name) != 10 for name in names):
                    raise SystemExit(f"{tool.name}, {way}: a database lacks tables")
    for name in names:
        server.drop(name)
    print(f"\n### {options.databases} databases, 10 migrations each: median ms of {options.rounds} rounds "
          f"(how many times as fast as one after the other), {cores} cores\n")
    print("| | " + " | ".join(ways) + " |\n|---|" + "---:|" * len(ways))
    for name, times in found.items():
        medians = {way: statistics.median(times[way]) for way in ways}
        print(f"| {name} | " + " | ".join(f"{ms:.0f} ({medians['each'] / ms:.2f}x)" for ms in medians.values()) + " |")
    return found


def large(server, ours, options, work):
    """Many files in 50 tracks, each a SELECT, so that the tool's own share shows."""
    folder = work / f"large-{options.large}"
    shutil.rmtree(folder, ignore_errors=True)
    for number in range(options.large + 1):
        migration = known_tools.Migration(number)
        track = f"t{number % TRACKS:02d}"
        if number < options.large:
            migration.write(folder / track / f"{migration.timestamp}_{track}_{migration.name}.sql", f"SELECT {number};\n")
    last = known_tools.Migration(options.large)
    rows, script = [], f"migrate status '{folder}' --offline | ignore"
    one = folder / "t00" / f"{last.timestamp}_t00_{last.name}.sql"
    for name, line in (
        ("apply", f"migrate run '{folder}' --quiet"),
        ("status", f"migrate status '{folder}'"),
        ("status again", f"migrate status '{folder}'"),
        ("no-op", f"migrate run '{folder}' --quiet"),
        ("one", f"'SELECT 1;' | save '{one}'; migrate run '{folder}' --quiet"),
        ("status --offline", f"migrate status '{folder}' --offline"),
    ):
        rows.append(name)
        # The memory is the highest so far: the operations are told in the order in which they ran.
        script += (f"; print (timeit {{ {line} | ignore }} | into int); print (open --raw $'/proc/(plugin list "
                   "| where name == migrate | get 0.pid)/status' | parse --regex 'VmHWM:\\s+(?<kb>\\d+)' | get 0.kb)")
    server.make("large")
    lines = nu_lines(ours, server, script, "large")
    server.drop("large")
    print(f"\n### {options.large} migrations in {TRACKS} tracks, once\n\n| | ms | highest memory of the plugin, MB |")
    print("|---|---:|---:|")
    found = {}
    for number, name in enumerate(rows):
        found[name] = (int(lines[2 * number]) / 1e6, int(lines[2 * number + 1]) / 1024)
        print(f"| {name} | {found[name][0]:.0f} | {found[name][1]:.0f} |")
    return found


def main():
    options = arguments()
    record = {}
    with Server() as server, tempfile.TemporaryDirectory(prefix="migrate-bench-files-") as work:
        work = pathlib.Path(work)
        configurations = [it.split("=", 1) for it in options.ours]
        others = [(name, *(it.strip() for it in (text + ";;").split(";;")[:2]))
                  for name, text in (it.split("=", 1) for it in options.tool)]
        every = known_tools.known(server, options.nu, options.plugin, configurations, others)
        prefixes = tuple(options.only.split(",")) if options.only else ("",)
        wanted = [tool for tool in every if tool.name == known_tools.FLOOR or tool.name.startswith(prefixes)]
        tools = [tool for tool in wanted if tool.is_here()]
        print(f"{server.version}, {os.cpu_count()} cores")
        for tool in wanted:
            print(f"- {tool.name}: {tool.version() if tool in tools else 'not installed'}")
        floor = next(tool for tool in every if tool.name == known_tools.FLOOR)
        ours = next(tool for tool in every if isinstance(tool, known_tools.Ours))
        if "tools" in options.what:
            for latency in options.latency:
                for n in options.n if not latency else [min(options.n)]:
                    found, failed = compare(server, tools, n, latency, options.rounds, work)
                    show(found, failed, n, latency, options.rounds)
                    record[f"tools {n} {latency:g}"] = found
                    if options.chart and not latency:
                        draw(found, failed, n, options.rounds, server.version, options.chart)
        if "databases" in options.what:
            record["databases"] = databases(server, floor, ours, options, work)
        if "large" in options.what:
            record["large"] = large(server, ours, options, work)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
