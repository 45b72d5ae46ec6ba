//! The step's file system: an empty root with the granted host paths bound read-only, a private `/proc`,
//! six devices, and size-limited memory for workspace and `/tmp`.
//!
//! Invariant: propagation is made private before any mount, so nothing here is ever seen on the host.
//! Afterwards the old root is gone and the new one is read-only.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};

use crate::process::{seal_device, seal_tree};
use crate::spec::{Spec, WORKSPACE};

/// Where the new root is put together, on a mount of this namespace alone.
const STAGE: &str = "/tmp";

/// Builds the file system and enters it; answers the workspace's directory.
pub fn enter(spec: &Spec) -> Result<OwnedFd, Failed> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .doing("make mounts private")?;
    let root = Path::new(STAGE);
    tmpfs(root, ROOT_BYTES, 0o755, MountFlags::NOSUID | MountFlags::NODEV).doing("mount the root")?;
    for dir in ["old", "proc", "dev", "etc", "tmp", "work"] {
        fs::create_dir(root.join(dir)).doing(dir)?;
    }
    rustix::process::pivot_root(STAGE, &*root.join("old").to_string_lossy()).doing("pivot_root")?;
    rustix::process::chdir("/").doing("chdir")?;
    for bind in &spec.binds {
        self::bind(bind).doing(&format!("bind `{}`", bind.display()))?;
    }
    devices()?;
    accounts().doing("write /etc")?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, c"hidepid=invisible").doing("mount /proc")?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    tmpfs(Path::new("/tmp"), spec.limits.tmp_bytes, 0o1777, flags).doing("mount /tmp")?;
    tmpfs(Path::new(WORKSPACE), spec.limits.workspace_bytes, 0o755, flags).doing("mount the workspace")?;
    unmount("/old", UnmountFlags::DETACH).doing("leave the old root")?;
    fs::remove_dir("/old").doing("remove the old root's place")?;
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    mount_remount("/", flags, c"").doing("make the root read-only")?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, WORKSPACE, flags, Mode::empty()).doing("open the workspace")
}

fn tmpfs(at: &Path, bytes: u64, mode: u32, flags: MountFlags) -> rustix::io::Result<()> {
    let inodes = (bytes / 4096).clamp(1024, 4 << 20);
    let data = std::ffi::CString::new(format!("size={bytes},nr_inodes={inodes},mode={mode:o}"));
    mount("tmpfs", at, "tmpfs", flags, data.unwrap_or_default().as_c_str())
}

/// Binds a host path, which now lies below `/old`, at its own place, read-only with all below it.
fn bind(path: &Path) -> io::Result<()> {
    let source = Path::new("/old").join(path.strip_prefix("/").unwrap_or(path));
    let meta = fs::symlink_metadata(&source)?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    if meta.is_symlink() {
        // `/bin -> usr/bin`: the link itself, which leads to what is bound or to nothing.
        return std::os::unix::fs::symlink(fs::read_link(&source)?, path);
    }
    if meta.is_dir() {
        fs::create_dir_all(path)?;
        mount_bind_recursive(&source, path)?;
    } else {
        File::create(path)?;
        mount_bind(&source, path)?;
    }
    seal_tree(path)
}

fn devices() -> Result<(), Failed> {
    for name in ["null", "zero", "full", "random", "urandom"] {
        let target = Path::new("/dev").join(name);
        File::create(&target).doing(name)?;
        mount_bind(Path::new("/old/dev").join(name), &target).doing(&format!("bind /dev/{name}"))?;
        seal_device(&target).doing(&format!("seal /dev/{name}"))?;
    }
    for (name, to) in [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        std::os::unix::fs::symlink(to, Path::new("/dev").join(name)).doing(name)?;
    }
    fs::create_dir("/dev/shm").doing("/dev/shm")?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    tmpfs(Path::new("/dev/shm"), SHM_BYTES, 0o1777, flags).doing("mount /dev/shm")
}

/// The one account of a sandbox, and no name service but files.
fn accounts() -> io::Result<()> {
    for (file, text) in [
        ("passwd", "build:x:1000:1000:build:/work:/bin/sh\n"),
        ("group", "build:x:1000:\n"),
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    ] {
        let path = Path::new("/etc").join(file);
        fs::write(&path, text)?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))?;
    }
    Ok(())
}

/// A part of the isolation that could not be put in place.
#[derive(Debug)]
pub struct Failed(pub String);

/// Names the operation that failed.
pub trait Doing<T> {
    /// Names the operation that failed.
    fn doing(self, what: &str) -> Result<T, Failed>;
}

impl<T, E: std::fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: &str) -> Result<T, Failed> {
        self.map_err(|error| Failed(format!("{what}: {error}")))
    }
}

const ROOT_BYTES: u64 = 4 << 20;
const SHM_BYTES: u64 = 64 << 20;
