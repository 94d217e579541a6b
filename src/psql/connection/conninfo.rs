//! Takes connection strings apart: the password, because arguments of a process are public, and
//! the parameters.
//! Pure; leaves every other decision about the string to libpq.
//!
//! The grammar is libpq's: PostgreSQL manual, "Connection Strings".

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::variables;

/// A connection string and the password that stood in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Split {
    pub conninfo: String,
    pub password: Option<String>,
}

/// Splits a database name, a conninfo string or a URL.
///
/// # Errors
/// A conninfo string that does not parse. The message quotes nothing of it.
pub fn split_password(database: &str) -> Result<Split, String> {
    for scheme in ["postgresql://", "postgres://"] {
        if let Some(rest) = database.strip_prefix(scheme) {
            return split_url(scheme, rest);
        }
    }
    if database.contains('=') && !database.contains("://") {
        return split_pairs(database);
    }
    // libpq would take it for a database's name and print it, password and all.
    if database.contains("://") || database.contains('@') {
        return Err(
            "it looks like a URL; one that PostgreSQL knows begins with postgresql://".to_owned(),
        );
    }
    Ok(Split {
        conninfo: database.to_owned(),
        password: None,
    })
}

fn split_url(scheme: &str, rest: &str) -> Result<Split, String> {
    let mut password = None;
    let address = rest.split('?').next().unwrap_or_default();
    let credentials = address
        .rfind('@')
        .and_then(|end| address.get(..end))
        .unwrap_or_default();
    if credentials.contains(['/', '@']) {
        return Err(NOT_ENCODED.to_owned());
    }
    let (before, after) = rest.split_at(rest.find(['@', '/']).unwrap_or(0));
    let (credentials, rest) = if after.starts_with('@') {
        (before, after)
    } else {
        ("", rest)
    };
    let user = match credentials.split_once(':') {
        Some((user, secret)) => {
            password = Some(decode(secret)?);
            user
        }
        None => credentials,
    };
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    if !names_hosts(address.strip_prefix('@').unwrap_or(address)) {
        return Err(NOT_ENCODED.to_owned());
    }
    let mut kept = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (key, value) = parameter
            .split_once('=')
            .ok_or_else(|| NOT_ENCODED.to_owned())?;
        match decode(key)?.as_str() {
            "password" => password = Some(decode(value)?),
            name => {
                refuse_secrets(name)?;
                kept.push(parameter);
            }
        }
    }
    let question_mark = if kept.is_empty() { "" } else { "?" };
    let conninfo = format!("{scheme}{user}{address}{question_mark}{}", kept.join("&"));
    Ok(Split { conninfo, password })
}

const NOT_ENCODED: &str = "the URL is malformed; a `/`, `@` or `?` in its user or password must be \
    written as `%2F`, `%40` or `%3F`";

/// Can what stands before the query be hosts, ports and a database? Else it is a part of a password
/// with a `?`, which libpq would print.
fn names_hosts(address: &str) -> bool {
    let (hosts, _) = address.split_once('/').unwrap_or((address, ""));
    let mut hosts = hosts.split(',').map(host_and_port);
    hosts.all(|(host, port)| !host.contains('@') && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A parameter's value; of several the last, as libpq takes it.
pub fn parameter(conninfo: &str, name: &str) -> Option<String> {
    let found = parameters(conninfo);
    found
        .into_iter()
        .rev()
        .find_map(|(known, value)| (known == name).then_some(value))
}

/// The same way with another value for a parameter: the last one wins.
pub fn with_parameter(conninfo: &str, name: &str, value: &str) -> String {
    if is_url(conninfo) {
        let sign = if conninfo.contains('?') { '&' } else { '?' };
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        format!("{conninfo}{sign}{name}={value}")
    } else {
        format!("{conninfo} {name}={}", quoted(value))
    }
}

fn quoted(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('\'', "\\'");
    format!("'{value}'")
}

fn is_url(conninfo: &str) -> bool {
    ["postgresql://", "postgres://"]
        .iter()
        .any(|scheme| conninfo.starts_with(scheme))
}

/// For these libpq has no other way than the connection string or a service file.
const SECRETS: [&str; 4] = [
    "sslpassword",
    "scram_client_key",
    "scram_server_key",
    "oauth_client_secret",
];

fn refuse_secrets(name: &str) -> Result<(), String> {
    if SECRETS.contains(&name) {
        return Err(format!(
            "everybody on this computer could read `{name}` in the list of processes; put it \
             into a service file (~/.pg_service.conf) and name the service"
        ));
    }
    Ok(())
}

/// The parameters of a string that [`split_password`] has accepted, decoded, in their order.
pub fn parameters(conninfo: &str) -> Vec<(String, String)> {
    for scheme in ["postgresql://", "postgres://"] {
        if let Some(rest) = conninfo.strip_prefix(scheme) {
            return url_parameters(rest);
        }
    }
    if !conninfo.contains('=') {
        return vec![("dbname".to_owned(), conninfo.to_owned())];
    }
    let mut found = Vec::new();
    let mut rest = conninfo.trim_start_matches(is_blank);
    while let Some((key, after)) = rest.split_once('=') {
        let start = after.trim_start_matches(is_blank);
        let Some((value, length)) = read_value(start) else {
            break;
        };
        found.push((key.trim_matches(is_blank).to_owned(), value));
        rest = start.split_at(length).1.trim_start_matches(is_blank);
    }
    found
}

fn url_parameters(rest: &str) -> Vec<(String, String)> {
    let plain = |text: &str| decode(text).unwrap_or_else(|_| text.to_owned());
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (address, database) = address.split_once('/').unwrap_or((address, ""));
    let (user, hosts) = address.rsplit_once('@').unwrap_or(("", address));
    // Several hosts are a list, and so are their ports: `h1:5432,h2` is `h1,h2` and `5432,`.
    let (hosts, ports): (Vec<_>, Vec<_>) = hosts.split(',').map(host_and_port).unzip();
    // A list of nothing but commas names none; a user or a database may be called so.
    let listed = |list: String| Some(list).filter(|list| !list.trim_matches(',').is_empty());
    let mut found: Vec<_> = [
        ("user", plain(user)),
        ("host", listed(plain(&hosts.join(","))).unwrap_or_default()),
        ("port", listed(ports.join(",")).unwrap_or_default()),
        ("dbname", plain(database)),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        found.push((plain(name), plain(value)));
    }
    found
}

/// An IPv6 address stands in brackets, because it has colons of its own.
fn host_and_port(address: &str) -> (String, &str) {
    match address
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((host, port)) => (host.to_owned(), port.trim_start_matches(':')),
        None => match address.split_once(':') {
            Some((host, port)) => (host.to_owned(), port),
            None => (address.to_owned(), ""),
        },
    }
}

fn decode(secret: &str) -> Result<String, String> {
    percent_decode_str(secret)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| "the password in the URL is not valid UTF-8".to_owned())
}

const NO_VALUE: &str = "a parameter has no value, and libpq takes the next parameter for it; leave it \
    out, or write `''` behind its `=`";

/// Is it a parameter with its value? libpq skips the blanks behind a `=`: in `user= password=x`, it
/// takes the password for the user's name, and prints it.
fn is_pair(value: &str) -> bool {
    let name = value.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| name == "password" || variables::is_parameter(name))
}

fn split_pairs(conninfo: &str) -> Result<Split, String> {
    let malformed = || {
        "the connection string is malformed; it should read like `host=localhost dbname=erp`"
            .to_owned()
    };
    let mut kept = Vec::new();
    let mut password = None;
    let mut rest = conninfo.trim_start_matches(is_blank);
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or_else(malformed)?;
        if key.trim_end_matches(is_blank).contains(is_blank) {
            return Err(malformed());
        }
        let start = after.trim_start_matches(is_blank);
        let (value, length) = read_value(start).ok_or_else(malformed)?;
        let (raw, tail) = start.split_at(length);
        if start.len() < after.len() && is_pair(raw) {
            return Err(NO_VALUE.to_owned());
        }
        match key.trim_end_matches(is_blank) {
            "password" => password = Some(value),
            key => {
                refuse_secrets(key)?;
                // At the end nothing can be taken for it; what is added behind it could.
                let is_open = raw.is_empty() || raw.ends_with('\\');
                let value = if is_open {
                    quoted(&value)
                } else {
                    raw.to_owned()
                };
                kept.push(format!("{key}={value}"));
            }
        }
        rest = tail.trim_start_matches(is_blank);
    }
    Ok(Split {
        conninfo: kept.join(" "),
        password,
    })
}

/// What libpq takes for a blank: C's `isspace`. Other blanks of Unicode are part of a value, such as
/// a password.
fn is_blank(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\u{b}'
}

/// Reads one value and tells how many bytes it takes. `None` when a quote stays open.
fn read_value(text: &str) -> Option<(String, usize)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((index, character)) = characters.next() {
        match character {
            '\'' if quoted => return Some((value, index + 1)),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            blank if is_blank(blank) && !quoted => return Some((value, index)),
            other => value.push(other),
        }
    }
    (!quoted).then_some((value, text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(database: &str) -> (String, Option<String>) {
        let split = split_password(database).unwrap();
        (split.conninfo, split.password)
    }

    fn secret(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn names_pass_through() {
        assert_eq!(split("erp"), ("erp".to_owned(), None));
        assert_eq!(split("my db's"), ("my db's".to_owned(), None));
    }

    #[test]
    fn urls() {
        let cases = [
            ("postgres://localhost/erp", "postgres://localhost/erp", None),
            ("postgresql://a@h:5/erp", "postgresql://a@h:5/erp", None),
            (
                "postgresql://a:s%40c:x@h1,h2:5/erp",
                "postgresql://a@h1,h2:5/erp",
                secret("s@c:x"),
            ),
            (
                "postgresql:///erp?host=/tmp&password=x%20y",
                "postgresql:///erp?host=/tmp",
                secret("x y"),
            ),
            (
                "postgresql:///erp?password=x",
                "postgresql:///erp",
                secret("x"),
            ),
            ("postgresql://h/a?x=b@c", "postgresql://h/a?x=b@c", None),
            (
                "postgresql://a:x?y@[::1]:5,h2:6?host=/tmp",
                "postgresql://a@[::1]:5,h2:6?host=/tmp",
                secret("x?y"),
            ),
        ];
        for (url, conninfo, password) in cases {
            assert_eq!(split(url), (conninfo.to_owned(), password), "{url}");
        }
        let commas = parameters("postgresql://,@a,b:,:/,");
        let found = |name: &str| commas.iter().find(|(one, _)| one == name).cloned();
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(found("user"), pair("user", ","));
        assert_eq!(found("dbname"), pair("dbname", ","));
        assert_eq!(found("port"), None);
    }

    #[test]
    fn what_libpq_would_print_whole_is_refused_unquoted() {
        for leaky in [
            "postgresql+psycopg2://me:s3cret@h/db",
            "POSTGRESQL://me:s3cret@h/db",
            "postgres:s3cret@h/db",
            "postgresql://me:s3/cret@h/db",
            "postgresql://me:s3@cret@h/db",
            "postgresql+asyncpg://me:s3cret@h/db?ssl=on",
            "postgresql://me:s3c?r3t/x@h/db",
            "postgresql://me:s3c?r=3t/x@h/db",
            "postgresql://me:12?s3cret/x@h/db",
            "postgresql://me:x?y@s3cret@h/db",
            "postgresql://me:x@y?s3cret@h/db",
        ] {
            let problem = split_password(leaky).err().unwrap();
            assert!(!problem.contains("s3"), "{leaky}: {problem}");
        }
        assert_eq!(
            split("postgresql:///d?pass%77ord=x"),
            ("postgresql:///d".to_owned(), secret("x"))
        );
    }

    #[test]
    fn parameters_of_every_form() {
        let cases = [
            ("my db", "dbname=my db"),
            ("host='a b' dbname=it\\'s", "host=a b; dbname=it's"),
            (
                "postgresql://a%40b@[::1]:5,h2/d%20b?sslmode=off",
                "user=a@b; host=::1,h2; port=5,; dbname=d b; sslmode=off",
            ),
            ("postgres:///?host=/tmp", "host=/tmp"),
        ];
        for (text, expected) in cases {
            let found: Vec<_> = parameters(text)
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            assert_eq!(found.join("; "), expected, "{text}");
        }
    }

    #[test]
    fn conninfo_strings() {
        let cases = [
            ("dbname=erp host=/tmp", "dbname=erp host=/tmp", None),
            ("password=s3 dbname=erp", "dbname=erp", secret("s3")),
            (
                " dbname = 'my db'  password = 'it\\'s \\\\' ",
                "dbname='my db'",
                secret("it's \\"),
            ),
            (r"password=a\ b user=''", "user=''", secret("a b")),
        ];
        for (text, conninfo, password) in cases {
            assert_eq!(split(text), (conninfo.to_owned(), password), "{text}");
        }
        for bad in ["password='open", "dbname=erp oops", "x y=1"] {
            let problem = split_password(bad).err().unwrap();
            assert!(problem.contains("malformed"), "{bad}: {problem}");
        }
    }

    #[test]
    fn an_empty_value_takes_nothing_else_for_its_own() {
        for bad in ["dbname=erp user= password=s3cret", "user=\tdbname=erp"] {
            let problem = split_password(bad).err().unwrap();
            assert!(problem.contains("no value"), "{bad}: {problem}");
            assert!(!problem.contains("s3cret"), "{bad}: {problem}");
        }
        for (text, joined) in [
            ("dbname=erp host=", "dbname=erp host='' x='1'"),
            ("dbname=erp host= ", "dbname=erp host='' x='1'"),
            (r"host=h user=a\", "host=h user='a' x='1'"),
            (
                "user='' options = -c\\ a=b",
                "user='' options=-c\\ a=b x='1'",
            ),
        ] {
            assert_eq!(with_parameter(&split(text).0, "x", "1"), joined);
        }
        assert_eq!(split("password = s3=cret").1, secret("s3=cret"));
    }

    #[test]
    fn secrets_that_libpq_takes_nowhere_else_are_no_arguments() {
        for text in [
            "host=h sslpassword=s3cret",
            "postgresql://h/d?sslpassword=s3cret",
            "postgresql://h/d?ssl%70assword=s3cret",
            "postgresql://h/d?oauth_client_secret=s3cret",
            "host=h scram_client_key=s3cret",
        ] {
            let problem = split_password(text).err().unwrap();
            assert!(problem.contains("service file"), "{problem}");
            assert!(!problem.contains("s3cret"), "{problem}");
        }
    }
}
