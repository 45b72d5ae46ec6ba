//! `countersign policy`: checks and tests a directory of policies, tries it on the past, and explains the gate of a release. A policy decides nothing until an environment
//! statement with its digest is signed.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use client::files;
use client::policies;
use policy::{Bundle, run_tests};
use serde::Serialize;

use super::{policy_dry_run, policy_explain};
use crate::failure::Failure;
use crate::output::Output;

/// Subcommands of `policy`.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Compile a directory of policies and print its digest.
    Check {
        /// Directory of policies; default: the built-in policy.
        dir: Option<PathBuf>,
    },
    /// Run the tests of a directory of policies: every definition of a `test_…` rule, in any package.
    Test {
        /// Directory of policies.
        dir: PathBuf,
    },
    /// Show each rule of the policy that decides about a release: its verdict, the facts that it read, remedy and owner.
    Explain(policy_explain::Explain),
    /// Make past decisions of gates again by a directory of policies, and name each release whose verdict would change.
    DryRun(policy_dry_run::DryRunArguments),
    /// Write a pack of policies and its tests to a directory, as a starting point.
    #[command(allow_missing_positional = true)]
    Copy {
        /// Name of the pack: `default`, or that of a regulation: `fedramp`, `gdpr`, `hipaa`, `iso-27001`, `owasp-cicd`, `pci-dss`,
        /// `slsa`, `soc2`, `sox-itgc` or `ssdf`; default: the built-in policy.
        pack: Option<String>,
        /// Directory to write; it must not exist.
        dir: PathBuf,
    },
}

#[derive(Debug, Serialize)]
struct Compiled {
    digest: String,
    files: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Tested {
    passed: Vec<String>,
    failed: Vec<String>,
}

/// Carries out a subcommand.
pub fn run(verb: &Policy, output: Output) -> Result<(), Failure> {
    match verb {
        Policy::Check { dir } => {
            let files = match dir {
                Some(dir) => policies::read(dir)?.0,
                None => policies::built_in(),
            };
            let bundle = Bundle::new(files.files)?;
            policies::compile(dir.as_deref().unwrap_or(Path::new(".")), &bundle)?;
            let names = bundle.files().keys().cloned().collect();
            let compiled = Compiled { digest: bundle.digest().to_string(), files: names };
            output.print(&compiled, |compiled| format!("{}\n{}", compiled.digest, compiled.files.join("\n")))
        }
        Policy::Test { dir } => {
            let (files, tests) = policies::read(dir)?;
            let bundle = Bundle::new(files.files)?;
            policies::compile(dir, &bundle)?;
            let results = run_tests(&bundle, &tests).map_err(|error| policies::faulty(dir, &error))?;
            let (passed, failed): (Vec<_>, Vec<_>) = results.into_iter().partition(|(_, why)| why.is_none());
            let say = |(name, why): (String, Option<String>)| match why {
                Some(why) => format!("{name}: {why}"),
                None => name,
            };
            let tested = Tested {
                passed: passed.into_iter().map(say).collect(),
                failed: failed.into_iter().map(say).collect(),
            };
            output.print(&tested, |tested| {
                let bad: String = tested.failed.iter().map(|line| format!("failed: {line}\n")).collect();
                format!("{bad}{} passed, {} failed", tested.passed.len(), tested.failed.len())
            })?;
            let none = tested.passed.is_empty() && tested.failed.is_empty();
            match (tested.failed.is_empty(), none) {
                (true, false) => Ok(()),
                (true, true) => Err(Failure::error(
                    "the tests have no rule whose name begins with `test_`; `countersign policy copy DIR` writes some",
                )),
                _ => Err(Failure::error(
                    "tests of the policy fail; each is named above: correct the policy, or the test",
                )),
            }
        }
        Policy::Explain(verb) => policy_explain::run(verb, output),
        Policy::DryRun(verb) => policy_dry_run::run(verb, output),
        Policy::Copy { pack, dir } => {
            let pack = policies::pack(pack.as_deref())?;
            if dir.exists() {
                return Err(Failure::error(format!(
                    "`{}` exists; nothing was changed; name a directory that does not exist",
                    dir.display()
                )));
            }
            std::fs::create_dir_all(dir)?;
            for (name, text) in pack.files().into_iter().chain(pack.tests()) {
                files::write_shared(&dir.join(name), text.as_bytes())?;
            }
            output.print(&serde_json::json!({ "dir": dir }), |_| {
                format!(
                    "wrote {}\nnext: change it, then `countersign policy test {}`",
                    dir.display(),
                    dir.display()
                )
            })
        }
    }
}
