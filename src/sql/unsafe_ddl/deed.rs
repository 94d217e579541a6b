//! What a statement does to objects by its words: which it makes, renames, fills, drops or takes hold
//! of. Pure; a statement that is not understood does nothing.

use squawk_syntax::SyntaxNode;

/// What shares its names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, strum::Display,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Family {
    /// Tables, views, sequences, indexes.
    Relation,
    Type,
    Routine,
    Schema,
}

/// An object as a statement names it, or as a database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub family: Family,
    pub schema: Option<String>,
    pub name: String,
}

impl std::fmt::Display for Named {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(schema) = &self.schema {
            write!(out, "{schema}.")?;
        }
        out.write_str(&self.name)
    }
}

impl Named {
    /// May both be the same object, as far as their names tell?
    pub fn may_be(&self, other: &Self) -> bool {
        let is_other = |(one, other): (&String, &String)| one != other;
        self.family == other.family
            && self.name == other.name
            && !self
                .schema
                .as_ref()
                .zip(other.schema.as_ref())
                .is_some_and(is_other)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deed {
    pub made: Vec<Named>,
    pub renamed: Option<(Named, Named)>,
    /// Rows are put into it.
    pub filled: Option<Named>,
    pub dropped: Vec<Named>,
    /// What was there before, and is locked, changed or gone.
    pub touched: Vec<Named>,
    /// Is what it makes gone with the session?
    pub is_temporary: bool,
    /// The schemas where names are looked for from now on, as far as they are told.
    pub path: Option<Vec<String>>,
}

/// Reads a statement; of one with psql's variables in it nobody knows what it is about.
pub fn deed(statement: &SyntaxNode) -> Deed {
    Words::of(statement).deed().unwrap_or_default()
}

/// Reads a statement word by word.
pub(super) struct Words {
    pub tokens: Vec<String>,
    pub at: usize,
}

impl Words {
    pub fn of(statement: &SyntaxNode) -> Self {
        let tokens = statement
            .descendants_with_tokens()
            .filter_map(|element| element.into_token())
            .filter(|token| !token.kind().is_trivia())
            .map(|token| token.text().to_owned())
            .collect();
        Self { tokens, at: 0 }
    }

    pub fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    /// Goes on if the next word is this one.
    pub fn take(&mut self, word: &str) -> bool {
        let is_it = self.peek().eq_ignore_ascii_case(word);
        self.at += usize::from(is_it);
        is_it
    }

    pub fn take_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.take(word))
    }

    pub fn skip(&mut self, words: &[&str]) {
        while self.take_any(words) {}
    }

    /// Goes on behind the next such word, if there is one.
    fn seek(&mut self, word: &str) -> Option<()> {
        let rest = self.tokens.get(self.at..)?;
        let found = rest
            .iter()
            .position(|token| token.eq_ignore_ascii_case(word))?;
        self.at += found + 1;
        Some(())
    }

    pub fn word(&mut self) -> Option<String> {
        let token = self.peek();
        let plain = match token.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"')?.replace("\"\"", "\""),
            None if token.starts_with(|first: char| first.is_alphabetic() || first == '_') => {
                token.to_lowercase()
            }
            None => return None,
        };
        self.at += 1;
        Some(plain)
    }

    pub fn named(&mut self, family: Family) -> Option<Named> {
        let mut name = self.word()?;
        let mut schema = None;
        while self.take(".") {
            schema = Some(std::mem::replace(&mut name, self.word()?));
        }
        Some(Named {
            family,
            schema,
            name,
        })
    }

    /// `IF EXISTS a, ONLY b (int), c`
    fn list(&mut self, family: Family) -> Vec<Named> {
        let mut found = Vec::new();
        self.existence();
        loop {
            self.skip(&["ONLY"]);
            let Some(named) = self.named(family) else {
                return found;
            };
            found.push(named);
            self.skip(&["*"]);
            self.parentheses();
            if !self.take(",") {
                return found;
            }
        }
    }

    fn parentheses(&mut self) {
        if !self.take("(") {
            return;
        }
        let mut depth = 1;
        while depth > 0 && self.at < self.tokens.len() {
            match self.peek() {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
    }

    fn existence(&mut self) {
        self.skip(&["IF", "NOT", "EXISTS"]);
    }

    /// The kind of object, as its family.
    fn family(&mut self) -> Option<Family> {
        self.skip(&["MATERIALIZED", "FOREIGN"]);
        if self.take_any(&["TABLE", "VIEW", "SEQUENCE", "INDEX"]) {
            Some(Family::Relation)
        } else if self.take_any(&["TYPE", "DOMAIN"]) {
            Some(Family::Type)
        } else if self.take_any(&["FUNCTION", "PROCEDURE", "AGGREGATE", "ROUTINE"]) {
            Some(Family::Routine)
        } else {
            self.take("SCHEMA").then_some(Family::Schema)
        }
    }

    fn deed(mut self) -> Option<Deed> {
        match self.word()?.as_str() {
            "create" => self.create(),
            "set" => {
                self.take_any(&["LOCAL", "SESSION"]);
                self.take("SEARCH_PATH").then(|| self.path())
            }
            "select" => self.selection(),
            "alter" => self.alter(),
            "drop" => self.drop(),
            "truncate" | "lock" => {
                self.skip(&["TABLE"]);
                Some(touched(self.list(Family::Relation)))
            }
            "cluster" | "vacuum" => {
                self.skip(&["FULL", "VERBOSE", "FREEZE", "ANALYZE"]);
                self.parentheses();
                Some(touched(self.list(Family::Relation)))
            }
            "reindex" => {
                self.parentheses();
                let family = self.family()?;
                self.skip(&["CONCURRENTLY"]);
                Some(touched(self.list(family)))
            }
            "refresh" => {
                self.family()?;
                self.skip(&["CONCURRENTLY"]);
                Some(touched(self.list(Family::Relation)))
            }
            "insert" => {
                self.take("INTO");
                Some(filled(self.named(Family::Relation)?))
            }
            "copy" => {
                let table = self.named(Family::Relation)?;
                self.seek("FROM")?;
                Some(filled(table))
            }
            _ => None,
        }
    }

    /// `TO a, 'b'`; of other words nobody knows which schemas they are.
    fn path(&mut self) -> Deed {
        let mut path = Vec::new();
        self.take_any(&["TO", "="]);
        loop {
            let text = self.peek().strip_prefix('\'');
            let text = text
                .and_then(|text| text.strip_suffix('\''))
                .map(str::to_owned);
            self.at += usize::from(text.is_some());
            match text.or_else(|| self.word()) {
                Some(name) if name != "default" => path.push(name),
                _ => path.clear(),
            }
            if !self.take(",") {
                break;
            }
        }
        path.retain(|name| !name.is_empty() && name != "$user");
        Deed {
            path: Some(path),
            ..Deed::default()
        }
    }

    /// `SELECT set_config('search_path', ...)`, and `SELECT ... INTO a`.
    fn selection(&mut self) -> Option<Deed> {
        if self.tokens.iter().any(|token| token == "'search_path'") {
            return Some(Deed {
                path: Some(vec![]),
                ..Deed::default()
            });
        }
        self.seek("INTO")?;
        let is_temporary = self.take_any(&["TEMP", "TEMPORARY"]);
        self.skip(&["UNLOGGED", "TABLE"]);
        let made = self.named(Family::Relation)?;
        Some(Deed {
            filled: Some(made.clone()),
            made: vec![made],
            is_temporary,
            ..Deed::default()
        })
    }

    fn create(&mut self) -> Option<Deed> {
        self.skip(&["OR", "REPLACE", "GLOBAL", "LOCAL"]);
        let is_temporary = self.take_any(&["TEMP", "TEMPORARY"]);
        self.skip(&["UNLOGGED"]);
        self.skip(&["RECURSIVE", "UNIQUE", "CONSTRAINT"]);
        if self.take("INDEX") {
            self.skip(&["CONCURRENTLY"]);
            self.existence();
            let index = if self.peek().eq_ignore_ascii_case("ON") {
                None
            } else {
                self.named(Family::Relation)
            };
            self.seek("ON")?;
            let touched = self.list(Family::Relation);
            let schema = touched.first().and_then(|table| table.schema.clone());
            let made = index.map(|index| Named { schema, ..index });
            return Some(Deed {
                made: made.into_iter().collect(),
                touched,
                ..Deed::default()
            });
        }
        if self.take_any(&["TRIGGER", "POLICY", "RULE"]) {
            self.seek("ON")?;
            return Some(touched(vec![self.named(Family::Relation)?]));
        }
        let family = self.family()?;
        self.existence();
        let made = self.named(family)?;
        let is_copy = family == Family::Relation && self.peek().eq_ignore_ascii_case("AS");
        let touched = if self.take("PARTITION") && self.take("OF") {
            self.named(Family::Relation).into_iter().collect()
        } else {
            vec![]
        };
        Some(Deed {
            filled: is_copy.then(|| made.clone()),
            is_temporary: is_temporary || made.schema.as_deref() == Some("pg_temp"),
            made: vec![made],
            touched,
            ..Deed::default()
        })
    }

    fn alter(&mut self) -> Option<Deed> {
        if self.take_any(&["TRIGGER", "POLICY", "RULE"]) {
            self.seek("ON")?;
            return Some(touched(vec![self.named(Family::Relation)?]));
        }
        let family = self.family()?;
        self.existence();
        self.skip(&["ONLY"]);
        let it = self.named(family)?;
        self.skip(&["*"]);
        self.parentheses();
        let mut deed = touched(vec![it.clone()]);
        if self.take("RENAME") {
            if self.take("TO") {
                let name = self.word()?;
                let new = Named { name, ..it.clone() };
                deed.renamed = Some((it, new));
            }
            return Some(deed);
        }
        if self.take("SET") && self.take("SCHEMA") {
            let schema = self.word();
            let new = Named {
                schema,
                ..it.clone()
            };
            deed.renamed = Some((it, new));
            return Some(deed);
        }
        // Both tables of a foreign key are locked, and a partition with its table.
        while self.at < self.tokens.len() {
            let is_other = self.take("REFERENCES")
                || (self.take_any(&["ATTACH", "DETACH"]) && self.take("PARTITION"));
            if is_other {
                deed.touched.extend(self.named(Family::Relation));
            } else {
                self.at += 1;
            }
        }
        Some(deed)
    }

    fn drop(&mut self) -> Option<Deed> {
        if self.take_any(&["TRIGGER", "POLICY", "RULE"]) {
            self.seek("ON")?;
            return Some(touched(vec![self.named(Family::Relation)?]));
        }
        let family = self.family()?;
        self.skip(&["CONCURRENTLY"]);
        let dropped = self.list(family);
        Some(Deed {
            touched: dropped.clone(),
            dropped,
            ..Deed::default()
        })
    }
}

fn touched(touched: Vec<Named>) -> Deed {
    Deed {
        touched,
        ..Deed::default()
    }
}

fn filled(table: Named) -> Deed {
    Deed {
        filled: Some(table),
        ..Deed::default()
    }
}

#[cfg(test)]
mod tests {
    use squawk_syntax::SourceFile;

    use super::*;

    fn told(statement: &str) -> String {
        let file = SourceFile::parse(statement).syntax_node();
        let deed = deed(&file.children().next().unwrap());
        let list = |names: &[Named]| {
            let names = names.iter().map(Named::to_string);
            names.collect::<Vec<_>>().join(",")
        };
        let mut told = format!("{}/{}", list(&deed.made), list(&deed.touched));
        if let Some((from, to)) = deed.renamed {
            told += &format!(" {}>{}", list(&[from]), list(&[to]));
        }
        if let Some(table) = deed.filled {
            told += &format!(" +{}", list(&[table]));
        }
        if deed.is_temporary {
            told += " temporary";
        }
        if let Some(path) = deed.path {
            told += &format!(" in {}", path.join(","));
        }
        told
    }

    #[test]
    fn statements_are_read_by_their_words() {
        for (statement, expected) in [
            (
                "CREATE TABLE IF NOT EXISTS a.\"B \"\"c\" (id int)",
                "a.B \"c/",
            ),
            ("create unlogged table A AS SELECT 1", "a/ +a"),
            (
                "CREATE TABLE p1 PARTITION OF s.p FOR VALUES IN (1)",
                "p1/s.p",
            ),
            (
                "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY s.t (x)",
                "s.i/s.t",
            ),
            ("CREATE INDEX ON t USING gin (x)", "/t"),
            ("CREATE OR REPLACE VIEW v AS SELECT 1", "v/ +v"),
            ("CREATE MATERIALIZED VIEW m AS SELECT 1", "m/ +m"),
            (
                "CREATE TRIGGER tr BEFORE UPDATE ON s.t FOR EACH ROW EXECUTE FUNCTION f()",
                "/s.t",
            ),
            (
                "CREATE OR REPLACE FUNCTION s.f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "s.f/",
            ),
            (
                "ALTER TABLE IF EXISTS ONLY s.t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (id)",
                "/s.t,u",
            ),
            ("ALTER TABLE t /* x */ RENAME TO u", "/t t>u"),
            ("ALTER TABLE t RENAME COLUMN a TO b", "/t"),
            ("ALTER TABLE t SET SCHEMA s", "/t t>s.t"),
            ("ALTER TABLE t ATTACH PARTITION p FOR VALUES IN (1)", "/t,p"),
            ("DROP TABLE IF EXISTS a, b.c CASCADE", "/a,b.c"),
            ("DROP FUNCTION f(int, text), g()", "/f,g"),
            ("DROP INDEX CONCURRENTLY i", "/i"),
            ("DROP TRIGGER tr ON t", "/t"),
            ("ALTER TRIGGER tr ON t RENAME TO u", "/t"),
            ("TRUNCATE ONLY a, b", "/a,b"),
            ("VACUUM (FULL) t", "/t"),
            ("REINDEX TABLE t", "/t"),
            ("INSERT INTO s.t VALUES (1)", "/ +s.t"),
            ("COPY t (a) FROM stdin", "/ +t"),
            ("COPY t TO stdout", "/"),
            ("SELECT 1", "/"),
            ("CREATE TEMP TABLE t AS SELECT 1", "t/ +t temporary"),
            ("create table pg_temp.t ()", "pg_temp.t/ temporary"),
            ("SELECT 1 AS x INTO TEMP TABLE t FROM u", "t/ +t temporary"),
            ("SET LOCAL search_path TO \"$user\", 'A b', c", "/ in A b,c"),
            ("set search_path = default", "/ in "),
            (
                "SELECT pg_catalog.set_config('search_path', '', false)",
                "/ in ",
            ),
        ] {
            assert_eq!(told(statement), expected, "{statement}");
        }
    }
}
