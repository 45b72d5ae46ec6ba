//! The services of an agent that is asked for decisions alone.

use std::path::Path;

use agent::{AliveError, Fault, Services};
use evidence::plan::Plan;

/// Starts, stops and does nothing, and always succeeds.
#[derive(Debug)]
pub struct NoServices;

impl Services for NoServices {
    fn prepare(&mut self, _: &Plan) -> Result<(), Fault> {
        Ok(())
    }

    fn before(&mut self, _: &Plan, _: &Path, _: u64) -> Result<(), Fault> {
        Ok(())
    }

    fn start(&mut self, _: &Plan, _: &Path) -> Result<(), Fault> {
        Ok(())
    }

    fn stop(&mut self) -> Result<(), AliveError> {
        Ok(())
    }

    fn ended(&mut self) -> Option<String> {
        None
    }
}
