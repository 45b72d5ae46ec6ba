//! The step's file system: an empty root with the granted host paths mounted read-only, a private `/proc`, six devices,
//! and size-limited memory for workspace and `/tmp`.
//!
//! Invariant: mount propagation is made private before any mount, so the host never sees one of them. Afterwards the
//! old root is gone and the new root is read-only.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, mount_bind,
    mount_bind_recursive, mount_change, mount_remount, move_mount, open_tree, unmount,
};

use rustix::process::geteuid;

use crate::connect::{HOST_NAME, host_lines};
use crate::process::{seal_device, seal_tree};
use crate::secret::SECRETS;
use crate::spec::{CERTIFICATES, ROOT_BYTES, SCRIPT, SHM_BYTES, Spec, WORKSPACE};

/// Mount point of POSIX message queues.
pub const QUEUES: &str = "/dev/mqueue";

/// Directory where the new root is built, on a mount that only this namespace sees.
const STAGE: &str = "/tmp";

/// A host path to mount in the sandbox.
#[derive(Debug)]
pub struct Granted {
    from: PathBuf,
    /// Its place in the sandbox: the same path, but for a part of an image.
    path: PathBuf,
    kind: Kind,
    /// A copy of the mount, made while this process was still root, because the step's user cannot reach the original.
    tree: Option<OwnedFd>,
}

#[derive(Debug)]
enum Kind {
    Directory,
    File,
    Link(PathBuf),
}

/// Opens the host paths before any namespace is entered, with the supervisor's own rights.
pub fn grant(spec: &Spec) -> Result<Vec<Granted>, Failed> {
    let one = |from: PathBuf, path: PathBuf| -> io::Result<Granted> {
        let meta = fs::symlink_metadata(&from)?;
        let kind = if meta.is_symlink() {
            // `/bin -> usr/bin`: the link itself is recreated. It leads to a granted path or nowhere.
            Kind::Link(fs::read_link(&from)?)
        } else if meta.is_dir() {
            Kind::Directory
        } else {
            Kind::File
        };
        let flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
        let copied = geteuid().is_root() && !matches!(kind, Kind::Link(_));
        let tree = copied.then(|| open_tree(CWD, &from, flags)).transpose()?;
        Ok(Granted { from, path, kind, tree })
    };
    let mut places: Vec<_> = spec.binds.iter().map(|path| (path.clone(), path.clone())).collect();
    if let Some(image) = &spec.image {
        places.extend(parts(image).doing("read the image")?);
    }
    places
        .into_iter()
        .map(|(from, path)| one(from, path.clone()).doing(&format!("bind `{}`", path.display())))
        .collect()
}

/// The parts of an image with their places: everything in its root, but for what every sandbox has apart. Of a directory in
/// which the sandbox has files too, each part is mounted.
fn parts(image: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let mut parts = Vec::new();
    let mut add = |below: &str, apart: &[&str]| -> io::Result<()> {
        let dir = image.join(below);
        // A link could lead out of the image.
        if !fs::symlink_metadata(&dir).is_ok_and(|meta| meta.is_dir()) {
            return Ok(());
        }
        for item in fs::read_dir(&dir)? {
            let item = item?;
            if apart.iter().all(|name| item.file_name() != *name) {
                parts.push((item.path(), Path::new("/").join(below).join(item.file_name())));
            }
        }
        Ok(())
    };
    add("", &APART)?;
    add("etc", &ACCOUNTS)?;
    add("var", &["tmp"])?;
    parts.sort();
    Ok(parts)
}

/// Names in the root that every sandbox has itself.
const APART: [&str; 9] = ["dev", "etc", "old", "proc", "run", "sys", "tmp", "var", "work"];
/// Files that every sandbox has itself in `/etc`.
const ACCOUNTS: [&str; 5] = ["passwd", "group", "hosts", "hostname", "nsswitch.conf"];

/// Builds the file system and enters it. Returns the directory of the workspace.
pub fn enter(spec: &Spec, granted: &[Granted]) -> Result<OwnedFd, Failed> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .doing("make mounts private")?;
    let root = Path::new(STAGE);
    tmpfs(root, ROOT_BYTES, 0o755, MountFlags::NOSUID | MountFlags::NODEV).doing("mount the root")?;
    for dir in ["old", "proc", "dev", "etc", "tmp", "work"] {
        fs::create_dir(root.join(dir)).doing(dir)?;
    }
    rustix::process::pivot_root(STAGE, &*root.join("old").to_string_lossy()).doing("pivot_root")?;
    rustix::process::chdir("/").doing("chdir")?;
    // Before the host paths, because a toolchain may be below the host's `/tmp`.
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    tmpfs(Path::new("/tmp"), spec.limits.tmp_bytes, 0o1777, flags).doing("mount /tmp")?;
    for granted in granted {
        bind(granted).doing(&format!("bind `{}`", granted.path.display()))?;
    }
    devices()?;
    accounts(&host_lines(&spec.connect)).doing("write /etc")?;
    read_only(SCRIPT, spec.script.as_deref()).doing("write the script")?;
    read_only(CERTIFICATES, spec.certificates.as_deref()).doing("write the certificates")?;
    if !spec.secrets.is_empty() {
        fs::create_dir_all(SECRETS).doing(SECRETS)?;
        // Unlike the pages of a tmpfs, those of a ramfs are never swapped out. Only init writes here, so it needs no limit.
        mount("ramfs", SECRETS, "ramfs", flags | MountFlags::NOEXEC, c"mode=0500")
            .doing("mount the secrets")?;
    }
    fs::create_dir_all("/var").doing("/var")?;
    std::os::unix::fs::symlink("/tmp", "/var/tmp").doing("/var/tmp")?;
    let quiet = flags | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", quiet, c"hidepid=invisible").doing("mount /proc")?;
    tmpfs(Path::new(WORKSPACE), spec.limits.workspace_bytes, 0o755, flags).doing("mount the workspace")?;
    unmount("/old", UnmountFlags::DETACH).doing("leave the old root")?;
    fs::remove_dir("/old").doing("remove the old root's place")?;
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    mount_remount("/", flags, c"").doing("make the root read-only")?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, WORKSPACE, flags, Mode::empty()).doing("open the workspace")
}

/// Makes the files of the secrets read-only, once they are written.
pub fn seal_secrets() -> Result<(), Failed> {
    let flags =
        MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount_remount(SECRETS, flags, c"").doing("make the secrets read-only")
}

fn tmpfs(at: &Path, bytes: u64, mode: u32, flags: MountFlags) -> rustix::io::Result<()> {
    let inodes = (bytes / 4096).clamp(1024, 4 << 20);
    let data = std::ffi::CString::new(format!("size={bytes},nr_inodes={inodes},mode={mode:o}"));
    mount("tmpfs", at, "tmpfs", flags, data.unwrap_or_default().as_c_str())
}

/// Mounts a host path at the same path, read-only with everything below it.
fn bind(granted: &Granted) -> io::Result<()> {
    let path = &granted.path;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match &granted.kind {
        Kind::Link(target) => return std::os::unix::fs::symlink(target, path),
        Kind::Directory => fs::create_dir_all(path)?,
        Kind::File => drop(File::create(path)?),
    }
    match &granted.tree {
        Some(tree) => move_mount(tree, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?,
        // The old root is now at `/old`.
        None => {
            let from = granted.from.strip_prefix("/").unwrap_or(&granted.from);
            mount_bind_recursive(Path::new("/old").join(from), path)?;
        }
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
    tmpfs(Path::new("/dev/shm"), SHM_BYTES, 0o1777, flags).doing("mount /dev/shm")?;
    // Terminals of this sandbox only, for programs that need one.
    fs::create_dir("/dev/pts").doing("/dev/pts")?;
    let alone = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("devpts", "/dev/pts", "devpts", alone, c"newinstance,ptmxmode=0666,mode=0600")
        .doing("mount /dev/pts")?;
    std::os::unix::fs::symlink("pts/ptmx", "/dev/ptmx").doing("/dev/ptmx")?;
    // The message queues of this namespace. Landlock needs a path in order to allow `mq_open`.
    fs::create_dir(QUEUES).doing(QUEUES)?;
    mount("mqueue", QUEUES, "mqueue", flags, c"").doing("mount /dev/mqueue")
}

/// Writes a text for the step to a file. A script is one because the length of an argument is limited (execve(2)).
fn read_only(path: &str, text: Option<&str>) -> io::Result<()> {
    let Some(text) = text else { return Ok(()) };
    let path = Path::new(path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text)?;
    fs::set_permissions(path, Permissions::from_mode(0o444))
}

/// Writes the accounts: the step's user, the owners of the files that it sees, and name look-ups in files only.
fn accounts(others: &str) -> io::Result<()> {
    let hosts =
        format!("127.0.0.1 localhost {HOST_NAME}\n::1 localhost ip6-localhost ip6-loopback\n{others}");
    let users = "root:x:0:0:root:/:/bin/false\nbuild:x:1000:1000:build:/work:/bin/sh\n\
                 nobody:x:65534:65534:nobody:/:/bin/false\n";
    for (file, text) in [
        ("passwd", users),
        ("group", "root:x:0:\nbuild:x:1000:\nnogroup:x:65534:\n"),
        ("hosts", &hosts),
        ("hostname", &format!("{HOST_NAME}\n")),
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

/// Adds the name of the failed operation to an error.
pub trait Doing<T> {
    /// Adds the name of the failed operation.
    fn doing(self, what: &str) -> Result<T, Failed>;
}

impl<T, E: std::fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: &str) -> Result<T, Failed> {
        self.map_err(|error| Failed(format!("{what}: {error}")))
    }
}
