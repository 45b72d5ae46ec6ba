//! The allow-list of system calls.
//!
//! Invariant: what is not named here answers EPERM. `clone3` answers ENOSYS, because its flags lie in memory
//! where a filter cannot see them; libraries then use `clone`, whose namespace flags are refused. Sockets
//! are local, IPv4 or IPv6 only: a network namespace does not confine vsock. Calls of other ABIs (x32, 32
//! bit) have other numbers or another architecture and never match.

use std::collections::BTreeMap;

use libc::{c_long, *};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use crate::mounts::{Doing as _, Failed};

/// Puts the filters in force for this process and all that it starts.
pub fn apply() -> Result<(), Failed> {
    let arch: TargetArch = std::env::consts::ARCH.try_into().doing("seccomp architecture")?;
    // First the one for clone3: the other one does not let a further filter in.
    let clone3 = BTreeMap::from([(SYS_clone3, Vec::new())]);
    install(clone3, SeccompAction::Allow, SeccompAction::Errno(ENOSYS.unsigned_abs()), arch)?;
    install(rules()?, SeccompAction::Errno(EPERM.unsigned_abs()), SeccompAction::Allow, arch)
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

fn rules() -> Result<Rules, Failed> {
    let mut rules: Rules = ALLOWED.iter().chain(ALLOWED_ON_ARCH).map(|call| (*call, Vec::new())).collect();
    let equal = |argument, value: u64| condition(argument, SeccompCmpOp::Eq, value);
    let rule = |conditions| SeccompRule::new(conditions).doing("seccomp rule");
    let domains = [AF_UNIX, AF_INET, AF_INET6].map(|domain| u64::from(domain.unsigned_abs()));
    for call in [SYS_socket, SYS_socketpair] {
        let each = domains.iter().map(|domain| rule(vec![equal(0, *domain)?]));
        rules.insert(call, each.collect::<Result<_, _>>()?);
    }
    // New namespaces would bring capabilities back.
    let namespaces =
        [CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET];
    let mask = namespaces.iter().fold(0, |mask, flag| mask | u64::from(flag.unsigned_abs()));
    rules.insert(SYS_clone, vec![rule(vec![condition(0, SeccompCmpOp::MaskedEq(mask), 0)?])?]);
    // Characters pushed into a terminal, and the console's selection.
    let not = |value: u64| condition(1, SeccompCmpOp::Ne, value);
    rules.insert(SYS_ioctl, vec![rule(vec![not(0x5412)?, not(0x541c)?])?]);
    let plain = [0, 0xffff_ffff].map(|persona| rule(vec![equal(0, persona)?]));
    rules.insert(SYS_personality, plain.into_iter().collect::<Result<_, _>>()?);
    // Pipes and plain files, no devices.
    let kind = |argument, kind: u32| {
        rule(vec![condition(argument, SeccompCmpOp::MaskedEq(u64::from(S_IFMT)), u64::from(kind))?])
    };
    rules.insert(SYS_mknodat, vec![kind(2, S_IFIFO)?, kind(2, S_IFREG)?]);
    #[cfg(target_arch = "x86_64")]
    rules.insert(SYS_mknod, vec![kind(1, S_IFIFO)?, kind(1, S_IFREG)?]);
    Ok(rules)
}

fn condition(argument: u8, operation: SeccompCmpOp, value: u64) -> Result<SeccompCondition, Failed> {
    let length = SeccompCmpArgLen::Dword;
    SeccompCondition::new(argument, length, operation, value).doing("seccomp condition")
}

#[rustfmt::skip]
const ALLOWED: &[c_long] = &[
    // files
    SYS_read, SYS_write, SYS_close, SYS_fstat, SYS_lseek, SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev,
    SYS_preadv, SYS_pwritev, SYS_preadv2, SYS_pwritev2, SYS_openat, SYS_openat2, SYS_newfstatat, SYS_statx,
    SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getdents64, SYS_getcwd, SYS_chdir, SYS_fchdir,
    SYS_mkdirat, SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_linkat, SYS_symlinkat, SYS_fchmod,
    SYS_fchmodat, SYS_fchmodat2, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_umask, SYS_truncate,
    SYS_ftruncate, SYS_fallocate, SYS_fsync, SYS_fdatasync, SYS_sync_file_range, SYS_statfs, SYS_fstatfs,
    SYS_fcntl, SYS_flock, SYS_dup, SYS_dup3, SYS_pipe2, SYS_sendfile, SYS_splice, SYS_tee,
    SYS_copy_file_range, SYS_fadvise64, SYS_readahead, SYS_close_range, SYS_memfd_create,
    SYS_getxattr, SYS_lgetxattr, SYS_fgetxattr, SYS_listxattr, SYS_llistxattr, SYS_flistxattr,
    SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
    // memory
    SYS_mmap, SYS_mprotect, SYS_munmap, SYS_mremap, SYS_msync, SYS_mincore, SYS_madvise, SYS_brk, SYS_mlock,
    SYS_munlock, SYS_mlock2, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect, SYS_membarrier,
    SYS_get_mempolicy,
    // processes, threads and signals
    SYS_clone3, SYS_execve, SYS_execveat, SYS_exit, SYS_exit_group, SYS_wait4, SYS_waitid, SYS_kill, SYS_tkill,
    SYS_tgkill, SYS_getpid, SYS_getppid, SYS_gettid, SYS_getpgid, SYS_setpgid, SYS_getsid, SYS_setsid,
    SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getgroups, SYS_getresuid, SYS_getresgid,
    SYS_capget, SYS_prctl, SYS_set_tid_address, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq,
    SYS_futex, SYS_futex_waitv, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity,
    SYS_sched_getparam, SYS_sched_getscheduler, SYS_sched_getattr, SYS_sched_get_priority_max,
    SYS_sched_get_priority_min, SYS_getpriority, SYS_setpriority, SYS_getrlimit, SYS_setrlimit,
    SYS_prlimit64, SYS_getrusage, SYS_times, SYS_getcpu, SYS_rt_sigaction, SYS_rt_sigprocmask,
    SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigtimedwait, SYS_rt_sigqueueinfo, SYS_rt_sigsuspend,
    SYS_sigaltstack, SYS_restart_syscall, SYS_pidfd_open, SYS_pidfd_send_signal, SYS_signalfd4,
    // time
    SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday,
    SYS_getitimer, SYS_setitimer, SYS_timer_create, SYS_timer_settime, SYS_timer_gettime,
    SYS_timer_getoverrun, SYS_timer_delete, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
    // waiting
    SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2,
    SYS_eventfd2,
    // sockets of the kinds that `socket` gives
    SYS_connect, SYS_accept, SYS_accept4, SYS_bind, SYS_listen, SYS_shutdown, SYS_sendto, SYS_recvfrom,
    SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_getsockname, SYS_getpeername,
    SYS_getsockopt, SYS_setsockopt,
    // the rest that runtimes ask for
    SYS_uname, SYS_sysinfo, SYS_getrandom, SYS_landlock_create_ruleset, SYS_landlock_add_rule,
    SYS_landlock_restrict_self,
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
