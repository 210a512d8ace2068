/// Splits prose into sentences; white space becomes single spaces.
///
/// A sentence ends with a full stop, an exclamation mark or a question mark, with closing marks after it. White space
/// must follow, and then a capital letter or an opening mark. A full stop after a title, such as Mr., ends no sentence.
pub fn sentences(text: &str) -> Vec<String> {
    const TITLES: [&str; 7] = ["Mr.", "Mrs.", "Dr.", "Col.", "Capt.", "St.", "Esq."];
    let mut sentences = Vec::new();
    let mut sentence = String::new();
    let words: Vec<&str> = text.split_whitespace().collect();
    for (at, word) in words.iter().enumerate() {
        if !sentence.is_empty() {
            sentence.push(' ');
        }
        sentence.push_str(word);
        let bare = word.trim_end_matches(['"', '\'', '”', '’', ')', '_']);
        let ends = bare.ends_with(['.', '!', '?']) && !TITLES.contains(&bare);
        let begins = words.get(at + 1).is_none_or(|next| {
            next.starts_with(|c: char| {
                c.is_uppercase() || ['"', '“', '‘', '\'', '_', '('].contains(&c)
            })
        });
        if ends && begins {
            sentences.push(std::mem::take(&mut sentence));
        }
    }
    if !sentence.is_empty() {
        sentences.push(sentence);
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_readers_would_say() {
        let text = "Mr. Elliot was there.  \"Who is\nhe?\" Anne said nothing! but blushed. The end";
        let expected = [
            "Mr. Elliot was there.",
            "\"Who is he?\"",
            "Anne said nothing! but blushed.",
            "The end",
        ];
        assert_eq!(sentences(text), expected);
    }
}
