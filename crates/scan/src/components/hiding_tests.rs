//! Attempts of somebody who changes a repository to hide a package from a list of components.

use std::collections::BTreeMap;

use evidence::document::Document as _;

use super::*;

type Files = BTreeMap<String, Vec<u8>>;

fn tree(files: &[(&str, &str)]) -> Files {
    files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

fn skipped(files: &Files) -> Vec<(String, u32)> {
    let document = of(files).unwrap();
    let skipped = document.skipped.iter().map(|(path, skipped)| (path.clone(), skipped.files));
    let skipped: Vec<_> = skipped.collect();
    let sum: u32 = skipped.iter().map(|(_, files)| files).sum();
    assert_eq!(document.items().get("skipped").copied(), (sum > 0).then_some(u64::from(sum)));
    skipped
}

/// Purl and difference of each component.
fn listed(path: &str, text: &str) -> Vec<(String, Option<String>)> {
    let document = of(&tree(&[(path, text)])).unwrap();
    document.components.into_iter().map(|(purl, component)| (purl, component.differs)).collect()
}

#[test]
fn a_directory_name_or_a_checksum_file_hides_no_lockfile_in_silence() {
    let files = [
        ("app/node_modules/evil/package-lock.json", "broken"),
        ("app/node_modules/evil/node_modules/b/yarn.lock", "broken"),
        ("app/node_modules/evil/index.js", "not a lockfile"),
        ("sub/Cargo.lock", "broken"),
        ("sub/.cargo-checksum.json", "{}"),
        ("vendor/a/Cargo.lock", "broken"),
        ("vendor/a/Cargo.toml", "broken"),
        ("vendor/a/.cargo-checksum.json", "{}"),
        ("vendor/b/Cargo.toml", "broken"),
        ("vendor/b/.cargo-checksum.json", "{}"),
    ];
    let expected = [("app/node_modules", 2), ("sub", 1), ("vendor", 3)];
    assert_eq!(skipped(&tree(&files)), expected.map(|(path, files)| (path.to_owned(), files)));
    // Another name hides nothing.
    for path in ["vendor/package-lock.json", "vendor/Cargo.lock", "third_party/uv.lock"] {
        assert!(of(&tree(&[(path, "[")])).is_err(), "{path} is read");
    }
    // A checksum file of the whole tree hides nothing, nor does it hide files of other ecosystems.
    assert!(of(&tree(&[(".cargo-checksum.json", "{}"), ("Cargo.lock", "[")])).is_err());
    assert!(of(&tree(&[("sub/.cargo-checksum.json", "{}"), ("sub/uv.lock", "[")])).is_err());
}

#[test]
fn each_change_of_skipped_files_is_another_finding() {
    let digest =
        |files: &[(&str, &str)]| of(&tree(files)).unwrap().skipped.remove("node_modules").unwrap().digest;
    let seen = digest(&[("node_modules/a/package.json", "{}")]);
    assert_eq!(seen, digest(&[("node_modules/a/package.json", "{}"), ("README.md", "x")]));
    for files in [
        vec![("node_modules/a/package.json", "{} ")],
        vec![("node_modules/b/package.json", "{}")],
        vec![("node_modules/a/package.json", "{}"), ("node_modules/a/yarn.lock", "")],
    ] {
        assert_ne!(seen, digest(&files), "{files:?}");
    }
}

fn npm(entry: &str) -> Vec<(String, Option<String>)> {
    listed("package-lock.json", &format!(r#"{{"lockfileVersion": 3, "packages": {{"": {{}}, {entry}}}}}"#))
}

#[test]
fn an_address_of_another_package_is_what_is_installed() {
    let registry = "https://registry.npmjs.org";
    let says = |found: &str| Some(format!("the lockfile says `safe@1.0.0`, and the address `{found}`"));
    for (name, version, url, purl, differs) in [
        ("safe", "1.0.0", "/safe/-/safe-1.0.0.tgz", "pkg:npm/safe@1.0.0", None),
        ("safe", "1.0.0", "/evil/-/evil-6.6.6.tgz", "pkg:npm/evil@6.6.6", says("evil@6.6.6")),
        ("safe", "1.0.0", "/safe/-/safe-0.9.0.tgz", "pkg:npm/safe@0.9.0", says("safe@0.9.0")),
        ("safe", "1.0.0", "/@a/safe/-/safe-1.0.0.tgz", "pkg:npm/%40a/safe@1.0.0", says("@a/safe@1.0.0")),
        (
            "safe",
            "1.0.0",
            "/evil/-/safe-1.0.0.tgz",
            "pkg:npm/safe@1.0.0",
            says("registry.npmjs.org/evil/-/safe-1.0.0.tgz"),
        ),
        ("@a/b", "1.0.0+7", "/@a%2fb/-/b-1.0.0.tgz", "pkg:npm/%40a/b@1.0.0%2B7", None),
    ] {
        let entry =
            format!(r#""node_modules/{name}": {{"version": "{version}", "resolved": "{registry}{url}"}}"#);
        assert_eq!(npm(&entry), [(purl.to_owned(), differs)], "{url}");
    }
    // Outside of a registry only the file's name tells.
    let other = |file: &str| {
        let found = npm(&format!(
            r#""node_modules/safe": {{"version": "1.0.0", "resolved": "https://x.test/{file}"}}"#
        ));
        found[0].1.clone()
    };
    assert_eq!(other("evil-6.6.6.tgz"), says("evil-6.6.6.tgz"));
    assert_eq!(other("safe-1.0.0.tgz"), None);
    assert_eq!(other("archive/v9.0.0.tar.gz"), None);
}

#[test]
fn aliases_of_npm_are_the_packages_that_they_name() {
    let alias = r#""node_modules/safe": {"name": "evil", "version": "6.6.6", "resolved": "https://registry.npmjs.org/evil/-/evil-6.6.6.tgz"}"#;
    assert_eq!(npm(alias), [("pkg:npm/evil@6.6.6".to_owned(), None)]);
    let old = r#"{"lockfileVersion": 1, "dependencies": {"safe": {"version": "npm:evil@6.6.6"}}}"#;
    assert_eq!(listed("package-lock.json", old), [("pkg:npm/evil@6.6.6".to_owned(), None)]);
    let yarn = "\"safe@npm:evil@6.6.6\":\n  version \"6.6.6\"\n  resolved \"https://registry.yarnpkg.com/evil/-/evil-6.6.6.tgz#0123456789012345678901234567890123456789\"\n";
    assert_eq!(listed("yarn.lock", yarn), [("pkg:npm/evil@6.6.6".to_owned(), None)]);
}

#[test]
fn every_lockfile_with_addresses_shows_where_they_lead() {
    let yarn = "safe@^1.0.0:\n  version \"1.0.0\"\n  resolved \"https://registry.yarnpkg.com/evil/-/evil-6.6.6.tgz#0123456789012345678901234567890123456789\"\n";
    let pnpm = "lockfileVersion: '9.0'\npackages:\n  safe@1.0.0:\n    resolution: {tarball: https://r.test/evil/-/evil-6.6.6.tgz}\n";
    let old = r#"{"lockfileVersion": 1, "dependencies": {"safe": {"version": "1.0.0", "resolved": "https://r.test/evil/-/evil-6.6.6.tgz"}}}"#;
    for (path, text) in [("yarn.lock", yarn), ("pnpm-lock.yaml", pnpm), ("npm-shrinkwrap.json", old)] {
        let found = listed(path, text);
        assert_eq!(found.len(), 1, "{path}");
        assert_eq!(found[0].0, "pkg:npm/evil@6.6.6", "{path}");
        assert!(found[0].1.as_ref().unwrap().contains("says `safe@1.0.0`"), "{path}");
    }
    let sum = "0".repeat(64);
    let uv = |url: &str| {
        format!(
            "version = 1\n[[package]]\nname = \"safe\"\nversion = \"1.0.0\"\nsource = {{ registry = \"https://pypi.org/simple\" }}\nwheels = [{{ url = \"https://f.test/x/{url}\", hash = \"sha256:{sum}\" }}]\n"
        )
    };
    let poetry = |file: &str| {
        format!(
            "[[package]]\nname = \"safe\"\nversion = \"1.0.0\"\nfiles = [{{file = \"{file}\", hash = \"sha256:{sum}\"}}]\n[metadata]\nlock-version = \"2.0\"\n"
        )
    };
    let pip = |url: &str| format!("safe @ https://f.test/{url} --hash=sha256:{sum}\n");
    for (archive, differs) in [
        ("evil-6.6.6-py3-none-any.whl", true),
        ("safe-1.0.0-py3-none-any.whl", false),
        ("Safe-1.0-py3-none-any.whl", false),
        ("evil-6.6.6.tar.gz", true),
        ("safe-1.0.0.tar.gz", false),
        ("safe-evil-1.0.0.tar.gz", true),
    ] {
        for (path, text) in
            [("uv.lock", uv(archive)), ("poetry.lock", poetry(archive)), ("requirements.txt", pip(archive))]
        {
            let found = listed(path, &text);
            assert_eq!(found[0].1.is_some(), differs, "{path}: {archive}: {found:?}");
        }
    }
    for path in ["uv.lock", "poetry.lock"] {
        let text = if path == "uv.lock" { uv("safe-9.0.tar.gz") } else { poetry("safe-9.0.tar.gz") };
        assert!(listed(path, &text)[0].1.is_some(), "another version");
    }
}

#[test]
fn pip_ends_a_line_where_python_does() {
    for end in
        ["\n", "\r", "\r\n", "\u{b}", "\u{c}", "\u{1c}", "\u{1d}", "\u{1e}", "\u{85}", "\u{2028}", "\u{2029}"]
    {
        let found = listed("requirements.txt", &format!("flask==3.0.0 # pinned{end}jinja2==2.4.1"));
        let expected = ["pkg:pypi/flask@3.0.0", "pkg:pypi/jinja2@2.4.1"].map(|purl| (purl.to_owned(), None));
        assert_eq!(found, expected, "{end:?}");
    }
    // CR and LF together end one line, so that the number of a later one is right.
    let error = of(&tree(&[("requirements.txt", "a==1\r\n!\r\n")])).unwrap_err().to_string();
    assert!(error.contains("line 2: `!` is no requirement"), "{error}");
}

#[test]
fn a_comment_about_another_encoding_is_an_error() {
    for text in ["# -*- coding: utf-7 -*-\n# pinned +AAo-jinja2==2.4.1\n", "\n#coding=cp037\na==1\n"] {
        let error = of(&tree(&[("requirements.txt", text)])).unwrap_err().to_string();
        assert!(error.contains("the comment names the encoding"), "{error}");
        let included = of(&tree(&[("requirements.txt", "-r a.txt\n"), ("a.txt", text)]));
        assert!(included.unwrap_err().to_string().contains("a.txt: line"), "{text}");
    }
    for text in [
        "# coding: UTF-8\na==1\n",
        "# coding=us-ascii\na==1\n",
        "\n\n# coding: utf-7\na==1\n",
        "# coding style\na==1\n",
    ] {
        assert_eq!(listed("requirements.txt", text), [("pkg:pypi/a@1".to_owned(), None)], "{text}");
    }
}

/// Purls of a tree.
fn purls(files: &[(&str, &str)]) -> Vec<String> {
    of(&tree(files)).unwrap().components.into_keys().collect()
}

#[test]
fn a_requirements_file_covers_no_manifest() {
    let manifest =
        "[project]\nname = \"app\"\nversion = \"1\"\ndependencies = [\"jinja2==2.4.1\", \"Flask\"]\n";
    let open = ["pkg:pypi/flask", "pkg:pypi/jinja2"];
    assert_eq!(purls(&[("pyproject.toml", manifest)]), open);
    assert_eq!(purls(&[("pyproject.toml", manifest), ("dev-requirements.txt", "")]), open);
    // A package that a file of the directory names, also by another file, is listed with its version.
    let files =
        [("pyproject.toml", manifest), ("requirements.txt", "-r a.txt\n"), ("a.txt", "flask==3.0.0\n")];
    assert_eq!(purls(&files), ["pkg:pypi/flask@3.0.0", "pkg:pypi/jinja2"]);
    let files = [("app/pyproject.toml", manifest), ("requirements.txt", "flask==3.0.0\n")];
    assert_eq!(purls(&files), ["pkg:pypi/flask", "pkg:pypi/flask@3.0.0", "pkg:pypi/jinja2"]);
    // Nor does it take a manifest away from the lockfile above.
    let lock = (
        "uv.lock",
        "version = 1\n[[package]]\nname = \"other\"\nversion = \"1\"\nsource = { virtual = \".\" }\n",
    );
    let document =
        of(&tree(&[lock, ("app/pyproject.toml", manifest), ("app/requirements.txt", "")])).unwrap();
    assert!(document.components.is_empty());
    assert!(document.drift.contains_key("app/pyproject.toml"));
}
