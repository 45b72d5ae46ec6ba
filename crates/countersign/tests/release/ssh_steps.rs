//! Steps before a release with an SSH certificate, in front of OpenSSH's own server: what it admits, what it refuses, and where the
//! authority's key is not.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::Digest;
use serde_json::Value;

use super::place_secrets::{contains, each_file, memory_of};
use super::services;
use super::shop::Shop;
use super::ssh::sshd::Sshd;
use crate::codes;
use crate::support::until;

const DEV: &str = "shop/ledger-api/dev";

struct Estate {
    shop: Shop,
    dir: tempfile::TempDir,
    sshd: Sshd,
}

impl Estate {
    fn new() -> Self {
        let (shop, dir) = (Shop::solo(), tempfile::tempdir().unwrap());
        let free = || TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let sshd = Sshd::start(dir.path(), "127.0.0.1", free, &|program| shop.home.program(program));
        fs::write(dir.path().join("known"), &sshd.known_host).unwrap();
        let mut make = shop.home.program("ssh-keygen");
        make.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(dir.path().join("ca"));
        assert!(make.stdin(Stdio::null()).status().unwrap().success());
        let estate = Self { shop, dir, sshd };
        estate.admits("deploy");
        estate
    }

    /// The server admits certificates of the authority for this account.
    fn admits(&self, principal: &str) {
        let public = fs::read_to_string(self.dir.path().join("ca.pub")).unwrap();
        let line = format!("cert-authority,principals=\"{principal}\" {public}");
        fs::write(self.dir.path().join("visitors"), line).unwrap();
    }

    /// A version whose step gets a certificate with these terms besides its authority.
    fn change(&self, version: &str, terms: &str) {
        let (place, known) = (self.sshd.place.as_str(), self.dir.path().join("known"));
        let (user, port) = (place.split('@').next().unwrap(), place.rsplit(':').next().unwrap());
        let script = format!(
            "#!/bin/sh
case \"${{1:-}}\" in
probe) exit 0 ;;
deploy)
  ls \"$COUNTERSIGN_SECRETS\" > \"$STATE_DIRECTORY/files\"
  ssh-keygen -L -f \"$COUNTERSIGN_SECRETS/server-cert.pub\" > \"$STATE_DIRECTORY/certificate\"
  cat \"$COUNTERSIGN_SECRETS/server\"
  ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile={known} -i \"$COUNTERSIGN_SECRETS/server\" \\
    -p {port} {user}@127.0.0.1 'echo chosen' > \"$STATE_DIRECTORY/said\" ;;
*) exec sleep 1000 ;;
esac
# {version}
",
            known = known.display()
        );
        self.shop.write("service.sh", &script);
        let file = format!(
            "version: 1
services:
  ledger-api:
    artifact: ledger-api
    process: {{ command: [bin/ledger-api], stop-seconds: 1 }}
    before:
      - name: deploy
        command: [bin/ledger-api, deploy]
        environments: [dev]
        ssh: {{ server: {{ authority: ca, {terms} }} }}
    probe: {{ command: [bin/ledger-api, probe], {quick} }}
",
            quick = services::QUICK
        );
        self.shop.write(".countersign/release.yaml", &file);
        self.shop.commit(version);
    }

    fn put(&self, file: &Path) {
        let file = file.to_str().unwrap();
        let words =
            ["secret", "put", "--place", DEV, "ca", "--reason", "it certifies", "--yes", "--file", file];
        self.shop.in_repository(&words, 0);
    }

    fn agent(&self) -> PathBuf {
        self.shop.home.data().with_file_name("data.agent-ledger-api-dev")
    }

    fn left(&self, name: &str) -> String {
        fs::read_to_string(self.agent().join("state").join(name)).unwrap_or_default()
    }

    fn log(&self) -> String {
        until(|| {
            let output = self.shop.home.run_in(&self.shop.repository(), &["logs", DEV, "-o", "json"]);
            let said: Value = serde_json::from_slice(&output.stdout).ok()?;
            said["log"].as_str().map(str::to_owned)
        })
    }

    /// Forms of the authority's private key: a line of its file, and the drawn bytes.
    fn key(&self) -> [Vec<u8>; 2] {
        let text = fs::read_to_string(self.dir.path().join("ca")).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('-')).collect();
        let body = STANDARD.decode(lines.concat()).unwrap();
        let public = fs::read_to_string(self.dir.path().join("ca.pub")).unwrap();
        let public = STANDARD.decode(public.split(' ').nth(1).unwrap().trim()).unwrap();
        let own = &public[public.len() - 32..];
        let at = (0..body.len() - 32).rev().find(|at| &body[*at..at + 32] == own).unwrap();
        [lines[3].as_bytes().to_vec(), body[at - 32..at].to_vec()]
    }
}

#[test]
fn a_step_has_a_certificate_for_its_time_and_never_the_key_that_certifies() {
    let estate = Estate::new();
    estate.change("1", "principals: [deploy], minutes: 5");
    let up = estate.shop.home.up();
    let missing = estate.shop.in_repository(&["run"], 3);
    assert_eq!(codes(&missing), ["secret-missing", "secret-not-granted"], "{missing}");
    estate.shop.ok(&["secret", "grant", "ca", "--to-service", DEV, "--reason", "it deploys", "--yes"]);
    estate.put(&estate.dir.path().join("ca"));
    let review = estate.shop.home.run_in(&estate.shop.repository(), &["approve", DEV, "--show"]);
    let review = String::from_utf8_lossy(&review.stdout).into_owned();
    let line = "with an SSH certificate `server`: as deploy for 300 s, any command, from anywhere, by secret ca, version 1 or newer";
    assert!(review.contains(line), "{review}");
    estate.shop.in_repository(&["promote", DEV], 0);
    assert_eq!(estate.left("said"), "chosen\n");
    assert_eq!(estate.left("files"), "server\nserver-cert.pub\n");
    let certificate = estate.left("certificate");
    for part in ["user certificate", "deploy", "Critical Options: (none)", "Extensions: (none)"] {
        assert!(certificate.contains(part), "{part}: {certificate}");
    }
    let log = until(|| Some(estate.log()).filter(|log| log.contains("is done")));
    assert!(log.contains("***") && !log.contains("b3BlbnNzaC1rZXkt"), "{log}");
    // Neither key lies in any file, nor in what a process was started with; the certificate went with the step.
    let (key, mut searched) = (estate.key(), 0);
    let line = String::from_utf8(key[0].clone()).unwrap();
    each_file(estate.shop.home.dir.path(), &mut |file, bytes| {
        searched += 1;
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        let is_there = key.iter().any(|part| has(part));
        let is_shown = ["ssh-ed25519-cert-v01@openssh.com AAAA", "b3BlbnNzaC1rZXktdjE"];
        let is_own = file.starts_with(estate.shop.home.dir.path().join(".ssh"));
        assert!(
            !is_there && (is_own || !is_shown.iter().any(|part| contains(bytes, part))),
            "{}",
            file.display()
        );
    });
    assert!(searched > 50, "only {searched} files were searched");
    for (role, pid) in &up.roles {
        for part in ["environ", "cmdline"] {
            assert!(!contains(&fs::read(format!("/proc/{pid}/{part}")).unwrap(), &line), "{role}: {part}");
        }
        assert!(!memory_of(*pid).iter().any(|part| contains(part, &line)), "the memory of {role}");
    }
    assert!(up.stop());
}

#[test]
fn attack_a_certificate_for_another_account_or_another_command() {
    let estate = Estate::new();
    estate.change("1", "principals: [deploy]");
    let up = estate.shop.home.up();
    estate.shop.ok(&["secret", "grant", "ca", "--to-service", DEV, "--reason", "it deploys", "--yes"]);
    estate.put(&estate.dir.path().join("ca"));
    estate.shop.ok(&["run"]);
    assert_eq!(estate.left("said"), "chosen\n", "unmutated it is admitted");
    // The server runs what the certificate says, and not what the step asks for.
    estate.change("2", "principals: [deploy], command: echo forced");
    estate.shop.ok(&["run"]);
    assert_eq!(estate.left("said"), "forced\n");
    // It admits another account alone.
    estate.admits("root");
    estate.change("3", "principals: [deploy, other]");
    let failed = estate.shop.in_repository(&["run"], 3);
    assert_eq!(codes(&failed), ["before-failed"]);
    assert!(failed.to_string().contains("Permission denied"), "{failed}");
    // It is used from another address than it counts for.
    estate.admits("deploy");
    estate.change("4", "principals: [deploy], sources: [10.99.0.0/16]");
    let failed = estate.shop.in_repository(&["run"], 3);
    assert!(failed.to_string().contains("Permission denied"), "{failed}");
    estate.change("5", "principals: [deploy], sources: [127.0.0.0/8]");
    estate.shop.ok(&["run"]);
    // A key that cannot certify, whose text nobody repeats.
    let other = estate.dir.path().join("other");
    fs::write(&other, "no key at all\n").unwrap();
    estate.put(&other);
    estate.change(&Digest::of(b"6").hex(), "principals: [deploy]");
    let failed = estate.shop.in_repository(&["run"], 3);
    assert_eq!(codes(&failed), ["before-failed"]);
    let said = failed.to_string();
    assert!(
        said.contains(
            "SSH certificate `server`, by secret `ca`: the authority's key is no private Ed25519 key"
        ),
        "{said}"
    );
    assert!(!said.contains("no key at all"), "{said}");
    assert!(up.stop());
}
