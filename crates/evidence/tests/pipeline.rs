//! Pipeline files: accepted forms, and an error with its place for each mistake; the checked-in schemas.

use std::path::Path;

use evidence::Digest;
use evidence::pipeline::{Image, Pipeline, PipelineError, Run};
use evidence::release_file::ReleaseFile;
use evidence::rotation_recipe::RotationRecipe;
use evidence::tree_list::{FileMode, TreeFile, TreeList};

const GOOD: &str = "\
version: 1
steps:
  lint: {run: [cargo, fmt, --check]}
  test:
    run: |
      cargo test --offline
    env: {LEVEL: 'no'}
  build:
    needs: [lint, test]
    run: cargo build --release
    outputs: [target/release/api, doc]
    limits: {time-seconds: 60}
  agreed:
    needs: [build]
    approval: {role: release-manager, count: 2}
artifacts:
  api:
    files:
      bin/api: {step: build, path: target/release/api}
      share/doc: {step: build, path: doc/api}
";

#[test]
fn a_pipeline_is_read() {
    let pipeline = Pipeline::parse(GOOD.as_bytes()).unwrap();
    let order: Vec<_> = pipeline.order().into_iter().map(|name| name.as_str()).collect();
    assert_eq!(order, ["lint", "test", "build", "agreed"]);
    let test = pipeline.steps.get(&"test".parse().unwrap()).unwrap();
    assert_eq!(test.env.get("LEVEL").unwrap(), "no", "a quoted `no` stays text");
    assert_eq!(test.run.as_ref().unwrap().command().len(), 4);
    assert_eq!(Run::Program(vec!["a".into()]).command(), ["a"]);
}

#[test]
fn each_mistake_is_named_with_its_place() {
    let change = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        Pipeline::parse(GOOD.replace(from, to).as_bytes()).unwrap_err().to_string()
    };
    let lint = "lint: {run: [cargo, fmt, --check]}";
    for (from, to, expected) in [
        ("version: 1", "version: 2", "version: is not 1"),
        ("version: 1\n", "", "missing field `version`"),
        (
            "needs: [lint, test]",
            "needs: [lint, tset]",
            "steps.build.needs: `tset` is no step; known are agreed, build",
        ),
        (lint, "lint: {run: [cargo], needs: [build]}", "in a circle"),
        (lint, "lint: {}", "steps.lint: needs either `run` or `approval`"),
        (lint, "lint: {run: []}", "steps.lint.run: names no program"),
        ("run: cargo build --release", "run: ' '", "steps.build.run: is empty"),
        (lint, "lint: {run: [x], scan: [secrets]}", "steps.lint.scan: stands alone"),
        (lint, "lint: {scan: [history]}", "unknown variant `history`"),
        (lint, "lint: {scan: []}", "steps.lint: needs either"),
        (lint, "lint: {scan: [secrets], env: {A: b}}", "steps.lint.scan: has no outputs, network or env"),
        (
            lint,
            "lint: {scan: [secrets], reports: [{kind: sarif, path: x}]}",
            "steps.lint.scan: has no reports but the runner's own",
        ),
        ("count: 2", "count: 0", "steps.agreed.approval.count: is 0"),
        ("[target/release/api, doc]", "[../secret, doc]", "steps.build.outputs: `../secret`"),
        ("LEVEL: 'no'", "COUNTERSIGN_STEP: x", "steps.test.env: `COUNTERSIGN_STEP`"),
        ("time-seconds: 60", "time-seconds: 0", "steps.build.limits: `time-seconds` is 0 or above 604800"),
        ("path: doc/api", "path: docs", "artifacts.api: `docs` is not among the outputs of step `build`"),
        ("bin/api: {step: build", "../api: {step: build", "artifacts.api: `../api`"),
        ("needs: [build]", "need: [build]", "unknown field `need`"),
        ("  agreed:", "  Agreed:", "is not a name"),
        ("  test:", "  lint:", "duplicate"),
    ] {
        let error = change(from, to);
        assert!(error.starts_with(".countersign/pipeline.yaml: "), "{error}");
        assert!(error.contains(expected), "expected `{expected}` in: {error}");
    }
    let with_place = change("time-seconds: 60", "time-seconds: soon");
    assert!(with_place.contains("12"), "the line is named: {with_place}");
}

#[test]
fn images_are_scanned_before_a_step_runs_in_one() {
    let image = format!("registry.example/team/tools:1@sha256:{}", "ab".repeat(32));
    let pipeline = |needs: &str, image: &str| {
        format!(
            "version: 1\n{image}steps:\n  look: {{scan: [images]}}\n  build: {{run: make, {needs}outputs: [out]}}\n  \
             test: {{needs: [build], run: make test}}\n"
        )
    };
    let of_all = format!("image: {image}\n");
    let sound = Pipeline::parse(pipeline("needs: [look], ", &of_all).as_bytes()).unwrap();
    let places: Vec<_> = sound.images().values().map(|image| image.place()).collect();
    assert_eq!(places, ["registry.example/team/tools"]);
    let early = Pipeline::parse(pipeline("", &of_all).as_bytes()).unwrap_err().to_string();
    let expected =
        "steps.build.needs: runs in an image before step `look` has scanned it; add `look` to `needs`";
    assert!(early.contains(expected), "{early}");
    // Steps without an image may come at any time, and a pipeline without a scan of images says nothing about them.
    assert!(Pipeline::parse(pipeline("", "").as_bytes()).unwrap().images().is_empty());
    let of_one = pipeline(&format!("image: '{image}', "), "");
    assert!(Pipeline::parse(of_one.as_bytes()).unwrap_err().to_string().contains(expected));
    let unscanned = of_one.replace("  look: {scan: [images]}\n", "");
    assert!(Pipeline::parse(unscanned.as_bytes()).is_ok());
    let circle = of_one.replace("{scan: [images]}", "{needs: [build], scan: [images]}");
    assert!(Pipeline::parse(circle.as_bytes()).unwrap_err().to_string().contains("add `look` to `needs`"));
}

#[test]
fn an_image_is_placed_by_its_name_without_tag_and_digest() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    for (name, place) in [
        (format!("registry.example/team/tools:1@{digest}"), "registry.example/team/tools"),
        (format!("localhost:5000/tools@{digest}"), "localhost:5000/tools"),
        (format!("tools:1@{digest}"), "tools"),
        (digest.clone(), digest.as_str()),
    ] {
        assert_eq!(name.parse::<Image>().unwrap().place(), place);
    }
}

/// A step with a secret, one that needs it, and an artifact of a step before both.
const HELD: &str = "\
version: 1
steps:
  build: {run: make, outputs: [out]}
  publish:
    needs: [build]
    run: make publish
    secrets:
      token: {secret: registry/token, env: TOKEN}
      key: {secret: key}
    outputs: [receipt]
  agreed: {needs: [publish], approval: {role: release-manager, count: 1}}
  tell: {needs: [agreed], run: make tell, outputs: [told]}
artifacts:
  api: {files: {api: {step: build, path: out}}}
";

#[test]
fn a_step_names_secrets_of_its_own_project() {
    let pipeline = Pipeline::parse(HELD.as_bytes()).unwrap();
    let publish = pipeline.steps.get(&"publish".parse().unwrap()).unwrap();
    let secrets = publish.secrets_in(&"shop".parse().unwrap());
    let secrets: Vec<_> = secrets.iter().map(|(own, name)| format!("{own} {name}")).collect();
    assert_eq!(secrets, ["key shop/key", "token shop/registry/token"]);
    let held: Vec<_> = pipeline.held_apart().into_iter().map(|name| name.as_str()).collect();
    assert_eq!(held, ["agreed", "publish", "tell"], "also what needs it by others");
    assert!(Pipeline::parse(GOOD.as_bytes()).unwrap().held_apart().is_empty());
}

#[test]
fn attack_a_step_with_a_secret_that_reaches_an_artifact_or_another_project() {
    let change = |from: &str, to: &str| {
        assert!(HELD.contains(from), "{from}");
        Pipeline::parse(HELD.replace(from, to).as_bytes()).unwrap_err().to_string()
    };
    let many: Vec<_> = (0..17).map(|n| format!("s{n}: {{secret: key}}")).collect();
    let many = format!("secrets: {{{}}}", many.join(", "));
    let secrets = "secrets:\n      token: {secret: registry/token, env: TOKEN}\n      key: {secret: key}";
    let enters = "artifacts.api: step `publish` has secrets or needs a step with some";
    for (from, to, expected) in [
        ("{step: build, path: out}", "{step: publish, path: receipt}", enters),
        (
            "{step: build, path: out}",
            "{step: tell, path: told}",
            "artifacts.api: step `tell` has secrets or needs",
        ),
        (
            "build: {run: make, outputs",
            "build: {secrets: {a: {secret: key}}, run: make, outputs",
            "artifacts.api: step `build`",
        ),
        ("secret: registry/token", "secret: ../yard/token", "is not the path of a secret"),
        ("secret: registry/token", "secret: /token", "is not the path of a secret"),
        ("secret: registry/token", "secret: a/b/c/d/e/f/g/h", "is not the path of a secret"),
        ("token: {secret", "../token: {secret", "is not a name"),
        ("env: TOKEN", "env: COUNTERSIGN_TOKEN", "steps.publish.secrets: `COUNTERSIGN_TOKEN`"),
        ("env: TOKEN", "env: A=B", "steps.publish.secrets: `A=B` cannot name a variable"),
        ("{secret: key}", "{secret: key, env: TOKEN}", "steps.publish.secrets: set the variable `TOKEN`"),
        (
            "run: make publish",
            "run: make publish\n    env: {TOKEN: a}",
            "steps.publish.secrets: set the variable `TOKEN`",
        ),
        ("{secret: key}", "{secret: key, value: hunter2}", "unknown field `value`"),
        (secrets, &many, "steps.publish.secrets: are more than 16"),
        (
            "role: release-manager, count: 1}",
            "role: release-manager, count: 1}, secrets: {a: {secret: key}}",
            "steps.agreed.secrets: mean nothing without `run`",
        ),
        (
            "run: make tell, outputs: [told]",
            "scan: [secrets], secrets: {a: {secret: key}}",
            "steps.tell.secrets: mean nothing without `run`",
        ),
    ] {
        let error = change(from, to);
        assert!(error.contains(expected), "expected `{expected}` in: {error}");
    }
}

#[test]
fn hostile_yaml_is_refused_in_bounded_time() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\nversion: 1\nsteps: {}\n";
    assert!(Pipeline::parse(bomb.as_bytes()).is_err());
    assert!(Pipeline::parse("[".repeat(100_000).as_bytes()).is_err());
    assert!(Pipeline::parse(&[0xff, 0xfe]).is_err());
    assert_eq!(Pipeline::parse(&vec![b'#'; 300_000]), Err(PipelineError::Long));
    assert!(Pipeline::parse(b"").is_err());
}

#[test]
fn an_image_is_named_by_its_digest() {
    // Digest of the image in which a step of a file runs, and of what it makes.
    let image_and_producer = |text: &str, step: &str| {
        let pipeline = Pipeline::parse(text.as_bytes()).unwrap();
        let name = step.parse().unwrap();
        let image = pipeline.image_of(pipeline.steps.get(&name).unwrap()).map(Image::digest);
        (image, pipeline.producer(&name).unwrap())
    };
    let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
    let (bare, host) = image_and_producer(GOOD, "lint");
    assert_eq!(bare, None, "without `image` the host's toolchain is used");
    let whole = GOOD.replace("version: 1", &format!("version: 1\nimage: {one}"));
    let named = GOOD.replace("version: 1", &format!("version: 1\nimage: reg.example:5000/a/b:1@{one}"));
    let (image, in_one) = image_and_producer(&whole, "lint");
    assert_eq!(image, Some(one));
    assert_ne!(in_one, host);
    assert_eq!(image_and_producer(&named, "lint"), (image, in_one), "only the digest is believed");
    let own = whole.replace("lint: {run", &format!("lint: {{image: '{two}', run"));
    assert_eq!(image_and_producer(&own, "lint").0, Some(two), "the step's image comes first");
    assert_eq!(image_and_producer(&own, "agreed").0, None, "an approval runs nothing");
    let image: Image = format!("reg.example:5000/a/b:1@{one}").parse().unwrap();
    assert_eq!(image.registry(), Some(("reg.example:5000", "a/b")));
    assert_eq!(image.to_string(), format!("reg.example:5000/a/b:1@{one}"));
    assert_eq!(format!("tools@{one}").parse::<Image>().unwrap().registry(), None);
}

#[test]
fn attack_an_image_that_could_become_another_one() {
    let good = format!("registry.example/tools@{}", Digest::of(b"one"));
    let file = |image: &str| GOOD.replace("version: 1", &format!("version: 1\nimage: '{image}'"));
    assert!(Pipeline::parse(file(&good).as_bytes()).is_ok());
    for (image, expected) in [
        ("registry.example/tools:latest", "has no digest, and a tag can be moved to another image"),
        ("tools", "write `NAME@sha256:...` or `sha256:...`"),
        ("", "has no digest"),
        (&good[..good.len() - 1], "64 lower-case hex digits"),
        (&good.replace("sha256:", "sha512:"), "64 lower-case hex digits"),
        (&good.replace("tools", "tools@latest"), "a name that no registry has"),
        (&good.replace("tools", "../tools"), "a name that no registry has"),
        (&good.replace("tools", "to ols"), "a name that no registry has"),
        (&good.replace(".example", ".example:0"), "a name that no registry has"),
    ] {
        let refused = Pipeline::parse(file(image).as_bytes()).unwrap_err().to_string();
        assert!(refused.contains(expected), "{image}: {refused}");
    }
    let idle = GOOD.replace("agreed:\n", &format!("agreed:\n    image: '{good}'\n"));
    let refused = Pipeline::parse(idle.as_bytes()).unwrap_err().to_string();
    assert!(refused.contains("steps.agreed.image: means nothing without `run`"), "{refused}");
}

#[test]
fn the_checked_in_schemas_are_those_of_the_types() {
    let schemas = [
        ("pipeline", serde_json::to_string_pretty(&schemars::schema_for!(Pipeline)).unwrap()),
        ("release", serde_json::to_string_pretty(&schemars::schema_for!(ReleaseFile)).unwrap()),
        ("rotation", serde_json::to_string_pretty(&schemars::schema_for!(RotationRecipe)).unwrap()),
    ];
    for (name, schema) in schemas {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/schema/{name}.schema.json"));
        let schema = schema + "\n";
        if std::env::var_os("UPDATE_FORMATS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &schema).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), schema, "run with UPDATE_FORMATS=1");
    }
}

/// Every YAML block of the guide is a pipeline or a release file that this program accepts.
#[test]
fn the_examples_of_the_guide_are_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pipeline.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks: Vec<_> =
        text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 2);
    for block in blocks {
        if block.contains("services:") {
            ReleaseFile::parse(block.as_bytes()).unwrap();
        } else {
            Pipeline::parse(block.as_bytes()).unwrap();
        }
    }
}

#[test]
fn tree_lists_are_sorted_and_stay_inside() {
    let file =
        |path: &str| TreeFile { path: path.into(), mode: FileMode::Plain, size: 0, sha256: Digest::of(b"") };
    let list = TreeList::new(vec![file("b"), file("a/c"), file("a.c")]).unwrap();
    let paths: Vec<_> = list.files().iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a.c", "a/c", "b"]);
    assert_eq!(TreeList::decode(&list.encode().unwrap()).unwrap(), list);
    assert!(list.file("a/c").is_some() && list.file("a").is_none());
    for paths in [
        ["a", "a"],
        ["a", "a/b"],
        ["..", "x"],
        ["a/../b", "x"],
        ["/a", "x"],
        ["a/", "x"],
        [".git/x", "y"],
        ["a\nb", "x"],
    ] {
        assert!(TreeList::new(paths.map(file).to_vec()).is_err(), "{paths:?}");
    }
    let unsorted = serde_json::to_vec(&[file("b"), file("a")]).unwrap();
    assert!(TreeList::decode(&unsorted).is_err());
}

/// A step with a role of a database, and an artifact of a step before it.
const ROLE: &str = "\
version: 1
steps:
  build: {run: make, outputs: [out]}
  integrate:
    needs: [build]
    run: make integrate
    env: {LEVEL: a}
    secrets: {token: {secret: registry/token}}
    connect: ['queue.example:5672']
    database: {credential: db/minter, owner: shop_owner, host: 127.0.0.1, database: shop}
artifacts:
  api: {files: {api: {step: build, path: out}}}
";

#[test]
fn a_step_has_a_role_of_a_database_and_direct_connections() {
    let pipeline = Pipeline::parse(ROLE.as_bytes()).unwrap();
    let step = pipeline.steps.get(&"integrate".parse().unwrap()).unwrap();
    let lent: Vec<_> =
        step.secrets_in(&"shop".parse().unwrap()).iter().map(|(own, name)| format!("{own} {name}")).collect();
    assert_eq!(
        lent,
        ["database shop/db/minter", "token shop/registry/token"],
        "the credential is lent for it"
    );
    assert_eq!(step.connects_to().into_iter().collect::<Vec<_>>(), ["127.0.0.1:5432", "queue.example:5672"]);
    assert!(evidence::rules::of_pipeline(&pipeline).is_empty());
    let alone = ROLE.replace("    secrets: {token: {secret: registry/token}}\n", "");
    let alone = Pipeline::parse(alone.as_bytes()).unwrap();
    let held: Vec<_> = alone.held_apart().into_iter().map(|name| name.as_str()).collect();
    assert_eq!(held, ["integrate"], "a role alone holds it apart");
    let plain = ROLE.replace("host: 127.0.0.1", "host: 'fd00::5', port: 6000, authority: x");
    let plain = Pipeline::parse(plain.as_bytes()).unwrap();
    let step = plain.steps.get(&"integrate".parse().unwrap()).unwrap();
    assert!(step.connects_to().contains("[fd00::5]:6000"));
}

/// Faults of the pipeline after a change, against the form and against all rules.
fn faults(from: &str, to: &str) -> String {
    assert!(ROLE.contains(from), "{from}");
    match Pipeline::parse(ROLE.replace(from, to).as_bytes()) {
        Err(error) => error.to_string(),
        Ok(pipeline) => {
            evidence::rules::of_pipeline(&pipeline).iter().map(|problem| format!("{problem}\n")).collect()
        }
    }
}

#[test]
fn attack_a_step_takes_the_credential_of_its_database_or_goes_elsewhere_with_it() {
    let many: Vec<_> = (0..17).map(|n| format!("'host-{n}.example:1'")).collect();
    let secrets: Vec<_> = (0..16).map(|n| format!("s{n}: {{secret: key}}")).collect();
    for (from, to, expected) in [
        (
            "registry/token",
            "db/minter",
            "steps.integrate.database: `credential` is also a secret of the step",
        ),
        (
            "{token:",
            "{database:",
            "steps.integrate.secrets: `database` is the file with the password of the role",
        ),
        (
            "token: {secret: registry/token}",
            &secrets.join(", "),
            "steps.integrate.secrets: are more than 16 with",
        ),
        ("LEVEL: a", "PGHOST: a", "steps.integrate.database: sets the variable `PGHOST`"),
        ("registry/token", "registry/token, env: PGPASSWORD", "sets the variable `PGPASSWORD`"),
        ("host: 127.0.0.1", "host: db.example", "steps.integrate.database: needs `authority`"),
        ("host: 127.0.0.1", "host: /run/postgresql", "a step sees no socket of the runner's host"),
        ("host: 127.0.0.1", "host: 127.0.0.1, port: 0", "`port` of a database starts at 1"),
        (
            "host: 127.0.0.1",
            "host: 'a b', authority: x",
            "`host` of a database has 1 to 255 bytes and no spaces",
        ),
        ("owner: shop_owner", "owner: ''", "`owner` of a database has 1 to 63 bytes"),
        (
            "database: shop}",
            "database: shop, connections: 0}",
            "`connections` of a database lie between 1 and 100",
        ),
        ("database: shop}", "database: shop, least: 2}", "unknown field `least`"),
        (
            "run: make integrate",
            "scan: [secrets]",
            "steps.integrate: has `database` or `connect`, which mean nothing",
        ),
        (
            "'queue.example:5672'",
            &many.join(", "),
            "steps.integrate.connect: names more than 16 destinations",
        ),
        ("'queue.example:5672'", "queue.example", "steps.integrate.connect: `queue.example` names no port"),
        (
            "'queue.example:5672'",
            "cargo",
            "`cargo` names no port; write `host:port`, such as `db.example:5432`",
        ),
        ("'queue.example:5672'", "'*.example:1'", "`*.example:1` is a pattern"),
        (
            "{step: build, path: out}",
            "{step: integrate, path: out}",
            "artifacts.api: `out` is not among the outputs",
        ),
    ] {
        let said = faults(from, to);
        assert!(said.contains(expected), "expected `{expected}` in: {said}");
    }
}
