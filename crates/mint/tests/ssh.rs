//! SSH certificates, as OpenSSH's own `ssh-keygen` reads them; it checks the signature, too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evidence::Moment;
use mint::{LeaseId, SshError, SshTerms, certify};

#[path = "../../runner/tests/remotes/sshd.rs"]
#[allow(dead_code, reason = "the crate `runner` uses the rest of it")]
mod sshd;

fn terms() -> SshTerms {
    SshTerms {
        principals: vec!["deploy".into(), "backup@db".into()],
        validity: Duration::from_secs(900),
        command: Some("/usr/bin/deploy --to \"a b\"".into()),
        sources: vec!["10.0.0.0/8".into(), "2001:db8::/32".into()],
        terminal: false,
    }
}

/// A new authority's private and public key.
fn authority(dir: &Path, kind: &str, passphrase: &str) -> String {
    let file = dir.join(format!("ca-{kind}{}", passphrase.len()));
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", passphrase, "-f"]).arg(&file).stdin(Stdio::null());
    assert!(command.status().unwrap().success());
    fs::read_to_string(file).unwrap()
}

fn shown(file: &Path) -> Option<String> {
    let output = Command::new("ssh-keygen").env("TZ", "UTC").args(["-L", "-f"]).arg(file).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn openssh_reads_what_was_certified() {
    let dir = tempfile::tempdir().unwrap();
    let ca = authority(dir.path(), "ed25519", "");
    let lease = LeaseId::draw().unwrap();
    let now: Moment = "2026-11-21T02:41:44.000Z".parse().unwrap();
    let made = certify(&ca, &terms(), lease, now).unwrap();
    let file = dir.path().join("id-cert.pub");
    fs::write(&file, &made.certificate).unwrap();
    let text = shown(&file).unwrap();
    for part in [
        "Type: ssh-ed25519-cert-v01@openssh.com user certificate",
        &format!("Key ID: \"{lease}\""),
        "Valid: from 2026-11-21T02:40:44 to 2026-11-21T02:56:44",
        "deploy",
        "backup@db",
        "force-command /usr/bin/deploy --to \"a b\"",
        "source-address 10.0.0.0/8,2001:db8::/32",
        "Extensions: (none)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The private key belongs to the certificate, and no debug text has it.
    let key = dir.path().join("id");
    fs::write(&key, made.key.as_bytes()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let public = Command::new("ssh-keygen").args(["-y", "-f"]).arg(&key).output().unwrap();
    let own = |file: &Path| {
        let output = Command::new("ssh-keygen").args(["-l", "-f"]).arg(file).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
    };
    let plain = dir.path().join("plain.pub");
    fs::write(&plain, &public.stdout).unwrap();
    assert_eq!(own(&plain), own(&file));
    assert!(!format!("{made:?}").contains("PRIVATE"));
    // No two leases share a key.
    assert_ne!(certify(&ca, &terms(), lease, now).unwrap().key, made.key);
}

#[test]
fn attack_a_certificate_that_was_changed() {
    let dir = tempfile::tempdir().unwrap();
    let ca = authority(dir.path(), "ed25519", "");
    let made = certify(&ca, &terms(), LeaseId::draw().unwrap(), Moment::default()).unwrap();
    let (kind, encoded) = made.certificate.split_once(' ').unwrap();
    let mut blob = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(encoded.trim()).unwrap()
    };
    let at = blob.windows(6).position(|window| window == b"deploy").unwrap();
    blob[at..at + 6].copy_from_slice(b"rootxx");
    let file = dir.path().join("id-cert.pub");
    let write = |blob: &[u8]| {
        use base64::Engine as _;
        fs::write(&file, format!("{kind} {}\n", base64::engine::general_purpose::STANDARD.encode(blob)))
            .unwrap();
    };
    write(&blob);
    assert_eq!(shown(&file), None);
    blob[at..at + 6].copy_from_slice(b"deploy");
    write(&blob);
    assert!(shown(&file).is_some(), "unchanged it is read");
}

/// OpenSSH's own server compares with its clock, so this one test has the host's time.
#[test]
fn attack_a_certificate_after_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let ca = authority(dir.path(), "ed25519", "");
    let port = || TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let sshd = sshd::Sshd::start(dir.path(), "127.0.0.1", port, &|program| Command::new(program));
    let public = fs::read_to_string(dir.path().join("ca-ed255190.pub")).unwrap();
    fs::write(dir.path().join("visitors"), format!("cert-authority,principals=\"deploy\" {public}")).unwrap();
    fs::write(dir.path().join("known"), &sshd.known_host).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let visited = |age: Duration| {
        let from = Moment::from_millis(u64::try_from((now - age).as_millis()).unwrap()).unwrap();
        let terms = SshTerms { command: None, sources: Vec::new(), ..terms() };
        let made = certify(&ca, &terms, LeaseId::draw().unwrap(), from).unwrap();
        let key = dir.path().join("id");
        drop(fs::remove_file(&key));
        fs::write(&key, made.key.as_bytes()).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(dir.path().join("id-cert.pub"), &made.certificate).unwrap();
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i"]).arg(&key);
        ssh.arg("-o").arg(format!("UserKnownHostsFile={}", dir.path().join("known").display()));
        let (account, port) = sshd.place.rsplit_once(':').unwrap();
        let output = ssh.args(["-p", port, account, "echo in"]).stdin(Stdio::null()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let admitted = visited(Duration::ZERO);
    assert_eq!(admitted, (true, "in\n".to_owned()));
    let (is_in, said) = visited(terms().validity + Duration::from_secs(1));
    assert!(!is_in && said.contains("Permission denied"), "{said}");
}

#[test]
fn attack_terms_and_keys_that_would_permit_more() {
    let dir = tempfile::tempdir().unwrap();
    let ca = authority(dir.path(), "ed25519", "");
    let refused = |change: fn(&mut SshTerms)| {
        let mut terms = terms();
        change(&mut terms);
        certify(&ca, &terms, LeaseId::draw().unwrap(), Moment::default()).unwrap_err()
    };
    let all: [fn(&mut SshTerms); 9] = [
        // Without principals it would count for every account.
        |terms| terms.principals.clear(),
        |terms| terms.principals = vec!["root,deploy".into()],
        |terms| terms.principals = vec![String::new()],
        |terms| terms.principals = vec!["x".into(); 17],
        |terms| terms.validity = Duration::ZERO,
        |terms| terms.validity = Duration::from_secs(86_401),
        |terms| terms.command = Some(String::new()),
        |terms| terms.sources = vec!["10.0.0.0/8,0.0.0.0/0".into()],
        |terms| terms.sources = vec![String::new()],
    ];
    for change in all {
        assert!(matches!(refused(change), SshError::Terms(_)));
    }
    let with = |key: &str| certify(key, &terms(), LeaseId::draw().unwrap(), Moment::default()).unwrap_err();
    for key in
        ["", "no key", &authority(dir.path(), "ecdsa", ""), &authority(dir.path(), "ed25519", "locked-away")]
    {
        assert_eq!(with(key), SshError::Authority);
    }
}
