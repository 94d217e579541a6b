//! Checksums of migration files, ours and the predecessor's.
//! Works on bytes: a migration may be in any encoding. Must not open files.

use std::borrow::Cow;
use std::collections::BTreeMap;

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::sql::lexer::BYTE_ORDER_MARK;

/// What a file's content was: SHA-256 in lower-case hex, over the content with line endings
/// normalised and a byte order mark removed, so that a checkout on Windows is no change; then
/// over every file it includes, so that a changed include is a changed migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    digest: String,
    parts: Parts,
}

/// What the single files of a migration that includes others were: SHA-256 by name. The migration
/// itself has the empty name. A migration that includes nothing has no parts.
pub type Parts = BTreeMap<String, String>;

impl Checksum {
    /// The checksum of a file's content and of the files it includes, in that order.
    pub fn of<'a>(content: &[u8], included: impl IntoIterator<Item = (String, &'a [u8])>) -> Self {
        let own = normalise(content);
        let mut digest = Sha256::new_with_prefix(&own);
        let mut parts = Parts::new();
        for (name, content) in included {
            let content = normalise(content);
            digest.update(&content);
            parts.insert(name, hex(&Sha256::digest(&content)));
        }
        if !parts.is_empty() {
            parts.insert(String::new(), hex(&Sha256::digest(&own)));
        }
        Self {
            digest: hex(&digest.finalize()),
            parts,
        }
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

    #[test]
    fn includes_count() {
        let with = |included: &[u8]| Checksum::of(b"\\i a.sql\n", [("a.sql".to_owned(), included)]);
        assert_ne!(with(b"SELECT 1;"), with(b"SELECT 2;"));
        assert_ne!(with(b"SELECT 1;"), of(b"\\i a.sql\n"));
        // Which of them has changed can be told later, the file itself among them.
        let parts = with(b"SELECT 1;\r\n");
        assert_eq!(parts.parts().len(), 2);
        assert_eq!(parts.parts()[""], of(b"\\i a.sql\n").as_str());
        assert_eq!(parts.parts()["a.sql"], of(b"SELECT 1;\n").as_str());
        assert!(of(b"SELECT 1;").parts().is_empty());
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
