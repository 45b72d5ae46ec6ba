//! Helper programs of this machine: git, rustc, cargo, python3, npm, go, ssh-keygen.
//!
//! Invariant: a helper program is found on fixed paths, is started in `/`, and sees a cleared environment, so that
//! neither the current directory nor a variable decides which program runs with this process's rights: no `./pip/`, no
//! `rust-toolchain.toml`, no `.npmrc`, no `GIT_DIR`. `cargo x tidy` enforces that only this file names a helper program.
//! Programs of artifacts (started by the agent) and of steps (started by the sandbox) are not helpers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A helper program of the system.
#[must_use]
pub fn helper(name: &str) -> Command {
    helper_of(name, &system_dirs())
}

/// A helper program from these directories only.
#[must_use]
pub fn helper_of(name: &str, dirs: &[PathBuf]) -> Command {
    let mut command = Command::new(find(name, dirs));
    let path = std::env::join_paths(dirs.iter().filter(|dir| dir.is_absolute())).unwrap_or_default();
    command.env_clear().env("PATH", path).env("LC_ALL", "C.UTF-8").current_dir("/").stdin(Stdio::null());
    // The account's home directory holds the helper's own configuration.
    command.envs(home().map(|home| ("HOME", home)));
    command
}

/// A program for the person at the terminal, which needs the person's ssh agent, terminal and locale. It is searched on
/// the fixed paths first, then on the person's own PATH, except for directories inside the current one.
#[must_use]
pub fn of_person(name: &str) -> Command {
    let here = std::env::current_dir().unwrap_or_default();
    let own = std::env::var_os("PATH").unwrap_or_default();
    let own = std::env::split_paths(&own).filter(|dir| dir.is_absolute() && !dir.starts_with(&here));
    let dirs: Vec<PathBuf> = system_dirs().into_iter().chain(own).collect();
    let mut command = Command::new(find(name, &dirs));
    let aimed = |name: &OsString| name.to_string_lossy().starts_with("GIT_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| aimed(name)) {
        // Variables of a hook name the hook's repository, not the one that is queried.
        if !matches!(name.to_str(), Some("GIT_CONFIG_GLOBAL" | "GIT_CONFIG_NOSYSTEM" | "GIT_CONFIG_SYSTEM")) {
            command.env_remove(name);
        }
    }
    command
}

/// The home directory of this account.
#[must_use]
pub fn home() -> Option<PathBuf> {
    absolute_variable("HOME")
}

/// A variable that names an absolute directory; a relative one would depend on the current directory.
#[must_use]
pub fn absolute_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Directories of the system's programs.
#[must_use]
pub fn system_dirs() -> Vec<PathBuf> {
    SYSTEM_DIRS.map(PathBuf::from).to_vec()
}

/// Whether there is a helper program of this name.
#[must_use]
pub fn is_there(name: &str) -> bool {
    find(name, &system_dirs()).is_file()
}

/// The first program of this name; if none exists, a path at which the start fails.
fn find(name: &str, dirs: &[PathBuf]) -> PathBuf {
    let paths = dirs.iter().filter(|dir| dir.is_absolute()).map(|dir| dir.join(name));
    paths.into_iter().find(|path| path.is_file()).unwrap_or_else(|| Path::new("/usr/bin").join(name))
}

/// The usual directories, and NixOS's.
const SYSTEM_DIRS: [&str; 7] = [
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/run/current-system/sw/bin",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_in_a_directory_of_the_system_or_it_is_not_there() {
        assert!(is_there("sh"));
        assert!(!is_there("countersign-is-no-program-of-the-system"));
    }
}
