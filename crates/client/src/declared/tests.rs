//! Files with their faults and layers, and plans for what is in force: as declared, changed past the files, and from nothing.

use std::collections::BTreeMap;
use std::path::Path;

use evidence::configuration::{Bounds, Configuration};
use evidence::environment::Environment;
use evidence::machine::MachineSigner;
use evidence::policy_files::PolicyFiles;
use evidence::statements::Statement;
use evidence::{Digest, Moment, Place};
use lab::Lab;
use serde_json::{Value, json};

use super::declaration::{Declared, Part};
use super::difference::Sort;
use super::explain::traces;
use super::export::export;
use super::in_force::{InForce, PersonInForce, PlaceInForce, StatementInForce};
use super::plan::{Plan, Step, Way};

const PRODUCTION: &str = "environments/shop/api/production.yaml";

fn now() -> Moment {
    "2026-11-20T10:00:00.000Z".parse().unwrap()
}

fn key() -> String {
    MachineSigner::from_seed([9; 32]).unwrap().public().to_string()
}

/// A directory with two places.
fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let agents = format!(
        "agents:\n  shop/api/staging: [\"agent={key}@host-1\"]\n  shop/api/production: [\"agent={key}@host-2\"]\n",
        key = key()
    );
    for (path, text) in [
        (
            "configuration.yaml",
            "version: 1\ndefaults:\n  policy: policies/default\n  variables: { A: base, B: base }\n",
        ),
        ("classes/production.yaml", "variables: { A: class }\nsoak: 6h\n"),
        ("overrides/production.yaml", "class: production\nvariables: { C: name }\n"),
        (
            "environments/shop/api/staging.yaml",
            "baseline: \"1111111111111111111111111111111111111111\"\nautomatic: true\ndrift: { files: correct }\nmeasured: { settings: { net.ipv4.ip_forward: 0 } }\n",
        ),
        (
            PRODUCTION,
            "baseline: \"1111111111111111111111111111111111111111\"\nafter: staging\nsoak: 12h\nregion: eu-central-1\nvariables: { B: null }\n",
        ),
        ("keys.yaml", &agents),
        ("README.md", "left alone"),
    ] {
        write(dir.path(), path, text);
    }
    for (path, text) in policy::Pack::DEFAULT.files() {
        write(dir.path(), &format!("policies/default/{path}"), &text);
    }
    dir
}

fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn read(dir: &Path) -> Result<Declared, String> {
    Declared::read(dir, now()).map_err(|error| error.to_string())
}

/// An installation with nothing but its root.
fn empty(lab: &Lab) -> InForce {
    InForce {
        root: lab.root(),
        status: lab.status(),
        people: Vec::new(),
        places: BTreeMap::new(),
        statements: Vec::new(),
        policies: BTreeMap::new(),
    }
}

fn way(prune: bool) -> Way {
    Way { prune, me: lab::id(1).into(), now: now() }
}

/// What is in force once the steps of a plan are.
fn applied(plan: Plan, mut in_force: InForce) -> InForce {
    for step in plan.steps {
        match step {
            Step::Root(root) => in_force.root = *root,
            Step::Status(step) => in_force.status = step.status,
            Step::Person(enrolment) => {
                let view = json!({
                    "person": enrolment.person, "roles": [], "keys": [], "expires": enrolment.expires,
                    "enrolment": enrolment.digest().unwrap(),
                });
                let view = serde_json::from_value(view).unwrap();
                in_force.people.retain(|old| old.enrolment.subject != enrolment.subject);
                in_force.people.push(PersonInForce { view, enrolment: *enrolment, is_signed: true });
            }
            Step::Place(draft) => {
                let place = in_force_of(&draft.statement, &draft.configuration);
                in_force.policies.insert(draft.statement.policy, draft.policy.clone());
                in_force.places.insert(draft.statement.place(), place);
            }
            Step::Statement(statement) => {
                let digest = Digest::of(statement.reason.as_bytes());
                in_force.statements.push(StatementInForce { digest, statement: *statement });
            }
        }
    }
    in_force
}

fn in_force_of(statement: &Environment, configuration: &[u8]) -> PlaceInForce {
    let view = json!({
        "place": statement.place(), "after": statement.after, "automatic": statement.automatic,
        "statement": statement.number, "envelope": Digest::of(b""), "base": statement.baseline, "wanted": false,
    });
    PlaceInForce {
        view: serde_json::from_value(view).unwrap(),
        statement: statement.clone(),
        is_signed: true,
        envelope: statement.envelope().unwrap(),
        configuration: Configuration::decode(configuration).unwrap(),
        windows: None,
    }
}

fn plan(dir: &Path, in_force: &InForce, prune: bool) -> Plan {
    Plan::make(&read(dir).unwrap(), in_force, way(prune)).unwrap()
}

fn rows(plan: &Plan) -> Vec<String> {
    plan.rows.iter().map(ToString::to_string).collect()
}

#[test]
fn a_value_is_that_of_the_strongest_layer_and_keeps_its_line() {
    let (dir, lab) = (directory(), Lab::default());
    let declared = read(dir.path()).unwrap();
    let place: Place = "shop/api/production".parse().unwrap();
    let leaves = &declared.places[&place].leaves;
    let found = |key: &[&str]| {
        let leaf = leaves.get(key).unwrap();
        (leaf.value.clone(), leaf.at.as_ref().unwrap().to_string())
    };
    assert_eq!(found(&["variables", "A"]), (json!("class"), "classes/production.yaml:1:17".into()));
    assert_eq!(found(&["variables", "C"]), (json!("name"), "overrides/production.yaml:2:17".into()));
    assert_eq!(found(&["soak"]), (json!("12h"), format!("{PRODUCTION}:3:7")));
    assert_eq!(found(&["variables", "B"]).0, Value::Null, "a place takes a value away");
    let explained = traces(&declared, &empty(&lab), None, &Part::Place(place), Some("soak"));
    let [trace] = explained.as_slice() else { panic!("{explained:?}") };
    assert_eq!((trace.layer.as_deref(), trace.is_same), (Some("place"), false));
    assert_eq!(trace.beaten[0].value, json!("6h"));
    assert_eq!(trace.beaten[0].at.as_ref().unwrap().to_string(), "classes/production.yaml:2:7");
}

#[test]
fn an_empty_installation_gets_everything_and_a_second_run_nothing() {
    let (dir, lab) = (directory(), Lab::default());
    let first = plan(dir.path(), &empty(&lab), false);
    let places: Vec<_> = first.steps.iter().map(Step::what).collect();
    assert_eq!(places, ["statement 1 of shop/api/staging", "statement 1 of shop/api/production"]);
    let Step::Place(draft) = &first.steps[1] else { panic!("{places:?}") };
    let configuration = Configuration::decode(&draft.configuration).unwrap();
    assert_eq!(configuration.bounds, Some(Bounds::default()), "a new place has bounds");
    assert_eq!(draft.statement.soak_ms, Some(12 * 3_600_000));
    assert_eq!(draft.statement.region, Some("eu-central-1".parse().unwrap()));
    let Step::Place(staging) = &first.steps[0] else { panic!("{places:?}") };
    let staging = Configuration::decode(&staging.configuration).unwrap();
    assert_eq!(staging.drift.unwrap().files, evidence::drift::Response::Correct);
    assert_eq!(staging.baseline.unwrap().settings["net.ipv4.ip_forward"], "0");
    assert_eq!(draft.statement.agents[0].place.host, "host-2");
    assert!(PolicyFiles::decode(&draft.policy).is_ok());
    let in_force = applied(first, empty(&lab));
    let again = plan(dir.path(), &in_force, false);
    assert_eq!((rows(&again), again.steps.len()), (Vec::new(), 0));
    assert_eq!(plan(dir.path(), &in_force, true).steps.len(), 0, "nothing is to be pruned");
}

#[test]
fn what_is_in_force_and_in_no_file_is_told_and_stays_until_it_is_pruned() {
    let (dir, lab) = (directory(), Lab::default());
    let mut in_force = applied(plan(dir.path(), &empty(&lab), false), empty(&lab));
    let place: Place = "shop/api/staging".parse().unwrap();
    let other: Place = "shop/api/night".parse().unwrap();
    let old = in_force.places[&place].statement.clone();
    let mut configuration = in_force.places[&place].configuration.clone();
    configuration.variables.insert("DEBUG".into(), "1".into());
    configuration.variables.insert("A".into(), "changed".into());
    let night = Environment { environment: "night".parse().unwrap(), ..old.clone() };
    in_force.places.insert(other, in_force_of(&night, &configuration.encode().unwrap()));
    let configuration = configuration.encode().unwrap();
    let changed = Environment { configuration: Digest::of(&configuration), number: 2, ..old };
    in_force.places.insert(place.clone(), in_force_of(&changed, &configuration));
    let found = plan(dir.path(), &in_force, false);
    assert_eq!(
        rows(&found),
        [
            "~ shop/api/staging variables.A: changed -> base   (configuration.yaml:4:19)",
            "- shop/api/staging variables.DEBUG: 1   (in force, and in no file)",
            "- shop/api/night   (in force, and in no file)",
        ]
    );
    let of = |plan: &Plan| match plan.steps.as_slice() {
        [Step::Place(draft)] => {
            (draft.statement.number, Configuration::decode(&draft.configuration).unwrap().variables)
        }
        other => panic!("{other:?}"),
    };
    let (number, variables) = of(&found);
    assert_eq!((number, variables["A"].as_str(), variables["DEBUG"].as_str()), (3, "base", "1"));
    let in_force = applied(found, in_force);
    let again = plan(dir.path(), &in_force, false);
    assert_eq!((again.steps.len(), again.rows.len()), (0, 2), "it is told again, and nothing is sent");
    let pruned = plan(dir.path(), &in_force, true);
    assert!(!of(&pruned).1.contains_key("DEBUG"));
    assert!(pruned.notes.iter().any(|note| note.contains("shop/api/night stays")), "{:?}", pruned.notes);
}

#[test]
fn people_groups_freezes_and_grants_are_declared_too() {
    let (dir, lab) = (directory(), Lab::default());
    let root = lab.root();
    let holder = &root.registrars.holders[0];
    write(dir.path(), "status.yaml", "frozen: [shop/api]\n");
    write(
        dir.path(),
        "statements/token.yaml",
        "kind: grant\nscope: shop/*/*\nuntil: 2026-12-31\nreason: the registry wants it\nbody:\n  secret: shop/registry/token\n  \
         to: { step: publish }\n  refs: [refs/heads/main]\n  pools: [protected]\n",
    );
    write(dir.path(), "trust.yaml", "groups:\n  registrars: { threshold: 1, members: [ada] }\n");
    write(
        dir.path(),
        "people/ada.yaml",
        "name: Ada\nemails: [Ada@example.com]\nroles: [developer, release-manager@shop]\n",
    );
    let text = std::fs::read_to_string(dir.path().join("keys.yaml")).unwrap();
    let sign_in = &root.registrars.holders[1].key;
    let keys = format!(
        "people:\n  ada:\n    - {{ key: \"{}\", purposes: [approve] }}\n    - {{ key: \"{sign_in}\", purposes: [sign-in] }}\n{text}",
        holder.key
    );
    write(dir.path(), "keys.yaml", &keys);
    let found = plan(dir.path(), &empty(&lab), false);
    let whats: Vec<_> = found.steps.iter().map(Step::what).collect();
    assert_eq!(whats[..3], ["trust root, version 2", "status", "enrolment of Ada"], "{:?}", rows(&found));
    assert_eq!(whats.last().unwrap(), "grant in shop/*/*");
    let Step::Root(root) = &found.steps[0] else { panic!("{whats:?}") };
    assert_eq!((root.registrars.threshold, root.registrars.holders.len()), (1, 1));
    assert_eq!(root.holders, lab.root().holders, "what no file declares stays");
    let Step::Person(ada) = &found.steps[2] else { panic!("{whats:?}") };
    assert_eq!((ada.emails[0].as_str(), ada.grants.len()), ("ada@example.com", 2));
    let mut in_force = applied(found, empty(&lab));
    in_force.people[0].enrolment.keys.reverse();
    let again = plan(dir.path(), &in_force, false);
    assert!(again.steps.is_empty(), "{:?}", rows(&again));
    assert!(again.rows.iter().all(|row| row.sort == Sort::Undeclared), "{:?}", rows(&again));
    // Somebody freezes at night: it is told, it stays, and pruning needs the threshold of status signers.
    let mut frozen = in_force;
    frozen.status.frozen.push(super::status::freeze("bank").unwrap());
    frozen.status.frozen.sort();
    let told = plan(dir.path(), &frozen, false);
    assert!(
        rows(&told).contains(&"- status frozen.bank: true   (in force, and in no file)".to_owned()),
        "{:?}",
        rows(&told)
    );
    assert!(told.steps.is_empty());
    let pruned = Plan::make(&read(dir.path()).unwrap(), &frozen, way(true)).unwrap();
    let status =
        pruned.steps.iter().find_map(|step| if let Step::Status(step) = step { Some(step) } else { None });
    let status = status.unwrap();
    assert!(status.loosens && status.status.frozen.len() == 1);
}

#[test]
fn a_grant_that_ends_later_is_made_again_and_one_in_no_file_is_withdrawn_only_if_pruned() {
    let (dir, lab) = (directory(), Lab::default());
    let grant = |until: &str| {
        format!(
            "kind: grant\nscope: shop/*/*\nuntil: {until}\nreason: why\nbody: {{ secret: shop/t, to: {{ step: a }}, refs: [refs/heads/main], pools: [protected] }}\n"
        )
    };
    write(dir.path(), "statements/token.yaml", &grant("2026-12-01"));
    let in_force = applied(plan(dir.path(), &empty(&lab), false), empty(&lab));
    write(dir.path(), "statements/token.yaml", &grant("2026-12-05"));
    let later = plan(dir.path(), &in_force, false);
    assert_eq!(later.steps.len(), 1);
    assert!(rows(&later)[0].starts_with("~ statements/token until: 2026-12-02"), "{:?}", rows(&later));
    let text = grant("2026-12-05").replace("step: a", "step: b");
    write(dir.path(), "statements/token.yaml", &text);
    let other = plan(dir.path(), &in_force, false);
    assert_eq!(other.rows.iter().map(|row| row.sort).collect::<Vec<_>>(), [Sort::Add, Sort::Undeclared]);
    let pruned = plan(dir.path(), &in_force, true);
    let Step::Status(step) = &pruned.steps[0] else { panic!("{:?}", pruned.steps) };
    let mine: Vec<&Statement> = in_force.statements.iter().map(|it| &it.statement).collect();
    assert_eq!((step.withdrawn.len(), step.loosens, mine.len()), (1, false, 1));
}

/// Each row: a file, its text, and the words of the fault.
const BAD: &[(&str, &str, &str)] = &[
    (
        "configuration.yaml",
        "version: 2\n",
        "`configuration.yaml`, line 1, column 10: `version: 1` is expected",
    ),
    (
        "configuration.yaml",
        "version: 1\ndefault: {}\n",
        "line 2, column 1: `default` is unknown; known are version, projects, defaults",
    ),
    (
        PRODUCTION,
        "policy: policies/default\nsoak: 12h\nsoak: 6h\n",
        "`environments/shop/api/production.yaml`, line 3, column 1: ",
    ),
    (PRODUCTION, "baseline: \"1111\"\n", "line 1, column 11: "),
    (PRODUCTION, "soak: 12\nafter: staging\n", "line 1, column 7: a number with a unit is expected"),
    (PRODUCTION, "region: Frankfurt\n", "line 1, column 9: `Frankfurt` is not a name"),
    (PRODUCTION, "class: none\nsoak: 12h\n", "line 2, column 7: `soak` needs `after`"),
    (PRODUCTION, "automatic: true\n", "`class` is `production` and `automatic` is true"),
    (PRODUCTION, "port: 70000\n", "line 1, column 7: a port is a number from 1 to 65535"),
    (PRODUCTION, "bounds:\n  memory: 5\n", "line 2, column 11: unknown field `memory`"),
    (PRODUCTION, "variables:\n  LISTEN_FDS: 1\n", "a variable's name cannot be one"),
    (
        PRODUCTION,
        "policy: ../elsewhere\n",
        "line 1, column 9: `../elsewhere` is no path below this directory",
    ),
    (PRODUCTION, "policy: policies/none\n", "line 1, column 9: cannot read"),
    ("environments/shop/api/staging.yaml", "after: production\n", "leads back to shop/api/"),
    ("environments/shop/production.yaml", "{}\n", "no file of this name declares anything"),
    ("environment/shop/api/x.yaml", "{}\n", "no file of this name declares anything"),
    (
        "environments/shop/api/test.yaml",
        "policy: policies/default\n",
        "the place has no agent; make one with `countersign agent key`",
    ),
    ("classes/prod.yaml", "{}\n", "no class has this name; known are"),
    ("classes/production.yaml", "class: staging\n", "line 1, column 1: `class` is unknown"),
    ("keys.yaml", "agents: { shop/api/night: [] }\n", "there is no file environments/shop/api/night.yaml"),
    (
        "keys.yaml",
        "people: { ada: [{ key: nothing, purposes: [approve] }] }\n",
        "`keys.yaml`, line 1, column ",
    ),
    ("trust.yaml", "groups: { holder: {} }\n", "line 1, column 11: `holder` is unknown"),
    ("people/ada.yaml", "name: Ada\nemails: []\nroles: [Developer]\n", "line 3, column 9: a role is ROLE"),
    ("status.yaml", "frozen: [a/b/c/d]\n", "line 1, column 10: a freeze names PROJECT"),
    ("statements/a.yaml", "kind: tag\n", "line 1, column 7: grant, waiver or not-affected is expected"),
    (
        "statements/a.yaml",
        "kind: grant\nscope: shop/*/*\nuntil: 2020-01-01\nreason: x\nbody: {}\n",
        "it has ended: remove the file",
    ),
    (
        "statements/a.yaml",
        "kind: grant\nscope: shop/*/*\nuntil: 2026-12-01\nreason: x\nbody: {}\n",
        "line 5, column 1: ",
    ),
];

#[test]
fn attack_bad_files_are_faults_with_line_and_remedy() {
    for (path, text, words) in BAD {
        let dir = directory();
        assert!(read(dir.path()).is_ok(), "unchanged files have no fault");
        write(dir.path(), path, text);
        let said = read(dir.path()).map(drop).unwrap_err();
        assert!(said.contains(words), "{path}: {text}\n{said}");
        assert!(said.ends_with("nothing was signed or sent"), "{said}");
    }
}

#[test]
fn attack_links_large_files_and_missing_ones() {
    let dir = directory();
    std::os::unix::fs::symlink("/etc/hostname", dir.path().join("status.yaml")).unwrap();
    let said = read(dir.path()).map(drop).unwrap_err();
    assert!(said.contains("`status.yaml`: it is a link out of the directory"), "{said}");
    let dir = directory();
    write(dir.path(), "status.yaml", &"# much\n".repeat(50_000));
    assert!(read(dir.path()).map(drop).unwrap_err().contains("`status.yaml`: cannot be read: "));
    let dir = directory();
    let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"status\xff.yaml");
    write(dir.path(), "other.txt", "");
    std::fs::rename(dir.path().join("other.txt"), dir.path().join(odd)).unwrap();
    let said = read(dir.path()).map(drop).unwrap_err();
    assert!(said.contains("its name is no text in UTF-8; rename the file"), "{said}");
    let none = tempfile::tempdir().unwrap();
    assert!(read(none.path()).map(drop).unwrap_err().contains("has no file `configuration.yaml`"));
    let (dir, lab) = (directory(), Lab::default());
    write(dir.path(), "trust.yaml", "groups:\n  policy: { members: [nobody] }\n");
    let made = Plan::make(&read(dir.path()).unwrap(), &empty(&lab), way(false)).map(drop);
    assert!(
        made.unwrap_err()
            .to_string()
            .contains("`trust.yaml`, line 2, column 22: `nobody` is nobody; known are ")
    );
    let (dir, lab) = (directory(), Lab::default());
    write(
        dir.path(),
        "environments/shop/api/staging.yaml",
        "baseline: \"1111111111111111111111111111111111111111\"\nafter: dev\n",
    );
    let made = Plan::make(&read(dir.path()).unwrap(), &empty(&lab), way(false)).map(drop);
    assert!(made.unwrap_err().to_string().contains("line 2, column 8: there is no place `shop/api/dev`"));
}

#[test]
fn attack_two_places_on_one_host_get_one_port() {
    let (dir, lab) = (directory(), Lab::default());
    let keys = std::fs::read_to_string(dir.path().join("keys.yaml")).unwrap();
    write(dir.path(), "overrides/staging.yaml", "port: 8080\n");
    write(dir.path(), "overrides/production.yaml", "class: production\nport: 8080\n");
    assert_eq!(plan(dir.path(), &empty(&lab), false).steps.len(), 2, "the hosts differ");
    let second = keys.replace("host-2", "host-1").replace(&key(), &other_key());
    let [first, last] =
        [&keys, &second].map(|text| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>());
    write(dir.path(), "keys.yaml", &format!("agents:\n{}\n{}\n", first[0], last[1]));
    let made = Plan::make(&read(dir.path()).unwrap(), &empty(&lab), way(false)).map(drop);
    let said = made.unwrap_err().to_string();
    assert!(
        said.contains("`overrides/production.yaml`, line 2, column 7: port 8080 is the one of "),
        "{said}"
    );
}

fn other_key() -> String {
    MachineSigner::from_seed([8; 32]).unwrap().public().to_string()
}

#[test]
fn statements_that_lose_their_signers_are_signed_anew_and_nothing_of_them_is_taken_over() {
    let (dir, lab) = (directory(), Lab::default());
    let mut in_force = applied(plan(dir.path(), &empty(&lab), false), empty(&lab));
    write(dir.path(), "trust.yaml", "groups:\n  policy: { threshold: 3 }\n");
    let found = plan(dir.path(), &in_force, false);
    let whats: Vec<_> = found.steps.iter().map(Step::what).collect();
    let anew =
        ["trust root, version 2", "statement 2 of shop/api/staging", "statement 2 of shop/api/production"];
    assert_eq!(whats, anew, "three have to sign what two signed");
    std::fs::remove_file(dir.path().join("trust.yaml")).unwrap();
    let place: Place = "shop/api/staging".parse().unwrap();
    let old = in_force.places.remove(&place).unwrap();
    let mut configuration = old.configuration.clone();
    configuration.variables.insert("EVIL".into(), "1".into());
    let configuration = configuration.encode().unwrap();
    let shown = Environment { configuration: Digest::of(&configuration), number: 7, ..old.statement };
    in_force.places.insert(place, PlaceInForce { is_signed: false, ..in_force_of(&shown, &configuration) });
    let found = plan(dir.path(), &in_force, false);
    let [Step::Place(draft)] = found.steps.as_slice() else { panic!("{:?}", found.steps) };
    assert_eq!(draft.statement.number, 8);
    assert!(!Configuration::decode(&draft.configuration).unwrap().variables.contains_key("EVIL"));
    assert!(export(&in_force, &dir.path().join("new")).is_err());
}

#[test]
fn what_is_exported_declares_what_is_in_force() {
    let (dir, lab) = (directory(), Lab::default());
    write(
        dir.path(),
        "statements/token.yaml",
        "kind: grant\nscope: shop/*/*\nuntil: 2026-12-31\nreason: why\nbody: { secret: shop/t, to: { step: a }, refs: [refs/heads/main], pools: [protected] }\n",
    );
    write(
        dir.path(),
        "status.yaml",
        "frozen: [shop/*/production]\nbarred: [\"sha256:1111111111111111111111111111111111111111111111111111111111111111\"]\n",
    );
    let in_force = applied(plan(dir.path(), &empty(&lab), false), empty(&lab));
    let out = tempfile::tempdir().unwrap();
    let exported = out.path().join("files");
    assert!(export(&in_force, &exported).unwrap() > 8);
    assert!(export(&in_force, &exported).is_err(), "a directory that exists is left alone");
    let same = plan(&exported, &in_force, true);
    assert_eq!((rows(&same), same.steps.len()), (Vec::new(), 0));
    // Into an empty installation they bring the same places; keys of machines are those of the files.
    let copied = applied(plan(&exported, &empty(&lab), false), empty(&lab));
    let again = out.path().join("again");
    export(&copied, &again).unwrap();
    for path in ["environments/shop/api/production.yaml", "status.yaml", "keys.yaml", "trust.yaml"] {
        let text = |dir: &Path| std::fs::read_to_string(dir.join(path)).unwrap();
        assert_eq!(text(&exported), text(&again), "{path}");
    }
}

mod unsigned;
