//! What an expression means.

use crate::schema::Literal;

/// A computed column. Numbers are decimals, exact; the result is rounded to the column's scale.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// Another column of the row.
    Column(usize),
    /// A number or a text.
    Literal(Literal),
    /// Two operands.
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// A function of operands.
    Call(Function, Vec<Expression>),
}

/// An operator of an [`Expression`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `||`
    Concat,
}

/// A function of an [`Expression`]: as PostgreSQL's of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `lower(text)`
    Lower,
    /// `upper(text)`
    Upper,
    /// `substr(text, from, count)`: characters, the first is 1.
    Substr,
    /// `round(number, digits)`: half away from zero.
    Round,
    /// `abs(number)`
    Abs,
    /// `least(number, …)`, of those that are not NULL.
    Least,
    /// `greatest(number, …)`, of those that are not NULL.
    Greatest,
    /// `coalesce(a, …)`: the first that is not NULL.
    Coalesce,
}

impl Function {
    /// All, in the order in which messages list them.
    pub(crate) const ALL: [(&str, Self); 8] = [
        ("lower", Self::Lower),
        ("upper", Self::Upper),
        ("substr", Self::Substr),
        ("round", Self::Round),
        ("abs", Self::Abs),
        ("least", Self::Least),
        ("greatest", Self::Greatest),
        ("coalesce", Self::Coalesce),
    ];

    /// Whether it yields something although an operand is NULL.
    pub(crate) fn skips_nulls(self) -> bool {
        matches!(self, Self::Least | Self::Greatest | Self::Coalesce)
    }
}

impl Expression {
    /// Whether it is NULL for some row, if these columns may be.
    pub(crate) fn may_be_null(&self, is_nullable: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Self::Column(column) => is_nullable(*column),
            Self::Literal(literal) => *literal == Literal::Null,
            Self::Binary(_, left, right) => {
                left.may_be_null(is_nullable) || right.may_be_null(is_nullable)
            }
            Self::Call(function, operands) if function.skips_nulls() => {
                operands.iter().all(|operand| operand.may_be_null(is_nullable))
            }
            Self::Call(_, operands) => {
                operands.iter().any(|operand| operand.may_be_null(is_nullable))
            }
        }
    }
}
