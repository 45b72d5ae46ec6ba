//! Expressions of GitHub (<https://docs.github.com/en/actions/reference/workflows-and-actions/expressions>): `${{ github.actor }}`.
//!
//! Invariant: a path is in small letters with its parts between dots, in whatever form it is written. An expression that cannot be read
//! counts as a call with every path that stands in it, so that none hides.

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// A text, number, truth value or null.
    Literal(String),
    /// A value that the run provides: `github.event.issue.title`. A part that is computed is `*`.
    Path(String),
    /// A call of a function.
    Call(String, Vec<Expression>),
    /// Two values with an operator between them.
    Pair(&'static str, Box<[Expression; 2]>),
    /// The negation of a value.
    Not(Box<Expression>),
}

/// An expression in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inserted<'a> {
    /// With its braces, as it is written.
    pub source: &'a str,
    /// The expression.
    pub expression: Expression,
}

impl Expression {
    /// Reads what stands between the braces.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let tokens = tokens(text);
        let mut reader = Reader { tokens: &tokens, at: 0, depth: 0, pairs: 0 };
        match reader.pair(0) {
            Some(expression) if reader.at == tokens.len() => expression,
            _ => Self::Call("?".to_owned(), paths_in(&tokens)),
        }
    }

    /// Calls a function with this expression and each one within it.
    pub fn each<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        match self {
            Self::Literal(_) | Self::Path(_) => {}
            Self::Call(_, arguments) => arguments.iter().for_each(|argument| argument.each(visit)),
            Self::Pair(_, sides) => sides.iter().for_each(|side| side.each(visit)),
            Self::Not(inner) => inner.each(visit),
        }
    }

    /// Whether this expression or one within it is so.
    pub fn any(&self, is_so: impl Fn(&Self) -> bool) -> bool {
        let mut found = false;
        self.each(&mut |expression| found |= is_so(expression));
        found
    }

    /// Paths whose values become part of the text that stands for the expression. A comparison gives a truth value, `a && b` gives `b`
    /// or a value without text.
    #[must_use]
    pub fn flows(&self) -> Vec<&str> {
        match self {
            Self::Literal(_) | Self::Not(_) => Vec::new(),
            Self::Path(path) => vec![path],
            Self::Call(name, _) if DECIDES.contains(&name.as_str()) => Vec::new(),
            Self::Call(_, arguments) => arguments.iter().flat_map(Self::flows).collect(),
            Self::Pair("||", sides) => sides.iter().flat_map(Self::flows).collect(),
            Self::Pair("&&", sides) => sides.last().map(Self::flows).unwrap_or_default(),
            Self::Pair(..) => Vec::new(),
        }
    }
}

/// Expressions in a text.
#[must_use]
pub fn inserted(text: &str) -> Vec<Inserted<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("${{")).map(|at| from + at) {
        let body = text.get(at + 3..).unwrap_or_default();
        let length = end_of(body);
        let end = (at + 3 + length + 2).min(text.len());
        let source = text.get(at..end).unwrap_or_default();
        found.push(Inserted { source, expression: Expression::of(body.get(..length).unwrap_or_default()) });
        from = end;
    }
    found
}

/// The length of an expression before its closing braces; those within a text do not close it.
fn end_of(body: &str) -> usize {
    let mut is_text = false;
    let mut last = ' ';
    for (at, letter) in body.char_indices() {
        match letter {
            '\'' => is_text = !is_text,
            '}' if last == '}' && !is_text => return at - 1,
            _ => {}
        }
        last = letter;
    }
    body.len()
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    Word(String),
    Sign(&'static str),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '\'' => {
                let (value, length) = quoted(rest);
                tokens.push(Token::Text(value));
                length
            }
            _ if is_word(first) => {
                let is_number = first.is_ascii_digit();
                let goes_on = |letter| is_word(letter) || is_number && letter == '.';
                let length = rest.find(|letter| !goes_on(letter)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest.get(..length).unwrap_or_default().to_ascii_lowercase()));
                length
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => {
                    tokens.push(Token::Sign(sign));
                    sign.len()
                }
                None => first.len_utf8(),
            },
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    tokens
}

/// A text in quotes, and its length with them; two quotes within it stand for one.
fn quoted(rest: &str) -> (String, usize) {
    let mut value = String::new();
    let mut letters = rest.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != '\'' {
            value.push(letter);
        } else if letters.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return (value, at + 1);
        }
    }
    (value, rest.len())
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '-'
}

fn paths_in(tokens: &[Token]) -> Vec<Expression> {
    let mut paths = Vec::new();
    let mut reader = Reader { tokens, at: 0, depth: 0, pairs: 0 };
    while reader.at < tokens.len() {
        let before = reader.at;
        reader.depth = 0;
        if let Some(Token::Word(word)) = tokens.get(before) {
            reader.at += 1;
            paths.extend(reader.path(word.clone()));
        }
        reader.at = reader.at.max(before + 1);
    }
    paths
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    /// Number of operators so far.
    pairs: usize,
}

impl Reader<'_> {
    fn sign(&mut self, signs: &[&'static str]) -> Option<&'static str> {
        let Some(Token::Sign(sign)) = self.tokens.get(self.at) else { return None };
        let found = signs.contains(sign).then_some(*sign);
        self.at += usize::from(found.is_some());
        found
    }

    /// Values with operators of this level or a tighter one between them.
    fn pair(&mut self, level: usize) -> Option<Expression> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.pair(level + 1)?;
        while let Some(sign) = self.sign(signs) {
            self.pairs += 1;
            if self.pairs > PAIRS_MAX {
                return None;
            }
            left = Expression::Pair(sign, Box::new([left, self.pair(level + 1)?]));
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let found = if self.sign(&["!"]).is_some() {
            self.unary().map(|inner| Expression::Not(Box::new(inner)))
        } else if self.sign(&["("]).is_some() {
            let inner = self.pair(0)?;
            self.sign(&[")"])?;
            Some(inner)
        } else {
            self.value()
        };
        self.depth -= 1;
        found
    }

    fn value(&mut self) -> Option<Expression> {
        let token = self.tokens.get(self.at)?.clone();
        self.at += 1;
        match token {
            Token::Text(text) => Some(Expression::Literal(text)),
            Token::Sign(_) => None,
            Token::Word(word) => {
                if self.sign(&["("]).is_some() {
                    let call = Expression::Call(word, self.arguments()?);
                    return self.parts_of_call(call);
                }
                let is_literal = matches!(word.as_str(), "true" | "false" | "null")
                    || word.starts_with(|first: char| first.is_ascii_digit() || first == '-');
                if is_literal { Some(Expression::Literal(word)) } else { self.path(word) }
            }
        }
    }

    fn arguments(&mut self) -> Option<Vec<Expression>> {
        let mut arguments = Vec::new();
        if self.sign(&[")"]).is_some() {
            return Some(arguments);
        }
        loop {
            arguments.push(self.pair(0)?);
            if self.sign(&[")"]).is_some() {
                return Some(arguments);
            }
            self.sign(&[","])?;
        }
    }

    /// Parts behind a call, such as those of `fromJSON(x).y`.
    fn parts_of_call(&mut self, call: Expression) -> Option<Expression> {
        let path = self.path(String::new())?;
        match (&call, &path) {
            (_, Expression::Path(parts)) if parts.is_empty() => Some(call),
            _ => Some(Expression::Call(PART_OF.to_owned(), vec![call])),
        }
    }

    fn path(&mut self, first: String) -> Option<Expression> {
        let mut path = first;
        loop {
            if self.sign(&["."]).is_some() {
                path.push('.');
                match self.tokens.get(self.at)? {
                    Token::Word(word) => path.push_str(word),
                    Token::Sign("*") => path.push('*'),
                    _ => return None,
                }
                self.at += 1;
            } else if self.sign(&["["]).is_some() {
                path.push('.');
                if self.sign(&["*"]).is_some() {
                    path.push('*');
                } else {
                    match self.pair(0)? {
                        Expression::Literal(text) => path.push_str(&text.to_ascii_lowercase()),
                        _ => path.push('*'),
                    }
                }
                self.sign(&["]"])?;
            } else {
                return Some(Expression::Path(path));
            }
        }
    }
}

/// The name of a call that takes a part of what another call gives.
pub const PART_OF: &str = ".";
/// Deepest nesting that GitHub reads is 50.
const DEPTH_MAX: usize = 60;
/// More operators than an expression has that people write.
const PAIRS_MAX: usize = 500;
const LEVELS: &[&[&str]] = &[&["||"], &["&&"], &["==", "!="], &["<=", ">=", "<", ">"]];
const SIGNS: &[&str] =
    &["||", "&&", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ".", ",", "*"];
/// Functions whose result holds no text of their arguments.
const DECIDES: &[&str] =
    &["contains", "startswith", "endswith", "hashfiles", "success", "always", "failure", "cancelled"];

#[cfg(test)]
mod tests {
    use super::*;

    fn flows(text: &str) -> Vec<String> {
        Expression::of(text).flows().into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn forms_of_a_path_are_one() {
        for text in [
            "github.event.issue.title",
            " GitHub.Event['issue'].TITLE ",
            "github['event']['issue']['title']",
            "(github.event.issue.title)",
            "format('{0}', github.event.issue.title)",
            "x == 'y' && github.event.issue.title || 'z'",
            "toJSON(github.event.issue.title)",
            "fromJSON(github.event.issue.title).a[0]",
            "github.event.issue.title ~ 'no expression'",
        ] {
            assert_eq!(flows(text), ["github.event.issue.title"], "{text}");
        }
        assert_eq!(flows("github.event[inputs.name].title"), ["github.event.*.title"]);
        assert_eq!(flows("github.event.commits.*.message"), ["github.event.commits.*.message"]);
        assert_eq!(flows("github.event.commits[*].message"), ["github.event.commits.*.message"]);
    }

    #[test]
    fn decisions_hold_no_text() {
        for text in [
            "github.head_ref == 'x'",
            "contains(github.head_ref, 'x')",
            "!github.head_ref",
            "github.head_ref && 'a' || 'b'",
            "'github.head_ref'",
            "'it''s github.head_ref'",
            "1.5",
        ] {
            assert_eq!(flows(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn attack_braces_in_texts_and_depth_hide_nothing() {
        let sources = |text| inserted(text).into_iter().map(|one| one.source).collect::<Vec<_>>();
        assert_eq!(sources("a ${{ format('}}', b) }} c ${{d}}"), ["${{ format('}}', b) }}", "${{d}}"]);
        assert_eq!(sources("${{ open"), ["${{ open"]);
        let deep = format!("{}github.head_ref{}", "(".repeat(9_000), ")".repeat(9_000));
        assert_eq!(flows(&deep), ["github.head_ref"]);
        let long = format!("{}github.head_ref", "'' || ".repeat(200_000));
        assert_eq!(flows(&long), ["github.head_ref"]);
        assert_eq!(flows(&format!("{}github.head_ref", "!".repeat(9_000))), ["github.head_ref"]);
    }
}
