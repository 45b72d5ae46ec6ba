//! Paths of a host that a container is given.

/// Whether it is the socket of a container runtime, or the pipe of Windows that stands for it.
#[must_use]
pub fn is_runtime_socket(path: &str) -> bool {
    let path = clean(path);
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    RUNTIME_SOCKETS.contains(&name) || path.ends_with("/podman/podman.sock")
}

/// Whether it is a directory from which the whole host can be read or taken over, or one that holds such a directory.
#[must_use]
pub fn is_sensitive(path: &str) -> bool {
    let path = clean(path);
    if is_drive(&path) {
        return true;
    }
    if !path.starts_with('/') || ALLOWED.contains(&path.as_str()) {
        return false;
    }
    let is_below =
        |dir: &&str| path.strip_prefix(*dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    EXACT.contains(&path.as_str()) || WHOLE.iter().any(is_below)
}

/// The path as the host resolves it, but for links: without empty parts, `.` and `..`.
fn clean(path: &str) -> String {
    if !path.starts_with('/') {
        return path.trim_end_matches(['/', '\\']).to_ascii_lowercase();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let path = format!("/{}", parts.join("/"));
    // Both are one directory on every host of today.
    path.strip_prefix("/var/run")
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .map_or_else(|| path.clone(), |rest| format!("/run{rest}"))
}

/// Whether it is the root of a drive of Windows.
fn is_drive(path: &str) -> bool {
    let mut letters = path.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic()) && letters.as_str() == ":"
}

const RUNTIME_SOCKETS: &[&str] = &[
    "docker.sock",
    "containerd.sock",
    "crio.sock",
    "cri-dockerd.sock",
    "dockershim.sock",
    "docker_engine",
    "containerd-containerd",
];

/// Directories that give the host away as a whole; parts of them may be harmless.
const EXACT: &[&str] = &[
    "/",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib64",
    "/opt",
    "/run",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/local/bin",
    "/usr/sbin",
    "/var",
    "/var/lib",
    "/run/containerd",
    "/run/crio",
    "/run/docker",
];

/// Directories of which every part gives the host away.
const WHOLE: &[&str] = &[
    "/bin",
    "/boot",
    "/proc",
    "/root",
    "/sbin",
    "/sys",
    "/dev/mem",
    "/dev/kmem",
    "/etc/cron.d",
    "/etc/init.d",
    "/etc/kubernetes",
    "/etc/pam.d",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/ssh",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/systemd",
    "/usr/lib/systemd",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/spool/cron",
];

/// Parts of such directories that hold no secrets, and through which nothing is taken over.
const ALLOWED: &[&str] =
    &["/var/lib/kubelet/device-plugins", "/var/lib/docker/containers", "/var/lib/kubelet/pod-resources"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_before_they_are_compared() {
        for path in [
            "/var/run/docker.sock",
            "/run/docker.sock",
            "//var/run/../run/./docker.sock/",
            "/run/k3s/containerd/containerd.sock",
            "/run/user/1000/podman/podman.sock",
            r"\\.\pipe\docker_engine",
            "//./pipe/docker_engine",
        ] {
            assert!(is_runtime_socket(path), "{path}");
        }
        for path in
            ["/", "//", "/etc/", "/data/..", "/proc/1/root", "/var/run", "/etc/kubernetes/pki", "C:\\", "c:/"]
        {
            assert!(is_sensitive(path), "{path}");
            assert!(!is_runtime_socket(path), "{path}");
        }
        for path in [
            "/data",
            "/etc/localtime",
            "/dev/shm",
            "/var/lib/postgresql",
            "./etc",
            "etc",
            "/processes",
            "data",
            "/docker.sock.d",
        ] {
            assert!(!is_sensitive(path) && !is_runtime_socket(path), "{path}");
        }
    }
}
