//! Values that the people of the story put into secrets, each from a file that is removed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::stage::Stage;
use crate::failure::Failure;

/// Alice puts a value.
pub fn put(stage: &Stage, words: &[&str], value: &str, line: &str) -> Result<(), Failure> {
    let file = stage.aside("value");
    fs::write(&file, value)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    let named = file.display().to_string();
    let done = stage.expect("alice", &[&["secret", "put", "--file", &named], words].concat(), 0, line);
    fs::remove_file(&file)?;
    done.map(drop)
}
