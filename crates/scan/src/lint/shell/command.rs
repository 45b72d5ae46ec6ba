//! A command of shell text, with its words.

/// A simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Line of its first word.
    pub line: u32,
    /// Variables that are set for it alone, or for the shell if it has no words.
    pub assigned: Vec<(String, Word)>,
    /// Program and arguments, without words of the shell's grammar such as `if` and `{`.
    pub words: Vec<Word>,
    /// Files and texts that it reads from or writes to.
    pub redirects: Vec<Redirect>,
    /// Its joint with the next command.
    pub joint: Joint,
    /// Number of words that only start another program, such as `sudo` and `env`, with their options.
    pub(super) start: usize,
}

/// The joint of a command with the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Joint {
    /// `;`, a line's end, `&`, or the end of the text.
    #[default]
    Next,
    /// `&&`.
    And,
    /// `||`.
    Or,
    /// `|` or `|&`.
    Pipe,
}

/// A redirection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Operator, such as `>` and `<<`.
    pub operator: String,
    /// File, or the text of a here-document.
    pub word: Word,
}

/// A word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Text without quotes. Variables and substitutions stand in it as they are written.
    pub text: String,
    /// Variables that the shell puts into it.
    pub variables: Vec<Variable>,
    /// Commands of its substitutions; if it is a script for another shell, the commands of that script.
    pub inner: Vec<Command>,
    /// Whether it is a script for another shell.
    pub is_script: bool,
}

/// A variable in a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Name.
    pub name: String,
    /// Whether it stands in double quotes, so that its value stays one word.
    pub is_quoted: bool,
}

impl Command {
    /// Name of the program that does the work, without its directory: that behind `sudo` and `env`.
    #[must_use]
    pub fn program(&self) -> &str {
        let text = self.words.get(self.start).map(|word| word.text.as_str()).unwrap_or_default();
        let name = text.rsplit('/').next().unwrap_or(text);
        name.strip_suffix(".exe").unwrap_or(name)
    }

    /// Arguments of that program.
    #[must_use]
    pub fn args(&self) -> &[Word] {
        self.words.get(self.start + 1..).unwrap_or_default()
    }

    /// Whether one of these is an argument.
    #[must_use]
    pub fn has(&self, args: &[&str]) -> bool {
        self.args().iter().any(|word| args.contains(&word.text.as_str()))
    }

    /// Words before the program that does the work, such as `sudo`.
    #[must_use]
    pub fn starters(&self) -> &[Word] {
        self.words.get(..self.start).unwrap_or_default()
    }

    /// Arguments that are no options. The value of an option that stands apart is among them.
    pub fn operands(&self) -> impl Iterator<Item = &Word> {
        self.args().iter().filter(|word| !word.text.starts_with('-'))
    }

    /// The value of an option, in the forms `--name value` and `--name=value`.
    pub fn values<'a>(&'a self, option: &'a str) -> impl Iterator<Item = &'a str> {
        self.args().iter().enumerate().filter_map(move |(at, word)| {
            let rest = word.text.strip_prefix(option)?;
            if rest.is_empty() {
                return self.args().get(at + 1).map(|word| word.text.as_str());
            }
            rest.strip_prefix('=')
        })
    }

    /// The command as people read it, shortened.
    #[must_use]
    pub fn shown(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        let text = words.join(" ");
        let line = text.lines().next().unwrap_or_default();
        evidence::document::text(line, SHOWN_BYTES_MAX)
    }
}

/// Whether a program is a shell.
#[must_use]
pub fn is_shell(program: &str) -> bool {
    matches!(program, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "mksh" | "fish")
}

const SHOWN_BYTES_MAX: usize = 60;
