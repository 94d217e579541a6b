//! Checksums of migration files, ours and the predecessor's.
//! Works on bytes: a migration may be in any encoding. Must not open files.

use std::borrow::Cow;
use std::collections::BTreeMap;

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

/// A file that a migration includes, as far as it counts.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// As the script says it, the same on every machine.
    pub written: &'a str,
    /// For people: relative to the migration.
    pub name: String,
    /// `None` where there is no such file.
    pub content: Option<&'a [u8]>,
    pub is_in_first_form: bool,
}

/// What the single files of a migration that includes others were: SHA-256 by name. The migration
/// itself has the empty name. A migration that includes nothing has no parts.
pub type Parts = BTreeMap<String, String>;

impl Checksum {
    /// The checksum of a file's content and of the files it includes, in that order.
    pub fn of<'a>(content: &[u8], included: impl IntoIterator<Item = Part<'a>>) -> Self {
        let own = normalise(content);
        let mut first_form = Sha256::new_with_prefix(&own);
        let mut second_form = Sha256::new();
        count(&mut second_form, "", Some(&own));
        let mut parts = Parts::new();
        for part in included {
            let content = part.content.map(normalise);
            let content = content.as_deref();
            count(&mut second_form, part.written, content);
            if let Some(content) = content {
                if part.is_in_first_form {
                    first_form.update(content);
                }
                parts.insert(part.name, hex(&Sha256::digest(content)));
            }
            parts.insert(String::new(), hex(&Sha256::digest(&own)));
        }
        let first_form = hex(&first_form.finalize());
        if parts.is_empty() {
            return Self {
                digest: first_form,
                first_form: None,
                parts,
            };
        }
        let digest: String = hex(&second_form.finalize()).chars().take(62).collect();
        Self {
            digest: format!("{SECOND_FORM}{digest}"),
            first_form: Some(first_form),
            parts,
        }
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

/// A file with its borders, so that nothing can move over them unseen.
fn count(digest: &mut Sha256, name: &str, content: Option<&[u8]>) {
    let length = |text: &[u8]| u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes();
    digest.update(length(name.as_bytes()));
    digest.update(name);
    digest.update([u8::from(content.is_some())]);
    let content = content.unwrap_or_default();
    digest.update(length(content));
    digest.update(content);
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

fn with_crlf(unix: &[u8]) -> Vec<u8> {
    unix.split(|&byte| byte == b'\n')
        .collect::<Vec<_>>()
        .join(&b"\r\n"[..])
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
            content: content.map(str::as_bytes),
            is_in_first_form: true,
        }
    }

    #[test]
    fn includes_count() {
        let with = |own: &str, parts: &[Part<'_>]| {
            let checksum = Checksum::of(own.as_bytes(), parts.iter().cloned());
            checksum.as_str().to_owned()
        };
        let found = with(
            "\\i a.sql\n",
            &[part("a.sql", Some("SELECT 1;\nSELECT 2;\n"))],
        );
        assert_eq!((found.len(), found.get(..2)), (64, Some("2:")));
        for other in [
            with("\\i a.sql\n", &[part("a.sql", Some("SELECT 2;\n"))]),
            with("\\i a.sql\n", &[part("a.sql", None)]),
            with("\\i a.sql\n", &[part("a.sql", Some(""))]),
            with("\\i a.sql\n", &[]),
            with(
                "\\i a.sql\nSELECT 1;\n",
                &[part("a.sql", Some("SELECT 2;\n"))],
            ),
            with(
                "\\i a.sql\n",
                &[
                    part("a.sql", Some("SELECT 1;\n")),
                    part("b", Some("SELECT 2;\n")),
                ],
            ),
            with(
                "\\i a.sql\n",
                &[part("b.sql", Some("SELECT 1;\nSELECT 2;\n"))],
            ),
        ] {
            assert_ne!(other, found);
        }
        assert_ne!(
            with("\\i a.sql\n", &[part("a.sql", None)]),
            with("\\i a.sql\n", &[part("a.sql", Some(""))]),
            "absent is not empty"
        );
        assert_eq!(
            with(
                "\\i a.sql\r\n",
                &[part("a.sql", Some("SELECT 1;\r\nSELECT 2;\r\n"))]
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
