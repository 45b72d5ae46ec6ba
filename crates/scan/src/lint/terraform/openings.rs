//! Ports that firewalls of all three clouds open to everybody.

use super::{Block, Plan};
use crate::lint::network::{Ports, is_everybody};

/// Ports that are open to everybody.
#[derive(Debug)]
pub struct Opening<'a> {
    /// The resource or block that opens them.
    pub block: Block<'a>,
    /// The ports.
    pub ports: Ports,
}

/// Everything that a plan opens to everybody.
pub fn openings(plan: &Plan) -> Vec<Opening<'_>> {
    let mut all = Vec::new();
    for group in plan.of(&["aws_security_group", "aws_default_security_group"]) {
        group.blocks("ingress").for_each(|block| of_aws(block, "protocol", &mut all));
    }
    for rule in plan.of(&["aws_security_group_rule"]).filter(|rule| rule.text("type") == Some("ingress")) {
        of_aws(rule, "protocol", &mut all);
    }
    plan.of(&["aws_vpc_security_group_ingress_rule"]).for_each(|rule| of_aws(rule, "ip_protocol", &mut all));
    for group in plan.of(&["azurerm_network_security_group"]) {
        group.blocks("security_rule").for_each(|block| of_azure(block, &mut all));
    }
    plan.of(&["azurerm_network_security_rule"]).for_each(|rule| of_azure(rule, &mut all));
    plan.of(&["google_compute_firewall"]).for_each(|firewall| of_google(firewall, &mut all));
    all
}

fn of_aws<'a>(block: Block<'a>, protocol: &str, all: &mut Vec<Opening<'a>>) {
    if !is_any_open(&block, &["cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6"]) {
        return;
    }
    // Numbers of protocols: <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>.
    let ports = match block
        .get(protocol)
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_lowercase))
        .as_deref()
    {
        Some("-1" | "all") => Some(Ports::ALL),
        Some("tcp" | "udp" | "6" | "17") => {
            block.number("from_port").zip(block.number("to_port")).map(|(first, last)| Ports { first, last })
        }
        _ => None,
    };
    all.extend(ports.map(|ports| Opening { block, ports }));
}

fn of_azure<'a>(block: Block<'a>, all: &mut Vec<Opening<'a>>) {
    let is = |key: &str, word: &str| block.text(key).is_some_and(|text| text.eq_ignore_ascii_case(word));
    let has_ports = is("protocol", "tcp") || is("protocol", "udp") || is("protocol", "*");
    if !is("direction", "inbound") || !is("access", "allow") || !has_ports {
        return;
    }
    if is_any_open(&block, &["source_address_prefix", "source_address_prefixes"]) {
        let ranges = ["destination_port_range", "destination_port_ranges"].map(|key| block.texts(key));
        let ranges = ranges.into_iter().flatten().filter_map(Ports::parse);
        all.extend(ranges.map(|ports| Opening { block, ports }));
    }
}

fn of_google<'a>(firewall: Block<'a>, all: &mut Vec<Opening<'a>>) {
    let is_out = firewall.text("direction").is_some_and(|direction| direction.eq_ignore_ascii_case("egress"));
    if is_out || firewall.is_on("disabled") || !is_any_open(&firewall, &["source_ranges"]) {
        return;
    }
    for block in firewall.blocks("allow") {
        let protocol = block.text("protocol").unwrap_or_default().to_ascii_lowercase();
        if !matches!(protocol.as_str(), "tcp" | "udp" | "all" | "6" | "17") {
            continue;
        }
        // Without ports, all are open: <https://cloud.google.com/firewall/docs/firewalls#protocols_and_ports>.
        if block.is_unset("ports") {
            all.push(Opening { block, ports: Ports::ALL });
        }
        all.extend(block.texts("ports").filter_map(Ports::parse).map(|ports| Opening { block, ports }));
    }
}

fn is_any_open(block: &Block<'_>, keys: &[&str]) -> bool {
    keys.iter().any(|key| block.texts(key).any(is_everybody))
}
