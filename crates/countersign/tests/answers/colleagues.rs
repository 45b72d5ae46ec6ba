//! Installations of several people: the file that lists the founders, and the command of each further person.

use serde_json::json;

use crate::support::Home;

/// The example of docs/operating/people.md.
fn documented() -> String {
    let page = std::fs::read_to_string("../../docs/operating/people.md").unwrap();
    page.split("```json\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

#[test]
fn the_documented_people_found_an_installation_and_each_types_what_is_printed() {
    let home = Home::new();
    for person in ["ada", "bob"] {
        std::fs::create_dir(home.dir.path().join(person)).unwrap();
        for key in ["approval", "sign-in", "commit"] {
            home.ssh_key(&format!("{person}/{key}"));
        }
    }
    let people = home.dir.path().join("people.json");
    std::fs::write(&people, documented()).unwrap();
    let output = home.run(&["init", "--mode", "rehearsal", "--people", people.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains("Ada Example types"), "her profile is there: {said}");
    let line = said.split("Bob Example types, as themselves:\n  ").nth(1).unwrap().lines().next().unwrap();

    // Bob's keys are in the usual files, so he can type the line unchanged.
    let bob = Home::new();
    for (key, name) in [("approval", "id_approval"), ("sign-in", "id_sign_in")] {
        for ending in ["", ".pub"] {
            let from = home.dir.path().join(format!("bob/{key}{ending}"));
            std::fs::copy(from, bob.dir.path().join(format!(".ssh/{name}{ending}"))).unwrap();
        }
    }
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words[0], "countersign");
    let used = bob.ok(&words[1..]);
    assert_eq!(used["approval_key"], json!(bob.dir.path().join(".ssh/id_approval")));
    assert_eq!(used["sign_in_key"], json!(bob.dir.path().join(".ssh/id_sign_in")));
    let up = home.up();
    let line_of =
        |home: &Home, fingerprint: &str| home.ok(&["key", "list"]).to_string().contains(fingerprint);
    assert!(line_of(&bob, words[6]), "he signs in and reads");

    // A key outside of the usual files must be named by its file.
    let carol = Home::new();
    let failed = carol.json(&words[1..], 1)["error"].as_str().unwrap().to_owned();
    assert!(failed.contains(&format!("/*.pub` holds {}", words[6])), "{failed}");
    assert!(failed.ends_with("or name its file"), "{failed}");
    assert!(up.stop());
}

#[test]
fn what_is_wrong_with_the_people_file_names_its_page() {
    let home = Home::new();
    let page = "docs/operating/people.md describes the file, with an example";
    let people = home.dir.path().join("people.json");
    let path = people.to_str().unwrap();
    let init = ["init", "--mode", "team", "--people", path];
    for (text, code, what) in [
        ("[{\"name\": \"Ada\"}]", 1, "missing field `emails`"),
        ("[{\"nmae\": \"Ada\"}]", 1, "unknown field `nmae`"),
        ("[]", 2, "lists 0 people; team rules need two"),
        (
            r#"[{"name": "Ada", "emails": [], "key": "a", "sign_in_key": "b", "roles": []}]"#,
            2,
            "lists 1 person; team rules need two",
        ),
    ] {
        std::fs::write(&people, text).unwrap();
        let failed = home.json(&init, code)["error"].as_str().unwrap().to_owned();
        assert!(failed.contains(what) && failed.ends_with(page), "{failed}");
    }
    let none = home.json(&["init", "--mode", "team"], 2)["error"].clone();
    assert_eq!(
        none,
        json!(format!("team and rehearsal mode require --people FILE with at least two people; {page}"))
    );
}
