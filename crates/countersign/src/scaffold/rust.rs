//! Rust programs: every program that `cargo` builds is installed.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::recipe::{self, Recipe, Test};
use crate::failure::Failure;

/// The recipe of a repository whose `Cargo.toml` has programs.
pub fn recipe(repository: &Path, out: &str, start: Option<&str>) -> Result<Option<Recipe>, Failure> {
    let manifest = repository.join("Cargo.toml");
    if !manifest.exists() {
        return Ok(None);
    }
    let programs = programs(&manifest)?;
    if programs.is_empty() {
        let what =
            format!("`{}` describes a library alone, and a library is not released", manifest.display());
        return Err(Failure::error(format!("{what}; docs/pipeline.md shows how to describe something else")));
    }
    let (locked, mut notes) = (repository.join("Cargo.lock").exists(), Vec::new());
    if !locked {
        notes.push("There is no Cargo.lock, so what is built depends on the day: `cargo generate-lockfile`, commit it, and add --locked.".to_owned());
    }
    let locked = if locked { " --locked" } else { "" };
    let copies: String =
        programs.iter().map(|name| format!("cp target/release/{name} {out}/bin/\n")).collect();
    let mut build = format!("cargo build --release{locked}\nmkdir -p {out}/bin\n{copies}");
    build += &recipe::program(out, "check", &format!("set -e\n{}", recipe::runs("bin")));
    if let Some(line) = start {
        let home = "export HOME=\"$STATE_DIRECTORY\" PATH=\"$here/bin:$PATH\"";
        let line = format!("{home}\ncd \"$here/bin\" && {}", recipe::exec(line));
        build += &recipe::program(out, "start", &line);
    }
    Ok(Some(Recipe {
        kind: "a Rust program",
        out: out.to_owned(),
        build,
        network: vec!["cargo".into()],
        test: Some(Test { run: format!("cargo test --release{locked}"), after_build: false }),
        notes,
    }))
}

/// The programs that cargo lists. Cargo runs outside the repository, whose own settings could make it run other
/// programs (`rust-toolchain.toml`, `.cargo/config.toml`).
fn programs(manifest: &Path) -> Result<Vec<String>, Failure> {
    let mut command = runner::program::of_person("cargo");
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"]);
    let output = command.arg(manifest).current_dir("/").stdin(Stdio::null()).output();
    let failed = |what: &dyn std::fmt::Display| {
        Failure::error(format!("`cargo metadata` does not tell what `{}` builds: {what}", manifest.display()))
    };
    let output = output.map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr).trim()));
    }
    let value: Value = serde_json::from_slice(&output.stdout)?;
    let members = value.get("packages").and_then(Value::as_array).into_iter().flatten();
    let targets = members.filter_map(|package| package.get("targets")?.as_array()).flatten();
    let mut programs: Vec<String> = targets.filter_map(program).collect();
    programs.sort();
    programs.dedup();
    Ok(programs)
}

/// The name of a target if it is a program and needs no disabled feature.
fn program(target: &Value) -> Option<String> {
    let is_program = target.get("kind")?.as_array()?.iter().any(|kind| kind == "bin");
    let needs =
        target.get("required-features").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    (is_program && !needs).then(|| target.get("name")?.as_str().map(str::to_owned))?
}
