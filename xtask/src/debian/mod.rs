//! `docs/operating/hosts.md` on plain Debian roots: the package is made, installed on two hosts and a laptop, and used as the page
//! says, up to a service in production ([`walk.sh`](walk.sh)).
//!
//! Invariant: hosts are namespaces that end with the walk, and the roots are removed. It needs root, mmdebstrap, and the
//! mirror that the system's own sources name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, TaskResult};
use crate::{fresh, package};

const WALK: &str = "xtask/src/debian/walk.sh";

/// Makes the package and the roots, walks, and removes the roots.
pub fn hosts() -> TaskResult {
    let package = package::made(&[])?;
    let dir = PathBuf::from("/var/tmp").join(format!("countersign-hosts-{}", std::process::id()));
    let done = walked(&dir, &package);
    let removed = fs::remove_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()));
    done.and(removed)
}

fn walked(dir: &Path, package: &Path) -> TaskResult {
    fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    fresh::root(&dir.join("base"), "git,openssh-client,python3")?;
    let mut walk = Command::new("unshare");
    walk.args([
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--propagation",
        "private",
    ]);
    walk.arg("bash").arg(command::root().join(WALK)).arg(dir).arg(package);
    command::spawn(&mut walk)
}
