//! Debian packages, downloaded and unpacked privately: nothing is installed, and the system's sources and lists are not
//! changed.
//!
//! Invariant: packages come from the mirror that the system's own sources name, with its own keys.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{TaskResult, spawn};

/// A private directory for apt, with its own lists, status and cache.
pub struct Apt {
    dir: PathBuf,
}

impl Apt {
    /// Makes the directory, with its sources.
    pub fn new(dir: &Path, sources: &str) -> Result<Self, String> {
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

    /// Runs apt-get in it.
    pub fn run(&self, arguments: &[&str]) -> TaskResult {
        spawn(Command::new("apt-get").args(arguments).env("APT_CONFIG", self.dir.join("apt.conf")))
    }

    /// The downloaded packages.
    pub fn packages(&self) -> Result<Vec<PathBuf>, String> {
        let listed = fs::read_dir(self.dir.join("cache/archives")).map_err(text)?;
        let paths = listed.flatten().map(|entry| entry.path());
        Ok(paths.filter(|path| path.extension().is_some_and(|ending| ending == "deb")).collect())
    }
}

/// The source of the system's packages.
pub struct Mirror {
    /// Base of the mirror.
    pub uri: String,
    /// Key ring that its lists are signed with.
    pub key: String,
    /// The suite of this system.
    pub suite: String,
}

/// Mirror, key ring and suite of the system's own sources (sources.list(5), deb822 style).
pub fn mirror() -> Result<Mirror, String> {
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
                return Ok(Mirror { uri: uri.to_owned(), key: key.to_owned(), suite: suite.to_owned() });
            }
        }
    }
    Err("the system's sources name no Debian mirror, from which packages could be downloaded; add one to /etc/apt/sources.list".into())
}

/// Unpacks a package below a directory.
pub fn unpack(package: &Path, into: &Path) -> TaskResult {
    spawn(Command::new("dpkg").arg("-x").arg(package).arg(into))
}

/// A program that tests need: the system's, or a private one in the target directory.
struct Tool {
    /// Name of its package, and of its directory.
    name: &'static str,
    /// Further packages to install with it.
    with: &'static [&'static str],
    /// Files that exist if it is installed.
    files: &'static [&'static str],
    /// Packages to unpack: its own, and those that it needs and that are not on every system. Empty: all but the C library,
    /// which the system has.
    packages: &'static [&'static str],
    purpose: &'static str,
}

const TOOLS: [Tool; 3] = [
    Tool {
        name: "openssh-server",
        with: &[],
        files: &["usr/sbin/sshd"],
        packages: &["openssh-server_", "libwrap0_", "libwtmpdb0_"],
        purpose: "remotes over SSH",
    },
    Tool {
        name: "softhsm2",
        with: &[],
        files: &["usr/lib/softhsm/libsofthsm2.so", "usr/bin/softhsm2-util"],
        packages: &["softhsm2_", "libsofthsm2_"],
        purpose: "keys in a PKCS#11 device",
    },
    Tool {
        name: "strace",
        with: &[],
        files: &["usr/bin/strace"],
        packages: &["strace_", "libunwind8_", "liblzma5_"],
        purpose: "record of all writes, to simulate power cuts",
    },
];

/// A browser with its driver and fonts.
const CHROMIUM: Tool = Tool {
    name: "chromium",
    with: &["chromium-driver", "fonts-noto-core"],
    files: &[
        "usr/lib/chromium/chromium",
        "usr/bin/chromedriver",
        "usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    ],
    packages: &[],
    purpose: "pages of the console in a real browser",
};

/// Downloads the programs that tests need and that are missing.
pub fn tools(target: &Path) -> TaskResult {
    TOOLS.iter().try_for_each(|tool| found(tool, target).map(drop))
}

/// The same for the browser: the directory below which it is.
pub fn chromium(target: &Path) -> Result<PathBuf, String> {
    found(&CHROMIUM, target)
}

fn found(tool: &Tool, target: &Path) -> Result<PathBuf, String> {
    let (name, tree) = (tool.name, target.join(tool.name));
    let roots = [PathBuf::from("/"), tree.clone()];
    let mut found = roots.into_iter().find(|root| tool.files.iter().all(|file| root.join(file).exists()));
    if found.is_none() {
        let all = [&[name], tool.with].concat().join(" ");
        fetch(tool, target, &tree).map_err(|error| {
            format!("{error}; install {name} (`apt-get install {all}`): {}", tool.purpose)
        })?;
        found = Some(tree);
    }
    println!("found    {name}");
    found.ok_or_else(|| format!("{name} is missing"))
}

fn fetch(tool: &Tool, target: &Path, tree: &Path) -> TaskResult {
    let Mirror { uri, key, suite } = mirror()?;
    let apt = Apt::new(&target.join("apt"), &format!("deb [signed-by={key}] {uri} {suite} main\n"))?;
    apt.run(&["update", "-q"])?;
    apt.run(&[&["install", "-q", "-y", "--download-only", tool.name], tool.with].concat())?;
    let unpacked = target.join(format!("{}.new", tool.name));
    drop(fs::remove_dir_all(&unpacked));
    for package in apt.packages()? {
        let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let everything = tool.packages.is_empty() && !name.starts_with("libc6_");
        if everything || tool.packages.iter().any(|own| name.starts_with(own)) {
            unpack(&package, &unpacked)?;
        }
    }
    fs::rename(&unpacked, tree).map_err(text)?;
    fs::remove_dir_all(target.join("apt")).map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
