//! Notifications of a tool about its own run (clauses 3.20 and 3.58).

use evidence::document::text;

use crate::ScanError;
use crate::reports::json::Node;

/// Refuses a run whose tool says that it failed. The answer is its warnings: something was not looked at.
pub(super) fn warnings<'a>(run: &Node<'a>) -> Result<Vec<Node<'a>>, ScanError> {
    let mut warnings = Vec::new();
    for invocation in run.list("invocations")? {
        if invocation.flag("executionSuccessful")? == Some(false) {
            return Err(
                invocation.fault("the tool says that it failed (`executionSuccessful`); look at its log")
            );
        }
        if invocation.field("processStartFailureMessage")?.is_some() {
            return Err(invocation.fault("the tool did not start; look at its log"));
        }
        for name in ["toolExecutionNotifications", "toolConfigurationNotifications"] {
            for notification in invocation.list(name)? {
                match notification.text("level")?.unwrap_or("warning") {
                    "warning" => warnings.push(notification),
                    "note" | "none" => {}
                    "error" => {
                        let message = notification.field("message")?;
                        let message = message.map(|message| message.text("text")).transpose()?.flatten();
                        let message = text(message.unwrap_or("no message"), 200);
                        return Err(notification.fault(format_args!("the tool reports an error: {message}")));
                    }
                    _ => return Err(notification.need("level")?.fault("not a level of SARIF 2.1.0")),
                }
            }
        }
    }
    Ok(warnings)
}
