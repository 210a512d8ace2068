//! Reports as text.

use std::fmt::Write;

use serde_json::Value;

use super::{Head, RowReport, Saved, SnapshotReport, Spread};
use crate::print::table;

/// Maximum number of rows shown.
const ROWS: usize = 32;

impl SnapshotReport {
    /// Returns the report as text: the description, then a line for each of the first 32 rows, then the damage.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match &self.head {
            None => {
                text += &format!("no snapshot that can be read, of {} bytes\n", self.file_bytes)
            }
            Some(head) => head.describe(self.file_bytes, &mut text),
        }
        if !self.rows.is_empty() {
            text += "\n";
            text += &table(&rows(&self.rows[..self.rows.len().min(ROWS)]));
            if self.rows.len() > ROWS {
                let _ = writeln!(text, "and {} more rows: see --json", self.rows.len() - ROWS);
            }
            text += "\nages and lifespans in segments; least, median, most\n";
        }
        if let Some(damage) = &self.damage {
            let _ = writeln!(text, "\nDAMAGED: {damage}");
        }
        text
    }
}

impl Head {
    fn describe(&self, file_bytes: u64, text: &mut String) {
        let saved = match self.saved {
            Saved::Memory => "a memory (Memoria)",
            Saved::State => "the memory of a layer (MemoriaState)",
            Saved::ModelMemory => "the memory of a whole model (ModelMemory)",
        };
        let width = self.width.map_or_else(|| "none".into(), |width| width.to_string());
        let mut lines = vec![
            ("snapshot of", saved.to_owned()),
            ("format version", self.version.to_string()),
            ("file", bytes(file_bytes)),
            ("rows", self.rows.to_string()),
            ("engrams", self.engrams.to_string()),
            ("width", width),
            ("float type", self.float.clone().unwrap_or_else(|| "none".into())),
            ("vectors", bytes(self.vector_bytes)),
            ("storage", self.storage.clone()),
        ];
        if let Some(scale) = self.lifespan_extend_scale {
            lines.push(("lifespan_extend_scale", scale.to_string()));
        }
        if let Some(window) = self.gradient_window {
            lines.push(("gradient window", format!("{window} segments")));
        }
        for (name, value) in &lines {
            let _ = writeln!(text, "{name:<22} {value}");
        }
        if let Ok(Value::Object(config)) = serde_json::to_value(self.config) {
            text.push_str("configuration\n");
            for (name, value) in config {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let _ = writeln!(text, "  {name:<20} {value}");
            }
        }
        let own = ["lifespan_extend_scale", "bptt", "model_memory"];
        for (name, length) in &self.attributes {
            if !own.contains(&name.as_str()) {
                let _ = writeln!(text, "attribute {name:<12} {}", bytes(*length as u64));
            }
        }
    }
}

fn rows(rows: &[RowReport]) -> Vec<Vec<String>> {
    let head = [
        "row",
        "working",
        "short-term",
        "long-term",
        "ages",
        "lifespans",
        "fired",
        "connections",
        "strongest",
        "attached",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    for (index, row) in rows.iter().enumerate() {
        let of_all = row.counts.total() > row.connections_of;
        let mut connections = spread(row.connections, 0);
        if of_all {
            connections += &format!(" (of {})", row.connections_of);
        }
        lines.push(vec![
            index.to_string(),
            row.counts.working.to_string(),
            row.counts.short_term.to_string(),
            row.counts.long_term.to_string(),
            spread(row.ages, 0),
            spread(row.lifespans, 1),
            spread(row.fire_counts, 0),
            connections,
            spread(row.strongest, 2),
            if row.attached.is_empty() { "-".into() } else { row.attached.join(", ") },
        ]);
    }
    lines
}

fn spread(spread: Option<Spread>, places: usize) -> String {
    let number = |value: f64| match value.abs() >= 1e6 {
        true => format!("{value:.2e}"),
        false => format!("{value:.places$}"),
    };
    let text = |Spread { least, median, most, .. }: Spread| {
        format!("{}, {}, {}", number(least), number(median), number(most))
    };
    spread.map_or_else(|| "-".into(), text)
}

/// Formats a number of bytes with a fitting unit.
fn bytes(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut large = bytes as f64 / 1024.0;
    for (index, unit) in units.iter().enumerate() {
        if large < 1024.0 || index + 1 == units.len() {
            return match bytes < 1024 {
                true => format!("{bytes} bytes"),
                false => format!("{bytes} bytes ({large:.1} {unit})"),
            };
        }
        large /= 1024.0;
    }
    unreachable!("the last unit is for all that are larger")
}
