use crate::{data::Measure, training::Asked};

/// Counts of right answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// For index `d`: the number of right answers and of all answers told `d` segments ago.
    by_distance: Vec<[usize; 2]>,
    right: usize,
    of: usize,
    /// For each class: documents classified rightly, classified as it, and belonging to it.
    classes: Vec<[usize; 3]>,
}

impl Score {
    /// Counts a batch: for each asked place the chosen and the right token.
    pub(super) fn count(&mut self, measure: Measure, questions: &[Asked], pairs: &[[i64; 2]]) {
        let mut rest = pairs;
        for question in questions {
            let (answer, after) = rest.split_at(question.tokens);
            rest = after;
            let right = answer.iter().filter(|[chosen, right]| chosen == right).count();
            match measure {
                Measure::Tokens => {
                    self.right += right;
                    self.of += answer.len();
                }
                Measure::Answers => {
                    let right = usize::from(right == answer.len());
                    self.right += right;
                    self.of += 1;
                    if let Some(distance) = question.distance {
                        if self.by_distance.len() <= distance {
                            self.by_distance.resize(distance + 1, [0; 2]);
                        }
                        self.by_distance[distance][0] += right;
                        self.by_distance[distance][1] += 1;
                    }
                }
                Measure::Documents => answer.iter().for_each(|&pair| self.class(pair)),
            }
        }
    }

    /// Counts a document by its chosen and its right class.
    pub(super) fn class(&mut self, [chosen, right]: [i64; 2]) {
        let [chosen, right] = [chosen, right].map(|class| usize::try_from(class).unwrap_or(0));
        if self.classes.len() <= chosen.max(right) {
            self.classes.resize(chosen.max(right) + 1, [0; 3]);
        }
        self.classes[right][0] += usize::from(chosen == right);
        self.classes[chosen][1] += 1;
        self.classes[right][2] += 1;
        self.right += usize::from(chosen == right);
        self.of += 1;
    }

    /// Share of right answers; 0 if there are none.
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.of.max(1) as f64
    }

    /// Number of questions, tokens or documents that were counted.
    pub fn questions(&self) -> usize {
        self.of
    }

    /// Share of right answers by the number of segments since the answer was told, where there are any.
    pub fn by_distance(&self) -> impl Iterator<Item = (usize, f64)> {
        let share = |(distance, &[right, of]): (usize, &[usize; 2])| {
            (of > 0).then(|| (distance, right as f64 / of as f64))
        };
        self.by_distance.iter().enumerate().filter_map(share)
    }

    /// Mean F1 of the classes that occur; `None` without classes.
    pub fn macro_f1(&self) -> Option<f64> {
        let f1 = |&[right, taken, are]: &[usize; 3]| {
            (are > 0).then(|| 2.0 * right as f64 / (taken + are) as f64)
        };
        let scores: Vec<f64> = self.classes.iter().filter_map(f1).collect();
        (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_if_all_its_tokens_are_right() {
        let asked = |tokens, distance| Asked {
            row: 0,
            segment: 0,
            at: 0,
            tokens,
            distance: Some(distance),
            via: None,
        };
        let questions = [asked(2, 1), asked(1, 3), asked(2, 1)];
        let pairs = [[1, 1], [2, 2], [3, 4], [5, 5], [6, 7]];
        let mut answers = Score::default();
        answers.count(Measure::Answers, &questions, &pairs);
        assert_eq!((answers.questions(), answers.accuracy()), (3, 1.0 / 3.0));
        assert_eq!(answers.by_distance().collect::<Vec<_>>(), [(1, 0.5), (3, 0.0)]);
        let mut tokens = Score::default();
        tokens.count(Measure::Tokens, &questions, &pairs);
        assert_eq!((tokens.questions(), tokens.accuracy()), (5, 0.6));
        assert_eq!(tokens.macro_f1(), None);
    }

    #[test]
    fn f1_is_averaged_over_classes_that_occur() {
        let mut score = Score::default();
        [[0, 0], [0, 1], [1, 1], [2, 1]].into_iter().for_each(|pair| score.class(pair));
        // Class 0: 2 · 1 / (2 + 1); class 1: 2 · 1 / (1 + 3).
        assert_eq!(score.macro_f1(), Some((2.0 / 3.0 + 0.5) / 2.0));
        assert_eq!(score.accuracy(), 0.5);
    }
}
