//! An installation as files: what is declared comes into force once, and what is in no file stays until it is pruned.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::shop::Shop;
use super::{PLACE, at};
use crate::codes;
use crate::support::Up;

/// A solo installation with its files in a repository.
struct Kept {
    shop: Shop,
    up: Up,
    dir: PathBuf,
}

impl Kept {
    fn new() -> Self {
        let shop = Shop::solo();
        let (up, dir) = (shop.home.up(), shop.home.dir.path().join("configuration"));
        shop.ok(&["freeze", "shop/ledger-api/dev", "--yes"]);
        let kept = Self { shop, up, dir };
        kept.shop.ok(&["apply", "--export", kept.path()]);
        kept.git(&["init", "-q"]);
        kept.commit("everything in force");
        kept
    }

    fn path(&self) -> &str {
        self.dir.to_str().unwrap()
    }

    fn append(&self, file: &str, text: &str) {
        let file = self.dir.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let old = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(file, old + text).unwrap();
    }

    fn replace(&self, file: &str, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.dir.join(file)).unwrap();
        assert!(text.contains(old), "{text}");
        std::fs::write(self.dir.join(file), text.replace(old, new)).unwrap();
    }

    fn git(&self, words: &[&str]) -> String {
        let output = self.shop.home.program("git").args(words).current_dir(&self.dir).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-S", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn apply(&self, words: &[&str], code: i32) -> Value {
        self.shop.in_repository(&[&["apply", self.path()], words].concat(), code)
    }

    fn installation(&self, what: &str) -> Value {
        let found: Value = serde_json::from_str(&self.up.get("/api/v1/installation").1).unwrap();
        found[what].clone()
    }
}

fn count(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

#[test]
fn files_come_into_force_once_and_what_is_in_no_file_stays_until_it_is_pruned() {
    let kept = Kept::new();
    let same = kept.apply(&["--check"], 0);
    let none = "no directory `statements`: grants and waivers are not compared";
    assert_eq!((count(&same["differences"]), &same["notes"]), (0, &json!([none])));
    // A layer, a place and windows change, and a grant comes.
    kept.append("overrides/production.yaml", "class: production\nvariables: { LOG: warn }\n");
    kept.append(PRODUCTION, "soak: 2h\nwindows: windows/days.yaml\n");
    kept.replace(PRODUCTION, "bounds: {}\n", "bounds: { memory-mib: 512 }\n");
    kept.append("windows/days.yaml", "version: 1\nzone: Europe/Berlin\nallow: [{ always: true }]\n");
    kept.append(
        "statements/database.yaml",
        "kind: grant\nscope: shop/ledger-api/production\nuntil: 2090-01-01\nreason: it asks\nbody: { secret: database, to: { service: ledger-api } }\n",
    );
    let refused = kept.apply(&["--yes"], 1);
    let fault = "`statements/database.yaml`, line 5, column 1: statement: it is valid for longer than its kind may be";
    assert!(refused["error"].as_str().unwrap().starts_with(fault), "{refused}");
    let until = kept.installation("status")["expires"].as_str().unwrap().to_owned();
    kept.replace("statements/database.yaml", "2090-01-01", &until);
    let commit = kept.commit("production in hours of the day");
    let differs = kept.apply(&["--check"], 3);
    assert!(codes(&differs).iter().all(|code| *code == "not-in-force"), "{differs}");
    let applied = kept.apply(&["--yes"], 0);
    let whats: Vec<_> =
        applied["applied"].as_array().unwrap().iter().map(|it| it["what"].as_str().unwrap()).collect();
    let number = at(&kept.up, "production")["statement"].as_u64().unwrap();
    let statement = format!("statement {number} of {PLACE}");
    assert_eq!(whats, [statement.as_str(), "grant in shop/ledger-api/production"], "{applied}");
    assert_eq!(at(&kept.up, "production")["windows"]["open"], true);
    let before = kept.installation("entries");
    let again = kept.apply(&["--yes"], 0);
    assert_eq!((count(&again["applied"]), count(&again["differences"])), (0, 0), "{again}");
    assert_eq!(kept.installation("entries"), before, "a second run sends nothing");
    traced(&kept, &commit);
    past_the_files(&kept);
    assert!(kept.up.stop());
}

/// The commit is recorded with the statement that came of it, and a value goes back to its line, author and signer.
fn traced(kept: &Kept, commit: &str) {
    let entry = at(&kept.up, "production")["entry"].as_u64().unwrap();
    let recorded = kept.up.get(&format!("/api/v1/entries?from={entry}")).1;
    let recorded: Value = serde_json::from_str(&recorded).unwrap();
    let payload = decoded(recorded[0]["particulars"]["request"]["payload"].as_str().unwrap());
    assert_eq!(payload["arguments"]["source"]["commit"], json!(commit), "{payload}");
    let traced = kept.shop.ok(&["explain", PLACE, "variables.LOG", "--dir", kept.path()]);
    let trace = &traced[0];
    assert_eq!(trace["declared"], "warn");
    assert_eq!(
        (&trace["at"]["file"], &trace["at"]["line"]),
        (&json!("overrides/production.yaml"), &json!(2))
    );
    assert_eq!(
        (&trace["layer"], &trace["changed"]["commit"]),
        (&json!("environment production"), &json!(commit))
    );
    assert_eq!((&trace["is_same"], &trace["by"]["entry"]), (&json!(true), &json!(entry)));
    assert_eq!(trace["by"]["signed_by"], json!(["ada"]), "{trace}");
}

/// Somebody sets a variable past the files, and freezes a place.
fn past_the_files(kept: &Kept) {
    kept.shop.ok(&["trust", "environment", PLACE, "--variable", "DEBUG=1", "--yes"]);
    kept.shop.ok(&["freeze", "shop/ledger-api/staging", "--yes"]);
    let differs = kept.apply(&["--check"], 3);
    assert_eq!(codes(&differs), ["undeclared", "undeclared"], "{differs}");
    let stays = kept.apply(&["--yes"], 0);
    assert_eq!(stays["applied"], json!([]), "{stays}");
    assert_eq!(count(&kept.installation("frozen")), 2);
    let pruned = kept.apply(&["--yes", "--prune"], 0);
    assert_eq!(count(&pruned["applied"]), 2, "{pruned}");
    assert_eq!(count(&kept.installation("frozen")), 1);
    kept.apply(&["--check"], 0);
}

fn decoded(base64: &str) -> Value {
    use base64::Engine as _;
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(base64).unwrap()).unwrap()
}

const PRODUCTION: &str = "environments/shop/ledger-api/production.yaml";
