//! Shell text of a Makefile (<https://www.gnu.org/software/make/manual/make.html#Recipes>): recipes, `$(shell ...)` and `!=`.

use std::collections::BTreeMap;

/// The letters of all recipes, each with its line. Variables with a plain value are put in; others stay as variables of the shell.
#[must_use]
pub fn recipes(text: &str) -> Vec<(char, u32)> {
    let values = values(text);
    let mut letters = Vec::new();
    let mut goes_on = false;
    for (line, number) in text.lines().zip(1..) {
        if line.starts_with('\t') || goes_on && is_recipe_before(&letters) {
            let plain = line.trim_start_matches('\t');
            let plain = if goes_on { plain } else { plain.trim_start_matches(['@', '-', '+', ' ']) };
            push(plain, number, &values, &mut letters);
        } else {
            let parts = outside(line);
            parts.iter().for_each(|part| push(part, number, &values, &mut letters));
        }
        goes_on = line.ends_with('\\') && !letters.is_empty();
    }
    letters
}

fn is_recipe_before(letters: &[(char, u32)]) -> bool {
    matches!(letters, [.., ('\\', _), ('\n', _)])
}

/// Shell text of a line that is no recipe.
fn outside(line: &str) -> Vec<&str> {
    if line.trim_start().starts_with('#') {
        return Vec::new();
    }
    if let Some((_, command)) = line.split_once("!=") {
        return vec![command];
    }
    let mut parts: Vec<&str> = line
        .match_indices("$(shell ")
        .map(|(at, mark)| inside(line.get(at + mark.len()..).unwrap_or_default()))
        .collect();
    // The first command may stand behind the names of a rule.
    if parts.is_empty()
        && let Some((names, rest)) = line.split_once(':')
        && !names.contains('=')
        && !rest.starts_with([':', '='])
    {
        parts.extend(rest.split_once(';').map(|(_, command)| command));
    }
    parts
}

/// The text up to the parenthesis that closes it.
fn inside(text: &str) -> &str {
    let mut depth = 1_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

fn push(text: &str, line: u32, values: &BTreeMap<&str, &str>, letters: &mut Vec<(char, u32)>) {
    let shell = expanded(text, values);
    letters.extend(shell.chars().chain(['\n']).map(|letter| (letter, line)));
}

/// Text as the shell gets it: `$$` is `$`, `$(NAME)` is the value of a variable.
fn expanded(text: &str, values: &BTreeMap<&str, &str>) -> String {
    let mut shell = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        shell.push_str(before);
        let close = if after.starts_with('(') { ')' } else { '}' };
        let name = after.strip_prefix(['(', '{']).and_then(|inner| inner.split_once(close));
        let is_name =
            |text: &str| text.chars().all(|letter| letter.is_alphanumeric() || "_-.".contains(letter));
        if let Some(own) = after.strip_prefix('$') {
            shell.push('$');
            rest = own;
        } else if let Some(command) = after.strip_prefix("(shell ") {
            shell.push_str("$(");
            rest = command;
        } else if let Some((name, behind)) = name.filter(|(name, _)| is_name(name)) {
            match values.get(name) {
                Some(value) => shell.push_str(value),
                None => shell.extend(["${", name, "}"]),
            }
            rest = behind;
        } else {
            // Functions and variables of one letter.
            shell.push_str("$_");
            rest = after.get(after.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
        }
    }
    shell.push_str(rest);
    shell
}

/// Variables whose value holds no other one.
fn values(text: &str) -> BTreeMap<&str, &str> {
    let mut values = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('\t')) {
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim_end_matches([':', '?']).trim();
        let value = value.split('#').next().unwrap_or_default().trim();
        let is_plain = !name.is_empty()
            && !name.contains(char::is_whitespace)
            && !value.contains('$')
            && value.len() <= VALUE_BYTES_MAX;
        if is_plain {
            values.insert(name, value);
        }
    }
    values
}

/// Longer values name no program.
const VALUE_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_become_shell_text() {
        let text = "CURL = curl -k\nall: a\n\t@$(CURL) x | \\\n\t  sh\n\techo $$HOME $(NO)\nb: ; wget y\nV := $(shell id -u)\nW != date\n# c: ; no\n";
        let letters = recipes(text);
        let shell: String = letters.iter().map(|(letter, _)| *letter).collect();
        assert_eq!(shell, "curl -k x | \\\n  sh\necho $HOME ${NO}\n wget y\nid -u\n date\n");
        assert_eq!(letters.iter().find(|(letter, _)| *letter == 'w').map(|(_, line)| *line), Some(6));
    }
}
