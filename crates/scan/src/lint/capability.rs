//! Capabilities of Linux (<https://man7.org/linux/man-pages/man7/capabilities.7.html>) that a container is given.

/// The name of a capability in the form that runtimes use: without `CAP_`, in capitals.
#[must_use]
pub fn name(text: &str) -> String {
    let text = text.trim().to_ascii_uppercase();
    text.strip_prefix("CAP_").map_or_else(|| text.clone(), str::to_owned)
}

/// Whether a process with this capability can leave its container, or change the host and its network.
#[must_use]
pub fn is_dangerous(name: &str) -> bool {
    DANGEROUS.contains(&name)
}

/// Whether runtimes give it to every container.
#[must_use]
pub fn is_usual(name: &str) -> bool {
    USUAL.contains(&name)
}

const DANGEROUS: &[&str] = &[
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "NET_ADMIN",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
];

/// Those of Docker and containerd, which the baseline of the Pod Security Standards allows too
/// (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>).
const USUAL: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
