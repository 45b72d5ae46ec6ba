//! Which version of a secret is lent, and until when.

use super::*;

#[test]
fn attack_the_newest_version_has_expired() {
    let until = |seconds: u64| {
        move |claim: &mut Claim| {
            let expires = Some(at(THURSDAY + 9 * HOUR + seconds));
            put(&mut claim.state, |put| {
                *put = SecretPut { number: 2, value: digest("2"), expires, ..put.clone() }
            });
        }
    };
    assert_eq!(codes(until(1)), [""; 0]);
    assert_eq!(codes(until(0)), ["secret-expired"], "the older version does not take its place");
}

#[test]
fn attack_the_newest_version_was_destroyed() {
    let destroyed = |number| {
        move |claim: &mut Claim| {
            put(&mut claim.state, |put| *put = SecretPut { number: 2, value: digest("2"), ..put.clone() });
            let gone = SecretDestroyed { secret: token(), number, person: alice() };
            claim.state.apply(&Event::SecretDestroyed(gone), at(THURSDAY));
        }
    };
    assert_eq!(codes(destroyed(1)), [""; 0]);
    assert_eq!(codes(destroyed(2)), ["secret-destroyed"], "the older version does not take its place");
}

#[test]
fn attack_a_secret_is_lent_beyond_its_rotation() {
    let after_days = |days: u64| {
        move |claim: &mut Claim| {
            put(&mut claim.state, |put| {
                *put = SecretPut { number: 2, value: digest("2"), rotate_days: Some(7), ..put.clone() }
            });
            claim.moment = at(THURSDAY + days * 24 * HOUR);
        }
    };
    assert_eq!(codes(after_days(6)), [""; 0], "it is due soon, which only warns");
    assert_eq!(codes(after_days(7)), ["secret-rotation-due"]);
}

#[test]
fn attack_a_secret_that_does_not_exist_is_asked_for() {
    let unknown = |claim: &mut Claim| {
        claim.lend.names = [secret("shop/nothing")].into();
        claim.lend.named.clone_from(&claim.lend.names);
    };
    assert_eq!(codes(unknown), ["secret-not-granted", "secret-unknown"]);
}
