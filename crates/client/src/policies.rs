//! Policies: the built-in one, and those of a directory.

use std::collections::BTreeMap;
use std::path::Path;

use evidence::policy_files::PolicyFiles;

use crate::error::Error;

/// The policy that a new installation starts with.
pub fn built_in() -> PolicyFiles {
    PolicyFiles::new(policy::Pack::DEFAULT.files())
}

/// The pack of this name; without a name, the policy of a new installation.
pub fn pack(name: Option<&str>) -> Result<policy::Pack, Error> {
    let Some(name) = name else { return Ok(policy::Pack::DEFAULT) };
    policy::Pack::named(name).ok_or_else(|| {
        let known: Vec<_> = policy::PACKS.iter().map(|pack| pack.name).collect();
        Error::unusable(format!("`{name}` is no pack of policies; known are {}", known.join(", ")))
    })
}

/// The policy files of a directory, and the tests beside them (`*_test.rego`), which are not part of the policy.
/// Refuses rules that the gate would never evaluate.
pub fn read(dir: &Path) -> Result<(PolicyFiles, BTreeMap<String, String>), Error> {
    let mut files = BTreeMap::new();
    collect(dir, "", &mut files)?;
    let (tests, files): (BTreeMap<_, _>, BTreeMap<_, _>) =
        files.into_iter().partition(|(path, _)| path.ends_with("_test.rego"));
    if files.is_empty() {
        return Err(Error::unusable(format!(
            "`{}` has no file that ends in `.rego`; `countersign policy copy DIR` writes a policy to start from",
            dir.display()
        )));
    }
    let bundle = policy::Bundle::new(files.clone())?;
    policy::all_asked(&bundle).map_err(|error| faulty(dir, &error))?;
    if let Some((path, rule)) = tests.iter().find_map(|(path, text)| Some((path, gate_rule(text)?))) {
        let what = format!(
            "policy file `{path}`: a test file is not part of the policy, but it has the gate's `{rule}`"
        );
        return Err(Error::unusable(format!(
            "{what}; move the rule to a file whose name does not end in `_test.rego`"
        )));
    }
    Ok((PolicyFiles::new(files), tests))
}

/// Compiles a policy of a directory.
pub fn compile(dir: &Path, bundle: &policy::Bundle) -> Result<policy::Gate, Error> {
    policy::Gate::compile(bundle).map_err(|error| faulty(dir, &error))
}

/// The error of a policy: file and line come first, where the engine names them (`--> gate.rego:3:1`, then `error: ..`).
pub fn faulty(dir: &Path, error: &dyn std::fmt::Display) -> Error {
    let text = error.to_string();
    let place = text.split_once("--> ").and_then(|(_, rest)| rest.lines().next());
    let what = text.rsplit_once("error: ").map(|(_, what)| what.trim());
    let parts = place.and_then(|place| {
        let (rest, column) = place.trim().rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        Some((dir.join(file), line.parse::<u32>().ok()?, column.parse::<u32>().ok()?))
    });
    match (parts, what) {
        (Some((file, line, column)), Some(what)) => {
            let file = file.display();
            Error::unusable(format!("`{file}`, line {line}, column {column}: {what}"))
        }
        _ => Error::unusable(format!("`{}`: {text}", dir.display())),
    }
}

/// The gate's rule that a test file defines; `None` if it defines none.
fn gate_rule(text: &str) -> Option<&'static str> {
    let is_gate = |line: &str| line.split_whitespace().take(2).eq(["package", "countersign.gate"]);
    text.lines().any(is_gate).then_some(())?;
    let begins = |rule: &&str| text.lines().any(|line| line.split_whitespace().next() == Some(rule));
    ["deny", "checks"].into_iter().find(begins)
}

fn collect(dir: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<(), Error> {
    let failed = |path: &Path| {
        let shown = path.display().to_string();
        move |error: std::io::Error| Error::unusable(format!("cannot read `{shown}`: {error}"))
    };
    if prefix.matches('/').count() > DEPTH_MAX {
        let what = format!("`{}`: directories of a policy lie more than {DEPTH_MAX} deep", dir.display());
        return Err(Error::unusable(format!("{what}; does a link lead back?")));
    }
    for item in std::fs::read_dir(dir).map_err(failed(dir))? {
        let item = item.map_err(failed(dir))?;
        let path = item.path();
        let name = item.file_name().to_string_lossy().into_owned();
        // A mounted ConfigMap has each file as a link into a directory whose name begins with two dots
        // (kubernetes.io/docs/concepts/configuration/configmap); the file is read through the link only.
        if name.starts_with("..") {
            continue;
        }
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else if name.ends_with(".rego") {
            if !path.is_file() {
                return Err(Error::unusable(format!("`{}` is not a file that can be read", path.display())));
            }
            files.insert(name, std::fs::read_to_string(&path).map_err(failed(&path))?);
        } else if DOCUMENTS.iter().any(|ending| name.ends_with(ending)) {
            let what = format!("`{}`: documents of data cannot be part of a policy", path.display());
            let remedy =
                "write them as a rule, `limits := {...}`, in a `.rego` file, or keep the file elsewhere";
            return Err(Error::unusable(format!("{what}; {remedy}")));
        }
    }
    Ok(())
}

/// Extensions that OPA would load as data beside the rules (openpolicyagent.org/docs/management-bundles).
const DOCUMENTS: [&str; 3] = [".json", ".yaml", ".yml"];
const DEPTH_MAX: usize = 16;

#[cfg(test)]
mod tests;
