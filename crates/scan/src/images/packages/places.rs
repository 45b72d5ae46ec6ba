//! Paths of databases of packages.

/// The database of Debian and its kin.
pub const DPKG: &str = "var/lib/dpkg/status";
/// Its directory with a file for each package, in images without a package manager.
pub const BARE: &str = "var/lib/dpkg/status.d";
/// The databases of Alpine, before and after its directories were merged.
pub const APK: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

/// Whether a path is below [`BARE`].
pub fn is_bare(path: &str) -> bool {
    path.strip_prefix(BARE).is_some_and(|rest| rest.starts_with('/'))
}
