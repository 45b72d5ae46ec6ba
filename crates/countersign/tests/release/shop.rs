//! The example service in a separate repository, with a person who commits to it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Home, copy_dir};

/// One person with the example in a repository, its commits signed.
pub struct Shop {
    pub home: Home,
}

impl Shop {
    pub fn new() -> Self {
        Self::of(Home::new())
    }

    pub fn of(home: Home) -> Self {
        let shop = Self { home };
        shop.identity(".ssh/id_ed25519");
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/ledger-api");
        assert!(shop.home.program("mkdir").arg(shop.repository()).status().unwrap().success());
        for part in [".countersign", "src", "Cargo.toml", "Cargo.lock", ".gitignore"] {
            let (from, to) = (example.join(part), shop.repository().join(part));
            if from.is_dir() {
                copy_dir(&from, &to);
            } else {
                std::fs::copy(&from, &to).unwrap();
            }
        }
        shop.write("src/.keep", "");
        shop.git(&["init", "-q", "-b", "main"]);
        shop.commit("the beginning");
        shop
    }

    /// A solo installation whose baseline is the first commit.
    pub fn solo() -> Self {
        Self::solo_of(Home::new())
    }

    pub fn solo_of(home: Home) -> Self {
        let shop = Self::of(home);
        shop.quick_pipeline();
        shop.in_repository(&["init", "--project", "shop"], 0);
        shop.commit("a quick pipeline");
        shop
    }

    /// The same with the example's own pipeline, which compiles.
    pub fn compiled() -> Self {
        let shop = Self::new();
        shop.in_repository(&["init", "--project", "shop"], 0);
        shop.commit("another");
        shop
    }

    /// Steps of a shell script instead of a compiler, because these tests are about the way and not about the build.
    pub fn quick_pipeline(&self) {
        self.write(
            ".countersign/pipeline.yaml",
            "version: 1
steps:
  build:
    run: |
      mkdir -p out
      cp service.sh out/ledger-api
      chmod +x out/ledger-api
    outputs: [out/ledger-api]
  test: { run: test ! -e broken }
artifacts:
  ledger-api:
    files:
      bin/ledger-api: { step: build, path: out/ledger-api }
",
        );
        self.service("ok");
    }

    /// Adds an approval node before the artifact; returns the old pipeline.
    pub fn sign_off(&self) -> String {
        let text = std::fs::read_to_string(self.repository().join(".countersign/pipeline.yaml")).unwrap();
        let node = "steps:\n  sign-off: { needs: [test], approval: { role: release-manager, count: 1 } }\n";
        self.write(".countersign/pipeline.yaml", &text.replace("steps:\n", node));
        self.commit("somebody signs off");
        text
    }

    /// A release whose command prints these words; `bad` does not pass its probe.
    pub fn service(&self, word: &str) {
        self.write("service.sh", &format!("#!/bin/sh\ntest {word} != bad\n"));
        self.write(
            ".countersign/release.yaml",
            "version: 1
services:
  ledger-api:
    artifact: ledger-api
    probe: { command: [bin/ledger-api], attempts: 2, interval-ms: 10 }
",
        );
    }

    pub fn repository(&self) -> PathBuf {
        self.home.dir.path().join("shop")
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.repository().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits are Ada's, signed with this key.
    pub fn identity(&self, key: &str) {
        self.config("user.name", "Ada");
        self.config("user.email", "ada@example.com");
        self.config("gpg.format", "ssh");
        self.config("user.signingkey", self.home.dir.path().join(key).to_str().unwrap());
    }

    pub fn config(&self, name: &str, value: &str) {
        let mut command = self.home.program("git");
        assert!(command.args(["config", "--global", name, value]).status().unwrap().success());
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let mut command = self.home.program("git");
        let output = command.args(arguments).current_dir(self.repository()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits everything with the person's signature.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-S", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs a command in the repository with `-o json`, and expects this exit code.
    pub fn in_repository(&self, arguments: &[&str], code: i32) -> Value {
        self.home.json_in(&self.repository(), arguments, code)
    }

    pub fn ok(&self, arguments: &[&str]) -> Value {
        self.in_repository(arguments, 0)
    }

    /// Signs a policy that stops one person alone, too: in solo mode the built-in one only warns of most things.
    pub fn stopping(&self) {
        let dir = self.home.dir.path().join("stopping");
        self.stopping_policy(dir.to_str().unwrap());
        for environment in ["dev", "staging", "production"] {
            let place = format!("shop/ledger-api/{environment}");
            self.ok(&["trust", "environment", "--yes", &place, "--policy", dir.to_str().unwrap()]);
        }
    }

    /// Writes that policy, and signs it for no place.
    pub fn stopping_policy(&self, dir: &str) {
        self.ok(&["policy", "copy", dir]);
        let file = Path::new(dir).join("limits.rego");
        let mut text = std::fs::read_to_string(&file).unwrap();
        for (rule, was, is) in [
            ("finding-critical", r#""solo": "warn""#, r#""solo/production": "block", "solo": "warn""#),
            (
                "configuration-out-of-bounds",
                r#""solo": "warn""#,
                r#""solo/production": "block", "solo": "warn""#,
            ),
            ("destruction-unapproved", r#""solo": "warn""#, r#""solo/production": "block", "solo": "warn""#),
            ("residency-violated", r#""solo": "warn""#, r#""solo/production": "block", "solo": "warn""#),
            ("check-failed", r#""solo": "warn""#, r#""solo": "block""#),
            ("tests-failed", r#""solo": "warn""#, r#""solo": "block""#),
        ] {
            let row = text.lines().find(|line| line.contains(&format!("\"{rule}\":"))).unwrap().to_owned();
            text = text.replace(&row, &row.replace(was, is));
        }
        std::fs::write(file, text).unwrap();
    }

    /// Takes a release all the way into production.
    pub fn release(&self) -> Value {
        self.ok(&["run"]);
        self.ok(&["approve", "--yes", "--reason", "tested in staging"]);
        self.ok(&["promote"])
    }

    /// The same, with the evidence in a file.
    pub fn release_to(&self, bundle: &str) {
        self.ok(&["run"]);
        self.ok(&["approve", "--yes", "--reason", "tested in staging"]);
        self.ok(&["promote", "--bundle", bundle]);
    }
}
