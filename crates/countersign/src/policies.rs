//! Policies: the ones that are built in, and those of a directory.

use std::collections::BTreeMap;
use std::path::Path;

use evidence::policy_files::PolicyFiles;

use crate::failure::Failure;

/// Tests of the built-in policy.
pub const BUILT_IN_TESTS: &str = include_str!("../../../policies/default/gate_test.rego");

/// The policy that a new installation starts with.
pub fn built_in() -> PolicyFiles {
    let text = include_str!("../../../policies/default/gate.rego").to_owned();
    PolicyFiles::new(BTreeMap::from([("gate.rego".to_owned(), text)]))
}

/// The policy files of a directory and the tests beside them (`*_test.rego`), which are no part of it.
pub fn read(dir: &Path) -> Result<(PolicyFiles, BTreeMap<String, String>), Failure> {
    let mut files = BTreeMap::new();
    collect(dir, "", &mut files)?;
    let (tests, files): (BTreeMap<_, _>, BTreeMap<_, _>) =
        files.into_iter().partition(|(path, _)| path.ends_with("_test.rego"));
    if files.is_empty() {
        return Err(Failure::error(format!("`{}` has no file that ends in `.rego`", dir.display())));
    }
    Ok((PolicyFiles::new(files), tests))
}

fn collect(dir: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<(), Failure> {
    let failed = |path: &Path| {
        let shown = path.display().to_string();
        move |error: std::io::Error| Failure::error(format!("cannot read `{shown}`: {error}"))
    };
    for item in std::fs::read_dir(dir).map_err(failed(dir))? {
        let item = item.map_err(failed(dir))?;
        let path = item.path();
        let name = format!("{prefix}{}", item.file_name().to_string_lossy());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else if name.ends_with(".rego") {
            files.insert(name, std::fs::read_to_string(&path).map_err(failed(&path))?);
        }
    }
    Ok(())
}
