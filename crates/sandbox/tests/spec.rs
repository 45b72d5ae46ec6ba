//! Specifications that must be refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sandbox::{
    Destination, Egress, Input, InputKind, Inputs, Limits, SandboxError, Secret, Spec, SpecError, run,
};

fn spec() -> Spec {
    let limits = Limits {
        workspace_bytes: 1 << 20,
        tmp_bytes: 1 << 20,
        memory_bytes: 1 << 28,
        processes: 10,
        open_files: 64,
        wall_ms: 1_000,
        log_bytes: 1_000,
    };
    Spec {
        command: vec!["/bin/true".into()],
        own: false,
        script: None,
        environment: BTreeMap::new(),
        binds: vec!["/usr".into()],
        image: None,
        network: vec![],
        connect: Vec::new(),
        certificates: None,
        service: None,
        secrets: vec![],
        limits,
    }
}

#[test]
fn impossible_specifications_are_refused_before_anything_runs() {
    assert_eq!(spec().check(), Ok(()));
    assert_eq!(Spec { command: vec![], ..spec() }.check(), Err(SpecError::Command));
    assert_eq!(Spec { command: vec!["a\0b".into()], ..spec() }.check(), Err(SpecError::Nul));
    for bind in ["/", "usr", "/usr/../etc", "/proc", "/proc/1", "/sys", "/dev/kvm", "/work", "/tmp"] {
        let refused = Spec { binds: vec![bind.into()], ..spec() }.check();
        assert_eq!(refused, Err(SpecError::Bind(PathBuf::from(bind))), "{bind}");
    }
    assert_eq!(Spec { binds: vec!["/tmp/go".into()], ..spec() }.check(), Ok(()));
    let connect =
        |all: &[&str]| Spec { connect: all.iter().map(|to| to.parse().unwrap()).collect(), ..spec() };
    assert_eq!(connect(&["db.example:5432", "10.0.0.1:5432"]).check(), Ok(()));
    assert_eq!(connect(&["localhost:9", "127.0.0.1:9"]).check(), Err(SpecError::Connect));
    let many: Vec<_> = (0..33).map(|n| format!("host-{n}:1")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(
        connect(&many).check().unwrap_err().to_string(),
        "a step connects to at most 32 destinations, each with its own address and port inside"
    );
    let long = "x".repeat(128 * 1024);
    let argument = Spec { command: vec!["/bin/echo".into(), long.clone()], ..spec() }.check().unwrap_err();
    assert!(
        argument.to_string().starts_with("word 1 of the command has more than 131071 bytes"),
        "{argument}"
    );
    let variable =
        Spec { environment: BTreeMap::from([("LONG".into(), long)]), ..spec() }.check().unwrap_err();
    assert!(variable.to_string().starts_with("the variable `LONG` has more"), "{variable}");
    let endless = Limits { wall_ms: u64::MAX, ..spec().limits };
    assert_eq!(Spec { limits: endless, ..spec() }.check(), Err(SpecError::Limit("wall_ms")));
    let nothing = Limits { processes: 0, ..spec().limits };
    assert_eq!(Spec { limits: nothing, ..spec() }.check(), Err(SpecError::Limit("processes")));
}

#[test]
fn attack_secrets_that_would_be_seen_elsewhere() {
    let secret = |name: &str, variable: Option<&str>, bytes: &[u8]| Secret {
        name: name.into(),
        variable: variable.map(str::to_owned),
        bytes: bytes.to_vec().into(),
    };
    let with = |secrets: Vec<Secret>| {
        let environment = BTreeMap::from([("TAKEN".into(), "x".into())]);
        Spec { secrets, environment, ..spec() }
    };
    let token = secret("token", Some("TOKEN"), b"hunter2-hunter2");
    let sound = with(vec![token.clone(), secret("key", None, b"a\0b")]);
    assert_eq!(sound.check(), Ok(()));
    // 104, 117: how a list of bytes would show `hu`.
    let shown = format!("{sound:?} {}", serde_json::to_string(&sound).unwrap());
    assert!(shown.contains("TOKEN") && !shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    for two in [
        vec![token.clone(), token.clone()],
        vec![token.clone(), secret("other", Some("TOKEN"), b"x")],
        vec![secret("taken", Some("TAKEN"), b"x")],
        (0..17).map(|n| secret(&format!("s{n}"), None, b"x")).collect(),
    ] {
        assert_eq!(with(two).check(), Err(SpecError::Secrets));
    }
    for (odd, why) in [
        (secret("../x", None, b"x"), "plain file name"),
        (secret("", None, b"x"), "plain file name"),
        (secret("large", None, &vec![0; (1 << 20) + 1]), "more than 1 MiB"),
        (secret("token", Some("A=B"), b"x"), "no plain name"),
        (secret("token", Some("TOKEN"), b"a\0b"), "NUL byte"),
        (secret("token", Some("TOKEN"), &vec![b'x'; 128 * 1024]), "longer than a variable"),
    ] {
        let refused = with(vec![odd]).check().unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn inputs_stay_in_the_workspace() {
    for path in ["", "/etc/passwd", "../x", "a/../../x", "a/./../b"] {
        let init = std::process::Command::new("/bin/false");
        let input = Input { path: path.as_ref(), kind: InputKind::Plain, bytes: &[] };
        let refused =
            run(init, &spec(), Inputs::Here(&[input]), &Egress::default(), &|_, _| {}, &|| true).unwrap_err();
        assert!(matches!(refused, SandboxError::Spec(SpecError::Input(_))), "{path}");
    }
}

#[test]
fn an_init_that_is_none_is_noticed() {
    let init = std::process::Command::new("/bin/false");
    let refused =
        run(init, &spec(), Inputs::Here(&[]), &Egress::default(), &|_, _| {}, &|| true).unwrap_err();
    assert!(matches!(refused, SandboxError::Lost | SandboxError::Io(..)), "{refused}");
}

#[test]
fn destinations_have_one_meaning() {
    let parse = |text: &str| text.parse::<Destination>().map(|to| to.to_string()).ok();
    assert_eq!(parse("Registry.Example.:443").as_deref(), Some("registry.example:443"));
    assert_eq!(parse("[::1]:80").as_deref(), Some("[::1]:80"));
    for bad in [
        "",
        "host",
        "host:",
        "host:0",
        "host:65536",
        ":443",
        "a b:1",
        "user@host:1",
        "host/x:1",
        "::1:80",
        "[x]:1",
    ] {
        assert_eq!(parse(bad), None, "{bad}");
    }
}
