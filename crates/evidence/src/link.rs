//! Symbolic links among outputs and in artifacts: the targets that are safe to keep.
//!
//! Invariant: a link that passes never leads out of its root, whatever other links exist there. Its target is relative
//! and has `..` only at the front, no more often than there are directories between the link and the root. Nothing lies
//! below a link, so those directories are real. Everything after them only descends, through links that were checked in
//! the same way. A `..` after a name is refused: the name may be a link, whose parent is elsewhere.

/// Longest target in bytes: `PATH_MAX` of Linux without the NUL.
pub const TARGET_BYTES_MAX: usize = 4_095;

/// The reason why the link at `path` cannot be kept in the tree at `root`; `None` if it can. The root is `""` or a
/// directory above `path`.
///
/// ```
/// use evidence::link::fault;
/// assert_eq!(fault("out", "out/lib/libx.so", "libx.so.1"), None);
/// assert_eq!(fault("out", "out/lib/libx.so", "../share/x"), None);
/// assert!(fault("out", "out/lib/libx.so", "../../x").is_some());
/// assert!(fault("out", "out/lib/libx.so", "/usr/lib/libx.so").is_some());
/// ```
#[must_use]
pub fn fault(root: &str, path: &str, target: &str) -> Option<&'static str> {
    if target.is_empty() || target.len() > TARGET_BYTES_MAX {
        return Some("its target is empty or has more than 4,095 bytes");
    }
    if target.chars().any(|c| c.is_control() || c == '\\') {
        return Some("its target has a control character or a backslash");
    }
    if target.starts_with('/') {
        return Some("its target is an absolute path");
    }
    let below = match root {
        "" => Some(path),
        root => path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')),
    };
    let Some(below) = below else { return Some("it is all that is taken, so its target lies outside") };
    let mut parts = target.split('/').filter(|part| !part.is_empty() && *part != ".").peekable();
    let mut room = below.matches('/').count();
    while parts.next_if_eq(&"..").is_some() {
        let Some(left) = room.checked_sub(1) else { return Some("its target lies outside") };
        room = left;
    }
    parts.any(|part| part == "..").then_some("its target has `..` behind a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_a_link_that_could_lead_outside_is_refused() {
        for (root, path, target) in [
            ("", "a", ".."),
            ("", "a", "../a"),
            ("", "a/b", "../.."),
            ("", "a/b", "./.././../x"),
            ("", "a/b/c", "x/../../../../etc/passwd"),
            ("", "a", "up/../secret"),
            ("", "a", "/etc/passwd"),
            ("", "a", "//etc/passwd"),
            ("", "a", ""),
            ("", "a", "x\n"),
            ("", "a", "x\0y"),
            ("", "a", "..\\x"),
            ("out", "out", "x"),
            ("out", "out/x", "../main.c"),
            ("out", "outer/x", "y"),
            ("out/lib", "out/lib/x", "../share"),
        ] {
            assert!(fault(root, path, target).is_some(), "{root} {path} {target:?}");
        }
        assert!(fault("", "a", &"x".repeat(5_000)).is_some());
    }

    #[test]
    fn links_that_stay_inside_are_kept() {
        for (root, path, target) in [
            ("", "a", "b"),
            ("", "a", "./b/c"),
            ("", "a", "lib/"),
            ("", "a/b", "../c"),
            ("", "a/b", ".."),
            ("", "a/b", ".././/c"),
            ("out", "out/node_modules/.bin/tsc", "../typescript/bin/tsc"),
            ("out", "out/a", "a"),
            ("", "a", "..b/...c"),
        ] {
            assert_eq!(fault(root, path, target), None, "{root} {path} {target:?}");
        }
    }
}
