//! The words of an expression.

use std::ops::Range;

use crate::schema::Operator;
use crate::schema::expression::Fault;
use crate::units::Decimal;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Symbol {
    Name(String),
    Text(String),
    Number(Decimal),
    Operator(Operator),
    Open,
    Close,
    Comma,
}

pub(super) struct Token {
    pub(super) symbol: Symbol,
    pub(super) range: Range<usize>,
}

pub(super) fn fault(message: String, range: Range<usize>) -> Fault {
    Fault { message, range, unknown: None }
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (symbol, length) = match first {
            _ if first.is_whitespace() => {
                at += first.len_utf8();
                continue;
            }
            '(' => (Symbol::Open, 1),
            ')' => (Symbol::Close, 1),
            ',' => (Symbol::Comma, 1),
            '+' => (Symbol::Operator(Operator::Add), 1),
            '-' => (Symbol::Operator(Operator::Subtract), 1),
            '*' => (Symbol::Operator(Operator::Multiply), 1),
            '|' if rest.starts_with("||") => (Symbol::Operator(Operator::Concat), 2),
            '\'' => quoted(rest, '\'')
                .map(|(word, length)| (Symbol::Text(word), length))
                .ok_or_else(|| fault("this text has no closing `'`".into(), at..text.len()))?,
            '"' => quoted(rest, '"')
                .map(|(word, length)| (Symbol::Name(word), length))
                .ok_or_else(|| fault("this name has no closing `\"`".into(), at..text.len()))?,
            _ if first.is_ascii_digit() || first == '.' => number(rest, at)?,
            _ if first.is_alphabetic() || first == '_' => {
                let length =
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Symbol::Name(rest[..length].to_owned()), length)
            }
            _ => {
                let message = format!("`{first}` has no meaning in an expression");
                return Err(fault(message, at..at + first.len_utf8()));
            }
        };
        tokens.push(Token { symbol, range: at..at + length });
        at += length;
    }
    Ok(tokens)
}

/// A text in quotes, in which a doubled quote stands for one; and its length with the quotes.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut word = String::new();
    let mut rest = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = rest.next() {
        if character != quote {
            word.push(character);
        } else if rest.next_if(|(_, next)| *next == quote).is_some() {
            word.push(quote);
        } else {
            return Some((word, at + 1));
        }
    }
    None
}

fn number(text: &str, at: usize) -> Result<(Symbol, usize), Fault> {
    let length = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    match text[..length].parse() {
        Ok(number) => Ok((Symbol::Number(number), length)),
        Err(reason) => Err(fault(reason, at..at + length)),
    }
}
