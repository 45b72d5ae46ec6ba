//! Costs of a plan by Infracost, `infracost breakdown` or `infracost diff` with `--format json`
//! (<https://www.infracost.io/docs/features/cli_commands/#combined-output-formats>).
//!
//! Contract-tested only: written from its documentation.

use evidence::document::changes::Cost;
use evidence::document::{ChangesDocument, Tool, text};

use crate::ScanError;
use crate::reports::json::{Node, VERSION_SHOWN, parse};

pub(in super::super) const WHAT: &str = "Infracost report";

/// Reads a report.
pub(in super::super) fn read(input: &str) -> Result<ChangesDocument, ScanError> {
    let value = parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let version = root.need_text("version")?;
    if !version.starts_with("0.") {
        return Err(
            root.fault(format_args!("the version {} is unknown; known: 0.x", text(version, VERSION_SHOWN)))
        );
    }
    let projects = root.need("projects")?.items()?;
    if projects.is_empty() {
        return Err(root.fault("it has no project: nothing was priced"));
    }
    for project in &projects {
        // The metadata of a project names why it could not be priced.
        if let Some(metadata) = project.field("metadata")?
            && let Some(error) = metadata.list("errors")?.first()
        {
            let said = error.text("message")?.unwrap_or("without a reason");
            return Err(error.fault(format_args!("a project could not be priced: {said}")));
        }
    }
    let currency = root.text("currency")?.unwrap_or("USD");
    if !root.has("totalMonthlyCost") {
        return Err(root.fault("the field `totalMonthlyCost` is missing: nothing was priced"));
    }
    // Where no resource has a price, the total is null.
    let monthly = amount(&root, "totalMonthlyCost")?.unwrap_or_default();
    let before = amount(&root, "pastTotalMonthlyCost")?;
    // Without the count nobody knows whether the total is that of all resources.
    let summary = root.need("summary")?;
    let unpriced = summary.index("totalUnsupportedResources")?;
    let missing = || summary.fault("the field `totalUnsupportedResources` is missing");
    let unpriced = unpriced.ok_or_else(missing)? as u64;
    let mut document = ChangesDocument::new([Tool::new("infracost", None)]);
    document.costs.insert(currency.to_owned(), Cost { monthly, before, unpriced });
    Ok(document)
}

/// An amount in hundredths, rounded up. Amounts are texts of decimal digits.
fn amount(root: &Node<'_>, name: &'static str) -> Result<Option<u64>, ScanError> {
    let Some(field) = root.field(name)? else { return Ok(None) };
    let wrong = || field.fault("no amount of money: expected a text such as `12.34`");
    let text = field.str()?;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(part) {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let hundredths: u64 = format!("{part:0<2}").get(..2).unwrap_or("00").parse().map_err(|_| wrong())?;
    let rest = part.get(2..).unwrap_or_default().bytes().any(|digit| digit != b'0');
    let sum = whole.checked_mul(100).and_then(|sum| sum.checked_add(hundredths + u64::from(rest)));
    sum.map(Some).ok_or_else(wrong)
}
