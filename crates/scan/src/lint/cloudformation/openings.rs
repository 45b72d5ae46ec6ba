//! Ports that security groups open to everybody.

use super::Template;
use crate::lint::marked::Marked;
use crate::lint::network::{Ports, is_everybody};

/// Ports that are open to everybody.
#[derive(Debug)]
pub struct Opening<'a> {
    /// The rule that opens them.
    pub node: &'a Marked,
    /// The resource, for people.
    pub name: String,
    /// The ports.
    pub ports: Ports,
}

/// Everything that a template opens to everybody.
pub fn openings(template: &Template) -> Vec<Opening<'_>> {
    let mut all = Vec::new();
    for resource in template.of(&["AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress"]) {
        let own = resource.kind().ends_with("Ingress").then_some(resource);
        for rule in resource.items("SecurityGroupIngress").into_iter().chain(own) {
            if !["CidrIp", "CidrIpv6"].iter().any(|key| rule.text(key).is_some_and(is_everybody)) {
                continue;
            }
            let ports = match rule.text("IpProtocol").map(str::to_ascii_lowercase).as_deref() {
                Some("-1" | "all") => Some(Ports::ALL),
                Some("tcp" | "udp" | "6" | "17") => rule
                    .number("FromPort")
                    .zip(rule.number("ToPort"))
                    .map(|(first, last)| Ports { first, last }),
                _ => None,
            };
            all.extend(ports.map(|ports| Opening { node: rule.node(), name: resource.name(), ports }));
        }
    }
    all
}
