//! A track's own settings: its files run as another role, with another search path, other settings
//! and other variables; everything else of a run does not.

use crate::support::Project;

const A: &str = "db/core/20240101000000_core_a.sql";
const B: &str = "db/acme/20240102000000_acme_b.sql";
const C: &str = "db/acme/20240103000000_acme_c.sql";
const D: &str = "db/impl/20240104000000_impl_d.sql";

/// What a file finds.
const FOUND: &str = "SELECT current_user::text AS me, current_setting('work_mem') AS memory, \
    current_setting('statement_timeout') AS timeout, :'tenant' AS tenant";

/// A role for this database alone.
fn owner(project: &Project) -> String {
    format!("Owner of \"{}\"", project.database)
}

/// Core makes a schema for acme, whose files find themselves in it.
fn project() -> Project {
    let project = Project::new();
    let role = owner(&project).replace('"', "\"\"");
    project.sql(&format!("CREATE ROLE \"{role}\""));
    project.write(
        A,
        format!("CREATE TABLE a AS {FOUND};\nCREATE SCHEMA acme AUTHORIZATION \"{role}\";\n"),
    );
    project.write(B, format!("CREATE TABLE b AS {FOUND};\n"));
    project.write(
        C,
        format!(
            "-- migrate: no-transaction\n-- migrate: statement-timeout 7min\nCREATE TABLE c AS {FOUND};\n"
        ),
    );
    project.write(D, format!("CREATE TABLE d AS {FOUND};\n"));
    write_settings(&project, &owner(&project), "work_mem");
    project
}

fn write_settings(project: &Project, role: &str, setting: &str) {
    let role = role.replace('"', "\\\"");
    project.write(
        "db/migrate.json",
        format!(
            r#"{{"variables": {{"tenant": "all"}}, "tracks": {{"acme": {{"role": "{role}",
            "search_path": "acme, public", "settings": {{"{setting}": "7MB"}},
            "variables": {{"tenant": "${{TENANT:-acme}}"}}}}}}}}"#
        ),
    );
}

fn drop_role(project: &Project) {
    let role = owner(project).replace('"', "\"\"");
    project.sql(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""));
}

#[test]
fn its_files_run_in_it_and_nothing_else_does() {
    let project = project();
    assert_eq!(project.nu("migrate run db | length").text(), "4");
    let owner = owner(&project);
    for (table, expected) in [
        ("public.a", "tester||all".to_owned()),
        ("acme.b", format!("{owner}|7MB|0|acme")),
        ("acme.c", format!("{owner}|7MB|7min|acme")),
        ("public.d", "tester||all".to_owned()),
    ] {
        let (name, found) = (table, project.sql(&format!("TABLE {table}")));
        if name.starts_with("acme") {
            assert_eq!(found, expected, "{table}");
        } else {
            assert!(
                found.starts_with("tester|") && found.ends_with("|all"),
                "{found}"
            );
            assert!(!found.contains("7MB"), "{found}");
        }
    }
    assert_eq!(
        project.sql(
            "SELECT string_agg(tablename || ' ' || tableowner, ', ' ORDER BY tablename) \
             FROM pg_tables WHERE schemaname = 'public'"
        ),
        "a tester, d tester, migrations_acme tester, migrations_core tester, migrations_impl tester"
    );
    assert_eq!(
        project.sql("SELECT DISTINCT applied_by FROM migrations_acme"),
        "tester"
    );
    drop_role(&project);
}

#[test]
fn an_undo_and_a_rehearsal_run_in_it_as_well() {
    let project = project();
    project.remove(C);
    project.remove(D);
    let endings = project.nu("migrate rehearse db | get name | str join ' '");
    assert!(endings.text().contains("acme_b"), "{endings:?}");
    assert_eq!(project.tables(), "");
    project.nu("migrate run db").text();
    // Only in its search path there is such a table.
    project.write(
        "db/acme/20240102000000_acme_b.down.sql",
        "DROP TABLE b;\nCREATE TABLE undone AS SELECT current_user::text AS me;\n",
    );
    project.nu("migrate undo db --track acme").text();
    assert_eq!(project.sql("TABLE acme.undone"), owner(&project));
    drop_role(&project);
}

#[test]
fn what_the_server_does_not_take_stops_the_run_before_anything() {
    let project = project();
    for (role, setting, words) in [
        ("nobody at all", "work_mem", "nobody at all"),
        (owner(&project).as_str(), "wrok_mem", "wrok_mem"),
    ] {
        write_settings(&project, role, setting);
        let output = project.nu("migrate run db");
        for expected in ["migrate::track_settings", "acme", words] {
            assert!(output.stderr.contains(expected), "{expected}: {output:?}");
        }
        assert_eq!(project.tables(), "");
        for command in ["rehearse db", "run db --dry-run"] {
            let code = project.code(&format!("migrate {command}"));
            assert_eq!(code, "migrate::track_settings", "{command}");
        }
        let found = project.nu(
            "migrate validate db | where rule == track-settings | get 0 | \
             $'($in.severity) ($in.message)'",
        );
        let found = found.text();
        assert!(
            found.starts_with("warning ") && found.contains(words),
            "{found}"
        );
    }
    // A track that is not part of the plan is nobody's concern.
    assert_eq!(
        project.nu("migrate run db --track core | length").text(),
        "1"
    );
    drop_role(&project);
}

#[test]
fn a_role_that_the_user_may_not_take_is_told() {
    let mut project = project();
    let deploy = format!("{}_deploy", project.database);
    project.sql(&format!(
        "CREATE ROLE {deploy} LOGIN PASSWORD 'x'; GRANT CREATE ON SCHEMA public TO {deploy}; \
         GRANT CREATE ON DATABASE {} TO {deploy}",
        project.database
    ));
    let environment = project.environment.clone();
    project.set("PGUSER", &deploy).set("PGPASSWORD", "x");
    let output = project.nu("migrate run db --track acme");
    assert!(
        output.stderr.contains("migrate::track_settings"),
        "{output:?}"
    );
    project.environment = environment;
    assert_eq!(project.tables(), "");
    project.sql(&format!("DROP OWNED BY {deploy}; DROP ROLE {deploy}"));
    drop_role(&project);
}

#[test]
fn a_role_is_order_and_a_login_of_its_own_is_a_wall() {
    let mut project = project();
    project.remove(C);
    project.remove(D);
    project.write(B, "RESET ROLE;\nALTER TABLE a ADD by_acme int;\n");
    assert_eq!(project.nu("migrate run db | length").text(), "2");

    let login = format!("{}_acme", project.database);
    project.sql(&format!(
        "CREATE ROLE {login} LOGIN PASSWORD 'x'; GRANT CREATE ON SCHEMA public TO {login}; \
         DROP TABLE migrations_acme; GRANT SELECT ON migrations_core TO {login}"
    ));
    project.remove("db/migrate.json");
    let environment = project.environment.clone();
    project.set("PGUSER", &login).set("PGPASSWORD", "x");
    let run = "migrate run db --track acme";
    assert_eq!(project.code(run), "migrate::sql_failed");
    project.write(B, "CREATE TABLE b (id int);\n");
    project.nu(run).text();
    project.environment = environment;
    let owners = "SELECT string_agg(tableowner, ' ' ORDER BY tablename) FROM pg_tables \
        WHERE tablename IN ('b', 'migrations_acme')";
    assert_eq!(project.sql(owners), format!("{login} {login}"));
    project.sql(&format!("DROP OWNED BY {login}; DROP ROLE {login}"));
    drop_role(&project);
}

#[test]
fn settings_that_make_no_sense_are_refused_with_their_place() {
    let project = project();
    for (tracks, words) in [
        (r#"{"acme": {"rol": "x"}}"#, "rol"),
        (r#"{"acme": {"settings": {"role": "x"}}}"#, "beside"),
        (r#""acme""#, "got the text"),
    ] {
        project.write("db/migrate.json", format!(r#"{{"tracks": {tracks}}}"#));
        let output = project.nu("migrate status db --offline");
        assert!(
            output.stderr.contains("migrate::bad_settings"),
            "{output:?}"
        );
        assert!(output.stderr.contains(words), "{words}: {output:?}");
    }
    project.write("db/migrate.json", r#"{"tracks": {"amce": {"role": "x"}}}"#);
    let found =
        project.nu("migrate validate db --offline | where rule == track-settings | get 0.message");
    assert!(found.text().contains("amce"), "{found:?}");
    let configured = "$env.config.plugins.migrate = {tracks: {acme: {variables: {tenant: nu}}}}; \
         migrate run db --track acme --dry-run | length";
    project.remove("db/migrate.json");
    let output = project.nu(configured);
    assert_eq!(output.text(), "2", "{output:?}");
    drop_role(&project);
}

#[test]
fn a_repeatable_runs_in_it_and_follows_its_variables() {
    let mut project = project();
    project.remove(C);
    project.remove(D);
    project.write(
        "db/acme/repeat_acme_who.sql",
        "CREATE OR REPLACE VIEW who AS SELECT :'tenant'::text AS tenant;\n",
    );
    assert_eq!(project.nu("migrate run db | length").text(), "3");
    let view = "SELECT viewowner || ' ' || (SELECT tenant FROM acme.who) FROM pg_views \
        WHERE schemaname = 'acme' AND viewname = 'who'";
    assert_eq!(project.sql(view), format!("{} acme", owner(&project)));
    assert_eq!(project.nu("migrate run db | length").text(), "0");
    project.set("TENANT", "other");
    assert_eq!(project.nu("migrate run db | length").text(), "1");
    assert_eq!(project.sql(view), format!("{} other", owner(&project)));
    drop_role(&project);
}

/// One psql runs the files of all tracks.
#[test]
fn a_file_does_not_find_the_variables_of_another_track() {
    let project = Project::with(&[
        (
            "core/20240101000000_core_a.sql",
            "CREATE TABLE a AS SELECT :'tenant'::text AS tenant;\n",
        ),
        (
            "impl/20240101000000_impl_b.sql",
            "\\if :{?tenant}\nCREATE TABLE wrong ();\n\\endif\nCREATE TABLE b (id int);\n",
        ),
        (
            "impl/20240101000000_impl_b.verify.sql",
            "SELECT NOT :{?tenant};\n",
        ),
        (
            "core/20240101000000_core_a.verify.sql",
            "SELECT tenant = :'tenant' FROM a;\n",
        ),
        (
            "migrate.json",
            r#"{"tracks": {"core": {"variables": {"tenant": "acme"}}}}"#,
        ),
    ]);
    assert_eq!(project.nu("migrate run db | length").text(), "2");
    assert_eq!(
        project.sql("SELECT tenant, to_regclass('wrong') IS NULL FROM a"),
        "acme|t"
    );
    let verified = project.nu("migrate verify db | get ok | to json -r");
    assert_eq!(verified.text(), "[true,true]", "{verified:?}");
}

#[test]
fn a_role_that_is_gone_stops_an_undo_before_anything() {
    let project = project();
    project.remove(C);
    project.remove(D);
    project.write("db/acme/20240102000000_acme_b.down.sql", "DROP TABLE b;\n");
    project.write(
        "db/core/20240101000000_core_a.down.sql",
        "DROP SCHEMA acme CASCADE;\nDROP TABLE a;\n",
    );
    project.nu("migrate run db").text();
    write_settings(&project, "nobody at all", "work_mem");
    for command in ["undo db --track acme", "undo db --track acme --dry-run"] {
        let code = project.code(&format!("migrate {command}"));
        assert_eq!(code, "migrate::track_settings", "{command}");
    }
    assert_eq!(project.sql("SELECT count(*) FROM acme.b"), "1");
    project.sql("DELETE FROM migrations_acme; DROP TABLE acme.b");
    assert_eq!(
        project.code("migrate rehearse db --undo"),
        "migrate::track_settings"
    );
    write_settings(&project, &owner(&project), "work_mem");
    assert_eq!(
        project.nu("migrate rehearse db --undo | length").text(),
        "0"
    );
    drop_role(&project);
}

#[test]
fn a_role_that_the_plan_makes_need_not_be_there() {
    let project = Project::new();
    let role = format!("{}_acme", project.database);
    project.write(
        A,
        format!("CREATE ROLE {role};\nCREATE SCHEMA acme AUTHORIZATION {role};\n"),
    );
    project.write(B, "CREATE TABLE b (id int);\n");
    project.write(
        "db/migrate.json",
        format!(r#"{{"tracks": {{"acme": {{"role": "{role}", "search_path": "acme"}}}}}}"#),
    );
    assert_eq!(project.nu("migrate rehearse db | length").text(), "2");
    let scratch = project.nu("migrate rehearse db --scratch | get name | to json -r");
    assert!(scratch.text().contains("acme.b"), "{scratch:?}");
    assert_eq!(project.nu("migrate run db | length").text(), "2");
    let owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'b'";
    assert_eq!(project.sql(owner), role);
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_role_that_nobody_has_is_made_for_a_rehearsal_of_its_own() {
    let project = Project::new();
    let role = format!("{}_nobody", project.database);
    project.write(
        A,
        format!("ALTER ROLE CURRENT_USER SET work_mem = '7MB';\nCREATE SCHEMA acme AUTHORIZATION {role};\n"),
    );
    project.write(B, "CREATE TABLE b (id int);\n");
    project.write(
        "db/migrate.json",
        format!(r#"{{"tracks": {{"acme": {{"role": "{role}", "search_path": "acme"}}}}}}"#),
    );
    let scratch = project.nu("migrate rehearse db --scratch | get name | to json -r");
    assert!(scratch.text().contains("acme.b"), "{scratch:?}");
    let said = format!("the target has no role {role}");
    assert!(scratch.stderr.contains(&said), "{scratch:?}");
    assert_eq!(project.code("migrate run db"), "migrate::track_settings");
}
