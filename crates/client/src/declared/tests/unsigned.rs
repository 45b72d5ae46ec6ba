//! A server that shows statements and enrolments which nobody signed: a person who applies files signs nothing of them.

use evidence::credentials::OpenPgp;
use evidence::environment::Class;
use evidence::preview::Previews;
use evidence::seal::SealKey;

use super::*;

fn forged_key() -> evidence::machine::MachineKey {
    *MachineSigner::from_seed([66; 32]).unwrap().public()
}

/// The plan for a place whose statement the server forged.
fn planned(change: impl FnOnce(&mut Environment)) -> Result<Environment, String> {
    let (dir, lab) = (directory(), Lab::default());
    let mut in_force = applied(plan(dir.path(), &empty(&lab), false), empty(&lab));
    let place: Place = "shop/api/production".parse().unwrap();
    let old = in_force.places.remove(&place).unwrap();
    let configuration = old.configuration.encode().unwrap();
    let mut forged = old.statement;
    change(&mut forged);
    in_force.places.insert(place, PlaceInForce { is_signed: false, ..in_force_of(&forged, &configuration) });
    let made = Plan::make(&read(dir.path()).unwrap(), &in_force, way(false));
    let made = made.map_err(|error| error.to_string())?;
    let [Step::Place(draft)] = made.steps.as_slice() else { panic!("{:?}", made.steps) };
    Ok(draft.statement.clone())
}

/// The seal key of a machine stays where a line names none, and a former key counts beside the new one: an administrator would have
/// the policy signers sign a key for the secrets of production, and one for its reports.
#[test]
fn attack_keys_of_a_statement_that_nobody_signed_are_not_signed_anew() {
    let seal = SealKey::from_bytes([9; 32]).unwrap();
    let signed = planned(|forged| {
        let agent = forged.agents.first_mut().unwrap();
        agent.key = forged_key();
        agent.seal = Some(seal);
        agent.place.host = "elsewhere".to_owned();
    })
    .unwrap();
    let [agent] = signed.agents.as_slice() else { panic!("{:?}", signed.agents) };
    assert_eq!((agent.key.to_string(), agent.seal, &agent.former), (key(), None, &None));
    assert_eq!(agent.place.host, "host-2");
}

#[test]
fn attack_what_no_file_can_say_is_not_taken_from_a_statement_that_nobody_signed() {
    let previews = Previews { pattern: "pr-*".parse().unwrap(), count: 64, ttl_ms: 3_600_000 };
    let said = planned(|forged| {
        forged.previews = Some(previews);
        (forged.class, forged.after, forged.windows, forged.soak_ms) =
            (Some(Class::Preview), None, None, None);
    })
    .unwrap_err();
    assert!(said.contains("which no file can say") && said.contains("nothing was signed or sent"), "{said}");
    let said = planned(|forged| forged.packs = vec!["loose".parse().unwrap()]).unwrap_err();
    assert!(said.contains("which no file can say"), "{said}");
}

/// Passkeys, further accounts and addresses are in force and in no file, so they would stay: an administrator would have the
/// registrars enrol a key of the administrator's as a colleague's.
#[test]
fn attack_an_enrolment_that_nobody_signed_brings_nobody_a_key() {
    let (dir, lab) = (directory(), Lab::default());
    write(
        dir.path(),
        "people/ada.yaml",
        "name: Ada\nsubject: test:ada\nemails: [ada@example.com]\nroles: [developer]\n",
    );
    let holders = lab.root().registrars.holders;
    let keys = std::fs::read_to_string(dir.path().join("keys.yaml")).unwrap();
    let keys = format!(
        "{keys}people:\n  ada:\n    - {{ key: \"{}\", purposes: [approve] }}\n    - {{ key: \"{}\", purposes: [sign-in] }}\n",
        holders[0].key, holders[1].key
    );
    write(dir.path(), "keys.yaml", &keys);
    let mut in_force = applied(plan(dir.path(), &empty(&lab), false), empty(&lab));
    let [person] = in_force.people.as_mut_slice() else { panic!("{:?}", in_force.people) };
    let id = person.enrolment.person;
    person.is_signed = false;
    let account = json!({ "forge": "forge.example.com", "id": "666" });
    person.enrolment.accounts = vec![serde_json::from_value(account).unwrap()];
    person.enrolment.openpgp = vec![OpenPgp { certificate: evidence::Bytes(vec![6; 40]) }];
    let found = plan(dir.path(), &in_force, false);
    assert!(rows(&found).iter().any(|row| row.contains("too few of the registrars")), "{:?}", rows(&found));
    let enrolled = found.steps.iter().find_map(|step| match step {
        Step::Person(enrolment) => Some(enrolment),
        _ => None,
    });
    let enrolled = enrolled.unwrap();
    assert_eq!((enrolled.person, enrolled.accounts.len(), enrolled.openpgp.len()), (id, 0, 0));
    assert!(export(&in_force, &dir.path().join("new")).is_err());
}

/// The author of the files could otherwise add lines to the page by which a person decides.
#[test]
fn attack_a_row_is_one_line() {
    let row = super::super::difference::Row {
        sort: Sort::Change,
        part: "shop/api/production".into(),
        key: "variables.A\nnote: nothing else changes".into(),
        from: Some(json!("x\ny")),
        to: None,
        at: Some(super::super::fault::At::file("overrides/a\n+ b.yaml")),
    };
    let said = row.to_string();
    assert_eq!(
        said,
        "~ shop/api/production variables.A\\nnote: nothing else changes: x\\ny -> none   (overrides/a\\n+ b.yaml)"
    );
}
