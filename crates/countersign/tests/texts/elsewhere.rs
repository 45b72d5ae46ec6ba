//! Texts for people on other machines than the server's.

use std::fs;

use evidence::Digest;
use evidence::pin::Pin;

use super::Page;
use crate::support::Home;

#[test]
fn what_a_person_on_another_machine_reads() {
    let (home, far) = (Home::solo(), Home::new());
    for ending in ["", ".pub"] {
        let key = format!(".ssh/id_ed25519{ending}");
        fs::copy(home.dir.path().join(&key), far.dir.path().join(&key)).unwrap();
    }
    let up = home.up();
    let line = home.ok(&["trust", "pin", "--address", &up.url])["pin"].as_str().unwrap().to_owned();
    let pin: Pin = line.parse().unwrap();
    let mut page = Page::new(&far);
    page.shows("a line that names the server's address", &["key", "use", &line]);
    page.fails("a command that needs the server's files", &["audit", "verify"]);
    page.fails("the same to start something", &["up"]);
    assert!(up.stop());
    page.fails("no server at the address", &["status"]);
    let replace = |pin: Pin| drop(far.ok(&["trust", "pin", "--replace", "--set", &pin.to_string()]));
    let secured = vec!["https://127.0.0.1:1".to_owned()];
    replace(pin.clone().reached_at(secured, Some(Digest::of(b"certificate"))).unwrap());
    page.fails("an address of TLS", &["trust", "root"]);
    replace(pin.clone().reached_at(Vec::new(), None).unwrap());
    page.fails("no address in the pin", &["freeze", "shop", "--yes"]);
    let config = far.dir.path().join(".config/countersign").join(pin.installation.to_string());
    fs::remove_file(config.join("pin")).unwrap();
    page.fails("no pin", &["run"]);
    page.end("from-elsewhere");
}
