//! Modes of files, as `chmod` takes them (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/chmod.html>).

/// What a mode sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    bits: u32,
}

impl Mode {
    /// The bits that a mode sets, in octal or as letters; none if it is neither.
    pub fn of(text: &str) -> Option<Self> {
        if !text.is_empty() && text.chars().all(|digit| digit.is_digit(8)) {
            return u32::from_str_radix(text, 8).ok().map(|bits| Self { bits });
        }
        let mut bits = 0;
        for clause in text.split(',') {
            bits |= clause_bits(clause)?;
        }
        Some(Self { bits })
    }

    /// Whether everybody can write.
    pub const fn is_writable_by_all(self) -> bool {
        self.bits & 0o002 != 0
    }

    /// Whether a program gets the rights of its owner or group.
    pub const fn is_setuid(self) -> bool {
        self.bits & 0o6000 != 0
    }

    /// Whether only owners delete files of a directory.
    pub const fn is_sticky(self) -> bool {
        self.bits & 0o1000 != 0
    }
}

/// Bits that one clause, such as `u+rwx`, sets.
fn clause_bits(clause: &str) -> Option<u32> {
    let at = clause.find(['+', '-', '='])?;
    let (who, change) = clause.split_at(at);
    let mut classes = 0;
    for letter in who.chars() {
        classes |= match letter {
            'u' => 0o4700,
            'g' => 0o2070,
            'o' => 0o1007,
            'a' => 0o7777,
            _ => return None,
        };
    }
    // Without a class the mask of the process leaves writing to the owner.
    let classes = if who.is_empty() { 0o7755 } else { classes };
    let mut bits = 0;
    let mut adds = false;
    for letter in change.chars() {
        let wanted = match letter {
            '+' | '=' => {
                adds = true;
                continue;
            }
            '-' => {
                adds = false;
                continue;
            }
            'r' => 0o444,
            'w' => 0o222,
            'x' | 'X' => 0o111,
            's' => 0o6000,
            't' => 0o1000,
            'u' | 'g' | 'o' => 0,
            _ => return None,
        };
        if adds {
            bits |= wanted & classes;
        }
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    #[test]
    fn modes_are_those_of_chmod() {
        for (text, writable, setuid) in [
            ("777", true, false),
            ("0777", true, false),
            ("1777", true, false),
            ("4755", false, true),
            ("755", false, false),
            ("a+w", true, false),
            ("o+rw", true, false),
            ("ugo=rwx", true, false),
            ("+w", false, false),
            ("+x", false, false),
            ("u+s", false, true),
            ("g+s,o-w", false, true),
            ("u-s", false, false),
            ("o+s", false, false),
            ("go-w", false, false),
        ] {
            let mode = Mode::of(text).unwrap();
            assert_eq!((mode.is_writable_by_all(), mode.is_setuid()), (writable, setuid), "{text}");
        }
        assert_eq!((Mode::of("--reference=x"), Mode::of("")), (None, None));
    }
}
