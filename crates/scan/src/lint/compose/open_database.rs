//! `compose-open-database`.

use evidence::document::findings::Severity;

use super::Service;
use super::port::Port;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-open-database",
        severity: Severity::High,
        title: "a database is open on every address of its host",
        why: "Docker opens the port past the rules of most firewalls, so the whole network, often the internet, can try passwords.",
        remedy: "remove the port, since services reach each other without it, or write `127.0.0.1:` before it",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    let is_database = service
        .image()
        .is_some_and(|(image, _)| IMAGES.contains(&image.repository.rsplit('/').next().unwrap_or_default()));
    for port in service.ports().filter(Port::is_everywhere) {
        if is_database || port.has_one_of(PORTS) {
            hits.at(port.line, &service.name);
        }
    }
}

/// Ports of databases, caches and stores of keys.
const PORTS: &[u16] = &[
    1433, 1521, 2379, 3306, 5432, 5984, 6333, 6379, 7687, 8086, 8123, 8529, 9042, 9200, 9300, 11211, 19530,
    26257, 27017, 27018, 27019, 28015, 33060,
];

const IMAGES: &[&str] = &[
    "cassandra",
    "clickhouse-server",
    "couchdb",
    "elasticsearch",
    "etcd",
    "mariadb",
    "memcached",
    "mongo",
    "mongodb",
    "mysql",
    "neo4j",
    "opensearch",
    "postgis",
    "postgres",
    "postgresql",
    "redis",
    "redis-stack",
    "valkey",
];
