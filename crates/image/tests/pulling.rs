//! Images from a registry: by a token, along a redirect, and never what a registry says in place of the digest.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use evidence::Digest;
use image::{Bounds, Registries};
use serde_json::{Value, json};
use support::registry::{Answer, Request, TestRegistry};
use support::{Layout, Place, file, program};

fn layout() -> Layout {
    Layout::of(&[&[program("bin/tool", b"tool")], &[file("etc/more", "more")]])
}

/// Pulls the good image from a registry that changes its answers.
fn pulled(
    change: impl Fn(&Request, Answer) -> Answer + Send + 'static,
) -> (Result<(), String>, Place, Vec<Request>) {
    let mut layout = layout();
    let digest = layout.seal();
    let registry = TestRegistry::start(layout.path(), change);
    let place = Place::with(Bounds { stored_bytes: 8 << 20, ..Bounds::default() });
    let file = registry.file(place.dir.path());
    let done = pull(&place, &registry, &file, digest);
    (done, place, registry.seen())
}

fn pull(
    place: &Place,
    registry: &TestRegistry,
    file: &std::path::Path,
    digest: Digest,
) -> Result<(), String> {
    let registries = Registries::read(file).map_err(|error| error.to_string())?;
    let known = registries.of(&registry.host).map_err(|error| error.to_string())?;
    let from = (registry.host.as_str(), "team/tools");
    image::pull(&place.store, from, digest, (known, true), &|| true).map_err(|error| error.to_string())
}

#[test]
fn an_image_is_pulled_with_a_token_and_along_a_redirect() {
    let (done, place, seen) = pulled(|_, answer| answer);
    assert_eq!(done, Ok(()));
    let held = place.store.list().unwrap();
    assert_eq!(held.len(), 1);
    let tree = place.store.tree(&held[0].image, &|| true).unwrap();
    assert_eq!(fs::read_to_string(tree.root.join("etc/more")).unwrap(), "more");
    let tokens: Vec<_> = seen.iter().filter(|asked| asked.path.starts_with("/token")).collect();
    assert_eq!(tokens.len(), 1, "one token serves for all");
    assert!(
        tokens[0].path.contains("scope=repository%3Ateam%2Ftools%3Apull&service=here"),
        "{}",
        tokens[0].path
    );
    let elsewhere = seen.iter().filter(|asked| asked.path.starts_with("/elsewhere/"));
    assert!(elsewhere.clone().count() == 3 && elsewhere.clone().all(|asked| asked.authorization.is_none()));
}

#[test]
fn registries_that_want_a_password_get_it() {
    let (done, place, seen) = pulled(|asked, answer| {
        if answer.status == 401 && asked.path.starts_with("/v2/") {
            return Answer::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\"");
        }
        answer
    });
    assert_eq!(done, Ok(()));
    assert_eq!(place.store.list().unwrap().len(), 1);
    assert!(seen.iter().all(|asked| !asked.path.starts_with("/token")));
}

/// The answer to requests whose path begins so is another one.
fn instead(start: &'static str, other: Answer) -> Result<(), String> {
    let (done, place, _) =
        pulled(
            move |asked, answer| {
                if asked.path.starts_with(start) && answer.status != 401 { other.clone() } else { answer }
            },
        );
    assert_eq!(place.store.list().unwrap(), [], "nothing is kept of what was refused");
    done
}

#[test]
fn attack_a_registry_that_gives_something_else() {
    assert_eq!(pulled(|_, answer| answer).0, Ok(()));
    let manifests = "/v2/team/tools/manifests/";
    let blobs = "/v2/team/tools/blobs/";
    let endless = || Answer { endless: true, ..Answer::new(200, "") };
    let to = |place: &str| Answer::new(307, "").with("Location", place);
    for (name, start, other, expected) in [
        ("another manifest", manifests, Answer::new(200, "{}"), "its bytes have the digest"),
        (
            "an endless manifest",
            manifests,
            endless(),
            "its descriptor says 4194304 bytes, but it has more than",
        ),
        ("another blob", "/elsewhere/", Answer::new(200, "x"), "its descriptor says"),
        ("an endless blob", "/elsewhere/", endless(), "but it has more than"),
        ("a blob from another machine", blobs, to("http://192.0.2.1/blob"), "is not followed"),
        ("a blob by another scheme", blobs, to("https://127.0.0.1/blob"), "is not followed"),
        ("a blob from a file", blobs, to("file:///etc/passwd"), "is not followed"),
        ("a circle", "/elsewhere/", to("/elsewhere/again"), "redirects more than 5 times"),
        ("nowhere", blobs, Answer::new(302, ""), "redirects to nowhere"),
        ("no image", manifests, Answer::new(404, ""), "it has no manifests sha256:"),
        ("a failure", manifests, Answer::new(500, ""), "it answers 500"),
        ("no right", manifests, Answer::new(403, ""), "name credentials in the file of registries"),
        ("no token", "/token", Answer::new(403, ""), "it gives no token: 403"),
        ("another document", "/token", Answer::new(200, "[]"), "its answer has no token"),
        ("an endless token", "/token", endless(), "its answer has no token"),
        (
            "a token that ends a header",
            "/token",
            Answer::new(200, "{\"token\": \"a\\nb: c\"}"),
            "its token is no text",
        ),
    ] {
        let said = instead(start, other).unwrap_err();
        assert!(said.contains(expected), "{name}: {said}");
    }
}

/// A registry sends the runner to another place for tokens, or says no place: the password does not go there.
#[test]
fn attack_a_registry_that_asks_for_the_password_elsewhere() {
    for (challenge, expected) in [
        ("Bearer realm=\"https://127.0.0.1/token\"", "is not followed"),
        ("Bearer realm=\"http://192.0.2.1/token\"", "is not followed"),
        ("Bearer service=\"x\"", "it does not say where tokens are"),
        ("Negotiate", "it wants to know this runner"),
    ] {
        let (done, _, seen) = pulled(move |_, answer| {
            if answer.status == 401 {
                Answer::new(401, "").with("WWW-Authenticate", challenge)
            } else {
                answer
            }
        });
        let said = done.unwrap_err();
        assert!(said.contains(expected), "{challenge}: {said}");
        assert!(seen.iter().all(|asked| asked.authorization.is_none()), "{seen:?}");
    }
}

#[test]
fn attack_a_registry_that_the_operator_does_not_name() {
    let mut layout = layout();
    let digest = layout.seal();
    let registry = TestRegistry::start(layout.path(), |_, answer| answer);
    let place = Place::new();
    let dir = place.dir.path();
    let refused =
        |content: Value| pull(&place, &registry, &registry.file_of(dir, &content), digest).unwrap_err();
    let said = refused(json!({"auths": {"other.example": {}}}));
    assert!(said.contains("does not name `127.0.0.1:") && said.contains("under `auths`"), "{said}");
    let said = refused(json!({"auths": {"other.example": {"plain-http": true}}}));
    assert!(said.contains("`other.example` cannot be asked with `plain-http`"), "{said}");
    assert!(refused(json!([])).contains("registries.json"));
    // Without credentials, and over TLS, which this registry does not speak.
    let said = refused(json!({"auths": {registry.host.clone(): {"plain-http": true}}}));
    assert!(said.contains("it gives no token: 401"), "{said}");
    let said = refused(json!({"auths": {registry.host.clone(): {}}}));
    assert!(said.contains("registry `127.0.0.1:"), "{said}");
    let file = registry.file(dir);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let said = pull(&place, &registry, &file, digest).unwrap_err();
    assert!(said.contains("other users can read it; `chmod 600` it"), "{said}");
    assert_eq!(place.store.list().unwrap(), []);
    assert_eq!(pull(&place, &registry, &registry.file(dir), digest), Ok(()));
}
