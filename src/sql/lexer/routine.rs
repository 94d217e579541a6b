//! The bodies of standard SQL, whose semicolons do not end the statement: psql counts BEGIN, CASE and
//! END in what begins with CREATE [OR REPLACE] FUNCTION or PROCEDURE.

/// How far a routine's definition is.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Routine {
    /// The first words of the statement, as far as they may define a routine.
    head: [Head; 4],
    words: usize,
    /// How many `BEGIN ATOMIC` and `CASE` are open.
    blocks: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Head {
    Create,
    Or,
    Replace,
    Routine,
    #[default]
    Other,
}

impl Routine {
    /// Takes the next unquoted word, in upper case.
    pub(super) fn word(&mut self, word: &str, is_outside: bool) {
        if let Some(head) = self.head.get_mut(self.words) {
            *head = match word {
                "CREATE" => Head::Create,
                "OR" => Head::Or,
                "REPLACE" => Head::Replace,
                "FUNCTION" | "PROCEDURE" => Head::Routine,
                _ => Head::Other,
            };
        }
        self.words += 1;
        if !is_outside || !self.is_routine() {
            return;
        }
        match word {
            "BEGIN" => self.blocks += 1,
            "CASE" if self.blocks > 0 => self.blocks += 1,
            "END" => self.blocks = self.blocks.saturating_sub(1),
            _ => {}
        }
    }

    /// Another statement begins, in the same query.
    pub(super) fn begin_statement(&mut self) {
        *self = Self {
            blocks: self.blocks,
            ..Self::default()
        };
    }

    pub(super) fn is_open(&self) -> bool {
        self.blocks > 0
    }

    /// Does the statement define a routine, as its first words say?
    pub(super) fn is_routine(&self) -> bool {
        matches!(
            self.head,
            [Head::Create, Head::Routine, ..]
                | [Head::Create, Head::Or, Head::Replace, Head::Routine]
        )
    }
}
