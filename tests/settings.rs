//! Settings: every source, in the order of their strength, and never the wrong database.

use crate::support::Project;
use crate::support::server::SERVER;

const A: (&str, &str) = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");

/// Which of two databases a command reaches, told by a table in one of them.
fn reached(project: &Project, script: &str) -> String {
    project
        .nu(&format!("{script} | get 0.state"))
        .text()
        .to_owned()
}

#[test]
fn flag_then_config_then_file_then_environment() {
    let mut project = Project::with(&[A]);
    project.nu("migrate run ./db").text();
    let there = project.database.clone();
    let nowhere = "postgresql:///no_such_database";
    project.unset("PGDATABASE");

    project.set("DATABASE_URL", &format!("dbname={there}"));
    assert_eq!(
        reached(&project, "migrate status ./db"),
        "applied",
        "environment"
    );

    project.set("DATABASE_URL", nowhere).set("ERP", &there);
    project.write("migrate.json", r#"{"database": "${ERP}"}"#);
    assert_eq!(
        reached(&project, "migrate status ./db"),
        "applied",
        "file above the tree"
    );

    project.write("migrate.json", r#"{"database": "no_such_database"}"#);
    let config =
        format!("$env.config.plugins.migrate = {{database: {there}}}; migrate status ./db");
    assert_eq!(reached(&project, &config), "applied", "record");
    let closure =
        format!("$env.config.plugins.migrate = {{|| {{database: {there}}} }}; migrate status ./db");
    assert_eq!(reached(&project, &closure), "applied", "closure");

    let flag = format!(
        "$env.config.plugins.migrate = {{database: no_such_database}}; migrate status ./db -d '{there}'"
    );
    assert_eq!(reached(&project, &flag), "applied", "flag");
}

#[test]
fn a_file_in_the_tree_is_nearer_than_one_above_and_one_may_be_named() {
    let mut project = Project::with(&[A]);
    let database = project.database.clone();
    project.unset("PGDATABASE");
    project.write("migrate.json", r#"{"database": "no_such_database"}"#);
    project.write(
        "db/migrate.json",
        format!(r#"{{"database": "${{NOT_SET:-{database}}}"}}"#),
    );
    assert_eq!(reached(&project, "migrate status ./db"), "pending");
    project.write(
        "other.json",
        r#"{"transaction": "each", "database": "no_such_database"}"#,
    );
    let output =
        project.nu("try { migrate status ./db -c other.json } catch {|e| $e.details.code }");
    assert_eq!(output.text(), "migrate::database_not_found");
}

#[test]
fn conninfo_and_url_reach_the_same_database_and_hide_the_password() {
    let mut project = Project::with(&[A]);
    let get = |name: &str| SERVER.environment[name].clone();
    let (host, port, user, password) = (
        get("PGHOST"),
        get("PGPORT"),
        get("PGUSER"),
        get("PGPASSWORD"),
    );
    let database = project.database.clone();
    for name in ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"] {
        project.unset(name);
    }
    let conninfo =
        format!("host={host} port={port} user={user} password='{password}' dbname={database}");
    let url = format!("postgresql://{user}:{password}@{host}:{port}/{database}");
    for way in [conninfo, url] {
        project.write(
            "db/20240102000000_core_ps.sql",
            "\\! cat /proc/$PPID/cmdline > arguments\n",
        );
        project
            .nu(&format!("migrate run ./db --database \"{way}\""))
            .text();
        let arguments = std::fs::read_to_string(project.path("db/arguments")).unwrap();
        assert!(
            arguments.contains(&database) && !arguments.contains(&password),
            "{arguments}"
        );
        let output = project.nu(&format!("migrate status ./db --database \"{way}x\""));
        assert_eq!(output.code, Some(1));
        SERVER.sql(&database, "DROP TABLE migrations_core, a");
    }
}

#[test]
fn a_service_file_works_and_must_name_the_database() {
    let mut project = Project::with(&[A]);
    let database = project.database.clone();
    project.write(
        "services",
        format!(
            "[full]\ndbname={database}\n[half]\nport={}\n[empty]\ndbname=\n",
            SERVER.environment["PGPORT"]
        ),
    );
    let services = project.path("services").display().to_string();
    project
        .unset("PGDATABASE")
        .set("PGSERVICEFILE", &services)
        .set("PGSERVICE", "full");
    assert_eq!(reached(&project, "migrate status ./db"), "pending");
    for service in ["half", "empty"] {
        project.set("PGSERVICE", service);
        assert_eq!(
            project.code("migrate status ./db"),
            "migrate::no_database",
            "{service}"
        );
    }
}

#[test]
fn an_empty_name_does_not_lead_to_the_database_of_the_users_name() {
    let mut project = Project::with(&[A]);
    project.set("ERP", "");
    project.write("migrate.json", r#"{"database": "dbname='${ERP}'"}"#);
    for command in [
        "migrate run ./db",
        "migrate run ./db -d 'application_name=x dbname='",
        "migrate run ./db -d 'postgresql:///?dbname='",
    ] {
        assert_eq!(project.code(command), "migrate::no_database", "{command}");
    }
    // What is empty at the end of a connection string takes nothing that is added to it.
    let way = format!("migrate status ./db -d 'dbname={} user='", project.database);
    assert!(
        !project.nu(&way).stderr.contains("keepalives"),
        "{:?}",
        project.nu(&way)
    );
}

#[test]
fn the_environment_of_the_moment_counts_not_that_of_the_first_call() {
    let project = Project::with(&[A]);
    let script = "migrate run ./db; \
        let there = (migrate status ./db | get 0.state); \
        let gone = (with-env {PGDATABASE: postgres} { migrate status ./db | get 0.state }); \
        hide-env PGDATABASE; \
        let unset = (try { migrate status ./db } catch {|e| $e.details.code }); \
        [$there $gone $unset] | str join ' '";
    assert_eq!(
        project.nu(script).text(),
        "applied pending migrate::no_database"
    );
}

#[test]
fn the_directory_is_the_callers_of_the_moment() {
    let project = Project::with(&[A]);
    assert_eq!(
        project
            .nu("migrate status ./db; cd db; migrate status . | length")
            .text(),
        "1"
    );
}

#[test]
fn a_number_in_the_environment_is_fine() {
    let project = Project::with(&[A]);
    let script = "$env.PGPORT = ($env.PGPORT | into int); migrate status ./db | length";
    assert_eq!(project.nu(script).text(), "1");
}

#[test]
fn psqlrc_is_not_read() {
    let mut project = Project::with(&[A]);
    project.write(".psqlrc", "\\quit\n");
    let psqlrc = project.path(".psqlrc").display().to_string();
    project.set("PSQLRC", &psqlrc);
    assert_eq!(reached(&project, "migrate status ./db"), "pending");
}

#[test]
fn a_configuration_that_calls_the_plugin_is_refused() {
    let project = Project::with(&[("20240101000000_core_a.sql", "SELECT 1;\n")]);
    let closure = "$env.config.plugins.migrate = {|| migrate status db --offline | ignore; {} }";
    for call in ["migrate status db", "migrate add db x"] {
        let output = project.nu(&format!("{closure}; {call}"));
        assert_eq!(output.code, Some(1), "{output:?}");
        assert!(
            output.stderr.contains("migrate::configuration_loop"),
            "{}",
            output.stderr
        );
        assert!(output.stderr.len() < 2_000, "{}", output.stderr);
    }
    // One closure for many commands at once is none.
    let many = "$env.config.plugins.migrate = {|| sleep 20ms; {table_prefix: other_} }; \
                1..100 | par-each --threads 40 {|| migrate status db --offline | length } | math sum";
    assert_eq!(project.nu(many).text(), "100");
}

#[test]
fn options_of_a_connection_string_stay_and_the_session_is_still_marked() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "CREATE TABLE seen AS SELECT current_setting('work_mem') AS m, current_setting('migrate.session', true) AS s;\n",
    )]);
    let way = format!(
        "migrate run db --database \"dbname={} options='-c work_mem=777kB'\" | length",
        project.database
    );
    assert_eq!(project.nu(&way).text(), "1");
    assert_eq!(project.sql("SELECT m, length(s) FROM seen"), "777kB|32");
}

#[test]
fn the_passphrase_of_a_key_is_not_shown_in_the_list_of_processes() {
    let project = Project::with(&[("20240101000000_core_a.sql", "SELECT 1;\n")]);
    let output = project.nu("migrate status db --database 'dbname=x sslpassword=s3cret'");
    assert!(
        output.stderr.contains("migrate::bad_settings"),
        "{output:?}"
    );
    assert!(output.stderr.contains("service file"), "{output:?}");
}

#[test]
fn only_regular_files_are_read() {
    let project = Project::with(&[("20240101000000_core_a.sql", "SELECT 1;\n")]);
    let fifo = project.path("db/migrate.json");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for command in [
        "migrate status db --offline",
        "migrate status . --offline --config /dev/zero",
        "migrate add . x --track core --template /dev/zero",
        "migrate add . x --track core --template db/migrate.json",
    ] {
        assert_eq!(
            project.code(command),
            "migrate::unreadable_file",
            "{command}"
        );
    }
}

#[test]
fn the_settings_in_force_are_shown_without_secrets() {
    let mut project = Project::with(&[("20240101000000_core_a.sql", "SELECT 1;\n")]);
    project.write(
        "db/migrate.json",
        r#"{"lock_wait": "7sec", "variables": {"token": "s3cret"}}"#,
    );
    project
        .set(
            "DATABASE_URL",
            "postgresql://me:s3cret@nowhere.invalid/other",
        )
        .set("MIGRATE_LOCK_WAIT", "9sec");
    let database = project.database.clone();
    let rows = project.nu(&format!(
        "migrate settings db --database {database} | select key value source overrides | to nuon --raw"
    ));
    let said = rows.text().to_owned();
    assert!(!said.contains("s3cret"), "{said}");
    let password = &project.environment["PGPASSWORD"];
    assert!(
        password.is_empty() || !said.contains(&format!("\"{password}\"")),
        "{said}"
    );
    for part in [
        format!(
            "[database,\"{database}\",flag,\"DATABASE_URL postgresql://me@nowhere.invalid/other\"]"
        ),
        "token".to_owned(),
        "(hidden)".to_owned(),
        format!("{database} on "),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    let wait = project.nu(
        "migrate settings db --offline | where key == lock_wait | first | [$in.value ($in.source | str contains migrate.json) $in.overrides] | to nuon",
    );
    assert_eq!(wait.text(), "[\"7sec\", true, \"MIGRATE_LOCK_WAIT 9sec\"]");
    // A password that libpq would take for a host and a query.
    let mistaken = "let url = 'postgresql://me:s3c?r3t/x@localhost/erp'; migrate settings db -d $url | select key value | to nuon --raw";
    let said = project.nu(mistaken);
    assert!(!said.text().contains("r3t"), "{said:?}");
    // A server that is not there is told as a row.
    let works = project.nu("migrate settings db | where works == false | get key | to nuon");
    assert_eq!(works.text(), "[connection]");
}

#[test]
fn missing_rights_are_told_with_the_way_out() {
    let mut project = Project::with(&[("20240101000000_core_a.sql", "SELECT 1;\n")]);
    project.nu("migrate run db").text();
    let role = format!("{}_reader", project.database);
    project.sql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT ON migrations_core TO {role}; REVOKE CREATE ON SCHEMA public FROM public"
    ));
    project.set("PGUSER", &role).set("PGPASSWORD", "x");
    let said =
        project.nu("migrate settings db | where works == false | get value | str join ' | '");
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    for part in [
        "GRANT CREATE ON SCHEMA public TO",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON",
    ] {
        assert!(said.text().contains(part), "{said:?}");
    }
}
