//! `init`: the files that it makes and its output, the remains of a failed one, and the effects of a second one.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;

use crate::release::shop::Shop;
use crate::support::Home;

/// Every path below a directory except git's objects, sorted.
fn paths(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for item in std::fs::read_dir(dir).unwrap().flatten() {
            let path = item.path();
            if item.file_type().unwrap().is_dir() && !path.ends_with(".git/objects") {
                dirs.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn a_failed_init_leaves_nothing_behind() {
    let shop = Shop::new();
    shop.git(&["rm", "-rq", ".countersign"]);
    shop.commit("a project that nothing describes");
    let home = shop.home.dir.path();
    let (public, unsigned) = (home.join(".ssh/id_ed25519.pub"), home.join("unsigned.pub"));
    std::fs::copy(public, &unsigned).unwrap();
    let unsigned = unsigned.to_str().unwrap();
    let before = paths(home);
    // Nobody can sign, because the private key is missing. The roles have their keys by then.
    let failed = shop.in_repository(&["init", "--key", unsigned], 1);
    assert!(failed["error"].as_str().unwrap().contains("`ssh-keygen` could not sign"), "{failed}");
    assert_eq!(paths(home), before);
    // The answer cannot be written, which is the last step that can fail.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = shop.home.command(&["init"]);
    command.current_dir(shop.repository()).stdin(Stdio::null()).stdout(full).stderr(Stdio::null());
    assert_eq!(command.status().unwrap().code(), Some(1));
    assert_eq!(paths(home), before);
    // In another place, where even the parent of the data directory is new.
    let deep = home.join("a/b/data");
    shop.in_repository(&["init", "--key", unsigned, "--data", deep.to_str().unwrap()], 1);
    assert_eq!(paths(home), before);
    shop.in_repository(&["init"], 0);
}

#[test]
fn a_second_init_keeps_the_first_ones_profile() {
    let home = Home::solo();
    let second = home.dir.path().join("second");
    let data = second.to_str().unwrap();
    let profile = home.dir.path().join(".config/countersign/profile.json");
    let before = std::fs::read_to_string(&profile).unwrap();
    let output = home.run(&["init", "--name", "Ada", "--email", "a@b.example", "--data", data]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let note = format!("or make it the default with `countersign key use --data {data}`");
    assert!(
        said.contains("note: without --data, commands still use installation") && said.contains(&note),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(&profile).unwrap(), before);
    // Both are usable: a statement for the second installation is signed as its person.
    let first = home.ok(&["trust", "root"])["statement"]["installation"].clone();
    let up = home.up_in(&["--data", data]);
    let (one, other) = (format!("sha256:{}", "ab".repeat(32)), format!("sha256:{}", "cd".repeat(32)));
    assert_eq!(
        home.ok(&["trust", "status", "--bar", &one, "--yes", "--data", data])["accepted"],
        json!(true)
    );
    let used = home.ok(&["key", "use", "--data", data]);
    assert_ne!(used["installation"], first);
    assert_eq!(home.ok(&["trust", "status", "--bar", &other, "--yes"])["accepted"], json!(true));
    assert!(up.stop());
    home.ok(&["key", "use", "--data", home.data().to_str().unwrap()]);
    assert_eq!(home.ok(&["trust", "root"])["statement"]["installation"], first);
}

/// A profile whose data directory is gone no longer counts.
#[test]
fn a_deleted_data_directory_is_named_with_what_to_do() {
    let home = Home::solo();
    std::fs::remove_dir_all(home.data()).unwrap();
    let data = home.data().display().to_string();
    let lies = "keys witness runner-1 runner-2".split(' ').map(|role| format!("{data}.{role}"));
    let instead = format!(
        "the keys of its roles are still beside it. If it was moved or lost, put it back or restore a backup \
         (docs/operating/restore.md); to begin anew, `rm -r {}` and then `countersign init`",
        lies.collect::<Vec<_>>().join(" ")
    );
    for verb in [&["up"][..], &["status"], &["trust", "status", "--freeze", "shop"]] {
        let failed = home.json(verb, 1)["error"].clone();
        assert_eq!(failed, json!(format!("the data directory `{data}` is gone; {instead}")), "{verb:?}");
    }
    let init = ["init", "--name", "Ada", "--email", "a@b.example"];
    let failed = home.json(&init, 1)["error"].clone();
    let what = format!("`{data}.keys` and 3 more exist without their data directory; nothing was changed");
    assert_eq!(failed, json!(format!("{what}: {instead}")));
    for role in ["keys", "witness", "runner-1", "runner-2"] {
        std::fs::remove_dir_all(format!("{data}.{role}")).unwrap();
    }
    home.ok(&init);
    home.ok(&["trust", "pin"]);
    let elsewhere = home.json(&["status", "--data", "none"], 1)["error"].clone();
    assert!(
        elsewhere
            .as_str()
            .unwrap()
            .ends_with("make one with `countersign init`, or name the data directory of yours with --data")
    );
}

#[test]
fn that_nothing_is_tested_is_said_once_by_init_and_by_each_run() {
    let shop = Shop::new();
    shop.quick_pipeline();
    let tested = std::fs::read_to_string(shop.repository().join(".countersign/pipeline.yaml")).unwrap();
    let untested = tested.replace("  test: { run: test ! -e broken }\n", "");
    shop.write(".countersign/pipeline.yaml", &untested);
    shop.commit("no tests");
    let note = "no step of this pipeline runs tests: add a step named `test`, or one that calls what tests your project";
    let output = shop.home.run_in(&shop.repository(), &["init", "--project", "shop"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.matches(&format!("note: {note}\n")).count(), 1, "{said}");
    assert_eq!(shop.ok(&["pipeline", "check"])["notes"], json!([note]));
    let up = shop.home.up();
    let output = shop.home.run_in(&shop.repository(), &["run"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.matches(&format!("note: {note}\n")).count(), 1, "{said}");
    shop.write(".countersign/pipeline.yaml", &tested);
    shop.commit("tested");
    assert_eq!(shop.ok(&["run"]).get("notes"), None);
    // A service that has no place any more.
    let release = std::fs::read_to_string(shop.repository().join(".countersign/release.yaml")).unwrap();
    shop.write(".countersign/release.yaml", &release.replace("  ledger-api:\n", "  renamed:\n"));
    let refused = shop.in_repository(&["pipeline", "check"], 3);
    let what = refused["reasons"][0]["what"].as_str().unwrap();
    assert!(
        what.contains(
            "names service renamed of project `shop`; was it renamed? The places are shop/ledger-api/dev"
        ),
        "{what}"
    );
    assert!(up.stop());
}

#[test]
fn init_outside_of_a_repository_says_what_to_do() {
    let home = Home::new();
    let init = ["init", "--name", "Ada", "--email", "a@b.example"];
    let said = String::from_utf8_lossy(&home.run(&init).stdout).into_owned();
    let note = "note: this directory is in no git repository, so no project was made: `git init`";
    assert!(said.contains(note), "{said}");
    let bare = Home::new();
    let said = bare.run(&[&init[..], &["--bare"]].concat());
    assert!(!String::from_utf8_lossy(&said.stdout).contains("git init"));
}

/// The printed command is typed as it is, by a person whose git knows nothing.
#[test]
fn the_commit_command_that_init_prints_signs() {
    let home = Home::new();
    let repository = home.dir.path().join("shop");
    std::fs::create_dir(&repository).unwrap();
    std::fs::write(repository.join("run.sh"), "python3 -m http.server --bind 127.0.0.1 \"$PORT\"\n").unwrap();
    let git = |arguments: &[&str]| {
        let output = home.program("git").args(arguments).current_dir(&repository).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "-A"]);
    let person = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
    git(&[&person[..], &["commit", "-q", "-m", "first"]].concat());
    let init = ["init", "--name", "Ada", "--email", "ada@example.com", "--command", "sh run.sh"];
    let output = home.run_in(&repository, &init);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find(|line| line.trim_start().starts_with("git add ")).expect(&said);
    let ran = home.program("sh").args(["-c", line]).current_dir(&repository).status().unwrap();
    assert!(ran.success(), "{line}");
    assert!(git(&["cat-file", "commit", "HEAD"]).contains("gpgsig -----BEGIN SSH SIGNATURE-----"), "{line}");
    // The script names no port itself: it gets another one at each place, and answers there.
    let up = home.up();
    let ran = home.json_in(&repository, &["run"], 0);
    let ports: std::collections::BTreeSet<_> =
        said.lines().filter_map(|line| line.strip_prefix("place: ")?.split("127.0.0.1:").nth(1)).collect();
    assert_eq!(ports.len(), 3, "{said}");
    assert_eq!(ran["state"], "passed", "{ran}");
    for environment in ["dev", "staging"] {
        let place = crate::release::at_place(&up, &format!("shop/shop/{environment}"));
        assert!(place["running"].is_object(), "{place}");
    }
    assert!(up.stop());
}
