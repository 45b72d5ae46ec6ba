//! The project that a person works on: its repository, its name, and the two files that describe how it is
//! built and released; they are written to start from where a repository has none.

use std::path::{Path, PathBuf};

use evidence::Name;

use crate::failure::Failure;
use crate::pack;

/// The repository that is meant: the one given, else the one that we are in.
pub fn repository(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let here = given.map_or_else(std::env::current_dir, |path| Ok(path.to_path_buf()))?;
    pack::toplevel(&here).ok_or_else(|| {
        let remedy = "go into one, or name it with --repository";
        Failure::error(format!("`{}` lies in no git repository; {remedy}", here.display()))
    })
}

/// The project's name: the one given, else the repository's, as far as it can be one.
pub fn name(given: Option<&Name>, repository: &Path) -> Result<Name, Failure> {
    if let Some(name) = given {
        return Ok(name.clone());
    }
    let dir = repository.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let mut text: String =
        dir.chars().map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' }).collect();
    text.truncate(63);
    let text = text.trim_matches('-').trim_start_matches(|c: char| c.is_ascii_digit());
    text.parse().map_err(|_| {
        Failure::error(format!("`{dir}` cannot be a project's name; give one with --project NAME"))
    })
}
