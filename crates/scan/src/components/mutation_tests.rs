//! Broken lockfiles: 10,000 mutations of each format. None makes a reader panic, and none gives a document that is unsound.

use evidence::document::Document as _;

use super::tests::{Files, fixture};
use super::*;

macro_rules! mutations {
    ($($test:ident: $name:literal;)*) => { $(
        #[test]
        fn $test() {
            ten_thousand_mutations(&fixture($name).0);
        }
    )* };
}

mutations! {
    mutations_of_cargo_never_panic: "cargo-ws";
    mutations_of_npm_1_never_panic: "npm1-tool";
    mutations_of_npm_3_never_panic: "npm3-tool";
    mutations_of_pnpm_5_never_panic: "pnpm7-tool";
    mutations_of_pnpm_6_never_panic: "pnpm8-tool";
    mutations_of_pnpm_9_never_panic: "pnpm9-tool";
    mutations_of_yarn_never_panic: "yarn1-tool";
    mutations_of_pip_never_panic: "pip-plain";
    mutations_of_go_never_panic: "go-app";
    mutations_of_maven_never_panic: "mvn-mods";
    mutations_of_maven_trees_never_panic: "mvn-log";
    mutations_of_poetry_never_panic: "poetry-old";
    mutations_of_uv_never_panic: "uv-app";
    mutations_of_yarn_berry_never_panic: "yarn4-tool";
    mutations_of_composer_never_panic: "composer-app";
    mutations_of_gems_never_panic: "gem-checks";
    mutations_of_nuget_never_panic: "nuget-app";
    mutations_of_gradle_never_panic: "gradle-app";
    mutations_of_pdm_never_panic: "pdm-app";
    mutations_of_pipenv_never_panic: "pipenv-app";
}

/// Manifests are read where no lockfile is.
#[test]
fn mutations_of_manifests_never_panic() {
    let files = [
        (
            "a/Cargo.toml",
            "[package]\nname = \"a\"\n[dependencies]\nb = { version = \"1\", package = \"c\", optional = true }\nd.workspace = true\n\
             [target.'cfg(unix)'.build-dependencies]\ne = { git = \"https://x.test/e\" }\n[workspace.dependencies]\nd = \"2\"\n[patch.crates-io]\nf = { path = \"f\" }\n",
        ),
        (
            "b/package.json",
            r#"{"name": "b", "dependencies": {"@a/c": "^1", "d": "npm:e@2"}, "optionalDependencies": {"f": "file:f"}, "devDependencies": {"g": "git+https://u:p@x.test/g"}}"#,
        ),
        (
            "c/pyproject.toml",
            "[project]\nname = \"c\"\ndependencies = [\"a[x]>=1; python_version > '3'\", \"b @ https://x.test/b-1.whl\"]\n[project.optional-dependencies]\nd = [\"e\"]\n\
             [dependency-groups]\nf = [\"g\", {include-group = \"h\"}]\n[tool.poetry.dependencies]\npython = \"^3\"\ni = {git = \"https://x.test/i\"}\n",
        ),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    assert!(of(&files.clone().into()).unwrap().components.len() >= 9);
    ten_thousand_mutations(&files.into());
}

fn ten_thousand_mutations(files: &Files) {
    let mut chance = fastrand::Rng::with_seed(17);
    let seeds: Vec<(&String, Vec<u8>)> =
        files.iter().map(|(path, bytes)| (path, seed(path, bytes))).collect();
    let mut read = 0;
    for _ in 0..10_000 {
        let mut changed: Files = seeds.iter().map(|(path, bytes)| ((*path).clone(), bytes.clone())).collect();
        let at = chance.usize(0..seeds.len());
        if let Some(bytes) = changed.get_mut(seeds[at].0) {
            mutate(&mut chance, bytes);
        }
        match of(&changed) {
            Ok(document) => {
                document.check().unwrap();
                read += 1;
            }
            Err(error) => assert!(error.to_string().len() < 2_000, "{error}"),
        }
    }
    assert!(read > 0, "no mutation was read, so the seed is broken");
}

/// The first entries of a file, so that many mutations are quick.
fn seed(path: &str, bytes: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).unwrap();
    let end = |mark: &str| text.match_indices(mark).nth(4).map_or(text.len(), |(at, _)| at);
    match base(path) {
        "poetry.lock" => {
            let metadata = text.find("[metadata]").unwrap();
            format!("{}{}", &text[..end("[[package]]").min(metadata)], &text[metadata..]).into_bytes()
        }
        _ if bytes.len() > 16 * 1024 => text[..end("[[package]]")].to_owned().into_bytes(),
        _ => bytes.to_vec(),
    }
}

fn mutate(chance: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    for _ in 0..chance.usize(1..4) {
        let at = chance.usize(0..bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        let to = (at + chance.usize(0..40)).min(bytes.len());
        match chance.u8(0..6) {
            0 if !bytes.is_empty() => bytes[at] = chance.u8(..),
            1 => drop(bytes.drain(at..to)),
            2 => bytes.truncate(at),
            3 => {
                let piece = bytes[at..to].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => {
                let marks: [&[u8]; 8] =
                    [b"\"", b"{", b"[", b"\n", b"null", b"..", b"-1", "\u{202e}".as_bytes()];
                bytes.splice(at..at, marks[chance.usize(0..marks.len())].iter().copied());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << chance.u8(0..8);
                }
            }
        }
    }
}
