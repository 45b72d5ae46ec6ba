//! Shell text of a Jenkinsfile: the texts that its steps `sh`, `bat`, `powershell` and `pwsh` run
//! (<https://www.jenkins.io/doc/pipeline/steps/workflow-durable-task-step/>).

/// A step that runs shell text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Line of its text.
    pub line: u32,
    /// The letters of the text with their lines, and a line's end.
    pub shell: Vec<(char, u32)>,
    /// Expressions that Groovy puts into the text before the shell sees it, with their lines.
    pub inserted: Vec<(String, u32)>,
}

/// The steps of a file.
#[must_use]
pub fn steps(text: &str) -> Vec<Step> {
    let mut line = 1;
    let letters = text.chars().map(|letter| {
        let own = line;
        line += u32::from(letter == '\n');
        (letter, own)
    });
    let mut reader = Reader { letters: letters.collect(), at: 0, before: String::new() };
    let mut steps = Vec::new();
    while reader.at < reader.letters.len() {
        steps.extend(reader.next());
    }
    steps
}

struct Reader {
    letters: Vec<(char, u32)>,
    at: usize,
    /// The text before the next literal, without comments and texts.
    before: String,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.letters.get(self.at + ahead).map(|(letter, _)| *letter)
    }

    fn is_next(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, letter)| self.peek(ahead) == Some(letter))
    }

    fn next(&mut self) -> Option<Step> {
        let letter = self.peek(0)?;
        if self.is_next("//") {
            self.skip_to("\n");
        } else if self.is_next("/*") {
            self.at += 2;
            self.skip_to("*/");
        } else if matches!(letter, '"' | '\'') {
            let runs = is_step(&self.before);
            let step = self.text(letter);
            self.before = if self.before.len() < BEFORE_BYTES_MAX {
                format!("{}_", self.before)
            } else {
                "_".to_owned()
            };
            return runs.then_some(step);
        } else {
            if matches!(letter, '\n' | ';' | '{' | '}') && !self.before.trim_end().ends_with(['(', ',', ':'])
            {
                self.before.clear();
            } else if self.before.len() < BEFORE_BYTES_MAX {
                self.before.push(letter);
            } else {
                self.before = letter.to_string();
            }
            self.at += 1;
        }
        None
    }

    fn skip_to(&mut self, end: &str) {
        while self.at < self.letters.len() && !self.is_next(end) {
            self.at += 1;
        }
        // The line's end still ends what stands before it.
        self.at += if end == "\n" { 0 } else { end.len() };
    }

    /// A text in one or three quotes.
    fn text(&mut self, quote: char) -> Step {
        let three = quote.to_string().repeat(3);
        let end = if self.is_next(&three) { three } else { quote.to_string() };
        let line = self.letters.get(self.at).map_or(0, |(_, line)| *line);
        self.at += end.len();
        let mut step = Step { line, shell: Vec::new(), inserted: Vec::new() };
        while self.at < self.letters.len() && !self.is_next(&end) {
            let Some((letter, own)) = self.letters.get(self.at).copied() else { break };
            // A text in one quote ends with its line.
            if letter == '\n' && end.len() == 1 {
                break;
            }
            self.at += 1;
            if letter == '\\' {
                let escaped = self.peek(0).unwrap_or('\\');
                self.at += 1;
                let plain = if escaped == 'n' { '\n' } else { escaped };
                if plain == '\n' && escaped == '\n' {
                    step.shell.push(('\\', own));
                }
                step.shell.push((plain, own));
                continue;
            }
            step.shell.push((letter, own));
            if letter == '$' && quote == '"' {
                let inserted = self.inserted();
                step.inserted.push((inserted, own));
            }
        }
        self.at += end.len();
        step.shell.push(('\n', line));
        step
    }

    /// The expression behind a dollar sign; it is not taken.
    fn inserted(&self) -> String {
        let rest = self.letters.get(self.at..).unwrap_or_default().iter().map(|(letter, _)| *letter);
        if self.peek(0) == Some('{') {
            return rest
                .skip(1)
                .take_while(|letter| !matches!(letter, '}' | '\n'))
                .take(INSERTED_MAX)
                .collect();
        }
        rest.take_while(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.'))
            .take(INSERTED_MAX)
            .collect()
    }
}

/// Whether the text behind these letters is what a step runs.
fn is_step(before: &str) -> bool {
    let before = before.trim_end().trim_end_matches('(').trim_end();
    let before = match before.strip_suffix(':').map(str::trim_end) {
        Some(named) => {
            let Some(head) = named.strip_suffix("script") else { return false };
            let start = STEPS.iter().filter_map(|step| head.rfind(step).map(|at| at + step.len())).max();
            let Some(start) = start else { return false };
            head.get(..start).unwrap_or_default()
        }
        None => before,
    };
    STEPS.iter().any(|step| {
        let ahead = before.strip_suffix(step).map(|head| head.chars().next_back());
        ahead.is_some_and(|letter| {
            letter.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_' && letter != '.')
        })
    })
}

const STEPS: &[&str] = &["sh", "bat", "powershell", "pwsh"];
const BEFORE_BYTES_MAX: usize = 256;
const INSERTED_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let shell =
            |step: &Step| step.shell.iter().map(|(letter, _)| *letter).collect::<String>().trim().to_owned();
        steps(text).iter().map(shell).collect()
    }

    #[test]
    fn texts_of_steps_are_found() {
        let text = r#"
            pipeline {
                // sh 'no'
                echo 'sh' /* sh 'no' */
                sh 'make all'
                sh("make ${params.TARGET}")
                sh(returnStdout: true, script: '''a
                b''')
                sh script: "it\"s \$HOME", label: 'sh'
                bat 'dir'
                push 'no'
            }"#;
        assert_eq!(
            texts(text),
            ["make all", "make ${params.TARGET}", "a\n                b", "it\"s $HOME", "dir"]
        );
        let inserted: Vec<_> = steps(text).into_iter().flat_map(|step| step.inserted).collect();
        assert_eq!(inserted, [("params.TARGET".to_owned(), 6)]);
    }
}
