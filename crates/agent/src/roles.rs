//! Roles of databases for steps and for the service: what a lease says, and when one of a service begins and ends.
//!
//! Invariant: a service has a role before it starts, and it is left as soon as the service has ended; a new release has its role
//! before the one that runs is stopped, so a database that is away stops nothing.

use std::io::PipeReader;
use std::time::Duration;

use evidence::databases::PlannedDatabase;
use evidence::plan::Plan;
use mint::{DatabaseName, Lease, LeaseId, RoleName, Target, Terms};

use crate::apply::Fault;
use crate::leases::{MadeRole, SERVICE_TIME, Use};
use crate::process::Processes;

impl Processes {
    /// Has a role made that counts for so long; its variables are in the pipe. The text says why it is missing.
    pub(crate) fn role(
        &mut self,
        plan: &Plan,
        database: &PlannedDatabase,
        time: Duration,
        used: Use,
    ) -> Result<(LeaseId, PipeReader), String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let now = self.means.clock.ok_or("the agent has no clock")?();
        let credential = self.secrets.credential(plan, database).map_err(|error| words(&error))?;
        let target = Target {
            host: database.host.clone(),
            port: database.port,
            database: database.database.parse::<DatabaseName>().map_err(|error| words(&error))?,
            authority: database.authority.clone(),
        };
        let terms = Terms {
            owner: database.owner.parse::<RoleName>().map_err(|error| words(&error))?,
            until: now.later_by(time),
            connections: database.connections,
        };
        let credential = serde_json::to_string(&credential).map_err(|error| words(&error))?;
        let id = LeaseId::draw().map_err(|error| words(&error))?;
        let lease = Lease { id, credential, target, terms };
        match self.leases.begin(self.means.launcher.as_ref(), lease, used) {
            Ok(variables) => Ok((id, variables)),
            Err(error) => {
                // Perhaps the role was made all the same.
                if used == Use::Service {
                    self.leases.leave(id);
                }
                Err(words(&error))
            }
        }
    }

    /// Has the role of a plan's service made, unless there is one for it already.
    pub(crate) fn reserve_role(&mut self, plan: &Plan) -> Result<(), Fault> {
        let database = plan.database.as_ref().and_then(|name| plan.databases.get(name));
        if self.made.as_ref().map(|made| &made.of) == database {
            return Ok(());
        }
        self.leave_made();
        let Some(database) = database else { return Ok(()) };
        let made = self.role(plan, database, SERVICE_TIME, Use::Service);
        let (id, variables) = made.map_err(|why| {
            Fault::new("role-failed", format!("the service gets no role of its database: {why}"))
        })?;
        self.made = Some(MadeRole { of: database.clone(), id, variables });
        Ok(())
    }

    /// Leaves a role that was made and that no service got.
    pub(crate) fn leave_made(&mut self) {
        if let Some(made) = self.made.take() {
            self.leases.leave(made.id);
        }
    }
}
