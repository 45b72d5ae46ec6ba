//! Build secrets in the vault, through the binary: what opens, what does not, and what lies on the disk.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::reading::{colleague, elsewhere, rehearsal};
use crate::codes;
use crate::support::Home;

const TOKEN: &str = "shop/registry/token";
/// A value that nothing else on the disk contains.
const VALUE: &[u8] = b"vlt-7f3a9c-only-here";

/// Runs a command that gets bytes on its standard input.
fn fed(home: &Home, arguments: &[&str], value: &[u8]) -> Output {
    let mut command = home.command(&[arguments, &["-o", "json"]].concat());
    command.current_dir(home.dir.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses at once may have closed its input.
    drop(child.stdin.take().unwrap().write_all(value));
    child.wait_with_output().unwrap()
}

fn said(output: &Output, code: i32) -> Value {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}\n{error}");
    text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
}

/// Puts a version; the answer.
pub fn put(home: &Home, arguments: &[&str], value: &[u8], code: i32) -> Value {
    said(&fed(home, &[&["secret", "put"], arguments].concat(), value), code)
}

fn versions(home: &Home, secret: &str) -> Vec<(u64, bool)> {
    let listed = home.ok(&["secret", "list", "shop"]);
    let found = listed["secrets"].as_array().unwrap().iter().find(|found| found["secret"] == json!(secret));
    let versions = found.unwrap()["versions"].as_array().unwrap();
    versions.iter().map(|it| (it["number"].as_u64().unwrap(), it["destroyed"] == json!(true))).collect()
}

/// All files below a directory that contain these bytes.
fn files_with(dir: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).unwrap().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() {
                dirs.push(path);
            } else if kind.is_file() && contains(&std::fs::read(&path).unwrap_or_default(), bytes) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn keys_in_ring(home: &Home) -> usize {
    let ring: Value =
        serde_json::from_slice(&std::fs::read(home.data().join("vault/ring.json")).unwrap()).unwrap();
    ring["keys"].as_object().unwrap().len()
}

#[test]
fn versions_are_put_listed_and_destroyed() {
    let home = Home::solo();
    let up = home.up();
    let first = put(&home, &[TOKEN], VALUE, 0);
    assert_eq!(
        (&first["number"], &first["bytes"], &first["note"]),
        (&json!(1), &json!(VALUE.len()), &Value::Null)
    );
    let large = vec![0xff; 1 << 20];
    let binary = b"\0\xff\r\n\n";
    for (number, value) in [(2, &b""[..]), (3, &large), (4, binary)] {
        let put = put(&home, &[TOKEN], value, 0);
        assert_eq!((&put["number"], &put["bytes"]), (&json!(number), &json!(value.len())));
        let note = match value.last() {
            None => json!(
                "the value is empty: the program that was to send it may have failed; put the next version if so"
            ),
            Some(b'\n') => {
                json!("the value ends with a line feed, which is kept; `printf %s` sends none")
            }
            Some(_) => Value::Null,
        };
        assert_eq!(put["note"], note, "what a person may not have meant is kept, and said");
    }
    let longer = put(&home, &[TOKEN], &[large.as_slice(), b"x"].concat(), 1);
    assert!(longer["error"].as_str().unwrap().contains("more than 1048576 bytes"), "{longer}");
    let typed = home.on_terminal(home.dir.path(), &format!("secret put {TOKEN}"), "typed\n");
    let shown = String::from_utf8_lossy(&typed.stdout).into_owned();
    assert!(shown.contains("a terminal would show the value"), "{shown}");
    let file = home.dir.path().join("value");
    std::fs::write(&file, VALUE).unwrap();
    let options =
        ["shop/other", "--file", "value", "--expires", "2126-01-01", "--rotate-days", "90", "--honey"];
    put(&home, &options, b"ignored", 0);
    let listed = home.ok(&["secret", "list"]);
    let other =
        listed["secrets"].as_array().unwrap().iter().find(|it| it["secret"] == json!("shop/other")).unwrap();
    assert_eq!((&other["rotate_days"], &other["honey"]), (&json!(90), &json!(true)));
    assert_eq!(other["versions"][0]["expires"], json!("2126-01-02T00:00:00.000Z"));
    let past = put(&home, &["shop/past", "--expires", "2020-01-01"], b"x", 3);
    assert_eq!(codes(&past), ["secret-expired"]);

    assert_eq!(keys_in_ring(&home), 6, "the refused value has a key, which leaves after a day");
    let destroyed = home.ok(&["secret", "destroy", TOKEN, "--number", "1", "--yes"]);
    assert!(destroyed["remains"].as_str().unwrap().contains("older backup"));
    assert_eq!(keys_in_ring(&home), 5);
    assert_eq!(versions(&home, TOKEN), [(4, false), (3, false), (2, false), (1, true)]);
    assert_eq!(
        codes(&home.json(&["secret", "destroy", TOKEN, "--number", "1", "--yes"], 3)),
        ["secret-destroyed"]
    );
    assert_eq!(
        codes(&home.json(&["secret", "destroy", TOKEN, "--number", "9", "--yes"], 3)),
        ["secret-unknown"]
    );
    let unasked = home.json(&["secret", "destroy", TOKEN, "--number", "2"], 2);
    assert!(unasked["error"].as_str().unwrap().contains("nothing was destroyed"), "{unasked}");
    assert!(up.stop());
    assert_eq!(home.ok(&["audit", "verify"])["misfits"], json!(0));
    assert_eq!(home.ok(&["audit", "replay"])["differ"], json!(0));
}

/// A search of every file below the home finds no value: neither plain, nor in base64.
#[test]
fn attack_the_disk_is_searched_for_a_value() {
    let home = Home::solo();
    let up = home.up();
    put(&home, &[TOKEN], VALUE, 0);
    home.ok(&["secret", "list"]);
    assert!(up.stop());
    std::fs::write(home.dir.path().join("control"), VALUE).unwrap();
    let found = files_with(home.dir.path(), VALUE);
    assert!(matches!(found.as_slice(), [one] if one.ends_with("control")), "{found:?}");
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, &VALUE[..18]);
    assert_eq!(files_with(home.dir.path(), encoded.as_bytes()), [""; 0]);
}

#[test]
fn attack_of_two_puts_at_once_one_counts() {
    let home = Home::solo();
    let up = home.up();
    let begun = std::thread::scope(|scope| {
        let both = [b"one", b"two"].map(|value| {
            let home = &home;
            scope.spawn(move || fed(home, &["secret", "put", TOKEN, "--number", "1"], value))
        });
        both.map(|thread| thread.join().unwrap())
    });
    let mut ended: Vec<_> = begun.iter().map(|output| output.status.code().unwrap()).collect();
    ended.sort_unstable();
    assert_eq!(ended, [0, 3], "{begun:?}");
    let lost = begun.iter().find(|output| output.status.code() == Some(3)).unwrap();
    assert_eq!(codes(&said(lost, 3)), ["secret-number-taken"]);
    assert_eq!(versions(&home, TOKEN), [(1, false)]);
    assert!(up.stop());
}

/// Everything of the server but its root key: the vault is sealed, and everything else works.
#[test]
fn attack_all_data_directories_without_the_root_key() {
    let home = Home::solo();
    let key = home.data().with_file_name("data.keys").join("vault-root.key");
    let made = std::fs::read(&key).unwrap();
    let up = home.up();
    put(&home, &[TOKEN], VALUE, 0);
    assert!(up.stop());
    assert_eq!(std::fs::read(&key).unwrap(), made, "`init` makes it, and the server takes it up");
    let (kept, elsewhere) = (std::fs::read(&key).unwrap(), home.dir.path().join("kept.key"));
    std::fs::rename(&key, &elsewhere).unwrap();
    for wrong in [None, Some("another root key")] {
        if wrong.is_some() {
            let other = Home::solo();
            assert!(other.up().stop());
            let theirs = other.data().with_file_name("data.keys").join("vault-root.key");
            std::fs::copy(theirs, &key).unwrap();
        }
        let up = home.up();
        let refused = put(&home, &[TOKEN], b"x", 3);
        assert_eq!(codes(&refused), ["vault-sealed"], "{refused}");
        assert_eq!(versions(&home, TOKEN), [(1, false)]);
        home.ok(&["status"]);
        assert!(up.stop());
        assert_eq!(key.exists(), wrong.is_some(), "no root key is made where there is a ring");
    }
    // With the key it opens again, wherever the key is.
    std::fs::remove_file(&key).unwrap();
    let up = home.up_in(&["--root-key", elsewhere.to_str().unwrap()]);
    assert_eq!(put(&home, &[TOKEN], b"x", 0)["number"], json!(2));
    let error = home.json(&["secret", "rotate-root", "--root-key", elsewhere.to_str().unwrap()], 1);
    assert!(error["error"].as_str().unwrap().contains("a server runs"), "{error}");
    assert!(up.stop());
    let rotated = home.ok(&["secret", "rotate-root", "--root-key", elsewhere.to_str().unwrap()]);
    assert_eq!(rotated["keys"], json!(2));
    assert_ne!(std::fs::read(&elsewhere).unwrap(), kept);
    std::fs::write(home.dir.path().join("former.key"), &kept).unwrap();
    let secret = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(home.dir.path().join("former.key"), secret).unwrap();
    let up = home.up_in(&["--root-key", home.dir.path().join("former.key").to_str().unwrap()]);
    assert_eq!(codes(&put(&home, &[TOKEN], b"x", 3)), ["vault-sealed"], "the former key opens nothing now");
    assert!(up.stop());
    let up = home.up_in(&["--root-key", elsewhere.to_str().unwrap()]);
    assert_eq!(put(&home, &[TOKEN], b"x", 0)["number"], json!(3));
    assert!(up.stop());
}

/// The server ends between the record of a destruction and the vault's part: the next start does it.
#[test]
fn a_destruction_is_done_after_a_crash() {
    let home = Home::solo();
    let up = home.up();
    put(&home, &[TOKEN], VALUE, 0);
    put(&home, &[TOKEN], b"kept", 0);
    let ring = home.data().join("vault/ring.json");
    let before = std::fs::read(&ring).unwrap();
    home.ok(&["secret", "destroy", TOKEN, "--number", "1", "--yes"]);
    let after = std::fs::read(&ring).unwrap();
    up.kill();
    // As a server that ended before it wrote the ring.
    std::fs::write(&ring, &before).unwrap();
    let up = home.up();
    assert_eq!(keys_in_ring(&home), 1);
    assert!(![before, after].contains(&std::fs::read(&ring).unwrap()), "the ring has another key again");
    assert!(up.stop());
}

#[test]
fn attack_a_person_who_owns_no_secrets_of_the_project() {
    let (shop, made) = rehearsal();
    let up = shop.home.up();
    let refused = put(&shop.home, &[TOKEN], VALUE, 1);
    assert!(
        refused["error"].as_str().unwrap().contains("you are no secret-owner of project `shop`"),
        "{refused}"
    );
    assert_eq!(keys_in_ring(&shop.home), 0, "nothing was taken in");
    // Nothing says whether there is such a secret.
    let destroyed = shop.home.json(&["secret", "destroy", TOKEN, "--number", "1", "--yes"], 3);
    assert_eq!(codes(&destroyed), ["role-missing"]);
    let read = shop.home.json(&["secret", "get", TOKEN, "--reason", "x", "--out", "value"], 3);
    assert_eq!(codes(&read), ["role-missing"]);
    // Bob is known over TCP, and sees what there is; a stranger sees nothing.
    let bob = made["people"][1]["person"].as_str().unwrap();
    let tcp = elsewhere(&shop, "elsewhere", &up.url);
    let home = colleague(&shop, &made, "bob", bob, &tcp);
    assert_eq!(home.ok(&["secret", "list"])["secrets"], json!([]));
    assert_eq!(up.get("/api/v1/secrets").0, 401);
    assert_eq!(up.get("/api/v1/secrets/vault").0, 401);
    assert!(up.stop());
}
