//! Which psql variables a migration uses and nobody has set, and what it leaves behind.
//! Pure; psql itself would send `:name` to the server as it stands.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{INJECTED, Variables, is_psqls_own};
use crate::sql::inspection::Violation;
use crate::sql::lexer::{Command, Form, Item, Variable};
use crate::sql::script::Script;

/// What a migration leaves in psql, which the next one must not see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    pub variables: bool,
    /// The environment variables that it sets.
    pub environment: BTreeSet<String>,
}

impl Leftovers {
    /// Adds what a script leaves.
    pub fn take(&mut self, script: &Script<'_>) {
        for item in script.items.iter() {
            if let Item::Command(command) = item {
                self.take_command(command);
            }
        }
    }

    fn take_command(&mut self, command: &Command) {
        let first = command.arguments.first();
        match command.name.as_str() {
            "setenv" => self
                .environment
                .extend(first.and_then(|name| name.literal()).map(str::to_owned)),
            "set" | "unset" | "gset" | "getenv" => self.variables = true,
            // What psql works out at run time may be anything.
            "i" | "ir" | "include" | "include_relative" => {
                self.variables |= first.is_none_or(|file| !file.is_literal);
            }
            _ => {}
        }
    }
}

/// The uses of variables that nobody has set: in the migration, which is read from top to bottom,
/// and in the scripts it includes, where all that any of these files sets counts.
pub fn unset(migration: &Script<'_>, included: &[Script<'_>], users: &Variables) -> Vec<Violation> {
    let mut uses = Uses::new(users);
    for script in included {
        uses.expect(script);
    }
    uses.own(migration);
    for script in included {
        uses.included(script);
    }
    uses.finish()
}

/// Finds the same piece by piece. It is told of all scripts that are included, then of the migration's
/// own, then of all that are included again.
pub struct Uses<'a> {
    /// What the included scripts set.
    included: Known<'a>,
    /// What any script sets.
    everywhere: Known<'a>,
    /// What the migration has set so far.
    known: Known<'a>,
    found: Vec<Violation>,
}

impl<'a> Uses<'a> {
    pub fn new(users: &'a Variables) -> Self {
        Self {
            included: Known::new(users),
            everywhere: Known::new(users),
            known: Known::new(users),
            found: Vec::new(),
        }
    }

    /// What an included script sets.
    pub fn expect(&mut self, script: &Script<'_>) {
        self.included.take_all(script);
        self.everywhere.take_all(script);
    }

    pub fn own(&mut self, script: &Script<'_>) {
        self.known.begin(script);
        for (index, item) in script.items.iter().enumerate() {
            self.known.judge(item, script, &mut self.found);
            self.known.take(item, index, script);
            if let Item::Command(command) = item
                && is_include(command)
            {
                self.known.join(&self.included);
            }
        }
        self.known.keep_last(script);
        self.everywhere.take_all(script);
    }

    pub fn included(&mut self, script: &Script<'_>) {
        for item in script.items.iter() {
            self.everywhere.judge(item, script, &mut self.found);
        }
    }

    pub fn finish(self) -> Vec<Violation> {
        self.found
    }
}

/// Does a meta-command go wrong where a variable has no value? Others show or ignore its name, and
/// `\copy` and pipes know no variables.
fn needs_values(command: &str) -> bool {
    [
        "if",
        "elif",
        "set",
        "i",
        "ir",
        "include",
        "include_relative",
    ]
    .contains(&command)
}

/// Does `--` stand before it in its line? Only meta-commands have such variables.
fn is_in_comment(content: &[u8], variable: &Variable) -> bool {
    let before = content.get(..variable.range.start).unwrap_or_default();
    let line = before
        .rsplit(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    memchr::memmem::find(line, b" --").is_some()
}

fn is_include(command: &Command) -> bool {
    ["i", "ir", "include", "include_relative"].contains(&command.name.as_str())
}

/// The names that have a value, as far as can be told without running anything.
#[derive(Clone)]
struct Known<'a> {
    users: &'a Variables,
    set: BTreeSet<String>,
    /// Statements behind which `\gset` made a variable of each column, with its prefix.
    queries: Vec<(String, Vec<u8>)>,
    /// Something was set or included that nobody knows.
    anything: bool,
    /// How many `\if` are open.
    depth: usize,
    /// The last statement of the piece before: has it variables, and its text.
    last: (bool, Vec<u8>),
}

/// A statement that `\gset` makes variables of.
struct Query<'a> {
    has_variables: bool,
    text: &'a [u8],
}

/// The last statement before an item.
fn statement_before<'a>(index: usize, script: &Script<'a>) -> Option<Query<'a>> {
    let before = script.items.iter().take(index).rev();
    let mut statements = before.filter_map(|item| match item {
        Item::Statement(statement) => Some(statement),
        Item::Command(_) => None,
    });
    statements.next().map(|statement| Query {
        has_variables: !statement.variables.is_empty(),
        text: script.text(&statement.range),
    })
}

impl<'a> Known<'a> {
    fn new(users: &'a Variables) -> Self {
        Self {
            users,
            set: BTreeSet::new(),
            queries: vec![],
            anything: false,
            depth: 0,
            last: (false, Vec::new()),
        }
    }

    fn join(&mut self, other: &Self) {
        self.set.extend(other.set.iter().cloned());
        self.queries.extend(other.queries.iter().cloned());
        self.anything |= other.anything;
    }

    fn take_all(&mut self, script: &Script<'_>) {
        self.begin(script);
        for (index, item) in script.items.iter().enumerate() {
            self.take(item, index, script);
        }
        self.keep_last(script);
    }

    /// A script of its own begins without a statement before it.
    fn begin(&mut self, script: &Script<'_>) {
        if script.offset == 0 {
            self.last = (false, Vec::new());
        }
    }

    /// Keeps the last statement of a piece, which `\gset` may be about in the next.
    fn keep_last(&mut self, script: &Script<'_>) {
        if let Some(last) = statement_before(script.items.len(), script) {
            self.last = (last.has_variables, last.text.to_vec());
        }
    }

    /// Notes what the item of this index sets.
    fn take(&mut self, item: &Item, index: usize, script: &Script<'_>) {
        let variables = match item {
            Item::Statement(statement) => &statement.variables,
            Item::Command(command) => &command.variables,
        };
        // Whoever asks whether a variable is there knows that it may not be.
        let tested = variables.iter().filter(|found| found.form == Form::Test);
        self.set.extend(tested.map(|found| found.name.clone()));
        let Item::Command(command) = item else {
            return;
        };
        let argument = |index: usize| command.arguments.get(index);
        let literal = |index: usize| argument(index).and_then(|found| found.literal());
        match command.name.as_str() {
            "if" => self.depth += 1,
            "endif" => self.depth = self.depth.saturating_sub(1),
            "set" | "getenv" => {
                self.set.extend(literal(0).map(str::to_owned));
                // A name that is a variable's value may be any name.
                self.anything |= argument(0).is_some_and(|name| !name.is_literal);
            }
            // In a branch it may not happen.
            "unset" if self.depth == 0 => {
                if let Some(name) = literal(0) {
                    self.set.remove(name);
                }
            }
            "gset" => {
                self.anything |= argument(0).is_some_and(|prefix| !prefix.is_literal);
                let (has_variables, last) = &self.last;
                let query = statement_before(index, script).unwrap_or(Query {
                    text: last,
                    has_variables: *has_variables,
                });
                let prefix = literal(0).unwrap_or_default().to_owned();
                self.anything |= query.has_variables;
                self.queries.push((prefix, query.text.to_vec()));
            }
            _ if is_include(command) => {
                self.anything |= argument(0).is_none_or(|file| !file.is_literal);
            }
            _ => {}
        }
    }

    /// Notes the variables in an item that have no value.
    fn judge(&self, item: &Item, script: &Script<'_>, found: &mut Vec<Violation>) {
        // Nobody can tell which branch is taken, and the other one may use what is not there.
        if self.depth > 0 {
            return;
        }
        let variables = match item {
            Item::Statement(statement) => &statement.variables,
            Item::Command(command) if needs_values(&command.name) => &command.variables,
            Item::Command(_) => return,
        };
        let unknown = variables.iter().filter(|variable| {
            // In a slice a colon may be meant as one, and behind `--` everything is meant as a comment.
            let is_use = matches!(variable.form, Form::Plain | Form::Quoted);
            is_use && !self.has(&variable.name) && !is_in_comment(script.content, variable)
        });
        found.extend(unknown.map(|Variable { name, line, .. }| Violation {
            path: script.path.to_owned(),
            line: *line,
            found: format!(":{name}"),
        }));
    }

    fn has(&self, name: &str) -> bool {
        self.anything
            || INJECTED.contains(&name)
            || is_psqls_own(name)
            || self.users.contains_key(name)
            || self.set.contains(name)
            || self
                .queries
                .iter()
                .any(|(prefix, query)| gives(query, prefix, name))
    }
}

/// May a query have a column of this name? The name stands in it, or its columns are called after
/// something else: a type, a table's columns, a function's parameters.
fn gives(query: &[u8], prefix: &str, name: &str) -> bool {
    let Some(column) = name.strip_prefix(prefix) else {
        return false;
    };
    static UNNAMED: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)\*|::|\bcast\b|\btrim\b|U&").ok());
    let is_select = query
        .get(..6)
        .is_some_and(|first| first.eq_ignore_ascii_case(b"select"));
    let is_unnamed = UNNAMED
        .as_ref()
        .is_none_or(|pattern| pattern.is_match(query));
    let word = format!(r"(?i)\b{}\b", regex::escape(column));
    let names_it = || Regex::new(&word).is_ok_and(|word| word.is_match(query));
    // PostgreSQL cuts longer names off.
    !is_select || is_unnamed || column.len() >= LONGEST_NAME || names_it()
}

/// How many bytes of a name PostgreSQL keeps.
const LONGEST_NAME: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::script::script;
    use std::path::Path;

    fn found(content: &str) -> Vec<String> {
        let users = Variables::from([("tenant".to_owned(), String::new())]);
        unset(&script(content), &[], &users)
            .into_iter()
            .map(|found| format!("{}{}", found.line, found.found))
            .collect()
    }

    #[test]
    fn what_nobody_has_set_is_found_with_its_line() {
        assert_eq!(
            found("SELECT :a;\n\nSELECT :'b', :\"c\",\n  :d;\n"),
            ["1:a", "3:b", "3:c", "4:d"]
        );
        assert_eq!(
            found("\\if :flag\n\\endif\n\\set x :y\n"),
            ["1:flag", "3:y"]
        );
        assert_eq!(found("SELECT ARRAY[:ids];"), ["1:ids"]);
        assert_eq!(found("SELECT :x;\n\\set x 1\n"), ["1:x"], "set too late");
        assert_eq!(found("\\set x 1\n\\unset x\nSELECT :x;\n"), ["3:x"]);
        assert_eq!(found("SELECT 1 AS n \\gset\nSELECT :m;\n"), ["2:m"]);
        assert_eq!(
            found("SELECT 1 AS n \\gset p_\nSELECT :n, :p_n;\n"),
            ["2:n"]
        );
    }

    #[test]
    fn what_has_a_value_or_is_none_is_not() {
        for fine in [
            "SELECT :tenant, :'migration_name', :\"track_name\", :DBNAME;",
            "\\set x 1\nSELECT :x;",
            "\\getenv home HOME\nSELECT :'home';",
            "SELECT count(*) AS n, max(id) AS \"Max\" FROM t \\gset\nSELECT :n, :Max;",
            "SELECT * FROM t \\gset\nSELECT :anything;",
            "SELECT count(*) FROM t \\gset\n\\if :count\n\\endif",
            "\\if :{?x}\nSELECT :x;\n\\endif",
            "\\i :tenant\nSELECT :whatever;",
            "SELECT a::text, b[1:n], c[:lo:hi], f(y := 1), '12:30', \\:x;",
            "\\echo Step:done :later",
            "VALUES (1, 2) \\gset\nSELECT :column1;",
            "SELECT '5'::int \\gset\nSELECT :int4;",
            "FETCH c \\gset\nSELECT :foo;",
            "SELECT trim('x') \\gset\nSELECT :'btrim';",
            "\\set c x\nSELECT 1 AS :c \\gset\nSELECT :x;",
            "\\set p x\nSELECT 1 AS n \\gset :p\nSELECT :xn;",
            "\\set n x\n\\set :n 1\nSELECT :x;",
            "\\if false\nSELECT :nope;\n\\endif",
            "\\if true\n\\set a 1\n\\else\n\\unset a\n\\endif\nSELECT :a;",
            "\\copy (SELECT (array[1,2])[1 :n]) to pstdout",
            "SELECT 1 \\g | cat :foo",
            "\\C title :y",
            "\\set x 1 -- like :foo",
            "SELECT JSON_OBJECT('id':id);",
            "COPY t (a, b, c, d, e, f, g, h, i, j, k, l, m, n) FROM stdin;\nmailto:bob\n\\.\n",
            "COPY t FROM stdin;\n:x\n\\.\n",
        ] {
            assert_eq!(found(fine), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn includes_set_and_use_variables_too() {
        let users = Variables::new();
        let main = script("\\ir b.sql\nSELECT :from_include;\n\\set late 1\n");
        let include = Script::new(
            Path::new("/db/b.sql"),
            b"\\set from_include 1\nSELECT :late, :nowhere;\n",
        );
        let found = unset(&main, &[include], &users);
        let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["b.sql, line 2: :nowhere"]);
    }

    #[test]
    fn gset_is_about_the_last_statement_of_the_piece_before() {
        let users = Variables::new();
        let mut uses = Uses::new(&users);
        uses.own(&script("SELECT 7 AS k;\n"));
        uses.own(&Script {
            offset: 15,
            ..script("\\gset\nSELECT :k, :z;\n")
        });
        let found = uses.finish();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].found, ":z");
    }

    #[test]
    fn what_stays_in_psql_is_known() {
        let left = |content| {
            let mut left = Leftovers::default();
            left.take(&script(content));
            left
        };
        assert_eq!(
            left("SELECT 1;\n\\echo x\n\\ir b.sql\n"),
            Leftovers::default()
        );
        for sets in [
            "\\set x 1",
            "SELECT 1 AS x \\gset",
            "\\getenv x X",
            "\\i :file",
        ] {
            assert!(left(sets).variables, "{sets}");
        }
        let environment = left("\\setenv PAGER cat\n\\setenv X\n").environment;
        assert_eq!(environment.into_iter().collect::<Vec<_>>(), ["PAGER", "X"]);
    }
}
