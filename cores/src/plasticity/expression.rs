//! Learning rules as data: a sum of products over traces, spikes, weight, tag and reward.
//!
//! ```text
//! rule    = ["dw" "="] [sign] product { sign product }
//! product = factor { "*" factor }
//! factor  = whole number | "2^" [sign] whole number | name | "(" name sign number ")" | "(" number "-" name ")"
//! name    = x0 y0 u0..u9    when: a presynaptic spike, a postsynaptic spike, every 2^k-th step
//!         | x1 x2 y1 y2 y3  traces       | w t r   weight, tag, reward       | up down   flags of the target neuron
//! ```
//! A product is zero unless all its `when` factors hold. `2^-2*x1*y0 - 2^-3*y1*x0` is pair STDP. Loihi's own form is the
//! same (Davies et al. 2018, equation 9) with factors (trace + constant).

use super::Engine;
use crate::synapse::SynapseError;
use serde::{Deserialize, Serialize};

/// A number a rule can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Variable {
    /// First presynaptic trace.
    X1,
    /// Second presynaptic trace.
    X2,
    /// First postsynaptic trace.
    Y1,
    /// Second postsynaptic trace.
    Y2,
    /// Third postsynaptic trace.
    Y3,
    /// The weight before the update.
    Weight,
    /// The synapse's tag (eligibility).
    Tag,
    /// The reward of the step.
    Reward,
    /// 1 where the target neuron's state asks for potentiation (SDSP).
    Up,
    /// 1 where it asks for depression.
    Down,
}

impl Variable {
    /// Whether it is a trace, which an engine may hold with fraction bits.
    pub(crate) fn is_trace(self) -> bool {
        matches!(self, Variable::X1 | Variable::X2 | Variable::Y1 | Variable::Y2 | Variable::Y3)
    }
}

/// What a rule reads at one synapse beside its traces.
#[derive(Clone, Copy)]
pub(super) struct Synaptic<'a> {
    /// The weight before the update.
    pub(super) weight: i64,
    /// The tag, in the engine's fraction bits.
    pub(super) tag: i64,
    /// The reward of the step.
    pub(super) reward: i64,
    /// The target neuron, and what tells a neuron's (up, down).
    pub(super) target: usize,
    pub(super) flags: &'a dyn Fn(usize) -> (bool, bool),
}

impl Synaptic<'_> {
    /// The value of a variable; `trace` reads trace 0..5 (x1, x2, y1, y2, y3).
    #[inline]
    pub(super) fn read(&self, variable: Variable, trace: impl FnOnce(usize) -> i64) -> i64 {
        match variable {
            Variable::X1 => trace(0),
            Variable::X2 => trace(1),
            Variable::Y1 => trace(2),
            Variable::Y2 => trace(3),
            Variable::Y3 => trace(4),
            Variable::Weight => self.weight,
            Variable::Tag => self.tag,
            Variable::Reward => self.reward,
            Variable::Up => (self.flags)(self.target).0.into(),
            Variable::Down => (self.flags)(self.target).1.into(),
        }
    }
}

const NAMES: [(&str, Variable); 10] = [
    ("x1", Variable::X1),
    ("x2", Variable::X2),
    ("y1", Variable::Y1),
    ("y2", Variable::Y2),
    ("y3", Variable::Y3),
    ("w", Variable::Weight),
    ("t", Variable::Tag),
    ("r", Variable::Reward),
    ("up", Variable::Up),
    ("down", Variable::Down),
];

/// A factor sign * variable + constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// What is read.
    pub variable: Variable,
    /// Whether it counts negative.
    pub negative: bool,
    /// What is added.
    pub constant: i64,
}

impl Factor {
    /// The factor where its variable has this value; `fraction` are the value's fraction bits.
    #[inline]
    pub(super) fn of(&self, value: i64, fraction: i32) -> i128 {
        let constant = self.constant << fraction;
        i128::from(if self.negative { constant - value } else { value + constant })
    }
}

/// A product mantissa * 2^exponent * factors, evaluated where its dependencies hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Product of the whole numbers, with the sign.
    pub mantissa: i64,
    /// Sum of the powers of two.
    pub exponent: i32,
    /// Needs a presynaptic spike.
    pub on_pre: bool,
    /// Needs a postsynaptic spike.
    pub on_post: bool,
    /// Needs a step that is a multiple of 2^k.
    pub every: Option<u8>,
    /// The rest.
    pub factors: Vec<Factor>,
}

/// A sum of products.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expression {
    /// In the order written.
    pub products: Vec<Product>,
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {wanted}, found {found}")]
pub struct ExpressionError {
    /// Where, counted from 1.
    pub at: usize,
    /// What was wanted.
    pub wanted: &'static str,
    /// What was there.
    pub found: String,
}

/// Largest mantissa of a product on either side of zero.
const MANTISSA_MOST: i64 = 1 << 24;
/// Largest exponent on either side of zero.
const EXPONENT_MOST: i32 = 32;
/// Most products of a rule, and most factors of a product.
const MOST: usize = 32;
/// Most variables of a product.
const FACTORS_MOST: usize = 4;

/// Bits a product may take, its shift and a sum of 32 of them included: the engines compute in 128.
const BITS_MOST: u32 = 120;

impl Product {
    /// Checks that an engine can compute the product exactly and knows all it reads.
    ///
    /// # Errors
    /// What it cannot.
    fn check(&self, engine: Engine) -> Result<(), SynapseError> {
        let spikes = engine == Engine::OnSpikes;
        if spikes && self.on_pre && self.on_post {
            return Err(SynapseError::Rule("needs x0 and y0 at once, which the engine `on-spikes` never has"));
        }
        let flag = |f: &Factor| matches!(f.variable, Variable::Up | Variable::Down);
        if engine == Engine::Loihi && self.factors.iter().any(flag) {
            return Err(SynapseError::Rule("reads `up` or `down`, which the engine `loihi` does not have"));
        }
        if self.every.is_some_and(|k| k > 9) {
            return Err(SynapseError::Rule("waits for more than 2^9 steps"));
        }
        // A text cannot say these, an image can.
        let large = |number: i64| number.unsigned_abs() > MANTISSA_MOST as u64;
        if large(self.mantissa)
            || self.exponent.unsigned_abs() > EXPONENT_MOST as u32
            || self.factors.len() > FACTORS_MOST
            || self.factors.iter().any(|f| large(f.constant))
        {
            return Err(SynapseError::Rule(
                "has numbers beyond 2^24, powers beyond 2^32 or more than four variables",
            ));
        }
        let (mut bits, mut shift) = (bit_length(self.mantissa), self.exponent.saturating_add(32));
        for factor in &self.factors {
            // Traces and tags of the engine `on-spikes` have 16 fraction bits.
            let wide = factor.variable.is_trace() || factor.variable == Variable::Tag;
            let fraction = if spikes && wide { 16 } else { 0 };
            let value = match factor.variable {
                Variable::Tag => 17,
                Variable::Weight | Variable::Reward => 25,
                Variable::Up | Variable::Down => 1,
                _ => 7,
            };
            shift = shift.saturating_sub(fraction);
            bits += value.max(bit_length(factor.constant)) + 1 + fraction as u32;
        }
        if bits.saturating_add(shift.max(0) as u32) > BITS_MOST || shift < -127 {
            return Err(SynapseError::Rule("has a product too large to compute exactly"));
        }
        Ok(())
    }
}

fn bit_length(x: i64) -> u32 {
    64 - x.unsigned_abs().leading_zeros()
}

impl Expression {
    /// Reads a rule; `dw =` (or `dt =`) before it is optional.
    ///
    /// # Errors
    /// The first place that is no rule.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let mut reader = Reader { text: text.as_bytes(), at: 0 };
        for name in ["dw", "dt"] {
            let start = reader.at;
            if reader.word() == name && reader.take(b'=') {
                break;
            }
            reader.at = start;
        }
        let mut products = Vec::new();
        let mut negative = reader.sign().unwrap_or(false);
        loop {
            products.push(reader.product(negative)?);
            if products.len() > MOST {
                return Err(reader.wanted("at most 32 products"));
            }
            match reader.sign() {
                Some(sign) => negative = sign,
                None if reader.peek().is_none() => return Ok(Expression { products }),
                None => return Err(reader.wanted("wanted `+`, `-`, `*` or the end")),
            }
        }
    }

    /// Checks that an engine can follow every product and that their sum is exact.
    ///
    /// # Errors
    /// What it cannot.
    pub(super) fn check(&self, engine: Engine) -> Result<(), SynapseError> {
        if self.products.len() > MOST {
            return Err(SynapseError::Rule("has more than 32 products"));
        }
        self.products.iter().try_for_each(|product| product.check(engine))
    }

    /// Whether any product reads the variable.
    pub fn reads(&self, variable: Variable) -> bool {
        self.products.iter().flat_map(|p| &p.factors).any(|f| f.variable == variable)
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn sign(&mut self) -> Option<bool> {
        if self.take(b'-') { Some(true) } else { self.take(b'+').then_some(false) }
    }

    fn word(&mut self) -> &str {
        self.peek();
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_alphanumeric) {
            self.at += 1;
        }
        std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default()
    }

    fn wanted(&mut self, wanted: &'static str) -> ExpressionError {
        let rest = String::from_utf8_lossy(&self.text[self.at.min(self.text.len())..]).into_owned();
        let found = rest.chars().take(12).collect::<String>();
        let found = if found.is_empty() { "the end".to_owned() } else { format!("`{found}`") };
        ExpressionError { at: self.at + 1, wanted, found }
    }

    fn number(&mut self) -> Result<i64, ExpressionError> {
        let start = self.at;
        let parsed = self.word().parse::<i64>().ok().filter(|n| (0..=MANTISSA_MOST).contains(n));
        parsed.ok_or_else(|| {
            self.at = start;
            self.wanted("wanted a whole number up to 2^24")
        })
    }

    fn variable(&mut self) -> Result<Variable, ExpressionError> {
        let start = self.at;
        let word = self.word();
        let found = NAMES.iter().find(|(name, _)| *name == word).map(|(_, variable)| *variable);
        found.ok_or_else(|| {
            self.at = start;
            self.wanted("wanted x1, x2, y1, y2, y3, w, t, r, up or down")
        })
    }

    fn product(&mut self, negative: bool) -> Result<Product, ExpressionError> {
        let mut product = Product {
            mantissa: if negative { -1 } else { 1 },
            exponent: 0,
            on_pre: false,
            on_post: false,
            every: None,
            factors: Vec::new(),
        };
        loop {
            self.factor(&mut product)?;
            if product.mantissa.abs() > MANTISSA_MOST || product.exponent.abs() > EXPONENT_MOST {
                return Err(self.wanted("wanted a product of numbers up to 2^24 and powers up to 2^32"));
            }
            if product.factors.len() > FACTORS_MOST {
                return Err(self.wanted("wanted at most four variables in a product"));
            }
            if !self.take(b'*') {
                return Ok(product);
            }
        }
    }

    fn factor(&mut self, product: &mut Product) -> Result<(), ExpressionError> {
        if self.take(b'(') {
            let digit = self.peek().is_some_and(|b| b.is_ascii_digit());
            let factor = if digit {
                let constant = self.number()?;
                if !self.take(b'-') {
                    return Err(self.wanted("wanted `-`"));
                }
                Factor { variable: self.variable()?, negative: true, constant }
            } else {
                let variable = self.variable()?;
                let Some(minus) = self.sign() else { return Err(self.wanted("wanted `+` or `-`")) };
                let constant = self.number()?;
                Factor { variable, negative: false, constant: if minus { -constant } else { constant } }
            };
            if !self.take(b')') {
                return Err(self.wanted("wanted `)`"));
            }
            product.factors.push(factor);
            return Ok(());
        }
        if self.peek().is_some_and(|b| b.is_ascii_digit()) {
            let number = self.number()?;
            if number == 2 && self.take(b'^') {
                let negative = self.sign().unwrap_or(false);
                let power = self.number()?.min(64) as i32;
                product.exponent += if negative { -power } else { power };
            } else {
                product.mantissa = product.mantissa.saturating_mul(number);
            }
            return Ok(());
        }
        let start = self.at;
        let word = self.word().to_owned();
        match word.as_bytes() {
            b"x0" => product.on_pre = true,
            b"y0" => product.on_post = true,
            [b'u', k @ b'0'..=b'9'] => {
                let k = k - b'0';
                product.every = Some(product.every.map_or(k, |other| other.max(k)));
            }
            _ => {
                self.at = start;
                let Some((_, variable)) = NAMES.iter().find(|(name, _)| *name == word) else {
                    return Err(
                        self.wanted("wanted a number, x0..x2, y0..y3, u0..u9, w, t, r, up, down or `(`")
                    );
                };
                self.word();
                product.factors.push(Factor { variable: *variable, negative: false, constant: 0 });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rules_read_as_written() {
        let rule = Expression::parse("dw = -2^-2*x0*y1 + 3 * 2^1*y0*(x1 - 4)*(255-w) - u2*w").unwrap();
        let [a, b, c] = &rule.products[..] else { panic!("three products") };
        assert_eq!((a.mantissa, a.exponent, a.on_pre, a.on_post), (-1, -2, true, false));
        assert_eq!((b.mantissa, b.exponent, b.on_post, b.factors.len()), (3, 1, true, 2));
        assert_eq!(b.factors[1], Factor { variable: Variable::Weight, negative: true, constant: 255 });
        assert_eq!(b.factors[0].constant, -4);
        assert_eq!((c.mantissa, c.every), (-1, Some(2)));
        assert!(rule.reads(Variable::Weight) && !rule.reads(Variable::Tag));
    }

    #[test]
    fn what_is_no_rule_says_where() {
        for (text, at) in
            [("", 1), ("x3", 1), ("2^-2*x0*", 9), ("x1 y0", 4), ("(x1+w)", 5), ("2^99", 5), ("1*-x1", 3)]
        {
            assert_eq!(
                Expression::parse(text).unwrap_err().at,
                at,
                "{text}: {}",
                Expression::parse(text).unwrap_err()
            );
        }
    }

    /// An image may hold what no text says; the engines rely on these limits.
    #[test]
    fn numbers_beyond_those_of_a_text_are_refused() {
        let good = Expression::parse("3*2^-2*x1*(w-5)").unwrap();
        let changes: [fn(&mut Product); 5] = [
            |p| p.mantissa = i64::MIN,
            |p| p.exponent = -33,
            |p| p.factors[1].constant = i64::MAX,
            |p| p.factors[1].constant = i64::MIN,
            |p| p.factors = vec![p.factors[0]; 5],
        ];
        for (_, engine) in Engine::ALL {
            assert!(good.check(engine).is_ok());
            for change in changes {
                let mut bad = good.clone();
                change(&mut bad.products[0]);
                assert!(bad.check(engine).is_err(), "{bad:?}");
            }
            let many = Expression { products: vec![good.products[0].clone(); MOST + 1] };
            assert!(many.check(engine).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-+*()^ 0-9xywutrdonp=]{0,40}") {
            let _ = Expression::parse(&text);
        }
    }
}
