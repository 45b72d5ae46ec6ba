//! Files to start from, for a repository that has no `.countersign` yet: how it is built, and how its
//! artifact is released, as far as its own files tell.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use evidence::release_file::{self, ReleaseFile};
use evidence::{Name, pipeline};
use serde_json::Value;

use crate::failure::Failure;

/// What a repository is to begin with.
#[derive(Debug)]
pub struct Described {
    /// Its release file, read or just written.
    pub releases: ReleaseFile,
    /// Files that were written; empty when they were there.
    pub written: Vec<PathBuf>,
}

/// Reads the release file of a repository, or writes both files to start from.
pub fn describe(repository: &Path, project: &Name) -> Result<Described, Failure> {
    let (build, release) = (repository.join(pipeline::PATH), repository.join(release_file::PATH));
    if release.exists() {
        let releases = ReleaseFile::parse(&fs::read(&release)?)?;
        return Ok(Described { releases, written: Vec::new() });
    }
    if build.exists() {
        let what = format!("there is {} but no {}", pipeline::PATH, release_file::PATH);
        return Err(Failure::error(format!(
            "{what}; write it: the schema is docs/schema/release.schema.json"
        )));
    }
    let (steps, services) = texts(repository, project)?;
    let releases = ReleaseFile::parse(services.as_bytes())?;
    pipeline::Pipeline::parse(steps.as_bytes())?;
    if let Some(dir) = build.parent() {
        fs::create_dir_all(dir)?;
    }
    disk::replace("people.file", &build, steps.as_bytes(), 0o644)?;
    disk::replace("people.file", &release, services.as_bytes(), 0o644)?;
    Ok(Described { releases, written: vec![build, release] })
}

fn texts(repository: &Path, project: &Name) -> Result<(String, String), Failure> {
    if repository.join("Cargo.toml").exists()
        && let Some(program) = rust_program(repository)
    {
        return Ok(rust(&program));
    }
    if repository.join("pyproject.toml").exists() || repository.join("setup.py").exists() {
        return Ok(python(project));
    }
    let what = "this is neither a Rust program nor a Python project as far as its files tell";
    let remedy =
        format!("write {} and {} yourself; docs/pipeline.md shows how", pipeline::PATH, release_file::PATH);
    Err(Failure::error(format!("{what}; {remedy}")))
}

/// The first program that cargo knows of.
fn rust_program(repository: &Path) -> Option<String> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(repository);
    let output = command.stderr(Stdio::null()).output().ok()?;
    let value: Value = serde_json::from_slice(&output.stdout).ok()?;
    let targets =
        value.get("packages")?.as_array()?.iter().flat_map(|package| {
            package.get("targets").and_then(Value::as_array).cloned().unwrap_or_default()
        });
    let program = |target: &Value| {
        let kinds = target.get("kind")?.as_array()?.clone();
        kinds.contains(&Value::from("bin")).then(|| target.get("name")?.as_str().map(str::to_owned))?
    };
    targets.into_iter().find_map(|target| program(&target))
}

fn rust(program: &str) -> (String, String) {
    let name = program.to_lowercase().replace('_', "-");
    let steps = format!(
        "# Steps run in a sandbox without network, but for what `network` names.
version: 1
steps:
  build:
    run: cargo build --release --locked
    network: [cargo]
    outputs: [target/release/{program}]
  test:
    run: cargo test --release --locked
    network: [cargo]
artifacts:
  {name}:
    files:
      bin/{program}: {{ step: build, path: target/release/{program} }}
"
    );
    let services = format!(
        "# How the artifact is released: here it is installed; a `process` would be run and supervised.
version: 1
services:
  {name}:
    artifact: {name}
    probe:
      command: [bin/{program}, --help]
      attempts: 1
"
    );
    (steps, services)
}

fn python(project: &Name) -> (String, String) {
    let steps = format!(
        "# Steps run in a sandbox without network, but for what `network` names.
version: 1
steps:
  build:
    run: |
      python3 -m pip install --no-compile --target out/site .
      find out -name __pycache__ -prune -exec rm -rf {{}} +
      find out -name RECORD -delete
      find out -name direct_url.json -delete
      printf '#!/bin/sh\\nexec env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=\"$(dirname \"$0\")/site\" python3 -c \"import importlib.metadata as m; print(sorted(d.name for d in m.distributions()))\"\\n' > out/check
      chmod +x out/check
    network: [pip]
    outputs: [out]
artifacts:
  {project}:
    files:
      app: {{ step: build, path: out }}
"
    );
    let services = format!(
        "# How the artifact is released: here it is installed; a `process` would be run and supervised.
version: 1
services:
  {project}:
    artifact: {project}
    probe:
      command: [app/check]
      attempts: 1
"
    );
    (steps, services)
}
