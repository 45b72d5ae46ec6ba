//! Values that a grant reads in a store, by a server with the documented answers of HashiCorp Vault and by the real OpenBao: values, users
//! of databases and their end, and everything that a store or a grant can do wrong.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

#[path = "../../../openbao/tests/support/bao.rs"]
mod bao;
mod leases;
#[path = "../../../mint/tests/roles/postgres.rs"]
#[allow(dead_code, reason = "the crate `mint` uses the rest of it")]
mod postgres;
mod real;
#[path = "../../../openbao/tests/support/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evidence::statements::StoreSource;
use evidence::{Id, Moment, Name};
use serde_json::{Value, json};
use server::{Asked, Server, with_json};
use stores::{Access, Bearer, STORES_FILE, Stores, StoresError, Wanted, read};
use tlog::{MemoryKey, SharedKey};

const VALUE: &str = "s3cr3t-of-the-registry";
const WITHIN: Duration = Duration::from_secs(20);

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn source(text: &str) -> StoreSource {
    text.parse().unwrap()
}

fn key() -> SharedKey {
    Arc::new(MemoryKey::from_seed(&[1; 32]).unwrap())
}

fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Moment::from_millis(u64::try_from(since.as_millis()).unwrap()).unwrap()
}

/// The runner, for the step `publish` of the shop.
fn bearer<'a>(machine: &'a Name, now: Moment) -> Bearer<'a> {
    Bearer {
        installation: Id::from_random([1; 16]),
        role: "runner",
        machine,
        key: key(),
        now,
        id: "1".into(),
        about: BTreeMap::from([("project", "shop"), ("step", "publish")]),
    }
}

/// The operator's file with one store, and the secret id beside it.
fn operator(dir: &Path, address: &str, login: &Value) -> Stores {
    let file = json!({ "v": 1, "stores": { "bao": {
        "address": address, "login": login,
        "projects": { "shop": ["secret/shop", "database/creds/app"], "yard": ["secret/yard"] }
    } } });
    std::fs::write(dir.join(STORES_FILE), file.to_string()).unwrap();
    Stores::of(dir)
}

fn app_role(dir: &Path, role: &str, secret: &str) -> Value {
    let file = dir.join("secret-id");
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    json!({ "approle": { "role-id": role, "secret-id-file": file } })
}

fn access(stores: &Stores, from: &StoreSource) -> Result<Access, StoresError> {
    stores.access(from, &name("shop"), &bearer(&name("runner-1"), now()))
}

/// The value of a grant to the shop, as the process of a step reads it.
fn value(stores: &Stores, from: &str) -> Result<String, StoresError> {
    let from = source(from);
    let access = access(stores, &from)?;
    // It goes to another process.
    let sent: Access = serde_json::from_slice(&serde_json::to_vec(&access).unwrap()).unwrap();
    assert_eq!(sent, access);
    let bytes = read(Wanted { access: &sent, from: &from }, WITHIN)?;
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

fn refused(stores: &Stores, from: &str) -> String {
    let error = value(stores, from).unwrap_err().to_string();
    assert!(!error.contains(VALUE) && !error.contains("secret-id-of"), "no error has a value: {error}");
    error
}

const SECRET_ID: &str = "secret-id-of-a-test";

fn login(accessor: &str, seconds: u64) -> (u16, String) {
    let auth = json!({ "client_token": "hvs.x", "accessor": accessor, "lease_duration": seconds, "renewable": true });
    (200, with_json(&json!({ "auth": auth })))
}

fn errors(status: u16, text: &str) -> (u16, String) {
    (status, with_json(&json!({ "errors": [text] })))
}

/// The documented answers for one secret of the shop.
fn documented(asked: &Asked) -> (u16, String) {
    match asked.path.as_str() {
        "/v1/auth/approle/login" if asked.body["secret_id"] == SECRET_ID => login("2c84f488", 3_600),
        path if path.ends_with("/login") => errors(400, "invalid role or secret ID"),
        _ if asked.token.as_deref() != Some("hvs.x") => errors(403, "permission denied"),
        "/v1/secret/data/shop/registry" | "/v1/secret/data/shop/registry?version=3" => {
            let data = json!({ "token": VALUE, "long": "x".repeat((1 << 20) + 1) });
            (200, with_json(&json!({ "data": { "data": data, "metadata": { "version": 3 } } })))
        }
        "/v1/auth/token/revoke-self" => (204, "\r\n".into()),
        _ => (404, with_json(&json!({ "errors": [] }))),
    }
}

#[test]
fn a_value_is_read_where_the_grant_says() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(documented));
    let stores = operator(dir.path(), &server.address, &app_role(dir.path(), "r", SECRET_ID));
    stores.check().unwrap();
    assert_eq!(value(&stores, "bao:secret/shop/registry#token").unwrap(), VALUE);
    assert_eq!(value(&stores, "bao:secret/shop/registry#token@3").unwrap(), VALUE);
    let asked = server.asked.lock().unwrap().clone();
    assert_eq!(
        asked[..3],
        [
            "POST /v1/auth/approle/login",
            "GET /v1/secret/data/shop/registry",
            "POST /v1/auth/token/revoke-self"
        ]
    );
    let shown = format!("{:?}", access(&stores, &source("bao:secret/shop/registry#token")).unwrap());
    assert!(shown.contains("Approle(..)") && !shown.contains("secret-id"), "{shown}");
}

#[test]
fn attack_a_grant_that_names_what_is_not_there() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(documented));
    let stores = operator(dir.path(), &server.address, &app_role(dir.path(), "r", SECRET_ID));
    let said = |from: &str| refused(&stores, from);
    assert!(said("other:secret/shop/registry#token").contains("store `other` is not known on this machine"));
    assert!(said("bao:secret/shop/registry#password").contains("there is no such field"));
    assert!(said("bao:secret/shop/nothing#token").contains("has nothing at `shop/nothing`"));
    assert!(said("bao:secret/shop/registry#token@4").contains("has nothing at"));
    assert!(said("bao:secret/shop/registry#long").contains("has more than 1 MiB"));
}

/// One login of a machine reads what several projects have: a secret owner of one of them gets only that one's.
#[test]
fn attack_a_grant_that_names_the_place_of_another_project() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(documented));
    let stores = operator(dir.path(), &server.address, &app_role(dir.path(), "r", SECRET_ID));
    let asked = server.asked.lock().unwrap().len();
    for from in [
        "bao:secret/yard/key#token",
        "bao:secret/shopping#token",
        "bao:database/creds/owner",
        "bao:kv/shop#a",
    ] {
        let said = refused(&stores, from);
        assert!(said.contains("lets project `shop` read nothing there; `projects` in"), "{from}: {said}");
    }
    let stranger = stores.access(&source("bao:secret/shop/a#b"), &name("bank"), &bearer(&name("r"), now()));
    assert!(matches!(stranger, Err(StoresError::Project { .. })), "{stranger:?}");
    assert_eq!(server.asked.lock().unwrap().len(), asked, "the store was not even asked");
}

#[test]
fn attack_a_wrong_role_a_sealed_store_an_ended_token_and_a_redirect() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(documented);
    let wrong = operator(dir.path(), &server.address, &app_role(dir.path(), "r", "secret-id-of-nobody"));
    let said = refused(&wrong, "bao:secret/shop/registry#token");
    assert!(said.starts_with("store `bao`, `bao:secret/shop/registry#token`: "), "{said}");
    assert!(
        said.contains("refuses to log in: invalid role or secret ID; see the policies and the role"),
        "{said}"
    );
    let elsewhere = Server::start(documented);
    let to =
        format!("Location: {}/v1/secret/data/shop/registry\r\nContent-Length: 0\r\n\r\n", elsewhere.address);
    for (answer, words) in [
        (errors(503, "Vault is sealed"), "is sealed or not ready (status 503); unseal it"),
        (errors(403, "permission denied"), "refuses to read a secret: permission denied"),
        ((302, to.clone()), "leads elsewhere"),
        ((307, to), "leads elsewhere"),
        ((200, "Content-Length: 9000000\r\n\r\nx".into()), "does not answer"),
        ((200, with_json(&json!({ "data": { "data": { "token": 5 } } }))), "in another form"),
    ] {
        let server = Server::start(move |asked| match asked.path.ends_with("/login") {
            true => login("2c84f488", 3_600),
            false => answer.clone(),
        });
        let stores = operator(dir.path(), &server.address, &app_role(dir.path(), "r", SECRET_ID));
        let said = refused(&stores, "bao:secret/shop/registry#token");
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(elsewhere.asked.lock().unwrap().len(), 0, "the token went nowhere else");
}

/// The file of a login, and a store whose certificate nobody vouches for.
#[test]
fn attack_a_secret_id_that_others_read_and_a_certificate_of_nobody() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(documented));
    let login = app_role(dir.path(), "r", SECRET_ID);
    let stores = operator(dir.path(), &server.address, &login);
    let file = dir.path().join("secret-id");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let said = refused(&stores, "bao:secret/shop/registry#token");
    assert!(said.contains("has mode 0640, so that others may read it"), "{said}");
    std::fs::remove_file(&file).unwrap();
    assert!(refused(&stores, "bao:secret/shop/registry#token").contains("cannot read `"));
    app_role(dir.path(), "r", SECRET_ID);
    // The same port over TLS: its answers are no TLS, and nothing is sent in clear instead.
    let before = server.asked.lock().unwrap().len();
    let stores = operator(dir.path(), &server.address.replace("http:", "https:"), &login);
    assert!(refused(&stores, "bao:secret/shop/registry#token").contains("does not answer"));
    assert_eq!(server.asked.lock().unwrap().len(), before);
}
