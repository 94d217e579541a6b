//! Many databases at once: one shell, one plugin process, a run for each.

use crate::support::Project;
use crate::support::server::SERVER;

/// Databases of one test, dropped with it.
struct Tenants(Vec<String>);

impl Tenants {
    fn new(project: &Project, count: usize) -> Self {
        let name = |number| format!("{}_{number}", project.database);
        let names: Vec<_> = (0..count).map(name).collect();
        for name in &names {
            project.sql(&format!("CREATE DATABASE {name}"));
        }
        Self(names)
    }
}

impl Drop for Tenants {
    fn drop(&mut self) {
        for name in &self.0 {
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname";
            SERVER.sql("postgres", &format!("{end} = '{name}'"));
            SERVER.sql("postgres", &format!("DROP DATABASE {name}"));
        }
    }
}

#[test]
fn runs_side_by_side_keep_to_their_own_database() {
    let project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            "CREATE TABLE a AS SELECT current_database() AS here;\nSELECT pg_sleep(0.2);\n",
        ),
        (
            "20240102000000_core_b.sql",
            "CREATE TABLE b AS SELECT :'tenant' AS tenant;\n",
        ),
    ]);
    let tenants = Tenants::new(&project, 6);
    let (broken, well) = tenants.0.split_last().unwrap();
    SERVER.sql(broken, "CREATE TABLE b ()");
    let script = format!(
        "[{}] | par-each --threads 6 --keep-order {{|db|
            try {{ migrate run ./db --database $db --set {{tenant: $db}} | get state | str join ' ' }} catch {{|error| $error.details.code }}
        }} | to json --raw",
        tenants.0.join(" ")
    );
    let said = project.nu(&script).json();
    let mut expected = vec!["applied applied"; well.len()];
    expected.push("migrate::sql_failed");
    assert_eq!(said, serde_json::json!(expected));
    let mut runs = Vec::new();
    for tenant in well {
        let found = SERVER.sql(tenant, "SELECT here, tenant FROM a, b");
        assert_eq!(found, format!("{tenant}|{tenant}"));
        runs.push(SERVER.sql(
            tenant,
            "SELECT count(*), min(execution_id::text) = max(execution_id::text) FROM migrations_core",
        ));
    }
    assert_eq!(runs, vec!["2|t"; well.len()]);
    let left = "SELECT to_regclass('a') IS NULL, to_regclass('migrations_core') IS NULL";
    assert_eq!(SERVER.sql(broken, left), "t|t", "rolled back");
}
