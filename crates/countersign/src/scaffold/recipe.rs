//! A recipe: how one project is built and tested, and the two files that describe it.
//!
//! Invariant: everything that an artifact needs lies in one directory, with a program `check` that ends with 0 if the
//! artifact works, and a program `start` if it is a service. Two runners build the same bytes of it.

use std::path::Path;

use evidence::Name;

use super::Service;

/// How one project is built.
#[derive(Debug)]
pub struct Recipe {
    /// Kind of the project, in words.
    pub kind: &'static str,
    /// Output directory of the build.
    pub out: String,
    /// Script that fills the output directory.
    pub build: String,
    /// Ecosystems and hosts that the build may reach.
    pub network: Vec<String>,
    /// Script of the tests and their needs; `None` if there are no tests.
    pub test: Option<Test>,
    /// Remarks for a person, written as comments.
    pub notes: Vec<String>,
}

/// A step that tests.
#[derive(Debug)]
pub struct Test {
    /// Script of the step.
    pub run: String,
    /// Whether the step gets the outputs of the build.
    pub after_build: bool,
}

impl Recipe {
    /// The pipeline file. `judged` says whether this machine has advisories that a runner can judge packages by.
    pub fn pipeline(&self, project: &Name, judged: bool) -> String {
        let mut text = format!(
            "# How {project} is built: {}. Steps run in a sandbox without network, but for what `network` names.\n",
            self.kind
        );
        for note in &self.notes {
            text += &format!("# {note}\n");
        }
        text += "version: 1\nsteps:\n  build:\n";
        text += &step(&self.build, &self.network);
        text += &format!("    outputs: [{}]\n", self.out);
        if let Some(test) = &self.test {
            text += "  test:\n";
            // A test after the build needs no network, because the build has fetched everything.
            text += if test.after_build { "    needs: [build]\n" } else { "" };
            text += &step(&test.run, if test.after_build { &[] } else { &self.network });
        }
        text += "  # The runner itself looks for secrets and lists the packages that lockfiles name. No file here weakens it.\n";
        text += if judged { SCAN_JUDGED } else { SCAN };
        text + &format!(
            "artifacts:\n  {project}:\n    files:\n      app: {{ step: build, path: {} }}\n",
            self.out
        )
    }

    /// The release file.
    pub fn release(&self, project: &Name, service: &Service) -> String {
        let start = service.start();
        let process = match start {
            None => String::new(),
            Some((_, None)) => "    process:\n      command: [app/start]\n".to_owned(),
            Some((_, Some(port))) => format!(
                "    process:\n      command: [app/start]\n      port: {port}          # each place has its own in its configuration\n      listen: variable    # the process reads it from the variable PORT and listens\n"
            ),
        };
        let probe = match start {
            Some((_, Some(_))) => {
                let path = serde_json::json!(service.probe.as_deref().unwrap_or("/"));
                format!("    probe:\n      http: {path}\n      attempts: 120\n      interval-ms: 500\n")
            }
            Some(_) => "    probe:\n      command: [app/check]\n      attempts: 10\n".to_owned(),
            None => "    probe:\n      command: [app/check]\n      attempts: 1\n".to_owned(),
        };
        let what = match start {
            Some(_) => "it runs as a process that the agent supervises.",
            None => "its files are installed. `init --command` would have described a supervised process.",
        };
        format!(
            "# How {project} is released: {what}\nversion: 1\nservices:\n  {project}:\n    artifact: {project}\n{process}{probe}"
        )
    }
}

/// The scan where packages are judged by the runner's advisories.
const SCAN_JUDGED: &str = "  # `dependencies` judges packages by the runner's advisories.\n  scan:\n    scan: [secrets, components, dependencies]\n";
/// The scan where the runner has no advisories: with `dependencies` the step would fail.
const SCAN: &str = "  # No advisories judge the packages yet: run `countersign osv sync --from DIRECTORY` and add `dependencies` to the list.\n  scan:\n    scan: [secrets, components]\n";

fn step(script: &str, network: &[String]) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("      {line}\n") };
    let lines: String = script.lines().map(line).collect();
    let network =
        if network.is_empty() { String::new() } else { format!("    network: [{}]\n", network.join(", ")) };
    format!("    run: |\n{lines}{network}")
}

/// A project whose files need no building.
pub fn plain(out: &str, start: &str) -> Recipe {
    let check = program(out, "check", "test -d \"$here/app\"");
    let start = program(out, "start", &format!("cd \"$here/app\" && {}", exec(start)));
    Recipe {
        kind: "files that need no building",
        out: out.to_owned(),
        build: format!("{}{check}{start}", copied(out)),
        network: Vec::new(),
        test: None,
        notes: Vec::new(),
    }
}

/// A name for the output directory that no file of the repository has.
pub fn out_of(repository: &Path) -> String {
    let taken = |name: &&str| !repository.join(name).exists();
    ["out", "countersign-out"]
        .iter()
        .find(|name| taken(name))
        .copied()
        .unwrap_or("countersign-built")
        .to_owned()
}

/// Lines that copy the source into the output directory.
pub fn copied(out: &str) -> String {
    format!(
        "mkdir -p {out}/app\nfind . -mindepth 1 -maxdepth 1 ! -name {out} ! -name .countersign ! -name .git -exec cp -R {{}} {out}/app/ \\;\n"
    )
}

/// Lines that write a program of the artifact; `$here` is the artifact's directory.
pub fn program(out: &str, name: &str, lines: &str) -> String {
    format!(
        "cat > {out}/{name} <<'COUNTERSIGN'\n#!/bin/sh\nhere=$(cd \"$(dirname \"$0\")\" && pwd)\n{}\nCOUNTERSIGN\nchmod 755 {out}/{name}\n",
        lines.trim_end()
    )
}

/// The start command with `exec`, so that it replaces the shell, unless the line is more than one command.
pub fn exec(line: &str) -> String {
    if line.contains(['&', ';', '|', '<', '>']) || line.split_whitespace().any(|word| word == "exec") {
        line.to_owned()
    } else {
        format!("exec {line}")
    }
}

/// Lines of `check` for programs: each can be started here. Any exit code of the program is accepted, because some do
/// not know `--help`; a signal, 126 and 127 are not, because a shell uses 126 and 127 for a program that cannot run.
pub fn runs(dir: &str) -> String {
    format!(
        "for program in \"$here\"/{dir}/*; do\n  code=0\n  timeout 10 \"$program\" --help </dev/null >/dev/null || code=$?\n  [ \"$code\" -lt 126 ]\ndone\n"
    )
}
