//! Go programs. No ecosystem of the runner knows Go's module proxy: a module has its dependencies in `vendor`, or the
//! hosts of the proxy that `go` itself is set to are named in the file.

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
    // Nothing of it is kept between steps, and the commit's own directory is no place for caches.
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
        notes.push("`network` names the module proxy that `go env GOPROXY` named; with `go mod vendor`, committed, none is needed.".to_owned());
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

/// Whether a module needs others.
fn requires(module: &str) -> bool {
    module.lines().any(|line| line.split_whitespace().next() == Some("require"))
}

/// Hosts of the module proxy and of the checksum database that `go` uses here.
fn proxies() -> Result<Vec<String>, Failure> {
    let mut command = runner::program::of_person("go");
    // Outside the repository, whose `go.mod` and `go.work` name a toolchain of their own.
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
        let what = "the module needs others, and nothing here says where a step could fetch them";
        return Err(Failure::error(format!("{what}; run `go mod vendor`, commit `vendor`, and try again")));
    }
    Ok(hosts)
}
