//! Commands that install packages by their names.

use crate::lint::shell::{Command, Word};

/// What a command installs.
#[derive(Debug, PartialEq, Eq)]
pub struct Packages {
    /// The package manager.
    pub manager: &'static str,
    /// Names, with versions where they are written.
    pub names: Vec<String>,
}

impl Packages {
    /// What a command installs; none if it installs nothing by name.
    pub fn of(command: &Command) -> Option<Self> {
        let program = command.program();
        let row = MANAGERS.iter().find(|row| row.programs.contains(&program) || is_module(row, command))?;
        let mut args = command.args();
        if is_module(row, command) {
            args = args.get(2..).unwrap_or_default();
        }
        let words = operands(args, row.valued);
        let (verb, names) = words.split_first()?;
        if !row.verbs.contains(&verb.text.as_str())
            || args.iter().any(|word| row.lists.contains(&word.text.as_str()))
        {
            return None;
        }
        let names: Vec<String> =
            names.iter().map(|word| word.text.clone()).filter(|name| is_name(name)).collect();
        (!names.is_empty()).then_some(Self { manager: row.name, names })
    }

    /// Names without a version.
    pub fn unpinned(&self) -> impl Iterator<Item = &str> {
        let marks =
            MANAGERS.iter().find(|row| row.name == self.manager).map(|row| row.marks).unwrap_or_default();
        let is_pinned = move |name: &str| match self.manager {
            // The mark of a scope is none of a version.
            "npm" => {
                name.trim_start_matches('@').split_once('@').is_some_and(|(_, version)| is_version(version))
            }
            "yum" | "zypper" => has_dashed_version(name) || name.contains('='),
            _ => marks.iter().any(|mark| name.contains(mark)),
        };
        self.names.iter().map(String::as_str).filter(move |name| !is_pinned(name))
    }
}

/// A package manager.
struct Manager {
    name: &'static str,
    programs: &'static [&'static str],
    verbs: &'static [&'static str],
    /// Options with a value that stands apart.
    valued: &'static [&'static str],
    /// Options by which a file names versions, or by which nothing is named.
    lists: &'static [&'static str],
    marks: &'static [&'static str],
}

/// Whether it is `python -m pip`.
fn is_module(row: &Manager, command: &Command) -> bool {
    let is_python = command.program().starts_with("python");
    let words =
        [command.args().first(), command.args().get(1)].map(|word| word.map(|word| word.text.as_str()));
    row.name == "pip" && is_python && words == [Some("-m"), Some("pip")]
}

fn operands<'a>(args: &'a [Word], valued: &[&str]) -> Vec<&'a Word> {
    let mut all = Vec::new();
    let mut args = args.iter();
    while let Some(word) = args.next() {
        if valued.contains(&word.text.as_str()) {
            args.next();
        } else if !word.text.starts_with('-') {
            all.push(word);
        }
    }
    all
}

/// Whether a word is the name of a package of a registry: no path, address, archive or variable.
fn is_name(name: &str) -> bool {
    let is_local = name.starts_with(['.', '/', '~', '<', '>']) || name == "\\";
    let is_archive = [".deb", ".rpm", ".apk", ".whl", ".tgz", ".tar.gz", ".zip", ".gem", ".txt"]
        .iter()
        .any(|end| name.ends_with(end));
    let is_address = name.contains("://") || name.starts_with("git+") || name.contains("file:");
    !(name.is_empty() || is_local || is_archive || is_address || name.contains(['$', '`', '*', '{']))
}

/// Whether a version names one release, and is no name that moves.
fn is_version(version: &str) -> bool {
    !version.is_empty() && !matches!(version, "latest" | "next" | "beta" | "canary" | "*")
}

/// Whether a dash stands before a number: `curl-7.61.1`.
fn has_dashed_version(name: &str) -> bool {
    let digit = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
    name.match_indices('-').any(|(at, _)| name.get(at + 1..).is_some_and(digit)) && name.contains('.')
}

const MANAGERS: &[Manager] = &[
    Manager {
        name: "apt-get",
        programs: &["apt-get", "apt", "aptitude"],
        verbs: &["install"],
        valued: &["-o", "-t", "-c", "--option", "--target-release", "--default-release"],
        lists: &[],
        marks: &["="],
    },
    Manager {
        name: "apk",
        programs: &["apk"],
        verbs: &["add"],
        valued: &[
            "-t",
            "--virtual",
            "-X",
            "--repository",
            "-p",
            "--root",
            "--arch",
            "--keys-dir",
            "--repositories-file",
            "--cache-dir",
        ],
        lists: &[],
        marks: &["=", "<", ">", "~", "@"],
    },
    Manager {
        name: "pip",
        programs: &["pip", "pip3", "pip2"],
        verbs: &["install"],
        valued: &[
            "-i",
            "--index-url",
            "--extra-index-url",
            "-c",
            "--constraint",
            "-f",
            "--find-links",
            "-t",
            "--target",
            "--prefix",
            "--root",
            "--trusted-host",
            "--timeout",
            "--retries",
            "--platform",
            "--python-version",
            "-e",
            "--editable",
            "--cache-dir",
            "--progress-bar",
            "--upgrade-strategy",
            "--no-binary",
            "--only-binary",
            "--proxy",
            "--cert",
            "--config-settings",
        ],
        lists: &["-r", "--requirement", "-c", "--constraint"],
        marks: &["==", "===", "@", "~=", ">", "<"],
    },
    Manager {
        name: "npm",
        programs: &["npm"],
        verbs: &["install", "i", "add"],
        valued: &[
            "--registry",
            "--prefix",
            "--cache",
            "--omit",
            "--include",
            "--loglevel",
            "-C",
            "--workspace",
            "-w",
        ],
        lists: &[],
        marks: &["@"],
    },
    Manager {
        name: "gem",
        programs: &["gem"],
        verbs: &["install"],
        valued: &["-i", "--install-dir", "-n", "--bindir", "--source", "-s", "--platform"],
        lists: &["-v", "--version", "-g", "--file"],
        marks: &[":"],
    },
    Manager {
        name: "yum",
        programs: &["yum", "dnf", "microdnf", "tdnf"],
        verbs: &["install"],
        valued: &[
            "-c",
            "--config",
            "--installroot",
            "--releasever",
            "--enablerepo",
            "--disablerepo",
            "--repo",
            "--setopt",
            "-x",
        ],
        lists: &[],
        marks: &[],
    },
    Manager {
        name: "zypper",
        programs: &["zypper"],
        verbs: &["install", "in"],
        valued: &["-r", "--repo", "-t", "--type", "--root", "--from"],
        lists: &[],
        marks: &[],
    },
];
