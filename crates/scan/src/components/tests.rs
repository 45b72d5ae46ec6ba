//! Lockfiles that package managers wrote, against an independent parser's answers; versions, places and hostile bytes.
//!
//! `tests/lockfiles/*.txtar` holds a tree of files each, as `-- PATH --` and the content. The part `expected` lists what
//! `tests/lockfiles.py` read from the same files by other parsers, compared with cdxgen 11 where that read them too; the
//! differences are in `docs/scan/components.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use evidence::document::components::Scope;

use super::cyclonedx::{Subject, cyclonedx};
use super::spdx::spdx;
use super::*;

#[path = "../../../tlog/tests/support/published.rs"]
mod published_vectors;

pub(super) type Files = BTreeMap<String, Vec<u8>>;

pub(super) fn fixture(name: &str) -> (Files, Option<BTreeSet<String>>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/lockfiles/{name}.txtar"));
    let text = std::fs::read_to_string(&path).unwrap();
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut current = None;
    for line in text.split_inclusive('\n') {
        let path = line.trim_end().strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --"));
        match path {
            Some(path) => current = Some(path.to_owned()),
            None => files.entry(current.clone().unwrap()).or_default().push_str(line),
        }
    }
    let expected = files.remove("expected");
    let expected = expected.map(|text| text.lines().map(str::to_owned).collect());
    (files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect(), expected)
}

fn names() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lockfiles");
    let entries = std::fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn file(path: &str, text: &str) -> Files {
    BTreeMap::from([(path.to_owned(), text.as_bytes().to_vec())])
}

fn error(files: &Files) -> String {
    of(files).unwrap_err().to_string()
}

fn listing(document: &ComponentsDocument) -> String {
    let mut text = String::new();
    for (purl, component) in &document.components {
        let direct = component.direct.map_or("-", |direct| if direct { "direct" } else { "indirect" });
        let pinned = if component.pinned { "pinned" } else { "open" };
        writeln!(text, "{purl} {} {:?} {direct} {pinned}", component.version, component.scope).unwrap();
    }
    text
}

#[test]
fn components_are_those_of_an_independent_parser() {
    let mut compared = 0;
    for name in names() {
        let (files, expected) = fixture(&name);
        let document = of(&files).unwrap();
        document.check().unwrap();
        assert_eq!(document.drift, BTreeMap::new(), "{name}");
        let found: BTreeSet<String> = document.components.keys().cloned().collect();
        assert_eq!(found, expected.expect("each tree has a list"), "{name}");
        compared += 1;
    }
    assert_eq!(compared, 40);
}

#[test]
fn every_lockfile_by_a_package_manager_pins_every_component() {
    for name in [
        "npm1-shop",
        "npm2-shop",
        "npm3-shop",
        "pnpm7-shop",
        "pnpm9-shop",
        "yarn1-shop",
        "pipenv-app",
        "poetry-app",
        "uv-ws",
    ] {
        let document = of(&fixture(name).0).unwrap();
        let open: Vec<_> = document.components.iter().filter(|(_, component)| !component.pinned).collect();
        assert!(open.is_empty(), "{name}: {open:?}");
    }
}

#[test]
fn the_graph_of_one_project_is_the_same_by_every_package_manager() {
    let of_express = |name: &str| {
        let document = of(&fixture(name).0).unwrap();
        let component = &document.components["pkg:npm/express@4.18.2"];
        assert_eq!(component.direct, Some(true), "{name}");
        assert_eq!(document.components["pkg:npm/rimraf@3.0.2"].scope, Scope::Development, "{name}");
        assert_eq!(document.components["pkg:npm/glob@7.2.3"].scope, Scope::Development, "{name}");
        assert_eq!(document.components["pkg:npm/fsevents@2.3.2"].scope, Scope::Optional, "{name}");
        assert_eq!(document.components["pkg:npm/left-pad@1.3.0"].direct, Some(true), "{name}");
        let needs = component.needs.iter().map(|need| need.split('@').next().unwrap().to_owned());
        needs.collect::<BTreeSet<_>>()
    };
    let first = of_express("npm3-shop");
    assert_eq!(first.len(), 31);
    for name in
        ["npm1-shop", "npm2-shop", "pnpm7-shop", "pnpm8-shop", "pnpm9-shop", "yarn1-shop", "yarn4-shop"]
    {
        assert_eq!(of_express(name), first, "{name}");
    }
}

#[test]
fn small_trees_of_each_ecosystem() {
    for name in [
        "cargo-ws",
        "go-app",
        "go-old",
        "mvn-app",
        "mvn-mods",
        "mvn-log",
        "pip-plain",
        "uv-app",
        "poetry-app",
        "composer-app",
        "gem-app",
        "gem-checks",
        "gradle-app",
        "nuget-app",
        "pdm-app",
        "pipenv-app",
        "yarn4-tool",
    ] {
        insta::assert_snapshot!(name, listing(&of(&fixture(name).0).unwrap()));
    }
}

#[test]
fn the_lockfile_of_this_workspace() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Files::new();
    for path in ["Cargo.lock", "Cargo.toml", "crates/scan/Cargo.toml", "crates/evidence/Cargo.toml"] {
        files.insert(path.to_owned(), std::fs::read(root.join(path)).unwrap());
    }
    let text = std::fs::read_to_string(root.join("Cargo.lock")).unwrap();
    let sources = text.matches("\nsource = ").count();
    let document = of(&files).unwrap();
    let from_registry = document.components.values().filter(|component| component.pinned).count();
    assert_eq!(from_registry, sources);
    // The members whose manifests are not among the files may be anything, so they stay in the list.
    assert!(document.components.keys().any(|purl| purl.starts_with("pkg:cargo/domain@")));
    assert!(!document.components.keys().any(|purl| purl.starts_with("pkg:cargo/scan@")));
}

#[test]
fn the_first_version_of_cargo_keeps_its_checksums_apart() {
    let sum = "a".repeat(64);
    let lock = format!(
        "[root]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\"log 0.4.1 (registry+https://github.com/rust-lang/crates.io-index)\"]\n\
         [[package]]\nname = \"log\"\nversion = \"0.4.1\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
         [[package]]\nname = \"tool\"\nversion = \"1.0.0\"\nsource = \"git+https://user:word@example.com/tool?branch=main#{}\"\n\
         [metadata]\n\"checksum log 0.4.1 (registry+https://github.com/rust-lang/crates.io-index)\" = \"{sum}\"\n\
         \"checksum tool 1.0.0 (git+https://example.com/tool)\" = \"<none>\"\n",
        "b".repeat(40)
    );
    let document = of(&file("Cargo.lock", &lock)).unwrap();
    let log = &document.components["pkg:cargo/log@0.4.1"];
    assert_eq!((log.pinned, log.direct, log.checksums["sha256"].as_str()), (true, Some(true), sum.as_str()));
    let tool = document.components.keys().find(|purl| purl.starts_with("pkg:cargo/tool@")).unwrap();
    assert!(tool.contains("vcs_url=git%2Bhttps:%2F%2Fexample.com%2Ftool%40bbbb"), "{tool}");
    assert!(document.components[tool].pinned);
}

#[test]
fn a_manifest_without_a_lockfile_lists_what_nothing_pins() {
    let mut files = file(
        "Cargo.toml",
        "[package]\nname = \"app\"\n[dependencies]\nlog = \"0.4\"\nours = { path = \"ours\" }\n",
    );
    files.extend(file(
        "web/package.json",
        r#"{"name": "web", "dependencies": {"ws": "^8.0.0", "lib": "file:../lib"}}"#,
    ));
    files.extend(file(
        "py/pyproject.toml",
        "[project]\nname = \"py\"\ndependencies = [\"Flask>=2\", \"typing_extensions\"]\n",
    ));
    insta::assert_snapshot!(listing(&of(&files).unwrap()), @r"
    pkg:cargo/log 0.4 Runtime direct open
    pkg:npm/ws ^8.0.0 Runtime direct open
    pkg:pypi/flask >=2 Runtime direct open
    pkg:pypi/typing-extensions * Runtime direct open
    ");
    files.extend(file("Cargo.lock", "version = 4\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n"));
    assert!(!of(&files).unwrap().components.contains_key("pkg:cargo/log"));
}

#[test]
fn installed_and_vendored_packages_are_not_the_project() {
    let mut files = file("web/node_modules/a/package-lock.json", "broken");
    files.extend(file("vendor/b/Cargo.lock", "broken"));
    files.extend(file("vendor/b/.cargo-checksum.json", "{}"));
    assert!(of(&files).unwrap().sources.is_empty());
    // A checksum file at the root, or beside a lockfile that is not Cargo's, hides nothing.
    let checksums = ".cargo-checksum.json";
    let mut files = file("web/requirements.txt", "flask==3.0.0\n");
    files.extend([file(checksums, "{}"), file(&format!("web/{checksums}"), "{}")].into_iter().flatten());
    files.extend(file("Cargo.lock", "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n"));
    assert_eq!(of(&files).unwrap().sources.len(), 2);
}

#[test]
fn what_cannot_be_read_is_an_error_with_file_place_and_remedy() {
    let rows: [(&str, &str); 34] = [
        ("a/Cargo.lock", "version = 5\n"),
        ("Cargo.lock", "version = 4\n[[package]]\nname = \"a\"\n"),
        ("Cargo.lock", "version = 4\n[[package]]\nname = \"a\"\nversion = \"1\"\ndependencies = [\"b\"]\n"),
        ("package-lock.json", r#"{"lockfileVersion": 4}"#),
        ("package-lock.json", r#"{"lockfileVersion": 3, "packages": {"node_modules/a": {"version": 7}}}"#),
        ("package-lock.json", r#"{"lockfileVersion": 3, "packages": {}, "packages": {}}"#),
        ("npm-shrinkwrap.json", ""),
        ("pnpm-lock.yaml", "lockfileVersion: '10.0'\n"),
        (
            "pnpm-lock.yaml",
            "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a:\n        version: 1.0.0\n",
        ),
        ("yarn.lock", "__metadata:\n  version: 11\n"),
        ("yarn.lock", "__metadata:\n  cacheKey: 8\n"),
        ("yarn.lock", "__metadata:\n  version: 8\n\"a@npm:1\":\n  version: 1.0.0\n"),
        (
            "yarn.lock",
            "__metadata:\n  version: 8\n\"a@npm:1\":\n  version: 1.0.0\n  resolution: \"a@npm:1.0.0\"\n  dependencies:\n    b: \"npm:^2\"\n",
        ),
        ("composer.lock", r#"{"packages": []}"#),
        ("composer.lock", r#"{"content-hash": "c", "packages": [{"name": "a/b"}]}"#),
        (
            "composer.lock",
            r#"{"content-hash": "c", "packages": [{"name": "a/b", "version": "1"}, {"name": "A/b", "version": "2"}]}"#,
        ),
        ("Gemfile.lock", ""),
        ("Gemfile.lock", "GEM\n  remote: https://rubygems.org/\n  specs:\n    a (1.0)\n"),
        ("Gemfile.lock", "<<<<<<< HEAD\nGEM\n"),
        ("Gemfile.lock", "GEM\n  specs:\n    a (1.0)\n    a (2.0)\n\nDEPENDENCIES\n  a\n"),
        ("gradle.lockfile", "a:b:1=runtimeClasspath\n"),
        ("gradle.lockfile", "a:b=runtimeClasspath\nempty=\n"),
        ("packages.lock.json", r#"{"version": 3, "dependencies": {}}"#),
        ("packages.lock.json", r#"{"version": 1, "dependencies": {"net8.0": {"a": {"type": "Direct"}}}}"#),
        ("pdm.lock", "[metadata]\nlock_version = \"5.0\"\n"),
        ("Pipfile.lock", r#"{"_meta": {"pipfile-spec": 7}}"#),
        ("Pipfile.lock", r#"{"_meta": {"pipfile-spec": 6}, "default": {}}"#),
        ("yarn.lock", "a@^1.0.0:\n  version \"1.0.0\"\n  dependencies:\n    b \"^1.0.0\"\n"),
        ("requirements.txt", "a==1.0\n--unknown-option\n"),
        ("requirements.txt", "-r requirements.txt\n"),
        ("poetry.lock", "[metadata]\nlock-version = \"3.0\"\n"),
        ("uv.lock", "version = 2\n"),
        ("go.mod", "module a\n\nrequire (\n\tb v1.0.0\n"),
        ("pom.xml", "<!DOCTYPE project [<!ENTITY a \"aaaa\">]><project>&a;</project>"),
    ];
    let mut text = String::new();
    for (path, content) in rows {
        writeln!(text, "{}", error(&file(path, content))).unwrap();
    }
    insta::assert_snapshot!("errors", text);
}

#[test]
fn bytes_that_are_no_text_or_too_many_are_an_error() {
    let utf16 = BTreeMap::from([("requirements.txt".to_owned(), b"\xff\xfea\x00".to_vec())]);
    assert!(error(&utf16).contains("save it as UTF-8"));
    let latin = BTreeMap::from([("requirements.txt".to_owned(), b"a==1\xe4".to_vec())]);
    assert!(error(&latin).contains("byte 4 is not UTF-8"));
    let long = BTreeMap::from([("uv.lock".to_owned(), vec![b'#'; LOCKFILE_BYTES_MAX + 1])]);
    assert!(error(&long).contains("more than 16777216 bytes"));
    let marked = of(&file("requirements.txt", "\u{feff}a==1\r\nb==2\r\n")).unwrap();
    assert_eq!(marked.components.len(), 2);
}

#[test]
fn depth_number_and_circles_have_limits() {
    let deep = format!(
        r#"{{"lockfileVersion": 1, "dependencies": {}"#,
        r#"{"a": {"version": "1", "dependencies": "#.repeat(5_000)
    );
    assert!(error(&file("package-lock.json", &deep)).contains("recursion limit"));
    let deep = format!("lockfileVersion: '9.0'\npackages: {}{}", "[".repeat(5_000), "]".repeat(5_000));
    error(&file("pnpm-lock.yaml", &deep));
    let deep = format!("version = 1\npackage = {}{}", "[".repeat(50_000), "]".repeat(50_000));
    error(&file("uv.lock", &deep));
    let deep = format!("<project>{}{}</project>", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert!(error(&file("pom.xml", &deep)).contains("nested more than 128 deep"));
    let wide = format!("<project {}/>", (0..20_000).map(|n| format!("a{n}='' ")).collect::<String>());
    assert!(error(&file("pom.xml", &wide)).contains("attributes of an element"));
    let many = format!(r#"{{"lockfileVersion": 3, "packages": [{}0]}}"#, "0,".repeat(1_200_000));
    assert!(error(&file("package-lock.json", &many)).contains("more than 1000000 values"));
    let aliases = format!("a: &a [{}]\n", "x,".repeat(9))
        + &(0..9).map(|n| format!("b{n}: [*a,*a,*a,*a]\n")).collect::<String>();
    error(&file("pnpm-lock.yaml", &aliases));
    let circle = "lockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    resolution: {integrity: sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=}\n  \
                  b@1.0.0:\n    resolution: {integrity: sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=}\nsnapshots:\n  a@1.0.0:\n    dependencies: {b: 1.0.0}\n  \
                  b@1.0.0:\n    dependencies: {a: 1.0.0}\n";
    let document = of(&file("pnpm-lock.yaml", circle)).unwrap();
    assert!(document.components["pkg:npm/b@1.0.0"].needs.contains("pkg:npm/a@1.0.0"));
    let mut parents = file(
        "pom.xml",
        "<project><parent><relativePath>b.xml</relativePath></parent><artifactId>a</artifactId></project>",
    );
    parents.extend(file("b.xml", "<project><parent><relativePath>pom.xml</relativePath></parent></project>"));
    assert!(error(&parents).contains("circle"));
    let property = "<project><artifactId>a</artifactId><properties><a>${a}${a}</a></properties><dependencies><dependency>\
                    <groupId>g</groupId><artifactId>b</artifactId><version>${a}</version></dependency></dependencies></project>";
    assert!(of(&file("pom.xml", property)).unwrap().components.contains_key("pkg:maven/g/b"));
}

#[test]
fn package_urls_are_those_of_the_published_suite() {
    let Some(root) = published_vectors::suite("purl") else { return };
    let bytes = std::fs::read(root.join("types/maven-test.json")).unwrap();
    let suite: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let mut built = 0;
    for test in suite["tests"].as_array().unwrap() {
        let input = &test["input"];
        let part = |key: &str| input[key].as_str().unwrap_or_default().to_owned();
        if test["test_type"] != "build" || test["expected_failure"] == true || !input["subpath"].is_null() {
            continue;
        }
        let mut purl = purl::Purl::maven(&part("namespace"), &part("name")).unwrap();
        for (key, value) in input["qualifiers"].as_object().into_iter().flatten() {
            purl = purl.with(key.clone().leak(), value.as_str().unwrap()).unwrap();
        }
        let text = if part("version").is_empty() { purl.open() } else { purl.at(&part("version")).unwrap() };
        assert_eq!(text, test["expected_output"], "{}", test["description"]);
        built += 1;
    }
    assert!(built > 2, "{built}");
}

#[test]
fn names_become_package_urls_by_the_rules_of_their_type() {
    let at = |purl: Result<purl::Purl, Fault>| purl.unwrap().at("1.0").unwrap();
    assert_eq!(at(purl::Purl::npm("@babel/core")), "pkg:npm/%40babel/core@1.0");
    assert_eq!(at(purl::Purl::pypi("Zope._-Interface")), "pkg:pypi/zope-interface@1.0");
    assert_eq!(
        at(purl::Purl::golang("github.com/BurntSushi/toml")),
        "pkg:golang/github.com/burntsushi/toml@1.0"
    );
    assert!(
        purl::Purl::npm("").is_err()
            && purl::Purl::npm("../a").is_err()
            && purl::Purl::golang("a//b").is_err()
    );
    assert!(is_exact("pkg:npm/%40a/b@1") && !is_exact("pkg:npm/%40a/b?download_url=x@1"));
}

fn subject() -> Subject {
    Subject {
        name: "shop".into(),
        version: Some("1.0.0".into()),
        created: "2026-11-28T12:00:00.000Z".parse().unwrap(),
    }
}

#[test]
fn bills_of_materials_are_the_validated_ones() {
    let bills = |name: &str| {
        let document = of(&fixture(name).0).unwrap();
        (cyclonedx(&document, &subject()).unwrap(), spdx(&document, &subject()).unwrap())
    };
    for name in ["npm3-tool", "cargo-ws", "mvn-mods"] {
        let (cyclonedx, spdx) = bills(name);
        assert_eq!((&cyclonedx, &spdx), (&bills(name).0, &bills(name).1), "{name}");
        insta::assert_snapshot!(format!("{name}.cdx"), pretty(&cyclonedx));
        insta::assert_snapshot!(format!("{name}.spdx"), pretty(&spdx));
    }
}

fn pretty(bytes: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

#[test]
fn foreign_lockfiles_are_read_or_refused_by_name() {
    let Some(root) = published_vectors::suite("osv-scanner") else { return };
    let entries = std::fs::read_dir(&root).unwrap();
    let mut text = String::new();
    let mut trees: BTreeSet<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    trees.extend(["clean", "deprecated-vuln"].map(|name| root.join("exp-plugins-pkgdeprecate").join(name)));
    for entry in trees {
        let files = std::fs::read_dir(&entry).unwrap().map(|file| file.unwrap().path());
        let files = files.filter(|path| path.is_file()).map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
        });
        let files: Files = files.filter(|(name, _)| is_read(name)).collect();
        if files.keys().any(|name| format_of(name).is_some()) {
            let result = of(&files).map(|document| {
                let sources = document.sources.iter().cloned().collect::<Vec<_>>().join(" ");
                format!("{sources}: {} components", document.components.len())
            });
            let result = result.unwrap_or_else(|error| error.to_string());
            writeln!(text, "{}: {result}", entry.file_name().unwrap().to_str().unwrap()).unwrap();
        }
    }
    insta::assert_snapshot!("osv-scanner", text);
}

#[test]
fn many_projects_take_linear_time() {
    let modules: String = (0..1_500).map(|number| format!("<module>m{number}</module>")).collect();
    let root = format!(
        "<project><groupId>g</groupId><artifactId>r</artifactId><modules>{modules}</modules></project>"
    );
    let mut files = file("pom.xml", &root);
    for number in 0..1_500 {
        let pom = format!(
            "<project><groupId>g</groupId><artifactId>a{number}</artifactId><dependencies><dependency><groupId>g</groupId>\
             <artifactId>a0</artifactId><version>1</version></dependency><dependency><groupId>h</groupId>\
             <artifactId>b{number}</artifactId><version>1</version></dependency></dependencies></project>"
        );
        files.extend(file(&format!("m{number}/pom.xml"), &pom));
        files.extend(file(
            &format!("m{number}/go.mod"),
            &format!("module m{number}\n\nrequire x/n{number} v1.0.0\n"),
        ));
    }
    assert_eq!(of(&files).unwrap().components.len(), 3_000);
}

#[test]
fn one_name_has_a_limited_number_of_versions() {
    let many = |row: &dyn Fn(usize) -> String| (0..300).map(row).collect::<String>();
    let package =
        |n| format!("[[package]]\nname = \"a\"\nversion = \"{n}\"\nsource = {{ registry = \"r\" }}\n");
    let uv = format!("version = 1\n{}", many(&package));
    let crates = many(&|n| format!("[[package]]\nname = \"a\"\nversion = \"{n}.0.0\"\n"));
    let poetry = format!("{crates}[metadata]\nlock-version = \"2.0\"\n");
    let yarn = many(&|n| format!("a@{n}:\n  version \"{n}\"\n"));
    for (path, text) in
        [("uv.lock", uv), ("Cargo.lock", crates), ("poetry.lock", poetry), ("yarn.lock", yarn)]
    {
        assert!(error(&file(path, &text)).contains("more than 200 packages have the name `a`"), "{path}");
    }
}
