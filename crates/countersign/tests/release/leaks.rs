//! `secret leaked` and `secret import`: values that come from elsewhere, and values that went elsewhere.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use super::shop::Shop;
use crate::support::until;

const VALUE: &str = "lk-4417-correct-horse";

/// Runs a command in the repository that gets bytes on its standard input.
fn fed(shop: &Shop, arguments: &[&str], input: &str, path: &Path, code: i32) -> (Value, String) {
    let mut command = shop.home.command(&[arguments, &["-o", "json"]].concat());
    command.current_dir(shop.repository());
    let dirs = std::env::join_paths([path, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    command.env("PATH", dirs).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses at once may have closed its input.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let all = text.clone() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {all}");
    let first = text.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    (first, all)
}

fn leaked(shop: &Shop, arguments: &[&str], value: &str, code: i32) -> Value {
    let (report, all) =
        fed(shop, &[&["secret", "leaked"], arguments].concat(), value, Path::new("/usr/bin"), code);
    assert!(!all.contains(VALUE), "the value itself is not printed: {all}");
    report
}

#[test]
fn a_value_is_found_in_files_history_logs_and_artifacts() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.write("old.env", &format!("one\nTOKEN={VALUE}\n"));
    let commit = shop.commit("a token by mistake");
    std::fs::remove_file(shop.repository().join("old.env")).unwrap();
    // The step prints it in base64 and ships it reversed.
    let pipeline = shop.repository().join(".countersign/pipeline.yaml");
    let text = std::fs::read_to_string(&pipeline).unwrap();
    let step = format!(
        "      printf %s {VALUE} | base64\n      printf %s {VALUE} | rev > out/token\n    outputs: [out/ledger-api, out/token]\n"
    );
    let text = text.replace("    outputs: [out/ledger-api]\n", &step);
    let files = "      bin/ledger-api: { step: build, path: out/ledger-api }\n";
    shop.write(
        ".countersign/pipeline.yaml",
        &text.replace(files, &format!("{files}      etc/token: {{ step: build, path: out/token }}\n")),
    );
    shop.commit("a token in the build");
    let run = shop.ok(&["run"])["run"].as_str().unwrap().to_owned();
    let report = leaked(&shop, &[], &format!("{VALUE}\n"), 3);
    let leaks = report["leaks"].as_array().unwrap();
    let found = |wanted: &Value| {
        leaks.iter().any(|leak| wanted.as_object().unwrap().iter().all(|(name, value)| &leak[name] == value))
    };
    for wanted in [
        json!({"in": "file", "path": ".countersign/pipeline.yaml"}),
        json!({"in": "history", "path": "old.env", "line": 2, "commit": commit}),
        json!({"in": "log", "log": format!("{run}/step/build/runner-1"), "line": 1}),
        json!({"in": "artifact", "name": "ledger-api", "path": "etc/token"}),
    ] {
        assert!(found(&wanted), "{wanted}: {report}");
    }
    let only = leaked(&shop, &["--offline"], VALUE, 3);
    let offline = only["leaks"].as_array().unwrap();
    assert!(offline.iter().all(|leak| leak["in"] == "file" || leak["in"] == "history"), "{only}");
    let nowhere = leaked(&shop, &[], "lk-0000-nobody-has-this", 0);
    assert_eq!((&nowhere["leaks"], &nowhere["unread"]), (&json!([]), &json!({})));
    // A place that was not read is no place without the value.
    let few = leaked(&shop, &["--runs", "1"], "lk-0000-nobody-has-this", 4);
    assert!(few["unread"]["runs"].as_str().unwrap().contains("raise --runs"), "{few}");
    assert!(up.stop());
}

/// What was printed so far is read, and the log counts as one that was not: the step could print the value a moment later.
#[test]
fn a_log_that_still_grows_is_not_taken_for_one_without_the_value() {
    let shop = Shop::solo();
    let path = shop.repository().join(".countersign/pipeline.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let endless = text.replace("test ! -e broken", "echo lk-8812-printed && sleep 1000");
    shop.write(".countersign/pipeline.yaml", &endless);
    shop.commit("a step that does not end");
    let up = shop.home.up();
    let run = shop.ok(&["run", "--no-wait"])["run"].as_str().unwrap().to_owned();
    let log = format!("{run}/step/test/runner-1");
    until(|| up.get(&format!("/api/v1/logs/{log}")).1.contains("printed").then_some(()));
    let report = leaked(&shop, &[], "lk-0000-nobody-has-this", 4);
    assert_eq!(report["unread"][&log], json!("its step has not ended; look again afterwards"), "{report}");
    let report = leaked(&shop, &[], "lk-8812-printed", 3);
    assert!(report["leaks"].as_array().unwrap().iter().any(|leak| leak["log"] == json!(log)), "{report}");
    shop.ok(&["cancel", &run]);
    assert!(up.stop());
}

#[test]
fn secrets_of_files_are_imported_whole_or_not_at_all() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let env = format!("# team\nexport DB_PASSWORD='{VALUE}'\nAPI_KEY=\"a b\\n\"\n");
    let import = |arguments: &[&str], input: &str, code| {
        let words = [&["secret", "import", "--to", "shop/payments"], arguments].concat();
        fed(&shop, &words, input, Path::new("/usr/bin"), code)
    };
    let names = |report: &Value| -> Vec<(String, Value)> {
        let all = report["secrets"].as_array().unwrap();
        all.iter().map(|one| (one["secret"].as_str().unwrap().to_owned(), one["number"].clone())).collect()
    };
    let of = |number: Value| {
        vec![
            ("shop/payments/api-key".to_owned(), number.clone()),
            ("shop/payments/db-password".to_owned(), number),
        ]
    };
    let (dry, _) = import(&["--format", "env", "--dry-run", "-"], &env, 0);
    assert_eq!(names(&dry), of(json!(null)));
    // An unsound line in the end: nothing of the file is put.
    let (_, all) = import(&["--format", "env", "-"], &format!("{env}HOME_DIR=$HOME\n"), 1);
    assert!(all.contains("line 4: has a `$`") && !all.contains(VALUE), "{all}");
    assert_eq!(shop.ok(&["secret", "list", "shop"])["secrets"], json!([]));
    let (put, all) = import(&["--format", "env", "-"], &env, 0);
    assert_eq!(names(&put), of(json!(1)));
    assert!(!all.contains(VALUE));
    let (left, _) = import(&["--format", "env", "--only-new", "-"], &env, 0);
    assert_eq!(names(&left), of(json!(null)));
    // The page names them, and shows no value.
    let page: Value = serde_json::from_str(&up.get("/secrets.json").1).unwrap();
    assert_eq!(page["headline"], "2 secrets, none needs a newer version soon");
    let text = page.to_string();
    assert!(text.contains("shop/payments/db-password") && text.contains("vault open"), "{text}");
    assert!(!text.contains(VALUE) && !up.get("/secrets").1.contains(VALUE));
    // A stand-in for the person's `sops`: it gets the file, and prints JSON.
    let dir = tempfile::tempdir().unwrap();
    let sops = dir.path().join("sops");
    let script = "#!/bin/sh\ntest \"$1 $2 $3\" = '--decrypt --output-type json' || exit 9\n\
                  case \"$4\" in */bad.yaml) echo 'no key  could decrypt' >&2; exit 128;; esac\n\
                  test -e \"$4\" && printf '{\"db\": {\"password\": \"s\", \"port\": 5432}}'\n";
    std::fs::write(&sops, script).unwrap();
    std::fs::set_permissions(&sops, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    shop.write("secrets.enc.yaml", "db: ENC[...]\n");
    let words = ["secret", "import", "--to", "shop", "--format", "sops"];
    let (sealed, _) = fed(&shop, &[&words[..], &["secrets.enc.yaml"]].concat(), "", dir.path(), 0);
    let expected = ["shop/db/password", "shop/db/port"].map(|name| (name.to_owned(), json!(1)));
    assert_eq!(names(&sealed), expected);
    let (_, all) = fed(&shop, &[&words[..], &["bad.yaml"]].concat(), "", dir.path(), 1);
    assert!(all.contains("`sops` does not decrypt the file: no key could decrypt"), "{all}");
    assert!(up.stop());
}
