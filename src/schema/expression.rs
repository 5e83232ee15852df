//! Reads the small language of derived columns: `price * quantity`, `'+1-555-' || id`,
//! `lower(name)`. Operators bind as in PostgreSQL: `*`, then `+` and `-`, then `||`.

mod call;
mod meaning;
mod tokens;

use std::ops::Range;

use crate::schema::ColumnType;
use crate::schema::Literal;
use crate::schema::expression::tokens::Symbol;
use crate::schema::expression::tokens::Token;
use crate::schema::expression::tokens::fault;
use crate::schema::expression::tokens::tokens;
use crate::units::Decimal;

pub use meaning::Expression;
pub use meaning::Function;
pub use meaning::Operator;

/// Parentheses within parentheses, at most.
const DEPTH_MAX: usize = 32;

/// Longest expression, in bytes.
const LENGTH_MAX: usize = 2_000;

/// What is wrong with an expression, and where in its text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) range: Range<usize>,
    /// The word that is no column, if that is the fault.
    pub(crate) unknown: Option<String>,
}

/// What an expression yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Yields {
    /// An exact number.
    Number,
    /// Text.
    Text,
    /// A column's value as it is.
    As(ColumnType),
}

/// A column that an expression may name: its name, and its type if that could be read.
pub(crate) type Known<'a> = (&'a str, Option<ColumnType>);

/// Reads an expression over these columns.
///
/// The type is None where it hangs on a column whose own type is broken.
pub(crate) fn parse(
    text: &str,
    columns: &[Known<'_>],
) -> Result<(Expression, Option<Yields>), Fault> {
    if text.len() > LENGTH_MAX {
        return Err(fault(format!("the expression is longer than {LENGTH_MAX} bytes"), 0..1));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.len(), columns };
    let parsed = parser.binary(0, 0)?;
    match parser.tokens.get(parser.at) {
        None => Ok((parsed.expression, parsed.yields)),
        Some(token) => Err(fault("an operator is missing before this".into(), token.range.clone())),
    }
}

/// The columns that an expression reads.
pub(crate) fn columns(expression: &Expression) -> Vec<usize> {
    let mut found = Vec::new();
    let mut rest = vec![expression];
    while let Some(expression) = rest.pop() {
        match expression {
            Expression::Column(column) => found.push(*column),
            Expression::Literal(_) => {}
            Expression::Binary(_, left, right) => rest.extend([&**left, &**right]),
            Expression::Call(_, operands) => rest.extend(operands),
        }
    }
    found
}

pub(super) struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    end: usize,
    columns: &'a [Known<'a>],
}

pub(super) struct Parsed {
    expression: Expression,
    yields: Option<Yields>,
    range: Range<usize>,
}

/// Operators from the loosest to the tightest.
const LEVELS: [&[Operator]; 3] =
    [&[Operator::Concat], &[Operator::Add, Operator::Subtract], &[Operator::Multiply]];

impl Parser<'_> {
    /// Operands joined by the operators of a level; recursion ends at the last level.
    fn binary(&mut self, level: usize, depth: usize) -> Result<Parsed, Fault> {
        let Some(operators) = LEVELS.get(level) else {
            return self.operand(depth);
        };
        let mut left = self.binary(level + 1, depth)?;
        while let Some(Token { symbol: Symbol::Operator(operator), .. }) = self.tokens.get(self.at)
        {
            if !operators.contains(operator) {
                break;
            }
            self.at += 1;
            let right = self.binary(level + 1, depth)?;
            left = join(*operator, left, right)?;
        }
        Ok(left)
    }

    fn operand(&mut self, depth: usize) -> Result<Parsed, Fault> {
        let Some(token) = self.tokens.get(self.at) else {
            let message = "a column, number, text or `(` is missing here".to_owned();
            return Err(fault(message, self.end.saturating_sub(1)..self.end));
        };
        let range = token.range.clone();
        self.at += 1;
        match &token.symbol {
            Symbol::Text(text) => {
                let expression = Expression::Literal(Literal::Text(text.clone()));
                Ok(Parsed { expression, yields: Some(Yields::Text), range })
            }
            Symbol::Number(number) => Ok(literal(*number, range)),
            Symbol::Operator(Operator::Subtract) => match self.tokens.get(self.at) {
                Some(Token { symbol: Symbol::Number(number), range: digits }) => {
                    self.at += 1;
                    let number = Decimal { unscaled: -number.unscaled, ..*number };
                    Ok(literal(number, range.start..digits.end))
                }
                _ => Err(fault("`-` needs a number behind it, or one before it".into(), range)),
            },
            Symbol::Open => self.inner(depth, range.start),
            Symbol::Name(name) => {
                let is_call = self.tokens.get(self.at).is_some_and(|t| t.symbol == Symbol::Open);
                if is_call { self.call(name, depth, &range) } else { self.column(name, range) }
            }
            Symbol::Operator(_) | Symbol::Close | Symbol::Comma => {
                Err(fault("a column, number or text is missing before this".into(), range))
            }
        }
    }

    /// What stands in parentheses, behind the `(`.
    fn inner(&mut self, depth: usize, start: usize) -> Result<Parsed, Fault> {
        if depth >= DEPTH_MAX {
            return Err(fault("too many parentheses within each other".into(), start..start + 1));
        }
        let inner = self.binary(0, depth + 1)?;
        match self.tokens.get(self.at) {
            Some(Token { symbol: Symbol::Close, range }) => {
                self.at += 1;
                Ok(Parsed { range: start..range.end, ..inner })
            }
            _ => Err(fault("this `(` is not closed".into(), start..start + 1)),
        }
    }

    fn column(&self, name: &str, range: Range<usize>) -> Result<Parsed, Fault> {
        match self.columns.iter().position(|(column, _)| *column == name) {
            Some(index) => Ok(Parsed {
                expression: Expression::Column(index),
                yields: self.columns[index].1.map(Yields::As),
                range,
            }),
            None => Err(Fault {
                message: format!("the table has no column `{name}`"),
                range,
                unknown: Some(name.to_owned()),
            }),
        }
    }
}

fn literal(number: Decimal, range: Range<usize>) -> Parsed {
    let literal = match number.scale {
        0 => Literal::Int(number.unscaled),
        _ => Literal::Decimal(number),
    };
    Parsed { expression: Expression::Literal(literal), yields: Some(Yields::Number), range }
}

fn is_text(yields: Yields) -> bool {
    match yields {
        Yields::Text => true,
        Yields::Number => false,
        Yields::As(kind) => kind.is_text(),
    }
}

fn is_number(yields: Yields) -> bool {
    match yields {
        Yields::Text => false,
        Yields::Number => true,
        Yields::As(kind) => kind.is_exact(),
    }
}

fn join(operator: Operator, left: Parsed, right: Parsed) -> Result<Parsed, Fault> {
    let sides = [(left.yields, left.range.clone()), (right.yields, right.range.clone())];
    let yields = if operator == Operator::Concat {
        check_concat(&sides)?;
        Yields::Text
    } else {
        for (yields, range) in sides {
            if yields.is_some_and(|yields| !is_number(yields)) {
                let sign = sign(operator);
                let message = format!("`{sign}` needs whole numbers or `numeric` on both sides");
                return Err(fault(message, range));
            }
        }
        Yields::Number
    };
    let range = left.range.start..right.range.end;
    let (left, right) = (Box::new(left.expression), Box::new(right.expression));
    let expression = Expression::Binary(operator, left, right);
    Ok(Parsed { expression, yields: Some(yields), range })
}

/// Text and whatever has one spelling: numbers and UUIDs, but not times, floats and booleans.
fn check_concat(sides: &[(Option<Yields>, Range<usize>); 2]) -> Result<(), Fault> {
    for (yields, range) in sides {
        let spells = yields.is_none_or(|yields| {
            is_text(yields) || is_number(yields) || yields == Yields::As(ColumnType::Uuid)
        });
        if !spells {
            let message = "`||` joins text, exact numbers and UUIDs, and this is neither";
            return Err(fault(message.to_owned(), range.clone()));
        }
    }
    if sides.iter().all(|(yields, _)| yields.is_some_and(|yields| !is_text(yields))) {
        let message = "`||` needs text on one side at least".to_owned();
        return Err(fault(message, sides[0].1.start..sides[1].1.end));
    }
    Ok(())
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Concat => "||",
    }
}

#[cfg(test)]
mod tests {
    use super::Known;
    use super::parse;
    use crate::schema::ColumnType;

    const COLUMNS: [Known<'static>; 4] = [
        ("price", Some(ColumnType::Numeric { precision: 10, scale: 2, is_bare: false })),
        ("quantity", Some(ColumnType::Integer)),
        ("name", Some(ColumnType::Text)),
        ("at", Some(ColumnType::Date)),
    ];

    #[test]
    fn operators_bind_as_in_postgresql() {
        let same = |a: &str, b: &str| {
            assert_eq!(parse(a, &COLUMNS).unwrap(), parse(b, &COLUMNS).unwrap(), "{a}");
        };
        same("price + quantity * 2", "price + (quantity * 2)");
        same("price - quantity - 1", "(price - quantity) - 1");
        same("name || price + 1", "name || (price + 1)");
        same("lower(name)||'a'", "( lower ( \"name\" ) ) || 'a'");
        same("round(price * 2, 1)", "ROUND((price*2), 1)");
        assert_ne!(parse("price*(1+2)", &COLUMNS).unwrap(), parse("price*1+2", &COLUMNS).unwrap());
    }

    #[test]
    fn faults_show_where() {
        let at = |text: &str| {
            let fault = parse(text, &COLUMNS).unwrap_err();
            (text[fault.range].to_owned(), fault.message)
        };
        assert_eq!(at("price * nam").0, "nam");
        assert_eq!(at("price * name").0, "name");
        assert_eq!(at("name || at").0, "at");
        assert_eq!(at("price || 1").0, "price || 1");
        assert_eq!(at("uper(name)").0, "uper");
        assert_eq!(at("round(price, quantity)").0, "quantity");
        assert_eq!(at("substr(name, 1)").0, "substr");
        assert_eq!(at("least(price, name)").0, "name");
        assert_eq!(at("coalesce(price, name)").0, "name");
        assert_eq!(at("lower(price + 1)").0, "price + 1");
        assert_eq!(at("(price").0, "(");
        assert_eq!(at("price price").1, "an operator is missing before this");
        assert_eq!(at("'abc").0, "'abc");
        for bad in [
            "",
            "price *",
            "* price",
            "price ; 1",
            "1e5",
            ")",
            "-price",
            "1.2.3",
            "abs()",
            "abs(1,)",
            "1,2",
        ] {
            assert!(parse(bad, &COLUMNS).is_err(), "{bad}");
        }
        assert!(parse(&"(".repeat(1_900), &COLUMNS).is_err());
    }
}
