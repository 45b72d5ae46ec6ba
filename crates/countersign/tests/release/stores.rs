//! Secrets that lie in the real OpenBao, through the binary: a step reads one by its runner's own login and prints it masked, and no
//! role has it in memory or in a file. Without OpenBao's program this says that it was skipped.

use client::key_files;
use mask::Masker;
use openbao::public_key_pem;
use serde_json::json;

#[path = "../../../openbao/tests/support/bao.rs"]
mod bao;
#[path = "../../../openbao/tests/support/server.rs"]
mod server;

use self::bao::{Running, peer};
use self::server::{Server, with_json};
use super::held::{files, in_memory};
use super::place_secrets::{agent_dir, digests_of, seen};
use super::shop::Shop;

const TOKEN: &str = "shop/registry/token";
const FROM: &str = "bao:secret/shop/registry#token";
const POLICY: &str = r#"path "secret/data/*" { capabilities = ["read"] }"#;
const RUNNERS: [&str; 2] = ["runner-1", "runner-2"];

/// The store believes the tokens of the shop's runners, for the step `publish` alone, and the operator names it to both.
fn operator(shop: &Shop, bao: &Running) {
    let data = shop.home.data();
    let dir = |runner: &str| data.with_file_name(format!("data.{runner}"));
    let key = |runner: &str| *key_files::read(&dir(runner).join("key.pem")).unwrap().public();
    let keys = RUNNERS.map(|runner| public_key_pem(key(runner).as_bytes()));
    bao.set_up(&["policy", "write", "countersign", "-"], POLICY);
    bao.set_up(&["auth", "enable", "jwt"], "");
    let config = json!({ "jwt_validation_pubkeys": keys, "jwt_supported_algs": ["EdDSA"] });
    bao.set_up(&["write", "auth/jwt/config", "-"], &config.to_string());
    let bound = json!({ "project": "shop", "step": "publish", "ref": "refs/heads/main" });
    let role = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["bao"], "bound_claims": bound,
        "token_policies": ["countersign"], "token_ttl": "5m"
    });
    bao.set_up(&["write", "auth/jwt/role/countersign", "-"], &role.to_string());
    let login = json!({ "jwt": { "role": "countersign", "audience": "bao" } });
    let store = json!({ "address": bao.address, "login": login, "projects": { "shop": ["secret/shop"] } });
    for runner in RUNNERS {
        let file = json!({ "v": 1, "stores": { "bao": store } });
        std::fs::write(dir(runner).join("stores.json"), file.to_string()).unwrap();
    }
}

fn grant(shop: &Shop, from: &str) {
    let to = ["secret", "grant", TOKEN, "--to-step", "publish", "--from", from];
    let bounds = ["--ref", "refs/heads/main", "--pool", "branch", "--reason", "it publishes", "--yes"];
    shop.ok(&[&to[..], &bounds].concat());
}

#[test]
fn a_step_reads_its_secret_in_openbao_and_nobody_else_has_it() {
    let Some(program) = peer() else { return };
    let bao = Running::start(&program);
    // Drawn here, so that no program and no page has it.
    let drawn = tempfile::tempdir().unwrap();
    let value = format!("{}-{}", drawn.path().display().to_string().replace('/', ""), std::process::id());
    let masker = Masker::new([value.as_bytes()]).unwrap();
    bao.set_up(&["kv", "put", "-mount=secret", "shop/registry", "token=-"], &value);
    let shop = Shop::solo();
    let path = ".countersign/pipeline.yaml";
    let text = std::fs::read_to_string(shop.repository().join(path)).unwrap();
    let secrets = "secrets: { token: { secret: registry/token, env: TOKEN } }";
    let script = "      v=$(cat /run/secrets/token); test \"$v\" = \"$TOKEN\"; echo \"plain $v\"; printf %s \"$v\" | base64\n";
    let step = format!("steps:\n  publish:\n    needs: [build]\n    {secrets}\n    run: |\n{script}");
    shop.write(path, &text.replace("steps:\n", &step));
    let (data, repository) =
        (shop.home.data().display().to_string(), shop.repository().display().to_string());
    for runner in RUNNERS {
        shop.ok(&["runner", "remote", "add", "--data", &format!("{data}.{runner}"), "shop", &repository]);
    }
    operator(&shop, &bao);
    let up = shop.home.up();
    grant(&shop, FROM);
    shop.commit("publishes");
    let ran = shop.ok(&["run", "--ref", "main"]);
    let log = shop.ok(&["logs", ran["run"].as_str().unwrap(), "publish"])["logs"].to_string();
    assert!(log.contains("plain ***") && !masker.finds(log.as_bytes()), "{log}");
    let used = shop.ok(&["secret", "used", TOKEN]);
    assert!(used["lines"].to_string().contains(&format!("{TOKEN} from {FROM} was lent")), "{used}");
    for (role, pid) in &up.roles {
        assert!(!in_memory(*pid, &masker), "{role} has the value in memory");
    }
    let (count, found) = files(shop.home.data().parent().unwrap(), &masker);
    assert!(found.is_empty() && count > 100, "{found:?} of {count}");
    assert!(up.stop());
    assert_eq!(shop.home.ok(&["audit", "replay"])["differ"], json!(0));
}

const DEV: &str = "shop/ledger-api/dev";
const PASSWORD: &str = "mQ7-password-in-the-store-Tz";

/// A service reads its secret in a store (here one with the documented answers): no version of it was ever put.
#[test]
fn a_service_runs_with_a_secret_of_a_store() {
    let store = Server::start(|asked| match asked.path.as_str() {
        "/v1/auth/approle/login" if asked.body["secret_id"] == "an-id" => {
            (200, with_json(&json!({ "auth": { "client_token": "hvs.x", "lease_duration": 600 } })))
        }
        "/v1/secret/data/shop/db" => {
            let read = json!({ "data": { "password": PASSWORD }, "metadata": { "version": 4 } });
            (200, with_json(&json!({ "data": read })))
        }
        "/v1/auth/token/revoke-self" => (204, "\r\n".into()),
        _ => (403, with_json(&json!({ "errors": ["permission denied"] }))),
    });
    let shop = super::place_secrets::shop();
    let agent = agent_dir(&shop);
    let id = agent.join("secret-id");
    std::fs::write(&id, "an-id").unwrap();
    std::fs::set_permissions(&id, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let login = json!({ "approle": { "role-id": "agent", "secret-id-file": id } });
    let bao = json!({ "address": store.address, "login": login, "projects": { "shop": ["secret/shop"] } });
    std::fs::write(agent.join("stores.json"), json!({ "v": 1, "stores": { "bao": bao } }).to_string())
        .unwrap();
    let up = shop.home.up();
    let to = ["secret", "grant", "database", "--to-service", DEV, "--from", "bao:secret/shop/db#password"];
    shop.ok(&[&to[..], &["--reason", "it reads the database", "--yes"]].concat());
    // It is granted for `dev` alone, so that the release ends there.
    let held = shop.in_repository(&["run"], 3);
    assert!(held["error"].to_string().contains("shop/ledger-api/staging: the gate"), "{held}");
    assert_eq!(seen(&shop), digests_of(PASSWORD));
    let log = crate::support::until(|| {
        let log = shop.ok(&["logs", DEV])["log"].as_str().unwrap().to_owned();
        log.contains("the password is ***\n").then_some(log)
    });
    assert!(!log.contains(PASSWORD), "{log}");
    assert!(!super::at(&up, "dev")["service"].to_string().contains("\"database\":"), "it has no number");
    assert!(up.stop());
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
}
