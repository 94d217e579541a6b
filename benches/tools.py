"""The tools that are compared: how each is called, and the same migrations in its own file format."""

import dataclasses
import datetime
import json
import os
import pathlib
import shlex
import shutil
import subprocess

FLOOR = "psql"


class Migration:
    """A table, an index on it and a row in it."""

    def __init__(self, number):
        self.number = number
        when = datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=number)
        self.timestamp = when.strftime("%Y%m%d%H%M%S")
        self.name = f"create_t{number:05d}"
        table = f"t{number:05d}"
        self.sql = (
            f"CREATE TABLE {table} (\n    id integer PRIMARY KEY,\n    name text NOT NULL,\n"
            "    created_at timestamptz NOT NULL DEFAULT now()\n);\n"
            f"CREATE INDEX {table}_name_idx ON {table} (name);\n"
            f"INSERT INTO {table} (id, name) VALUES (1, 'row 1');\n"
        )

    def write(self, path, text=None):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or self.sql)


def ours(folder, migration):
    migration.write(folder / f"{migration.timestamp}_core_{migration.name}.sql")


def plain(folder, migration):
    migration.write(folder / f"{migration.timestamp}_{migration.name}.sql")


def dbmate(folder, migration):
    text = f"-- migrate:up\n{migration.sql}\n-- migrate:down\n"
    migration.write(folder / f"{migration.timestamp}_{migration.name}.sql", text)


def refinery(folder, migration):
    migration.write(folder / f"V{migration.number}__{migration.name}.sql")


def diesel(folder, migration):
    migration.write(folder / f"{migration.timestamp}_{migration.name}" / "up.sql")


def node_pg(folder, migration):
    text = f"-- Up Migration\n{migration.sql}\n-- Down Migration\n"
    migration.write(folder / f"{1700000000000 + migration.number}_{migration.name}.sql", text)


def alembic(folder, migration):
    (folder / "alembic.ini").write_text(f"[alembic]\nscript_location = {folder}\n")
    (folder / "env.py").write_text(
        "import os\nfrom alembic import context\nfrom sqlalchemy import create_engine, pool\n"
        'engine = create_engine(os.environ["ALEMBIC_URL"], poolclass=pool.NullPool)\n'
        "with engine.connect() as connection:\n    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )
    number = migration.number
    before = f"'r{number - 1:05d}'" if number > 1 else "None"
    text = (f"from alembic import op\nrevision = 'r{number:05d}'\ndown_revision = {before}\n\n"
            f'def upgrade():\n    op.execute(r"""{migration.sql}""")\n\ndef downgrade():\n    pass\n')
    migration.write(folder / "versions" / f"r{number:05d}.py", text)


def sqitch(folder, migration):
    plan = folder / "sqitch.plan"
    if not plan.exists():
        (folder / "sqitch.conf").write_text("[core]\n\tengine = pg\n")
        plan.write_text("%syntax-version=1.0.0\n%project=bench\n\n")
    when = f"{migration.timestamp[:4]}-{migration.timestamp[4:6]}-{migration.timestamp[6:8]}T00:00:00Z"
    with plan.open("a") as out:
        out.write(f"{migration.name} {when} Bench <bench@example.com> # {migration.name}\n")
    text = f"-- Deploy bench:{migration.name} to pg\n\nBEGIN;\n\n{migration.sql}\nCOMMIT;\n"
    migration.write(folder / "deploy" / f"{migration.name}.sql", text)


def glued(folder, migration):
    """For psql: all files as one, and the last by itself."""
    with (folder / "all.sql").open("a") as out:
        out.write(migration.sql)
    (folder / "last.sql").write_text(migration.sql)


@dataclasses.dataclass
class Command:
    arguments: list
    environment: dict = dataclasses.field(default_factory=dict)
    #: Is the time, in ns, the last line that the command prints? Else it is the command's own.
    tells_time: bool = False


class Tool:
    """One program; `call(operation, folder, url)` gives its arguments and variables, or nothing
    where it has no such operation. Operations: apply, status, no-op, one."""

    def __init__(self, name, program, layout, call):
        self.name, self.program, self.layout, self.call = name, program, layout, call

    def is_here(self):
        return bool(self.program)

    def command(self, operation, folder, url):
        called = self.call(operation, folder, url)
        if called is None:
            return None
        arguments, environment = called if isinstance(called, tuple) else (called, {})
        lead = self.program if isinstance(self.program, list) else [self.program]
        return Command([str(it) for it in [*lead, *arguments]], environment)

    def version(self):
        lead = self.program if isinstance(self.program, list) else [self.program]
        done = subprocess.run([*lead, "--version"], capture_output=True, text=True)
        return ((done.stdout or done.stderr).strip().splitlines() or [""])[0]


class Ours(Tool):
    """`cold`: a new nu and a new plugin process for each command. Else within a nu whose plugin
    already runs, as at a prompt; `configuration` is a nu record of settings."""

    def __init__(self, name, nu, plugin, cold=False, configuration=None):
        super().__init__(name, nu, ours, None)
        self.plugin, self.cold, self.configuration = plugin, cold, configuration

    def version(self):
        return "nu " + super().version()

    def script(self, text):
        configured = f"$env.config.plugins.migrate = {self.configuration}; " if self.configuration else ""
        start = [str(self.program), "--no-config-file", "--no-std-lib", "--plugins", f"[{self.plugin}]"]
        return [*start, "--commands", configured + text]

    def command(self, operation, folder, url):
        verb = "status" if operation == "status" else "run"
        line = f"migrate {verb} {json.dumps(str(folder))} | to json | ignore"
        if self.cold:
            return Command(self.script(line))
        line = line.replace(" | to json", "")
        warm_up = f"migrate status {json.dumps(str(folder))} | ignore"
        return Command(self.script(f"{warm_up}; print (timeit {{ {line} }} | into int)"), tells_time=True)


def known(server, nu, plugin, configurations, others):
    """Every tool that this script knows, the floor first."""
    which = shutil.which

    def floor(operation, folder, url):
        if operation in ("status", "no-op"):
            return ["-X", "-c", "select 1"]
        file = "all.sql" if operation == "apply" else "last.sql"
        return ["-X", "-v", "ON_ERROR_STOP=1", "-1", "-f", folder / file]

    def run_or(run, status):
        return lambda operation: status if operation == "status" else run

    def by(run, status, *rest, **variables):
        """The usual shape: a verb, then options in which {folder} and {url} are filled in."""
        def call(operation, folder, url):
            verb = run_or(run, status)(operation)
            if verb is None:
                return None
            fill = lambda text: text.format(folder=folder, url=url)
            return ([fill(it) for it in [*shlex.split(verb), *rest]], {k: fill(v) for k, v in variables.items()})
        return call

    tools = [
        Tool(FLOOR, server.psql, glued, floor),
        Ours("nu_plugin_migrate", nu, plugin),
        Ours("nu_plugin_migrate, cold", nu, plugin, cold=True),
        *[Ours(f"nu_plugin_migrate, {name}", nu, plugin, configuration=record) for name, record in configurations],
        Tool("dbmate", which("dbmate"), dbmate,
             lambda operation, folder, url: ["--url", url, "--no-dump-schema", "-d", folder,
                                             run_or("migrate", "status")(operation)]),
        Tool("sqlx", which("sqlx"), plain,
             by("migrate run", "migrate info", "--source", "{folder}", "--database-url", "{url}")),
        Tool("diesel", which("diesel"), diesel,
             by("migration run", "migration list", "--migration-dir", "{folder}", "--database-url", "{url}")),
        Tool("refinery, grouped", which("refinery"), refinery,
             by("migrate", None, "-e", "DATABASE_URL", "-p", "{folder}", "-g")),
        Tool("node-pg-migrate", which("node-pg-migrate"), node_pg,
             by("up", "up --dry-run", "-m", "{folder}", "--verbose", "false")),
        Tool("alembic", which("alembic"), alembic,
             lambda operation, folder, url: (
                 ["-c", folder / "alembic.ini",
                  *run_or(["upgrade", "head"], ["current", "--check-heads"])(operation)],
                 {"ALEMBIC_URL": url.replace("postgres://", "postgresql+psycopg2://")})),
        Tool("sqitch", which("sqitch"), sqitch,
             by("deploy", "status", "--chdir", "{folder}", "db:{url}",
                SQITCH_FULLNAME="Bench", SQITCH_EMAIL="bench@example.com")),
    ]
    for name, run, status in others:
        tools.append(Tool(name, which(shlex.split(run)[0]), plain, by_template(run, status)))
    return tools


def by_template(run, status):
    def call(operation, folder, url):
        text = status if operation == "status" else run
        return text and [it.format(folder=folder, url=url) for it in shlex.split(text)[1:]]
    return call


def files(tool, count, work):
    """A folder with this many migrations as the tool wants them; made once."""
    folder = pathlib.Path(work) / f"{tool.layout.__name__}-{count}"
    done = folder.with_suffix(".done")
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for number in range(1, count + 1):
            tool.layout(folder, Migration(number))
        done.touch()
    return folder
