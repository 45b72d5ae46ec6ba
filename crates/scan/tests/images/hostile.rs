//! Hostile and damaged images: each is an error that names the place, or a doubt that is told.

use scan::images::{Archive, Image, Layout, NodeKind, begins_as_tar, is_image};
use serde_json::{Value, json};

use crate::support::{Build, Files, GZIP, INDEX, Item, MANIFEST, add, archive, gzip, tar};

fn error(layout: &dyn Layout) -> String {
    match Image::read(layout, None) {
        Ok(image) => panic!("it was read: {:?}", image.pass.tree),
        Err(error) => error.to_string(),
    }
}

#[test]
fn attack_entries_that_lead_out_of_the_tree_are_refused() {
    let deep = format!("{}x", "a/".repeat(200));
    let long = "a".repeat(5_000);
    let through: &[&[Item]] = &[&[Item::link("out", "/etc")], &[Item::file("out/passwd", "x")]];
    let cases: Vec<(Vec<Vec<Item>>, &str)> = vec![
        (vec![vec![Item::file("../escape", "x")]], "`../escape` has `..` in its path"),
        (vec![vec![Item::file("a/../../escape", "x")]], "has `..` in its path"),
        (vec![vec![Item::file("/etc/passwd", "x")]], "has an absolute path"),
        (vec![vec![Item::file(&deep, "x")]], "more than 128 directories deep"),
        (vec![vec![Item::file(&long, "x")]], "more than 4096 bytes"),
        (
            through.iter().map(|layer| layer.to_vec()).collect(),
            "layer 2: entry `out/passwd` lies below a link",
        ),
        (vec![vec![Item::link("l", "/"), Item::file("l/x", "x")]], "below something that is no directory"),
        (
            vec![vec![Item::file("f", "x")], vec![Item::file("f/x", "x")]],
            "below something that is no directory",
        ),
        (vec![vec![Item::link("l", "/")], vec![Item::hidden("l/etc")]], "lies below a link"),
        (vec![vec![Item::file("a/.wh...", "")]], "hides no name of its directory"),
        (vec![vec![Item::file("a/.wh..", "")]], "hides no name of its directory"),
        (vec![vec![Item::file(".wh.", "")]], "hides no name of its directory"),
        (vec![vec![Item::hard_link("x", "../../etc/shadow")]], "has `..` in its path"),
        (vec![vec![Item::hard_link("x", "/etc/shadow")]], "has an absolute path"),
        (vec![vec![Item::hard_link("x", "nowhere")]], "is a hard link to no file of the image"),
        (vec![vec![Item::link("x", "")]], "is a link whose target is empty"),
        (vec![vec![Item::file("./", "x")]], "is the root, and no directory"),
    ];
    for (layers, why) in cases {
        let layers: Vec<&[Item]> = layers.iter().map(Vec::as_slice).collect();
        for files in [Build::of(&layers).oci(), Build::of(&layers).docker()] {
            let error = error(&files);
            assert!(error.contains(why), "{why}: {error}");
        }
    }
}

#[test]
fn attack_links_in_a_circle_lead_nowhere() {
    let mut items = vec![
        Item::link("a", "b"),
        Item::link("b", "a"),
        Item::link("up", "../../../etc"),
        Item::file("etc/x", "1"),
    ];
    items.extend((0..50).map(|n| Item::link(&format!("l{n}"), &format!("l{}", n + 1))));
    let image = Image::read(&Build::of(&[&items]).oci(), None).unwrap();
    let tree = &image.pass.tree;
    assert_eq!([tree.resolve("a"), tree.resolve("l0"), tree.resolve("none/x")], [None, None, None]);
    // The root is above itself, as in the container.
    assert_eq!(tree.resolve("up/x"), Some("etc/x".to_owned()));
    // Nobody knows where a path leads that takes more steps than allowed.
    let leads = |path, mut steps| tree.leads(path, &mut steps);
    assert_eq!([leads("l0", 100), leads("up/x", 100), leads("l0", 10)], [false, true, true]);
}

#[test]
fn attack_two_entries_of_one_path_are_told() {
    let image =
        Image::read(&Build::of(&[&[Item::file("app", "good"), Item::file("./app", "bad")]]).oci(), None)
            .unwrap();
    assert_eq!(image.unclear()["app"], "layer 1 has it twice, and tools may take either");
}

#[test]
fn attack_bombs_are_refused() {
    let zeros = tar(&[Item::bytes("zeros", &vec![0; 80 << 20])]);
    let mut build = Build::of(&[]);
    build.layers = vec![zeros.clone()];
    let told = error(&build.oci());
    assert!(told.contains("grows more than 200 times"), "{told}");
    // A whole tar of zeros is no bomb without compression.
    Image::read(&build.docker(), None).unwrap();
    // Twice compressed: the inner one is not unpacked, and is told as not scanned.
    let twice = gzip(&gzip(&vec![0; 70 << 20]));
    let image = Image::read(&Build::of(&[&[Item::bytes("x.gz", &twice)]]).oci(), None).unwrap();
    assert_eq!(image.pass.scanned.packed.len(), 1);
    let mut claimed = tar(&[Item::file("x", "x")]);
    claimed[124..135].copy_from_slice(b"77777777777");
    let sum: u32 = claimed[..512]
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
        .sum();
    claimed[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    build.layers = vec![claimed];
    let told = error(&build.oci());
    assert!(told.contains("cannot be read"), "{told}");
}

/// The files of a sound image, its manifest, and the name of the blob of its layer.
fn sound() -> (Files, Value, String) {
    let files = Build::of(&[&[Item::file("a", "1")]]).oci();
    let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
    let name = |digest: &Value| format!("blobs/sha256/{}", &digest.as_str().unwrap()[7..]);
    let manifest: Value = serde_json::from_slice(&files[&name(&index["manifests"][0]["digest"])]).unwrap();
    let layer = name(&manifest["layers"][0]["digest"]);
    (files, manifest, layer)
}

/// A layout with this manifest.
fn with(mut files: Files, manifest: &Value) -> Files {
    let descriptor = add(&mut files, manifest.to_string().as_bytes(), MANIFEST);
    files.insert("index.json".to_owned(), json!({"manifests": [descriptor]}).to_string().into_bytes());
    files
}

#[test]
fn attack_digests_lengths_and_media_types_are_checked() {
    let (files, manifest, layer) = sound();
    let mut missing = files.clone();
    missing.remove(&layer);
    assert_eq!(error(&missing), format!("`{layer}` is missing; save the image again"));
    let mut changed = files.clone();
    *changed.get_mut(&layer).unwrap() = gzip(&tar(&[Item::file("a", "2")]));
    let told = error(&changed);
    assert!(told.contains("the image was damaged or changed"), "{told}");
    for name in files.keys().filter(|name| name.starts_with("blobs/") && **name != layer) {
        let mut changed = files.clone();
        changed.get_mut(name).unwrap().push(b' ');
        let told = error(&changed);
        assert!(told.contains("its descriptor says"), "{told}");
        let mut changed = files.clone();
        let bytes = changed.get_mut(name).unwrap();
        let at = bytes.iter().rposition(|byte| *byte == b'0').unwrap();
        bytes[at] = b'1';
        let told = error(&changed);
        assert!(told.contains("its bytes have the digest"), "{told}");
    }
    let descriptor = |kind: &str, pointer: &str| {
        let mut manifest = manifest.clone();
        *manifest.pointer_mut(pointer).unwrap() = json!(kind);
        error(&with(files.clone(), &manifest))
    };
    for (kind, pointer, why) in [
        ("application/vnd.oci.image.layer.v1.tar+zstd", "/layers/0/mediaType", "compressed with zstd"),
        ("application/vnd.oci.image.layer.v1.tar", "/layers/0/mediaType", "layer 1 (`blobs/"),
        ("text/plain", "/layers/0/mediaType", "which is no layer's"),
        (GZIP, "/config/mediaType", "which is no image's"),
        (INDEX, "/mediaType", "another media type than its descriptor says"),
    ] {
        let told = descriptor(kind, pointer);
        assert!(told.contains(why), "{kind}: {told}");
    }
    let mut fewer = manifest.clone();
    fewer["layers"] = json!([]);
    let told = error(&with(files.clone(), &fewer));
    assert!(told.contains("it has 1 layers, and the manifest 0"), "{told}");
}

#[test]
fn attack_the_unpacked_layer_is_the_one_that_the_configuration_names() {
    let (mut files, mut manifest, _) = sound();
    let other = add(&mut files, &gzip(&tar(&[Item::file("a", "other")])), GZIP);
    manifest["layers"] = json!([other]);
    let told = error(&with(files, &manifest));
    assert!(told.contains(", unpacked`: its bytes have the digest"), "{told}");
    // Bytes behind the stream are part of the blob, and no layer.
    let (mut files, mut manifest, layer) = sound();
    let longer = [files[&layer].as_slice(), b"rest"].concat();
    manifest["layers"] = json!([add(&mut files, &longer, GZIP)]);
    let told = error(&with(files, &manifest));
    assert!(told.contains("layer 1"), "{told}");
}

#[test]
fn attack_lists_of_docker_name_files_of_the_image_alone() {
    let files = Build::of(&[&[Item::file("a", "1")]]).docker();
    let list: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    for (pointer, value, why) in [
        ("/0/Config", "../config.json", "is no name of a file of the image"),
        ("/0/Config", "/etc/passwd", "is no name of a file of the image"),
        ("/0/Layers/0", "a//b", "is no name of a file of the image"),
        ("/0/Layers/0", "none/layer.tar", "`none/layer.tar` is missing"),
        ("/0/Config", "manifest.json", "does not have the digest of the configuration as its name"),
    ] {
        let (mut files, mut list) = (files.clone(), list.clone());
        *list.pointer_mut(pointer).unwrap() = json!(value);
        files.insert("manifest.json".to_owned(), list.to_string().into_bytes());
        let told = error(&files);
        assert!(told.contains(why), "{value}: {told}");
    }
    for (bytes, why) in
        [(&b"[]"[..], "it is no image"), (b"{}", "it is not the list"), (b"\xff", "it is not the list")]
    {
        let mut files = files.clone();
        files.insert("manifest.json".to_owned(), bytes.to_vec());
        let told = error(&files);
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn attack_archives_with_links_and_doubles_lead_nowhere_else() {
    let files = Build::of(&[&[Item::file("a", "1")]]).docker();
    let layer = files.keys().find(|name| name.ends_with("layer.tar")).unwrap().clone();
    let items = |change: &dyn Fn(&str) -> Option<Item>| {
        let of =
            |(path, bytes): (&String, &Vec<u8>)| change(path).unwrap_or_else(|| Item::bytes(path, bytes));
        files.iter().map(of).collect::<Vec<_>>()
    };
    // Old versions of Docker save an equal layer as a link to the other one.
    let mut linked = items(&|path| (path == layer).then(|| Item::link(path, "../other/layer.tar")));
    linked.push(Item::bytes("other/layer.tar", &files[&layer]));
    Image::read(&Archive::open(&tar(&linked)).unwrap(), None).unwrap();
    for target in ["/etc/passwd", "../../x", "layer.tar"] {
        let linked = tar(&items(&|path| (path == layer).then(|| Item::link(path, target))));
        let told = error(&Archive::open(&linked).unwrap());
        assert!(told.contains("cannot read") && told.contains("link"), "{told}");
    }
    let mut twice = items(&|_| None);
    twice.push(twice[0].clone());
    let mut masked = items(&|_| None);
    masked.push(Item::link(layer.as_str(), "../other/layer.tar"));
    let mut device = items(&|_| None);
    device.push(Item::device("null"));
    for (items, why) in [
        (twice, "stands in it twice"),
        (masked, "stands in it twice"),
        (device, "is a device or a pipe"),
        (vec![Item::file("../manifest.json", "[]")], "has `..` in its path"),
    ] {
        let bytes = tar(&items);
        let told = Archive::open(&bytes).unwrap_err().to_string();
        assert!(told.contains(why), "{told}");
    }
    let told = error(&Archive::open(&tar(&[])).unwrap());
    assert!(told.starts_with("it is no image"), "{told}");
}

/// Whatever a byte says, the reader ends, and never with another tree.
#[test]
fn attack_every_changed_byte_is_an_error_or_the_same_tree() {
    let bytes = archive(&Build::of(&[&[Item::file("a/b", "1"), Item::link("c", "a/b")]]).oci());
    let paths = |image: &Image| image.pass.tree.nodes().map(|(path, _)| path.to_owned()).collect::<Vec<_>>();
    let sound = paths(&Image::read(&Archive::open(&bytes).unwrap(), None).unwrap());
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..3_000 {
        let mut changed = bytes.clone();
        let at = random.usize(..changed.len());
        changed[at] ^= random.u8(1..);
        let read = Archive::open(&changed).and_then(|archive| Image::read(&archive, None));
        if let Ok(image) = read {
            assert_eq!(paths(&image), sound, "byte {at}");
        }
    }
    for length in (0..bytes.len()).step_by(97) {
        let cut = bytes[..length].to_vec();
        if let Ok(image) = Archive::open(&cut).and_then(|archive| Image::read(&archive, None)) {
            assert_eq!(paths(&image), sound, "cut at {length}");
        }
    }
}

/// Somebody who scans a cut file must not be told that nothing was found in it.
#[test]
fn attack_a_cut_archive_is_known_as_one() {
    let bytes = archive(&Build::of(&[&[Item::file("a/b", &"1".repeat(4_000))]]).oci());
    let mut refused = 0;
    for length in (512..bytes.len()).step_by(512) {
        let cut = bytes[..length].to_vec();
        match Archive::open(&cut) {
            Ok(archive) if is_image(&archive).unwrap() => {
                let read = Image::read(&archive, None);
                // All that is missing may be the end of the archive.
                refused += usize::from(read.is_err());
            }
            Ok(archive) => assert!(archive.has_parts() || length < 4_096, "cut at {length}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 3, "{refused}");
}

/// Programs in Go take `Layers` for `layers`: such a document would be one image here and another one where it runs.
#[test]
fn attack_keys_in_another_spelling_are_refused() {
    let (files, manifest, _) = sound();
    for (key, field) in [("Layers", "layers"), ("layer\u{17f}", "layers"), ("CONFIG", "config")] {
        let mut changed = manifest.clone();
        changed[key] = json!([]);
        let told = error(&with(files.clone(), &changed));
        assert!(told.contains(&format!("the key `{key}` is `{field}` for some tools")), "{key}: {told}");
    }
    let mut index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
    index["manifests"][0]["Digest"] = json!("sha256:00");
    let mut changed = files.clone();
    changed.insert("index.json".to_owned(), index.to_string().into_bytes());
    let told = error(&changed);
    assert!(told.contains("the key `Digest` is `digest`"), "{told}");
    for config in [json!({"User": "app", "user": "root"}), json!({"env": ["TOKEN=x"]})] {
        let mut build = Build::of(&[&[Item::file("a", "1")]]);
        build.config = config;
        for files in [build.oci(), build.docker()] {
            let told = error(&files);
            assert!(told.contains("for some tools and nothing for others"), "{told}");
        }
    }
    // Keys of people have any spelling.
    let mut build = Build::of(&[&[Item::file("a", "1")]]);
    build.config = json!({"Labels": {"user": "1", "User": "2"}});
    Image::read(&build.oci(), None).unwrap();
}

/// Some tools read the index, and some the list of `docker save`.
#[test]
fn attack_an_index_and_a_list_name_the_same_image() {
    let (one, other) = (Build::of(&[&[Item::file("a", "1")]]), Build::of(&[&[Item::file("b", "1")]]));
    let of = |list: &Build| one.oci().into_iter().chain(list.docker()).collect::<Files>();
    Image::read(&of(&one), None).unwrap();
    let told = error(&of(&other));
    assert!(told.contains("`manifest.json`: it names another image than `index.json`"), "{told}");
    // Docker believes the content of the file and not its name.
    let name = one.docker().into_keys().find(|name| name.ends_with(".json") && name != "manifest.json");
    let mut renamed = of(&one);
    renamed.insert(name.unwrap(), other.document().to_string().into_bytes());
    let told = error(&renamed);
    assert!(told.contains("the image was damaged or changed"), "{told}");
    let mut bare = of(&one);
    bare.remove("oci-layout");
    let told = error(&bare);
    assert!(told.contains("`index.json`: it stands beside `manifest.json` without `oci-layout`"), "{told}");
}

#[test]
fn attack_documents_that_name_each_other_often_are_read_once() {
    let mut files = Build::of(&[&[Item::file("a", "1")]]).oci();
    for _ in 0..4 {
        let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
        let below = add(&mut files, index.to_string().as_bytes(), INDEX);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": vec![below; 60]});
        files.insert("index.json".to_owned(), index.to_string().into_bytes());
    }
    Image::read(&files, None).unwrap();
    let mut files = Build::of(&[&[Item::file("a", "1")]]).docker();
    let list: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let list = Value::from(vec![list[0].clone(); 101]);
    files.insert("manifest.json".to_owned(), list.to_string().into_bytes());
    let told = error(&files);
    assert!(told.contains("it names more than 100 images"), "{told}");
}

#[test]
fn attack_names_that_tools_read_differently_are_refused() {
    let twice = Item { pax: vec![("path", "b")], ..Item::file(&"a".repeat(150), "x") };
    let empty = Item { pax: vec![("path", "")], ..Item::directory("etc") };
    for item in [twice, empty] {
        let told = error(&Build::of(&[&[item]]).oci());
        assert!(told.contains("has a name that is empty, or in two extension headers"), "{told}");
    }
}

/// Each of these would list all files of its layer again, and hides no file.
#[test]
fn attack_whiteouts_of_a_large_directory_of_their_own_layer() {
    let files = (0..8_000).map(|n| Item::file(&format!("a/b/{n}"), ""));
    let opaque = std::iter::repeat_n(Item::file("a/b/.wh..wh..opq", ""), 8_000);
    let hidden = std::iter::repeat_n(Item::hidden("a/b"), 8_000);
    let upper: Vec<Item> = files.chain(opaque).chain(hidden).chain([Item::hidden("a")]).collect();
    let lower = [Item::file("a/b/old", "1"), Item::file("a/old", "1")];
    let image = Image::read(&Build::of(&[&lower, &upper]).oci(), None).unwrap();
    assert_eq!(image.pass.tree.len(), 8_002);
    let mut files = image.pass.tree.nodes().filter(|(_, node)| node.kind != NodeKind::Directory);
    assert!(files.all(|(_, node)| node.layer == 1), "both old files are gone");
}

/// Otherwise a scan of it would be one of a single file, in which nothing is found.
#[test]
fn attack_an_archive_without_the_mark_of_a_tar_is_known_as_one() {
    let mut bytes = archive(&Build::of(&[&[Item::file("a", "1")]]).docker());
    let mut at = 0;
    while bytes[at] != 0 {
        let size =
            usize::from_str_radix(std::str::from_utf8(&bytes[at + 124..at + 135]).unwrap(), 8).unwrap();
        bytes[at + 257..at + 265].fill(0);
        bytes[at + 148..at + 156].fill(b' ');
        let sum: u32 = bytes[at..at + 512].iter().map(|byte| u32::from(*byte)).sum();
        bytes[at + 148..at + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        at += 512 + size.next_multiple_of(512);
    }
    assert!(begins_as_tar(&bytes[..512]));
    assert!(is_image(&Archive::open(&bytes).unwrap()).unwrap());
    assert!(!begins_as_tar(&[0; 512]) && !begins_as_tar(&[b'7'; 512]) && !begins_as_tar(b"# a text\n"));
}
