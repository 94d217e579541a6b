//! A server that accepts everything and keeps what psql sends, query by query: how psql itself
//! cuts a script.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use super::server::PSQL;

/// What psql sends of a script, and whether it comes to the script's end.
pub(crate) struct Sent {
    pub(crate) queries: Vec<String>,
    pub(crate) is_all: bool,
}

/// Lets psql run a script, to the first thing that it does not understand itself.
pub(crate) fn sent(script: &[u8]) -> Sent {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || serve(listener.accept().unwrap().0));
    let folder = tempfile::tempdir().unwrap();
    for (file, content) in [("script", script), ("stdin", b""), ("stdin.csv", b"")] {
        std::fs::write(folder.path().join(file), content).unwrap();
    }
    let output = Command::new(&*PSQL)
        .args(["-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-f", "script"])
        .current_dir(&folder)
        .arg(format!(
            "host=127.0.0.1 port={port} user=me dbname=d sslmode=disable gssencmode=disable"
        ))
        .env_clear()
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Sent {
        queries: server.join().unwrap(),
        is_all: output.status.success(),
    }
}

fn serve(mut psql: TcpStream) -> Vec<String> {
    let mut length = [0; 4];
    psql.read_exact(&mut length).unwrap();
    read(&mut psql, length).unwrap();
    let mut hello = message(b'R', &[0, 0, 0, 0]);
    for (name, value) in [
        ("server_version", "15.0"),
        ("server_encoding", "UTF8"),
        ("client_encoding", "UTF8"),
        ("standard_conforming_strings", "on"),
    ] {
        hello.extend(parameter(name, value));
    }
    hello.extend(READY);
    psql.write_all(&hello).unwrap();
    let mut queries = Vec::new();
    let mut head = [0; 5];
    while psql.read_exact(&mut head).is_ok() {
        let [kind, a, b, c, d] = head;
        let Ok(body) = read(&mut psql, [a, b, c, d]) else {
            break;
        };
        let answer = match kind {
            b'Q' => {
                let text = body.strip_suffix(b"\0").unwrap_or(&body);
                let query = String::from_utf8_lossy(text).into_owned();
                let answer = answer(&query);
                queries.push(query);
                answer
            }
            // The end of inline data, or its failure.
            b'c' | b'f' => done(),
            b'X' => break,
            _ => vec![],
        };
        if psql.write_all(&answer).is_err() {
            break;
        }
    }
    queries
}

const READY: &[u8] = b"Z\0\0\0\x05I";

fn answer(query: &str) -> Vec<u8> {
    // How psql writes its own `\copy`.
    if query.starts_with("COPY  ") && query.contains(" FROM STDIN") {
        return message(b'G', &[0, 0, 0]);
    }
    let words: Vec<_> = bare(query)
        .split_whitespace()
        .map(str::to_lowercase)
        .collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let begins_well = |word: &&str| {
        word.chars()
            .all(|c| c.is_alphanumeric() || "_;".contains(c))
    };
    if !words.first().is_none_or(begins_well) {
        let mut answer = message(b'E', b"SERROR\0C42601\0Msyntax error\0\0");
        answer.extend(READY);
        return answer;
    }
    match words.as_slice() {
        ["copy", "t", "from", "stdin" | "stdin;", ..] => message(b'G', &[0, 0, 0]),
        ["set", "standard_conforming_strings", "=", value] => {
            let value = value.trim_end_matches(';');
            let mut answer = parameter("standard_conforming_strings", value);
            answer.extend(done());
            answer
        }
        _ => done(),
    }
}

fn done() -> Vec<u8> {
    let mut answer = message(b'C', b"SELECT 0\0");
    answer.extend(READY);
    answer
}

/// A query without the comments and empty statements before it.
pub(crate) fn bare(query: &str) -> &str {
    let mut rest = query.trim_start();
    loop {
        if rest.starts_with("--") {
            let comment = rest.split(['\n', '\r']).next().unwrap();
            rest = rest.strip_prefix(comment).unwrap().trim_start();
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let mut depth = 1;
            let mut at = 0;
            while depth > 0 && at < comment.len() {
                let here = &comment.as_bytes()[at..];
                match here {
                    [b'/', b'*', ..] => depth += 1,
                    [b'*', b'/', ..] => depth -= 1,
                    _ => {
                        at += 1;
                        continue;
                    }
                }
                at += 2;
            }
            rest = comment.get(at..).unwrap_or_default().trim_start();
        } else if let Some(after) = rest.strip_prefix(';') {
            rest = after.trim_start();
        } else {
            return rest;
        }
    }
}

fn parameter(name: &str, value: &str) -> Vec<u8> {
    message(b'S', format!("{name}\0{value}\0").as_bytes())
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind], length.as_slice(), body].concat()
}

fn read(psql: &mut TcpStream, length: [u8; 4]) -> io::Result<Vec<u8>> {
    let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap() - 4];
    psql.read_exact(&mut body)?;
    Ok(body)
}
