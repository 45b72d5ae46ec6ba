//! What a hit says and what it does not, files that cannot be scanned, hostile bytes, and the page of rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use evidence::Digest;
use evidence::document::Document as _;
use evidence::document::findings::{Class, IdentityPlace, Proof, identity};
use scan::secrets::{Hit, NAMES, Sort, of, rules, scan};

use crate::labelled::secrets;

fn hits(text: &str) -> Vec<Hit> {
    scan("src/app.rs", text.as_bytes()).unwrap()
}

/// A key of Stripe, put together so that none stands in this file.
fn key(end: &str) -> String {
    format!("sk_live_{}{end}", "4eC39HqLyjWDarjtT1zdp7")
}

#[test]
fn no_result_holds_a_secret() {
    for file in secrets(3) {
        let files = BTreeMap::from([(file.path.clone(), file.text.clone().into_bytes())]);
        let result = of(&files).unwrap();
        let bytes = String::from_utf8(result.document.encode().unwrap()).unwrap();
        let hits = format!("{:?}", scan(&file.path, file.text.as_bytes()).unwrap());
        let hidden = file.labels.iter().filter(|label| !label.kind.ends_with("private-key"));
        for label in hidden {
            let part = &label.secret[label.secret.len() / 2..];
            assert!(!bytes.contains(part) && !hits.contains(part), "{label:?}");
        }
        assert!(result.document.findings.len() >= file.labels.len());
    }
}

#[test]
fn the_fingerprint_is_that_of_the_line_and_of_one_secret() {
    let first = hits(&format!("let key = \"{}\";\n", key("aa")));
    let moved = hits(&format!("\n\n    let  key = \"{}\";\n", key("aa")));
    let rotated = hits(&format!("let key = \"{}\";\n", key("bb")));
    let renamed = hits(&format!("let other = \"{}\";\n", key("aa")));
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].fingerprint, moved[0].fingerprint);
    assert_ne!(first[0].fingerprint, rotated[0].fingerprint);
    assert_ne!(first[0].fingerprint, renamed[0].fingerprint);
    let elsewhere = scan("src/other.rs", format!("let key = \"{}\";\n", key("aa")).as_bytes()).unwrap();
    assert_ne!(first[0].fingerprint, elsewhere[0].fingerprint);
    let twice = hits(&format!("let key = \"{}\";\n", key("aa")).repeat(2));
    assert_eq!((twice.len(), twice[0].fingerprint), (2, first[0].fingerprint));
    assert_ne!(twice[0].fingerprint, twice[1].fingerprint);
}

#[test]
fn a_hit_names_line_column_and_end() {
    let hits = hits(&format!("a\r\n\tx = {} # and {}\n", key("aa"), key("bb")));
    let places: Vec<_> = hits.iter().map(|hit| (hit.rule, hit.line, hit.column, hit.end)).collect();
    assert_eq!(places, [("stripe-secret-key", 2, 6, 38), ("stripe-secret-key", 2, 45, 77)]);
    assert_eq!(hits[0].message, "Stripe: secret key `sk_l…`");
}

#[test]
fn comments_of_other_tools_suppress_nothing() {
    for comment in ["gitleaks:allow", "pragma: allowlist secret", "nosec", "trufflehog:ignore"] {
        assert_eq!(hits(&format!("k = \"{}\" # {comment}\n", key("aa"))).len(), 1, "{comment}");
    }
}

#[test]
fn files_of_other_tools_suppress_nothing() {
    let secret = ("src/a.py".to_owned(), format!("k = \"{}\"\n", key("aa")).into_bytes());
    let alone = of(&BTreeMap::from([secret.clone()])).unwrap();
    assert_eq!(alone.document.findings.len(), 1);
    let ignoring = [
        (".gitleaksignore", "src/a.py\nsrc/a.py:stripe-secret-key:1\n"),
        (".gitleaks.toml", "[allowlist]\npaths = ['''.*''']\n"),
        (".trivyignore", "**\n"),
        (".secrets.baseline", r#"{"exclude": {"files": ".*"}, "results": {}}"#),
        ("osv-scanner.toml", "[[IgnoredVulns]]\nid = \"CVE-1\"\n"),
        (".gitignore", "*\n"),
        (".gitattributes", "* binary linguist-vendored\n"),
    ];
    let mut files = BTreeMap::from([secret]);
    files.extend(ignoring.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())));
    let beside = of(&files).unwrap();
    assert_eq!(beside.document.findings, alone.document.findings);
    assert!(beside.skipped.is_empty());
}

#[test]
fn a_waiver_of_a_sample_is_none_of_another_secret_on_its_line() {
    let ids = |path: &str, text: &str| -> Vec<_> {
        scan(path, text.as_bytes()).unwrap().into_iter().map(|hit| hit.fingerprint).collect()
    };
    let token = |seed: &str| format!("k = \"{}\"\n", key(seed));
    let (sample, live) = (token("aa"), token("bb"));
    let waived = ids("a.py", &sample);
    assert_eq!(waived.len(), 1);
    assert_ne!(ids("a.py", &live), waived);
    // A live one above the sample takes no place of it, and moved lines change nothing.
    let both = ids("a.py", &format!("# a comment\n{live}\n{sample}"));
    assert_eq!(both.len(), 2);
    assert!(both[0] != waived[0] && both[1] == waived[0]);
    // A password may be guessed, so the file stands for it.
    let password =
        |word: &str, more: &str| ids("a.py", &format!("u = \"postgres://app:{word}@db.test/app\"\n{more}"));
    let seen = password("Vq8wLz3x", "");
    assert_eq!(seen.len(), 1);
    assert_ne!(password("Tn5kRb7y", ""), seen);
    assert_ne!(password("Vq8wLz3x", "more = 1\n"), seen, "the proof is the file");
    // Files that are secrets by their names, and those that are not read.
    assert_ne!(ids(".env", "A=1\n"), ids(".env", "A=2\n"));
    let packed = |tail: &str| {
        let bytes = [b"PK\x03\x04".as_slice(), tail.as_bytes()].concat();
        of(&BTreeMap::from([("a.zip".to_owned(), bytes)])).unwrap().document.findings.into_keys().next()
    };
    assert_ne!(packed("one"), packed("two"));
}

#[test]
fn no_identity_is_a_digest_that_a_guess_can_be_compared_with() {
    // The identity of a password has nothing of it but the digest of the file, which the list of the tree has as well.
    let text = ["u = \"postgres://app:", "Vq8wLz3x", "@db.test/app\"\n"].concat();
    let hit = &scan("a.py", text.as_bytes()).unwrap()[0];
    let place = |proof| IdentityPlace::Secret {
        path: "a.py",
        text: "u = \"postgres://app:<url-password>@db.test/app\"",
        proof,
        nth: 0,
    };
    let of_file =
        identity(Class::Secret, hit.rule, &place(Proof::File(Digest::of(text.as_bytes())))).unwrap();
    assert_eq!(hit.fingerprint, of_file);
    let token = key("aa");
    let hit = &scan("a.py", token.as_bytes()).unwrap()[0];
    let value = Digest::of(format!("{}\0{token}", hit.rule).as_bytes());
    let place = IdentityPlace::Secret {
        path: "a.py",
        text: "<stripe-secret-key>",
        proof: Proof::Value(value),
        nth: 0,
    };
    assert_eq!(hit.fingerprint, identity(Class::Secret, hit.rule, &place).unwrap());
}

#[test]
fn what_looks_like_chance_and_is_none_is_no_secret() {
    for text in [
        "nToken = sqlite3Strlen30NN(p->u.zToken)+1;",
        "pGlobal->api.xCreateTokenizer_v2 = fts5CreateTokenizer_v2;",
        "const PrivateKeyMask: X509CertificateTemplatePrivateKeyFlag = 12288i32;",
        "Version=4.0.0.0, PublicKeyToken=b77a5c561934e089",
        "token: ${{ secrets.DEPLOY_TOKEN_2 }}",
        "let token_type = tokens.next_token_of_kind_2();",
        "password = os.environ[\"APP_PASSWORD_2024\"]",
        "api_key = settings.integration_api_key_v2",
        "https://user:password@example.org/",
        "postgres://app:$PASSWORD@db/app",
    ] {
        assert!(hits(text).is_empty(), "{text}");
    }
}

/// A token whose checksum is wrong was never issued, so its own rule is silent. The form before checksums is found where
/// words or an address tell what it is.
#[test]
fn tokens_of_github_with_a_wrong_checksum_and_without_one() {
    let (wrong, old) = (format!("ghp_{}", "Zq7Lk2Xw9Rt4".repeat(3)), "3f9a1c7e5b".repeat(3) + "d2468ace01");
    for (text, rule) in [
        (format!("see {wrong} for the form"), None),
        (format!("https://{wrong}@github.com/acme/app"), None),
        (format!("GITHUB_TOKEN={wrong}"), Some("generic-secret")),
        (format!("https://{old}@github.com/acme/app"), Some("github-classic-token")),
        (format!("https://ci:{old}@github.com/acme/app"), Some("github-classic-token")),
        (
            format!("curl -H 'Authorization: token {old}' https://api.github.com"),
            Some("github-classic-token"),
        ),
        (format!("headers = {{ \"Authorization\": \"token {old}\" }}"), Some("github-classic-token")),
        (format!("github_token = {old}"), Some("generic-secret")),
        (format!("commit {old} of https://github.com/acme/app/commit/{old}"), None),
        (format!("actions/checkout@{old} of git@github.com:acme/app"), None),
    ] {
        let found: Vec<_> = hits(&text).into_iter().map(|hit| hit.rule).collect();
        assert_eq!(found, Vec::from_iter(rule), "{text}");
    }
    let basic = hits(&format!("https://{old}:x-oauth-basic@github.com/acme/app"));
    assert_eq!(basic.first().map(|hit| hit.rule), Some("github-classic-token"));
}

#[test]
fn names_tell_of_key_files() {
    let rows = [
        (".env", "env-file"),
        ("deploy/.env.production", "env-file"),
        ("home/.ssh/id_ed25519", "key-file"),
        ("tls/server.p12", "key-file"),
        ("x/.netrc", "credentials-file"),
        ("infra/terraform.tfstate", "state-file"),
    ];
    for (path, rule) in rows {
        let hits = scan(path, b"").unwrap();
        assert_eq!((hits.len(), hits[0].rule, hits[0].line), (1, rule, 0), "{path}");
    }
    for path in [".env.example", "src/env.rs", "id_ed25519.pub", "environment", "a.env.sample"] {
        assert!(scan(path, b"").unwrap().is_empty(), "{path}");
    }
}

#[test]
fn a_file_that_is_not_scanned_is_named() {
    let mut files = BTreeMap::from([("a.zip".to_owned(), b"PK\x03\x04....".to_vec())]);
    files.insert("big.log".to_owned(), vec![b'a'; scan::INPUT_BYTES_MAX + 1]);
    files.insert("logo.png".to_owned(), [b"\x89PNG\0\xff".as_slice(), key("aa").as_bytes(), b"\0"].concat());
    let result = of(&files).unwrap();
    assert_eq!(result.files, 1);
    let skipped: Vec<_> = result.skipped.iter().map(|skipped| skipped.path.as_str()).collect();
    assert_eq!(skipped, ["a.zip", "big.log"]);
    let undecided = result.document.findings.values().filter(|finding| finding.undecided);
    let undecided: BTreeSet<_> = undecided
        .map(|finding| (finding.site.to_string(), finding.rule.as_str(), finding.unconfirmed))
        .collect();
    let expected = [("a.zip", true), ("big.log", false)];
    assert_eq!(undecided, expected.map(|(path, is)| (path.to_owned(), "not-scanned", is)).into());
    assert!(result.document.findings.values().any(|finding| finding.rule == "stripe-secret-key"));
    assert!(scan("big.log", &files["big.log"]).is_err());
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn is_named(bytes: &[u8]) -> bool {
    !of(&BTreeMap::from([("a".to_owned(), bytes.to_vec())])).unwrap().skipped.is_empty()
}

#[test]
fn packed_files_of_every_sort_are_named() {
    // The streams are those of Python's `zlib` and `lzma`.
    let deflated = "56b0554854c8c9cc4b55c84f03b24a522b4a144a32124b14328b150a1293b35353b8b2a9a40600749f2362";
    for header in ["78dacb", "7801cb", "789ccb", "785ecb", "18d3cb"] {
        assert!(is_named(&unhex(&format!("{header}{deflated}"))), "{header}");
    }
    let lzma = "5d00008000ffffffffffffffff00358803a21314c72e77a27fba283451d2e548df97559a8bfb77fe4066b2f83fc32ef55f0359d6fcf533bfffae1a0000";
    assert!(is_named(&unhex(lzma)));
    for mark in [
        b"\x04\x22\x4d\x18\x64\x40\xa7".as_slice(),
        b"\x02\x21\x4c\x18",
        b"\x52\x2a\x4d\x18\0\0\0\0",
        b"Rar!\x1a\x07\0",
        b"Rar!\x1a\x07\x01\0",
        b"BZh91AY&SY\0\0\0\0",
        b"LZIP\x01\x0c",
        b"\x1f\x9d\x90",
        b"PK\x05\x06",
    ] {
        assert!(is_named(mark), "{mark:?}");
    }
}

#[test]
fn a_zip_behind_other_bytes_is_named() {
    let record = b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2e\0\0\0\x2a\0\0\0";
    let zip = |before: usize, comment: usize| {
        let mut bytes = vec![b'#'; before];
        bytes.extend(record);
        bytes.extend(u16::try_from(comment).unwrap().to_le_bytes());
        bytes.extend(vec![b'c'; comment]);
        bytes
    };
    assert!(is_named(&zip(1, 0)));
    assert!(is_named(&zip(100_000, 65_535)));
    // A program that only knows the mark.
    assert!(!is_named(b"\x7fELF PK\x05\x06\0\0\0\0\0\0\0\0\0\0"));
}

#[test]
fn no_text_is_named_as_packed() {
    for text in [
        "x^2 + y^2 = z^2\n",
        "x^",
        "h\u{5}",
        "BZh is no mark of a text\n",
        "Rar! said the lion\n",
        "LZIP and LZOP\n",
        "]\u{0}",
        "MSCF PK PK\\x05\\x06\\0\\0\\0\\0\\x01\n",
        "8\u{b}columns\tof a table\n",
        "P*M and the rest\n",
        "",
    ] {
        assert!(!is_named(text.as_bytes()), "{text:?}");
    }
    // Two letters of Windows-1252 that are a header of zlib.
    assert!(!is_named(b"x\x9cuvre compl\xe8te de l'auteur\r\n"));
    assert!(!is_named(b"x\xdatil\r\n"));
}

#[test]
fn utf_16_without_a_mark_is_read() {
    let text = format!("Schl\u{fc}ssel \u{4e2d}: \"{}\"\n", key("aa"));
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [little, big] {
        let hits = scan("a.reg", &bytes).unwrap();
        assert_eq!(hits.iter().map(|hit| hit.rule).collect::<Vec<_>>(), ["stripe-secret-key"]);
        assert!(!is_named(&bytes));
    }
}

#[test]
fn public_hides_a_secret_only_in_its_name() {
    let value = ["kT9xQ2mVb7L", "rZ4wNc8Hd"].concat();
    let found = |text: String| hits(&text).len();
    for text in [
        format!("# public\nDB_PASSWORD={value}"),
        format!("public\napi_key = {value}"),
        format!("    public String secret = \"{value}\";"),
        format!("public static final String TOKEN = \"{value}\";"),
        format!("/* public */ token: {value}"),
        format!("public.token = {value}"),
        format!("public_secret = {value}"),
        format!("PUBLIC_PRIVATE_KEY={value}"),
    ] {
        assert_eq!(found(text.clone()), 1, "{text}");
    }
    for text in [
        format!("PublicKeyToken={value}"),
        format!("publicKeyToken=\"{value}\""),
        format!("public_token = {value}"),
        format!("NEXT_PUBLIC_API_KEY={value}"),
        format!("token_public: {value}"),
    ] {
        assert_eq!(found(text.clone()), 0, "{text}");
    }
}

#[test]
fn utf_16_is_read() {
    let text = format!("k=\"{}\"\n", key("aa"));
    let little: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let big: Vec<u8> =
        [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
    assert_eq!(scan("a.reg", &little).unwrap(), scan("a.reg", &big).unwrap());
    assert_eq!(scan("a.reg", &little).unwrap()[0].rule, "stripe-secret-key");
}

#[test]
fn first_bytes_hide_no_text() {
    let text = format!("k=\"{}\"\n", key("aa"));
    for magic in [b"\xff\xfe".as_slice(), b"\xfe\xff", b"BZh=1\n", b"PK\x03\x04", b"\x1f\x8b"] {
        let files = BTreeMap::from([(".env".to_owned(), [magic, text.as_bytes()].concat())]);
        let document = of(&files).unwrap().document;
        let found = document.findings.values().any(|finding| finding.rule == "stripe-secret-key");
        assert!(found, "{magic:?}");
    }
}

#[test]
fn hostile_bytes_take_bounded_time() {
    let long = format!("{}{}", "token=".repeat(100_000), key("aa"));
    assert!(scan("a", long.as_bytes()).unwrap().iter().any(|hit| hit.rule == "stripe-secret-key"));
    let nested = "-----BEGIN PRIVATE KEY-----\n".repeat(50_000);
    assert!(scan("a", nested.as_bytes()).unwrap().is_empty());
    let links = "a://b:".repeat(200_000);
    scan("a", links.as_bytes()).unwrap();
    let many = format!("{}\n", key("aa")).repeat(10_001);
    assert!(scan("a", many.as_bytes()).unwrap_err().to_string().contains("more than 10000 secrets"));
}

#[test]
fn mutations_never_panic() {
    let mut chance = fastrand::Rng::with_seed(23);
    let seeds: Vec<Vec<u8>> = secrets(5).into_iter().map(|file| file.text.into_bytes()).collect();
    let mut found = 0;
    for round in 0..10_000 {
        let whole = &seeds[round % seeds.len()];
        let from = chance.usize(0..whole.len() - 400);
        let mut bytes = whole[from..from + 400].to_vec();
        for _ in 0..chance.usize(1..20) {
            let at = chance.usize(0..bytes.len());
            bytes[at] = chance.u8(..);
        }
        found += scan("a", &bytes).unwrap().len();
    }
    assert!(found > 5_000, "{found}");
}

#[test]
fn the_page_lists_the_rules() {
    let mut table = String::from("| rule | issuer | secret | checked by |\n|---|---|---|---|\n");
    for rule in rules() {
        let check = match rule.sort {
            Sort::Checked => "checksum",
            Sort::Jwt => "header",
            Sort::Form => "form",
            Sort::Random | Sort::Token | Sort::Value | Sort::Link => "form, entropy",
            Sort::Password => "form, words",
        };
        writeln!(table, "| `{}` | {} | {} | {check} |", rule.id, rule.issuer, rule.what).unwrap();
    }
    for rule in &NAMES {
        let names: Vec<String> = rule.names.iter().map(|name| format!("`{name}`")).collect();
        writeln!(table, "| `{}` | - | {} | name: {} |", rule.id, rule.what, names.join(", ")).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scan/secrets.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let begin = page.find("| rule |").unwrap();
    let end = begin + page[begin..].find("\n\n").map_or(page.len() - begin, |at| at + 1);
    if std::env::var_os("UPDATE_SECRETS").is_some() {
        std::fs::write(&path, format!("{}{table}{}", &page[..begin], &page[end..])).unwrap();
        return;
    }
    assert_eq!(&page[begin..end], table, "run again with UPDATE_SECRETS=1");
}

#[test]
fn names_of_every_style_tell_of_a_general_secret() {
    let value = "kT9xQ2mVb7LrZ4wNc8Hd";
    for text in [
        format!("DB_PASSWORD={value}"),
        format!("passphrase: {value}"),
        format!("\"clientSecret\": \"{value}\","),
        format!("config['api-key'] = '{value}'"),
        format!("signingKey := \"{value}\""),
        format!("encryption_key => '{value}',"),
        format!("export DEPLOY_TOKEN=\"{value}\""),
    ] {
        let hits = hits(&text);
        assert_eq!(hits.iter().map(|hit| hit.rule).collect::<Vec<_>>(), ["generic-secret"], "{text}");
        assert!(!hits[0].message.contains(&value[..4]));
    }
}
