//! Given people and runners who have nothing to do with a secret, when they ask for it, then the refusal tells nothing of it: it is
//! the same whether there is such a secret or not, and whatever became of it.

use evidence::pool::Pool;

use super::{destroying, owned, put, putting, secret};
use crate::scenario::{alice, at, bob, happen, id, name};
use crate::secret::{Lend, Reading, SecretPut, Show, read};
use crate::{Refusal, State};

/// States in which the secret does not exist, exists, is a honey token, and was destroyed.
fn states() -> [State; 4] {
    let mut states = [owned(), owned(), owned(), owned()];
    let [_, there, honey, gone] = &mut states;
    happen(there, &putting(put(1)));
    happen(there, &putting(put(2)));
    happen(honey, &putting(SecretPut { honey: true, rotate_days: Some(1), ..put(1) }));
    happen(gone, &putting(put(1)));
    happen(gone, &destroying(1, alice()));
    states
}

fn refusals(ask: impl Fn() -> Reading) -> [Refusal; 4] {
    states().map(|state| read(&state, &ask(), at(1_000_000)).lent.unwrap_err())
}

fn are_one(refusals: &[Refusal; 4]) {
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");
}

#[test]
fn attack_a_stranger_finds_out_which_secrets_there_are() {
    for person in [bob(), id(77).into()] {
        for number in [None, Some(1), Some(2)] {
            let show = || Show {
                person,
                secret: secret("shop/registry/token"),
                number,
                reason: "curious".into(),
                is_open: true,
            };
            are_one(&refusals(|| Reading::Show(Box::new(show()))));
        }
    }
}

#[test]
fn attack_a_runner_finds_out_which_secrets_there_are() {
    let lend = || Lend {
        runner: name("runner-1"),
        nonce: id(50),
        work: None,
        names: [secret("shop/registry/token")].into(),
        named: [].into(),
        at_ref: None,
        pool: Pool::Protected,
        grants: Vec::new(),
        first: [].into(),
        is_open: true,
    };
    are_one(&refusals(|| Reading::Lend(Box::new(lend()))));
}
