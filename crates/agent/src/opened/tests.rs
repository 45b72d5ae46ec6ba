//! Sealed values that open, and those that do not: of another place, agent, version or installation, and changed ones.

use super::*;

const VALUE: &[u8] = b"correct horse battery staple";

struct Given {
    _dir: tempfile::TempDir,
    sealed: SealedSecrets,
    seal: SealSecret,
}

fn draw(bytes: &mut [u8]) {
    bytes.fill(5);
}

fn place(text: &str) -> Place {
    text.parse().unwrap()
}

/// A secret that opens, after a change of what is sealed.
fn given(of: &SecretVersion, lent: Option<Id>, installation: Id) -> Given {
    let dir = tempfile::tempdir().unwrap();
    let seal = SealSecret::filled(|bytes| bytes.fill(9));
    let file = dir.path().join("value");
    let (value, key) = SealedValue::seal(installation, of, VALUE, &mut draw).unwrap();
    let binding = value.binding(installation, lent).unwrap();
    let bytes = value.encode().unwrap();
    fs::write(&file, &bytes).unwrap();
    fs::write(dir.path().join("seal.key"), seal.line().as_bytes()).unwrap();
    let secret = SealedSecret {
        name: "password".parse().unwrap(),
        variable: None,
        secret: "database".parse().unwrap(),
        number: 2,
        value: Digest::of(&bytes),
        key: key.wrap(&seal.public().unwrap(), &binding).unwrap(),
        file,
    };
    let sealed = SealedSecrets {
        seal: dir.path().join("seal.key"),
        directory: dir.path().join("secrets"),
        installation: id(1),
        place: place("shop/api/production"),
        secrets: vec![secret],
        authorities: Vec::new(),
        stored: Vec::new(),
    };
    Given { _dir: dir, sealed, seal }
}

fn id(byte: u8) -> Id {
    Id::from_random([byte; 16])
}

fn honest() -> SecretVersion {
    SecretVersion::deploy(place("shop/api/production"), "database".parse().unwrap(), 2)
}

fn opens(given: &Given) -> Result<Zeroizing<Vec<u8>>, String> {
    let secret = &given.sealed.secrets[0];
    let version = (&secret.secret, secret.number, secret.value);
    let bytes = fs::read(&secret.file).unwrap();
    open_value(given.sealed.installation, &given.sealed.place, version, &secret.key, &given.seal, &bytes)
        .map_err(|error| error.to_string())
}

#[test]
fn a_version_opens_where_it_was_put() {
    assert_eq!(opens(&given(&honest(), None, id(1))).unwrap().as_slice(), VALUE);
}

#[test]
fn attack_a_value_that_was_sealed_for_something_else() {
    let name: Name = "database".parse().unwrap();
    let here = place("shop/api/production");
    for other in [
        SecretVersion::deploy(here.clone(), name.clone(), 3),
        SecretVersion::deploy(here, "other".parse().unwrap(), 2),
        SecretVersion::deploy(place("shop/api/staging"), name, 2),
        SecretVersion::build("shop/database".parse().unwrap(), 2),
    ] {
        let refused = opens(&given(&other, None, id(1))).unwrap_err();
        assert!(refused.starts_with("it was sealed as version "), "{refused}");
    }
    assert!(opens(&given(&honest(), None, id(2))).is_err(), "of another installation");
    assert!(opens(&given(&honest(), Some(id(7)), id(1))).is_err(), "lent to a step");
}

#[test]
fn attack_a_key_that_was_wrapped_to_another_agent() {
    let mut given = given(&honest(), None, id(1));
    given.seal = SealSecret::filled(|bytes| bytes.fill(8));
    assert!(opens(&given).is_err());
}

#[test]
fn attack_a_sealed_value_that_was_changed() {
    let given = given(&honest(), None, id(1));
    let file = &given.sealed.secrets[0].file;
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
    assert_eq!(opens(&given).unwrap_err(), "its file was changed");
}

#[test]
fn a_service_is_not_started_without_a_private_place_for_its_secrets() {
    let given = given(&honest(), None, id(1));
    let refused = Opened::open(Some(&given.sealed), None, Hold::Descendants, None).err().unwrap().to_string();
    assert!(refused.contains("this host gives no namespace in which they could lie"), "{refused}");
}

#[test]
fn output_is_masked_and_is_held_no_longer_than_it_takes() {
    let masker = Masker::new([VALUE]).unwrap();
    let (output, mut service) = io::pipe().unwrap();
    let (mut shown, log) = io::pipe().unwrap();
    let copying = std::thread::spawn(move || copied(&masker, output, fs::File::from(OwnedFd::from(log))));
    // The beginning of a value, after which nothing comes.
    service.write_all(b"it is correct horse").unwrap();
    let mut first = [0; 19];
    shown.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"it is correct horse");
    service.write_all(b"\nand ").unwrap();
    service.write_all(VALUE).unwrap();
    drop(service);
    copying.join().unwrap().unwrap();
    let mut rest = String::new();
    shown.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "\nand ***");
}

/// A person who sends a short value with the end of a line believes that the log hides it.
#[test]
fn attack_a_short_value_that_the_end_of_a_line_makes_long() {
    let shown = |value: &[u8]| {
        let named = |name: &str| name.parse().unwrap();
        let values = vec![(named("pin"), None, Zeroizing::new(value.to_vec()))];
        let opened = Opened { masker: Masker::new([value]).unwrap(), values, minted: None };
        let (output, mut service) = io::pipe().unwrap();
        let (mut shown, log) = io::pipe().unwrap();
        let done = opened.hide(output, OwnedFd::from(log)).unwrap();
        service.write_all(b"it is ").unwrap();
        service.write_all(value.trim_ascii()).unwrap();
        drop(service);
        done.recv().unwrap();
        let mut text = String::new();
        shown.read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(shown(b"123456\n"), "it is ***");
    for value in [&b"12345"[..], b"12345\n", b"\n\n12345 \r\n", b"1\n2\n3\n4\n5"] {
        let said = shown(value);
        assert!(said.starts_with("countersign: secret `pin` has fewer than 6 bytes"), "{said}");
    }
}
