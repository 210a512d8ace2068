use super::Analysis;
use crate::print::table;

/// Returns the analyses as tables, one after the other.
pub(super) fn text(analysis: &Analysis) -> String {
    let Analysis { steps, engrams, episode: [first, end], .. } = analysis;
    let mut text = format!("{engrams} engrams in {steps} segments\n");
    let mut section = |title: &str, head: &[&str], rows: Vec<Vec<String>>| {
        text += &format!("\n{title}\n");
        if rows.is_empty() {
            text += "  nothing to tell\n";
            return;
        }
        let head = head.iter().map(|&name| name.to_owned()).collect();
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
        text += &table(&rows);
    };
    let survival = analysis.survival.iter().map(|part| {
        let share = format!("{:.1} %", 100.0 * part.share());
        vec![range(part.first, part.last), part.made.to_string(), part.alive.to_string(), share]
    });
    let title = format!(
        "Primacy and recency: survivors of segments {} by when they were made",
        range(*first, end.saturating_sub(1))
    );
    section(&title, &["made in", "made", "alive", "share"], survival.collect());
    let contiguity = analysis.contiguity.iter().map(|part| {
        let weights = [part.forward, part.backward].map(|weight| format!("{weight:.4}"));
        let [forward, backward] = weights;
        vec![range(part.first, part.last), part.pairs.to_string(), forward, backward]
    });
    let title = "Temporal contiguity: mean weight between survivors by distance in segments";
    section(title, &["distance", "pairs", "to later", "to earlier"], contiguity.collect());
    let age = |age: Option<f64>| age.map_or_else(|| "-".into(), |age| format!("{age:.1}"));
    let ages = analysis.ages.iter().map(|part| {
        let reminded = part.reminded.to_string();
        vec![range(part.first, part.last), reminded, age(part.age), age(part.living_age)]
    });
    let title = "Retention: mean age of what is reminded, and of all that lives, in segments";
    section(title, &["segments", "reminded", "age", "of all"], ages.collect());
    let practice = analysis.practice.iter().map(|part| {
        let shares = [part.again, part.any].map(|share| format!("{:.1} %", 100.0 * share));
        let [again, any] = shares;
        vec![part.lag.to_string(), again, any, format!("{:.3}", part.correlation)]
    });
    let title =
        "Retrieval practice: how many of the reminded are reminded again so many segments later";
    section(title, &["later", "again", "of all", "correlation"], practice.collect());
    text
}

fn range(first: u64, last: u64) -> String {
    if first == last { first.to_string() } else { format!("{first} to {last}") }
}
