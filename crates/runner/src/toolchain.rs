//! The host's toolchain that steps can use: the bound paths, and a manifest of their files.
//!
//! Invariant: the manifest names path, mode and size of every bound file, so its digest changes when the host is
//! upgraded. It does not hash contents, so a receipt with this digest proves no more than that.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use evidence::{Digest, Hasher};

use crate::program::{absolute_variable, helper_of, home, system_dirs};

/// The part of the host that steps can see.
#[derive(Clone, Debug)]
pub struct Toolchain {
    binds: Vec<PathBuf>,
    environment: BTreeMap<String, String>,
    digest: Digest,
}

/// Why the host's toolchain cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// The file system failed.
    #[error("cannot list the toolchain at `{path}`: {source}", path = path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Steps could not see the directory or could not use it.
    #[error("`{path}` cannot be a toolchain: {what}", path = path.display())]
    Unfit {
        /// The directory.
        path: PathBuf,
        /// The reason, and the remedy.
        what: &'static str,
    },
}

impl Toolchain {
    /// The host's system directories, the toolchains that the operator names, and the account's Rust toolchain if there is
    /// one. Each is bound at its own path, because toolchains cannot be moved.
    ///
    /// # Errors
    /// `ToolchainError` if a directory cannot be read, or a named one cannot be bound in a sandbox.
    pub fn of_host(named: &[PathBuf]) -> Result<Self, ToolchainError> {
        let mut binds: Vec<PathBuf> =
            SYSTEM.map(PathBuf::from).into_iter().filter(|path| path.exists()).collect();
        binds.extend(java_settings());
        let mut programs = Vec::new();
        for dir in named {
            check(dir)?;
            programs.push(if dir.join("bin").is_dir() { dir.join("bin") } else { dir.clone() });
            binds.extend(places(dir)?);
        }
        if !programs.iter().any(|dir| dir.join("rustc").is_file()) {
            let sysroot = rust_sysroot().filter(|sysroot| sandbox::can_be_bound(sysroot));
            if let Some(sysroot) = sysroot.filter(|sysroot| !sysroot.starts_with("/usr")) {
                programs.push(sysroot.join("bin"));
                binds.push(sysroot);
            }
        }
        programs.extend(["/usr/local/go/bin"].map(PathBuf::from).into_iter().filter(|dir| dir.is_dir()));
        programs.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from));
        let path = programs.iter().map(|dir| dir.to_string_lossy()).collect::<Vec<_>>().join(":");
        let variables = [
            ("PATH", path.as_str()),
            ("HOME", "/tmp"),
            ("CARGO_HOME", "/tmp/cargo"),
            ("LANG", "C.UTF-8"),
            ("TZ", "UTC"),
        ];
        let environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self::of(binds, environment)
    }

    /// Directories of its programs: those of its `PATH`.
    #[must_use]
    pub fn programs(&self) -> Vec<PathBuf> {
        let path = self.environment.get("PATH").map(String::as_str).unwrap_or_default();
        std::env::split_paths(path).filter(|dir| dir.is_absolute()).collect()
    }

    /// A toolchain of only these paths of the host, with these variables.
    ///
    /// # Errors
    /// `ToolchainError` if a path cannot be read.
    pub fn of(binds: Vec<PathBuf>, environment: BTreeMap<String, String>) -> Result<Self, ToolchainError> {
        let digest = manifest(&binds)?;
        Ok(Self { binds, environment, digest })
    }

    /// Host paths that are bound.
    #[must_use]
    pub fn binds(&self) -> &[PathBuf] {
        &self.binds
    }

    /// Variables that every step has.
    #[must_use]
    pub const fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Digest of the manifest.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

/// Configuration that a Java runtime needs to start: in its own directory, distributions have only links to it.
fn java_settings() -> Vec<PathBuf> {
    let entries = fs::read_dir("/etc").into_iter().flatten().flatten();
    let java = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("java-"));
    let mut found: Vec<PathBuf> = java.map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// Checks that steps can see a directory that the operator names, and can use its programs.
fn check(dir: &Path) -> Result<(), ToolchainError> {
    let unfit = |what| Err(ToolchainError::Unfit { path: dir.to_path_buf(), what });
    if !sandbox::can_be_bound(dir) {
        return unfit(
            "name an absolute path that is not one of a sandbox's own (/tmp, /proc, /sys, /dev, /work)",
        );
    }
    if dir.to_str().is_none_or(|text| text.contains(':')) {
        return unfit("a PATH cannot contain a colon or text that is not UTF-8; move the directory");
    }
    let meta = fs::metadata(dir).map_err(|source| ToolchainError::Io { path: dir.to_path_buf(), source })?;
    if !meta.is_dir() {
        return unfit("it is not a directory");
    }
    // If the runner is root, its steps run as another user, who needs the permissions of others.
    if meta.uid() == 0 && meta.mode() & 0o005 != 0o005 {
        return unfit("only root can read it, and steps are not root; `chmod o+rx` it");
    }
    Ok(())
}

/// A directory, and the targets of its links, each at its own path.
fn places(dir: &Path) -> Result<Vec<PathBuf>, ToolchainError> {
    let real =
        fs::canonicalize(dir).map_err(|source| ToolchainError::Io { path: dir.to_path_buf(), source })?;
    if real == dir || !sandbox::can_be_bound(&real) {
        return Ok(vec![dir.to_path_buf()]);
    }
    // A link on the path is bound as its target.
    let is_link = fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_symlink());
    Ok(if is_link { vec![real, dir.to_path_buf()] } else { vec![dir.to_path_buf()] })
}

/// Directory of the account's Rust toolchain, if there is one: the answer of the account's own `rustc`, independent of the
/// current directory. Rustup must not download a toolchain for that.
fn rust_sysroot() -> Option<PathBuf> {
    let mut dirs = system_dirs();
    dirs.extend(absolute_variable("CARGO_HOME").map(|home| home.join("bin")));
    dirs.extend(home().map(|home| home.join(".cargo/bin")));
    let mut command = helper_of("rustc", &dirs);
    for name in ["CARGO_HOME", "RUSTUP_HOME"] {
        command.envs(absolute_variable(name).map(|dir| (name, dir)));
    }
    command.env("RUSTUP_AUTO_INSTALL", "0").args(["--print", "sysroot"]).stderr(Stdio::null());
    let output = command.output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    (output.status.success() && path.is_absolute()).then_some(path)
}

/// Digest over one line for each file: path, mode, size, and a link's target.
fn manifest(binds: &[PathBuf]) -> Result<Digest, ToolchainError> {
    let mut digest = Hasher::default();
    for bind in binds {
        walk(bind, &mut digest)?;
    }
    Ok(digest.finish())
}

fn walk(path: &Path, digest: &mut Hasher) -> Result<(), ToolchainError> {
    let failed = |source| ToolchainError::Io { path: path.to_path_buf(), source };
    let meta = fs::symlink_metadata(path).map_err(failed)?;
    let target = if meta.is_symlink() { fs::read_link(path).map_err(failed)? } else { PathBuf::new() };
    let size = if meta.is_file() { meta.len() } else { 0 };
    let line = format!("{:o} {size} {} {}\0", meta.mode(), path.display(), target.display());
    digest.update(line.as_bytes());
    if !meta.is_dir() {
        return Ok(());
    }
    let listed = match fs::read_dir(path) {
        // A file that this user cannot read cannot be read by the user's steps either.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            digest.update(b"closed\0");
            return Ok(());
        }
        listed => listed.map_err(failed)?,
    };
    let mut names =
        listed.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    names.sort();
    names.iter().try_for_each(|name| walk(name, digest))
}

/// Programs and libraries, and files in `/etc` that programs need to run and that hold no secrets.
const SYSTEM: [&str; 20] = [
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/usr",
    "/etc/alternatives",
    "/etc/alpine-release",
    "/etc/crypto-policies",
    "/etc/debian_version",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toolchains_are_named_by_the_operator() {
        let dir = tempfile::tempdir().unwrap();
        let [node, flat, file, closed] = ["node", "flat", "file", "closed"].map(|name| dir.path().join(name));
        fs::create_dir_all(node.join("bin")).unwrap();
        fs::create_dir_all(&flat).unwrap();
        fs::create_dir_all(&closed).unwrap();
        fs::OpenOptions::new().create(true).append(true).open(&file).unwrap();
        let link = dir.path().join("current");
        std::os::unix::fs::symlink(&node, &link).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let found = Toolchain::of_host(&[link.clone(), flat.clone()]).unwrap();
        assert_eq!(found.programs()[..2], [link.join("bin"), flat.clone()], "first on the PATH");
        for seen in [&link, &node, &flat] {
            assert!(found.binds().contains(seen), "{seen:?}");
        }
        assert_ne!(
            found.digest(),
            Toolchain::of_host(&[flat]).unwrap().digest(),
            "it counts in the manifest"
        );
        let unfit = |path: &Path| check(path).unwrap_err().to_string();
        assert!(unfit(&file).contains("it is not a directory"));
        assert!(unfit(Path::new("relative")).contains("name an absolute path"));
        assert!(unfit(Path::new("/proc/self")).contains("name an absolute path"));
        assert!(unfit(&dir.path().join("gone")).contains("cannot list the toolchain"));
        if fs::metadata(&closed).unwrap().uid() == 0 {
            assert!(unfit(&closed).contains("chmod o+rx"));
        }
    }
}
