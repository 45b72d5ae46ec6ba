//! Tests of policy directories: mounted ones, and files that are refused.

use std::os::unix::fs::symlink;

use super::*;

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn gate() -> String {
    built_in().files["gate.rego"].clone()
}

#[test]
fn a_mounted_config_map_is_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let pack = pack(None).unwrap();
    for (name, text) in pack.files().into_iter().chain(pack.tests()) {
        put(&dir.path().join("..2026_11_28_05_00_00.1").join(name), &text);
    }
    symlink("..2026_11_28_05_00_00.1", dir.path().join("..data")).unwrap();
    for name in pack.files().into_keys().chain(pack.tests().into_keys()) {
        symlink(format!("..data/{name}"), dir.path().join(&name)).unwrap();
    }
    let (files, tests) = read(dir.path()).unwrap();
    assert_eq!(files.files, built_in().files);
    assert_eq!(tests.keys().collect::<Vec<_>>(), ["gate_test.rego"]);
}

#[test]
fn what_the_gate_would_never_ask_is_refused_by_name() {
    for (name, text, what) in [
        ("extra.rego", "package countersign.gate.extra\ndeny contains 1\n", "nothing asks for its package"),
        ("data.json", "{}", "documents of data"),
        ("sub/limits.yaml", "a: 1", "documents of data"),
        ("more_test.rego", "package countersign.gate\ndeny contains 1\n", "has the gate's `deny`"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        put(&dir.path().join("gate.rego"), &gate());
        put(&dir.path().join(name), text);
        let refused = read(dir.path()).unwrap_err();
        assert!(refused.to_string().contains(name) && refused.to_string().contains(what), "{refused}");
    }
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("gate.rego"), &gate());
    symlink(".", dir.path().join("again")).unwrap();
    assert!(read(dir.path()).unwrap_err().to_string().contains("does a link lead back?"));
    let dir = tempfile::tempdir().unwrap();
    symlink("/dev/null", dir.path().join("gate.rego")).unwrap();
    assert!(read(dir.path()).unwrap_err().to_string().contains("not a file"));
}

#[test]
fn errors_begin_with_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    put(
        &dir.path().join("gate.rego"),
        &gate().replacen("import rego.v1", "import rego.v1\n\ndeny contains {", 1),
    );
    let bundle = policy::Bundle::new(read(dir.path()).unwrap().0.files).unwrap();
    let said = compile(dir.path(), &bundle).unwrap_err().to_string();
    let begin = format!("`{}`, line ", dir.path().join("gate.rego").display());
    assert!(said.starts_with(&begin) && said.lines().count() == 1, "{said}");
    let bundle =
        policy::Bundle::new([("gate.rego".to_owned(), "package countersign.gate\n".to_owned())].into());
    let said = compile(dir.path(), &bundle.unwrap()).unwrap_err().to_string();
    assert!(said.starts_with(&format!("`{}`: policy: ", dir.path().display())), "{said}");
}

#[test]
fn packs_have_names() {
    assert_eq!(pack(None).unwrap(), pack(Some("default")).unwrap());
    assert_ne!(pack(Some("pci-dss")).unwrap().files(), pack(Some("sox-itgc")).unwrap().files());
    let refused = pack(Some("iso")).unwrap_err().to_string();
    let known = "default, fedramp, gdpr, hipaa, iso-27001, owasp-cicd, pci-dss, slsa, soc2, sox-itgc, ssdf";
    assert_eq!(refused, format!("`iso` is no pack of policies; known are {known}"));
}
