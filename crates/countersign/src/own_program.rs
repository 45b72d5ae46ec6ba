//! The file of this program, for processes that it starts.

use std::path::{Path, PathBuf};

/// The path of this program. After a package has replaced the file, the kernel's own link still leads to the old one.
pub fn path() -> PathBuf {
    named(std::env::current_exe().ok().as_deref())
}

fn named(found: Option<&Path>) -> PathBuf {
    match found {
        Some(path) if path.exists() => path.to_path_buf(),
        _ => PathBuf::from("/proc/self/exe"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_replaced_is_still_started() {
        let here = std::env::current_exe().unwrap();
        assert_eq!(path(), here);
        // As proc_pid_exe(5) names a file that was removed.
        let replaced = PathBuf::from(format!("{} (deleted)", here.display()));
        assert_eq!(named(Some(&replaced)), Path::new("/proc/self/exe"));
        assert_eq!(named(None), Path::new("/proc/self/exe"));
    }
}
