//! What pending files make, and which files of other tracks use it, by their words. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::reading::Reading;
use crate::plan::needs::Need;
use crate::sql::unsafe_ddl::{Deed, Family, Named, Statement};
use crate::tree::Migration;

/// What a pending file says about relations and other objects.
pub struct Words<'m> {
    pub migration: &'m Migration,
    pub found: Vec<Word>,
}

pub struct Word {
    pub action: Action,
    pub named: Named,
    /// The schemas where it can be; nobody knows where if there is none.
    schemas: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Makes,
    /// For its session.
    MakesTemporary,
    Uses,
    Changes,
    Drops,
}

/// What a migration uses, and what it changes, of other tracks.
#[derive(Default)]
pub struct Foreign {
    pub uses: BTreeSet<Need>,
    pub changes: BTreeSet<Need>,
}

impl Word {
    /// Schemas come and go in ways that nobody reads.
    fn is_followed(&self) -> bool {
        self.named.family != Family::Schema
    }

    /// Is there but one object of that name? A function has others beside it, PostgreSQL's own among them.
    pub fn is_certain(&self) -> bool {
        self.named.family == Family::Relation
    }

    fn placed(&self) -> Named {
        Named {
            schema: self.schemas.first().cloned(),
            ..self.named.clone()
        }
    }
}

impl Foreign {
    pub fn extend(&mut self, action: Action, needs: impl IntoIterator<Item = Need>) {
        match action {
            Action::Uses => self.uses.extend(needs),
            Action::Changes | Action::Drops => self.changes.extend(needs),
            Action::Makes | Action::MakesTemporary => {}
        }
    }
}

impl<'m> Words<'m> {
    /// `path` says where names without a schema are looked for.
    pub fn of(reading: &Reading<'m>, path: Vec<String>) -> Self {
        let scripts = reading.scripts.iter();
        let scripts: Vec<_> = scripts.map(|script| script.statements.as_slice()).collect();
        Self::in_scripts(reading.migration, &scripts, path)
    }

    fn in_scripts(
        migration: &'m Migration,
        scripts: &[&[Statement]],
        mut path: Vec<String>,
    ) -> Self {
        let sets_path = |statement: &Statement| statement.deed.path.is_some();
        // Which file's path another one meets is not told.
        let is_lost = scripts.len() > 1 && scripts.iter().copied().flatten().any(sets_path);
        if is_lost {
            path.clear();
        }
        let mut found = Vec::new();
        for Statement { deed, uses, .. } in scripts.iter().copied().flatten() {
            if let Some(new) = deed.path.clone().filter(|_| !is_lost) {
                path = new;
            }
            found.extend(words(deed.clone(), uses.clone()).map(|(action, named)| {
                Word {
                    action,
                    schemas: named
                        .schema
                        .clone()
                        .map_or_else(|| path.clone(), |it| vec![it]),
                    named,
                }
            }));
        }
        Self { migration, found }
    }

    pub fn made(&self) -> impl Iterator<Item = &Word> {
        let is_made = |it: &&Word| matches!(it.action, Action::Makes | Action::MakesTemporary);
        self.found.iter().filter(is_made)
    }
}

fn words(deed: Deed, uses: Vec<Named>) -> impl Iterator<Item = (Action, Named)> {
    let makes = if deed.is_temporary {
        Action::MakesTemporary
    } else {
        Action::Makes
    };
    let is_dropped = |it: &Named| deed.dropped.contains(it);
    let touched: Vec<_> = deed
        .touched
        .iter()
        .filter(|it| !is_dropped(it))
        .cloned()
        .collect();
    let (old, new) = deed.renamed.unzip();
    let all = |action, names: Vec<Named>| names.into_iter().map(move |it| (action, it));
    all(Action::Uses, uses)
        .chain(all(Action::Uses, deed.filled.into_iter().collect()))
        .chain(all(Action::Changes, touched))
        .chain(all(Action::Drops, deed.dropped))
        .chain(all(Action::Drops, old.into_iter().collect()))
        .chain(all(makes, deed.made))
        .chain(all(Action::Makes, new.into_iter().collect()))
}

/// What pending files make, by name.
pub struct Planned<'m>(BTreeMap<(Family, String), Vec<Making<'m>>>);

struct Making<'m> {
    by: &'m Migration,
    /// The place of its file, and of the one that drops it.
    file: usize,
    dropped: Option<usize>,
    schema: Option<String>,
    /// Is it this file that other tracks' files need for it?
    is_for_all: bool,
}

impl<'m> Planned<'m> {
    /// Follows the files in their order. What is there already is nothing that they make.
    pub fn of(files: &[Words<'m>], is_there: impl Fn(&Named) -> bool) -> Self {
        let mut planned: BTreeMap<_, Vec<Making<'m>>> = BTreeMap::new();
        for (file, words) in files.iter().enumerate() {
            for word in words.found.iter().filter(|word| word.is_followed()) {
                let name = (word.named.family, word.named.name.clone());
                let makings = planned.entry(name).or_default();
                match word.action {
                    Action::Makes | Action::MakesTemporary => makings.push(Making {
                        by: words.migration,
                        file,
                        dropped: None,
                        schema: word.schemas.first().cloned(),
                        is_for_all: word.action == Action::Makes
                            && !words.migration.name.is_repeatable()
                            && !is_there(&word.named)
                            && !is_there(&word.placed()),
                    }),
                    Action::Drops => {
                        let alive = makings
                            .iter_mut()
                            .filter(|it| it.dropped.is_none() && it.is_surely(word));
                        alive.for_each(|it| it.dropped = Some(file));
                    }
                    Action::Uses | Action::Changes => {}
                }
            }
        }
        Self(planned)
    }

    /// What a file needs of those of other tracks.
    pub fn foreign(&self, file: usize, words: &Words<'_>) -> Foreign {
        let mut foreign = Foreign::default();
        for word in &words.found {
            let need = |maker: &Migration| Need {
                user: words.migration.identity(),
                maker: maker.identity(),
                object: match word.named.family {
                    Family::Routine => format!("function {}", word.named),
                    family => format!("{family} {}", word.named),
                },
                is_certain: word.is_certain(),
            };
            foreign.extend(
                word.action,
                self.maker(file, words.migration, word).map(need),
            );
        }
        foreign
    }

    fn maker(&self, file: usize, user: &Migration, word: &Word) -> Option<&Migration> {
        if !word.is_followed() {
            return None;
        }
        let makings = self.0.get(&(word.named.family, word.named.name.clone()))?;
        let is_own = |it: &Making<'_>| it.by.name.track == user.name.track && it.may_be(word);
        if makings.iter().any(is_own) {
            return None;
        }
        let mut others = makings
            .iter()
            .filter(|it| it.is_for_all && it.is_surely(word));
        let is_before =
            |it: &&Making<'_>| it.file < file && it.dropped.is_none_or(|dropped| dropped >= file);
        let before = others.clone().rfind(is_before);
        // Nobody drops on purpose what is made later.
        let after = || {
            let is_after = |it: &&Making<'_>| it.file > file && word.action != Action::Drops;
            others.find(is_after)
        };
        before.or_else(after).map(|it| it.by)
    }
}

impl Making<'_> {
    fn is_surely(&self, word: &Word) -> bool {
        let schema = self.schema.as_ref();
        schema.is_some_and(|schema| word.schemas.contains(schema))
    }

    fn may_be(&self, word: &Word) -> bool {
        self.schema.is_none() || word.schemas.is_empty() || self.is_surely(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::script::script;
    use crate::sql::unsafe_ddl::Linting;
    use crate::tree::examples::migration;

    /// `user maker object` of what these files need of each other; `there` is there already.
    fn needs_beside(there: &str, files: &[(&str, &str)]) -> Vec<String> {
        let migrations: Vec<_> = files.iter().map(|(name, _)| migration(name)).collect();
        let words: Vec<_> = std::iter::zip(&migrations, files)
            .map(|(migration, (_, sql))| {
                let path = vec!["public".to_owned()];
                let mut linting = Linting::new(None, true);
                linting.take(&script(sql));
                Words::in_scripts(migration, &[&linting.finish()], path)
            })
            .collect();
        let planned = Planned::of(&words, |it| it.name == there);
        let foreign = words
            .iter()
            .enumerate()
            .map(|(index, words)| planned.foreign(index, words));
        foreign
            .flat_map(|found| found.uses.into_iter().chain(found.changes))
            .map(|need| format!("{} {} {}", need.user, need.maker, need.object))
            .collect()
    }

    fn needs(files: &[(&str, &str)]) -> Vec<String> {
        needs_beside("", files)
    }

    const CORE: &str = "20240101000000_core_a.sql";
    const CORE_2: &str = "20240103000000_core_b.sql";
    const IMPL: &str = "20240102000000_impl_a.sql";
    const IMPL_2: &str = "20240104000000_impl_b.sql";
    const IT: [&str; 1] = ["impl/20240102000000 core/20240101000000 relation customer"];

    #[test]
    fn what_another_track_makes_is_found() {
        for sql in [
            "CREATE VIEW v AS SELECT 1 FROM customer",
            "CREATE TABLE t (c int REFERENCES customer)",
            "INSERT INTO customer VALUES (1)",
            "UPDATE customer SET id = 1",
            "ALTER TABLE customer ADD vat text",
            "CREATE INDEX ON customer (id)",
            "DROP TABLE customer",
        ] {
            let found = needs(&[(CORE, "CREATE TABLE customer (id int)"), (IMPL, sql)]);
            assert_eq!(found, IT, "{sql}");
        }
        let qualified = needs(&[
            (CORE, "CREATE TABLE customer ()"),
            (IMPL, "SELECT 1 FROM public.customer"),
        ]);
        assert_eq!(
            qualified,
            ["impl/20240102000000 core/20240101000000 relation public.customer"]
        );
    }

    #[test]
    fn functions_and_types_of_another_track_are_found_by_their_names() {
        let makes = "CREATE TYPE mood AS ENUM ('a'); CREATE DOMAIN s.email AS text; CREATE FUNCTION tax(n numeric) RETURNS numeric LANGUAGE sql AS 'SELECT n'";
        for (sql, found) in [
            ("CREATE TABLE t (m mood)", "type mood"),
            ("CREATE TABLE t (m s.email)", "type s.email"),
            ("CREATE VIEW v AS SELECT tax(1)", "function tax"),
            ("SELECT public.tax(1)", "function public.tax"),
            ("DROP FUNCTION tax(numeric)", "function tax"),
            ("ALTER TYPE mood ADD VALUE 'b'", "type mood"),
        ] {
            let told = needs(&[(CORE, makes), (IMPL, sql)]);
            let expected = format!("impl/20240102000000 core/20240101000000 {found}");
            assert_eq!(told, [expected], "{sql}");
        }
        for sql in [
            "CREATE TABLE t (m email, tax int)",
            "SELECT s.tax(1)",
            "SELECT tax FROM t",
            "CREATE FUNCTION tax(n int) RETURNS int LANGUAGE sql AS 'SELECT n'; SELECT tax(1)",
            "CREATE TYPE mood AS (a int); CREATE TABLE t (m mood)",
            "SELECT :tax(1)",
        ] {
            assert_eq!(
                needs(&[(CORE, makes), (IMPL, sql)]),
                Vec::<String>::new(),
                "{sql}"
            );
        }
    }

    #[test]
    fn what_is_somebody_elses_of_that_name_is_not() {
        let uses = "CREATE VIEW v AS SELECT 1 FROM customer";
        for (core, own) in [
            ("CREATE TEMP TABLE customer ()", uses),
            ("CREATE TABLE core.customer ()", uses),
            ("SET search_path = core; CREATE TABLE customer ()", uses),
            ("CREATE TABLE customer (); DROP TABLE customer", uses),
            (
                "CREATE FUNCTION customer() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                uses,
            ),
            (
                "CREATE TABLE customer ()",
                "CREATE TEMP TABLE customer (); SELECT 1 FROM customer",
            ),
            (
                "CREATE TABLE customer ()",
                "SELECT 1 INTO TEMP customer; SELECT 1 FROM customer",
            ),
            (
                "CREATE TABLE customer ()",
                "WITH customer AS (SELECT 1) SELECT 1 FROM customer",
            ),
            (
                "CREATE TABLE customer ()",
                "SET search_path = impl; SELECT 1 FROM customer",
            ),
            ("CREATE TABLE customer ()", "SELECT 1 FROM impl.customer"),
            ("CREATE TABLE customer ()", "SELECT 1 FROM :customer"),
        ] {
            let found = needs(&[(CORE, core), (IMPL, own)]);
            assert_eq!(found, Vec::<String>::new(), "{core} / {own}");
        }
        let files = [
            (CORE, "CREATE TABLE IF NOT EXISTS customer ()"),
            (IMPL, uses),
        ];
        assert_eq!(needs_beside("customer", &files), Vec::<String>::new());
        let same_track = needs(&[
            (CORE, "CREATE TABLE customer ()"),
            (IMPL, "CREATE TABLE IF NOT EXISTS customer ()"),
            (IMPL_2, uses),
        ]);
        assert_eq!(same_track, Vec::<String>::new());
    }

    #[test]
    fn the_maker_is_the_one_whose_relation_it_is_by_then() {
        let uses = "SELECT 1 FROM client";
        let found = needs(&[
            (CORE, "CREATE TABLE customer ()"),
            (CORE_2, "ALTER TABLE customer RENAME TO client"),
            (IMPL_2, uses),
        ]);
        assert_eq!(
            found,
            ["impl/20240104000000 core/20240103000000 relation client"]
        );
        // It is made too late.
        let found = needs(&[(IMPL, uses), (CORE_2, "CREATE TABLE client ()")]);
        assert_eq!(
            found,
            ["impl/20240102000000 core/20240103000000 relation client"]
        );
        let found = needs(&[
            (IMPL, "DROP TABLE IF EXISTS client"),
            (CORE_2, "CREATE TABLE client ()"),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }
}
