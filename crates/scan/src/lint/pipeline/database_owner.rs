//! `pipeline-database-owner`.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-database-owner",
        severity: Severity::High,
        title: "a role of a database acts as its superuser",
        why: "The step can read and change every database of the server, and run programs on it.",
        remedy: "make a role that owns the tables of this service, and name it as `owner`",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    let own = description.steps().filter_map(|(name, step)| Some((name, step.get("database")?)));
    let named = description.services().flat_map(|(name, service)| {
        let databases = service.get("databases").into_iter().flat_map(Marked::entries);
        databases.map(move |(_, database)| (name, database))
    });
    for (name, database) in own.chain(named) {
        let owner = database
            .get("owner")
            .filter(|owner| owner.text().is_some_and(|owner| SUPERUSERS.contains(&owner)));
        if let Some(owner) = owner {
            hits.of(owner, format!("{name}: {}", owner.text().unwrap_or_default()));
        }
    }
}

/// Superusers that servers and clouds make.
const SUPERUSERS: &[&str] =
    &["postgres", "rdsadmin", "rds_superuser", "cloudsqlsuperuser", "azure_superuser", "azure_pg_admin"];
