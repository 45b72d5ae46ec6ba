//! The shape of a rule.

/// A rule: how a kind of secret looks.
#[derive(Debug)]
pub struct Rule {
    /// Id in findings, policies and waivers.
    pub id: &'static str,
    /// Issuer of such secrets, or the specification of the format.
    pub issuer: &'static str,
    /// The kind of secret, as a noun.
    pub what: &'static str,
    /// Texts of which one is in every such secret. The scanner looks for them, in any case of letters, and for the pattern only
    /// around them.
    pub keywords: &'static [&'static str],
    /// Highest number of bytes before the keyword that the pattern covers.
    pub before: usize,
    /// Regular expression. If it has a group, the group is the secret.
    pub pattern: &'static str,
    /// Further condition.
    pub sort: Sort,
}

/// Sorts of rules, by the condition that a match has to meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The secret stands alone, begins with public letters and is random.
    Token,
    /// The same, and its last six characters are the CRC-32 of those between the prefix and them, in base 62.
    Checked,
    /// The same, and its first part is the header of a JSON web token.
    Jwt,
    /// The group is random; words before it say what it is.
    Value,
    /// An address that is itself the right.
    Link,
    /// The form alone tells.
    Form,
    /// The group is a password that people may have chosen.
    Password,
    /// The group looks like nothing but chance.
    Random,
}

/// A row of the table.
pub const fn rule(
    id: &'static str,
    issuer: &'static str,
    what: &'static str,
    keywords: &'static [&'static str],
    before: usize,
    pattern: &'static str,
    sort: Sort,
) -> Rule {
    Rule { id, issuer, what, keywords, before, pattern, sort }
}

impl Sort {
    /// Whether a finding may show the first four characters, because they are the same in every secret of the kind.
    #[must_use]
    pub const fn has_public_prefix(self) -> bool {
        matches!(self, Self::Token | Self::Checked | Self::Form | Self::Jwt)
    }
}
