//! Package ecosystems that steps name in `network`, and the hosts that each one's own client uses on this machine.
//!
//! Invariant: this program contains no host; each comes from the client's configuration or from files that the client
//! left on this machine. If the client names no host, the ecosystem is refused with a remedy.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::program::{absolute_variable, helper_of, home};
use crate::toolchain::Toolchain;

/// The supported ecosystems: the same list that a pipeline is checked against before it runs.
pub use evidence::rules::ECOSYSTEMS as NAMES;

/// The client of an ecosystem names no hosts.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the hosts of `{name}` are unknown on this machine{words}; {remedy}")]
pub struct SilentEcosystem {
    name: String,
    /// Complaints of the client, each in parentheses.
    words: String,
    remedy: &'static str,
}

/// Hosts of an ecosystem by its name in the pipeline file; `None` when there is no such ecosystem.
#[must_use]
pub fn hosts(name: &str, toolchain: &Toolchain) -> Option<Result<BTreeSet<String>, SilentEcosystem>> {
    let words = RefCell::new(Vec::new());
    let ask = |program: &str, arguments: &[&str]| {
        answer(program, arguments, toolchain).unwrap_or_else(|what| {
            words.borrow_mut().push(what);
            String::new()
        })
    };
    let (found, remedy) = match name {
        "cargo" => (cargo(), "run `cargo fetch` once, so that cargo knows its registry"),
        "pip" => (pip(&ask), "install pip, or name its hosts"),
        "npm" => (npm(&ask), "install npm, or name its host"),
        "go" => (go(&ask), "install go or name it by `--toolchain`, or name the hosts"),
        _ => return None,
    };
    Some(if found.is_empty() {
        let words = words.borrow().iter().map(|what| format!(" ({what})")).collect();
        Err(SilentEcosystem { name: name.to_owned(), words, remedy })
    } else {
        Ok(found)
    })
}

/// The registries that cargo has an index of: directories `<host>-<hash>`, each with the packages' host in `config.json`.
fn cargo() -> BTreeSet<String> {
    let cargo_home = absolute_variable("CARGO_HOME").or_else(|| home().map(|home| home.join(".cargo")));
    let index = cargo_home.map(|home| home.join("registry/index")).unwrap_or_default();
    registries(&index)
}

fn registries(index: &PathBuf) -> BTreeSet<String> {
    let mut hosts = BTreeSet::new();
    for item in fs::read_dir(index).into_iter().flatten().flatten() {
        let name = item.file_name().to_string_lossy().into_owned();
        hosts.extend(name.rsplit_once('-').map(|(host, _)| host.to_owned()));
        let text = fs::read_to_string(item.path().join("config.json")).unwrap_or_default();
        hosts.extend(urls(&text));
    }
    hosts.retain(|host| is_host(host));
    hosts
}

type ToolQuery<'a> = &'a dyn Fn(&str, &[&str]) -> String;

/// The hosts that pip itself would use: its configured index, else its built-in one. `-I` keeps every directory but
/// Python's own out of the import path.
fn pip(ask: ToolQuery<'_>) -> BTreeSet<String> {
    let script = "from pip._internal.models.index import PyPI\nprint(PyPI.simple_url, 'https://' + PyPI.file_storage_domain)";
    let answers =
        [ask("python3", &["-I", "-c", script]), ask("python3", &["-I", "-m", "pip", "config", "list"])];
    answers.iter().flat_map(|text| urls(text)).collect()
}

fn npm(ask: ToolQuery<'_>) -> BTreeSet<String> {
    urls(&ask("npm", &["config", "get", "registry"])).collect()
}

/// Its proxies, and the checksum database, which is named without a scheme.
fn go(ask: ToolQuery<'_>) -> BTreeSet<String> {
    let sums = ask("go", &["env", "GOSUMDB"]);
    let sums = sums.split_whitespace().next().filter(|host| is_host(host)).map(str::to_owned);
    urls(&ask("go", &["env", "GOPROXY"])).chain(sums).collect()
}

/// The output of a toolchain's client, run in a cleared environment; an error with the reason if it fails.
fn answer(program: &str, arguments: &[&str], toolchain: &Toolchain) -> Result<String, String> {
    let mut command = helper_of(program, &toolchain.programs());
    // The toolchain's own go must answer, and not a version that it would download.
    command.args(arguments).env("GOTOOLCHAIN", "local");
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().rev().map(str::trim).find(|line| !line.is_empty());
    Err(format!(
        "{program}: {}",
        last.map_or_else(|| output.status.to_string(), |line| line.chars().take(200).collect())
    ))
}

/// Hosts of the `https` URLs in a text.
fn urls(text: &str) -> impl Iterator<Item = String> {
    text.split("https://").skip(1).map(host_at).filter(|host| is_host(host)).collect::<Vec<_>>().into_iter()
}

fn host_at(rest: &str) -> String {
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).collect()
}

fn is_host(text: &str) -> bool {
    text.contains('.') && !text.starts_with('.') && !text.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_out_of_urls() {
        let text = r#"{"dl":"https://files.example.net/crates","api":"https://www.example.org"} http://no.example https:// https://x/"#;
        assert_eq!(urls(text).collect::<Vec<_>>(), ["files.example.net", "www.example.org"]);
        let bare = Toolchain::of(Vec::new(), std::collections::BTreeMap::new()).unwrap();
        assert!(hosts("maven", &bare).is_none(), "an unknown ecosystem is not guessed");
        assert!(NAMES.iter().all(|name| hosts(name, &bare).is_some()));
        let silent = answer("sh", &["-c", "echo first >&2; echo 'cannot say' >&2; exit 3"], &bare);
        assert_eq!(silent, Err("sh: cannot say".into()), "a client's own words are kept");
        let absent = answer("no-such-client", &[], &bare).unwrap_err();
        assert!(absent.contains("no-such-client"), "{absent}");
        let said = |program: &str, arguments: &[&str]| match (program, arguments) {
            ("go", ["env", "GOPROXY"]) => "https://proxy.example.org,direct\n".to_owned(),
            ("go", ["env", "GOSUMDB"]) => "sum.example.org\n".to_owned(),
            _ => String::new(),
        };
        assert_eq!(Vec::from_iter(go(&said)), ["proxy.example.org", "sum.example.org"]);
    }
}
