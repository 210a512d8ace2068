use std::collections::HashMap;

use super::*;
use crate::data::Split;

/// The facts and questions of a document, read from its tokens only: `(segment, key, value)` for facts, and `(segment,
/// place, key)` for questions.
type Read = (Vec<(usize, Vec<u32>, Vec<u32>)>, Vec<(usize, usize, Vec<u32>)>);

fn read(recall: &Recall, document: &Document) -> Read {
    let (mut facts, mut questions) = (Vec::new(), Vec::new());
    for (segment, tokens) in document.segments.iter().map(|s| &s.tokens).enumerate() {
        let mut at = 0;
        while at < tokens.len() {
            let key = |at: usize| tokens[at..at + recall.key_tokens].to_vec();
            if tokens[at] == recall.question_mark() {
                questions.push((segment, at + recall.key_tokens, key(at + 1)));
                at += recall.question_length();
            } else if tokens[at] < recall.first_value() {
                let after = at + recall.key_tokens;
                let is_key = tokens[after] < recall.first_value();
                let length = if is_key { recall.key_tokens } else { recall.value_tokens };
                facts.push((segment, key(at), tokens[after..after + length].to_vec()));
                at = after + length;
            } else {
                assert!(tokens[at] >= recall.first_filler() && tokens[at] < recall.question_mark());
                at += 1;
            }
        }
    }
    (facts, questions)
}

/// Answers every question by a search through all facts of earlier segments.
fn check(recall: &Recall, longer: u32) {
    recall.check().unwrap();
    for index in 0..20 {
        let id = DocumentId::new(Split::Train, 3, index).longer(longer);
        let document = recall.document(id).unwrap();
        assert_eq!(document, recall.document(id).unwrap());
        assert_eq!(document.segments.len(), recall.segments * longer as usize);
        let (facts, questions) = read(recall, &document);
        assert_eq!(facts.len(), document.segments.len() * recall.facts);
        assert_eq!(questions.len(), document.segments.len() * recall.questions);
        let mut asked: HashMap<(usize, usize), &Question> = HashMap::new();
        for (segment, question) in document.questions() {
            assert!(asked.insert((segment, question.at), question).is_none());
        }
        let mut counted = 0;
        for (segment, at, key) in questions {
            let before = |key: &Vec<u32>| {
                let mut told = facts.iter().filter(|fact| fact.0 < segment && fact.1 == *key);
                told.next_back()
            };
            let in_this_one = facts.iter().any(|fact| fact.0 == segment && fact.1 == key);
            let Some(question) = asked.get(&(segment, at)) else {
                assert!(in_this_one, "what does not count is asked of the segment itself");
                continue;
            };
            assert!(!in_this_one, "told again in the segment that asks");
            let mut fact = before(&key).expect("told before");
            let mut via = None;
            if recall.hops == 2 {
                via = Some(fact.0);
                fact = before(&fact.2).expect("both told before");
            }
            assert_eq!((&question.answer, question.told), (&fact.2, Some(fact.0)));
            assert_eq!(question.via, via);
            counted += 1;
        }
        assert!(counted >= document.segments.len() / 2);
        assert_eq!(counted, asked.len());
    }
}

#[test]
fn every_answer_was_told_in_an_earlier_segment() {
    check(&Recall::default(), 1);
    check(&Recall::default(), 16);
}

#[test]
fn a_segment_looks_as_described() {
    let recall = Recall::default();
    let document = recall.document(DocumentId::new(Split::Test, 0, 0)).unwrap();
    let words: Vec<String> = document.segments[1].tokens.iter().map(|&t| recall.word(t)).collect();
    assert!(words[1].starts_with('k') && words[2].starts_with('v') && words[7].starts_with('k'));
    assert_eq!([&words[0], &words[3], &words[6]], [".", ".", "?"]);
    let question = &document.segments[1].questions[0];
    assert_eq!((question.at, question.told), (7, Some(0)));
    assert!(document.segments[0].questions.is_empty());
}

#[test]
fn several_facts_of_several_tokens_anywhere() {
    let recall = Recall {
        segment_length: 40,
        keys: 8,
        key_tokens: 3,
        value_tokens: 2,
        facts: 3,
        questions: 2,
        anywhere: true,
        ..Recall::default()
    };
    check(&recall, 1);
    check(&recall, 4);
}

#[test]
fn the_last_telling_counts() {
    let recall = Recall { retold: 0.5, facts: 2, segment_length: 12, ..Recall::default() };
    check(&recall, 4);
    let keys = |recall: &Recall| {
        let document = recall.document(DocumentId::new(Split::Train, 0, 0)).unwrap();
        let mut keys: Vec<Vec<u32>> = read(recall, &document).0.into_iter().map(|f| f.1).collect();
        let told = keys.len();
        keys.sort();
        keys.dedup();
        (told, keys.len())
    };
    let (told, different) = keys(&recall);
    assert!(different < told);
    let (told, different) = keys(&Recall::default());
    assert_eq!(different, told);
}

#[test]
fn two_hops_need_both_facts() {
    check(&Recall { hops: 2, ..Recall::default() }, 2);
    check(&Recall { hops: 2, key_tokens: 2, keys: 30, segment_length: 10, ..Recall::default() }, 2);
}

#[test]
fn splits_seeds_and_lengths_differ() {
    let recall = Recall::default();
    let first = DocumentId::new(Split::Train, 0, 0);
    let others = [
        DocumentId { split: Split::Valid, ..first },
        DocumentId { seed: 1, ..first },
        DocumentId { index: 1, ..first },
    ];
    for other in others {
        assert_ne!(recall.document(first).unwrap(), recall.document(other).unwrap());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let message = |recall: Recall| recall.check().unwrap_err().to_string();
    assert!(
        message(Recall { segment_length: 4, ..Recall::default() }).contains("at least 5, got 4")
    );
    assert!(message(Recall { hops: 3, ..Recall::default() }).contains("data.hops must be 1 or 2"));
    let few = Recall { keys: 12, ..Recall::default() };
    let error = few.document(DocumentId::new(Split::Test, 0, 0).longer(2)).unwrap_err();
    assert!(error.to_string().contains("16 keys"), "{error}");
}
