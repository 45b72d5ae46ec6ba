//! Second thoughts about a match: checksums, chance and placeholders.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::rule::{Rule, Sort};

/// Whether bytes that fit a pattern are a secret.
pub fn is_sound(rule: &Rule, secret: &[u8]) -> bool {
    match rule.sort {
        Sort::Form => true,
        Sort::Link => entropy(secret) >= 3.0,
        Sort::Checked => is_checked(secret),
        Sort::Jwt => is_jwt(secret),
        Sort::Token | Sort::Value if secret.starts_with(b"-----BEGIN") => true,
        Sort::Token | Sort::Value => entropy(random_part(rule, secret)) >= 2.5 && !is_placeholder(secret),
        Sort::Password => entropy(secret) >= 2.0 && !is_placeholder(secret) && !is_word(secret),
        Sort::Random => is_random(secret) && !is_placeholder(secret),
    }
}

/// The secret without its public beginning.
fn random_part<'a>(rule: &Rule, secret: &'a [u8]) -> &'a [u8] {
    let prefix = rule.keywords.iter().filter_map(|keyword| secret.strip_prefix(keyword.as_bytes())).next();
    prefix.unwrap_or(secret)
}

/// Shannon entropy in bits for each byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let length = f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

/// Whether the last six characters are the CRC-32 of those between prefix and them, in base 62
/// (<https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>).
fn is_checked(secret: &[u8]) -> bool {
    let body = secret.iter().position(|byte| *byte == b'_').and_then(|at| secret.get(at + 1..));
    let Some((random, sum)) = body.and_then(|body| body.split_at_checked(body.len().checked_sub(6)?)) else {
        return false;
    };
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => u64::from(byte - b'0'),
        b'A'..=b'Z' => u64::from(byte - b'A') + 10,
        _ => u64::from(byte.saturating_sub(b'a')) + 36,
    };
    sum.iter().fold(0, |number, byte| number * 62 + digit(byte)) == u64::from(crc32(random))
}

/// CRC-32 of ISO-HDLC, four bits at a time.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, bits: u32| {
        let row = TABLE.get(((crc ^ bits) & 15) as usize).copied().unwrap_or_default();
        (crc >> 4) ^ row
    };
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        let byte = u32::from(*byte);
        step(step(crc, byte), byte >> 4)
    });
    !crc
}

const TABLE: [u32; 16] = table();

const fn table() -> [u32; 16] {
    let mut table = [0; 16];
    let mut rows: &mut [u32] = &mut table;
    let mut number = 0;
    while let Some((row, rest)) = rows.split_first_mut() {
        let mut crc: u32 = number;
        let mut bit = 0;
        while bit < 4 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        *row = crc;
        number += 1;
        rows = rest;
    }
    table
}

/// Whether the first part is the header of a signed token (<https://www.rfc-editor.org/rfc/rfc7515#section-4.1>).
fn is_jwt(secret: &[u8]) -> bool {
    let header = secret.split(|byte| *byte == b'.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header = header.and_then(|header| serde_json::from_slice::<serde_json::Value>(&header).ok());
    header.is_some_and(|header| header.get("alg").is_some_and(|alg| alg != "none"))
}

/// Texts that stand where a secret goes.
fn is_placeholder(secret: &[u8]) -> bool {
    let lower = secret.to_ascii_lowercase();
    let contains = |word: &[u8]| lower.windows(word.len()).any(|window| window == word);
    let repeats = secret.windows(6).any(|run| run.iter().all(|byte| Some(byte) == run.first()));
    repeats
        || [&b"example"[..], b"placeholder", b"changeme", b"your", b"0123456789", b"abcdefgh"]
            .iter()
            .any(|word| contains(word))
}

/// Words that people write for a password in examples.
fn is_word(secret: &[u8]) -> bool {
    let lower = secret.to_ascii_lowercase();
    let words: [&[u8]; 12] = [
        b"password",
        b"passwd",
        b"secret",
        b"token",
        b"postgres",
        b"username",
        b"mysecretpassword",
        b"hunter2",
        b"mongodb",
        b"pass",
        b"user",
        b"redacted",
    ];
    words.contains(&lower.as_slice())
}

/// Whether the bytes change their class as often as chance does: names and words do so rarely. Digits and letters of both cases
/// are classes.
fn is_random(secret: &[u8]) -> bool {
    let class = |byte: &u8| match byte {
        b'0'..=b'9' => 1,
        b'a'..=b'z' => 2,
        b'A'..=b'Z' => 3,
        _ => 4,
    };
    let trimmed = secret.strip_suffix(b"==").or_else(|| secret.strip_suffix(b"=")).unwrap_or(secret);
    let changes = trimmed.windows(2).filter(|pair| pair.first().map(class) != pair.last().map(class)).count();
    let marks = trimmed.iter().filter(|byte| class(byte) == 4).count();
    let digits = trimmed.iter().filter(|byte| class(byte) == 1).count();
    let letters = trimmed.len() - marks - digits;
    // A mark changes the class twice; words joined by marks are no chance.
    changes.saturating_sub(2 * marks) * 4 >= trimmed.len()
        && marks * 8 <= trimmed.len()
        && digits >= 2
        && letters >= 2
        && entropy(trimmed) >= 3.0
        && !is_identifier(trimmed)
}

/// Whether long runs of small letters between capitals make up a third of the text, as in `CreateTokenizer_v2`.
fn is_identifier(text: &[u8]) -> bool {
    let runs = text.split(|byte| !byte.is_ascii_lowercase()).map(<[u8]>::len);
    let in_words: usize = runs.filter(|length| *length >= 4).sum();
    text.iter().any(u8::is_ascii_uppercase) && in_words * 3 >= text.len()
}
