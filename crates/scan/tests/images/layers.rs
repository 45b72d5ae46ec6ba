//! Layers become one tree, and every form of an image gives the same one.

use evidence::Digest;
use scan::images::{Archive, Image, Layout, NodeKind, begins_as_tar, is_image};
use serde_json::json;

use crate::support::{Build, INDEX, Item, MANIFEST, add, archive};

fn read(layout: &dyn Layout) -> Image {
    Image::read(layout, None).unwrap_or_else(|error| panic!("{error}"))
}

fn paths(image: &Image) -> Vec<String> {
    image.pass.tree.nodes().map(|(path, _)| path.to_owned()).collect()
}

#[test]
fn every_form_of_an_image_gives_the_same_tree() {
    let build = Build::of(&[
        &[
            Item::directory("etc/"),
            Item::file("etc/passwd", "root:x:0:0::/:/bin/sh\n"),
            Item::file("a/b", "1"),
        ],
        &[Item::file("./c", "2"), Item::link("d", "/a/b")],
    ]);
    let expected = ["a", "a/b", "c", "d", "etc", "etc/passwd"];
    let (oci, docker) = (build.oci(), build.docker());
    assert_eq!(paths(&read(&oci)), expected);
    assert_eq!(paths(&read(&docker)), expected);
    for files in [&oci, &docker] {
        let bytes = archive(files);
        assert!(begins_as_tar(&bytes));
        let tar = Archive::open(&bytes).unwrap();
        assert!(is_image(&tar).unwrap());
        let image = read(&tar);
        assert_eq!(paths(&image), expected);
        assert_eq!(image.file("etc/passwd").unwrap(), b"root:x:0:0::/:/bin/sh\n");
        assert_eq!(image.pass.tree.resolve("d"), Some("a/b".to_owned()));
        assert_eq!((image.pass.entries, image.pass.scanned.files), (5, 3));
    }
    assert!(!is_image(&crate::support::Files::new()).unwrap());
}

#[test]
fn whiteouts_remove_what_lower_layers_left_and_nothing_of_their_own_layer() {
    let lower: &[Item] = &[
        Item::file("a/one", "1"),
        Item::file("a/two", "2"),
        Item::file("b/one", "1"),
        Item::file("b/deep/er", "1"),
        Item::file("c/one", "1"),
        Item::file("d", "1"),
        Item::file("dd", "1"),
    ];
    let upper: &[Item] = &[
        Item::hidden("a/one"),
        Item::file("b/new", "n"),
        Item::file("b/.wh..wh..opq", ""),
        Item::file("c/one", "new"),
        Item::hidden("c/one"),
        Item::hidden("d"),
        Item::hidden("nowhere/at/all"),
        Item::file("a/.wh..wh.plnk", ""),
    ];
    let image = read(&Build::of(&[lower, upper]).oci());
    assert_eq!(paths(&image), ["a", "a/two", "b", "b/new", "c", "c/one", "dd"]);
    assert_eq!(image.pass.tree.node("c/one").unwrap().layer, 1);
}

#[test]
fn later_layers_replace_nodes_and_hard_links_are_their_files() {
    let lower: &[Item] = &[
        Item::file("x/y/z", "1"),
        Item::file("file", "1"),
        Item::program("bin/su").with_mode(0o4755),
        Item::file("etc/passwd", "root:x:0\n"),
    ];
    let upper: &[Item] = &[
        Item::file("x", "now a file"),
        Item::directory("file"),
        Item::hard_link("bin/also", "bin/su"),
        Item::file("etc/passwd", "root:x:0\napp:x:9\n"),
    ];
    let image = read(&Build::of(&[lower, upper]).oci());
    assert_eq!(paths(&image), ["bin", "bin/also", "bin/su", "etc", "etc/passwd", "file", "x"]);
    assert_eq!(image.pass.tree.node("bin/also").unwrap().mode, 0o4755);
    assert_eq!(image.pass.tree.node("file").unwrap().kind, NodeKind::Directory);
    assert_eq!(image.file("etc/passwd").unwrap(), b"root:x:0\napp:x:9\n");
    // A kept file that a later layer removes is not of the image.
    let image = read(&Build::of(&[lower, &[Item::hidden("etc")]]).oci());
    assert_eq!(image.file("etc/passwd"), None);
}

#[test]
fn an_image_is_chosen_among_several_by_its_digest() {
    let (one, other) = (Build::of(&[&[Item::file("one", "1")]]), Build::of(&[&[Item::file("other", "1")]]));
    let (mut files, more) = (one.oci(), other.oci());
    let manifests = |files: &crate::support::Files| {
        let index: serde_json::Value = serde_json::from_slice(&files["index.json"]).unwrap();
        index["manifests"][0].clone()
    };
    let (first, second) = (manifests(&files), manifests(&more));
    files.extend(more);
    // Build tools put an index into the index, with an attestation beside the image.
    let mut attestation = first.clone();
    attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    attestation["digest"] = json!(Digest::of(b"attestation").to_string());
    let inner = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [second, attestation]});
    let inner = add(&mut files, inner.to_string().as_bytes(), INDEX);
    let index = json!({"schemaVersion": 2, "manifests": [first, inner]});
    files.insert("index.json".to_owned(), index.to_string().into_bytes());
    let error = Image::read(&files, None).unwrap_err().to_string();
    assert!(error.contains("it has several images (sha256:") && error.contains("--image"), "{error}");
    let digest = second["digest"].as_str().unwrap().parse().unwrap();
    assert_eq!(paths(&Image::read(&files, Some(&digest)).unwrap()), ["other"]);
    let error = Image::read(&files, Some(&Digest::of(b"x"))).unwrap_err().to_string();
    assert!(error.starts_with("it has no image sha256:"), "{error}");
    assert_eq!(MANIFEST, second["mediaType"]);
}

#[test]
fn secrets_are_found_in_every_layer_and_in_compressed_and_large_files() {
    let token = format!("id = \"AKIA{}\"\n", "Z3QW7LK2XV5RT4PD");
    let token = token.as_str();
    let mut large = vec![b'x'; 64 << 20];
    large.extend(b"\n");
    large.extend(token.as_bytes());
    let lower: &[Item] = &[
        Item::file("app/settings.py", token),
        Item::bytes("doc/notes.gz", &crate::support::gzip(token.as_bytes())),
        Item::bytes("large", &large),
        Item::bytes("lib.zip", b"PK\x03\x04......"),
    ];
    let image = read(&Build::of(&[lower, &[Item::hidden("app")]]).docker());
    let mut found: Vec<_> =
        image.pass.scanned.secrets.iter().map(|secret| (secret.path.as_str(), secret.layer)).collect();
    found.dedup();
    assert_eq!(found, [("app/settings.py", 0), ("doc/notes.gz", 0), ("large", 0)]);
    assert_eq!(image.pass.scanned.packed.keys().collect::<Vec<_>>(), ["lib.zip"]);
}
