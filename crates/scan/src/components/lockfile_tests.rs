//! Lockfiles of yarn 2 and later, PDM, Pipenv, Gradle, Bundler, Composer and NuGet: what hides, what drifts, limits.

use super::tests::Files;
use super::*;

fn files(rows: &[(&str, &str)]) -> Files {
    rows.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

fn purls(rows: &[(&str, &str)]) -> Vec<String> {
    of(&files(rows)).unwrap().components.into_keys().collect()
}

fn drift(rows: &[(&str, &str)], manifest: &str) -> Vec<String> {
    let mut drift = of(&files(rows)).unwrap().drift;
    drift.remove(manifest).unwrap_or_default().into_iter().collect()
}

const BERRY: &str = r#"__metadata:
  version: 8
  cacheKey: 10c0

"app@workspace:.":
  version: 0.0.0-use.local
  resolution: "app@workspace:."
  dependencies:
    alias: "npm:left-pad@^1.3.0"
    inner: "workspace:^"
    tape: "npm:^5.0.0"
  languageName: unknown
  linkType: soft

"inner@workspace:^, inner@workspace:packages/inner":
  version: 0.0.0-use.local
  resolution: "inner@workspace:packages/inner"
  languageName: unknown
  linkType: soft

"alias@npm:left-pad@^1.3.0":
  version: 1.3.0
  resolution: "left-pad@npm:1.3.0"
  checksum: 10c0/aa
  languageName: node
  linkType: hard

"forked@https://user:secret@git.test/forked.git#commit=89abcdef0123456789abcdef0123456789abcdef":
  version: 2.0.0
  resolution: "forked@https://user:secret@git.test/forked.git#commit=89abcdef0123456789abcdef0123456789abcdef"
  languageName: node
  linkType: hard

"mirror@npm:^1.0.0":
  version: 1.0.0
  resolution: "mirror@npm:1.0.0::__archiveUrl=https%3A%2F%2Ffiles.test%2Fmirror-1.0.0.tgz"
  checksum: 10c0/bb
  languageName: node
  linkType: hard

"tape@npm:^5.0.0":
  version: 5.0.1
  resolution: "tape@npm:5.0.1"
  dependencies:
    mirror: "npm:^1.0.0"
  dependenciesMeta:
    mirror:
      optional: true
  conditions: os=darwin
  languageName: node
  linkType: hard
"#;
const APP: &str = r#"{"name": "app", "workspaces": ["packages/*"], "dependencies": {"alias": "npm:left-pad@^1.3.0", "inner": "workspace:^"}, "devDependencies": {"tape": "^5.0.0"}}"#;
const INNER: &str = r#"{"name": "inner"}"#;

#[test]
fn yarn_berry_entries() {
    let rows = [("yarn.lock", BERRY), ("package.json", APP), ("packages/inner/package.json", INNER)];
    let document = of(&files(&rows)).unwrap();
    let found: Vec<_> =
        document.components.iter().map(|(purl, found)| (purl.as_str(), found.pinned, found.direct)).collect();
    assert_eq!(
        found,
        [
            (
                "pkg:npm/forked@2.0.0?vcs_url=git%2Bhttps:%2F%2Fgit.test%2Fforked.git%4089abcdef0123456789abcdef0123456789abcdef",
                true,
                Some(false)
            ),
            ("pkg:npm/left-pad@1.3.0", true, Some(true)),
            (
                "pkg:npm/mirror@1.0.0?download_url=https:%2F%2Ffiles.test%2Fmirror-1.0.0.tgz",
                true,
                Some(false)
            ),
            ("pkg:npm/tape@5.0.1", false, Some(true)),
        ]
    );
    assert!(document.drift.is_empty(), "{:?}", document.drift);
    let scope = |purl: &str| document.components[purl].scope;
    assert_eq!(scope("pkg:npm/tape@5.0.1"), evidence::document::components::Scope::Development);
}

/// Yarn installs what the locator names. A newer version beside it would hide the flaws of an old one.
#[test]
fn attack_a_version_beside_another_resolution_is_told() {
    let differs = |was: &str, is: &str| {
        assert_eq!(BERRY.matches(was).count(), 1, "{was}");
        let lock = BERRY.replace(was, is);
        let rows =
            [("yarn.lock", lock.as_str()), ("package.json", APP), ("packages/inner/package.json", INNER)];
        let document = of(&files(&rows)).unwrap();
        document.components.into_values().filter_map(|one| one.differs).collect::<Vec<_>>()
    };
    assert_eq!(differs("cacheKey: 10c0", "cacheKey: 8"), Vec::<String>::new());
    assert_eq!(
        differs("left-pad@npm:1.3.0", "left-pad@npm:1.0.0"),
        ["the lockfile says `left-pad@1.3.0`, and its resolution `1.0.0`"]
    );
    assert_eq!(
        differs("left-pad@npm:1.3.0", "left-pad@patch:left-pad@npm%3A1.1.0#a.patch::hash=1"),
        ["the lockfile says `left-pad@1.3.0`, and its resolution `1.1.0`"]
    );
    assert_eq!(differs("left-pad@npm:1.3.0", "left-pad@patch:left-pad@npm%3A1.3.0#a"), Vec::<String>::new());
    assert_eq!(differs("files.test%2Fmirror-1.0.0.tgz", "files.test%2Fevil-1.0.0.tgz").len(), 1);
}

#[test]
fn attack_a_gem_of_two_sources_is_refused() {
    let gems = "PATH\n  remote: .\n  specs:\n    evil (1.0)\n\nGEM\n  remote: https://rubygems.org/\n  specs:\n    evil (1.0)\n\nDEPENDENCIES\n  evil\n";
    let error = of(&files(&[("Gemfile.lock", gems)])).unwrap_err().to_string();
    assert!(error.contains("`evil` stands in two sections"), "{error}");
}

#[test]
fn yarn_berry_drifts() {
    let other = APP.replace("^5.0.0", "^6.0.0");
    let more = APP.replace("\"tape\"", "\"evil\": \"1.0.0\", \"tape\"");
    for (manifest, sentence) in [
        (other, "`tape`: `yarn.lock` has `^5.0.0`, and the manifest asks for `^6.0.0`"),
        (more, "`evil`: `yarn.lock` has none, and the manifest asks for `1.0.0`"),
    ] {
        let rows =
            [("yarn.lock", BERRY), ("package.json", &manifest), ("packages/inner/package.json", INNER)];
        assert_eq!(drift(&rows, "package.json"), [sentence]);
    }
}

/// A project of the repository stands for no package of the registry that has its name.
#[test]
fn a_project_hides_no_package() {
    let manifest = APP.replace("workspace:^", "npm:^6.6.6");
    let outside = [("yarn.lock", BERRY), ("package.json", &manifest)];
    assert!(purls(&outside).contains(&"pkg:npm/inner".to_owned()));
}

#[test]
fn pdm_drifts() {
    let lock = "[metadata]\nlock_version = \"4.5.0\"\n[[package]]\nname = \"a\"\nversion = \"1.0\"\ngroups = [\"default\"]\n[[package]]\nname = \"b\"\nversion = \"2.0\"\npath = \"./b\"\n";
    let manifest = |asked: &str| {
        format!(
            "[project]\nname = \"app\"\ndependencies = [{asked}]\n[project.optional-dependencies]\nx = [\"never\"]\n"
        )
    };
    for (asked, sentences) in [
        ("\"a>=1\"", vec![]),
        ("\"a<1\"", vec!["`a`: `pdm.lock` has `1.0`, and the manifest asks for `<1`"]),
        (
            "\"a\", \"b\"",
            vec!["`b`: `pdm.lock` has `2.0 of a directory`, and the manifest asks for any version"],
        ),
        ("\"c==1\"", vec!["`c`: `pdm.lock` has none, and the manifest asks for `==1`"]),
    ] {
        let manifest = manifest(asked);
        assert_eq!(
            drift(&[("pdm.lock", lock), ("pyproject.toml", &manifest)], "pyproject.toml"),
            sentences,
            "{asked}"
        );
    }
}

/// A `Pipfile.lock` is no lockfile of a `pyproject.toml`, and `verification-metadata.xml` is no lockfile at all.
#[test]
fn what_a_lockfile_does_not_cover() {
    let lock = r#"{"_meta": {"pipfile-spec": 6}, "default": {}, "develop": {}}"#;
    let rows = [
        ("Pipfile.lock", lock),
        ("pyproject.toml", "[project]\nname = \"app\"\ndependencies = [\"evil\"]\n"),
    ];
    assert_eq!(purls(&rows), ["pkg:pypi/evil"]);
    assert!(format_of("gradle/verification-metadata.xml").is_none());
    assert!(format_of("a/gradle/dependency-locks/x.lockfile").is_some());
    assert!(format_of("a/dependency-locks/x.lockfile").is_none());
}

#[test]
fn a_directory_outside_of_the_tree_is_no_project() {
    let gems = "PATH\n  remote: ../evil\n  specs:\n    evil (1.0)\n\nDEPENDENCIES\n  evil!\n";
    assert_eq!(purls(&[("Gemfile.lock", gems)]), ["pkg:gem/evil@1.0"]);
    let composer = r#"{"content-hash": "c", "packages": [{"name": "a/evil", "version": "1", "dist": {"type": "path", "url": "../evil"}}]}"#;
    assert_eq!(purls(&[("composer.lock", composer)]), ["pkg:composer/a/evil@1?download_url=..%2Fevil"]);
    let pdm = "[metadata]\nlock_version = \"4.5.0\"\n[[package]]\nname = \"evil\"\nversion = \"1.0\"\npath = \"../evil\"\n";
    assert_eq!(purls(&[("pdm.lock", pdm)]), ["pkg:pypi/evil@1.0"]);
}

#[test]
fn limits() {
    let many = |row: &dyn Fn(usize) -> String| (0..300).map(row).collect::<String>();
    let pdm = many(&|n| format!("[[package]]\nname = \"a\"\nversion = \"{n}\"\n"));
    let pdm = format!("[metadata]\nlock_version = \"4.5.0\"\n{pdm}");
    let berry = many(&|n| format!("\"a@npm:{n}\":\n  version: {n}.0.0\n  resolution: \"a@npm:{n}.0.0\"\n"));
    let berry = format!("__metadata:\n  version: 8\n{berry}");
    for (path, text) in [("pdm.lock", &pdm), ("yarn.lock", &berry)] {
        let error = of(&files(&[(path, text)])).unwrap_err().to_string();
        assert!(error.contains("more than 200 packages have the name `a`"), "{path}: {error}");
    }
    let gems: String = (0..20_000).map(|n| format!("    g{n} (1.0)\n")).collect();
    let gems = format!("GEM\n  specs:\n{gems}\nDEPENDENCIES\n");
    let error = of(&files(&[("Gemfile.lock", &gems)])).unwrap_err().to_string();
    assert!(error.contains("10000") || error.contains("10,000"), "{error}");
    let deep = "[".repeat(100_000);
    for path in ["composer.lock", "packages.lock.json", "Pipfile.lock"] {
        let error = of(&files(&[(path, &deep)])).unwrap_err().to_string();
        assert!(error.contains(path) && error.len() < 1_000, "{error}");
    }
}
