//! The reader of shell text.
//!
//! Invariant: each letter is read a bounded number of times, because texts within texts nest at most [`DEPTH_MAX`] deep.

use super::{Command, Joint, Redirect, Variable, Word, is_shell};

/// Commands of a text at a depth.
pub(super) fn commands(chars: Vec<(char, u32)>, depth: usize) -> Vec<Command> {
    let mut reader = Reader { chars, at: 0, depth, waiting: Vec::new() };
    let mut all = Vec::new();
    // A parenthesis that closes nothing ends no text.
    while reader.at < reader.chars.len() {
        all.extend(reader.list());
        reader.at += 1;
    }
    all
}

/// A command whose words are all there: grammar is taken away, and scripts for other shells are read.
pub(super) fn completed(mut command: Command, depth: usize) -> Command {
    let grammar = command.words.iter().take_while(|word| GRAMMAR.contains(&word.text.as_str())).count();
    command.words.drain(..grammar);
    let pairs: Vec<_> = command.words.iter().map_while(assignment).collect();
    command.words.drain(..pairs.len());
    command.assigned.extend(pairs);
    command.start = start(&command.words);
    if depth < DEPTH_MAX {
        read_scripts(&mut command, depth);
    }
    command
}

/// Scripts among the words, and in here-documents of a shell.
fn read_scripts(command: &mut Command, depth: usize) {
    let line = command.line;
    let inner = |text: &str| commands(text.chars().map(|letter| (letter, line)).collect(), depth + 1);
    let program = command.program().to_owned();
    let start = command.start;
    if is_shell(&program) || matches!(program.as_str(), "su" | "runuser") {
        let is_c = |word: &Word| {
            let letters = word.text.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
            word.text == "--command" || letters.is_some_and(|letters| letters.contains('c'))
        };
        let at = command.words.iter().skip(start + 1).position(is_c).map(|at| start + at + 2);
        if let Some(script) = at.and_then(|at| command.words.get_mut(at)) {
            script.inner = inner(&script.text);
            script.is_script = true;
        }
        for redirect in command.redirects.iter_mut().filter(|redirect| redirect.operator.starts_with("<<")) {
            redirect.word.inner = inner(&redirect.word.text);
            redirect.word.is_script = true;
        }
    }
    if program == "eval" {
        let text: Vec<&str> = command.args().iter().map(|word| word.text.as_str()).collect();
        let read = inner(&text.join(" "));
        for word in command.words.iter_mut().skip(start + 1) {
            word.inner = Vec::new();
        }
        if let Some(first) = command.words.get_mut(start + 1) {
            first.inner = read;
            first.is_script = true;
        }
    }
}

/// Name and value of an assignment.
fn assignment(word: &Word) -> Option<(String, Word)> {
    let (name, value) = word.text.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    if name.is_empty() || !name.chars().all(is_name) || name.starts_with(|first: char| first.is_ascii_digit())
    {
        return None;
    }
    Some((name.to_owned(), Word { text: value.to_owned(), ..word.clone() }))
}

/// Number of words that only start another program.
fn start(words: &[Word]) -> usize {
    let mut at = 0;
    loop {
        let name = words.get(at).map(|word| word.text.rsplit('/').next().unwrap_or_default());
        let Some((_, valued, operands)) =
            STARTERS.iter().find(|(starter, _, _)| Some(*starter) == name).copied()
        else {
            return at;
        };
        let mut next = at + 1;
        while let Some(word) = words.get(next) {
            if !word.text.starts_with('-') && !word.text.contains('=') || word.text.starts_with(['/', '.']) {
                break;
            }
            next += if valued.contains(&word.text.as_str()) { 2 } else { 1 };
        }
        next += operands;
        if next >= words.len() {
            return at;
        }
        at = next;
    }
}

struct Reader {
    chars: Vec<(char, u32)>,
    at: usize,
    depth: usize,
    /// Here-documents whose text begins behind this line: place of the command, of the redirect, end, and whether tabs go.
    waiting: Vec<(usize, usize, String, bool)>,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).map(|(letter, _)| *letter)
    }

    fn line(&self) -> u32 {
        self.chars.get(self.at).or_else(|| self.chars.last()).map_or(0, |(_, line)| *line)
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek(0)?;
        self.at += 1;
        Some(letter)
    }

    /// Commands up to a parenthesis that closes what was not opened here, which stays.
    fn list(&mut self) -> Vec<Command> {
        let mut all: Vec<Command> = Vec::new();
        let mut current = Command::default();
        let mut groups = 0_usize;
        while let Some(letter) = self.peek(0) {
            match letter {
                ' ' | '\t' | '\r' => self.at += 1,
                '\\' if self.peek(1) == Some('\n') => self.at += 2,
                '#' => self.comment(),
                '\n' => {
                    self.at += 1;
                    self.end(&mut all, &mut current, Joint::Next);
                    self.here_documents(&mut all);
                }
                ';' | '&' | '|' if !(letter == '&' && self.peek(1) == Some('>')) => {
                    let joint = self.operator(letter);
                    self.end(&mut all, &mut current, joint);
                }
                ')' if groups == 0 && self.depth > 0 => break,
                '(' | ')' => {
                    groups = if letter == '(' { groups + 1 } else { groups.saturating_sub(1) };
                    self.at += 1;
                    self.end(&mut all, &mut current, Joint::Next);
                }
                '<' | '>' | '&' if self.peek(1) != Some('(') => self.redirect(all.len(), &mut current),
                _ => self.push_word(&mut current),
            }
        }
        self.end(&mut all, &mut current, Joint::Next);
        all
    }

    fn push_word(&mut self, current: &mut Command) {
        let line = self.line();
        let word = self.word();
        let is_number = !word.text.is_empty() && word.text.chars().all(|letter| letter.is_ascii_digit());
        if is_number && matches!(self.peek(0), Some('<' | '>')) {
            return;
        }
        if current.words.is_empty() {
            if CLOSERS.contains(&word.text.as_str()) {
                return;
            }
            current.line = line;
        }
        current.words.push(word);
    }

    fn comment(&mut self) {
        while self.peek(0).is_some_and(|letter| letter != '\n') {
            self.at += 1;
        }
    }

    fn operator(&mut self, letter: char) -> Joint {
        let next = self.peek(1);
        let (length, joint) = match (letter, next) {
            ('&', Some('&')) => (2, Joint::And),
            ('|', Some('|')) => (2, Joint::Or),
            ('|', Some('&')) => (2, Joint::Pipe),
            ('|', _) => (1, Joint::Pipe),
            _ => (1, Joint::Next),
        };
        self.at += length;
        joint
    }

    /// Ends a command; if there is none, what was ended before has this joint: that of a group is that of its last command.
    fn end(&self, all: &mut Vec<Command>, current: &mut Command, joint: Joint) {
        let done = std::mem::take(current);
        if done.words.is_empty() && done.redirects.is_empty() {
            if let Some(last) = all.last_mut().filter(|_| joint != Joint::Next) {
                last.joint = joint;
            }
            return;
        }
        let mut done = completed(done, self.depth);
        done.joint = joint;
        if done.line == 0 {
            done.line = self.line();
        }
        if !done.words.is_empty() || !done.assigned.is_empty() || !done.redirects.is_empty() {
            all.push(done);
        }
    }

    fn redirect(&mut self, place: usize, current: &mut Command) {
        let mut operator = String::new();
        while let Some(letter) = self.peek(0).filter(|letter| matches!(letter, '<' | '>' | '&' | '|')) {
            // `<(` behind an operator is a word.
            if letter == '<' && self.peek(1) == Some('(') {
                break;
            }
            operator.push(letter);
            self.at += 1;
        }
        let strips = operator == "<<" && self.peek(0) == Some('-');
        self.at += usize::from(strips);
        while matches!(self.peek(0), Some(' ' | '\t')) {
            self.at += 1;
        }
        let word = self.word();
        if current.words.is_empty() && current.redirects.is_empty() {
            current.line = self.line();
        }
        if operator == "<<" {
            self.waiting.push((place, current.redirects.len(), word.text.clone(), strips));
        }
        current.redirects.push(Redirect { operator, word });
    }

    /// Texts of here-documents, which begin where a line ended.
    fn here_documents(&mut self, all: &mut [Command]) {
        for (place, redirect, end, strips) in std::mem::take(&mut self.waiting) {
            let mut text: Vec<(char, u32)> = Vec::new();
            while self.at < self.chars.len() {
                let rest = self.chars.get(self.at..).unwrap_or_default();
                let line: Vec<_> = rest.iter().take_while(|(letter, _)| *letter != '\n').copied().collect();
                self.at += line.len() + 1;
                let plain: String = line.iter().map(|(letter, _)| *letter).collect();
                let plain = if strips { plain.trim_start_matches('\t') } else { &plain };
                if plain == end {
                    break;
                }
                let number = line.first().map_or(0, |(_, line)| *line);
                text.extend(line);
                text.push(('\n', number));
            }
            let Some(command) = all.get_mut(place) else { continue };
            let is_read = is_shell(command.program()) && self.depth < DEPTH_MAX;
            let Some(redirect) = command.redirects.get_mut(redirect) else { continue };
            redirect.word.text = text.iter().map(|(letter, _)| *letter).collect();
            redirect.word.is_script = is_read;
            redirect.word.inner = if is_read { commands(text, self.depth + 1) } else { Vec::new() };
        }
    }

    fn word(&mut self) -> Word {
        let mut word = Word::default();
        while let Some(letter) = self.peek(0) {
            match letter {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | ')' => break,
                '<' | '>' if self.peek(1) == Some('(') => {
                    word.text.push(letter);
                    self.at += 1;
                    self.substitution(&mut word);
                }
                '<' | '>' => break,
                '(' if word.text.ends_with('=') => self.substitution(&mut word),
                '(' => break,
                '\'' => self.single_quotes(&mut word),
                '"' => self.double_quotes(&mut word),
                '\\' => {
                    self.at += 1;
                    let next = self.next();
                    word.text.extend(next.filter(|letter| *letter != '\n'));
                }
                '$' | '`' => self.expansion(&mut word, false),
                _ => {
                    self.at += 1;
                    word.text.push(letter);
                }
            }
        }
        word
    }

    fn single_quotes(&mut self, word: &mut Word) {
        self.at += 1;
        while let Some(letter) = self.next().filter(|letter| *letter != '\'') {
            word.text.push(letter);
        }
    }

    fn double_quotes(&mut self, word: &mut Word) {
        self.at += 1;
        while let Some(letter) = self.peek(0) {
            match letter {
                '"' => {
                    self.at += 1;
                    return;
                }
                '\\' => {
                    self.at += 1;
                    match self.next() {
                        Some(escaped @ ('$' | '`' | '"' | '\\')) => word.text.push(escaped),
                        Some('\n') | None => {}
                        Some(other) => word.text.extend(['\\', other]),
                    }
                }
                '$' | '`' => self.expansion(word, true),
                _ => {
                    self.at += 1;
                    word.text.push(letter);
                }
            }
        }
    }

    /// A variable or a substitution.
    fn expansion(&mut self, word: &mut Word, is_quoted: bool) {
        let first = self.next().unwrap_or_default();
        word.text.push(first);
        if first == '`' {
            return self.backticks(word);
        }
        match self.peek(0) {
            Some('(') => self.substitution(word),
            Some('{') => self.braces(word, is_quoted),
            Some('\'') if !is_quoted => {
                word.text.pop();
                self.single_quotes(word);
            }
            Some(letter) if is_name(letter) => {
                let mut name = String::new();
                while let Some(letter) = self.peek(0).filter(|letter| is_name(*letter)) {
                    name.push(letter);
                    self.at += 1;
                }
                word.text.push_str(&name);
                word.variables.push(Variable { name, is_quoted });
            }
            _ => {}
        }
    }

    /// `(commands)`.
    fn substitution(&mut self, word: &mut Word) {
        let from = self.at;
        self.at += 1;
        self.depth += 1;
        if self.depth < DEPTH_MAX {
            let waiting = std::mem::take(&mut self.waiting);
            let inner = self.list();
            self.waiting = waiting;
            word.inner.extend(inner);
        } else {
            self.at = self.chars.len();
        }
        self.depth -= 1;
        self.at += usize::from(self.peek(0) == Some(')'));
        let raw = self.chars.get(from..self.at).unwrap_or_default();
        word.text.extend(raw.iter().map(|(letter, _)| *letter));
    }

    fn backticks(&mut self, word: &mut Word) {
        let mut inner = Vec::new();
        while let Some((letter, line)) = self.chars.get(self.at).copied() {
            self.at += 1;
            if letter == '`' {
                break;
            }
            let is_escape = letter == '\\' && matches!(self.peek(0), Some('`' | '\\' | '$'));
            if is_escape {
                inner.extend(self.chars.get(self.at).copied());
                self.at += 1;
            } else {
                inner.push((letter, line));
            }
        }
        word.text.extend(inner.iter().map(|(letter, _)| *letter).chain(['`']));
        if self.depth < DEPTH_MAX {
            word.inner.extend(commands(inner, self.depth + 1));
        }
    }

    /// `{name}`, perhaps with a default that holds others.
    fn braces(&mut self, word: &mut Word, is_quoted: bool) {
        self.at += 1;
        word.text.push('{');
        let mut name = String::new();
        while let Some(letter) = self.peek(0).filter(|letter| is_name(*letter) || matches!(letter, '!' | '#'))
        {
            name.push(letter);
            self.at += 1;
        }
        word.text.push_str(&name);
        word.variables.push(Variable { name: name.trim_matches(['!', '#']).to_owned(), is_quoted });
        self.depth += 1;
        while let Some(letter) = self.peek(0) {
            match letter {
                '}' => break,
                '$' | '`' if self.depth < DEPTH_MAX => self.expansion(word, is_quoted),
                '\'' if !is_quoted => self.single_quotes(word),
                '\\' => {
                    self.at += 1;
                    let escaped = self.next();
                    word.text.extend(escaped);
                }
                _ => {
                    self.at += 1;
                    word.text.push(letter);
                }
            }
        }
        self.depth -= 1;
        self.at += 1;
        word.text.push('}');
    }
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Depth at which text within text is no longer read: nobody writes it.
const DEPTH_MAX: usize = 24;
/// Words of the grammar before a command.
const GRAMMAR: &[&str] = &["if", "then", "elif", "else", "while", "until", "do", "!", "{", "time"];
/// Words of the grammar that end a group.
const CLOSERS: &[&str] = &["}", "fi", "done", "esac"];
/// Programs that start another one: name, options with a value that stands apart, and number of operands before the program.
const STARTERS: &[(&str, &[&str], usize)] = &[
    ("sudo", &["-u", "-g", "-h", "-p", "-C", "-D", "-r", "-t", "-U", "-T", "--user", "--group"], 0),
    ("doas", &["-u", "-C"], 0),
    ("env", &["-u", "-C", "-S", "--unset", "--chdir"], 0),
    ("exec", &["-a"], 0),
    ("command", &[], 0),
    ("builtin", &[], 0),
    ("nohup", &[], 0),
    ("nice", &["-n"], 0),
    ("ionice", &["-c", "-n"], 0),
    ("stdbuf", &["-o", "-i", "-e"], 0),
    ("timeout", &["-s", "-k", "--signal", "--kill-after"], 1),
    ("gosu", &[], 1),
    ("su-exec", &[], 1),
    ("busybox", &[], 0),
    ("eatmydata", &[], 0),
    ("chronic", &[], 0),
    ("xvfb-run", &["-n", "-s"], 0),
];
