//! A runner that is started in a hostile checkout: neither its files nor a variable decides which programs run with the
//! runner's rights.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `nobody`, an ordinary user of every system.
const ORDINARY: u32 = 65534;

/// A checkout full of traps; each one leaves a file in `sprung` when it runs.
struct Checkout {
    dir: tempfile::TempDir,
}

impl Checkout {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let checkout = Self { dir };
        for dir in
            ["", "sprung", "home", "bin", "tool/bin", "pip/_internal/models", ".cargo", "node_modules/.bin"]
        {
            fs::create_dir_all(checkout.path(dir)).unwrap();
        }
        for program in PROGRAMS {
            for dir in ["", "bin", "tool/bin", "node_modules/.bin"] {
                checkout
                    .trap(&format!("{dir}/{program}"), &format!("{program}-of-{}", dir.replace('/', "-")));
            }
        }
        let mark = |name: &str| format!("open({:?}, 'w')\n", checkout.path("sprung").join(name));
        for (path, text) in [
            ("pip/__init__.py", mark("pip")),
            ("pip/__main__.py", mark("pip-main")),
            ("pip/_internal/__init__.py", String::new()),
            ("pip/_internal/models/__init__.py", String::new()),
            (
                "pip/_internal/models/index.py",
                "class PyPI:\n  simple_url='https://trap.example'\n  file_storage_domain='trap.example'\n"
                    .into(),
            ),
            ("sitecustomize.py", mark("sitecustomize")),
            ("encodings.py", mark("encodings")),
            ("preload.js", format!("require('fs').writeFileSync({:?}, '')\n", checkout.path("sprung/node"))),
            ("rust-toolchain.toml", format!("[toolchain]\npath = {:?}\n", checkout.path("tool"))),
            ("rust-toolchain", checkout.path("tool").display().to_string()),
            (".npmrc", "registry=https://trap.example/\n".into()),
            ("pip.conf", "[global]\nindex-url = https://trap.example/simple\n".into()),
            (".cargo/config.toml", format!("[build]\nrustc = {:?}\n", checkout.path("tool/bin/rustc"))),
        ] {
            fs::write(checkout.path(path), text).unwrap();
        }
        checkout.repository();
        open_to_all(checkout.dir.path());
        checkout
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path.trim_start_matches('/'))
    }

    fn trap(&self, path: &str, name: &str) {
        let text = format!("#!/bin/sh\n: > {}\n", self.path("sprung").join(name).display());
        fs::write(self.path(path), text).unwrap();
    }

    /// A repository in which a file is missing and that names commands to fetch it.
    fn repository(&self) {
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.args(arguments).current_dir(self.dir.path());
            command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
            for (name, value) in [("NAME", "Ada"), ("EMAIL", "ada@example.org")] {
                command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
            }
            let output = command.output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        git(&["init", "-q", "-b", "main"]);
        git(&["add", "preload.js"]);
        git(&["commit", "-q", "-m", "first"]);
        let id = git(&["rev-parse", "HEAD:preload.js"]);
        let (start, rest) = id.split_at(2);
        fs::remove_file(self.path(".git/objects").join(start).join(rest)).unwrap();
        let sprung = |name: &str| format!("touch {}", self.path("sprung").join(name).display());
        let config = format!(
            "[core]\n repositoryformatversion = 1\n fsmonitor = {0}\n sshCommand = {1}\n pager = {2}\n hooksPath = {3}\n\
             [extensions]\n partialClone = origin\n[remote \"origin\"]\n url = ext::{4}\n promisor = true\n uploadpack = {5}\n\
             [protocol \"ext\"]\n allow = always\n[alias]\n cat-file = !{6}\n rev-parse = !{6}\n",
            sprung("fsmonitor"),
            sprung("ssh-command"),
            sprung("pager"),
            self.path("bin").display(),
            sprung("remote"),
            sprung("upload-pack"),
            sprung("alias"),
        );
        fs::write(self.path(".git/config"), config).unwrap();
    }

    /// Every trap that ran although it should not.
    fn sprung(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("sprung")).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn open_to_all(path: &Path) {
    let meta = fs::symlink_metadata(path).unwrap();
    if meta.is_symlink() {
        return;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    if meta.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| open_to_all(&entry.unwrap().path()));
    }
}

/// The runner's report on its surroundings, started in the checkout with variables that lead there.
fn look(checkout: &Checkout, user: Option<u32>) -> String {
    let program = checkout.path("runner-init");
    assert!(
        Command::new("cp").arg(env!("CARGO_BIN_EXE_runner-init")).arg(&program).status().unwrap().success()
    );
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(&program);
    command.arg("surroundings").arg(checkout.dir.path()).current_dir(checkout.dir.path());
    let here = checkout.dir.path();
    let path = format!(".:{0}:{0}/bin:node_modules/.bin:", here.display());
    command.env("PATH", format!("{path}{}", std::env::var("PATH").unwrap()));
    let git =
        [("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "core.fsmonitor"), ("GIT_CONFIG_VALUE_0", "./git")];
    command.envs(git);
    for (name, value) in [
        ("HOME", "home"),
        ("CARGO_HOME", ".cargo"),
        ("RUSTUP_HOME", "tool"),
        ("RUSTUP_TOOLCHAIN", "tool"),
        ("RUSTC", "tool/bin/rustc"),
        ("PYTHONPATH", "."),
        ("PYTHONHOME", "."),
        ("PIP_CONFIG_FILE", "pip.conf"),
        ("PIP_INDEX_URL", "https://trap.example/"),
        ("NODE_OPTIONS", "--require ./preload.js"),
        ("npm_config_userconfig", ".npmrc"),
        ("npm_config_registry", "https://trap.example/"),
        ("GOPROXY", "https://trap.example/"),
        ("GIT_DIR", "elsewhere"),
        ("GIT_EXEC_PATH", "bin"),
        ("GIT_SSH_COMMAND", "./git"),
        ("BASH_ENV", "rust-toolchain"),
        ("ENV", "rust-toolchain"),
    ] {
        command.env(name, value);
    }
    if let Some(id) = user {
        command.uid(id).gid(id);
    }
    let output = command.output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    said
}

fn attack(user: Option<u32>) {
    let checkout = Checkout::new();
    let said = look(&checkout, user);
    assert_eq!(checkout.sprung(), Vec::<String>::new(), "{said}");
    assert!(!said.contains("trap.example"), "{said}");
    assert!(!said.contains(&checkout.path("tool").display().to_string()), "{said}");
    assert!(said.contains("head: Ok"), "the repository itself is read: {said}");
    assert!(said.contains("source: Err(Repository(Incomplete"), "what it lacks is not fetched: {said}");
}

fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").unwrap().lines().any(|line| line == "Uid:\t0\t0\t0\t0")
}

#[test]
fn attack_from_a_checkout_is_stopped_as_root() {
    attack(None);
}

#[test]
fn attack_from_a_checkout_is_stopped_as_an_ordinary_user() {
    attack(is_root().then_some(ORDINARY));
}

/// The traps do run when a program is started in the checkout directly.
#[test]
fn traps_are_traps() {
    let checkout = Checkout::new();
    let step = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(checkout.dir.path()).env("GIT_CONFIG_NOSYSTEM", "1");
        drop(command.output().unwrap());
    };
    step("python3", &["-m", "pip", "config", "list"]);
    step("./git", &[]);
    step("git", &["-c", "safe.directory=*", "cat-file", "-p", "HEAD:preload.js"]);
    let sprung = checkout.sprung();
    for name in ["pip", "git-of-", "remote"] {
        assert!(sprung.iter().any(|found| found == name), "{name}: {sprung:?}");
    }
}

const PROGRAMS: [&str; 9] = ["git", "rustc", "cargo", "python3", "npm", "node", "go", "ssh-keygen", "sh"];
