//! Published vectors: the worked example of the DSSE protocol and the examples of in-toto attestations.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

#[path = "../../tlog/tests/support/published.rs"]
mod published;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use evidence::dsse::{Envelope, pae};
use evidence::statement::{Statement, TYPE};
use published::suite;

#[test]
fn dsse_example() {
    let Some(dir) = suite("dsse") else { return };
    let text = std::fs::read_to_string(dir.join("protocol.md")).unwrap();
    let block = text.split("```json").nth(1).unwrap().split("```").next().unwrap();
    let envelope = Envelope::decode_foreign(block.as_bytes()).unwrap();
    assert_eq!(envelope.payload("http://example.com/HelloWorld").unwrap(), b"hello world");
    let expected = "DSSEv1 29 http://example.com/HelloWorld 11 hello world";
    assert!(text.contains(expected));
    assert_eq!(envelope.pae(), expected.as_bytes());
    let decimal = |field: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        decimal_to_bytes(line.trim())
    };
    let point = [vec![4], decimal("X: "), decimal("Y: ")].concat();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    let [signature] = envelope.signatures() else { unreachable!("the example has one signature") };
    key.verify(&envelope.pae(), &signature.sig).unwrap();
    key.verify(&pae("http://example.com/HelloWorld", b"hello worlt"), &signature.sig).unwrap_err();
    assert!(Envelope::decode(block.as_bytes()).is_err(), "ours are canonical, this one is not");
}

fn decimal_to_bytes(decimal: &str) -> Vec<u8> {
    let mut bytes = vec![0_u8; 32];
    for digit in decimal.bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 10;
            *byte = u8::try_from(carry % 256).unwrap();
            carry /= 256;
        }
        assert_eq!(carry, 0);
    }
    bytes
}

#[test]
fn in_toto_examples() {
    let Some(dir) = suite("in-toto-examples") else { return };
    let (mut accepted, mut refused) = (0, 0);
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let ending = path.extension().unwrap_or_default().to_owned();
        let parsed = Statement::decode(&std::fs::read(&path).unwrap());
        if ending == "json" {
            let statement = parsed.unwrap_or_else(|error| unreachable!("{}: {error}", path.display()));
            assert_eq!(statement.type_uri, TYPE);
            accepted += 1;
        } else if ending == "txt" {
            assert!(parsed.is_err(), "{}", path.display());
            refused += 1;
        }
    }
    assert!(accepted >= 4 && refused >= 10, "{accepted} accepted, {refused} refused");
}

/// Runs a Wycheproof suite through the verifier of SSH signatures: raw signatures over raw messages, in the encoding of
/// SSH. A signature that this encoding cannot express counts as refused.
fn wycheproof(name: &str, verify: impl Fn(&serde_json::Value, &[u8], &[u8]) -> bool) {
    let Some(dir) = suite("wycheproof") else { return };
    let suite: serde_json::Value = serde_json::from_slice(&std::fs::read(dir.join(name)).unwrap()).unwrap();
    let (mut count, mut accepted) = (0, 0);
    for group in suite["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            let bytes = |field: &str| hex::decode(test[field].as_str().unwrap()).unwrap();
            let good = verify(&group["publicKey"], &bytes("msg"), &bytes("sig"));
            if test["result"] != "acceptable" {
                assert_eq!(good, test["result"] == "valid", "{name} {}: {}", test["tcId"], test["comment"]);
            }
            count += 1;
            accepted += u32::from(good);
        }
    }
    assert!(count == suite["numberOfTests"] && accepted > 0);
}

fn ssh_string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}

fn verifies(
    kind: &str,
    parts: &[&[u8]],
    message: &[u8],
    algorithm: ssh_key::Algorithm,
    signature: Vec<u8>,
) -> bool {
    use signature::Verifier as _;
    let mut wire = ssh_string(kind.as_bytes());
    parts.iter().for_each(|part| wire.extend(ssh_string(part)));
    let line = format!("{kind} {}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, wire));
    let key = ssh_key::PublicKey::from_openssh(&line).unwrap();
    let Ok(signature) = ssh_key::Signature::new(algorithm, signature) else { return false };
    key.key_data().verify(message, &signature).is_ok()
}

/// The two integers of a DER ECDSA signature. They are equal to SSH's mpints byte for byte. `None` if it is not DER.
fn mpints(der: &[u8]) -> Option<Vec<u8>> {
    let integer = |bytes: &mut &[u8]| {
        let (head, rest) = bytes.split_at_checked(2)?;
        let [2, length] = *head else { return None };
        let (value, rest) = rest.split_at_checked(usize::from(length))?;
        *bytes = rest;
        let minimal = match value {
            [] => false,
            [0, next, ..] => next & 0x80 != 0,
            [first, ..] => first & 0x80 == 0,
        };
        minimal.then(|| ssh_string(value))
    };
    let (head, mut rest) = der.split_at_checked(2)?;
    let whole = matches!(*head, [0x30, length] if usize::from(length) == rest.len());
    let both = [integer(&mut rest)?, integer(&mut rest)?].concat();
    (whole && rest.is_empty()).then_some(both)
}

#[test]
fn wycheproof_ecdsa_p256() {
    wycheproof("ecdsa_secp256r1_sha256_test.json", |key, message, signature| {
        let point = hex::decode(key["uncompressed"].as_str().unwrap()).unwrap();
        let algorithm = ssh_key::Algorithm::Ecdsa { curve: ssh_key::EcdsaCurve::NistP256 };
        let parts: [&[u8]; 2] = [b"nistp256", &point];
        let Some(signature) = mpints(signature) else { return false };
        verifies("ecdsa-sha2-nistp256", &parts, message, algorithm, signature)
    });
}

#[test]
fn wycheproof_rsa_pkcs1() {
    wycheproof("rsa_signature_2048_sha256_test.json", |key, message, signature| {
        let part = |name: &str| {
            let digits = key[name].as_str().unwrap();
            hex::decode(format!("{}{digits}", if digits.len() % 2 == 1 { "0" } else { "" })).unwrap()
        };
        let (exponent, modulus) = (part("publicExponent"), part("modulus"));
        let algorithm = ssh_key::Algorithm::Rsa { hash: Some(ssh_key::HashAlg::Sha256) };
        verifies("ssh-rsa", &[&exponent, &modulus], message, algorithm, signature.to_vec())
    });
}

#[test]
fn patterns_of_codeowners() {
    let Some(dir) = suite("codeowners") else { return };
    let text = std::fs::read_to_string(dir.join("patterns.json")).unwrap();
    let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut asked = 0;
    for case in cases.as_array().unwrap() {
        let pattern = case["pattern"].as_str().unwrap();
        let read = evidence::codeowners::Pattern::new(pattern);
        for (path, expected) in case["paths"].as_object().unwrap() {
            let mut steps = evidence::codeowners::Steps::new(100_000);
            assert_eq!(read.matches(path, &mut steps), expected.as_bool(), "`{pattern}` and `{path}`");
            asked += 1;
        }
    }
    assert!(asked >= 79, "{asked}");
}
