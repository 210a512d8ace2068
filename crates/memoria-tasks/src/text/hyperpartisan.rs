use std::{collections::HashMap, path::Path};

use serde::Deserialize;

use super::{Labelled, LabelledText};
use crate::{TaskError, files};

const ARTICLES: &str = "articles-training-byarticle-20181122.xml";
const LABELS: &str = "ground-truth-training-byarticle-20181122.xml";
const SPLITS: &str = "hp-splits.json";

const HINT: &str = "The Hyperpartisan News data are at https://zenodo.org/records/1489920: put \
    articles-training-byarticle-20181122.xml and ground-truth-training-byarticle-20181122.xml, unpacked, and the \
    Longformer's split (scripts/hp-splits.json of github.com/allenai/longformer) into the folder of data.path";

/// The article numbers of each split.
#[derive(Deserialize)]
struct Splits {
    train: Vec<Number>,
    dev: Vec<Number>,
    test: Vec<Number>,
}

/// A number, or a text of digits with leading zeros.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u64),
    Text(String),
}

/// Reads the Hyperpartisan News articles (SemEval-2019, task 4, labelled by article). The folder contains the published
/// files and the Longformer's split.
///
/// # Errors
///
/// [`TaskError::Missing`] with where to get them, [`TaskError::File`] or [`TaskError::Format`].
pub fn hyperpartisan(folder: &Path) -> Result<Labelled, TaskError> {
    let [articles, labels, splits] = [ARTICLES, LABELS, SPLITS].map(|name| folder.join(name));
    let mut classes = HashMap::new();
    let text = files::read_text(&labels, HINT)?;
    for element in elements(&text) {
        let (Some(id), Some(label)) =
            (attribute(element.tag, "id"), attribute(element.tag, "hyperpartisan"))
        else {
            let problem = "an article without id or hyperpartisan";
            return Err(TaskError::format(&labels, problem));
        };
        let class = match &label[..] {
            "true" => 1,
            "false" => 0,
            other => {
                let problem = format!("article {id}: expected true or false, got {other}");
                return Err(TaskError::format(&labels, problem));
            }
        };
        classes.insert(bare(&id), class);
    }
    let mut texts = HashMap::new();
    for element in elements(&files::read_text(&articles, HINT)?) {
        let Some(id) = attribute(element.tag, "id") else {
            return Err(TaskError::format(&articles, "an article without id"));
        };
        let title = attribute(element.tag, "title").unwrap_or_default();
        texts.insert(bare(&id), format!("{title}\n{}", plain(element.content)));
    }
    let of: Splits = serde_json::from_slice(&files::read(&splits, HINT)?).map_err(|error| {
        TaskError::format(&splits, format!("expected an object with train, dev and test: {error}"))
    })?;
    let documents = |numbers: Vec<Number>| {
        let document = |number: Number| {
            let name = match number {
                Number::Number(number) => number.to_string(),
                Number::Text(text) => bare(&text),
            };
            let (Some(&class), Some(text)) = (classes.get(&name), texts.get(&name)) else {
                let problem = format!("there is no article {name}, or no label of it");
                return Err(TaskError::format(&splits, problem));
            };
            Ok(LabelledText { name, text: text.clone(), class })
        };
        numbers.into_iter().map(document).collect::<Result<Vec<_>, _>>()
    };
    Ok(Labelled {
        classes: ["not hyperpartisan", "hyperpartisan"].map(str::to_owned).into(),
        train: documents(of.train)?,
        valid: documents(of.dev)?,
        test: documents(of.test)?,
    })
}

/// Removes leading zeros.
fn bare(id: &str) -> String {
    let bare = id.trim_start_matches('0');
    if bare.is_empty() { "0".into() } else { bare.into() }
}

struct Element<'a> {
    /// The content of its start tag after the name.
    tag: &'a str,
    content: &'a str,
}

/// Returns the `article` elements of an XML file.
fn elements(xml: &str) -> Vec<Element<'_>> {
    let mut elements = Vec::new();
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once("<article ") {
        let Some((tag, after)) = after.split_once('>') else { break };
        let (content, after) = if tag.ends_with('/') {
            ("", after)
        } else {
            after.split_once("</article>").unwrap_or((after, ""))
        };
        elements.push(Element { tag, content });
        rest = after;
    }
    elements
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, value) = tag.split_once(&format!("{name}=\""))?;
    let (value, _) = value.split_once('"')?;
    Some(unescaped(value))
}

/// Removes tags.
fn plain(xml: &str) -> String {
    let mut text = String::new();
    for part in xml.split('<') {
        let content = part.split_once('>').map_or(part, |(_, content)| content);
        text.push_str(content);
        text.push(' ');
    }
    let text = unescaped(&text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unescaped(text: &str) -> String {
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#160;", " "),
        ("&amp;", "&"),
    ];
    entities.iter().fold(text.to_owned(), |text, (entity, is)| text.replace(entity, is))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_published_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert!(hyperpartisan(&folder.join("nowhere")).unwrap_err().to_string().contains("zenodo"));
        let articles = r#"<?xml version="1.0"?><articles>
            <article id="0000000" published-at="2017" title="A &amp; B"><p>One <a href="x">two</a>.</p>
            <p>Three</p></article><article id="0000012" title="C"><p>four</p></article></articles>"#;
        let labels = r#"<articles><article hyperpartisan="true" id="0000000" url="x"/>
            <article hyperpartisan="false" id="0000012" url="y"/></articles>"#;
        fs::write(folder.join(ARTICLES), articles).unwrap();
        fs::write(folder.join(LABELS), labels).unwrap();
        let splits = |text: &str| fs::write(folder.join(SPLITS), text).unwrap();
        splits(r#"{"train": [0], "dev": ["0000012"], "test": []}"#);
        let corpus = hyperpartisan(folder).unwrap();
        assert_eq!(corpus.train[0].text, "A & B\nOne two . Three");
        assert_eq!((corpus.train[0].class, corpus.valid[0].class), (1, 0));
        splits(r#"{"train": [7], "dev": [], "test": []}"#);
        let error = hyperpartisan(folder).unwrap_err().to_string();
        assert!(error.contains("no article 7"), "{error}");
    }
}
