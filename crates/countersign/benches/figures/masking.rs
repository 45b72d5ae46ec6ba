//! Values of secrets: hiding them in a log, against a search for one byte, and a step with ten against one without.

use std::process::Command;

use evidence::{Bytes, Id};
use mask::{MaskedStream, Masker};
use runner::{Caps, HeldStep, Holder, Isolation, Sandbox};
use sandbox::{Egress, Exit, Secret};
use vault::{SealedValue, SecretVersion};
use wire::{LentSecret, LentSecrets};

use crate::isolation::spec;
use crate::{print, spans};

/// 1,000 secrets in 32 MiB of a build's log.
pub fn throughput() {
    let values: Vec<Vec<u8>> = (0..1_000).map(value).collect();
    let masker = Masker::new(values.iter().map(Vec::as_slice)).unwrap();
    let line = b"   Compiling serde v1.0.229 (registry+https://index.example) -C opt-level=3 [42/317] \n";
    let log: Vec<u8> = line.iter().copied().cycle().take(32 << 20).collect();
    let floor = spans(20, || assert_eq!(memchr::memchr(0xff, std::hint::black_box(&log)), None));
    let ours = spans(5, || {
        let mut stream = MaskedStream::new(&masker);
        let mut shown = Vec::with_capacity(log.len());
        log.chunks(64 << 10).for_each(|piece| stream.push(piece, &mut shown));
        stream.flush(&mut shown);
        assert_eq!(shown.len(), log.len());
    });
    print("32 MiB of a log masked, 1,000 secrets", &ours, &floor, "memchr over the same bytes");
    println!(
        "{:44} {:>12} {:>12}   texts of 1,000 values of 40 bytes",
        "memory of that automaton",
        format!("{} MiB", masker.memory() >> 20),
        ""
    );
}

/// A value as registries make them.
fn value(number: u32) -> Vec<u8> {
    let mut state = u64::from(number) * 2_654_435_761 + 1;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ALPHABET[(state >> 33) as usize % ALPHABET.len()]
    };
    (0..40).map(|_| letter()).collect()
}

/// From the start of the holder to the exit of `true`, without the server's answer.
pub fn step() {
    let within = Sandbox::new(|| start("sandbox-init"), Egress::default(), Caps::default())
        .with_holder(|| start("secret-holder"));
    let plain = spec();
    let mut with = spec();
    with.secrets =
        (0..10).map(|n| Secret { name: format!("s{n}"), variable: None, bytes: Vec::new().into() }).collect();
    let without = spans(40, || {
        let outcome = within.run(&plain, &[], &|_, _| {}, &|| true).unwrap();
        assert_eq!(outcome.exit, Exit::Code(0));
    });
    let ours = spans(40, || {
        let holder = Holder::start(within.holder().unwrap()).unwrap();
        let values = (0..10).map(|n| lent(&holder, n)).collect();
        let held = HeldStep::new(
            &within,
            holder,
            (ID, ID),
            LentSecrets { values, ..LentSecrets::default() },
            Vec::new(),
        );
        assert_eq!(held.run(&with, &[], &|_, _| {}, &|| true).unwrap().exit, Exit::Code(0));
    });
    print("a step with 10 secrets, to the exit of `true`", &ours, &without, "the same step without secrets");
}

fn start(word: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.arg(word).env_clear().current_dir("/");
    command
}

fn lent(holder: &Holder, number: u32) -> LentSecret {
    let secret: evidence::secret_name::SecretName = format!("shop/s{number}").parse().unwrap();
    let of = SecretVersion::build(secret.clone(), 1);
    let (sealed, key) = SealedValue::seal(ID, &of, &value(number), &mut |bytes| bytes.fill(7)).unwrap();
    let key = key.wrap(&holder.key(), &sealed.binding(ID, Some(ID)).unwrap()).unwrap();
    let name = format!("s{number}").parse().unwrap();
    LentSecret { name, secret, number: 1, sealed: Bytes(sealed.encode().unwrap()), key }
}

const ID: Id = Id::from_random([1; 16]);
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
