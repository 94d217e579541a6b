//! What comes out of psql, cut into sections by marks.
//! Pure; must not read by itself.

use std::collections::VecDeque;

/// How many lines of what a file prints are kept.
const KEPT_LINES: usize = 2_000;

/// What of a section is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// All of it: an answer to us, which must not lack a line.
    All,
    /// The latest lines, because an error comes last: a file may print any number.
    Latest,
}

#[derive(Debug, Default)]
pub struct Sections {
    /// What is kept of those that are still to end, in their order.
    expected: VecDeque<Kept>,
    complete: VecDeque<VecDeque<String>>,
    current: VecDeque<String>,
    closed: bool,
}

impl Sections {
    /// One more section is to come.
    pub fn expect(&mut self, kept: Kept) {
        self.expected.push_back(kept);
    }

    /// Takes a line in. A line that ends in the mark ends the section; what stands before the
    /// mark was printed without a line end and belongs to it.
    pub fn push(&mut self, line: String, mark: &str) {
        match line.strip_suffix(mark) {
            None => self.keep(line),
            Some(unfinished) => {
                if !unfinished.is_empty() {
                    self.keep(unfinished.to_owned());
                }
                self.complete.push_back(std::mem::take(&mut self.current));
                self.expected.pop_front();
            }
        }
    }

    fn keep(&mut self, line: String) {
        let is_flood = self.current.len() == KEPT_LINES;
        if is_flood && self.expected.front() == Some(&Kept::Latest) {
            self.current.pop_front();
        }
        self.current.push_back(line);
    }

    pub fn close(&mut self) {
        self.closed = true;
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// What has come of the section that is read next.
    pub fn begun(&self) -> impl Iterator<Item = &str> {
        let next = self.complete.front().unwrap_or(&self.current);
        next.iter().map(String::as_str)
    }

    /// Is there a section that ended with a mark?
    pub fn has_complete(&self) -> bool {
        !self.complete.is_empty()
    }

    /// The oldest section that ended with a mark.
    pub fn next_complete(&mut self) -> Vec<String> {
        self.complete.pop_front().unwrap_or_default().into()
    }

    /// All that is left, with or without a mark.
    pub fn rest(&mut self) -> Vec<String> {
        let mut rest: Vec<_> = self.complete.drain(..).flatten().collect();
        rest.extend(self.current.drain(..));
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_cut_the_stream_even_behind_an_unfinished_line() {
        let mut sections = Sections::default();
        for line in ["one", "two", "MARK", "no line endMARK", "left over"] {
            sections.push(line.to_owned(), "MARK");
        }
        assert_eq!(sections.next_complete(), ["one", "two"]);
        assert_eq!(sections.next_complete(), ["no line end"]);
        assert!(!sections.has_complete());
        assert_eq!(sections.rest(), ["left over"]);
    }

    #[test]
    fn a_flood_keeps_its_latest_lines_and_an_answer_all() {
        let mut sections = Sections::default();
        let flood = |sections: &mut Sections| {
            for number in 0..KEPT_LINES + 5 {
                sections.push(number.to_string(), "MARK");
            }
        };
        sections.expect(Kept::All);
        sections.expect(Kept::Latest);
        flood(&mut sections);
        sections.push("MARK".to_owned(), "MARK");
        flood(&mut sections);
        assert_eq!(sections.next_complete().len(), KEPT_LINES + 5);
        let rest = sections.rest();
        assert_eq!(rest.len(), KEPT_LINES);
        assert_eq!(rest.first().map(String::as_str), Some("5"));
    }
}
