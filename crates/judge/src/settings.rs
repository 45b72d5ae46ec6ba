//! Settings that are unsound wherever they stand: a secret in clear, a database without TLS, a debug mode.
//!
//! Input: name and value of one variable. Invariant: the sentences never quote the value. The rules know names and
//! forms that services use; a value that no rule knows has no fault.

use serde::Serialize;

/// Sorts of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceCode {
    /// The bounds do not name the variable.
    VariableUnknown,
    /// The bounds name other values.
    VariableDiffers,
    /// The limit is wider.
    LimitWider,
    /// A variable has a secret in clear.
    SecretInClear,
    /// A variable names a database on another host, without TLS.
    DatabaseWithoutTls,
    /// A variable turns a debug mode on.
    DebugOn,
}

/// Faults of one variable.
#[must_use]
pub fn faults(name: &str, value: &str) -> Vec<(DifferenceCode, &'static str)> {
    let mut faults = Vec::new();
    if is_secret(name, value) {
        faults.push((
            DifferenceCode::SecretInClear,
            "it seems to hold a secret in clear, which everybody who sees the evidence can read",
        ));
    }
    if address(value).is_some_and(|address| address.is_open_database()) {
        faults.push((DifferenceCode::DatabaseWithoutTls, "it names a database on another host, without TLS"));
    }
    if is_debug(name, value) {
        faults.push((DifferenceCode::DebugOn, "it turns a debug mode on"));
    }
    faults
}

/// A URL, as far as the rules ask.
struct Address {
    /// Scheme in lower case, without a driver such as `+asyncpg`.
    scheme: String,
    password: bool,
    /// Hosts before the path, and those that options name instead of them.
    hosts: Vec<String>,
    /// Names and values of options in lower case.
    options: Vec<(String, String)>,
}

/// Reads a URL; `jdbc:` in front is skipped.
fn address(value: &str) -> Option<Address> {
    let value = value.trim();
    let (scheme, rest) = value.strip_prefix("jdbc:").unwrap_or(value).split_once("://")?;
    let scheme = scheme.split('+').next().filter(|_| !scheme.starts_with("mongodb+")).unwrap_or(scheme);
    let end = rest.find(['/', '?', ';', '#']).unwrap_or(rest.len());
    let (authority, options) = rest.split_at(end);
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let option = |text: &str| {
        let (name, value) = text.split_once('=')?;
        Some((decoded(name).trim().to_ascii_lowercase(), decoded(value).trim().to_ascii_lowercase()))
    };
    let options: Vec<_> = options.split(['?', '&', ';']).skip(1).filter_map(option).collect();
    let named = |names: &[&str]| {
        let found = options.iter().filter(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    let password = user.split_once(':').is_some_and(|(_, password)| is_plain(password))
        || named(&PASSWORD_OPTIONS).into_iter().any(is_plain);
    // An option may stand before or instead of the host of the URL; every host that is named counts.
    let instead = named(&HOST_OPTIONS);
    let hosts = std::iter::once(hosts).chain(instead).flat_map(|hosts| hosts.split(',')).map(str::to_owned);
    Some(Address { scheme: scheme.to_ascii_lowercase(), password, hosts: hosts.collect(), options })
}

/// A part of a query without percent signs.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Address {
    /// Whether it names a database on another host, and nothing in it asks for TLS.
    fn is_open_database(&self) -> bool {
        // Which of two options with one name counts differs between clients: each must ask for TLS.
        let asks = |wanted: &[&str]| {
            let names = |name: &str| wanted.iter().any(|option| option.split('=').next() == Some(name));
            let mut found = self.options.iter().filter(|(name, _)| names(name)).peekable();
            found.peek().is_some()
                && found.all(|(name, value)| wanted.contains(&format!("{name}={value}").as_str()))
        };
        let refuses = |options: &[&str]| {
            self.options.iter().any(|(name, value)| options.contains(&format!("{name}={value}").as_str()))
        };
        let safe = match self.scheme.as_str() {
            "postgres" | "postgresql" => asks(&POSTGRES_TLS),
            "mysql" | "mariadb" => asks(&MYSQL_TLS),
            "mongodb" => asks(&["tls=true", "ssl=true"]),
            "mongodb+srv" => !refuses(&["tls=false", "ssl=false"]),
            "sqlserver" | "mssql" => asks(&SQLSERVER_TLS),
            "redis" | "valkey" | "amqp" | "ldap" => false,
            _ => true,
        };
        !safe && !self.hosts.iter().all(|host| is_local(host))
    }
}

/// Whether a host is this machine, or a socket of it.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _)) => name,
        None => host.split(':').next().unwrap_or(host),
    };
    name.is_empty()
        || name == "localhost"
        || name.strip_prefix("127.").is_some_and(is_numbers)
        || name == "::1"
        || name.starts_with("%2F")
        // A directory of sockets, or an abstract socket.
        || name.starts_with(['/', '@'])
}

/// Whether these are the last three numbers of an address, and not the rest of a host name.
fn is_numbers(rest: &str) -> bool {
    rest.split('.').count() == 3 && rest.split('.').all(|part| part.parse::<u8>().is_ok())
}

fn is_secret(name: &str, value: &str) -> bool {
    if address(value).is_some_and(|address| address.password) || value.contains("PRIVATE KEY-----") {
        return true;
    }
    let name = name.to_ascii_uppercase();
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    SECRET_NAMES.iter().any(|end| name.ends_with(end)) && is_plain(value)
}

/// Whether a value can be a secret itself, and not a switch, a file or the name of another variable.
fn is_plain(value: &str) -> bool {
    let switch =
        ["", "true", "false", "0", "1", "yes", "no", "none"].contains(&value.to_ascii_lowercase().as_str());
    let elsewhere = value.starts_with('/') || value.starts_with("${") || value.starts_with("$(");
    !switch && !elsewhere
}

fn is_debug(name: &str, value: &str) -> bool {
    let (name, value) = (name.to_ascii_uppercase(), value.to_ascii_lowercase());
    if name == "DEBUG" || name.ends_with("_DEBUG") {
        return !["", "0", "false", "no", "off"].contains(&value.as_str());
    }
    MODES.contains(&name.as_str()) && ["dev", "development", "debug", "test"].contains(&value.as_str())
}

const SECRET_NAMES: [&str; 13] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "SECRET_KEY",
    "SIGNING_KEY",
    "ENCRYPTION_KEY",
    "CREDENTIALS",
];

/// Variables with which frameworks choose their mode.
const MODES: [&str; 9] = [
    "NODE_ENV",
    "RAILS_ENV",
    "RACK_ENV",
    "FLASK_ENV",
    "APP_ENV",
    "MIX_ENV",
    "GIN_MODE",
    "ASPNETCORE_ENVIRONMENT",
    "DOTNET_ENVIRONMENT",
];

/// Options of <https://www.postgresql.org/docs/current/libpq-ssl.html> and of its JDBC driver.
const POSTGRES_TLS: [&str; 6] =
    ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full", "ssl=true", "ssl=1", "ssl=require"];

/// Options of MySQL's and MariaDB's clients and drivers.
const MYSQL_TLS: [&str; 14] = [
    "ssl-mode=required",
    "ssl-mode=verify_ca",
    "ssl-mode=verify_identity",
    "sslmode=required",
    "sslmode=verify_ca",
    "sslmode=verify_identity",
    "sslmode=trust",
    "sslmode=verify-ca",
    "sslmode=verify-full",
    "usessl=true",
    "ssl=true",
    "requiressl=true",
    "tls=true",
    "tls=custom",
];

/// Options that name a host instead of the one of the URL: of libpq
/// (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>) and of the JDBC driver of SQL Server.
const HOST_OPTIONS: [&str; 4] = ["host", "hostaddr", "server", "servername"];

/// Options that hold a password.
const PASSWORD_OPTIONS: [&str; 4] = ["password", "passwd", "pwd", "sslpassword"];

const SQLSERVER_TLS: [&str; 5] =
    ["encrypt=true", "encrypt=yes", "encrypt=strict", "encrypt=mandatory", "encrypt=1"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_the_faults_that_stand_beside_them() {
        use DifferenceCode::{DatabaseWithoutTls as Open, DebugOn as Debug, SecretInClear as Secret};
        let rows: &[(&str, &str, &[DifferenceCode])] = &[
            ("LIMIT", "10", &[]),
            ("DATABASE_URL", "postgres://db.example/shop", &[Open]),
            ("DATABASE_URL", "postgres://app:hunter2@db.example:5432/shop", &[Secret, Open]),
            ("DATABASE_URL", "postgres://app:${PASSWORD}@db.example/shop?sslmode=verify-full", &[]),
            ("DATABASE_URL", "postgres://db.example/shop?sslmode=prefer", &[Open]),
            ("DATABASE_URL", "postgresql+asyncpg://db.example/shop?ssl=require", &[]),
            ("DATABASE_URL", "jdbc:mysql://db.example/shop?useSSL=true", &[]),
            ("DATABASE_URL", "mysql://db.example/shop", &[Open]),
            ("DATABASE_URL", "postgres://127.0.0.1/shop", &[]),
            ("DATABASE_URL", "postgres://[::1]:5432/shop", &[]),
            ("DATABASE_URL", "postgres:///shop", &[]),
            ("DATABASE_URL", "postgres://127.9.9.9/shop", &[]),
            ("DATABASE_URL", "postgres://127.0.0.1.db.example/shop", &[Open]),
            ("DATABASE_URL", "postgres://%2Frun%2Fpostgresql/shop", &[]),
            ("DATABASE_URL", "postgres://localhost,db.example/shop", &[Open]),
            ("DATABASE_URL", "postgres:///shop?host=db.example&password=hunter2", &[Secret, Open]),
            ("DATABASE_URL", "postgres:///shop?user=app&%68ost=db.example", &[Open]),
            ("DATABASE_URL", "postgres://localhost/shop?hostaddr=192.0.2.1", &[Open]),
            ("DATABASE_URL", "postgres:///shop?host=db.example&sslmode=verify-full", &[]),
            ("DATABASE_URL", "postgres:///shop?host=localhost,db.example", &[Open]),
            ("DATABASE_URL", "postgres:///shop?host=%2Frun%2Fpostgresql", &[]),
            ("DATABASE_URL", "postgres:///shop?host=/run/postgresql&password=${PASSWORD}", &[]),
            ("DATABASE_URL", "postgres://db.example/shop?sslmode=require&sslmode=disable", &[Open]),
            ("DATABASE_URL", "postgres://db.example/shop?ssl=true&sslmode=prefer", &[Open]),
            ("DATABASE_URL", "postgres://db.example/shop?ssl=false", &[Open]),
            ("DATABASE_URL", "postgres://db.example/shop?p%=1&sslmode=%72equire", &[]),
            ("ERP", "jdbc:sqlserver://;serverName=erp.example;password=hunter2", &[Secret, Open]),
            ("CACHE", "redis://cache.example", &[Open]),
            ("CACHE", "rediss://cache.example", &[]),
            ("STORE", "mongodb+srv://store.example/shop", &[]),
            ("STORE", "mongodb+srv://store.example/shop?tls=false", &[Open]),
            ("STORE", "mongodb://store.example/shop", &[Open]),
            ("QUEUE", "amqp://queue.example", &[Open]),
            ("ERP", "jdbc:sqlserver://erp.example;encrypt=true", &[]),
            ("ERP", "jdbc:sqlserver://erp.example;databaseName=x", &[Open]),
            ("HOME_PAGE", "https://user:pass@example.com/", &[Secret]),
            ("HOME_PAGE", "http://example.com/", &[]),
            ("API_TOKEN", "abc", &[Secret]),
            ("API_TOKEN_2", "abc", &[Secret]),
            ("API_TOKEN_FILE", "/run/token", &[]),
            ("API_TOKEN", "/run/token", &[]),
            ("TOKEN_SECONDS", "300", &[]),
            ("REQUIRE_TOKEN", "true", &[]),
            ("KEY", "-----BEGIN PRIVATE KEY-----", &[Secret]),
            ("DEBUG", "*", &[Debug]),
            ("DEBUG", "false", &[]),
            ("FLASK_DEBUG", "1", &[Debug]),
            ("NODE_ENV", "development", &[Debug]),
            ("NODE_ENV", "production", &[]),
        ];
        for (name, value, expected) in rows {
            let found: Vec<_> = faults(name, value).into_iter().map(|(code, _)| code).collect();
            assert_eq!(found, *expected, "{name}={value}");
        }
    }
}
