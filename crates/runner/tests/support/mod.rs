//! A real repository with commits that real SSH keys signed.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::path::PathBuf;
use std::process::Command;

use evidence::CommitId;
use evidence::ssh::SshKey;

pub struct Project {
    pub dir: tempfile::TempDir,
}

impl Project {
    /// A repository with one key to sign with, and no commit.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let project = Self { dir };
        project.key("signing");
        project.git(&["init", "-q", "-b", "main"]);
        project
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("repository")
    }

    pub fn key(&self, name: &str) -> SshKey {
        let file = self.dir.path().join(name);
        let mut make = Command::new("ssh-keygen");
        make.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&file);
        if !file.exists() {
            assert!(make.status().unwrap().success());
        }
        std::fs::read_to_string(file.with_extension("pub")).unwrap().parse().unwrap()
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        std::fs::create_dir_all(self.path()).unwrap();
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.path()).env("GIT_CONFIG_GLOBAL", "/dev/null");
        for (name, value) in [("NAME", "Ada"), ("EMAIL", "Ada@Example.com"), ("DATE", "1700000000 +0100")] {
            command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits everything, signed with a key of this project unless the key is empty.
    pub fn commit(&self, message: &str, key: &str) -> CommitId {
        self.git(&["add", "-A"]);
        let signing = format!("user.signingkey={}", self.dir.path().join(key).display());
        if key.is_empty() {
            self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        } else {
            self.git(&[
                "-c",
                "gpg.format=ssh",
                "-c",
                &signing,
                "commit",
                "-q",
                "--allow-empty",
                "-S",
                "-m",
                message,
            ]);
        }
        self.git(&["rev-parse", "HEAD"]).parse().unwrap()
    }
}
