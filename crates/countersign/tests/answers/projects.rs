//! Projects: their names, and how an installation gets another one.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::release::shop::Shop;

/// A further repository of the same person with the quick pipeline, below the home.
pub fn another(shop: &Shop, dir: &str) -> PathBuf {
    let path = shop.home.dir.path().join(dir);
    std::fs::create_dir_all(path.join(".countersign")).unwrap();
    for file in ["pipeline.yaml", "release.yaml"] {
        let at = Path::new(".countersign").join(file);
        std::fs::copy(shop.repository().join(&at), path.join(&at)).unwrap();
    }
    std::fs::copy(shop.repository().join("service.sh"), path.join("service.sh")).unwrap();
    for arguments in
        [&["init", "-q", "-b", "main"][..], &["add", "-A"], &["commit", "-q", "-S", "-m", "another"]]
    {
        let mut git = shop.home.program("git");
        assert!(git.args(arguments).current_dir(&path).status().unwrap().success());
    }
    path
}

#[test]
fn a_project_is_called_as_its_directory_as_far_as_that_can_be() {
    let shop = Shop::new();
    shop.quick_pipeline();
    for (dir, name) in [("2024-app", "app"), ("My Süße %20 #1?", "my-s-e-20-1"), ("plain", "plain")] {
        let path = another(&shop, dir);
        let data = shop.home.dir.path().join(format!("data-of-{name}"));
        let arguments = ["init", "--data", data.to_str().unwrap()];
        let output = shop.home.run_in(&path, &arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(&format!("place: {name}/ledger-api/dev\n")), "{said}");
        let renamed = format!("project: {name} (its directory is `{dir}`)\n");
        assert_eq!(said.contains(&renamed), dir != name, "{said}");
    }
    let path = another(&shop, "2024");
    let refused = shop.home.json_in(&path, &["init", "--data", "d"], 1)["error"].clone();
    let rule = "a name has letters `a` to `z`, digits and hyphens, and begins with a letter";
    let whole = format!(
        "the directory `2024` does not give a valid project name: {rule}; name the project with --project"
    );
    assert_eq!(refused, json!(whole));
}

#[test]
fn another_project_is_added_by_one_command_while_everything_is_up() {
    let shop = Shop::solo();
    let path = another(&shop, "2024");
    let up = shop.home.up();
    shop.ok(&["run"]);
    let added = shop.home.json_in(&path, &["project", "add", "--project", "books"], 0);
    let place = |environment: &str| format!("books/ledger-api/{environment}");
    let places: Vec<_> =
        added["places"].as_array().unwrap().iter().map(|made| made["place"].clone()).collect();
    assert_eq!(json!(places), json!(["dev", "staging", "production"].map(place)));
    assert_eq!((&added["next"], &added["written"]), (&json!("countersign run"), &json!([])));
    // The name is kept, and the agents run already.
    let ran = shop.home.json_in(&path, &["run"], 0);
    assert_eq!(ran["next"], json!(format!("countersign approve {} --reason WHY", place("production"))));
    let approve = ["approve", &place("production"), "--reason", "works", "--yes"];
    shop.home.json_in(&path, &approve, 0);
    let promoted = shop.home.json_in(&path, &["promote", &place("production")], 0);
    assert_eq!(promoted["outcome"], "running");
    let again = shop.home.json_in(&path, &["project", "add"], 1)["error"].clone();
    let what = "project books has its places in this installation already; nothing was changed. next: countersign run";
    assert_eq!(again, json!(what));
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

#[test]
fn where_more_than_one_signs_the_statements_and_their_signers_are_named() {
    let home = crate::support::Home::new();
    for key in ["ada", "ada-in", "bob", "bob-in"] {
        home.ssh_key(key);
    }
    let person = |name: &str| {
        json!({ "name": name, "emails": [format!("{name}@example.com")], "key": name,
                "sign_in_key": format!("{name}-in"), "roles": ["developer", "release-manager"] })
    };
    let people = home.dir.path().join("people.json");
    std::fs::write(&people, json!([person("ada"), person("bob")]).to_string()).unwrap();
    let shop = Shop::of(home);
    shop.quick_pipeline();
    let people = people.to_str().unwrap();
    shop.ok(&["init", "--mode", "rehearsal", "--people", people, "--project", "shop"]);
    let up = shop.home.up();
    let path = another(&shop, "books");
    let output = shop.home.run_in(&path, &["project", "add"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let fingerprint = |key: &str| {
        let shown: Value = shop.ok(&["key", "show", shop.home.dir.path().join(key).to_str().unwrap()]);
        shown["fingerprint"].as_str().unwrap().to_owned()
    };
    let bob = fingerprint("bob");
    let file = |environment: &str| format!("countersign-books/books-ledger-api-{environment}.json");
    let each = |verb: &str| {
        ["dev", "staging", "production"]
            .map(|at| format!("\n    countersign trust {verb} {}", file(at)))
            .concat()
    };
    let next = format!(
        "next: 1 more policy signers sign each statement, of\n    ssh:{bob} ({bob})\n  with{}\n  then send them, in this order:{}\n  then: countersign run\n",
        each("sign"),
        each("send")
    );
    assert!(said.starts_with("prepared project books\n") && said.ends_with(&next), "{said}");
    // The commands that it printed: Bob signs, and Ada sends.
    let profile = shop.home.dir.path().join(".config/countersign/profile.json");
    let ada = std::fs::read_to_string(&profile).unwrap();
    let mut bobs: Value = serde_json::from_str(&ada).unwrap();
    bobs["approval_key"] = json!(shop.home.dir.path().join("bob"));
    std::fs::write(&profile, bobs.to_string()).unwrap();
    for at in ["dev", "staging", "production"] {
        assert_eq!(shop.home.json_in(&path, &["trust", "sign", &file(at), "--yes"], 0)["signatures"], 2);
    }
    std::fs::write(&profile, ada).unwrap();
    for at in ["dev", "staging", "production"] {
        shop.home.json_in(&path, &["trust", "send", &file(at)], 0);
    }
    let places = shop.ok(&["status"])["places"].clone();
    assert!(places.to_string().contains("books/ledger-api/production"), "{places}");
    assert!(up.stop());
}
