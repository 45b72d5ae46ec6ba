//! Wrong keys: people's SSH keys, keys of roles in files and devices, and the line by which an installation is pinned.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Page;
use crate::support::Home;

const INIT: [&str; 5] = ["init", "--name", "Ada", "--email", "a@example.com"];

#[test]
fn ssh_keys_that_cannot_be_used() {
    let home = Home::new();
    let at = |name: &str| home.dir.path().join(name);
    make(&home, &["-t", "rsa", "-b", "2048"], "short");
    make(&home, &["-t", "ecdsa", "-b", "521"], "p521");
    fs::write(at("text.pub"), "not a key\n").unwrap();
    fs::write(at("bytes.pub"), [0xff, 0xfe]).unwrap();
    let public = fs::read_to_string(at(".ssh/id_ed25519.pub")).unwrap();
    fs::write(at("cut.pub"), &public[..40]).unwrap();
    fs::create_dir(at("dir.pub")).unwrap();
    let mut page = Page::new(&home);
    for file in ["missing", "text", "bytes", "cut", "dir", "short", "p521"] {
        page.fails("a key file", &["key", "show", file]);
    }
    page.fails("the same at init", &[&INIT[..], &["--key", "text"]].concat());
    let lone = home.ssh_key("lone");
    fs::remove_file(&lone).unwrap();
    page.fails("a public key alone", &[&INIT[..], &["--key", "lone"]].concat());
    make(&home, &["-t", "ed25519", "-N", "passphrase"], "locked");
    page.fails("a passphrase without a terminal", &[&INIT[..], &["--key", "locked"]].concat());
    git(&home, "user.signingkey", "~/.ssh/gone");
    git(&home, "gpg.format", "ssh");
    page.fails("the key that git signs with is gone", &["key", "show"]);
    let other = fs::read_to_string(at("lone.pub")).unwrap();
    git(&home, "user.signingkey", other.trim());
    page.fails("git names a key whose file is elsewhere", &["key", "show"]);
    git(&home, "user.signingkey", "key::ssh-ed25519 abc");
    page.fails("git names a key that is none", &["key", "show"]);
    let config = at(".gitconfig");
    fs::write(&config, "[gpg]\nformat = ssh\n[gpg \"ssh\"]\ndefaultKeyCommand = false\n").unwrap();
    page.fails("git's command names no key", &["key", "show"]);
    fs::write(&config, "[user\n").unwrap();
    page.fails("git cannot read its configuration", &["key", "show"]);
    fs::remove_file(&config).unwrap();
    for ending in ["", ".pub"] {
        fs::remove_file(at(&format!(".ssh/id_ed25519{ending}"))).unwrap();
    }
    page.fails("no key in the usual files", &["key", "show"]);
    fs::copy(at("short.pub"), at(".ssh/id_rsa.pub")).unwrap();
    page.fails("a bad key in the usual files", &["key", "show"]);
    page.end("ssh-keys");
}

#[test]
fn lines_and_persons_that_cannot_be_used() {
    let home = Home::solo();
    let line = home.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    home.ssh_key("bob");
    let away = Home::new();
    let nobody = "1f".repeat(16);
    let mut page = Page::new(&home);
    page.fails("no line", &["trust", "pin", "--set", ""]);
    page.fails("a line that was cut", &["trust", "pin", "--set", &line[..60]]);
    page.fails("the same as a new colleague", &["key", "use", "--pin", &line[..60], "--person", &nobody]);
    page.fails("a person that nobody is", &["key", "use", "--pin", &line, "--person", &nobody]);
    page.fails("digits of nobody", &["key", "use", "--pin", &line, "--person", "ffff"]);
    page.fails("a key that nobody has", &["key", "use", "--pin", &line, "--key", "bob"]);
    page.fails("a fingerprint that no file has", &{
        ["key", "use", "--pin", &line, "--key", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
    });
    page.fails("a directory without a profile", &["key", "use", "--data", "elsewhere"]);
    page.end("lines-and-persons");
    let mut page = Page::new(&away);
    page.fails("no ledger to look up the person", &["key", "use", "--pin", &line]);
    page.fails("digits without a ledger", &["key", "use", "--pin", &line, "--person", "abcd"]);
    page.end("lines-without-a-ledger");
}

#[test]
fn keys_of_roles_that_cannot_be_used() {
    let home = Home::solo();
    let data = home.data();
    let ledger = data.with_file_name("data.keys").join("ledger.pem");
    let text = fs::read_to_string(&ledger).unwrap();
    let line = home.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let mut page = Page::new(&home);
    fs::set_permissions(&ledger, fs::Permissions::from_mode(0o644)).unwrap();
    page.fails("a key that others can read", &["server"]);
    fs::set_permissions(&ledger, fs::Permissions::from_mode(0o600)).unwrap();
    private(&ledger, &text.replace('M', "N"));
    page.fails("a damaged key", &["server"]);
    fs::remove_file(&ledger).unwrap();
    page.fails("a missing key", &["server"]);
    page.fails_in_the_end("the same at the start", &["up"]);
    private(&ledger, &text);
    private(&ledger.with_extension("pkcs11"), "pkcs11:object=a?module-path=/m.so&pin-source=/pin\n");
    page.fails("two keys for one role", &["server"]);
    fs::remove_file(&ledger).unwrap();
    page.fails("a device that is missing", &["server"]);
    private(&ledger.with_extension("pkcs11"), "ledger\n");
    page.fails("a note of a device that cannot be read", &["server"]);
    fs::remove_file(ledger.with_extension("pkcs11")).unwrap();
    private(&ledger, &fs::read_to_string(ledger.with_file_name("provenance.pem")).unwrap());
    page.fails("the key of another role", &["server"]);
    let device = "pkcs11:object=a?module-path=/usr/lib/none.so&pin-source=/pin";
    page.fails("a device at init", &["init", "--data", "new", "--runner-key", device]);
    let join = ["agent", "join", "--data", "agent", "--name", "agent-1", "--place", "shop/api/dev"];
    page.fails("an agent with a bad line", &[&join[..], &["--pin", "x"]].concat());
    page.shows("an agent that joins", &[&join[..], &["--pin", &line]].concat());
    page.fails("an agent that joins twice", &[&join[..], &["--pin", &line]].concat());
    let second = ["--data", "second", "--name", "agent-2"];
    let known = [&second[..], &["--host", "prod-1"]].concat();
    page.shows("another agent's key", &[&["agent", "key"], &known[..]].concat());
    let another = [&["agent", "join", "--place", "shop/api/dev"], &second[..], &["--pin", &line]].concat();
    page.fails("it joins with another key", &[&another[..], &["--key", device]].concat());
    let join = ["runner", "join", "--data", "runner", "--name", "runner-3", "--pin"];
    page.fails("a runner with a bad line", &[&join[..], &["x"]].concat());
    page.shows("a runner that joins", &[&join[..], &[line.as_str()]].concat());
    page.fails("a runner that joins twice", &[&join[..], &[line.as_str()]].concat());
    page.end("role-keys");
}

fn make(home: &Home, kind: &[&str], file: &str) {
    let mut command = home.program("ssh-keygen");
    let no_phrase: &[&str] = if kind.contains(&"-N") { &[] } else { &["-N", ""] };
    command.args(["-q", "-C", "", "-f", file]).args(kind).args(no_phrase);
    assert!(command.status().unwrap().success());
}

fn git(home: &Home, name: &str, value: &str) {
    assert!(home.program("git").args(["config", "--global", name, value]).status().unwrap().success());
}

fn private(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}
