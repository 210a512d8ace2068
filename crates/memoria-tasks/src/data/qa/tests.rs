use std::collections::HashSet;

use super::{
    world::{PEOPLE, PLACES},
    *,
};

const NOVEL: &str = "Anne went out of the room as soon as she could be spared that day. The sea was calm and \
    nothing more was to be seen of it from the garden than a line. Too short. She had been forced into \
    prudence in her youth, she learned romance as she grew older and wiser.";

fn qa(task: usize, facts: FactsAt, questions: usize) -> Qa {
    let (tokens, segment_length) = (400, 16);
    let config = QaConfig { task, facts, tokens, segment_length, questions, ..QaConfig::default() };
    config.with_novels(NOVEL, NOVEL).unwrap()
}

/// The places of all people and objects, in order, from the words of a document only.
fn histories(words: &[String]) -> Vec<(String, Vec<String>)> {
    let mut people: Vec<(String, Option<String>)> =
        world::PEOPLE.iter().map(|who| ((*who).to_owned(), None)).collect();
    let mut objects: Vec<(String, Option<usize>, Vec<String>)> =
        world::OBJECTS.iter().map(|what| ((*what).to_owned(), None, vec![])).collect();
    let mut moved: Vec<Vec<String>> = vec![vec![]; people.len()];
    for sentence in words.split(|word| word == ".") {
        // A fact is at the end of the text before a full stop: noise consists of its own sentences.
        let Some(who) = people.iter().position(|(who, _)| sentence.first() == Some(who)) else {
            continue;
        };
        let last = sentence.last().unwrap();
        if PLACES.contains(&&last[..]) {
            people[who].1 = Some(last.clone());
            moved[who].push(last.clone());
        } else {
            let gets = ["grabbed", "took", "got", "picked"].contains(&&sentence[1][..]);
            let object = objects.iter_mut().find(|(what, ..)| what == last).unwrap();
            object.1 = gets.then_some(who);
            if let Some(place) = &people[who].1
                && object.2.last() != Some(place)
            {
                object.2.push(place.clone());
            }
        }
        for (_, holder, history) in &mut objects {
            if let Some(place) = holder.and_then(|who| people[who].1.clone())
                && history.last() != Some(&place)
            {
                history.push(place);
            }
        }
    }
    let of_people = people.into_iter().zip(moved).map(|((who, _), moved)| (who, moved));
    of_people.chain(objects.into_iter().map(|(what, _, history)| (what, history))).collect()
}

fn check(task: usize, facts: FactsAt, longer: u32, questions: usize) {
    let qa = qa(task, facts, questions);
    let mut most = 0;
    for index in 0..100 {
        let id = DocumentId::new(Split::Test, 0, index).longer(longer);
        let document = qa.document(id).unwrap();
        assert_eq!(document, qa.document(id).unwrap());
        let asks = document.segments.iter().position(|segment| !segment.questions.is_empty());
        let (rest, asking) = document.segments.split_at(asks.unwrap());
        most = most.max(asking.len());
        assert!((1..=questions).contains(&asking.len()));
        let text: Vec<String> =
            rest.iter().flat_map(|s| &s.tokens).map(|&token| qa.word(token)).collect();
        assert!(text.len() >= 400 * longer as usize && text.len() < 430 * longer as usize + 150);
        let histories = histories(&text);
        let history = |name: &str| &histories.iter().find(|(of, _)| of == name).unwrap().1;
        let mut subjects = HashSet::new();
        for segment in asking {
            let words: Vec<String> = segment.tokens.iter().map(|&token| qa.word(token)).collect();
            let words: Vec<&str> = words.iter().map(|word| &word[..]).collect();
            let question = &segment.questions[0];
            assert_eq!((question.at, words[question.at]), (words.len() - 1, "?"));
            let answer = qa.word(question.answer[0]);
            match (task, &words[..]) {
                (1, ["where", "is", name, "?"]) | (2, ["where", "is", "the", name, "?"]) => {
                    assert_eq!(history(name).last(), Some(&answer));
                }
                (3, ["where", "was", "the", name, "before", "the", place, "?"]) => {
                    let [.., before, last] = &history(name)[..] else { panic!("known") };
                    assert_eq!((&before[..], &last[..]), (&answer[..], *place));
                }
                other => panic!("not a question of this task: {other:?}"),
            }
            let told = question.told.unwrap();
            assert!(told < rest.len());
            if facts == FactsAt::End {
                // Ten facts have at most 70 tokens.
                assert!(task != 1 || rest.len() - told <= 6);
            }
            assert!(subjects.insert(words[..words.len() - 1].join(" ")), "asked twice");
        }
    }
    assert_eq!(most, questions);
}

#[test]
fn answers_follow_from_what_was_told() {
    for task in 1..=3 {
        check(task, FactsAt::Anywhere, 1, 1);
        check(task, FactsAt::End, 1, 1);
        check(task, FactsAt::Anywhere, 8, 3);
    }
}

#[test]
fn the_sentence_that_is_needed_names_what_is_asked_for() {
    for (task, index) in (1..=3).flat_map(|task| (0..50).map(move |index| (task, index))) {
        let qa = qa(task, FactsAt::Anywhere, 1);
        let document = qa.document(DocumentId::new(Split::Train, 1, index)).unwrap();
        let (at, question) = document.questions().next().unwrap();
        let sentence = |segment: usize| &document.segments[segment].tokens;
        let told = sentence(question.told.unwrap());
        assert!(told.contains(&question.answer[0]));
        // The subject of "where is mary ?", "where is the milk ?" and "where was the milk before the office ?".
        let subject = sentence(at)[if task == 1 { 2 } else { 3 }];
        match question.via {
            None => assert!(task == 1 && told.contains(&subject)),
            Some(via) => {
                let via = sentence(via);
                assert!(task > 1 && via.contains(&subject));
                let is_person = |token: &&u32| PEOPLE.contains(&&*qa.word(**token));
                assert!(via.iter().filter(is_person).any(|who| told.contains(who)));
            }
        }
    }
}

#[test]
fn configurations_are_checked() {
    let load = |config: QaConfig| config.with_novels(NOVEL, NOVEL).unwrap_err().to_string();
    assert!(
        load(QaConfig { task: 4, ..QaConfig::default() }).contains("data.task must be 1, 2 or 3")
    );
    let error = QaConfig::default().with_novels(NOVEL, "Short.").unwrap_err().to_string();
    assert!(error.contains("long sentences"), "{error}");
    let missing = QaConfig { path: Some("nowhere".into()), ..QaConfig::default() }.load();
    assert!(missing.unwrap_err().to_string().contains("apt-get download r-cran-janeaustenr"));
}
