//! Policies of AWS: who may do what (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>).
//!
//! Invariant: what a policy takes from elsewhere (null here) neither widens nor limits it.

use serde_json::Value;

use super::network::is_everybody;

/// A statement of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    node: &'a Value,
}

/// The statements of a policy that allow.
pub fn allowing(policy: &Value) -> impl Iterator<Item = Statement<'_>> {
    let statements = get(policy, "Statement").map(one_or_more).unwrap_or_default();
    statements.iter().map(|node| Statement { node }).filter(|statement| {
        get(statement.node, "Effect")
            .and_then(Value::as_str)
            .is_some_and(|effect| effect.eq_ignore_ascii_case("Allow"))
    })
}

impl<'a> Statement<'a> {
    /// What it allows.
    pub fn actions(self) -> impl Iterator<Item = &'a str> {
        self.texts("Action")
    }

    /// Whether it allows everything but a few things.
    pub fn is_all_but(self) -> bool {
        get(self.node, "NotAction").is_some()
    }

    /// Whether one of its resources is every resource. A statement in a policy of a resource may be without any.
    pub fn is_of_all(self) -> bool {
        get(self.node, "NotResource").is_some()
            || self.texts("Resource").any(|resource| matches!(resource, "*" | "arn:aws:*"))
    }

    /// Whether it is for everybody on the internet, without a condition that says for whom.
    pub fn is_for_everybody(self) -> bool {
        let names_all = match get(self.node, "Principal") {
            Some(Value::String(name)) => name == "*",
            Some(principal @ Value::Object(_)) => ["AWS", "*"].iter().any(|kind| {
                get(principal, kind)
                    .map(one_or_more)
                    .unwrap_or_default()
                    .iter()
                    .any(|name| name.as_str() == Some("*"))
            }),
            _ => get(self.node, "NotPrincipal").is_some(),
        };
        names_all && !self.is_limited()
    }

    /// The identity providers whose users it is for.
    pub fn federated(self) -> impl Iterator<Item = &'a str> {
        let federated = get(self.node, "Principal").and_then(|principal| get(principal, "Federated"));
        federated.map(one_or_more).unwrap_or_default().iter().filter_map(Value::as_str)
    }

    /// Values that a condition demands of a key, by the end of its name; `None` is one that is not known.
    pub fn demanded(self, end: &'a str) -> impl Iterator<Item = Option<&'a str>> {
        self.conditions()
            .filter(move |(_, key, _)| key.to_ascii_lowercase().ends_with(end))
            .flat_map(|(_, _, values)| one_or_more(values).iter().map(Value::as_str))
    }

    /// Whether a condition limits for whom it is. That it comes over TLS limits nobody.
    fn is_limited(self) -> bool {
        self.conditions().any(|(operator, key, values)| {
            let operator = operator.to_ascii_lowercase();
            let negated = operator.contains("not") || operator.starts_with("null");
            let open = |value: &Value| {
                value
                    .as_str()
                    .is_some_and(|text| text.chars().all(|letter| letter == '*') || is_everybody(text))
            };
            !key.eq_ignore_ascii_case("aws:SecureTransport")
                && !negated
                && !one_or_more(values).iter().any(open)
        })
    }

    fn conditions(self) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
        let operators = get(self.node, "Condition").and_then(Value::as_object).into_iter().flatten();
        operators.flat_map(|(operator, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.map(|(key, values)| (operator.as_str(), key.as_str(), values))
        })
    }

    fn texts(self, key: &str) -> impl Iterator<Item = &'a str> {
        get(self.node, key).map(one_or_more).unwrap_or_default().iter().filter_map(Value::as_str)
    }
}

/// The value at a key in any case.
fn get<'a>(node: &'a Value, key: &str) -> Option<&'a Value> {
    node.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

fn one_or_more(node: &Value) -> &[Value] {
    match node {
        Value::Array(items) => items,
        other => std::slice::from_ref(other),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_condition_about_whom_limits_everybody() {
        let public = |condition: Value| {
            let policy = json!({"Statement": {"effect": "Allow", "Principal": {"AWS": ["*"]}, "Condition": condition}});
            allowing(&policy).next().unwrap().is_for_everybody()
        };
        for condition in [
            json!({}),
            json!({"Bool": {"aws:SecureTransport": "true"}}),
            json!({"StringLike": {"aws:PrincipalArn": "*"}}),
            json!({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"]}}),
            json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}),
        ] {
            assert!(public(condition.clone()), "{condition}");
        }
        assert!(!public(json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}})));
        assert!(!public(json!({"ArnLike": {"aws:SourceArn": null}})));
    }
}
