//! Installed packages, as the database of the host lists them: dpkg's (deb-control(5)) or apk's.
//!
//! Invariant: pure and bounded by the text. A package that is only half installed does not count as installed.

use std::collections::BTreeMap;

use evidence::Digest;

/// Packages with their versions.
pub type Packages = BTreeMap<String, String>;

/// The packages of dpkg's status file. One of a foreign architecture has that in its name.
pub fn of_dpkg(text: &str) -> Packages {
    let mut packages = Packages::new();
    for paragraph in text.split("\n\n") {
        let field = |name: &str| {
            let mut lines = paragraph.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::trim)
        };
        let is_installed = field("Status").is_some_and(|status| status.ends_with(" ok installed"));
        let (Some(name), Some(version)) = (field("Package"), field("Version")) else { continue };
        if !is_installed {
            continue;
        }
        let name = name.to_owned();
        if let Some(other) = packages.remove(&name) {
            // The same package of two architectures: both versions count.
            let both = [other.as_str(), version].join(", ");
            packages.insert(name, both);
            continue;
        }
        packages.insert(name, version.to_owned());
    }
    packages
}

/// The packages of apk's database of what is installed.
pub fn of_apk(text: &str) -> Packages {
    let mut packages = Packages::new();
    for paragraph in text.split("\n\n") {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name));
        if let (Some(name), Some(version)) = (field("P:"), field("V:")) {
            packages.insert(name.to_owned(), version.to_owned());
        }
    }
    packages
}

/// Digest of all packages with their versions.
pub fn digest(packages: &Packages) -> Digest {
    let lines: String = packages.iter().map(|(name, version)| format!("{name} {version}\n")).collect();
    Digest::of(lines.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DPKG: &str = "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0.17-1\n\n\
                        Package: vim\nStatus: deinstall ok config-files\nVersion: 9.0\n\n\
                        Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.41-1\n\n\
                        Package: libc6\nStatus: install ok installed\nArchitecture: i386\nVersion: 2.41-2\n";

    #[test]
    fn only_installed_packages_count() {
        let packages = of_dpkg(DPKG);
        let expected = [("libc6", "2.41-1, 2.41-2"), ("openssl", "3.0.17-1")];
        assert_eq!(packages, expected.map(|(name, version)| (name.into(), version.into())).into());
        let apk = of_apk("C:Q1\nP:musl\nV:1.2.5-r0\n\nP:busybox\nV:1.36\n");
        assert_eq!(apk.len(), 2);
        assert_ne!(digest(&packages), digest(&apk));
        assert!(of_dpkg("").is_empty() && of_apk("x").is_empty());
    }
}
