//! Grants as a person sees them: one that nobody signed is no line, and one that does not count says why.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use evidence::Moment;
use evidence::dsse::Envelope;
use evidence::statements::{NAMESPACE, Statement};
use evidence::status::{Revocation, Status};
use judge::known_grants;
use lab::forgery;
use lab::{Lab, at, id, name};

/// Bob lets a service have a secret.
struct Granted {
    lab: Lab,
    statement: Statement,
    enrolments: Vec<Envelope>,
    status: Status,
    now: Moment,
}

impl Granted {
    fn honest() -> Self {
        let kind = forgery::KINDS.iter().find(|kind| kind.open == "secret-missing").unwrap();
        let (lab, parts) = kind.stated(|_| ());
        let read = parts.statements.iter().map(|envelope| Statement::read(envelope).unwrap());
        let statement = read.into_iter().find(|statement| statement.kind().lends()).unwrap();
        let mut enrolments = parts.enrolments.clone();
        enrolments.sort_by_key(Envelope::payload_digest);
        let status = lab.status();
        Self { lab, statement, enrolments, status, now: at(0) }
    }

    fn signed(&self) -> Envelope {
        let mut envelope = self.statement.envelope().unwrap();
        self.lab.bob.approve.sign(&mut envelope, NAMESPACE);
        envelope
    }

    /// Why it does not count, or the code of what is wrong with showing it.
    fn shown(&self, envelope: Envelope) -> Result<Vec<&'static str>, String> {
        let under = (&self.lab.root(), &self.status);
        let known = known_grants(&[envelope], &self.enrolments, under, &name("shop"), self.now);
        let known = known.map_err(|reasons| reasons.against[0].code.clone())?;
        assert_eq!((known.len(), known[0].by.as_str()), (1, self.lab.bob.enrolment(&[]).name.as_str()));
        Ok(known[0].void.clone())
    }
}

fn shown(change: impl FnOnce(&mut Granted)) -> Result<Vec<&'static str>, String> {
    let mut granted = Granted::honest();
    change(&mut granted);
    granted.shown(granted.signed())
}

#[test]
fn attack_a_server_shows_a_grant_that_nobody_signed() {
    assert_eq!(shown(|_| ()), Ok(vec![]));
    let granted = Granted::honest();
    let unsound = Err("statement-unsound".to_owned());
    assert_eq!(granted.shown(granted.statement.envelope().unwrap()), unsound);
    let mut by_stranger = granted.statement.envelope().unwrap();
    granted.lab.mallory.approve.sign(&mut by_stranger, NAMESPACE);
    assert_eq!(granted.shown(by_stranger), unsound);
    let json = |envelope: &Envelope| serde_json::to_value(envelope).unwrap();
    let longer = Statement { expires: at(200_000), ..granted.statement.clone() };
    let mut swapped = json(&longer.envelope().unwrap());
    swapped["signatures"] = json(&granted.signed())["signatures"].clone();
    assert_eq!(granted.shown(serde_json::from_value(swapped).unwrap()), unsound);
    assert_eq!(shown(|granted| granted.enrolments.clear()), unsound);
    assert_eq!(shown(|granted| granted.statement.installation = id(2)), unsound);
    assert_eq!(
        shown(|granted| granted.statement.scope.project = name("yard")),
        Err("statement-stray".into())
    );
}

#[test]
fn attack_a_server_shows_a_grant_that_does_not_count() {
    let why = |change: fn(&mut Granted)| shown(change).unwrap();
    let withdrawn = |granted: &mut Granted| {
        granted.status.withdrawn = vec![granted.signed().payload_digest()];
    };
    assert_eq!(why(withdrawn), ["it was withdrawn"]);
    let revoked = |granted: &mut Granted| {
        let key = granted.lab.bob.approve.key.fingerprint().to_owned();
        granted.status.revoked = vec![Revocation { key, invalid_since: at(-3_600) }];
    };
    assert_eq!(why(revoked), ["its key is revoked"]);
    let roleless = |granted: &mut Granted| {
        let bob = granted.lab.bob.enrolment(&["release-manager"]);
        granted.enrolments = vec![granted.lab.signed_enrolment(&bob)];
    };
    assert_eq!(why(roleless), ["its signer does not hold the role for it"]);
    let over = |granted: &mut Granted| granted.now = granted.statement.expires;
    assert_eq!(why(over), ["it has ended, or begins later"]);
    assert_eq!(why(|granted| granted.statement.root = 2), ["it names a trust root that is still to come"]);
}
