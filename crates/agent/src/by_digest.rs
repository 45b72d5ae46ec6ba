//! Directories whose files are named by the digests of their bytes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use evidence::Digest;

/// Removes all files but those with these digests. A directory that is not there has none.
///
/// # Errors
/// The system's, when a file cannot be removed.
pub fn keep_only(dir: &Path, needed: &BTreeSet<Digest>) -> io::Result<()> {
    let names: BTreeSet<String> = needed.iter().map(Digest::hex).collect();
    let files = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    for file in files {
        let file = file?;
        if !file.file_name().to_str().is_some_and(|name| names.contains(name)) {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}
