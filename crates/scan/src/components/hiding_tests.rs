//! Attempts of somebody who changes a repository to hide a package from a list of components.

use std::collections::BTreeMap;

use evidence::document::Document as _;

use super::drift_tests::{drift, npm_lock};
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

#[test]
fn a_manifest_with_the_name_of_a_crate_makes_it_nobodys_own() {
    let lock = "version = 4\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\"time\"]\n[[package]]\nname = \"time\"\nversion = \"0.1.40\"\n";
    let found = |asked: &str| {
        let app = format!("[package]\nname = \"app\"\n[dependencies]\ntime = {asked}\n");
        purls(&[
            ("Cargo.lock", lock),
            ("Cargo.toml", &app),
            ("docs/Cargo.toml", "[package]\nname = \"time\"\n"),
        ])
    };
    assert_eq!(found("\"=0.1.40\""), ["pkg:cargo/time@0.1.40"]);
    assert!(found("{ path = \"docs\" }").is_empty());
}

#[test]
fn a_manifest_without_lockfile_lists_what_cargo_reads_of_it() {
    let old =
        "[project]\nname = \"app\"\n[dependencies]\ntime = \"=0.1.40\"\n[build_dependencies]\nevil = \"6\"\n";
    assert_eq!(purls(&[("Cargo.toml", old)]), ["pkg:cargo/evil", "pkg:cargo/time"]);
    let twice = "[package]\nname = \"app\"\n[dependencies]\ntime = \"0.3\"\nwhen = { package = \"time\", version = \"=0.1.40\" }\n";
    let document = of(&tree(&[("Cargo.toml", twice)])).unwrap();
    assert_eq!(document.components["pkg:cargo/time"].version, "0.3 and =0.1.40");
    assert!(of(&tree(&[("Cargo.toml", "[workspace]\n")])).unwrap().components.is_empty());
    let error = of(&tree(&[("Cargo.toml", "[dependencies]\ntime = \"1\"\n")])).unwrap_err().to_string();
    assert!(error.contains("it has none of `package`, `project` and `workspace`"), "{error}");
}

/// A POM with these parts that needs `org.log:core` of this version.
fn pom(parts: &str, version: &str) -> String {
    let version = if version.is_empty() { String::new() } else { format!("<version>{version}</version>") };
    format!(
        "<project><groupId>g</groupId><artifactId>app</artifactId><version>1</version>{parts}<dependencies><dependency>\
         <groupId>org.log</groupId><artifactId>core</artifactId>{version}</dependency></dependencies></project>"
    )
}

const CORE: &str =
    "<project><groupId>org.log</groupId><artifactId>core</artifactId><version>9</version></project>";

#[test]
fn coordinates_make_no_artifact_the_projects_own() {
    let alone = pom("", "2.14.1");
    let listed = ["pkg:maven/org.log/core@2.14.1"];
    let none: [&str; 0] = [];
    assert_eq!(purls(&[("pom.xml", &alone), ("docs/x/pom.xml", CORE)]), listed);
    // A POM that names its module or parent is no proof, if it is not above.
    let decoy = CORE.replace("<version>9", "<modules><module>../..</module></modules><parent><relativePath>../../pom.xml</relativePath></parent><version>9");
    assert_eq!(purls(&[("pom.xml", &alone), ("docs/x/pom.xml", &decoy)]), listed);
    let aggregator = "<project><artifactId>r</artifactId><profiles><profile><modules><module>app</module><module>core</module></modules></profile></profiles></project>";
    let files = [("pom.xml", aggregator), ("app/pom.xml", alone.as_str()), ("core/pom.xml", CORE)];
    assert_eq!(purls(&files), none);
    assert_eq!(purls(&files[1..]), listed);
    let child = pom("<parent><relativePath>../core</relativePath></parent>", "2.14.1");
    assert_eq!(purls(&[("app/pom.xml", &child), ("core/pom.xml", CORE)]), none);
}

#[test]
fn a_version_that_another_file_or_profile_decides_is_open() {
    let properties = "<properties><v>2.24.1</v></properties>";
    let (open, listed) = (["pkg:maven/org.log/core"], ["pkg:maven/org.log/core@2.24.1"]);
    let plain = pom(properties, "${v}");
    assert_eq!(purls(&[("pom.xml", &plain)]), listed);
    let profile = |what: &str| format!("{properties}<profiles><profile>{what}</profile></profiles>");
    let managed = "<dependencyManagement><dependencies><dependency><groupId>org.log</groupId><artifactId>core</artifactId><version>2.14.1</version></dependency></dependencies></dependencyManagement>";
    assert_eq!(purls(&[("pom.xml", &pom(&profile("<properties><v>2.14.1</v></properties>"), "${v}"))]), open);
    assert_eq!(
        purls(&[("pom.xml", &pom(&profile("<properties><w>2.14.1</w></properties>"), "${v}"))]),
        listed
    );
    let both = format!("{}{}", managed.replace("2.14.1", "2.24.1"), profile(managed));
    assert_eq!(purls(&[("pom.xml", &pom(&both, ""))]), open);
    assert_eq!(purls(&[("pom.xml", &pom(&managed.replace("2.14.1", "2.24.1"), ""))]), listed);
    for (path, text, expected) in [
        (".mvn/maven.config", "-T 2\n-Dv=2.14.1\n", &open),
        (".mvn/maven.config", "--define v=2.14.1", &open),
        ("app/.mvn/jvm.config", "-Xmx1g \"-Dv=2.14.1\"", &open),
        (".mvn/maven.config", "-Dw=2.14.1", &listed),
        ("docs/.mvn/maven.config", "-Dv=2.14.1", &listed),
    ] {
        assert!(is_read(path), "{path}");
        assert_eq!(purls(&[("app/pom.xml", &plain), (path, text)]), *expected, "{path}: {text}");
    }
}

#[test]
fn a_tree_of_maven_contradicts_no_version_in_silence() {
    let tree = ("docs/dependency-tree.txt", "x:y:jar:1\n+- org.log:core:jar:2.24.1:compile\n");
    let both = ["pkg:maven/org.log/core", "pkg:maven/org.log/core@2.24.1"];
    assert_eq!(purls(&[tree, ("pom.xml", &pom("", ""))]), both[1..]);
    for version in ["[2.14.1]", "${v}"] {
        assert_eq!(purls(&[tree, ("pom.xml", &pom("", version))]), both, "{version}");
        // Nor does another POM without a version take the range away.
        assert_eq!(
            purls(&[tree, ("a/pom.xml", &pom("", "")), ("pom.xml", &pom("", version))]),
            both,
            "{version}"
        );
    }
    assert_eq!(purls(&[tree, ("pom.xml", &pom("", "2.14.1"))]), ["pkg:maven/org.log/core@2.14.1", both[1]]);
}

#[test]
fn a_workspace_of_go_replaces_modules_too() {
    let module = "module x.test/app\n\ngo 1.22\n\nrequire golang.org/x/net v0.38.0\n";
    let work = |what: &str| format!("go 1.22\n\nuse (\n\t./app\n)\n\nreplace golang.org/x/net{what}\n");
    let net = |version: &str| format!("pkg:golang/golang.org/x/net@{version}");
    let found = |work: &str| purls(&[("app/go.mod", module), ("go.work", work)]);
    let both = [net("v0.1.0"), net("v0.38.0")];
    assert_eq!(found(&work(" => golang.org/x/net v0.1.0")), both);
    assert_eq!(found(&work(" v0.38.0 => golang.org/x/net v0.1.0")), both);
    assert_eq!(found(&work(" v0.2.0 => golang.org/x/net v0.1.0")), both[1..]);
    // The nearest one counts.
    let files = [
        ("app/go.mod", module),
        ("app/go.work", "go 1.22\nuse .\n"),
        ("go.work", &work(" => golang.org/x/net v0.1.0")),
    ];
    assert_eq!(purls(&files), both[1..]);
    assert!(is_read("go.work"));
    let error =
        of(&tree(&[("app/go.mod", module), ("go.work", "require a v1.0.0 v2\n")])).unwrap_err().to_string();
    assert!(error.contains("go.work: line 1: `require` is unknown"), "{error}");
}

#[test]
fn npm_installs_peers_of_the_root_too() {
    let peers = r#""dependencies": {"lodash": "^4"}, "peerDependencies": {"evil": "6.6.6"}"#;
    let manifest = format!("{{{peers}}}");
    assert!(
        drift(&[("package.json", &manifest), ("package-lock.json", &npm_lock(peers))], "package.json")
            .is_empty()
    );
    let lock = npm_lock(r#""dependencies": {"lodash": "^4"}"#);
    let sentence = "`evil`: `package-lock.json` has none, and the manifest asks for `6.6.6`";
    assert_eq!(
        drift(&[("package.json", &manifest), ("package-lock.json", &lock)], "package.json"),
        [sentence]
    );
}

#[test]
fn each_change_of_an_address_is_another_difference() {
    let lock = npm_lock(r#""dependencies": {"lodash": "^4"}"#);
    let found = |range: &str| {
        let manifest = format!(r#"{{"dependencies": {{"lodash": "{range}"}}}}"#);
        drift(&[("package.json", &manifest), ("package-lock.json", &lock)], "package.json")
    };
    let long = "1".repeat(130);
    let url = "https://x.test/lodash.tgz";
    for (a, b) in [
        ("git+https://git.test/lodash#v1".to_owned(), "git+https://git.test/lodash#v2".to_owned()),
        (format!("{url}?a=1"), format!("{url}?a=2")),
        ("https://a@x.test/a".to_owned(), "https://b@x.test/a".to_owned()),
        (format!("{long}1"), format!("{long}2")),
        (url.to_owned(), format!("{url}#a")),
    ] {
        let (first, second) = (found(&a), found(&b));
        assert_ne!(first, second, "{a}");
        assert!(second[0].contains("(SHA-256 `"), "{second:?}");
        assert!(!second[0].contains("a=2"), "the query stays hidden");
    }
    assert!(!found(url)[0].contains("SHA-256"), "a range that is shown whole needs no digest");
}
