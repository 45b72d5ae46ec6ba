//! What `cargo x test --browser` tells these tests, by variables of the environment.

use std::env;
use std::path::{Path, PathBuf};

/// The browser.
pub fn chromium() -> PathBuf {
    tree().join("usr/lib/chromium/chromium")
}

/// Its driver.
pub fn chromedriver() -> PathBuf {
    tree().join("usr/bin/chromedriver")
}

/// Variables by which a browser that is not installed finds its libraries and fonts.
pub fn surroundings() -> Vec<(&'static str, String)> {
    let tree = tree();
    if tree == Path::new("/") {
        return Vec::new();
    }
    let path = |inner: &str| tree.join(inner).display().to_string();
    let libraries =
        ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/pulseaudio"]
            .map(path)
            .join(":");
    vec![
        ("LD_LIBRARY_PATH", libraries),
        ("XDG_DATA_HOME", path("usr/share")),
        ("FONTCONFIG_FILE", path("etc/fonts/fonts.conf")),
    ]
}

/// The file of axe-core.
pub fn axe() -> PathBuf {
    told("COUNTERSIGN_AXE").into()
}

/// The program `countersign`.
pub fn program() -> PathBuf {
    told("COUNTERSIGN_PROGRAM").into()
}

/// The report of the demo that runs.
pub fn demo() -> PathBuf {
    told("COUNTERSIGN_DEMO").into()
}

/// The directory for pictures; `None` if none are wanted.
pub fn screens() -> Option<PathBuf> {
    env::var_os("COUNTERSIGN_SCREENS").map(PathBuf::from)
}

/// The directory below which Debian's packages of the browser are unpacked.
fn tree() -> PathBuf {
    told("COUNTERSIGN_CHROMIUM").into()
}

fn told(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: `cargo x test --browser` sets it and runs these tests")
    })
}
