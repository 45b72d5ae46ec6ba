//! Files that `init` writes for the supported kinds of projects.

use serde_json::json;

use crate::release::at_place;
use crate::release::shop::Shop;

/// A repository with only these files, and the files that `init` wrote for it: pipeline, release file.
fn written(files: &[(&str, &str)], arguments: &[&str]) -> (Shop, [String; 2]) {
    let shop = Shop::new();
    shop.git(&["rm", "-rq", "."]);
    for (path, text) in files {
        shop.write(path, text);
    }
    shop.commit("a project");
    shop.in_repository(&[&["init"], arguments].concat(), 0);
    let read =
        |name: &str| std::fs::read_to_string(shop.repository().join(".countersign").join(name)).unwrap();
    let texts = [read("pipeline.yaml"), read("release.yaml")];
    (shop, texts)
}

#[test]
fn each_kind_of_project_gets_a_pipeline_of_its_own() {
    let vendored = [("go.mod", "module m\n\nrequire a.example/b v1.0.0\n"), ("vendor/modules.txt", "")];
    let locked = [
        ("package.json", r#"{"dependencies":{"a":"1"},"scripts":{"test":"tap test/*.js"}}"#),
        ("package-lock.json", "{}"),
    ];
    let package = [("pyproject.toml", "[build-system]\n"), ("tests/test_a.py", "import unittest\n")];
    let rust = [
        ("Cargo.toml", "[package]\nname = \"shop\"\nversion = \"1.0.0\"\n"),
        ("Cargo.lock", ""),
        ("src/main.rs", "fn main() {}\n"),
    ];
    for (files, wanted, unwanted) in [
        (
            &vendored[..],
            "go build -trimpath -buildvcs=false -ldflags=-buildid= -o out/bin/ ./...",
            "network:",
        ),
        (&locked, "npm ci --ignore-scripts --no-audit --no-fund --omit=dev", "  test:"),
        (
            &package,
            "PYTHONPATH=out/site PYTHONDONTWRITEBYTECODE=1 python3 -m unittest discover -s tests",
            "pytest",
        ),
        (&[("requirements.txt", ""), ("pyproject.toml", "[tool.black]\n")], "-r requirements.txt", "  test:"),
        (
            &rust,
            "cargo build --release --locked\n      mkdir -p out/bin\n      cp target/release/shop out/bin/",
            "generate",
        ),
    ] {
        let (_shop, [pipeline, release]) = written(files, &[]);
        assert!(pipeline.contains(wanted) && !pipeline.contains(unwanted), "{pipeline}");
        assert!(pipeline.contains("\n  scan:\n    scan: [secrets, components]\n"), "{pipeline}");
        assert!(release.contains("command: [app/check]"), "{release}");
    }
}

/// No file is written by hand, and no network is needed: only the start command is given.
#[test]
fn a_start_command_makes_a_service_that_listens_by_itself() {
    let command = "python3 -m http.server --bind 127.0.0.1 $PORT";
    let (shop, [_, release]) = written(&[("index.html", "hello\n")], &["--command", command]);
    assert!(release.contains("listen: variable") && release.contains("http: \"/\""), "{release}");
    shop.commit("countersign");
    let up = shop.home.up();
    shop.ok(&["run"]);
    assert_ne!(at_place(&up, "shop/shop/staging")["running"], json!(null));
    // Existing files are not written again, so another start command would have no effect and is refused.
    shop.in_repository(&["project", "add", "--command", "x"], 2);
    assert!(up.stop());
}
