//! The checksums of other tools, as far as a file alone decides them.

use std::hash::Hasher;

use sha1::Sha1;
use sha2::{Digest, Sha384};
use siphasher::sip::SipHasher13;

use super::Tool;
use super::history::Entry;
use crate::sql::lexer::BYTE_ORDER_MARK;

/// Does a file have the content that the tool has applied? `None` where the tool does not record that.
///
/// A file that was imported may have our directives on top of what the other tool has seen.
pub fn matches(tool: Tool, entry: &Entry, content: &[u8]) -> Option<bool> {
    let recorded = entry.checksum.as_deref()?;
    let is_it = |content: &[u8]| match tool {
        Tool::Sqlx => Some(hex(&Sha384::digest(content)) == recorded),
        Tool::Sqitch => Some(hex(&Sha1::digest(content)) == recorded),
        Tool::Refinery => Some(refinery(entry, content)?.contains(&recorded.parse().ok()?)),
        Tool::Flyway => Some(flyway(content).to_string() == recorded),
        _ => None,
    };
    Some(
        is_it(content)?
            || without_directives(content).is_some_and(|rest| is_it(&rest) == Some(true)),
    )
}

/// The content without the directive lines that it begins with, which stand behind a byte order mark.
fn without_directives(content: &[u8]) -> Option<Vec<u8>> {
    let text = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
    let (mark, _) = content.split_at_checked(content.len() - text.len())?;
    let mut rest = text;
    while let Some(below) = rest.strip_prefix(b"-- migrate: ") {
        let end = below.iter().position(|&byte| byte == b'\n')?;
        rest = below.get(end + 1..)?;
    }
    (rest.len() < text.len()).then(|| [mark, rest].concat())
}

/// Refinery hashes name, version and text as Rust does; its version is an i32, in newer ones an i64.
fn refinery(entry: &Entry, content: &[u8]) -> Option<[u64; 2]> {
    let name = entry.description.as_deref()?;
    let version: i64 = entry.version.parse().ok()?;
    let text = |hasher: &mut SipHasher13, text: &[u8]| {
        hasher.write(text);
        hasher.write_u8(0xff);
    };
    let hash = |version: &[u8]| {
        let mut hasher = SipHasher13::new();
        text(&mut hasher, name.as_bytes());
        hasher.write(version);
        text(&mut hasher, content);
        hasher.finish()
    };
    let short = i32::try_from(version).unwrap_or_default();
    Some([hash(&short.to_ne_bytes()), hash(&version.to_ne_bytes())])
}

/// Flyway's CRC32 over the lines, without their ends and without a byte order mark, as a signed number.
fn flyway(content: &[u8]) -> i32 {
    let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
    let mut hasher = crc32fast::Hasher::new();
    // Java's reader takes \r\n, \n and \r for ends of lines.
    for line in content.split(|&byte| byte == b'\n' || byte == b'\r') {
        hasher.update(line);
    }
    i32::from_ne_bytes(hasher.finalize().to_ne_bytes())
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
    use std::hash::Hash;

    use super::*;
    use crate::foreign::history::Meaning;

    fn entry(checksum: &str) -> Entry {
        Entry {
            version: "2".to_owned(),
            description: Some("add_cars".to_owned()),
            applied_at: None,
            execution_time_ms: None,
            checksum: Some(checksum.to_owned()),
            meaning: Meaning::Applied,
        }
    }

    #[test]
    fn each_by_its_own_algorithm() {
        // printf 'SELECT 1;\n' | sha384sum, sha1sum; CRC32 of `SELECT 1;`
        let sha384 = "24454095d8d7876ca8e842f34296ca645c83e0f7b50f048c99db4b2ff4da659267afc4ef3e994f3d74e18c741165d931";
        let sha1 = "d30d858bf9fa5d8979af2d32c3be5e09b07da877";
        assert_eq!(
            matches(Tool::Sqlx, &entry(sha384), b"SELECT 1;\n"),
            Some(true)
        );
        assert_eq!(
            matches(Tool::Sqlx, &entry(sha384), b"SELECT 2;\n"),
            Some(false)
        );
        assert_eq!(
            matches(Tool::Sqitch, &entry(sha1), b"SELECT 1;\n"),
            Some(true)
        );
        assert_eq!(
            matches(Tool::Flyway, &entry("78787420"), b"SELECT 1;\r\n"),
            Some(true)
        );
        assert_eq!(
            matches(Tool::Flyway, &entry("1"), b"SELECT 1;\n"),
            Some(false)
        );
        assert_eq!(matches(Tool::Dbmate, &entry("1"), b"SELECT 1;\n"), None);
    }

    #[test]
    fn refinery_hashes_as_rust_does() {
        let mut hasher = SipHasher13::new();
        "add_cars".hash(&mut hasher);
        2_i32.hash(&mut hasher);
        "SELECT 1;\n".hash(&mut hasher);
        let recorded = hasher.finish().to_string();
        assert_eq!(
            matches(Tool::Refinery, &entry(&recorded), b"SELECT 1;\n"),
            Some(true)
        );
        assert_eq!(
            matches(Tool::Refinery, &entry(&recorded), b"SELECT 2;\n"),
            Some(false)
        );
    }

    #[test]
    fn directives_that_an_import_has_put_on_top_do_not_count() {
        let sha1 = hex(&Sha1::digest(b"BEGIN;\nCOMMIT;\n"));
        let imported = b"-- migrate: transaction-control unwrap\nBEGIN;\nCOMMIT;\n";
        assert_eq!(matches(Tool::Sqitch, &entry(&sha1), imported), Some(true));
        let marked = hex(&Sha1::digest("\u{feff}BEGIN;\nCOMMIT;\n"));
        let imported =
            "\u{feff}-- migrate: transaction-control unwrap\nBEGIN;\nCOMMIT;\n".as_bytes();
        let found = matches(Tool::Sqitch, &entry(&marked), imported);
        assert_eq!(found, Some(true));
    }
}
