//! Files that only the processes of one enclosure see, in memory that is never swapped out.
//!
//! Invariant: the files are read-only once they are there, and they end with the last process of the enclosure, however that
//! ended: nothing is left to clear away. The caller is inside the enclosure, in its own mount namespace.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, fchown};
use std::path::Path;

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change, mount_remount};

use crate::enclosure::Hold;

/// Mounts a directory of files over an empty one. They belong to `owner`, a user and a group, otherwise to this process's user; nobody
/// else reads them.
///
/// # Errors
/// When the enclosure shares the host's mounts, or the host does not allow it.
pub fn private_files<'a>(
    hold: Hold,
    dir: &Path,
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    owner: Option<(u32, u32)>,
) -> io::Result<()> {
    if hold == Hold::Descendants {
        return Err(io::Error::other("this host gives no namespace in which they could lie"));
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    // Otherwise the host would see them.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    // Unlike the pages of a tmpfs, those of a ramfs are never swapped out. Only this process writes here, so it needs no limit.
    mount("ramfs", dir, "ramfs", flags, c"mode=0755")?;
    for (name, bytes) in files {
        // Programs such as `ssh` refuse a key that others may read.
        let file = fs::File::options().write(true).create_new(true).mode(0o400).open(dir.join(name));
        let mut file = file?;
        file.write_all(bytes)?;
        if let Some((user, group)) = owner {
            fchown(&file, Some(user), Some(group))?;
        }
    }
    Ok(mount_remount(dir, flags | MountFlags::BIND | MountFlags::RDONLY, c"")?)
}
