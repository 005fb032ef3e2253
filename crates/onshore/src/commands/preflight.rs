//! What a pre-flight found, for people.

use anyhow::Result;
use serde_json::Value;

use crate::output::{self, Style, bytes};

/// Prints the report of a pre-flight.
pub(crate) fn show(style: Style, report: &Value) -> Result<()> {
    if style == Style::Json {
        return output::json(report);
    }
    let number = |at: &str| report.pointer(at).and_then(Value::as_u64);
    let text = |at: &str| {
        report
            .pointer(at)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    output::line(&format!(
        "from        {} ({})",
        text("/source"),
        text("/coverage")
    ));
    let markers = match number("/delete_markers").unwrap_or_default() {
        0 => String::new(),
        markers => format!(", and {markers} delete markers"),
    };
    output::line(&format!(
        "would come  {} objects, {}{markers}; the largest has {}",
        number("/objects").unwrap_or_default(),
        bytes(number("/bytes").unwrap_or_default()),
        bytes(number("/largest_bytes").unwrap_or_default()),
    ));
    if let (Some(best), Some(worst)) = (
        number("/estimate/seconds_at_best"),
        number("/estimate/seconds_at_worst"),
    ) {
        output::line(&format!(
            "would take  {} to {} ({} objects of {} were read to measure it)",
            span(best),
            span(worst),
            number("/estimate/measured_objects").unwrap_or_default(),
            bytes(number("/estimate/measured_bytes").unwrap_or_default()),
        ));
    }
    match number("/egress/cents") {
        Some(cents) => output::line(&format!(
            "would cost  {}.{:02} {} to leave {} ({})",
            cents / 100,
            cents % 100,
            text("/egress/currency"),
            text("/egress/provider"),
            text("/egress/prices"),
        )),
        None => output::line("would cost  no price is known for leaving this source"),
    }
    let cannot = report.get("cannot").and_then(Value::as_array);
    for one in cannot.into_iter().flatten() {
        let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| one.get(name).and_then(Value::as_u64).unwrap_or_default();
        output::line(&format!(
            "cannot      {}: {} objects, {}: {}",
            text("reason"),
            number("objects"),
            bytes(number("bytes")),
            text("detail"),
        ));
        let keys = one.get("keys").and_then(Value::as_array);
        for key in keys.into_iter().flatten().filter_map(Value::as_str) {
            output::line(&format!("            {}", key.escape_debug()));
        }
    }
    Ok(())
}

/// Tells seconds as people do.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds.div_ceil(60)),
        7_200..172_800 => format!("{} h", seconds.div_ceil(3_600)),
        _ => format!("{} days", seconds.div_ceil(86_400)),
    }
}
