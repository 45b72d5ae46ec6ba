//! Which loans and refusals write an alert.

use super::*;

#[test]
fn attack_a_read_outside_the_hours_alerts() {
    let at_hours = |hours: &str, seconds: u64| {
        let mut claim = Claim::honest();
        claim.granted(|grant| grant.hours = Some(hours.parse().unwrap()));
        claim.moment = at(THURSDAY + seconds);
        let (codes, alerts) = (codes_of(&claim), alerts(&claim.decide()));
        match codes.is_empty() {
            true => assert_eq!(alerts, []),
            false => assert_eq!(
                (codes.as_slice(), alerts.as_slice()),
                (["secret-outside-hours".to_owned()].as_slice(), [AlertSort::OutsideHours].as_slice())
            ),
        }
        codes.is_empty()
    };
    let (day, minute) = (24 * HOUR, 60);
    for (hours, seconds, is_lent) in [
        ("thu 08:00-18:00", 8 * HOUR - 1, false),
        ("thu 08:00-18:00", 8 * HOUR, true),
        ("thu 08:00-18:00", 18 * HOUR - 1, true),
        ("thu 08:00-18:00", 18 * HOUR, false),
        ("wed,fri 08:00-18:00", 9 * HOUR, false),
        ("thu 22:00-02:00", 22 * HOUR - minute, false),
        ("thu 22:00-02:00", 22 * HOUR, true),
        ("thu 22:00-02:00", day, true),
        ("thu 22:00-02:00", day + 2 * HOUR - 1, true),
        ("thu 22:00-02:00", day + 2 * HOUR, false),
        ("thu 22:00-02:00", day + 22 * HOUR, false),
        ("thu 22:00-02:00", HOUR, false),
    ] {
        assert_eq!(at_hours(hours, seconds), is_lent, "{hours}, {seconds} s");
    }
}

#[test]
fn attack_a_honey_token_alerts_whatever_is_decided() {
    let honey = |claim: &mut Claim| {
        put(&mut claim.state, |put| {
            *put = SecretPut { number: 2, value: digest("2"), honey: true, ..put.clone() }
        });
    };
    let mut claim = Claim::honest();
    honey(&mut claim);
    assert_eq!(alerts(&claim.decide()), [AlertSort::HoneyToken]);
    claim.lend.grants.clear();
    let decision = claim.decide();
    assert_eq!((decision.lent.is_err(), alerts(&decision)), (true, vec![AlertSort::HoneyToken]));
}

#[test]
fn the_first_loan_to_a_runner_alerts_and_a_refusal_does_not() {
    let mut claim = Claim::honest();
    claim.lend.first = [token()].into();
    assert_eq!(alerts(&claim.decide()), [AlertSort::FirstUse]);
    claim.lend.grants.clear();
    assert_eq!(alerts(&claim.decide()), []);
}

#[test]
fn a_person_is_shown_a_secret_of_their_own_project_and_that_alerts() {
    let mut claim = Claim::honest();
    let show = |state: &State, change: &dyn Fn(&mut Show)| {
        let mut show = Show {
            person: alice(),
            secret: token(),
            number: None,
            reason: "the registry's support asks".into(),
            is_open: true,
        };
        change(&mut show);
        let decision = read(state, &Reading::Show(Box::new(show)), at(THURSDAY + HOUR));
        assert!(decision.lines.iter().all(|line| line.check().is_ok()), "{:?}", decision.lines);
        let codes: Vec<_> = match &decision.lent {
            Ok(_) => Vec::new(),
            Err(refusal) => refusal.reasons().map(|reason| reason.code.clone()).collect(),
        };
        assert_eq!(used(&decision)[0].allowed, codes.is_empty());
        assert_eq!(used(&decision)[0].reason.as_deref(), Some("the registry's support asks"));
        (codes, alerts(&decision))
    };
    assert_eq!(show(&claim.state, &|_| ()), (vec![], vec![AlertSort::SeenByPerson]));
    let code = |state: &State, change: &dyn Fn(&mut Show)| show(state, change).0;
    assert_eq!(code(&claim.state, &|show| show.person = bob()), ["role-missing"]);
    assert_eq!(code(&claim.state, &|show| show.person = PersonId::from(id(77))), ["role-missing"]);
    assert_eq!(code(&claim.state, &|show| show.number = Some(2)), ["secret-unknown"]);
    assert_eq!(code(&claim.state, &|show| show.is_open = false), ["vault-sealed"]);
    let gone = SecretDestroyed { secret: token(), number: 1, person: alice() };
    claim.state.apply(&Event::SecretDestroyed(gone), at(THURSDAY));
    assert_eq!(code(&claim.state, &|show| show.number = Some(1)), ["secret-destroyed"]);
    let unreadable =
        Show { person: alice(), secret: token(), number: None, reason: String::new(), is_open: true };
    let decision = read(&claim.state, &Reading::Show(Box::new(unreadable)), at(THURSDAY));
    assert!(
        decision.lines[0].check().is_err(),
        "without a reason the line is unsound, so the writer refuses"
    );
}
