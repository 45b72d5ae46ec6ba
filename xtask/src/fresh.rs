//! A fresh machine: a Debian 12 root made by mmdebstrap, with the host's Rust toolchain at its own path, in which the first
//! two commands of the README are run.
//!
//! Invariant: everything is mounted in a private mount namespace, and the root is removed afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, TaskResult};

/// Makes the root, runs the commands, removes the root.
pub fn machine() -> TaskResult {
    let dir = PathBuf::from("/var/tmp").join(format!("countersign-fresh-{}", std::process::id()));
    let packages = "gcc,libc6-dev,git,openssh-client,ca-certificates";
    let done = root(&dir, packages).and_then(|()| commands(&dir));
    let removed = fs::remove_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()));
    done.and(removed)
}

/// A Debian root with these packages beside the smallest set.
pub fn root(dir: &Path, packages: &str) -> TaskResult {
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--variant=minbase"]).arg(format!("--include={packages}"));
    command.arg("bookworm").arg(dir).args(sources());
    command::spawn(&mut command).map_err(|what| format!("{what}; is mmdebstrap installed, and are you root?"))
}

/// The host's own package sources, so that the same mirror is used.
fn sources() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/etc/apt/sources.list")];
    let parts = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    found.extend(parts.map(|item| item.path()));
    found.retain(|path| path.extension().is_some_and(|ending| ending == "list" || ending == "sources"));
    found.retain(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("bookworm")));
    found
}

fn commands(dir: &Path) -> TaskResult {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map_err(|error| format!("rustc: {error}"))?;
    let sysroot = String::from_utf8_lossy(&sysroot.stdout).trim().to_owned();
    let cargo_home =
        std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")));
    let registry = PathBuf::from(cargo_home.map_err(|error| error.to_string())?).join("registry");
    let root = command::root();
    let shared = root.parent().map(|parent| parent.join("shared")).unwrap_or_default();
    let script = format!(
        "set -eu
cd {dir}
mkdir -p src/main src/shared root/.cargo/registry .{sysroot} old
git clone -q file://{root} src/main
mount --make-rprivate /
mount --bind {dir} {dir}
cd {dir}
mount --rbind /dev dev
mount -t proc proc proc
mount --rbind /sys sys
mount --bind {sysroot} .{sysroot}
mount --bind {registry} root/.cargo/registry
if [ -d {shared} ]; then mount --bind {shared} src/shared; fi
cp /etc/resolv.conf /etc/hosts etc/
cp -r /etc/ssl/certs/. etc/ssl/certs/
pivot_root . old
umount -l /old
exec env -i HOME=/root PATH={sysroot}/bin:/usr/local/bin:/usr/bin:/bin CARGO_HOME=/root/.cargo CI=true \
  /usr/sbin/chroot / /bin/sh -euc 'cd /src/main; cargo run --release -- demo --exit; cargo x test'
",
        dir = dir.display(),
        root = root.display(),
        registry = registry.display(),
        shared = shared.display(),
    );
    let mut command = Command::new("unshare");
    let file = dir.with_extension("sh");
    fs::write(&file, script).map_err(|error| format!("{}: {error}", file.display()))?;
    command.args(["--mount", "--pid", "--fork", "--kill-child", "sh"]).arg(&file);
    let done = command::spawn(&mut command);
    drop(fs::remove_file(&file));
    done
}
