//! System calls that have no safe form, each behind a safe function.
//!
//! Invariant: every `unsafe` block states why its call is sound. No other crate of the product contains `unsafe`.
#![expect(
    unsafe_code,
    reason = "fork, unshare, close_range and mount_setattr have no safe form in our libraries"
)]

use std::ffi::CString;
use std::io;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::process::Pid;
use rustix::thread::UnshareFlags;

/// The side of a fork that this process is on.
pub enum Fork {
    /// The new process.
    Child,
    /// The old process, with the id of the new one.
    Parent(Pid),
}

/// Forks a process that has a single thread.
pub fn fork() -> io::Result<Fork> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("a process with several threads must not fork here"));
    }
    // SAFETY: there is only one thread (checked above), so no lock of another thread is copied while it is held.
    let pid = unsafe { libc::fork() };
    match Pid::from_raw(pid) {
        None => Ok(Fork::Child),
        Some(_) if pid < 0 => Err(io::Error::last_os_error()),
        Some(pid) => Ok(Fork::Parent(pid)),
    }
}

/// Ignores, or no longer ignores, the signals by which people and service managers ask whole groups of processes to
/// end. A program that is executed inherits ignored signals (signal(7)).
pub fn ignore_requests_to_end(ignore: bool) -> io::Result<()> {
    let disposition = if ignore { libc::SIG_IGN } else { libc::SIG_DFL };
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        // SAFETY: neither disposition runs any code of this process.
        if unsafe { libc::signal(signal, disposition) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Enters new namespaces.
pub fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: `unshare_unsafe` requires that no FILES flag separates descriptors that other threads rely on. Only
    // namespace flags are passed here.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}

/// Closes every descriptor from 3 on.
pub fn close_inherited() -> io::Result<()> {
    // SAFETY: the caller uses no descriptor above standard error that was opened before.
    let done = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes a mount and everything below it read-only, without setuid and without devices.
pub fn seal_tree(path: &Path) -> io::Result<()> {
    set_attributes(path, libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV)
}

/// Restricts the mount of one device to that device.
pub fn seal_device(path: &Path) -> io::Result<()> {
    set_attributes(path, libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC)
}

fn set_attributes(path: &Path, set: u64) -> io::Result<()> {
    #[repr(C)]
    struct MountAttr {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    let attr = MountAttr { set, clear: 0, propagation: 0, user_namespace: 0 };
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: path and attributes live through the call, and the size is that of the attributes.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Changes to the one account of the sandbox, without supplementary groups if the namespace allows it.
pub fn become_build_user(id: u32) -> io::Result<()> {
    // SAFETY: plain calls with plain numbers, in a process with one thread.
    unsafe {
        // In an ordinary user's namespace, setgroups is denied. Those groups are then not mapped at all.
        libc::setgroups(0, std::ptr::null());
        if libc::setresgid(id, id, id) != 0 || libc::setresuid(id, id, id) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Changes to another account, without supplementary groups. Capabilities may be left: a caller that was not root has to
/// drop them.
pub fn become_account(uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: plain calls with plain numbers, in a process with one thread.
    let done = unsafe {
        libc::setgroups(0, std::ptr::null()) == 0
            && libc::setresgid(gid, gid, gid) == 0
            && libc::setresuid(uid, uid, uid) == 0
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Kills every process of this process namespace except process 1, which must be the caller.
pub fn kill_everyone_else() -> io::Result<()> {
    if std::process::id() != 1 {
        return Err(io::Error::other("only process 1 of a separate namespace may do this"));
    }
    // SAFETY: a plain call. Inside a process namespace it reaches only that namespace (checked above).
    if unsafe { libc::kill(-1, libc::SIGKILL) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Brings up `lo` of this network namespace.
pub fn bring_up_loopback() -> io::Result<()> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    // SAFETY: all of `ifreq` is plain data, and zero is a valid value of it.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo\0") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&socket);
    // SAFETY: SIOCSIFFLAGS reads one `ifreq`, which lives through the call.
    let done = unsafe { libc::ioctl(descriptor, libc::SIOCSIFFLAGS, &raw const request) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives `lo` of this network namespace one more address, which leads nowhere else.
pub fn add_to_loopback(address: IpAddr) -> io::Result<()> {
    use rustix::net::{AddressFamily, SocketType, socket};
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket(family, SocketType::DGRAM, None)?;
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&socket);
    let v4 = match address {
        IpAddr::V4(v4) => v4,
        IpAddr::V6(v6) => {
            let ifr6_addr = libc::in6_addr { s6_addr: v6.octets() };
            // The loopback is the first interface of each namespace.
            let request = libc::in6_ifreq { ifr6_addr, ifr6_prefixlen: 128, ifr6_ifindex: 1 };
            // SAFETY: SIOCSIFADDR of a socket of this family reads one `in6_ifreq`, which lives through the call.
            let done = unsafe { libc::ioctl(descriptor, libc::SIOCSIFADDR, &raw const request) };
            return if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
        }
    };
    // A label for each address: an interface has one of each label.
    let label = format!("lo:{:08x}\0", u32::from(v4));
    for (operation, value) in [(libc::SIOCSIFADDR, v4), (libc::SIOCSIFNETMASK, std::net::Ipv4Addr::BROADCAST)]
    {
        // SAFETY: all of `ifreq` is plain data, and zero is a valid value of it.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(label.as_bytes()) {
            *to = from.cast_signed();
        }
        let mut data = [0; 14];
        data.iter_mut()
            .skip(2)
            .zip(value.octets())
            .for_each(|(to, from)| *to = libc::c_char::from_ne_bytes([from]));
        request.ifr_ifru.ifru_addr =
            libc::sockaddr { sa_family: libc::AF_INET as libc::sa_family_t, sa_data: data };
        // SAFETY: both operations read one `ifreq`, which lives through the call.
        if unsafe { libc::ioctl(descriptor, operation, &raw const request) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Addresses of this machine's interfaces: getifaddrs(3).
pub fn interface_addresses() -> io::Result<Vec<IpAddr>> {
    let mut first = std::ptr::null_mut();
    // SAFETY: writes one pointer, which lives through the call.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut addresses = Vec::new();
    let mut at = first;
    // SAFETY: the list ends with null. Each address is null or has the size of its family.
    while let Some(interface) = unsafe { at.as_ref() } {
        // SAFETY: as above. Both families are read unaligned.
        addresses.extend(unsafe { address(interface.ifa_addr) });
        at = interface.ifa_next;
    }
    // SAFETY: it came from getifaddrs and is not used afterwards.
    unsafe { libc::freeifaddrs(first) };
    Ok(addresses)
}

/// # Safety
/// The pointer is null, or points to an address of the size of its family.
unsafe fn address(from: *const libc::sockaddr) -> Option<IpAddr> {
    if from.is_null() {
        return None;
    }
    // SAFETY: by the caller's promise.
    unsafe {
        match libc::c_int::from((&raw const (*from).sa_family).read_unaligned()) {
            libc::AF_INET => {
                let v4 = from.cast::<libc::sockaddr_in>().read_unaligned();
                Some(IpAddr::V4(u32::from_be(v4.sin_addr.s_addr).into()))
            }
            libc::AF_INET6 => {
                let v6 = from.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(IpAddr::V6(v6.sin6_addr.s6_addr.into()))
            }
            _ => None,
        }
    }
}
