//! The real OpenBao, with a real PostgreSQL behind its database engine where there is one.

use super::bao::{Running, peer};
use openbao::public_key_pem;
use stores::{LeaseJournal, lease, revoke};

use super::postgres::Postgres;
use super::*;

const POLICY: &str = r#"
path "secret/data/shop/*" { capabilities = ["read"] }
path "database/creds/app" { capabilities = ["read"] }
path "sys/leases/revoke" { capabilities = ["update"] }
path "auth/token/revoke-accessor" { capabilities = ["update"] }
"#;
const JWT_ROLE: &str = r#"{
  "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["bao"], "bound_subject": "runner-1",
  "bound_claims": { "project": "shop", "step": "publish" }, "token_policies": ["countersign"], "token_ttl": "15m"
}"#;
const PASSWORD: &str = "Hq3-password-of-the-store-Wq";

fn set_up(bao: &Running) -> (String, String) {
    bao.set_up(&["policy", "write", "countersign", "-"], POLICY);
    bao.set_up(&["kv", "put", "-mount=secret", "shop/registry", &format!("token={VALUE}")], "");
    bao.set_up(&["auth", "enable", "approle"], "");
    bao.set_up(&["write", "auth/approle/role/runner", "token_policies=countersign", "token_ttl=15m"], "");
    let role = bao.set_up(&["read", "-field=role_id", "auth/approle/role/runner/role-id"], "");
    let secret = bao.set_up(&["write", "-f", "-field=secret_id", "auth/approle/role/runner/secret-id"], "");
    bao.set_up(&["auth", "enable", "jwt"], "");
    let key = format!("jwt_validation_pubkeys={}", public_key_pem(&key().public()));
    bao.set_up(&["write", "auth/jwt/config", &key, "jwt_supported_algs=EdDSA"], "");
    bao.set_up(&["write", "auth/jwt/role/countersign", "-"], JWT_ROLE);
    (role, secret)
}

#[test]
fn openbao_gives_a_step_its_value_by_either_login() {
    let Some(program) = peer() else { return };
    let (dir, bao) = (tempfile::tempdir().unwrap(), Running::start(&program));
    let (role, secret) = set_up(&bao);
    let from = "bao:secret/shop/registry#token";
    let by_role = operator(dir.path(), &bao.address, &app_role(dir.path(), &role, &secret));
    assert_eq!(value(&by_role, from).unwrap(), VALUE);
    assert_eq!(value(&by_role, &format!("{from}@1")).unwrap(), VALUE);
    assert!(
        value(&by_role, "bao:secret/shop/other#token").unwrap_err().to_string().contains("has nothing at")
    );
    let login = json!({ "jwt": { "role": "countersign", "audience": "bao" } });
    let by_token = operator(dir.path(), &bao.address, &login);
    assert_eq!(value(&by_token, from).unwrap(), VALUE);
    // The store itself binds its role to the step.
    let machine = name("runner-1");
    let other =
        Bearer { about: BTreeMap::from([("project", "shop"), ("step", "test")]), ..bearer(&machine, now()) };
    let from = source(from);
    let access = by_token.access(&from, &name("shop"), &other).unwrap();
    let refused = read(Wanted { access: &access, from: &from }, WITHIN).unwrap_err().to_string();
    assert!(refused.contains("refuses to log in"), "{refused}");
    bao.set_up(&["operator", "seal"], "");
    let sealed = value(&by_role, "bao:secret/shop/registry#token").unwrap_err().to_string();
    assert!(sealed.contains("is sealed or not ready"), "{sealed}");
}

#[test]
fn openbao_makes_a_user_of_postgresql_that_is_gone_afterwards() {
    let Some(program) = peer() else { return };
    let Some(postgres) = Postgres::start() else { return };
    postgres.sql(&format!("CREATE ROLE bao LOGIN SUPERUSER PASSWORD '{PASSWORD}'"));
    let (dir, bao) = (tempfile::tempdir().unwrap(), Running::start(&program));
    let (role, secret) = set_up(&bao);
    bao.set_up(&["secrets", "enable", "database"], "");
    let url = format!(
        "postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{}/postgres?sslmode=disable",
        postgres.port()
    );
    let (url, password) = (format!("connection_url={url}"), format!("password={PASSWORD}"));
    let plugin = "plugin_name=postgresql-database-plugin";
    bao.set_up(
        &["write", "database/config/shop", plugin, "allowed_roles=app", &url, "username=bao", &password],
        "",
    );
    let sql = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'";
    let statements = format!("creation_statements={sql}");
    bao.set_up(
        &["write", "database/roles/app", "db_name=shop", &statements, "default_ttl=10m", "max_ttl=20m"],
        "",
    );
    let stores = operator(dir.path(), &bao.address, &app_role(dir.path(), &role, &secret));
    let (from, leases) = (source("bao:database/creds/app"), dir.path().join("leases"));
    let made = || {
        let access = access(&stores, &from).unwrap();
        let journal = LeaseJournal::of(&leases, Id::from_random([7; 16]), &name("db"));
        lease(Wanted { access: &access, from: &from }, journal, 60, WITHIN).unwrap()
    };
    let users = || postgres.sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'v-%'").trim().to_owned();
    let leased = made();
    assert_eq!(users(), "1");
    let user = String::from_utf8(leased.username.to_vec()).unwrap();
    assert!(user.starts_with("v-approle-app-"), "{user}");
    leased.end(WITHIN).unwrap();
    assert_eq!((users().as_str(), LeaseJournal::all(&leases).unwrap().len()), ("0", 0), "when `end` returns");
    // Killed, and revoked by the journal.
    std::mem::forget(made());
    assert_eq!(users(), "1");
    let [(_, journal)] = &LeaseJournal::all(&leases).unwrap()[..] else { panic!("one lease") };
    let machine = name("runner-1");
    let (note, bearer) = (journal.read().unwrap(), bearer(&machine, now()));
    let login = || stores.login(&note.store, &bearer).unwrap();
    revoke(&login(), &note, WITHIN).unwrap();
    while users() != "0" {
        std::thread::yield_now();
    }
    revoke(&login(), &note, WITHIN).unwrap();
}
