//! The host's toolchain as steps see it: which paths are bound, and a manifest of what lies there.
//!
//! Invariant: the manifest names path, mode and size of every bound file, so its digest changes when the
//! host is upgraded; it does not hash contents, and a build on it claims no more than that.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use evidence::{Digest, Hasher};

/// What steps see of the host.
#[derive(Clone, Debug)]
pub struct Toolchain {
    binds: Vec<PathBuf>,
    environment: BTreeMap<String, String>,
    digest: Digest,
}

/// Why the host's toolchain could not be taken stock of.
#[derive(Debug, thiserror::Error)]
#[error("cannot take stock of `{path}`: {source}", path = path.display())]
pub struct ToolchainError {
    path: PathBuf,
    source: io::Error,
}

impl Toolchain {
    /// The host's system directories, and the Rust toolchain in use where there is one.
    ///
    /// # Errors
    /// `ToolchainError` when a directory cannot be read.
    pub fn of_host() -> Result<Self, ToolchainError> {
        let system = [
            "/bin",
            "/sbin",
            "/lib",
            "/lib64",
            "/usr",
            "/etc/alternatives",
            "/etc/ld.so.cache",
            "/etc/ssl/certs",
        ];
        let mut binds: Vec<PathBuf> =
            system.map(PathBuf::from).into_iter().filter(|path| path.exists()).collect();
        let mut path = "/usr/local/bin:/usr/bin:/bin".to_owned();
        if let Some(sysroot) = rust_sysroot().filter(|sysroot| !sysroot.starts_with("/usr")) {
            path = format!("{}/bin:{path}", sysroot.display());
            binds.push(sysroot);
        }
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

    /// Only these paths of the host, with these variables.
    ///
    /// # Errors
    /// `ToolchainError` when one cannot be read.
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

/// Where the Rust toolchain in use lies, if there is one.
fn rust_sysroot() -> Option<PathBuf> {
    let mut command = Command::new("rustc");
    let output =
        command.args(["--print", "sysroot"]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    (output.status.success() && path.is_absolute()).then_some(path)
}

/// Digest over a line for each file: path, mode, size, and a link's target.
fn manifest(binds: &[PathBuf]) -> Result<Digest, ToolchainError> {
    let mut digest = Hasher::default();
    for bind in binds {
        walk(bind, &mut digest)?;
    }
    Ok(digest.finish())
}

fn walk(path: &Path, digest: &mut Hasher) -> Result<(), ToolchainError> {
    let failed = |source| ToolchainError { path: path.to_path_buf(), source };
    let meta = fs::symlink_metadata(path).map_err(failed)?;
    let target = if meta.is_symlink() { fs::read_link(path).map_err(failed)? } else { PathBuf::new() };
    let size = if meta.is_file() { meta.len() } else { 0 };
    let line = format!("{:o} {size} {} {}\0", meta.mode(), path.display(), target.display());
    digest.update(line.as_bytes());
    if !meta.is_dir() {
        return Ok(());
    }
    let listed = match fs::read_dir(path) {
        // What this user cannot look into, no step of this user can.
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
