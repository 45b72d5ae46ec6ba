//! Authors of changes, as the audit log of the host tells them (auditd(8)).
//!
//! Invariant: pure, over the end of the log, whose length the caller bounds. The log says who changed a file only if the host's
//! operator has a rule for that; without a matching record the answer is that nobody knows.

use std::collections::BTreeMap;

/// The account and program of the newest record that changed a path; `None` if no record names it.
pub fn author_of(log: &str, path: &str) -> Option<String> {
    let mut calls: BTreeMap<&str, &str> = BTreeMap::new();
    let mut found = None;
    for line in log.lines() {
        let Some(event) = between(line, "msg=audit(", ")") else { continue };
        if line.starts_with("type=SYSCALL ") {
            calls.insert(event, line);
        }
        let names = line.starts_with("type=PATH ") && named(line).is_some_and(|name| name == path);
        let is_change = !line.contains("nametype=PARENT");
        if names && is_change && calls.contains_key(event) {
            found = Some(event);
        }
        // A record refers to an event of the same moment, so only the latest ones are kept.
        if calls.len() > EVENTS_MAX
            && let Some(oldest) = calls.keys().next().copied()
        {
            calls.remove(oldest);
            if found == Some(oldest) {
                return None;
            }
        }
    }
    let call = calls.get(found?)?;
    let account = field(call, "AUID").or_else(|| field(call, "UID")).or_else(|| field(call, "auid"))?;
    let program = field(call, "exe").or_else(|| field(call, "comm"))?;
    Some(format!("{account} with {program}"))
}

/// The path of a record: in quotes, or in hexadecimal digits if it has unusual characters.
fn named(line: &str) -> Option<String> {
    let value = line.split(' ').find_map(|part| part.strip_prefix("name="))?;
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) => Some(plain.to_owned()),
        None => {
            let bytes: Option<Vec<u8>> = value
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect();
            String::from_utf8(bytes?).ok()
        }
    }
}

/// A field of a record, without its quotes.
fn field(line: &str, name: &str) -> Option<String> {
    let parts = line.split([' ', '\u{1d}']);
    let value = parts.filter_map(|part| part.split_once('=')).find(|(key, _)| *key == name)?.1;
    let value = value.trim_matches('"');
    (!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())).then(|| value.to_owned())
}

fn between<'a>(line: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

const EVENTS_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "type=SYSCALL msg=audit(1764470000.123:40): arch=c000003e syscall=257 success=yes exit=3 auid=1000 uid=0 comm=\"vim\" exe=\"/usr/bin/vim.basic\" key=\"countersign\"\u{1d}ARCH=x86_64 AUID=\"alice\" UID=\"root\"\ntype=CWD msg=audit(1764470000.123:40): cwd=\"/root\"\ntype=PATH msg=audit(1764470000.123:40): item=0 name=\"/srv/releases/aa\" inode=1 nametype=PARENT\ntype=PATH msg=audit(1764470000.123:40): item=1 name=\"/srv/releases/aa/conf\" inode=2 nametype=NORMAL\ntype=SYSCALL msg=audit(1764470001.000:41): auid=4294967295 uid=0 exe=\"/usr/bin/sed\"\ntype=PATH msg=audit(1764470001.000:41): item=0 name=2F7372762F6120 nametype=CREATE\n";

    #[test]
    fn the_newest_record_of_a_path_names_account_and_program() {
        assert_eq!(author_of(LOG, "/srv/releases/aa/conf").as_deref(), Some("alice with /usr/bin/vim.basic"));
        assert_eq!(author_of(LOG, "/srv/a ").as_deref(), Some("4294967295 with /usr/bin/sed"));
        assert_eq!(author_of(LOG, "/srv/releases/aa"), None, "only something in it changed");
        assert_eq!(author_of(LOG, "/srv/other"), None);
        assert_eq!(author_of("type=PATH\nmsg=audit(\u{0}", ""), None);
    }
}
