//! Steps in images, which are made of programs of this machine.
#![allow(clippy::indexing_slicing, reason = "test code")]

use std::path::PathBuf;

use evidence::receipt::Ending;
use evidence::{Digest, Name};
use image::Bounds;
use runner::{Caps, Execution, Images, RetainedOutputs, StepError};

use crate::layouts::registry::TestRegistry;
use crate::layouts::{Item, Layout, dir, file, link, program, programs};
use crate::support::Project;
use crate::{isolation, name, run_in, source};

/// An image of a shell and a few files, with more files.
fn layout(more: &[Item]) -> Layout {
    let mut items = programs(&["sh", "cat", "ls", "rm"]);
    items.extend([
        file("etc/os-release", "ID=tools\n"),
        file("etc/passwd", "root:x:0:0:the image's own:/:/bin/sh\n"),
        program("opt/tools/tool", b"#!/bin/sh\necho a tool of the image\n"),
        file("var/lib/known", "known"),
        link("way", "opt/tools"),
    ]);
    let mut layout = Layout::of(&[&items, more]);
    layout.config["config"]["Env"] = serde_json::json!([
        "PATH=/opt/tools:/bin",
        "TOOL=one",
        "HOME=/root",
        "COUNTERSIGN_URL=x",
        "=y",
        "LANG=C"
    ]);
    layout
}

/// Runs the step `look` of a pipeline on a machine that has this image.
fn look(layout: &mut Layout, run: &str) -> (Result<Execution, StepError>, Digest) {
    let digest = layout.seal();
    let place = tempfile::tempdir().unwrap();
    let images = Images::new(&place.path().join("images"), Bounds::default());
    image::load(&images.store().unwrap(), layout.path(), None, &|| true).unwrap();
    (look_in(images, &format!("tools@{digest}"), run), digest)
}

fn look_in(images: Images, image: &str, run: &str) -> Result<Execution, StepError> {
    let project = Project::new();
    let run = run.lines().map(|line| format!("      {line}\n")).collect::<String>();
    let pipeline =
        format!("version: 1\nimage: {image}\nsteps:\n  look:\n    outputs: [out]\n    run: |\n{run}");
    project.write(".countersign/pipeline.yaml", &pipeline);
    project.commit("first", "signing");
    let isolation = isolation(Caps::default()).with_images(Some(images));
    run_in(&isolation, &source(&project), &step(), &RetainedOutputs::new(), 1)
}

fn step() -> Name {
    name("look")
}

fn log(done: &Execution) -> String {
    String::from_utf8_lossy(&done.log).into_owned()
}

#[test]
fn a_step_runs_in_the_image_that_its_pipeline_names() {
    let script = "set -e\n. /etc/os-release\necho $ID $(cat /var/lib/known) $TOOL $HOME $PATH $LANG ${COUNTERSIGN_URL-}.\n\
                  tool\n/way/tool\ncat /etc/passwd\nls / /etc\n\
                  if (echo x > /opt/tools/tool) 2> /dev/null || rm /var/lib/known 2> /dev/null; then exit 9; fi\n\
                  echo x > /tmp/a; echo x > /var/tmp/b; cat .countersign/pipeline.yaml > out";
    let (done, digest) = look(&mut layout(&[]), script);
    let done = done.unwrap();
    let said = log(&done);
    assert!(done.facts.passed(), "{said}");
    assert!(
        said.starts_with(
            "tools known one /tmp /opt/tools:/bin C .\na tool of the image\na tool of the image\n"
        ),
        "{said}"
    );
    assert!(said.contains("build:x:1000:1000") && !said.contains("the image's own"), "{said}");
    let names = [
        "/:", "bin", "dev", "etc", "lib", "lib64", "opt", "proc", "run", "tmp", "var", "way", "work", "/etc:",
    ];
    let listed: Vec<_> =
        said.lines().skip_while(|line| *line != "/:").filter(|line| names.contains(line)).collect();
    assert!(names.iter().all(|name| listed.contains(name) || *name == "lib64" || *name == "lib"), "{said}");
    assert!(!said.contains("usr\n") && !said.contains("ssl\n"), "nothing of the host: {said}");
    assert_eq!((done.facts.image, done.facts.sandbox.toolchain), (Some(digest), digest));
    assert!(done.facts.outputs.contains_key("out"));
}

/// The sandbox has its own places, whatever an image has there, and resolves an image's links inside.
#[test]
fn attack_an_image_that_stands_in_for_the_sandbox() {
    let script = "exec 2>&1; ls -d /etc/passwd /proc/self/status /dev/null > out; cat /leads/tool; cat /etc/hostname; ls /evil";
    let (done, _) = look(&mut layout(&[link("leads", "/opt/tools")]), script);
    let said = log(&done.unwrap());
    assert!(said.starts_with("#!/bin/sh\necho a tool of the image\nsandbox\n"), "{said}");
    let stand_ins = [
        link("proc", "/opt"),
        file("dev", "no directory"),
        dir("work/evil"),
        dir("run/evil"),
        dir("old/evil"),
        dir("sys/evil"),
        dir("tmp/evil"),
        link("leads", "../../../../../../opt/tools"),
        link("outside", "/usr/bin"),
        file("etc/hostname", "evil"),
        link("etc/hosts", "/proc/1/environ"),
    ];
    let (done, _) = look(
        &mut layout(&stand_ins),
        &format!("{script} /work/evil /run/evil /old /sys /tmp/evil /outside/"),
    );
    let said = log(&done.unwrap());
    assert!(said.starts_with("#!/bin/sh\necho a tool of the image\nsandbox\n"), "{said}");
    for gone in ["/evil", "/work/evil", "/run/evil", "/old", "/sys", "/tmp/evil", "/outside/"] {
        assert!(said.contains(&format!("'{gone}': No such file")), "{gone}: {said}");
    }
    // A link in the place of a whole directory leads to nothing of the host.
    let (done, _) = look(
        &mut Layout::of(&[&programs(&["sh", "cat", "ls"]), &[link("etc", "/usr"), link("var", "/usr")]]),
        "exec 2>&1; cat /etc/hostname; ls /evil",
    );
    let said = log(&done.unwrap());
    assert!(said.contains("sandbox\n") && said.contains("'/evil'"), "{said}");
}

#[test]
fn an_image_without_the_program_fails_its_step() {
    let (done, _) = look(&mut Layout::of(&[&[file("etc/empty", "")]]), "true");
    let done = done.unwrap();
    assert_eq!(done.facts.exit, Ending::Code(127));
    assert!(log(&done).contains("cannot run `/bin/sh`"), "{}", log(&done));
}

#[test]
fn attack_a_runner_without_the_image_runs_nothing() {
    let mut layout = layout(&[]);
    let digest = layout.seal();
    let image = digest.to_string();
    let place = tempfile::tempdir().unwrap();
    let images = Images::new(&place.path().join("images"), Bounds::default());
    let refused = look_in(images.clone(), &image, "true > out").unwrap_err().to_string();
    assert!(refused.contains("step `look`: this runner has no image sha256:"), "{refused}");
    assert!(refused.contains("`countersign runner image load`"), "{refused}");
    image::load(&images.store().unwrap(), layout.path(), None, &|| true).unwrap();
    assert!(look_in(images.clone(), &image, "echo > out").unwrap().facts.passed());
    // The bytes of a layer are others than its digest says: nothing is unpacked again.
    std::fs::remove_dir_all(place.path().join("images/trees")).unwrap();
    let layer: Digest = layout.manifest["layers"][1]["digest"].as_str().unwrap().parse().unwrap();
    std::fs::write(place.path().join("images/blobs/sha256").join(layer.hex()), "other bytes").unwrap();
    let refused = look_in(images, &image, "echo > out").unwrap_err().to_string();
    assert!(
        refused.contains("its descriptor says") || refused.contains("its bytes have the digest"),
        "{refused}"
    );
    let project = crate::project(&format!("version: 1\nimage: {digest}\nsteps: {{look: {{run: 'true'}}}}\n"));
    let refused = crate::run(&source(&project), &step(), &RetainedOutputs::new(), 1).unwrap_err();
    assert!(refused.to_string().contains("this machine has no directory of images"), "{refused}");
}

/// A step's image comes from a registry only if the operator's file names it.
#[test]
fn attack_a_pipeline_chooses_the_registry() {
    let mut layout = layout(&[]);
    let digest = layout.seal();
    let registry = TestRegistry::start(layout.path(), |_, answer| answer);
    let image = format!("{}/team/tools:1@{digest}", registry.host);
    let look = |file: Option<PathBuf>| {
        let place = tempfile::tempdir().unwrap();
        let images = Images::new(&place.path().join("images"), Bounds::default()).with_registries(file);
        look_in(images, &image, "echo pulled > out")
    };
    let place = tempfile::tempdir().unwrap();
    let other = registry.file_of(place.path(), &serde_json::json!({"auths": {"other.example": {}}}));
    let refused = look(Some(other)).unwrap_err().to_string();
    assert!(refused.contains("the file of registries does not name `127.0.0.1:"), "{refused}");
    let refused = look(None).unwrap_err().to_string();
    assert!(refused.contains("this runner has no image"), "{refused}");
    assert_eq!(registry.seen(), [], "nobody was asked");
    let done = look(Some(registry.file(place.path()))).unwrap();
    let said = log(&done);
    assert!(done.facts.passed() && said.starts_with(&format!("countersign: pulling {image}\n")), "{said}");
    assert_eq!(done.facts.image, Some(digest));
}
