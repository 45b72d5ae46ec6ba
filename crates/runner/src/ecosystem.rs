//! Package ecosystems as steps name them in `network`, and the hosts that each one's own client uses here.
//!
//! Invariant: no host is known to this program; each comes from the client's configuration or from what the
//! client has left on this machine. An ecosystem whose client says nothing is refused, with what to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Hosts of an ecosystem by its name in the pipeline file; `None` when there is no such ecosystem.
#[must_use]
pub fn hosts(name: &str) -> Option<Result<BTreeSet<String>, String>> {
    let (found, remedy) = match name {
        "cargo" => (cargo(), "run `cargo fetch` once, so that cargo knows its registry"),
        "pip" => (pip(), "install pip, or name its hosts"),
        "npm" => (npm(), "install npm, or name its host"),
        _ => return None,
    };
    let what = || format!("`{name}` says nothing of its hosts on this machine; {remedy}");
    Some(if found.is_empty() { Err(what()) } else { Ok(found) })
}

/// The registries that cargo has an index of: `<host>-<hash>`, with where packages lie in `config.json`.
fn cargo() -> BTreeSet<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let Some(index) = home.map(|home| home.join("registry/index")) else { return BTreeSet::new() };
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

/// What pip itself would ask: its configured index, else the one that it is built with.
fn pip() -> BTreeSet<String> {
    let script = "from pip._internal.models.index import PyPI\nprint(PyPI.simple_url, 'https://' + PyPI.file_storage_domain)";
    let mut hosts = BTreeSet::new();
    for (program, arguments) in
        [("python3", vec!["-c", script]), ("python3", vec!["-m", "pip", "config", "list"])]
    {
        hosts.extend(urls(&answer(program, &arguments)));
    }
    hosts
}

fn npm() -> BTreeSet<String> {
    urls(&answer("npm", &["config", "get", "registry"])).collect()
}

fn answer(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success());
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
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
        assert!(hosts("maven").is_none(), "what is not known is not guessed");
    }
}
