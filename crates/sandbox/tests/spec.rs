//! What a specification may not ask for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sandbox::{Destination, Input, InputKind, Limits, SandboxError, Spec, SpecError, run};

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
        environment: BTreeMap::new(),
        binds: vec!["/usr".into()],
        network: vec![],
        limits,
    }
}

#[test]
fn impossible_specifications_are_refused_before_anything_runs() {
    assert_eq!(spec().check(), Ok(()));
    assert_eq!(Spec { command: vec![], ..spec() }.check(), Err(SpecError::Command));
    assert_eq!(Spec { command: vec!["a\0b".into()], ..spec() }.check(), Err(SpecError::Nul));
    for bind in ["/", "usr", "/usr/../etc", "/proc", "/proc/1", "/sys", "/dev/kvm", "/work", "/tmp/x"] {
        let refused = Spec { binds: vec![bind.into()], ..spec() }.check();
        assert_eq!(refused, Err(SpecError::Bind(PathBuf::from(bind))), "{bind}");
    }
    let endless = Limits { wall_ms: u64::MAX, ..spec().limits };
    assert_eq!(Spec { limits: endless, ..spec() }.check(), Err(SpecError::Limit("wall_ms")));
    let nothing = Limits { processes: 0, ..spec().limits };
    assert_eq!(Spec { limits: nothing, ..spec() }.check(), Err(SpecError::Limit("processes")));
}

#[test]
fn inputs_stay_in_the_workspace() {
    for path in ["", "/etc/passwd", "../x", "a/../../x", "a/./../b"] {
        let init = std::process::Command::new("/bin/false");
        let input = Input { path: path.into(), kind: InputKind::Plain, bytes: vec![] };
        let refused = run(init, &spec(), &[input], &|_, _| {}, &|| true).unwrap_err();
        assert!(matches!(refused, SandboxError::Spec(SpecError::Input(_))), "{path}");
    }
}

#[test]
fn an_init_that_is_none_is_noticed() {
    let refused =
        run(std::process::Command::new("/bin/false"), &spec(), &[], &|_, _| {}, &|| true).unwrap_err();
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
