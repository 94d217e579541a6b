//! What new files hold: the templates, built in or the user's own, and their placeholders.
//! Reads template files; must not write any.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::Error;
use super::identifier;
use crate::error::Unreadable;
use crate::tree::Name;
use crate::tree::TEMPLATES;

/// The template where none is named.
const BLANK: &str = "blank";

/// The texts that the binary carries.
const BUILT_IN: [(&str, &str); 15] = [
    ("table", include_str!("templates/table.sql")),
    ("column", include_str!("templates/column.sql")),
    ("index", include_str!("templates/index.sql")),
    ("foreign-key", include_str!("templates/foreign-key.sql")),
    ("enum-value", include_str!("templates/enum-value.sql")),
    ("function", include_str!("templates/function.sql")),
    ("view", include_str!("templates/view.sql")),
    ("trigger", include_str!("templates/trigger.sql")),
    ("conditional", include_str!("templates/conditional.sql")),
    ("backfill", include_str!("templates/backfill.sql")),
    ("dynamic-sql", include_str!("templates/dynamic-sql.sql")),
    (LOAD_CSV, include_str!("templates/load-csv.sql")),
    ("role", include_str!("templates/role.sql")),
    ("extension", include_str!("templates/extension.sql")),
    (BLANK, include_str!("templates/blank.sql")),
];

/// The template that comes with data.
const LOAD_CSV: &str = "load-csv";
const LOAD_CSV_DATA: &str = include_str!("templates/load-csv.csv");

/// The line that takes a migration out of the transaction.
const NO_TRANSACTION: &str = "-- migrate: no-transaction\n";

/// What the blank template says of transactions, and what is true outside of one.
const IN_TRANSACTION: &str =
    "-- Runs in one transaction with its ledger row: leave out BEGIN and COMMIT.\n";
const OUTSIDE: &str = "-- Runs outside of a transaction: each statement commits by itself, and stays if a later one fails.\n";

/// What a new migration is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    sql: String,
    data: Option<&'static str>,
}

/// The names of the built-in templates.
pub static NAMES: LazyLock<Vec<&str>> =
    LazyLock::new(|| BUILT_IN.iter().map(|(name, _)| *name).collect());

impl Template {
    /// A file, else the template of that name: in the first of the folders that has it, else
    /// built in. No name is the blank one.
    pub fn find(wanted: Option<&str>, caller: &Path, folders: &[PathBuf]) -> Result<Self, Error> {
        let name = wanted.unwrap_or(BLANK);
        if name.contains('/') || name.ends_with(".sql") {
            return Self::read(&caller.join(name));
        }
        let custom = folders
            .iter()
            .map(|folder| folder.join(format!("{name}.sql")))
            .find(|path| path.is_file());
        if let Some(path) = custom {
            return Self::read(&path);
        }
        match BUILT_IN.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Ok(Self {
                sql: (*text).to_owned(),
                data: (name == LOAD_CSV).then_some(LOAD_CSV_DATA),
            }),
            None => Err(Error::UnknownTemplate {
                name: name.to_owned(),
                known: known(folders),
            }),
        }
    }

    fn read(path: &Path) -> Result<Self, Error> {
        Unreadable::require_regular(path)?;
        let sql = fs::read_to_string(path).map_err(|error| Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self { sql, data: None })
    }

    /// The same for outside of a transaction.
    pub fn without_transaction(mut self) -> Self {
        if !self.sql.contains(NO_TRANSACTION) {
            self.sql.insert_str(0, NO_TRANSACTION);
            self.sql = self.sql.replace(IN_TRANSACTION, OUTSIDE);
        }
        self
    }

    pub fn sql(&self, name: &Name) -> String {
        let identifier = identifier::from_description(&name.description);
        [
            ("{{title}}", title(name)),
            ("{{identifier}}", identifier),
            ("{{name}}", name.file_name()),
            ("{{stem}}", name.stem().replace('\'', "''")),
            ("{{track}}", name.track.to_string()),
            ("{{version}}", name.version.to_string()),
        ]
        .into_iter()
        .fold(self.sql.clone(), |text, (placeholder, value)| {
            text.replace(placeholder, &value)
        })
    }

    pub fn data(&self) -> Option<&'static str> {
        self.data
    }
}

/// The folders that may hold the user's own templates: that of the tree or of a folder above it, the
/// nearest first, as with `migrate.json`; then that of the settings.
pub fn folders(tree: &Path, setting: Option<PathBuf>) -> Vec<PathBuf> {
    let above = tree.ancestors().map(|folder| folder.join(TEMPLATES));
    above.chain(setting).collect()
}

/// The names of all templates.
pub fn known(folders: &[PathBuf]) -> Vec<String> {
    let own = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".sql").map(str::to_owned));
    let built_in = NAMES.iter().map(|name| (*name).to_owned());
    let all: BTreeSet<_> = own.chain(built_in).collect();
    all.into_iter().collect()
}

/// The file that undoes a new migration, for outside of a transaction where the migration is. It
/// fails until it is written: an undo that does nothing would only forget the migration.
pub fn undo(name: &Name, template: &Template) -> String {
    let directive = if template.sql.contains(NO_TRANSACTION) {
        NO_TRANSACTION
    } else {
        ""
    };
    let text = include_str!("templates/undo.sql").replace("{{name}}", &name.file_name());
    format!("{directive}{text}")
}

/// A validation script that teaches by example, and passes as it is.
pub fn validation(name: &Name) -> String {
    include_str!("templates/validation.nu").replace("{{title}}", &title(name))
}

fn title(name: &Name) -> String {
    name.description.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::file_name::parse_recorded;

    fn name() -> Name {
        parse_recorded("20240101000000_core_it's_new.sql").unwrap()
    }

    #[test]
    fn built_in_templates_explain_themselves_and_have_no_placeholder_left() {
        for known in NAMES.iter() {
            let template = Template::find(Some(known), Path::new("/"), &[]).unwrap();
            let text = template.sql(&name());
            assert!(text.contains("-- it's new\n--\n-- "), "{known}: {text}");
            assert!(!text.contains("{{"), "{known}: {text}");
        }
    }

    #[test]
    fn ones_own_templates_win_and_an_unknown_name_lists_all() {
        let folder = tempfile::tempdir().unwrap();
        let folders = folders(folder.path(), None);
        fs::create_dir(folder.path().join(TEMPLATES)).unwrap();
        let write = |file: &str, text: &str| {
            fs::write(folder.path().join(TEMPLATES).join(file), text).unwrap();
        };
        write(
            "table.sql",
            "-- ours {{track}} {{version}} {{name}} '{{1,2},{3}}'\n",
        );
        write("audit.sql", "x");
        let found = Template::find(Some("table"), folder.path(), &folders).unwrap();
        assert_eq!(
            found.sql(&name()),
            "-- ours core 20240101000000 20240101000000_core_it's_new.sql '{{1,2},{3}}'\n"
        );
        let by_path = Template::find(Some("templates/audit.sql"), folder.path(), &[]).unwrap();
        assert_eq!(by_path.sql(&name()), "x");
        match Template::find(Some("tabel"), folder.path(), &folders) {
            Err(Error::UnknownTemplate { known, .. }) => {
                assert!(known.contains(&"audit".to_owned()) && known.contains(&"view".to_owned()));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn outside_of_a_transaction_says_so_once() {
        for (template, count) in [("index", 1), ("table", 1)] {
            let found = Template::find(Some(template), Path::new("/"), &[]).unwrap();
            let text = found.without_transaction().sql(&name());
            assert_eq!(text.matches(NO_TRANSACTION).count(), count, "{template}");
            assert!(text.starts_with(NO_TRANSACTION));
        }
    }

    #[test]
    fn the_blank_template_says_what_is_true_of_transactions() {
        let blank = Template::find(None, Path::new("/"), &[]).unwrap();
        assert!(blank.sql.contains(IN_TRANSACTION));
        let outside = blank.without_transaction();
        assert!(outside.sql.starts_with(NO_TRANSACTION));
        assert!(!outside.sql.contains("BEGIN") && outside.sql.contains(OUTSIDE));
    }
}
