//! Commits that do not build on the running one: refused before anything is sent, with a remedy that works.

use serde_json::{Value, json};

use crate::codes;
use crate::release::at_place;
use crate::release::shop::Shop;

const DEV: &str = "shop/ledger-api/dev";

fn short(id: &str) -> &str {
    &id[..12]
}

fn reason(refused: &Value) -> (&str, &str) {
    let reason = &refused["reasons"][0];
    (reason["what"].as_str().unwrap(), reason["remedy"].as_str().unwrap())
}

#[test]
fn what_is_older_or_amended_is_refused_before_it_is_built() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let first = shop.git(&["rev-parse", "HEAD"]);
    shop.ok(&["run"]);
    shop.service("fine");
    let second = shop.commit("another");
    shop.ok(&["run"]);
    let runs = || serde_json::from_str::<Vec<Value>>(&up.get("/api/v1/runs").1).unwrap().len();
    let (before, of) = (runs(), |id: &str| format!("commit {}", short(id)));

    let older = shop.in_repository(&["run", &first], 3);
    assert_eq!(codes(&older), ["range-no-ancestor"]);
    let (what, remedy) = reason(&older);
    assert_eq!(what, format!("{} is older than {}, which runs in {DEV}", of(&first), short(&second)));
    assert!(
        remedy.contains("`git revert` on top of")
            && remedy.contains(&format!("`countersign rollback {DEV}`")),
        "{remedy}"
    );

    shop.git(&["commit", "-q", "--amend", "-S", "-m", "said better"]);
    let amended = shop.git(&["rev-parse", "HEAD"]);
    let apart = shop.in_repository(&["run"], 3);
    let (what, remedy) = reason(&apart);
    let whole = format!(
        "{} does not descend from {}, which runs in {DEV}: was it amended or rebased, or is it on another branch?",
        of(&amended),
        short(&second)
    );
    assert_eq!(what, whole);
    assert!(apart["error"].as_str().unwrap().ends_with("nothing was done"), "{apart}");

    let clone = shop.home.dir.path().join("shallow");
    let url = format!("file://{}", shop.repository().display());
    shop.git(&["clone", "-q", "--depth", "1", &url, clone.to_str().unwrap()]);
    let shallow = shop.home.json_in(&clone, &["run", "--project", "shop"], 3);
    assert_eq!(codes(&shallow), ["range-shallow"]);
    assert!(reason(&shallow).1.starts_with("run from a full clone"), "{shallow}");
    assert_eq!(runs(), before, "nothing was begun");

    // The remedy in the error works.
    let soft = format!("if you amended {0}: `git reset --soft {0}` and `git commit -S`; ", short(&second));
    assert!(remedy.starts_with(&soft) && remedy.contains("otherwise: `git rebase "), "{remedy}");
    shop.git(&["reset", "-q", "--soft", &second]);
    shop.commit("said better");
    shop.ok(&["run"]);
    assert!(up.stop());
}

/// docs/operating/hotfix.md, step by step.
#[test]
fn a_hotfix_of_what_runs_in_production_goes_there_without_what_dev_runs() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let released = shop.git(&["rev-parse", "HEAD"]);
    shop.release();
    shop.write("feature", "not for production yet");
    let feature = shop.commit("a feature");
    shop.ok(&["run"]);
    shop.git(&["switch", "-q", "-c", "hotfix", &released]);
    shop.service("fixed");
    let fix = shop.commit("mend it");
    assert_eq!(codes(&shop.in_repository(&["run"], 3)), ["range-no-ancestor"]);
    shop.git(&["merge", "-q", "-S", "-s", "ours", "-m", "on top of what dev runs", &feature]);
    assert!(!shop.repository().join("feature").exists());
    shop.release();
    let fixed = shop.git(&["rev-parse", "HEAD"]);
    assert_eq!(at_place(&up, "shop/ledger-api/production")["running"]["commit"], json!(fixed));
    // Then back to the feature, with the fix.
    shop.git(&["switch", "-q", "main"]);
    shop.git(&["merge", "-q", "-S", "-s", "ours", "-m", "hotfix is in production", "hotfix"]);
    shop.git(&["cherry-pick", "-S", &fix]);
    assert!(shop.repository().join("feature").exists());
    shop.release();
    assert!(up.stop());
}

#[test]
fn a_place_further_on_that_cannot_be_reached_is_noted() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    shop.service("fine");
    let second = shop.commit("another");
    shop.ok(&["run"]);
    shop.ok(&["rollback", "--yes", DEV]);
    shop.service("finer");
    shop.git(&["commit", "-qa", "--amend", "-S", "-m", "instead of it"]);
    let output = shop.home.run_in(&shop.repository(), &["run", "--no-wait"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let note = format!("does not descend from {}, which runs in shop/ledger-api/staging", short(&second));
    assert!(said.contains("note: commit ") && said.contains(&note), "{said}");
    assert!(up.stop());
}

#[test]
fn what_has_no_place_to_go_is_refused_before_it_is_built() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let unknown = shop.in_repository(&["run", "--project", "nosuch"], 1)["error"].clone();
    let unknown = unknown.as_str().unwrap();
    assert!(
        unknown.contains("nothing was done: this installation shows you no project `nosuch`"),
        "{unknown}"
    );
    assert!(unknown.contains("it has shop: if one of them is meant, name it with --project"), "{unknown}");
    // The configuration of every place must be readable: otherwise the run is refused.
    let envelope = at_place(&up, DEV)["envelope"].as_str().unwrap().to_owned();
    let (start, rest) = envelope.strip_prefix("sha256:").unwrap().split_at(2);
    let file = shop.home.data().join("blobs/sha256").join(start).join(rest);
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let unread = shop.in_repository(&["run"], 1)["error"].clone();
    let said = unread.as_str().unwrap();
    assert!(said.contains(&format!("the configuration of {DEV} cannot be read")), "{said}");
    assert_eq!(up.get("/api/v1/runs").1, "[]", "nothing was begun");
    std::fs::write(&file, kept).unwrap();
    shop.ok(&["run"]);
    assert!(up.stop());
}
