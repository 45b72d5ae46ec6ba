//! What a package says about itself: version, architecture, and what it needs.
//!
//! Invariant: what the binary needs is read from the binary; a library without a known package is an error, and no guess.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::archive::Entry;

/// Facts about the binary and the tree.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Version in Debian's order: a build of a commit is older than the release that follows.
    pub version: String,
    /// Architecture by Debian's name.
    pub architecture: &'static str,
    /// What the binary needs.
    pub depends: String,
    /// Time of every file.
    pub time_seconds: u64,
}

impl Facts {
    /// Reads them from the tree and the binary.
    pub fn read(root: &Path, binary: &Path) -> Result<Self, String> {
        let time_seconds = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(text) => {
                text.parse().map_err(|_| format!("SOURCE_DATE_EPOCH: `{text}` is no number of seconds"))?
            }
            Err(_) => number(&git(root, &["log", "-1", "--format=%ct"])?)?,
        };
        let commit = git(root, &["log", "-1", "--date=format-local:%Y%m%d%H%M%S", "--format=%cd.%h"])?;
        let changed = if git(root, &["status", "--porcelain"])?.is_empty() { "" } else { "+changed" };
        let version = format!("{}~{commit}{changed}", env!("CARGO_PKG_VERSION"));
        Ok(Self { version, architecture: architecture()?, depends: depends(binary)?, time_seconds })
    }

    /// Name of the package's file.
    pub fn file_name(&self) -> String {
        format!("countersign_{}_{}.deb", self.version, self.architecture)
    }

    /// The file `control`.
    pub fn control(&self, files: &[Entry]) -> String {
        let bytes: usize = files.iter().filter_map(|entry| entry.bytes.as_ref()).map(Vec::len).sum();
        format!(
            "Package: countersign
Version: {}
Architecture: {}
Maintainer: the authors of countersign <root@localhost>
Installed-Size: {}
Depends: {}
Recommends: git, openssh-client
Section: admin
Priority: optional
Description: change control from the commit to production
 Reviews, sealed builds, policies, approvals and rollouts, on a ledger that
 anybody can check. The package holds the one program and units of systemd
 for its roles: server, witness, runner, agent. No unit starts before a
 person has enabled it.
",
            self.version,
            self.architecture,
            bytes.div_ceil(1024),
            self.depends,
        )
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn git(root: &Path, words: &[&str]) -> Result<String, String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(words).env("TZ", "UTC");
    let output = command.output().map_err(|error| format!("git: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(format!("git {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
    }
}

fn architecture() -> Result<&'static str, String> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => Err(format!("Debian's name of the architecture `{other}` is not known here")),
    }
}

/// The packages that the binary needs to start, and the one that `postinst` needs.
pub fn depends(binary: &Path) -> Result<String, String> {
    let listed = Command::new("ldd").arg(binary).env("LC_ALL", "C").output();
    let listed = listed.map_err(|error| format!("ldd: {error}"))?;
    if !listed.status.success() {
        return Err(format!("ldd {}: {}", binary.display(), String::from_utf8_lossy(&listed.stderr).trim()));
    }
    let bytes = fs::read(binary).map_err(|error| format!("{}: {error}", binary.display()))?;
    let mut packages = BTreeSet::from(["passwd".to_owned()]);
    for library in libraries(&String::from_utf8_lossy(&listed.stdout)) {
        packages.insert(package(&library, &bytes)?);
    }
    Ok(packages.into_iter().collect::<Vec<_>>().join(", "))
}

/// Names of the libraries that `ldd` lists.
pub fn libraries(listed: &str) -> Vec<String> {
    let words = listed.lines().filter_map(|line| line.split_whitespace().next());
    let names = words.filter_map(|word| word.rsplit('/').next());
    names.filter(|name| !name.starts_with("linux-vdso") && *name != "statically").map(str::to_owned).collect()
}

/// The package of a library; of libc with the oldest version that has all symbols which the binary names.
pub fn package(library: &str, binary: &[u8]) -> Result<String, String> {
    match library {
        "libgcc_s.so.1" => Ok("libgcc-s1".to_owned()),
        _ if OF_LIBC.iter().any(|prefix| library.starts_with(prefix)) => {
            let (major, minor) = symbols(binary).ok_or("the binary names no version of libc's symbols")?;
            Ok(format!("libc6 (>= {major}.{minor})"))
        }
        _ => Err(format!("`{library}`: name its package in xtask/src/package/control.rs, or do not link it")),
    }
}

/// The newest `GLIBC_2.x` that the binary names.
fn symbols(binary: &[u8]) -> Option<(u32, u32)> {
    let mut newest = None;
    let mut rest = binary;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        rest = rest.get(at + MARK.len()..)?;
        let word: Vec<u8> =
            rest.iter().copied().take(8).take_while(|byte| byte.is_ascii_digit() || *byte == b'.').collect();
        let word = String::from_utf8(word).ok()?;
        let mut numbers = word.split('.').map(str::parse::<u32>);
        if let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) {
            newest = newest.max(Some((major, minor)));
        }
    }
    newest
}

const MARK: &[u8] = b"GLIBC_";
/// Libraries of the package `libc6`.
const OF_LIBC: [&str; 7] =
    ["libc.so.", "libm.so.", "libdl.so.", "libpthread.so.", "librt.so.", "ld-linux", "ld64.so"];
