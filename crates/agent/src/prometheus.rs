//! A query to Prometheus: asked once, and read as one number.
//!
//! Invariant: whatever the server says, it says a number or nothing. Time, size and shape are bounded here; no redirect is followed,
//! no proxy is asked, and an answer of another time, of several series or of none is no number.

use std::time::Duration;

use evidence::Moment;
use judge::rollout::Answered;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::Number;

/// Why a query has no number.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum QueryError {
    /// The address cannot be asked.
    #[error("`{0}` cannot be asked")]
    Address(String),
    /// Nobody answers, or not in time.
    #[error("Prometheus does not answer: {0}")]
    Away(String),
    /// It answers with another status than 200.
    #[error("Prometheus answers with status {0}: {1}")]
    Status(u16, String),
    /// It answers too much.
    #[error("the answer of Prometheus is longer than {ANSWER_BYTES_MAX} bytes")]
    Long,
    /// It is not an answer of the interface.
    #[error("the answer of Prometheus is not one of its interface: {0}")]
    Shape(String),
    /// It has none, or several series.
    #[error("the query gives {0} numbers; it must give one, as `max(...)` does")]
    Several(usize),
    /// It is of another time.
    #[error("the answer is of another time than that of this host; compare the clocks")]
    Time,
    /// It is not a number.
    #[error("the query gives `{0}`, which is no number that can be compared")]
    Number(String),
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Series {
    value: (Number, String),
}

/// A client that asks nobody but the named server.
///
/// # Errors
/// `QueryError` if it cannot be made.
pub fn client(is_plain: bool, most: Duration) -> Result<Client, QueryError> {
    let builder = Client::builder().timeout(most).redirect(Policy::none()).no_proxy().https_only(!is_plain);
    // Nobody is asked with TLS, so no certificate is needed.
    let builder = if is_plain { builder.tls_certs_only([]) } else { builder };
    builder.build().map_err(|error| QueryError::Away(error.to_string()))
}

/// Asks for the number of a query now.
pub async fn ask(address: &str, query: &str, most: Duration, now: fn() -> Moment) -> Answered {
    match asked(address, query, most).await.and_then(|bytes| read(&bytes, now())) {
        Ok(number) => Answered::Number(number),
        Err(error) => Answered::Unread(bounded(&error.to_string())),
    }
}

async fn asked(address: &str, query: &str, most: Duration) -> Result<Vec<u8>, QueryError> {
    let url = Url::parse_with_params(&format!("{address}/api/v1/query"), [("query", query)]);
    let url = url.map_err(|_| QueryError::Address(address.to_owned()))?;
    let away = |error: reqwest::Error| QueryError::Away(error.without_url().to_string());
    let mut answer = client(url.scheme() == "http", most)?.get(url).send().await.map_err(away)?;
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(away)? {
        bytes.extend_from_slice(&part);
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(QueryError::Long);
        }
    }
    if answer.status() == reqwest::StatusCode::OK {
        return Ok(bytes);
    }
    // A query that cannot be asked gets another status, with a sentence.
    let said = serde_json::from_slice::<Answer>(&bytes).map(|answer| answer.error).unwrap_or_default();
    Err(QueryError::Status(answer.status().as_u16(), said))
}

/// The number of an answer, in millionths.
///
/// # Errors
/// `QueryError` if it has none.
pub fn read(bytes: &[u8], now: Moment) -> Result<i64, QueryError> {
    let answer: Answer =
        serde_json::from_slice(bytes).map_err(|error| QueryError::Shape(error.to_string()))?;
    let data = answer.data.filter(|_| answer.status == "success");
    let data =
        data.ok_or_else(|| QueryError::Shape(format!("status `{}`: {}", answer.status, answer.error)))?;
    let shape = |error: serde_json::Error| QueryError::Shape(error.to_string());
    let (time, text) = match data.result_type.as_str() {
        "scalar" => serde_json::from_value::<(Number, String)>(data.result).map_err(shape)?,
        "vector" => {
            let mut series: Vec<Series> = serde_json::from_value(data.result).map_err(shape)?;
            match (series.pop(), series.len()) {
                (Some(one), 0) => one.value,
                (_, rest) => return Err(QueryError::Several(if rest == 0 { 0 } else { rest + 1 })),
            }
        }
        other => return Err(QueryError::Shape(format!("a `{}`, not a vector", bounded(other)))),
    };
    // Seconds are compared, so a fraction is cut off.
    let text_of_time = time.to_string();
    let seconds = text_of_time.split('.').next().and_then(|seconds| seconds.parse::<u64>().ok());
    let is_now = seconds.is_some_and(|seconds| seconds.abs_diff(now.millis() / 1_000) <= APART_SECONDS_MAX);
    if !is_now {
        return Err(QueryError::Time);
    }
    millionths(&text).ok_or_else(|| QueryError::Number(bounded(&text)))
}

/// A decimal number in millionths, without the digits behind them; absent for what is no number, or too large to be compared.
fn millionths(text: &str) -> Option<i64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (sign, digits) = mantissa.strip_prefix('-').map_or((1, mantissa), |digits| (-1, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all = [whole, part].concat();
    if whole.is_empty() || all.len() > DIGITS_MAX || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent = exponent.parse::<i32>().ok().filter(|exponent| exponent.abs() <= EXPONENT_MAX)?;
    let shift = 6 + exponent - i32::try_from(part.len()).ok()?;
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    let digits: i128 = all.parse().ok()?;
    let scaled = match (power, shift < 0) {
        (Some(power), true) => digits / power,
        (Some(power), false) => digits.checked_mul(power)?,
        (None, true) => 0,
        (None, false) => return None,
    };
    let number = i64::try_from(scaled).ok().filter(|number| *number <= NUMBER_MAX)?;
    Some(sign * number)
}

/// The beginning of a text by others, as words.
fn bounded(text: &str) -> String {
    let plain = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign });
    plain.take(SAID_CHARS_MAX).collect()
}

const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Farthest time of an answer from that of this host.
const APART_SECONDS_MAX: u64 = 60;
/// Largest integer of canonical JSON.
const NUMBER_MAX: i64 = 1 << 53;
const DIGITS_MAX: usize = 38;
const EXPONENT_MAX: i32 = 400;
const SAID_CHARS_MAX: usize = 200;

#[cfg(test)]
mod tests;
