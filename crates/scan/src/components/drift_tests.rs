//! Manifests and lockfiles that somebody changed without the other.

use std::collections::BTreeMap;

use super::of;

/// The sentences of one manifest in a tree.
pub(super) fn drift(files: &[(&str, &str)], manifest: &str) -> Vec<String> {
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
    let head = "lockfileVersion: '9.0'\noverrides:\n  tape: 4.0.0\nimporters:\n  .:\n    dependencies:\n";
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
        let address = above.replace("`>=4`", "`git+https://x.test/flask`");
        let changes: [(&str, &str, &[&str]); 5] = [
            (">=2,<4", ">=4", &[&above]),
            ("\"pytest\"", "\"evil\"", &[&none]),
            (">=2,<4", "@ git+https://x.test/flask", &[&address]),
            (">=2,<4", "(>=2,<4)", &[]),
            (">=2,<4", "(>=4)", &[&above.replace("`>=4`", "`(>=4)`")]),
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

/// A lockfile of npm that fixes lodash, of a manifest with this in `""`.
pub(super) fn npm_lock(root: &str) -> String {
    format!(
        r#"{{"lockfileVersion": 3, "packages": {{"": {{{root}}}, "node_modules/lodash": {{"version": "4.17.21"}}}}}}"#
    )
}

#[test]
fn a_manifest_with_the_name_of_a_dependency_silences_nothing() {
    let asked = r#""dependencies": {"lodash": "4.17.4"}"#;
    let manifest = format!(r#"{{"name": "app", {asked}}}"#);
    let lock = npm_lock(r#""dependencies": {"lodash": "^4.17.21"}"#);
    let sentence = "`lodash`: `package-lock.json` has `^4.17.21`, and the manifest asks for `4.17.4`";
    let pair = [("package.json", manifest.as_str()), ("package-lock.json", &lock)];
    for decoy in [
        vec![],
        vec![("docs/package.json", r#"{"name": "lodash"}"#)],
        vec![("tools/pyproject.toml", "[project]\nname = \"lodash\"\n"), ("tools/requirements.txt", "")],
    ] {
        assert_eq!(
            drift(&[pair.as_slice(), decoy.as_slice()].concat(), "package.json"),
            [sentence],
            "{decoy:?}"
        );
    }
    let named = format!(r#"{{"name": "lodash", {asked}}}"#);
    assert_eq!(drift(&[("package.json", &named), pair[1]], "package.json"), [sentence]);
    let pnpm = ("pnpm-lock.yaml", "lockfileVersion: '9.0'\nimporters:\n  .: {}\n");
    let sentence = "`lodash`: `pnpm-lock.yaml` has none, and the manifest asks for `4.17.4`";
    assert_eq!(drift(&[("package.json", &named), pnpm], "package.json"), [sentence]);
}

#[test]
fn yarn_needs_no_entry_for_members_of_the_workspace_alone() {
    let lock = ("yarn.lock", "left-pad@^1.3.0:\n  version \"1.3.0\"\n");
    let inner = ("docs/a/package.json", r#"{"name": "evil"}"#);
    let sentence = "`evil`: `yarn.lock` has none, and the manifest asks for `6.6.6`";
    for (workspaces, is_member) in [
        ("[]", false),
        (r#"["docs"]"#, false),
        (r#"["docs/b*", "*"]"#, false),
        (r#"["docs/*"]"#, true),
        (r#"["./docs/a/"]"#, true),
        (r#"{"packages": ["x", "**/?", "d*s/**"]}"#, true),
    ] {
        let root = format!(
            r#"{{"workspaces": {workspaces}, "dependencies": {{"left-pad": "^1.3.0", "evil": "6.6.6"}}}}"#
        );
        let files = [lock, inner, ("package.json", root.as_str())];
        let found = drift(&files, "package.json");
        assert_eq!(found, if is_member { vec![] } else { vec![sentence] }, "{workspaces}");
        let tree = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        assert_eq!(of(&tree).unwrap().components.contains_key("pkg:npm/evil"), !is_member, "{workspaces}");
    }
}

/// Sentences about a root `Cargo.toml` whose lockfile has `app` and these packages.
fn cargo(manifest: &str, needs: &str, packages: &str) -> Vec<String> {
    let lock = format!(
        "version = 4\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [{needs}]\n{packages}"
    );
    let manifest = if manifest.starts_with("[project]") {
        manifest.to_owned()
    } else {
        format!("[package]\nname = \"app\"\nversion = \"0.1.0\"\n{manifest}")
    };
    let files = [
        ("Cargo.toml", manifest.as_str()),
        ("Cargo.lock", lock.as_str()),
        ("docs/Cargo.toml", "[package]\nname = \"time\"\n"),
    ];
    drift(&files, "Cargo.toml")
}

const TIME: &str = "[[package]]\nname = \"time\"\nversion = \"0.3.41\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n";

#[test]
fn cargo_reads_old_names_of_tables_and_each_range() {
    let none: [&str; 0] = [];
    let has = |name: &str, has: &str, asks: &str| {
        format!("`{name}`: `Cargo.lock` has {has}, and the manifest asks for {asks}")
    };
    assert_eq!(cargo("[dependencies]\ntime = \"0.3\"\n", "\"time\"", TIME), none);
    let evil = has("evil", "none", "`6`");
    for manifest in [
        "[project]\nname = \"app\"\n[dependencies]\ntime = \"0.3\"\nevil = \"6\"\n",
        "[dependencies]\ntime = \"0.3\"\n[build_dependencies]\nevil = \"6\"\n",
        "[dependencies]\ntime = \"0.3\"\n[target.'cfg(unix)'.dev_dependencies]\nevil = \"6\"\n",
    ] {
        assert_eq!(cargo(manifest, "\"time\"", TIME), [evil.as_str()], "{manifest}");
    }
    let other = has("time", "`0.3.41`", "`=0.1.40`");
    for manifest in [
        "[dependencies]\ntime = \"0.3\"\nwhen = { package = \"time\", version = \"=0.1.40\" }\n",
        "[dependencies]\ntime = \"0.3\"\n[target.'cfg(unix)'.dependencies]\nold = { package = \"time\", version = \"=0.1.40\" }\n",
    ] {
        assert_eq!(cargo(manifest, "\"time\"", TIME), [other.as_str()], "{manifest}");
    }
    assert_eq!(
        cargo("[dependencies]\ntime = \"latest\"\n", "\"time\"", TIME),
        [has("time", "`0.3.41`", "`latest`")]
    );
    let files = [
        ("Cargo.toml", "[patch.crates-io]\n"),
        ("Cargo.lock", "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n"),
    ];
    let unread = "it cannot be read, so nothing tells what it asks for: it has none of `package`, `project` and `workspace`";
    assert_eq!(drift(&files, "Cargo.toml"), [unread]);
}

#[test]
fn a_crate_of_another_source_is_not_the_one_that_is_asked_for() {
    let none: [&str; 0] = [];
    let sourceless = "[[package]]\nname = \"time\"\nversion = \"0.3.41\"\n";
    let git = |query: &str| {
        sourceless.to_owned()
            + &format!("source = \"git+https://x.test/time.git{query}#{}\"\n", "ab".repeat(20))
    };
    let needs = |what: &str| format!("[dependencies]\ntime = {what}\n");
    let of = |manifest: &str, packages: &str| cargo(manifest, "\"time\"", packages);
    let patched = "\"0.3\"\n[patch.crates-io]\ntime = { git = \"https://x.test/time\" }";
    let here = "\"0.3\"\n[patch.crates-io]\nt = { package = \"time\", path = \"docs\" }";
    for (asked, packages) in [
        ("{ git = \"https://x.test/time\" }", git("")),
        ("{ git = \"https://x.test/time\", version = \"0.3\" }", git("")),
        ("{ git = \"https://x.test/time.git\", branch = \"a/b\" }", git("?branch=a%2Fb")),
        ("{ path = \"docs\" }", sourceless.to_owned()),
        (patched, git("")),
        (here, sourceless.to_owned()),
        (patched, format!("{TIME}[[patch.unused]]\nname = \"time\"\nversion = \"9.0.0\"\n")),
    ] {
        assert_eq!(of(&needs(asked), &packages), none, "{asked}");
    }
    for (asked, packages, expected) in [
        (
            "{ git = \"https://evil.test/time\" }",
            TIME.to_owned(),
            "has `0.3.41`, and the manifest asks for `git+https://evil.test/time`",
        ),
        (
            "{ git = \"https://evil.test/time\" }",
            git(""),
            "has `0.3.41 of git+https://x.test/time.git`, and the manifest asks for `git+https://evil.test/time`",
        ),
        ("\"0.3\"", git(""), "has `0.3.41 of git+https://x.test/time.git`, and the manifest asks for `0.3`"),
        ("\"0.3\"", sourceless.to_owned(), "has `0.3.41 of a directory`, and the manifest asks for `0.3`"),
        (patched, TIME.to_owned(), "has `0.3.41`, and `[patch]` asks for `https://x.test/time`"),
        (here, TIME.to_owned(), "has `0.3.41`, and `[patch]` asks for `docs`"),
    ] {
        assert_eq!(of(&needs(asked), &packages), [format!("`time`: `Cargo.lock` {expected}")], "{asked}");
    }
    // Another reference is another commit.
    let found = of(&needs("{ git = \"https://x.test/time\", tag = \"v2\" }"), &git("?tag=v1"));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("the manifest asks for `git+https://x.test/time` (SHA-256 `0933d230a29a8a50`)"),
        "{found:?}"
    );
}

/// Sentences about a root `pyproject.toml` whose `uv.lock` has `app` and jinja2 of this source.
fn uv(manifest: &str, source: &str) -> Vec<String> {
    let lock = format!(
        "version = 1\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\n[[package]]\nname = \"jinja2\"\nversion = \"3.1.4\"\nsource = {{ {source} }}\n"
    );
    let manifest = format!("[project]\nname = \"app\"\nversion = \"1\"\n{manifest}");
    drift(&[("pyproject.toml", &manifest), ("uv.lock", &lock), ("docs/x", "")], "pyproject.toml")
}

#[test]
fn uv_has_each_range_from_the_source_that_is_asked_for() {
    let registry = "registry = \"https://pypi.org/simple\"";
    let sources = |what: &str| format!("dependencies = [\"jinja2\"]\n[tool.uv.sources]\njinja2 = {what}\n");
    let git = |query: &str| format!("git = \"https://x.test/jinja2{query}#{}\"", "ab".repeat(20));
    let none: [&str; 0] = [];
    for (manifest, source) in [
        ("dependencies = [\"jinja2>=3\"]\n".to_owned(), registry.to_owned()),
        ("dependencies = [\"jinja2 @ git+https://u@x.test/jinja2@v3\"]\n".to_owned(), git("?rev=v3")),
        (sources("{ git = \"https://x.test/jinja2.git\", tag = \"v3\" }"), git("?subdirectory=a&tag=v3")),
        (
            sources("{ url = \"https://x.test/jinja2-3.1.4.tar.gz\" }"),
            "url = \"https://x.test/jinja2-3.1.4.tar.gz\"".to_owned(),
        ),
        (sources("{ path = \"docs\" }"), "directory = \"docs\"".to_owned()),
        (sources("{ workspace = true }"), "editable = \"docs\"".to_owned()),
        (sources("{ index = \"own\" }"), registry.to_owned()),
        (
            "dependencies = [\"jinja2==2\"]\n[tool.uv]\noverride-dependencies = [\"Jinja2>=3\"]\n".to_owned(),
            registry.to_owned(),
        ),
        ("dependencies = [\"jinja2\", \"app[x]\"]\n".to_owned(), registry.to_owned()),
    ] {
        assert_eq!(uv(&manifest, &source), none, "{manifest}");
    }
    let asks = |what: &str| format!("`jinja2`: `uv.lock` has `3.1.4`, and the manifest asks for {what}");
    let evil = "`evil`: `uv.lock` has none, and the manifest asks for `==6.6.6`".to_owned();
    let computed =
        "it computes what it asks for (`dynamic`), so nothing is compared with the lockfile".to_owned();
    let markers = "dependencies = [\"jinja2==3.1.4; sys_platform == 'win32'\", \"jinja2==2.4.1; sys_platform != 'win32'\"]\n";
    for (manifest, expected) in [
        (
            "dependencies = [\"jinja2 @ https://evil.test/jinja2-2.4.1.tar.gz\"]\n",
            asks("`https://evil.test/jinja2-2.4.1.tar.gz`"),
        ),
        (sources("{ git = \"https://evil.test/jinja2\" }").as_str(), asks("`git+https://evil.test/jinja2`")),
        (
            sources("[{ url = \"https://evil.test/a.whl\", marker = \"x\" }]").as_str(),
            asks("`https://evil.test/a.whl`"),
        ),
        ("dependencies = [\"jinja2 (==2.4.1)\"]\n", asks("`(==2.4.1)`")),
        ("dependencies = [\"jinja2 ~3\"]\n[tool.uv]\n", asks("`~3`")),
        (
            "dependencies = [\"jinja2==2.4.1\"]\n[tool.uv]\noverride-dependencies = [\"other==1\"]\n",
            asks("`==2.4.1`"),
        ),
        ("dependencies = [\"jinja2\"]\n[tool.uv]\noverride-dependencies = [\"jinja2<3\"]\n", asks("`<3`")),
        ("dependencies = [\"jinja2\"]\n[tool.uv]\ndev-dependencies = [\"evil==6.6.6\"]\n", evil),
        ("dynamic = [\"version\", \"dependencies\"]\n", computed),
        (markers, asks("`==2.4.1`")),
    ] {
        assert_eq!(uv(manifest, registry), [expected], "{manifest}");
    }
    let found = uv("dependencies = [\"jinja2\"]\n", "directory = \"docs\"");
    assert_eq!(
        found,
        ["`jinja2`: `uv.lock` has `3.1.4 of a directory`, and the manifest asks for any version"]
    );
}

#[test]
fn poetry_has_forms_of_its_own() {
    let lock = "[[package]]\nname = \"flask\"\nversion = \"3.0.0\"\n[metadata]\nlock-version = \"2.1\"\n";
    let git = lock.replace("[metadata]", "[package.source]\ntype = \"git\"\nurl = \"https://x.test/flask.git\"\nreference = \"HEAD\"\nresolved_reference = \"abab\"\n[metadata]");
    let found = |range: &str, lock: &str| {
        let manifest = format!(
            "[tool.poetry]\nname = \"a\"\n[tool.poetry.dependencies]\npython = \"^3\"\nflask = {range}\n"
        );
        drift(&[("pyproject.toml", &manifest), ("poetry.lock", lock)], "pyproject.toml")
    };
    for range in [
        "\"^3.0\"",
        "\"~3\"",
        "\"*\"",
        "\"3.0.0\"",
        "\"3.*\"",
        "\"<2 || >=3\"",
        "{ version = \"^3\" }",
        "[{ version = \"3.0.0\", python = \"<4\" }]",
    ] {
        assert!(found(range, lock).is_empty(), "{range}");
    }
    for (range, shown) in [
        ("\"2.0.0\"", "`2.0.0`"),
        ("\"latest\"", "`latest`"),
        ("\"==\"", "`==`"),
        ("[{ version = \"3.0.0\" }, { version = \"2.0.0\" }]", "`2.0.0`"),
        ("{ git = \"https://x.test/flask.git\" }", "`git+https://x.test/flask.git`"),
        ("{ url = \"https://x.test/flask.tar.gz\" }", "`https://x.test/flask.tar.gz`"),
    ] {
        assert_eq!(
            found(range, lock),
            [format!("`flask`: `poetry.lock` has `3.0.0`, and the manifest asks for {shown}")],
            "{range}"
        );
    }
    assert!(found("{ git = \"https://x.test/flask.git\" }", &git).is_empty());
    assert_eq!(found("{ git = \"https://x.test/flask.git\", rev = \"v2\" }", &git).len(), 1);
    // Its own table has what `dynamic` leaves to it.
    let manifest =
        "[project]\nname = \"a\"\ndynamic = [\"dependencies\"]\n[tool.poetry.dependencies]\nflask = \"^3\"\n";
    assert!(drift(&[("pyproject.toml", manifest), ("poetry.lock", lock)], "pyproject.toml").is_empty());
}

#[test]
fn replacements_inside_another_package_replace_no_direct_dependency() {
    let manifest = (
        "package.json",
        r#"{"dependencies": {"lodash": "4.17.4"}, "resolutions": {"some-other/lodash": "4.17.21"}}"#,
    );
    let pnpm = |key: &str| {
        format!(
            "lockfileVersion: '9.0'\noverrides:\n  '{key}': 4.17.21\nimporters:\n  .:\n    dependencies:\n      lodash:\n        specifier: ^4.17.21\n        version: 4.17.21\npackages:\n  lodash@4.17.21:\n    resolution: {{integrity: sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=}}\n"
        )
    };
    let asks = |lock: &str| format!("`lodash`: `{lock}` has `^4.17.21`, and the manifest asks for `4.17.4`");
    for (key, expected) in [
        ("lodash", vec![]),
        ("lodash@4", vec![]),
        ("a>lodash", vec![asks("pnpm-lock.yaml")]),
        ("lodash@4>a", vec![asks("pnpm-lock.yaml")]),
    ] {
        assert_eq!(drift(&[manifest, ("pnpm-lock.yaml", &pnpm(key))], "package.json"), expected, "{key}");
    }
    let yarn = ("yarn.lock", "lodash@^4.17.21:\n  version \"4.17.21\"\n");
    assert_eq!(drift(&[manifest, yarn], "package.json"), [asks("yarn.lock")]);
    for key in ["lodash", "**/lodash"] {
        let manifest = manifest.1.replace("some-other/lodash", key);
        assert!(drift(&[("package.json", &manifest), yarn], "package.json").is_empty(), "{key}");
    }
}
