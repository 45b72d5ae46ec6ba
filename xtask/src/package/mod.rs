//! `cargo x package`: the `.deb` of one binary.
//!
//! Invariant: the same binary, tree and time give the same bytes: names are sorted, every owner is root, every time is that
//! of the commit (or `SOURCE_DATE_EPOCH`). Nothing in the package starts a role. The package deliberately holds no key, no
//! data and no user: `postinst` makes users and directories.

mod archive;
mod control;
mod files;
mod gzip;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{self, TaskResult};
use control::Facts;
use gzip::gzip;

/// Makes the package, and prints its file.
pub fn make(words: &[&str]) -> TaskResult {
    println!("{}", made(words)?.display());
    Ok(())
}

/// The package: of `--binary FILE`, or of a new build with the profile `dist`.
pub fn made(words: &[&str]) -> Result<PathBuf, String> {
    let binary = match words {
        [] => {
            command::cargo(&["build", "--locked", "--profile", "dist", "--package", "countersign"])?;
            command::target().join("dist").join("countersign")
        }
        ["--binary", file] => PathBuf::from(file),
        _ => return Err("expected nothing or `--binary FILE`".to_owned()),
    };
    let root = command::root();
    let facts = Facts::read(&root, &binary)?;
    let bytes = package(&root, &binary, &facts)?;
    let dir = command::target().join("package");
    fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let file = dir.join(facts.file_name());
    write(&file, &bytes)?;
    Ok(file)
}

/// The bytes of the package.
fn package(root: &Path, binary: &Path, facts: &Facts) -> Result<Vec<u8>, String> {
    let files = files::data(root, binary)?;
    let control = files::control(root, facts.control(&files), &files)?;
    let member = |name: &'static str, bytes| (name, bytes);
    let packed = |files: &[archive::Entry]| gzip(&archive::tar(files, facts.time_seconds)?);
    let members = [
        member("debian-binary", b"2.0\n".to_vec()),
        member("control.tar.gz", packed(&control)?),
        member("data.tar.gz", packed(&files)?),
    ];
    archive::ar(&members, facts.time_seconds)
}

/// Replaces the file in one step, so that a half-written package is never found under its name.
fn write(file: &Path, bytes: &[u8]) -> TaskResult {
    let new = file.with_extension("new");
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    fs::write(&new, bytes).map_err(failed)?;
    fs::rename(&new, file).map_err(failed)
}
