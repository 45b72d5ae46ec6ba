//! A project whose steps run in an image: from the first run without it to production, and its removal.

#[path = "../../../image/tests/support/mod.rs"]
mod layouts;

use serde_json::{Value, json};

use self::layouts::registry::TestRegistry;
use self::layouts::{Layout, file, programs};
use super::Shop;
use crate::codes;
use crate::support::until;

/// A shop whose pipeline names this image.
fn shop_in(image: &str) -> Shop {
    let shop = Shop::solo();
    let path = shop.repository().join(".countersign/pipeline.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("version: 1", &format!("version: 1\nimage: {image}"));
    shop.write(
        ".countersign/pipeline.yaml",
        &text.replace("mkdir -p out", "cat /etc/made-by\n      mkdir -p out"),
    );
    shop.commit("steps run in an image");
    shop
}

/// An image of a shell, and a file that says where it is from.
pub fn layout() -> Layout {
    Layout::of(&[
        &programs(&["sh", "cp", "cat", "mkdir", "chmod"]),
        &[file("etc/made-by", "the tools of the team\n")],
    ])
}

#[test]
fn a_release_is_built_in_the_image_that_its_pipeline_names() {
    let mut layout = layout();
    let digest = layout.seal();
    let shop = shop_in(&format!("registry.example/tools:1@{digest}"));
    let plan = shop.ok(&["pipeline", "check"]);
    assert!(plan.to_string().contains(&format!("registry.example/tools:1@{digest}")), "{plan}");
    let up = shop.home.up();
    // Nobody has loaded it: the runners give up, and say what their operator does.
    let refused = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&refused), ["step-failed"], "{refused}");
    let runs: Value = serde_json::from_str(&up.get("/api/v1/runs").1).unwrap();
    // The run ends with the first step on the first runner. Its log comes beside it, and those of the others may come too late.
    let run = runs[0]["run"].as_str().unwrap();
    let says = |step: &str, runner: &str| {
        let log = shop.ok(&["logs", run, step, "--runner", runner]);
        log.to_string().contains("`countersign runner image load`")
    };
    let both = |step: &str| says(step, "runner-1") || says(step, "runner-2");
    until(|| (both("build") || both("test")).then_some(()));
    let loaded = shop.home.ok(&["runner", "image", "load", layout.path().to_str().unwrap()]);
    assert_eq!(loaded["images"][0]["image"], json!(digest));
    let local = shop.ok(&["pipeline", "run", "build"]);
    assert!(!local.is_null());
    let run = shop.ok(&["run"])["run"].as_str().unwrap().to_owned();
    let logs = shop.ok(&["logs", &run, "build", "--runner", "runner-2"]);
    assert_eq!(logs["logs"][format!("{run}/step/build/runner-2")], "the tools of the team\n");
    shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    shop.ok(&["promote", "--bundle", "release.bundle"]);
    let verified = shop.ok(&["verify", "release.bundle"]);
    assert!(!verified.is_null());
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    let images = |verb: &[&str]| -> Value { shop.home.ok(&[&["runner", "image"], verb].concat()) };
    assert_eq!(images(&["list"])["images"][0]["unpacked"], true);
    let digest = digest.to_string();
    let registry = TestRegistry::start(layout.path(), |_, answer| answer);
    let file = registry.file(shop.home.dir.path());
    let pulled = format!("{}/team/tools@{digest}", registry.host);
    let pulled = images(&["pull", &pulled, "--registries", file.to_str().unwrap()]);
    assert_eq!(pulled["images"][0]["image"], json!(digest));
    let nameless = shop.home.json(&["runner", "image", "pull", &digest], 1);
    assert!(nameless["error"].as_str().unwrap().contains("is named without a registry"), "{nameless}");
    assert_eq!(images(&["remove", &digest])["removed"], json!([digest]));
    assert_eq!(images(&["list"])["images"], json!([]));
    let again = shop.home.run(&["runner", "image", "remove", &digest]);
    assert_eq!(again.status.code(), Some(1));
    assert!(up.stop());
}
