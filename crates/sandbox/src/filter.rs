//! The allow-list of system calls, and the error for all others.
//!
//! Invariant: a call runs only if the allow-list names it and no refusal matches it. Other calls fail with ENOSYS, as
//! on a kernel that does not have them, so that libraries fall back to older calls. Deliberate refusals fail with
//! EPERM, and sockets of other families with EAFNOSUPPORT. `clone3` fails with ENOSYS, because its flags are in memory,
//! where a filter cannot see them; libraries then use `clone`, whose namespace flags are refused. Sockets may be local,
//! IPv4 or IPv6; others such as vsock are refused, because a network namespace does not confine them. NETLINK_ROUTE is
//! allowed, because programs list their interfaces with it: it concerns only the socket's own network namespace, which
//! has only a loopback, and changes nothing without a capability that no process of the step can have (rtnetlink(7)).
//! Calls of other ABIs (x32, 32 bit) have other numbers or another architecture and never match.
//!
//! `ptrace` is allowed as far as leak checkers need it: attach to processes of the same step, read registers, continue.
//! It does not reach process 1, which is not dumpable, and it does not bypass a filter, because filters run after a
//! tracer (seccomp(2)). Tracing from a program's start (PTRACE_TRACEME, PTRACE_SEIZE) and writing stay refused, so
//! debuggers do not run.

use std::collections::BTreeMap;

use libc::{c_int, c_long, *};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use crate::mounts::{Doing as _, Failed};

/// Installs the filters for this process and all processes that it starts.
pub fn apply() -> Result<(), Failed> {
    let arch: TargetArch = std::env::consts::ARCH.try_into().doing("seccomp architecture")?;
    for (errno, rules) in refusals()? {
        install(rules, SeccompAction::Allow, SeccompAction::Errno(errno.unsigned_abs()), arch)?;
    }
    // Last, because it refuses to install further ones. Of several answers, the kernel takes the strictest.
    install(allowed(), SeccompAction::Errno(ENOSYS.unsigned_abs()), SeccompAction::Allow, arch)
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn install(
    rules: Rules,
    otherwise: SeccompAction,
    matched: SeccompAction,
    arch: TargetArch,
) -> Result<(), Failed> {
    let filter = SeccompFilter::new(rules, otherwise, matched, arch).doing("seccomp filter")?;
    let program: BpfProgram = filter.try_into().doing("seccomp program")?;
    apply_filter(&program).doing("seccomp")
}

/// Calls that may run unless a refusal matches. Calls that are always refused are listed here, too, so that they fail
/// with their own error and not with ENOSYS.
fn allowed() -> Rules {
    let lists = [ALLOWED, ALLOWED_ON_ARCH, JUDGED, REFUSED, WITHOUT_ATTRIBUTES, &[SYS_clone3]];
    lists.into_iter().flatten().map(|call| (*call, Vec::new())).collect()
}

/// The refusals, by the error that they give.
fn refusals() -> Result<[(c_int, Rules); 4], Failed> {
    let always = |calls: &[c_long]| calls.iter().map(|call| (*call, Vec::new())).collect::<Rules>();
    let mut refused = always(REFUSED);
    refused.extend(arguments()?);
    Ok([
        (ENOSYS, always(&[SYS_clone3])),
        // The error of a file system without extended attributes. Programs that copy files continue without them.
        (EOPNOTSUPP, always(WITHOUT_ATTRIBUTES)),
        (EAFNOSUPPORT, sockets()?),
        (EPERM, refused),
    ])
}

/// Refused sockets: families that reach out of the namespaces, and netlink except for lists of interfaces and routes.
/// Libraries open those with SOCK_CLOEXEC; without it, other programs would inherit the socket.
fn sockets() -> Result<Rules, Failed> {
    let [unix, v4, v6, netlink] = [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK].map(number);
    let kinds = [SOCK_RAW, SOCK_DGRAM].map(|kind| kind | SOCK_CLOEXEC);
    let [raw, raw_waiting, datagram, datagram_waiting] =
        [kinds[0], kinds[0] | SOCK_NONBLOCK, kinds[1], kinds[1] | SOCK_NONBLOCK].map(number);
    let list = |argument, value| vec![equal(0, netlink), not(argument, value)];
    let mut kept = list(1, raw);
    kept.extend([not(1, raw_waiting), not(1, datagram), not(1, datagram_waiting)]);
    let single =
        [[unix, v4, v6, netlink].map(|family| not(0, family)).into(), list(2, number(NETLINK_ROUTE)), kept];
    let pair = [unix, v4, v6].map(|family| not(0, family)).into();
    Ok(Rules::from([(SYS_socket, rules(single)?), (SYS_socketpair, rules([pair])?)]))
}

/// Refusals that depend on arguments.
fn arguments() -> Result<Rules, Failed> {
    // A new namespace would give capabilities back.
    let namespaces =
        [CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET];
    let clone = namespaces.map(number).map(|flag| vec![masked(0, flag, flag)]);
    let ioctl = [TIOCSTI, TIOCLINUX].map(|request| vec![equal(1, request)]);
    let personality = [PERSONAS.map(|persona| not(0, persona)).into()];
    let ptrace = [TRACES.map(|request| not(0, request)).into()];
    // Pipes and plain files are allowed, devices are not.
    let device = |argument| DEVICES.map(|kind| vec![masked(argument, u64::from(S_IFMT), u64::from(kind))]);
    Ok(Rules::from([
        (SYS_clone, rules(clone)?),
        (SYS_ioctl, rules(ioctl)?),
        (SYS_personality, rules(personality)?),
        (SYS_ptrace, rules(ptrace)?),
        (SYS_mknodat, rules(device(2))?),
        #[cfg(target_arch = "x86_64")]
        (SYS_mknod, rules(device(1))?),
    ]))
}

type Condition = Result<SeccompCondition, Failed>;

fn rules<const N: usize>(each: [Vec<Condition>; N]) -> Result<Vec<SeccompRule>, Failed> {
    let rule = |conditions: Vec<Condition>| {
        SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?).doing("seccomp rule")
    };
    each.into_iter().map(rule).collect()
}

fn equal(argument: u8, value: u64) -> Condition {
    condition(argument, SeccompCmpOp::Eq, value)
}

fn not(argument: u8, value: u64) -> Condition {
    condition(argument, SeccompCmpOp::Ne, value)
}

fn masked(argument: u8, mask: u64, value: u64) -> Condition {
    condition(argument, SeccompCmpOp::MaskedEq(mask), value)
}

fn condition(argument: u8, operation: SeccompCmpOp, value: u64) -> Condition {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operation, value).doing("seccomp condition")
}

fn number(value: c_int) -> u64 {
    u64::from(value.unsigned_abs())
}

/// The usual personality, one without address randomization (`setarch -R`, which thread sanitizers need), and the
/// query.
const PERSONAS: [u64; 3] = [0, 0x0004_0000, 0xffff_ffff];
/// PTRACE_CONT, PTRACE_KILL, PTRACE_GETREGS, PTRACE_ATTACH, PTRACE_DETACH, PTRACE_GETREGSET.
const TRACES: [u64; 6] = [7, 8, 12, 16, 17, 0x4204];
const DEVICES: [mode_t; 3] = [S_IFCHR, S_IFBLK, S_IFSOCK];
/// Pushes characters into a terminal.
const TIOCSTI: u64 = 0x5412;
/// Controls the console, for instance its selection.
const TIOCLINUX: u64 = 0x541c;

#[rustfmt::skip]
const ALLOWED: &[c_long] = &[
    // files
    SYS_read, SYS_write, SYS_close, SYS_fstat, SYS_lseek, SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev,
    SYS_preadv, SYS_pwritev, SYS_preadv2, SYS_pwritev2, SYS_openat, SYS_openat2, SYS_newfstatat, SYS_statx,
    SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getdents64, SYS_getcwd, SYS_chdir, SYS_fchdir,
    SYS_mkdirat, SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_linkat, SYS_symlinkat, SYS_fchmod,
    SYS_fchmodat, SYS_fchmodat2, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_umask, SYS_truncate,
    SYS_ftruncate, SYS_fallocate, SYS_fsync, SYS_fdatasync, SYS_vmsplice, SYS_sync_file_range, SYS_statfs, SYS_fstatfs,
    SYS_fcntl, SYS_flock, SYS_dup, SYS_dup3, SYS_pipe2, SYS_sendfile, SYS_splice, SYS_tee,
    SYS_copy_file_range, SYS_fadvise64, SYS_readahead, SYS_close_range, SYS_memfd_create,
    SYS_getxattr, SYS_lgetxattr, SYS_fgetxattr, SYS_listxattr, SYS_llistxattr, SYS_flistxattr,
    SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
    // memory
    SYS_mmap, SYS_mprotect, SYS_munmap, SYS_mremap, SYS_msync, SYS_mincore, SYS_madvise, SYS_brk, SYS_mlock,
    SYS_munlock, SYS_mlock2, SYS_mlockall, SYS_munlockall, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect, SYS_membarrier,
    SYS_get_mempolicy,
    // processes, threads and signals
    SYS_execve, SYS_execveat, SYS_exit, SYS_exit_group, SYS_wait4, SYS_waitid, SYS_kill, SYS_tkill,
    SYS_tgkill, SYS_getpid, SYS_getppid, SYS_gettid, SYS_getpgid, SYS_setpgid, SYS_getsid, SYS_setsid,
    // to the only user that exists, and to a lower priority: anything else needs a capability
    SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setfsuid, SYS_setfsgid,
    SYS_setgroups, SYS_capset, SYS_ioprio_set, SYS_ioprio_get, SYS_sched_setscheduler, SYS_sched_setparam,
    SYS_sched_setattr, SYS_sched_rr_get_interval,
    SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getgroups, SYS_getresuid, SYS_getresgid,
    SYS_capget, SYS_prctl, SYS_set_tid_address, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq,
    SYS_futex, SYS_futex_waitv, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity,
    SYS_sched_getparam, SYS_sched_getscheduler, SYS_sched_getattr, SYS_sched_get_priority_max,
    SYS_sched_get_priority_min, SYS_getpriority, SYS_setpriority, SYS_getrlimit, SYS_setrlimit,
    SYS_prlimit64, SYS_getrusage, SYS_times, SYS_getcpu, SYS_rt_sigaction, SYS_rt_sigprocmask,
    SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigtimedwait, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_rt_sigsuspend,
    SYS_sigaltstack, SYS_restart_syscall, SYS_pidfd_open, SYS_pidfd_send_signal, SYS_signalfd4,
    // time
    SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday,
    SYS_getitimer, SYS_setitimer, SYS_timer_create, SYS_timer_settime, SYS_timer_gettime,
    SYS_timer_getoverrun, SYS_timer_delete, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
    // waiting
    SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2,
    SYS_eventfd2,
    // sockets of the kinds that `socket` allows
    SYS_connect, SYS_accept, SYS_accept4, SYS_bind, SYS_listen, SYS_shutdown, SYS_sendto, SYS_recvfrom,
    SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_getsockname, SYS_getpeername,
    SYS_getsockopt, SYS_setsockopt,
    // System V IPC and message queues of the step's separate namespace
    SYS_shmget, SYS_shmat, SYS_shmdt, SYS_shmctl, SYS_semget, SYS_semop, SYS_semtimedop, SYS_semctl, SYS_msgget,
    SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_mq_open, SYS_mq_unlink, SYS_mq_timedsend, SYS_mq_timedreceive,
    SYS_mq_notify, SYS_mq_getsetattr,
    // further calls of language runtimes
    SYS_uname, SYS_sysinfo, SYS_getrandom, SYS_landlock_create_ruleset, SYS_landlock_add_rule,
    SYS_landlock_restrict_self,
];

/// Calls that refusals judge by their arguments.
const JUDGED: &[c_long] = &[
    SYS_socket,
    SYS_socketpair,
    SYS_clone,
    SYS_ioctl,
    SYS_personality,
    SYS_ptrace,
    SYS_mknodat,
    #[cfg(target_arch = "x86_64")]
    SYS_mknod,
];

const WITHOUT_ATTRIBUTES: &[c_long] =
    &[SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr];

/// Refused calls: they lead out of the sandbox, raise privileges, or control the machine. No build needs them.
#[rustfmt::skip]
const REFUSED: &[c_long] = &[
    // namespaces and mounts
    SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_open_tree, SYS_move_mount,
    SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_quotactl, SYS_swapon, SYS_swapoff,
    // other processes, and descriptors of other processes
    SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise, SYS_kcmp, SYS_pidfd_getfd,
    SYS_open_by_handle_at, SYS_name_to_handle_at,
    // programs in the kernel, and kernel keyrings
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
    SYS_keyctl, SYS_add_key, SYS_request_key, SYS_fanotify_init, SYS_fanotify_mark,
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_syslog, SYS_acct,
    // the machine
    SYS_reboot, SYS_sethostname, SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime,
    SYS_adjtimex, SYS_vhangup, SYS_mbind, SYS_set_mempolicy, SYS_migrate_pages, SYS_move_pages,
    #[cfg(target_arch = "x86_64")]
    SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    SYS_ioperm,
];

#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ALLOWED_ON_ARCH: &[c_long] = &[
    SYS_open, SYS_creat, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_getdents, SYS_mkdir, SYS_rmdir,
    SYS_rename, SYS_link, SYS_unlink, SYS_symlink, SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes,
    SYS_futimesat, SYS_pipe, SYS_dup2, SYS_poll, SYS_select, SYS_epoll_create, SYS_epoll_wait, SYS_eventfd,
    SYS_signalfd, SYS_fork, SYS_vfork, SYS_getpgrp, SYS_pause, SYS_alarm, SYS_time, SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_ON_ARCH: &[c_long] = &[];
