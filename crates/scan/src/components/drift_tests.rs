//! Manifests and lockfiles that somebody changed without the other.

use std::collections::BTreeMap;

use super::of;

/// The sentences of one manifest in a tree.
fn drift(files: &[(&str, &str)], manifest: &str) -> Vec<String> {
    let tree: BTreeMap<_, _> =
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    let mut document = of(&tree).unwrap();
    document.drift.remove(manifest).unwrap_or_default().into_iter().collect()
}

/// A pair of files is the same as it was written, then differs by each change of the manifest.
fn check(manifest: (&str, &str), lockfile: (&str, &str), changes: &[(&str, &str, &[&str])]) {
    let none: [&str; 0] = [];
    assert_eq!(drift(&[manifest, lockfile], manifest.0), none, "{}", lockfile.0);
    for (from, to, expected) in changes {
        let changed = manifest.1.replacen(from, to, 1);
        assert_ne!(changed, manifest.1, "`{from}` is in the manifest");
        assert_eq!(drift(&[(manifest.0, &changed), lockfile], manifest.0), *expected, "{}: {to}", lockfile.0);
    }
}

const PACKAGE: &str =
    r#"{"name": "shop", "dependencies": {"left-pad": "^1.3.0"}, "devDependencies": {"tape": "5.0.0"}}"#;

#[test]
fn npm_keeps_the_ranges_that_the_manifest_had() {
    let lock = r#"{"lockfileVersion": 3, "packages": {
        "": {"name": "shop", "dependencies": {"left-pad": "^1.3.0"}, "devDependencies": {"tape": "5.0.0"}},
        "node_modules/left-pad": {"version": "1.3.0"}, "node_modules/tape": {"version": "5.0.0", "dev": true}}}"#;
    let changes: [(&str, &str, &[&str]); 4] = [
        (
            "^1.3.0",
            "^2.0.0",
            &["`left-pad`: `package-lock.json` has `^1.3.0`, and the manifest asks for `^2.0.0`"],
        ),
        (
            "\"tape\"",
            "\"evil\": \"*\", \"tape\"",
            &["`evil`: `package-lock.json` has none, and the manifest asks for `*`"],
        ),
        (
            "\"tape\": \"5.0.0\"",
            "",
            &["`tape`: `package-lock.json` has `5.0.0`, and the manifest asks for none"],
        ),
        (
            "}}",
            "}",
            &[
                "it cannot be read, so nothing tells what it asks for: EOF while parsing an object at line 1 column 93",
            ],
        ),
    ];
    check(("package.json", PACKAGE), ("package-lock.json", lock), &changes);
    let inner = ("docs/package.json", r#"{"dependencies": {"left-pad": "1"}}"#);
    let files = [("package.json", PACKAGE), ("package-lock.json", lock), inner];
    let alone = "`package-lock.json` does not have this project, so nothing fixes what it asks for";
    assert_eq!(drift(&files, "docs/package.json"), [alone]);
    // Nothing is asked for, so there is nothing to fix.
    assert!(
        drift(&[("package-lock.json", lock), ("docs/package.json", "{}")], "docs/package.json").is_empty()
    );
    let old = r#"{"lockfileVersion": 1, "dependencies": {"left-pad": {"version": "1.3.0"}, "tape": {"version": "5.0.0"}}}"#;
    let changes: [(&str, &str, &[&str]); 1] =
        [("tape", "evil", &["`evil`: `package-lock.json` has none, and the manifest asks for `5.0.0`"])];
    check(("package.json", PACKAGE), ("package-lock.json", old), &changes);
}

#[test]
fn pnpm_and_yarn_keep_them_too() {
    let head = "lockfileVersion: '9.0'\noverrides:\n  a>tape: 4.0.0\nimporters:\n  .:\n    dependencies:\n";
    let lock = format!(
        "{head}      left-pad:\n        specifier: ^1.3.0\n        version: 1.3.0\n    devDependencies:\n      tape:\n        specifier: 4.0.0\n        version: 4.0.0\npackages:\n  left-pad@1.3.0:\n    resolution: {{integrity: sha512-Xmwn266vad+6DAqEB2A6V/CcZVp62BbwVmcOJc2RPuwih1kw02TjQvWVWlcKGbBPd+8/0V5DEkOcizRGYsspYQ==}}\n  tape@4.0.0:\n    resolution: {{integrity: sha512-Xmwn266vad+6DAqEB2A6V/CcZVp62BbwVmcOJc2RPuwih1kw02TjQvWVWlcKGbBPd+8/0V5DEkOcizRGYsspYQ==}}\n"
    );
    let changes: [(&str, &str, &[&str]); 2] = [
        (
            "^1.3.0",
            "^2.0.0",
            &["`left-pad`: `pnpm-lock.yaml` has `^1.3.0`, and the manifest asks for `^2.0.0`"],
        ),
        (
            "\"tape\"",
            "\"evil\": \"workspace:*\", \"other\": \"1\", \"tape\"",
            &["`other`: `pnpm-lock.yaml` has none, and the manifest asks for `1`"],
        ),
    ];
    check(("package.json", PACKAGE), ("pnpm-lock.yaml", &lock), &changes);
    let lock = "left-pad@^1.3.0:\n  version \"1.3.0\"\n\ntape@5.0.0:\n  version \"5.0.0\"\n";
    let changes: [(&str, &str, &[&str]); 3] = [
        ("^1.3.0", "^2.0.0", &["`left-pad`: `yarn.lock` has `^1.3.0`, and the manifest asks for `^2.0.0`"]),
        ("tape", "evil", &["`evil`: `yarn.lock` has none, and the manifest asks for `5.0.0`"]),
        ("\"name\"", "\"resolutions\": {\"left-pad\": \"1.3.0\"}, \"name\"", &[]),
    ];
    check(("package.json", PACKAGE), ("yarn.lock", lock), &changes);
}

#[test]
fn cargo_fixes_versions_in_the_range_of_each_package() {
    let manifest = "[package]\nname = \"shop\"\nversion = \"1.0.0\"\n[dependencies]\nserde = \"1.0.100\"\nown = { path = \"own\" }\n[dev-dependencies]\ninsta = \"1\"\n";
    let sum = "ab".repeat(32);
    let foreign = |name: &str, version: &str| {
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{sum}\"\n"
        )
    };
    let lock = format!(
        "version = 4\n[[package]]\nname = \"shop\"\nversion = \"1.0.0\"\ndependencies = [\"insta\", \"own\", \"serde\"]\n[[package]]\nname = \"own\"\nversion = \"1.0.0\"\n{}{}{}",
        foreign("insta", "1.40.0"),
        foreign("other", "2.0.0"),
        foreign("serde", "1.0.200"),
    );
    let changes: [(&str, &str, &[&str]); 4] = [
        ("1.0.100", "1.0.201", &["`serde`: `Cargo.lock` has `1.0.200`, and the manifest asks for `1.0.201`"]),
        // Another package of the file needs it, this one does not yet.
        ("insta =", "other =", &["`other`: `Cargo.lock` has none, and the manifest asks for `1`"]),
        ("1.0.100", ">=0.9, <2", &[]),
        (
            "\"shop\"",
            "\"shoppe\"",
            &["`Cargo.lock` does not have this project, so nothing fixes what it asks for"],
        ),
    ];
    check(("Cargo.toml", manifest), ("Cargo.lock", &lock), &changes);
    // Outside of the workspace nothing fixes what tests need.
    let root = format!("[workspace]\nexclude = [\"old\"]\n{manifest}");
    let inner = "[package]\nname = \"own\"\nversion = \"1.0.0\"\n[dev-dependencies]\ntape = \"1\"\n";
    let files = |at| [("Cargo.toml", root.as_str()), ("Cargo.lock", lock.as_str()), (at, inner)];
    assert!(drift(&files("old/own/Cargo.toml"), "old/own/Cargo.toml").is_empty());
    let missing = "`tape`: `Cargo.lock` has none, and the manifest asks for `1`";
    assert_eq!(drift(&files("own/Cargo.toml"), "own/Cargo.toml"), [missing]);
}

#[test]
fn uv_and_poetry_fix_versions_in_the_range() {
    let manifest = "[project]\nname = \"Shop\"\nversion = \"1\"\ndependencies = [\"Flask >=2,<4\", \"tomli; python_version < '3.11'\"]\n[dependency-groups]\ndev = [\"pytest\"]\n";
    let sum = "0".repeat(64);
    let packages = |source: &str| {
        [("flask", "3.0.0"), ("tomli", "2.0.0"), ("pytest", "8.0.0")]
            .map(|(name, version)| {
                format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{source}")
            })
            .concat()
    };
    let uv = format!(
        "version = 1\n[[package]]\nname = \"shop\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\n{}",
        packages("source = { registry = \"https://pypi.org/simple\" }\n")
    );
    let poetry = format!(
        "{}[metadata]\nlock-version = \"2.1\"\n",
        packages(&format!("files = [{{file = \"x\", hash = \"sha256:{sum}\"}}]\n"))
    );
    for (path, lock) in [("uv.lock", uv.as_str()), ("poetry.lock", poetry.as_str())] {
        let above = format!("`flask`: `{path}` has `3.0.0`, and the manifest asks for `>=4`");
        let none = format!("`evil`: `{path}` has none, and the manifest asks for any version");
        let changes: [(&str, &str, &[&str]); 3] = [
            (">=2,<4", ">=4", &[&above]),
            ("\"pytest\"", "\"evil\"", &[&none]),
            (">=2,<4", "@ git+https://x.test/flask", &[]),
        ];
        check(("pyproject.toml", manifest), (path, lock), &changes);
    }
    let stale = manifest.replace(">=2,<4", ">=4");
    let replaced = format!("{stale}[tool.uv]\noverride-dependencies = [\"flask==3.0.0\"]\n");
    assert!(drift(&[("pyproject.toml", &replaced), ("uv.lock", &uv)], "pyproject.toml").is_empty());
    let other = manifest.replace("Shop", "other");
    assert_eq!(drift(&[("pyproject.toml", &other), ("uv.lock", &uv)], "pyproject.toml").len(), 1);
    // A requirements file names no manifest.
    assert!(
        drift(&[("pyproject.toml", manifest), ("requirements.txt", "x==1\n")], "pyproject.toml").is_empty()
    );
}
