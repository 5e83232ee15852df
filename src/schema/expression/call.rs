//! Functions of expressions.

use std::ops::Range;

use crate::diagnostic::nearest;
use crate::schema::Expression;
use crate::schema::Function;
use crate::schema::Literal;
use crate::schema::expression::Fault;
use crate::schema::expression::Parsed;
use crate::schema::expression::Parser;
use crate::schema::expression::Yields;
use crate::schema::expression::is_number;
use crate::schema::expression::is_text;
use crate::schema::expression::tokens::Symbol;
use crate::schema::expression::tokens::Token;
use crate::schema::expression::tokens::fault;

impl Parser<'_> {
    /// `name(operand, …)`, behind the name.
    pub(super) fn call(
        &mut self,
        name: &str,
        depth: usize,
        range: &Range<usize>,
    ) -> Result<Parsed, Fault> {
        let lower = name.to_lowercase();
        let Some((_, function)) = Function::ALL.iter().find(|(known, _)| *known == lower) else {
            let names = Function::ALL.iter().map(|(name, _)| *name);
            let hint = match nearest(&lower, names.clone()) {
                Some(near) => format!("there is `{near}(…)`"),
                None => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
            };
            let message = format!("there is no function `{name}`; {hint}");
            return Err(fault(message, range.clone()));
        };
        self.at += 1;
        let (operands, end) = self.operands(depth, range)?;
        let yields = yields(*function, name, &operands, range)?;
        let operands = operands.into_iter().map(|operand| operand.expression).collect();
        let expression = Expression::Call(*function, operands);
        Ok(Parsed { expression, yields, range: range.start..end })
    }

    /// What stands between the parentheses, and where they end.
    fn operands(
        &mut self,
        depth: usize,
        range: &Range<usize>,
    ) -> Result<(Vec<Parsed>, usize), Fault> {
        if depth >= super::DEPTH_MAX {
            return Err(fault("too many parentheses within each other".into(), range.clone()));
        }
        let mut operands = Vec::new();
        loop {
            operands.push(self.binary(0, depth + 1)?);
            match self.tokens.get(self.at) {
                Some(Token { symbol: Symbol::Comma, .. }) => self.at += 1,
                Some(Token { symbol: Symbol::Close, range: close }) => {
                    self.at += 1;
                    return Ok((operands, close.end));
                }
                _ => {
                    let open = range.end..range.end + 1;
                    return Err(fault("this `(` is not closed".into(), open));
                }
            }
        }
    }
}

/// What a function of these operands yields, or why it takes none of them.
fn yields(
    function: Function,
    name: &str,
    operands: &[Parsed],
    range: &Range<usize>,
) -> Result<Option<Yields>, Fault> {
    let wants = |count: usize, shape: &str| {
        if operands.len() == count {
            Ok(())
        } else {
            Err(fault(format!("write `{shape}`"), range.clone()))
        }
    };
    match function {
        Function::Lower | Function::Upper => {
            wants(1, &format!("{name}(text)"))?;
            text(name, &operands[0])?;
            Ok(Some(Yields::Text))
        }
        Function::Substr => {
            wants(3, "substr(text, from, count)")?;
            text(name, &operands[0])?;
            operands[1..].iter().try_for_each(|operand| whole(name, operand))?;
            Ok(Some(Yields::Text))
        }
        Function::Round => {
            wants(2, "round(number, digits)")?;
            number(name, &operands[0])?;
            whole(name, &operands[1])?;
            Ok(Some(Yields::Number))
        }
        Function::Abs => {
            wants(1, "abs(number)")?;
            number(name, &operands[0])?;
            Ok(Some(Yields::Number))
        }
        Function::Least | Function::Greatest => {
            operands.iter().try_for_each(|operand| number(name, operand))?;
            Ok(Some(Yields::Number))
        }
        Function::Coalesce => coalesce(operands),
    }
}

/// All of one kind: texts, exact numbers, or the same type.
fn coalesce(operands: &[Parsed]) -> Result<Option<Yields>, Fault> {
    let first = operands[0].yields;
    for operand in operands {
        if let (Some(first), Some(other)) = (first, operand.yields)
            && first != other
            && !(is_text(first) && is_text(other))
            && !(is_number(first) && is_number(other))
        {
            let message = "`coalesce` needs operands of one kind".to_owned();
            return Err(fault(message, operand.range.clone()));
        }
    }
    Ok(match first {
        Some(yields) if is_text(yields) => Some(Yields::Text),
        Some(yields) if is_number(yields) => Some(Yields::Number),
        other => other,
    })
}

fn text(name: &str, operand: &Parsed) -> Result<(), Fault> {
    match operand.yields {
        Some(yields) if !is_text(yields) => {
            Err(fault(format!("`{name}` needs text"), operand.range.clone()))
        }
        _ => Ok(()),
    }
}

fn number(name: &str, operand: &Parsed) -> Result<(), Fault> {
    match operand.yields {
        Some(yields) if !is_number(yields) => {
            let message = format!("`{name}` needs whole numbers or `numeric`");
            Err(fault(message, operand.range.clone()))
        }
        _ => Ok(()),
    }
}

/// A written whole number, 0 to 1,000,000.
fn whole(name: &str, operand: &Parsed) -> Result<(), Fault> {
    if let Expression::Literal(Literal::Int(0..=1_000_000)) = &operand.expression {
        return Ok(());
    }
    let message = format!("`{name}` needs a written whole number here");
    Err(fault(message, operand.range.clone()))
}
