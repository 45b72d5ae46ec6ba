//! Recipes of rotations: accepted forms, a message with its place for each mistake, and the examples of the guide.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::path::Path;

use evidence::rotation_recipe::{BYTES_MAX, RotationRecipe, RotationRecipeError, Source};

const BUILD: &str = "version: 1\nsecret: shop/registry/token\nsource: { command: [token, make] }\n";
const PLACE: &str = "version: 1
place: shop/api/production
secret: database
source:
  postgres:
    host: 127.0.0.1
    database: shop
    users: [api_a, api_b]
    credential: { file: /home/ada/minter }
";

fn parse(text: &str) -> Result<RotationRecipe, RotationRecipeError> {
    RotationRecipe::parse(text.as_bytes())
}

#[test]
fn recipes_are_yaml_or_json() {
    let json = r#"{"version": 1, "secret": "shop/registry/token", "source": {"command": ["token", "make"]}}"#;
    assert_eq!(parse(BUILD), parse(json));
    let recipe = parse(PLACE).unwrap();
    assert_eq!(recipe.wait().as_secs(), 900);
    let Source::Postgres(turns) = recipe.source else { panic!("another source") };
    assert_eq!(turns.value("api_b", "0f"), "api_b:0f");
    let form = PLACE.to_owned() + "    value: 'postgresql://{user}:{password}@db/shop'\n";
    let Source::Postgres(turns) = parse(&form).unwrap().source else { panic!("another source") };
    assert_eq!(turns.value("api_b", "0f"), "postgresql://api_b:0f@db/shop");
    let written = serde_json::to_string(&parse(PLACE).unwrap()).unwrap();
    assert_eq!(parse(&written), parse(PLACE));
}

#[test]
fn each_mistake_has_a_place_and_a_remedy() {
    let with = |more: &str| format!("{BUILD}{more}\n");
    let cases = [
        (BUILD.replace("version: 1", "version: 2"), "version: must be 1"),
        (with("place: shop/api/production"), "secret: a secret of a place has a plain name"),
        (PLACE.replace("place: shop/api/production\n", ""), "place: is missing"),
        (with("wait-seconds: 0"), "wait-seconds: must be 1 to 86400"),
        (with("every-days: 3651"), "every-days: must be 1 to 3650"),
        (with("expires-days: 0"), "expires-days: must be 1 to 3650"),
        (PLACE.to_owned() + "expires-days: 367\n", "at a place at most 366"),
        (with("every-days: 30\nexpires-days: 30"), "must be more than `every-days`"),
        (BUILD.replace("[token, make]", "[]"), "source.command: must be a program"),
        (BUILD.replace("[token, make]", "[./token]"), "by its absolute path or its plain name"),
        (with("retire: { command: [bin/end] }"), "retire.command: must be a program"),
        (PLACE.to_owned() + "retire: { command: [end] }\n", "retire: means nothing here"),
        (PLACE.replace("api_b", "api_a"), "users: must be two different names"),
        (PLACE.replace("api_b", "'{password}'"), "users: must be two different names"),
        (PLACE.replace("127.0.0.1", "''"), "`host` and `database` must be named"),
        (PLACE.to_owned() + "    value: '{user}'\n", "must have `{password}` once"),
        (PLACE.replace("/home/ada/minter", "minter"), "credential.file: must be an absolute path"),
        (PLACE.replace("file: /home/ada/minter", "command: []"), "credential.command: must be a program"),
        (with("shell: sh"), "unknown field"),
        (BUILD.replace("shop/registry/token", "../token"), "is not a secret"),
    ];
    for (text, expected) in cases {
        let said = parse(&text).unwrap_err().to_string();
        assert!(said.contains(expected), "{text}: {said}");
    }
    assert_eq!(parse(&" ".repeat(BYTES_MAX + 1)).unwrap_err(), RotationRecipeError::Long);
    let words = "a, ".repeat(65);
    assert!(parse(&BUILD.replace("token, make", &words)).is_err(), "too many words");
}

#[test]
fn the_examples_of_the_guide_are_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/secrets/rotation.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks: Vec<_> =
        text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        parse(block).unwrap();
    }
}
