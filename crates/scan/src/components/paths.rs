//! Paths in a tree.
//!
//! Invariant: no path leads out of the tree.

/// The name of a file.
pub fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The directory of a file.
pub fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// A path below a directory.
pub fn within_directory(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// A relative path below a directory of the tree; `None` if it leads out of the tree.
pub fn joined(directory: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') || relative.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
