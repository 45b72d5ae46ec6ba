//! Secrets of steps, through the binary: a step gets one only as somebody granted it, and each other way fails by name.

use ::evidence::Moment;
use ::evidence::bundle::Bundle;
use ::evidence::statements::Day;
use serde_json::{Value, json};

use super::shop::Shop;
use super::vault::put;

pub const SECRET: &str = "shop/registry/token";
const VALUE: &[u8] = b"grant-5b21e7-only-here";

/// A service whose pipeline publishes with a secret, once it is built.
pub fn publishing() -> Shop {
    let shop = Shop::solo();
    let path = ".countersign/pipeline.yaml";
    let text = std::fs::read_to_string(shop.repository().join(path)).unwrap();
    let step = "steps:
  publish:
    needs: [build]
    secrets: { token: { secret: registry/token } }
    network: [registry.example:443, mirror.example:443]
    run: test -e out/ledger-api
";
    shop.write(path, &text.replace("steps:\n", step));
    // Each runner verifies by its own fetch that the ref has the commit.
    let (data, repository) =
        (shop.home.data().display().to_string(), shop.repository().display().to_string());
    for runner in ["runner-1", "runner-2"] {
        shop.ok(&["runner", "remote", "add", "--data", &format!("{data}.{runner}"), "shop", &repository]);
    }
    shop
}

/// Runs the next commit on its branch, which fails; what it says.
fn refused(shop: &Shop, words: &[&str]) -> String {
    shop.commit("the next");
    shop.in_repository(&[&["run"], words].concat(), 3).to_string()
}

/// Grants the secret for a ref and a pool; the digest of the grant, and its end.
pub fn grant(shop: &Shop, secret: &str, step: &str, bounds: &[&str]) -> (String, Moment) {
    let words = ["secret", "grant", secret, "--to-step", step, "--reason", "it publishes", "--yes"];
    let granted = shop.ok(&[&words[..], bounds].concat());
    let text = |field: &str| granted[field].as_str().unwrap().to_owned();
    (text("statement"), text("until").parse().unwrap())
}

fn withdraw(shop: &Shop, grant: &str) {
    shop.ok(&["trust", "status", "--yes", "--withdraw", grant]);
}

/// A day that is neither today nor next to it, by the end of a grant that lasts for 90 days.
fn other_day(until: Moment) -> &'static str {
    let (today, days) =
        (Day::of(until) as usize + 7 - 90 % 7, ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
    days[(today + 3) % 7]
}

pub const ON_MAIN: &[&str] = &["--ref", "refs/heads/main", "--pool", "branch"];
pub const RUN_ON_MAIN: &[&str] = &["--ref", "main"];

#[test]
fn attack_a_step_gets_no_secret_but_as_it_was_granted() {
    let shop = publishing();
    let up = shop.home.up();
    assert_eq!(put(&shop.home, &[SECRET], VALUE, 0)["note"], json!(null));
    // A project of which nothing is known may be a mistyped one: the person hears it.
    let typo = put(&shop.home, &["shpo/registry/token"], VALUE, 0)["note"].clone();
    assert_eq!(typo, json!("no place of this installation is of project `shpo`; look at its spelling"));
    // People are shown by their names.
    let name = shop.ok(&["status"])["people"][0]["name"].as_str().unwrap().to_owned();
    let listed = shop.home.run_in(&shop.repository(), &["secret", "list"]).stdout;
    let listed = String::from_utf8(listed).unwrap();
    assert!(listed.contains(&format!(" by {name} (")), "{listed}");
    let none = refused(&shop, RUN_ON_MAIN);
    assert!(none.contains("secret-not-granted") && none.contains("no grant in force"), "{none}");
    let mut ends = Vec::new();
    for (secret, step, bounds, code) in [
        (SECRET, "test", ON_MAIN, "secret-not-granted"),
        ("shop/registry/other", "publish", ON_MAIN, "secret-not-granted"),
        ("yard/registry/token", "publish", ON_MAIN, "secret-not-granted"),
        (SECRET, "publish", &["--ref", "refs/heads/release", "--pool", "branch"], "secret-ref"),
        (SECRET, "publish", &["--ref", "refs/heads/main", "--pool", "protected"], "secret-pool"),
    ] {
        let (digest, end) = grant(&shop, secret, step, bounds);
        let said = refused(&shop, RUN_ON_MAIN);
        assert!(said.contains(&format!("{code}: ")), "{code} in {said}");
        assert!(!said.contains("grant-5b21e7"), "{said}");
        // Project `yard` has no place at which its grant could be found; it lends nothing here anyway.
        if secret.starts_with("shop/") {
            withdraw(&shop, &digest);
        }
        ends.push(end);
    }
    let hours = format!("{} 08:00-18:00", other_day(ends[0]));
    let (outside, _) = grant(&shop, SECRET, "publish", &[ON_MAIN, &["--hours", &hours]].concat());
    let said = refused(&shop, RUN_ON_MAIN);
    assert!(said.contains("secret-outside-hours: ") && said.contains(&hours), "{said}");
    // The runner asked, although it would not take the value: the server has the read on record, with an alert.
    let used = shop.ok(&["secret", "used", SECRET]);
    let told: Vec<_> =
        used["lines"].as_array().unwrap().iter().map(|line| line["summary"].as_str().unwrap()).collect();
    let alert = format!("{SECRET} was asked for outside the hours of its grant");
    assert_eq!(told, [alert, format!("{SECRET} was refused: secret-outside-hours")], "{used}");
    withdraw(&shop, &outside);
    let bounds = [ON_MAIN, &["--network", "registry.example:443"]].concat();
    let (honest, _) = grant(&shop, SECRET, "publish", &bounds);
    // What was uploaded is on no ref.
    let said = refused(&shop, &[]);
    assert!(said.contains("secret-ref-unverified: "), "{said}");
    withdraw(&shop, &honest);
    let said = refused(&shop, RUN_ON_MAIN);
    assert!(said.contains("secret-not-granted: "), "{said}");
    assert!(up.stop());
    assert_eq!(shop.ok(&["audit", "verify"])["misfits"], json!(0));
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
}

/// One receipt of the step with a secret, and a verdict that names it.
#[test]
fn a_release_says_which_steps_had_secrets() {
    let shop = publishing();
    let up = shop.home.up();
    put(&shop.home, &[SECRET], VALUE, 0);
    grant(&shop, SECRET, "publish", ON_MAIN);
    shop.commit("published");
    shop.ok(&[&["run"], RUN_ON_MAIN].concat());
    shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    let explained = shop.ok(&["policy", "explain", "shop/ledger-api/production"]).to_string();
    let named = "nothing of them is in the artifact: publish (shop/registry/token)";
    assert!(explained.contains(named), "{explained}");
    let promoted = shop.ok(&["promote", "--bundle", "bundle"]);
    assert_eq!(promoted["outcome"], json!("running"), "{promoted}");
    let bundle = Bundle::decode(&std::fs::read(shop.repository().join("bundle")).unwrap()).unwrap();
    let works: Vec<String> = bundle
        .receipts
        .iter()
        .map(|envelope| {
            let receipt: Value =
                serde_json::from_slice(envelope.payload(envelope.payload_type()).unwrap()).unwrap();
            receipt["work"].to_string()
        })
        .collect();
    let count = |step: &str| works.iter().filter(|work| work.contains(step)).count();
    assert_eq!((count("publish"), count("build")), (1, 2), "{works:?}");
    assert!(bundle.lanes.statements.is_empty(), "no release rests on what a step got");
    assert!(up.stop());
}
