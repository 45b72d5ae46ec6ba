//! Go programs. No ecosystem of the runner includes Go's module proxy: a module either has its dependencies in `vendor`,
//! or its pipeline names the hosts of the proxy that `go` itself is configured with.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::recipe::{self, Recipe, Test};
use crate::failure::Failure;

/// The recipe of a repository with a `go.mod`.
pub fn recipe(repository: &Path, out: &str, start: Option<&str>) -> Result<Option<Recipe>, Failure> {
    let Ok(module) = fs::read_to_string(repository.join("go.mod")) else { return Ok(None) };
    let is_vendored = repository.join("vendor/modules.txt").exists();
    let network = if is_vendored || !requires(&module) { Vec::new() } else { proxies()? };
    // Nothing is kept between steps, so the caches lie in /tmp and not among the commit's files.
    let settings = "export GOCACHE=/tmp/go-cache GOPATH=/tmp/go GOTOOLCHAIN=local CGO_ENABLED=0\n";
    let mut build = format!(
        "{settings}mkdir -p {out}/bin\ngo build -trimpath -buildvcs=false -ldflags=-buildid= -o {out}/bin/ ./...\n"
    );
    build += &recipe::program(out, "check", &format!("set -e\n{}", recipe::runs("bin")));
    if let Some(line) = start {
        let home = "export HOME=\"$STATE_DIRECTORY\" PATH=\"$here/bin:$PATH\"";
        let line = format!("{home}\ncd \"$here/bin\" && {}", recipe::exec(line));
        build += &recipe::program(out, "start", &line);
    }
    let mut notes = Vec::new();
    if !network.is_empty() {
        notes.push("`network` names the module proxy of `go env GOPROXY`; if you run `go mod vendor` and commit `vendor`, no network is needed.".to_owned());
    }
    Ok(Some(Recipe {
        kind: "a Go module",
        out: out.to_owned(),
        build,
        network,
        test: Some(Test { run: format!("{settings}go vet ./...\ngo test ./..."), after_build: false }),
        notes,
    }))
}

/// Whether a module depends on others.
fn requires(module: &str) -> bool {
    module.lines().any(|line| line.split_whitespace().next() == Some("require"))
}

/// Hosts of the module proxy and of the checksum database that `go` uses here.
fn proxies() -> Result<Vec<String>, Failure> {
    let mut command = runner::program::of_person("go");
    // `go` runs outside the repository, because the repository's `go.mod` and `go.work` may name another toolchain.
    let output =
        command.args(["env", "GOPROXY", "GOSUMDB"]).current_dir("/").stdin(Stdio::null()).output().ok();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let words = text.split([',', '|', '\n', ' ', '+']).map(str::trim);
    let hosts = words.filter_map(|word| {
        let host = word.strip_prefix("https://").unwrap_or(word).split('/').next()?;
        let is_host =
            host.contains('.') && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
        is_host.then(|| host.to_owned())
    });
    let mut hosts: Vec<String> = hosts.collect();
    hosts.sort();
    hosts.dedup();
    if hosts.is_empty() {
        let what = "the module depends on others, and no module proxy is configured from which a step could fetch them";
        return Err(Failure::error(format!("{what}; run `go mod vendor`, commit `vendor`, and try again")));
    }
    Ok(hosts)
}
