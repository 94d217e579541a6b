//! Checksums of migration files, ours and the predecessor's.
//! Works on bytes: a migration may be in any encoding. Must not open files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read, Seek};

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::sql::lexer::BYTE_ORDER_MARK;

/// What a file's content was: SHA-256 in lower-case hex, over the content with line endings
/// normalised and a byte order mark removed, so that a checkout on Windows is no change.
///
/// Where it includes other files, the second form: `SECOND_FORM` and the first 62 digits of the
/// SHA-256 over each file's name as it is written, whether it is there, its length and its content, so
/// that no line can move from one file to another unseen. 64 characters in all, as many as the
/// narrowest ledger of the predecessor's has room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    digest: String,
    /// The first form of it, which had neither names nor lengths: rows of earlier versions hold it.
    first_form: Option<String>,
    parts: Parts,
}

const SECOND_FORM: &str = "2:";

/// How much of a file of data is in memory at once.
const PIECE: u64 = 256 * 1024;

/// A file that a migration includes, as far as it counts.
pub struct Part<'a> {
    /// As the script says it, the same on every machine.
    pub written: &'a str,
    /// For people: relative to the migration.
    pub name: String,
    pub content: Content<'a>,
    pub is_in_first_form: bool,
}

/// What is in an included file.
pub enum Content<'a> {
    /// There is no such file.
    Absent,
    Script(&'a [u8]),
    /// Data may be larger than the memory, and is read piece by piece.
    Data(Box<dyn Data>),
}

/// A file to read from.
pub trait Data: Read + Seek {}

impl<T: Read + Seek> Data for T {}

/// What the single files of a migration that includes others were: SHA-256 by name. The migration
/// itself has the empty name. A migration that includes nothing has no parts.
///
/// One that stands for others has those as well, with [`REPLACED`] for a hash.
pub type Parts = BTreeMap<String, String>;

/// What stands in place of a hash for a migration that another one replaces.
pub const REPLACED: &str = "replaced";

impl Checksum {
    /// The checksum of a file's content and of the files it includes, in that order.
    pub fn of<'a>(content: &[u8], included: impl IntoIterator<Item = Part<'a>>) -> Self {
        let own = normalise(content);
        let mut forms = Forms {
            first: Sha256::new_with_prefix(&own),
            second: Sha256::new(),
        };
        forms.count("", Some(&own));
        Self::with(forms, || Sha256::digest(&own), included)
    }

    /// The same where the content is not in memory.
    ///
    /// # Errors
    /// It cannot be read to its end.
    pub fn of_large<'a>(
        content: &mut dyn Data,
        included: impl IntoIterator<Item = Part<'a>>,
    ) -> io::Result<Self> {
        let forms = Forms {
            first: Sha256::new(),
            second: Sha256::new(),
        };
        let (forms, digest) = forms.stream("", content, true)?;
        Ok(Self::with(forms, || digest, included))
    }

    fn with<'a>(
        mut forms: Forms,
        own: impl Fn() -> Digested,
        included: impl IntoIterator<Item = Part<'a>>,
    ) -> Self {
        let mut parts = Parts::new();
        for part in included {
            if let Some(digest) = forms.take(part.written, part.content, part.is_in_first_form) {
                parts.insert(part.name, hex(&digest));
            }
            parts.insert(String::new(), hex(&own()));
        }
        let first_form = hex(&forms.first.finalize());
        if parts.is_empty() {
            return Self {
                digest: first_form,
                first_form: None,
                parts,
            };
        }
        let digest: String = hex(&forms.second.finalize()).chars().take(62).collect();
        Self {
            digest: format!("{SECOND_FORM}{digest}"),
            first_form: Some(first_form),
            parts,
        }
    }

    /// The same for a file that stands for others, which the ledger is to keep: another tree may
    /// require them, and not have the file.
    #[must_use]
    pub fn standing_for(mut self, others: Vec<String>) -> Self {
        let others = others.into_iter().map(|name| (name, REPLACED.to_owned()));
        self.parts.extend(others);
        self
    }

    /// Is this what a ledger says of the same content?
    pub fn is_recorded_as(&self, hash: &str) -> bool {
        hash == self.digest || self.first_form.as_deref() == Some(hash)
    }

    /// The single files, where there are several.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The 64 hex digits, as the ledger stores them.
    pub fn as_str(&self) -> &str {
        &self.digest
    }
}

/// Both forms of a checksum, as far as they have come.
#[derive(Clone)]
struct Forms {
    first: Sha256,
    second: Sha256,
}

type Digested = sha2::digest::Output<Sha256>;

impl Forms {
    /// Takes a file in; gives the digest of its content, if it is there.
    fn take(&mut self, name: &str, content: Content<'_>, is_in_first: bool) -> Option<Digested> {
        match content {
            Content::Absent => {
                self.count(name, None);
                None
            }
            Content::Script(content) => {
                let content = normalise(content);
                self.count(name, Some(&content));
                if is_in_first {
                    self.first.update(&content);
                }
                Some(Sha256::digest(&content))
            }
            // One that cannot be read to its end is as one that is not there: psql says why.
            Content::Data(mut data) => match self.stream(name, &mut *data, is_in_first) {
                Ok((forms, digest)) => {
                    *self = forms;
                    Some(digest)
                }
                Err(_) => {
                    self.count(name, None);
                    None
                }
            },
        }
    }

    /// A file with its borders, so that nothing can move over them unseen.
    fn count(&mut self, name: &str, content: Option<&[u8]>) {
        self.announce(name, content.map(length));
        self.second.update(content.unwrap_or_default());
    }

    fn announce(&mut self, name: &str, size: Option<u64>) {
        self.second.update(length(name.as_bytes()).to_be_bytes());
        self.second.update(name);
        self.second.update([u8::from(size.is_some())]);
        self.second.update(size.unwrap_or_default().to_be_bytes());
    }

    /// The same for a file that is not in memory. Its length without what does not count comes first,
    /// and is guessed: only a file with the line endings of Windows is read twice.
    fn stream(
        &self,
        name: &str,
        data: &mut dyn Data,
        is_in_first: bool,
    ) -> io::Result<(Self, Digested)> {
        let mut size = data.seek(io::SeekFrom::End(0))?;
        for _ in 0..2 {
            data.rewind()?;
            let mut forms = self.clone();
            let mut own = Sha256::new();
            forms.announce(name, Some(size));
            let found = normalised(data, |piece| {
                own.update(piece);
                forms.second.update(piece);
                if is_in_first {
                    forms.first.update(piece);
                }
            })?;
            if found == size {
                return Ok((forms, own.finalize()));
            }
            size = found;
        }
        Err(io::Error::other("it changes while it is read"))
    }
}

fn length(text: &[u8]) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// Is this hash one that the predecessor of this tool wrote, 32 hex digits of MD5?
pub fn is_legacy(recorded: &str) -> bool {
    recorded.len() == 32 && recorded.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Does the predecessor's hash belong to this content?
///
/// It hashed the bytes as they lay on that machine, so both kinds of line endings count.
pub fn matches_legacy(recorded: &str, content: &[u8]) -> bool {
    let unix = normalise(content);
    let windows = with_crlf(&unix);
    [content, &unix, &windows]
        .iter()
        .any(|bytes| hex(&Md5::digest(bytes)).eq_ignore_ascii_case(recorded))
}

/// The same, and with the line endings it has.
pub fn is_exactly_legacy(recorded: &str, content: &[u8]) -> bool {
    hex(&Md5::digest(content)).eq_ignore_ascii_case(recorded)
}

fn normalise(content: &[u8]) -> Cow<'_, [u8]> {
    let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
    if !content.contains(&b'\r') {
        return Cow::Borrowed(content);
    }
    let mut lines = Vec::with_capacity(content.len());
    let mut bytes = content.iter().peekable();
    while let Some(&byte) = bytes.next() {
        if byte != b'\r' || bytes.peek() != Some(&&b'\n') {
            lines.push(byte);
        }
    }
    Cow::Owned(lines)
}

/// The same piece by piece; gives the length of all pieces.
fn normalised(data: &mut dyn Data, mut each: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut buffer = Vec::new();
    let mut total = 0;
    let mut each = |piece: &[u8]| {
        total += length(piece);
        each(piece);
    };
    let (mut is_first, mut ends_with_return) = (true, false);
    loop {
        buffer.clear();
        (&mut *data).take(PIECE).read_to_end(&mut buffer)?;
        let mut piece = buffer.as_slice();
        if std::mem::take(&mut is_first) {
            piece = piece.strip_prefix(BYTE_ORDER_MARK).unwrap_or(piece);
        }
        // Whether a return counts is known with what follows it.
        if ends_with_return && piece.first() != Some(&b'\n') {
            each(b"\r");
        }
        ends_with_return = piece.last() == Some(&b'\r');
        piece = piece.strip_suffix(b"\r").unwrap_or(piece);
        let mut from = 0;
        for at in memchr::memmem::find_iter(piece, b"\r\n") {
            each(piece.get(from..at).unwrap_or_default());
            from = at + 1;
        }
        each(piece.get(from..).unwrap_or_default());
        if buffer.is_empty() {
            return Ok(total);
        }
    }
}

fn with_crlf(unix: &[u8]) -> Vec<u8> {
    unix.split(|&byte| byte == b'\n')
        .collect::<Vec<_>>()
        .join(&b"\r\n"[..])
}

/// SHA-256 of a text, as it is written.
pub fn digest(text: &[u8]) -> String {
    hex(&Sha256::digest(text))
}

fn hex(digest: &[u8]) -> String {
    use std::fmt::Write;
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: &[u8]) -> Checksum {
        Checksum::of(content, [])
    }

    #[test]
    fn line_endings_and_byte_order_mark_do_not_count() {
        let plain = of(b"SELECT 1;\nSELECT 2;\n");
        assert_eq!(of(b"SELECT 1;\r\nSELECT 2;\r\n"), plain);
        assert_eq!(of(b"\xEF\xBB\xBFSELECT 1;\nSELECT 2;\n"), plain);
        assert_ne!(of(b"SELECT 1;\nSELECT 3;\n"), plain);
        assert_ne!(of(b"SELECT 1;\rSELECT 2;\n"), plain, "a lone CR is content");
    }

    fn part<'a>(written: &'a str, content: Option<&'a str>) -> Part<'a> {
        Part {
            written,
            name: written.to_owned(),
            content: content.map_or(Content::Absent, |content| {
                Content::Script(content.as_bytes())
            }),
            is_in_first_form: true,
        }
    }

    #[test]
    fn includes_count() {
        let with = |own: &str, parts: &[(&str, Option<&str>)]| {
            let parts = parts
                .iter()
                .map(|(written, content)| part(written, *content));
            Checksum::of(own.as_bytes(), parts).as_str().to_owned()
        };
        let found = with("\\i a.sql\n", &[("a.sql", Some("SELECT 1;\nSELECT 2;\n"))]);
        assert_eq!((found.len(), found.get(..2)), (64, Some("2:")));
        for other in [
            with("\\i a.sql\n", &[("a.sql", Some("SELECT 2;\n"))]),
            with("\\i a.sql\n", &[("a.sql", None)]),
            with("\\i a.sql\n", &[("a.sql", Some(""))]),
            with("\\i a.sql\n", &[]),
            with("\\i a.sql\nSELECT 1;\n", &[("a.sql", Some("SELECT 2;\n"))]),
            with(
                "\\i a.sql\n",
                &[("a.sql", Some("SELECT 1;\n")), ("b", Some("SELECT 2;\n"))],
            ),
            with("\\i a.sql\n", &[("b.sql", Some("SELECT 1;\nSELECT 2;\n"))]),
        ] {
            assert_ne!(other, found);
        }
        assert_ne!(
            with("\\i a.sql\n", &[("a.sql", None)]),
            with("\\i a.sql\n", &[("a.sql", Some(""))]),
            "absent is not empty"
        );
        assert_eq!(
            with(
                "\\i a.sql\r\n",
                &[("a.sql", Some("SELECT 1;\r\nSELECT 2;\r\n"))]
            ),
            found
        );
    }

    #[test]
    fn rows_of_the_first_form_are_known() {
        let parts = [
            part("a.sql", Some("SELECT 1;\n")),
            part("gone.sql", None),
            Part {
                is_in_first_form: false,
                ..part("~/b.sql", Some("SELECT 2;\n"))
            },
        ];
        let checksum = Checksum::of(b"\\i a.sql\n", parts);
        let first_form = of(b"\\i a.sql\nSELECT 1;\n");
        assert!(checksum.is_recorded_as(first_form.as_str()));
        assert!(checksum.is_recorded_as(checksum.as_str()));
        assert!(!checksum.is_recorded_as(of(b"\\i a.sql\n").as_str()));
    }

    /// As a file of data that is read piece by piece.
    fn data(content: &[u8]) -> Content<'static> {
        Content::Data(Box::new(io::Cursor::new(content.to_vec())))
    }

    fn including(content: Content<'_>) -> Checksum {
        let part = Part {
            content,
            ..part("a.csv", None)
        };
        Checksum::of(b"\\copy t from a.csv\n", [part])
    }

    #[test]
    fn data_has_the_checksum_of_its_whole_content() {
        let piece = usize::try_from(PIECE).unwrap();
        let filled = |size: usize, end: &str| [&vec![b'x'; size][..], end.as_bytes()].concat();
        for content in [
            filled(0, ""),
            filled(0, "\r"),
            filled(0, "\u{feff}1\r\n\u{feff}2\r\n"),
            filled(piece, ""),
            filled(piece - 1, "\r\nend"),
            filled(piece - 1, "\r"),
            filled(piece - 1, "\rx\r\r\n\r\n\r"),
            filled(piece, "\r\n").repeat(3),
        ] {
            let whole = including(Content::Script(&content));
            let end = String::from_utf8_lossy(&content[content.len().saturating_sub(9)..]);
            assert_eq!(including(data(&content)), whole, "{end:?}");
        }
    }

    /// A file that grows by a line each time that its size is asked for.
    struct Growing(io::Cursor<Vec<u8>>);

    impl Read for Growing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Seek for Growing {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            let size = self.0.seek(to);
            self.0.get_mut().extend(b"line\n");
            size
        }
    }

    #[test]
    fn the_second_form_stays_what_it_is() {
        // As in ledgers that exist.
        assert_eq!(
            including(data(b"1\r\n2\n")).as_str(),
            "2:60b47bfd50e72ef09a8fe8e23f9e25e5b2af80f78c86f0f696d0941abb2509"
        );
    }

    #[test]
    fn data_that_changes_while_it_is_read_is_no_data() {
        let growing = Content::Data(Box::new(Growing(io::Cursor::default())));
        assert_eq!(including(growing), including(Content::Absent));
    }

    #[test]
    fn the_checksum_is_sha256() {
        assert_eq!(
            of(b"").as_str(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn a_legacy_hash_is_md5_of_the_raw_bytes() {
        let recorded = "2bdf1665f56c0ce5b966d9c60a7f7eac"; // printf 'SELECT 1;\n' | md5sum
        assert!(is_legacy(recorded));
        assert!(!is_legacy(of(b"").as_str()));
        assert!(matches_legacy(recorded, b"SELECT 1;\n"));
        assert!(
            matches_legacy(recorded, b"SELECT 1;\r\n"),
            "only line endings differ"
        );
        assert!(!matches_legacy(recorded, b"SELECT 2;\n"));
        let marked = "4dc7eb1fd44addf5246b6ede6e55c214"; // with a byte order mark
        assert!(matches_legacy(marked, b"\xEF\xBB\xBFSELECT 1;\n"));
    }
}
