//! Renders the statements of `sql/*.sql` as psql would: `:"name"` becomes an identifier, `:'name'`
//! a literal. It sends nothing.

use std::iter::Peekable;
use std::str::CharIndices;

use thiserror::Error;

use crate::sink::postgres::quote;

/// A file of `sql/`, built into the binary.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    name: &'static str,
    text: &'static str,
}

/// A mistake in a script or in the variables it was given; where and what.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("sql/{script}, line {line}: {what}")]
pub struct ScriptError {
    script: &'static str,
    line: usize,
    what: String,
}

impl Script {
    /// A script by its file name in `sql/`, and its text.
    pub const fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text }
    }

    /// Its statements, without comments and semicolons. An error for a variable that is not among
    /// `variables`, one that is written without quotes, and a quote or comment that never ends.
    pub fn render(self, variables: &[(&str, &str)]) -> Result<Vec<String>, ScriptError> {
        let mut reader = ScriptReader {
            script: self,
            characters: self.text.char_indices().peekable(),
            statement: String::new(),
            statements: Vec::new(),
        };
        reader.read(variables)?;
        Ok(reader.statements)
    }
}

/// Goes through a script once, character by character.
struct ScriptReader {
    script: Script,
    characters: Peekable<CharIndices<'static>>,
    statement: String,
    statements: Vec<String>,
}

impl ScriptReader {
    fn read(&mut self, variables: &[(&str, &str)]) -> Result<(), ScriptError> {
        while let Some((at, character)) = self.characters.next() {
            match character {
                ';' => self.end_statement(),
                '-' if self.next_is('-') => self.skip_line(),
                '/' if self.next_is('*') => self.skip_comment(at)?,
                '$' => self.copy_dollar_quoted(at),
                '\'' => {
                    let escapes = self.after_escape_prefix();
                    self.copy_quoted(at, '\'', escapes)?;
                }
                '"' => self.copy_quoted(at, '"', false)?,
                ':' => self.substitute(at, variables)?,
                other => self.statement.push(other),
            }
        }
        self.end_statement();
        Ok(())
    }

    fn next_is(&mut self, wanted: char) -> bool {
        self.characters.peek().is_some_and(|&(_, character)| character == wanted)
    }

    fn end_statement(&mut self) {
        let statement = self.statement.trim();
        if !statement.is_empty() {
            self.statements.push(statement.to_owned());
        }
        self.statement.clear();
    }

    fn skip_line(&mut self) {
        while !self.next_is('\n') && self.characters.next().is_some() {}
    }

    /// Block comments nest in SQL.
    fn skip_comment(&mut self, start: usize) -> Result<(), ScriptError> {
        self.characters.next();
        let mut depth = 1_usize;
        while depth > 0 {
            match self.characters.next() {
                Some((_, '*')) if self.next_is('/') => {
                    self.characters.next();
                    depth -= 1;
                }
                Some((_, '/')) if self.next_is('*') => {
                    self.characters.next();
                    depth += 1;
                }
                Some(_) => {}
                None => return Err(self.error(start, "this comment never ends")),
            }
        }
        self.statement.push(' ');
        Ok(())
    }

    /// Whether the quote just read opens an `E''` string, in which a backslash escapes.
    fn after_escape_prefix(&self) -> bool {
        let mut before = self.statement.chars().rev();
        matches!(before.next(), Some('e' | 'E')) && !before.next().is_some_and(is_word)
    }

    /// A doubled quote is two quoted parts side by side, so it needs no rule of its own.
    fn copy_quoted(&mut self, start: usize, quote: char, escapes: bool) -> Result<(), ScriptError> {
        self.statement.push(quote);
        while let Some((_, character)) = self.characters.next() {
            self.statement.push(character);
            if character == quote {
                return Ok(());
            }
            if escapes && character == '\\' {
                self.statement.extend(self.characters.next().map(|(_, escaped)| escaped));
            }
        }
        Err(self.error(start, "this quote never ends"))
    }

    /// Copies `$tag$ … $tag$` untouched: psql puts no variables there either. A dollar sign that
    /// opens nothing (a parameter, part of a name) stands for itself.
    fn copy_dollar_quoted(&mut self, start: usize) {
        let rest = &self.script.text[start..];
        let inside_name = self.statement.chars().next_back().is_some_and(is_word);
        let tag = rest[1..].find('$').map(|length| &rest[..length + 2]);
        let body = tag
            .filter(|tag| !inside_name && is_tag(&tag[1..tag.len() - 1]))
            .and_then(|tag| rest[tag.len()..].find(tag).map(|length| length + 2 * tag.len()));
        let end = start + body.unwrap_or(1);
        self.statement.push_str(&self.script.text[start..end]);
        while self.characters.next_if(|&(at, _)| at < end).is_some() {}
    }

    fn substitute(&mut self, at: usize, variables: &[(&str, &str)]) -> Result<(), ScriptError> {
        match self.characters.peek() {
            Some(&(_, ':')) => {
                self.characters.next();
                self.statement.push_str("::");
                Ok(())
            }
            Some(&(_, quote @ ('"' | '\''))) => {
                self.characters.next();
                let mut name = String::new();
                while let Some((_, character)) = self.characters.next_if(|&(_, next)| is_word(next))
                {
                    name.push(character);
                }
                if name.is_empty() || self.characters.next().is_none_or(|(_, end)| end != quote) {
                    return Err(self.error(at, "a variable is written `:\"name\"` or `:'name'`"));
                }
                let (_, value) = variables
                    .iter()
                    .find(|(known, _)| *known == name)
                    .ok_or_else(|| self.error(at, &format!("no variable `{name}` is given")))?;
                let quoted =
                    if quote == '"' { quote::identifier(value) } else { quote::literal(value) };
                self.statement.push_str(&quoted);
                Ok(())
            }
            Some(&(_, next)) if is_word(next) && !next.is_ascii_digit() => {
                Err(self.error(at, "a variable needs quotes: `:\"name\"` or `:'name'`"))
            }
            _ => {
                self.statement.push(':');
                Ok(())
            }
        }
    }

    fn error(&self, at: usize, what: &str) -> ScriptError {
        let line = self.script.text[..at].matches('\n').count() + 1;
        ScriptError { script: self.script.name, line, what: what.to_owned() }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn is_tag(tag: &str) -> bool {
    tag.chars().all(is_word) && !tag.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &'static str) -> Result<Vec<String>, ScriptError> {
        Script::new("test.sql", text).render(&[("name", "O'Neil \"x\";"), ("back", "a\\b")])
    }

    #[test]
    fn variables_are_quoted_as_what_they_are() {
        assert_eq!(
            render("CREATE ROLE :\"name\"; COMMENT ON ROLE :\"name\" IS :'name'").unwrap(),
            [
                "CREATE ROLE \"O'Neil \"\"x\"\";\"",
                "COMMENT ON ROLE \"O'Neil \"\"x\"\";\" IS 'O''Neil \"x\";'"
            ]
        );
        assert_eq!(render("SELECT :'back'").unwrap(), ["SELECT  E'a\\\\b'"]);
    }

    #[test]
    fn quoted_text_and_comments_hide_semicolons_and_variables() {
        let text = "-- it's; :'name'\nSELECT ';:''name' /* ; /* :\"no\" */ ' */, \";\";\n\
                    DO $b$ BEGIN PERFORM ':x'; END $b$; SELECT E'\\';', $1, a$b, 1::text, x[1:2];";
        assert_eq!(
            render(text).unwrap(),
            [
                "SELECT ';:''name'  , \";\"",
                "DO $b$ BEGIN PERFORM ':x'; END $b$",
                "SELECT E'\\';', $1, a$b, 1::text, x[1:2]"
            ]
        );
    }

    #[test]
    fn mistakes_are_refused_with_their_line() {
        let message = |text| render(text).unwrap_err().to_string();
        assert_eq!(message("\n\n:'nam'"), "sql/test.sql, line 3: no variable `nam` is given");
        assert!(message("SELECT :name").contains("needs quotes"));
        assert!(message("SELECT :'name").contains("is written"));
        assert!(message("SELECT 'x").contains("quote never ends"));
        assert!(message("/* /* */").contains("comment never ends"));
    }
}
