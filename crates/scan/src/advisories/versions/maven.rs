//! Maven's order of versions (<https://maven.apache.org/pom.html#version-order-specification>).
//!
//! Invariant: every text has a place in the order, as in Maven. Numbers have any length.

use std::cmp::Ordering;

/// A version of Maven: its tokens, without those that mean nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maven(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    /// Whether a dot is before it; otherwise a hyphen, or a change between digits and letters.
    dotted: bool,
    part: Part,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Digits without zeros before them; empty for zero.
    Number(String),
    /// A word with its rank among the known ones.
    Word(usize, String),
}

impl Maven {
    /// Reads a version.
    pub fn parse(text: &str) -> Self {
        let mut tokens = split(&text.to_lowercase());
        // Parts that mean nothing end a version, or stand before a hyphen or a word.
        let mut end = tokens.len();
        while end > 0 {
            let start = (0..end).rev().find(|at| !is_null(tokens.get(*at))).map_or(0, |at| at + 1);
            tokens.drain(start.max(1).min(end)..end);
            let next = start.max(1).min(end);
            end = (0..next).rev().find(|at| is_cut(tokens.get(*at))).unwrap_or(0);
        }
        Self(tokens)
    }

    /// Compares two versions.
    pub fn compare(&self, other: &Self) -> Ordering {
        let longest = self.0.len().max(other.0.len());
        let orders = (0..longest).map(|at| match (self.0.get(at), other.0.get(at)) {
            (Some(one), Some(two)) => one.compare(two),
            (Some(one), None) => one.compare(&one.padding()),
            (None, Some(two)) => two.padding().compare(two),
            (None, None) => Ordering::Equal,
        });
        orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl Token {
    /// The meaning of an absent token against this one.
    const fn padding(&self) -> Self {
        match self.part {
            Part::Number(_) if self.dotted => Self { dotted: true, part: Part::Number(String::new()) },
            _ => Self { dotted: false, part: Part::Word(RELEASE, String::new()) },
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (&self.part, &other.part) {
            (Part::Word(rank, word), Part::Word(other_rank, other_word)) => {
                (rank, word).cmp(&(other_rank, other_word))
            }
            (Part::Number(one), Part::Number(two)) if self.dotted == other.dotted => {
                (one.len(), one).cmp(&(two.len(), two))
            }
            (Part::Word(..), Part::Number(_)) => Ordering::Less,
            (Part::Number(_), Part::Word(..)) => Ordering::Greater,
            (Part::Number(_), Part::Number(_)) => self.dotted.cmp(&other.dotted),
        }
    }
}

fn is_null(token: Option<&Token>) -> bool {
    token.is_some_and(|token| match &token.part {
        Part::Number(digits) => digits.is_empty(),
        Part::Word(rank, _) => *rank == RELEASE,
    })
}

/// Whether nothing that is null can stand before this token.
fn is_cut(token: Option<&Token>) -> bool {
    token.is_some_and(|token| !token.dotted || matches!(token.part, Part::Word(..)))
}

fn split(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut dotted, mut part) = (true, String::new());
    for c in text.chars() {
        let is_digit = c.is_ascii_digit();
        let changes = part.chars().last().is_some_and(|last| last.is_ascii_digit() != is_digit);
        if matches!(c, '.' | '-') {
            tokens.push(token(dotted, &part, false));
            (dotted, part) = (c == '.', String::new());
        } else if changes {
            tokens.push(token(dotted, &part, is_digit));
            (dotted, part) = (false, c.to_string());
        } else {
            part.push(c);
        }
    }
    tokens.push(token(dotted, &part, false));
    tokens
}

fn token(dotted: bool, text: &str, number_follows: bool) -> Token {
    let part = if text.bytes().all(|b| b.is_ascii_digit()) {
        Part::Number(text.trim_start_matches('0').to_owned())
    } else {
        let word = match text {
            "a" if number_follows => "alpha",
            "b" if number_follows => "beta",
            "m" if number_follows => "milestone",
            "cr" => "rc",
            "ga" | "final" | "release" => "",
            other => other,
        };
        let rank = WORDS.iter().position(|known| *known == word).unwrap_or(WORDS.len());
        Part::Word(rank, word.to_owned())
    };
    Token { dotted, part }
}

/// Known words in their order; others come after them, by the alphabet.
const WORDS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];

const RELEASE: usize = 5;
