//! One column of categories: its vocabulary, and the code of a word.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::options::EncoderOptions;
use super::values::Words;
use crate::dataset::Embedded;
use crate::table::MISSING_CODE;

/// How the words of a column are told apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Vocabulary {
    /// The words of the training rows, in order; their places are the codes.
    Words(Vec<String>),
    /// A word's code is FNV-1a (64 bits) of its UTF-8 bytes, modulo this many buckets. A word that training never saw
    /// falls into a bucket too.
    Hashed(u32),
}

/// How a code enters the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    /// A 0/1 number for each category, among the dense numbers.
    Dense,
    /// A code that the first layer takes as a one-hot group.
    OneHot,
    /// A code that passes through a learnt table, whose rows have this many numbers.
    Embedded(usize),
}

/// What becomes of a word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CategoryRecipe {
    pub(super) vocabulary: Vocabulary,
    /// Whether "missing" is a category of its own, the last: where training rows had missing values. Otherwise a
    /// missing value is none of the categories, as a word that training never saw is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) missing: bool,
    pub(super) form: Form,
}

/// The dimension of a learnt table: min(50, ⌈1.6·cardinality^0.56⌉) (Howard & Gugger 2020, fastai, `emb_sz_rule`,
/// there up to 600; 50 keeps the first layer of a CPU's size).
#[must_use]
pub fn embedding_dimension(cardinality: usize) -> usize {
    ((1.6 * (cardinality as f64).powf(0.56)).ceil() as usize).clamp(1, 50)
}

/// FNV-1a, 64 bits (Fowler, Noll & Vo 1991): the same on every machine, for ever.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Orders words: as numbers where all are integers, otherwise by their bytes.
pub(super) fn sort_words(words: &mut [String]) {
    let numbers: Option<Vec<i64>> = words.iter().map(|word| word.parse().ok()).collect();
    if numbers.is_some() {
        // The words themselves settle ties ("7" and "07").
        words.sort_unstable_by(|a, b| a.parse::<i64>().ok().cmp(&b.parse().ok()).then_with(|| a.cmp(b)));
    } else {
        words.sort_unstable();
    }
}

/// Which words of a dictionary occur in these rows, and whether any is missing.
pub(super) fn occurring(words: &Words<'_>, rows: &[u32]) -> (Vec<String>, bool) {
    let mut seen = vec![false; words.dictionary.len()];
    let mut missing = false;
    for &row in rows {
        match seen.get_mut(words.codes[row as usize] as usize) {
            Some(seen) => *seen = true,
            None => missing = true,
        }
    }
    let found =
        words.dictionary.iter().zip(&seen).filter(|(_, seen)| **seen).map(|(word, _)| word.clone()).collect();
    (found, missing)
}

impl CategoryRecipe {
    /// The recipe for these words of the training rows.
    pub(super) fn fit(mut found: Vec<String>, missing: bool, options: &EncoderOptions) -> Self {
        let buckets = u32::try_from(options.hash_limit.max(1)).unwrap_or(u32::MAX - 2).min(u32::MAX - 2);
        let vocabulary = if found.len() > buckets as usize {
            Vocabulary::Hashed(buckets)
        } else {
            sort_words(&mut found);
            Vocabulary::Words(found)
        };
        let mut recipe = Self { vocabulary, missing, form: Form::Dense };
        let cardinality = recipe.cardinality();
        let hashed = matches!(recipe.vocabulary, Vocabulary::Hashed(_));
        recipe.form = if hashed || cardinality > options.one_hot_limit {
            Form::Embedded(embedding_dimension(cardinality))
        } else if cardinality > options.sparse_above {
            Form::OneHot
        } else {
            Form::Dense
        };
        recipe
    }

    /// Categories, "missing" included. The code of a word that is none of them is this number.
    pub(super) fn cardinality(&self) -> usize {
        let words = match &self.vocabulary {
            Vocabulary::Words(words) => words.len(),
            Vocabulary::Hashed(buckets) => *buckets as usize,
        };
        words + usize::from(self.missing)
    }

    /// The learnt table, where there is one.
    pub(super) fn embedded(&self) -> Option<Embedded> {
        match self.form {
            Form::Embedded(dimension) => Some(Embedded { cardinality: self.cardinality(), dimension }),
            Form::Dense | Form::OneHot => None,
        }
    }

    /// The code of a missing value.
    pub(super) fn missing_code(&self) -> u32 {
        (self.cardinality() - usize::from(self.missing)) as u32
    }

    /// The code of each word of a dictionary.
    pub(super) fn codes_of(&self, dictionary: &[String]) -> Vec<u32> {
        const FEW: usize = 4; // a served row: searching costs less than an index of the whole vocabulary
        let none = self.cardinality() as u32;
        match &self.vocabulary {
            Vocabulary::Words(words) if dictionary.len() <= FEW => {
                let code = |word: &String| words.iter().position(|known| known == word);
                dictionary.iter().map(|word| code(word).map_or(none, |code| code as u32)).collect()
            }
            Vocabulary::Words(words) => {
                let index: HashMap<&str, u32> = words.iter().map(String::as_str).zip(0..).collect();
                dictionary.iter().map(|word| index.get(word.as_str()).copied().unwrap_or(none)).collect()
            }
            Vocabulary::Hashed(buckets) => {
                dictionary.iter().map(|word| (fnv1a(word.as_bytes()) % u64::from(*buckets)) as u32).collect()
            }
        }
    }

    /// Appends the names of the categories.
    pub(super) fn name(&self, column: &str, names: &mut Vec<String>) {
        match &self.vocabulary {
            Vocabulary::Words(words) => names.extend(words.iter().map(|word| format!("{column}={word}"))),
            Vocabulary::Hashed(buckets) => {
                names.extend((0..*buckets).map(|bucket| format!("{column}=#{bucket}")));
            }
        }
        if self.missing {
            names.push(format!("{column}=missing"));
        }
    }

    /// For recipes that were read from a file.
    pub(super) fn is_sound(&self) -> bool {
        let hashed = matches!(self.vocabulary, Vocabulary::Hashed(_));
        let form = match self.form {
            Form::Embedded(dimension) => (1..=4096).contains(&dimension),
            Form::Dense | Form::OneHot => !hashed,
        };
        form && (1..MISSING_CODE as usize - 1).contains(&self.cardinality())
            && self.vocabulary != Vocabulary::Hashed(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_sort_as_numbers_and_words_by_their_letters() {
        let mut integers = ["10", "9", "-1", "07", "7"].map(String::from);
        sort_words(&mut integers);
        assert_eq!(integers, ["-1", "07", "7", "9", "10"]);
        let mut mixed = ["10", "9", "b", "a"].map(String::from);
        sort_words(&mut mixed);
        assert_eq!(mixed, ["10", "9", "a", "b"]);
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        // Test vectors of the authors: "" is the offset basis, "a", "foobar".
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn the_form_follows_the_number_of_categories() {
        let options =
            EncoderOptions { one_hot_limit: 4, sparse_above: 2, hash_limit: 6, ..EncoderOptions::default() };
        let form = |count: usize| {
            CategoryRecipe::fit((0..count).map(|word| word.to_string()).collect(), false, &options)
        };
        assert_eq!(form(2).form, Form::Dense);
        assert_eq!(form(3).form, Form::OneHot);
        assert_eq!(form(4).form, Form::OneHot);
        // 1.6 · 5^0.56 = 1.6 · 2.463 = 3.94
        assert_eq!(form(5).form, Form::Embedded(4));
        assert_eq!(form(7).vocabulary, Vocabulary::Hashed(6));
        assert_eq!(form(7).cardinality(), 6);
        assert_eq!(embedding_dimension(1_000_000), 50);
    }

    #[test]
    fn unseen_words_are_none_of_the_categories() {
        let words = ["b", "a"].map(String::from).to_vec();
        let recipe = CategoryRecipe::fit(words, true, &EncoderOptions::default());
        // a 0, b 1, missing 2; none of them 3.
        assert_eq!(recipe.codes_of(&["b", "new", "a"].map(String::from)), [1, 3, 0]);
        assert_eq!((recipe.missing_code(), recipe.cardinality()), (2, 3));
        let recipe = CategoryRecipe { missing: false, ..recipe };
        // Training saw no missing value: missing is none of them.
        assert_eq!((recipe.missing_code(), recipe.cardinality()), (2, 2));
    }
}
