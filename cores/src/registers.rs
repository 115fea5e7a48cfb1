//! Registers of a neuron model: what there is, what each holds, and the values of one core.
//!
//! A model describes its registers as data ([`Register`]), so that files, images, the mapper and `spikemesh models` all
//! read, slice, check and print them the same way; only the model itself knows what they mean.

use crate::ModelKind;
use serde::{Deserialize, Serialize};

/// Whether a register exists once a neuron or once a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// One value for each neuron.
    Neuron,
    /// One value for all neurons of a core.
    Core,
}

/// What device mismatch does to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It scales as a threshold.
    Threshold,
    /// It scales as a decay.
    Decay,
    /// It is not touched.
    Other,
}

/// A register of a model.
#[derive(Clone, Copy, Debug)]
pub struct Register {
    /// Name, as files write it.
    pub name: &'static str,
    /// Meaning, with unit and format.
    pub about: &'static str,
    /// Smallest value.
    pub least: i64,
    /// Largest value.
    pub most: i64,
    /// Value where none is given; without one it must be given.
    pub default: Option<i64>,
    /// Once a neuron or once a core.
    pub per: Per,
    /// What device mismatch does to it.
    pub role: Role,
}

impl Register {
    /// A register of each neuron that must be given.
    pub const fn new(name: &'static str, least: i64, most: i64, about: &'static str) -> Self {
        Register { name, about, least, most, default: None, per: Per::Neuron, role: Role::Other }
    }

    /// The same with a value where none is given.
    pub const fn or(mut self, default: i64) -> Self {
        self.default = Some(default);
        self
    }

    /// The same as a threshold.
    pub const fn threshold(mut self) -> Self {
        self.role = Role::Threshold;
        self
    }

    /// The same as a decay.
    pub const fn decay(mut self) -> Self {
        self.role = Role::Decay;
        self
    }

    /// The same, once a core.
    pub const fn shared(mut self) -> Self {
        self.per = Per::Core;
        self
    }
}

/// Values of one register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Column {
    /// The same for all neurons.
    Uniform(i64),
    /// One for each neuron.
    Each(Vec<i64>),
}

impl Column {
    /// The value of one neuron.
    pub fn at(&self, neuron: usize) -> i64 {
        match self {
            Column::Uniform(value) => *value,
            Column::Each(values) => values[neuron],
        }
    }

    /// All different places of the values.
    fn values(&self) -> &[i64] {
        match self {
            Column::Uniform(value) => std::slice::from_ref(value),
            Column::Each(values) => values,
        }
    }
}

impl From<i64> for Column {
    fn from(value: i64) -> Self {
        Column::Uniform(value)
    }
}

impl<T: Into<i64>> From<Vec<T>> for Column {
    fn from(values: Vec<T>) -> Self {
        Column::Each(values.into_iter().map(Into::into).collect())
    }
}

/// A register that cannot be as given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The model has no register of that name.
    #[error("there is no register `{name}`; `{model}` has {known}")]
    Unknown {
        /// The model.
        model: &'static str,
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A register without a value.
    #[error("register `{name}` is missing; it holds {least} to {most}: {about}")]
    Missing {
        /// Which register.
        name: &'static str,
        /// Smallest value.
        least: i64,
        /// Largest value.
        most: i64,
        /// What it means.
        about: &'static str,
    },
    /// A register of another length.
    #[error("{name} has {len} entries for {neurons} neurons")]
    Length {
        /// Which register.
        name: &'static str,
        /// Its length.
        len: usize,
        /// The number of neurons.
        neurons: usize,
    },
    /// A value outside its register.
    #[error("{name} of neuron {neuron} is {value}; the register holds {least} to {most}")]
    Range {
        /// Which register.
        name: &'static str,
        /// Which neuron; 0 for a register of the core.
        neuron: usize,
        /// Its value.
        value: i64,
        /// Smallest value.
        least: i64,
        /// Largest value.
        most: i64,
    },
    /// A register of the core given by neuron.
    #[error("{name} is one value for all neurons of a core")]
    OnePerCore {
        /// Which register.
        name: &'static str,
    },
    /// Registers that contradict each other.
    #[error("{0}")]
    Contradiction(String),
}

/// A model with the values of all its registers for the neurons of one core. Made and read through checks, so that a
/// model needs none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    model: ModelKind,
    neurons: u32,
    /// In the order of the model's registers.
    columns: Vec<Column>,
}

impl Parameters {
    /// Registers of `neurons` neurons; those not named take their defaults.
    ///
    /// # Errors
    /// Every register that is unknown, missing, of a wrong length or out of range, and what the model itself refuses.
    pub fn new<'a>(
        model: ModelKind,
        neurons: usize,
        given: impl IntoIterator<Item = (&'a str, Column)>,
    ) -> Result<Self, Vec<ParameterError>> {
        let info = model.info();
        let mut errors = Vec::new();
        let mut columns: Vec<Option<Column>> =
            info.registers.iter().map(|r| r.default.map(Column::Uniform)).collect();
        for (name, column) in given {
            match info.registers.iter().position(|r| r.name == name) {
                Some(place) => columns[place] = Some(column),
                None => {
                    let known: Vec<&str> = info.registers.iter().map(|r| r.name).collect();
                    errors.push(ParameterError::Unknown {
                        model: info.name,
                        name: name.to_owned(),
                        known: known.join(", "),
                    });
                }
            }
        }
        for (register, _) in info.registers.iter().zip(&columns).filter(|(_, column)| column.is_none()) {
            let Register { name, least, most, about, .. } = *register;
            errors.push(ParameterError::Missing { name, least, most, about });
        }
        let columns: Vec<Column> = columns
            .into_iter()
            .zip(info.registers)
            .map(|(c, r)| c.unwrap_or(Column::Uniform(r.least)))
            .collect();
        let parameters = Parameters { model, neurons: neurons as u32, columns };
        if let Err(further) = parameters.validate() {
            errors.extend(further);
        }
        if errors.is_empty() { Ok(parameters) } else { Err(errors) }
    }

    /// Checks deserialised registers.
    ///
    /// # Errors
    /// Every violation.
    pub fn validate(&self) -> Result<(), Vec<ParameterError>> {
        let (info, neurons) = (self.model.info(), self.neurons as usize);
        let mut errors = Vec::new();
        if self.columns.len() != info.registers.len() {
            let what = format!(
                "{} registers for `{}`, which has {}",
                self.columns.len(),
                info.name,
                info.registers.len()
            );
            return Err(vec![ParameterError::Contradiction(what)]);
        }
        for (register, column) in info.registers.iter().zip(&self.columns) {
            let Register { name, least, most, per, .. } = *register;
            match column {
                Column::Each(_) if per == Per::Core => {
                    errors.push(ParameterError::OnePerCore { name });
                    continue;
                }
                Column::Each(values) if values.len() != neurons => {
                    errors.push(ParameterError::Length { name, len: values.len(), neurons });
                }
                _ => {}
            }
            let bad = column.values().iter().enumerate().filter(|(_, v)| !(least..=most).contains(*v));
            errors.extend(bad.map(|(neuron, &value)| ParameterError::Range {
                name,
                neuron,
                value,
                least,
                most,
            }));
        }
        if errors.is_empty() {
            self.model.check(self, &mut errors);
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// The model.
    pub fn model(&self) -> ModelKind {
        self.model
    }

    /// Number of neurons.
    pub fn neurons(&self) -> usize {
        self.neurons as usize
    }

    /// The values of a register.
    ///
    /// # Panics
    /// If the model has no such register: names are the model's own.
    pub fn column(&self, name: &str) -> &Column {
        let info = self.model.info();
        let place = info.registers.iter().position(|r| r.name == name);
        &self.columns[place.unwrap_or_else(|| panic!("invariant: `{}` has a register `{name}`", info.name))]
    }

    /// All registers with their values, in the model's order.
    pub fn columns(&self) -> impl Iterator<Item = (&'static Register, &Column)> {
        self.model.info().registers.iter().zip(&self.columns)
    }

    /// The value of a register that is one for the core.
    pub fn core(&self, name: &str) -> i64 {
        self.column(name).at(0)
    }

    /// A register written out for each neuron.
    pub(crate) fn each<T: TryFrom<i64>>(&self, name: &str) -> Vec<T> {
        let column = self.column(name);
        let narrow = |value| T::try_from(value).ok().expect("invariant: a register's range fits its array");
        (0..self.neurons()).map(|i| narrow(column.at(i))).collect()
    }

    /// The registers of some of the neurons, in the order given.
    pub fn select(&self, neurons: impl IntoIterator<Item = usize> + Clone) -> Self {
        let pick = |column: &Column| match column {
            Column::Uniform(value) => Column::Uniform(*value),
            Column::Each(values) => Column::Each(neurons.clone().into_iter().map(|i| values[i]).collect()),
        };
        Parameters {
            model: self.model,
            neurons: neurons.clone().into_iter().count() as u32,
            columns: self.columns.iter().map(pick).collect(),
        }
    }

    /// Every value of a neuron's register through a function of (register, neuron, value), held within its range; registers
    /// of the core stay.
    pub fn map(&self, change: impl Fn(&Register, usize, i64) -> i64) -> Self {
        let columns = self.columns().map(|(register, column)| {
            if register.per == Per::Core || register.role == Role::Other {
                return column.clone();
            }
            let new = |i| change(register, i, column.at(i)).clamp(register.least, register.most);
            let values: Vec<i64> = (0..self.neurons()).map(new).collect();
            if values.iter().enumerate().all(|(i, v)| *v == column.at(i)) {
                column.clone()
            } else {
                Column::Each(values)
            }
        });
        Parameters { model: self.model, neurons: self.neurons, columns: columns.collect() }
    }

    /// These neurons followed by others of the same model.
    ///
    /// # Errors
    /// The name of a register of the core in which the two differ, or of the other model.
    pub fn join(&self, other: &Self) -> Result<Self, &'static str> {
        if self.model != other.model {
            return Err(other.model.info().name);
        }
        let mut columns = Vec::with_capacity(self.columns.len());
        for ((register, mine), (_, theirs)) in self.columns().zip(other.columns()) {
            columns.push(match (mine, theirs) {
                (Column::Uniform(a), Column::Uniform(b)) if a == b => Column::Uniform(*a),
                _ if register.per == Per::Core => return Err(register.name),
                _ => {
                    let first = (0..self.neurons()).map(|i| mine.at(i));
                    Column::Each(first.chain((0..other.neurons()).map(|i| theirs.at(i))).collect())
                }
            });
        }
        Ok(Parameters { model: self.model, neurons: self.neurons + other.neurons, columns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lif(given: Vec<(&str, Column)>) -> Result<Parameters, Vec<ParameterError>> {
        Parameters::new(ModelKind::LavaLif, 3, given)
    }

    #[test]
    fn every_bad_register_is_named() {
        let errors = lif(vec![
            ("dv", Column::Uniform(4096)),
            ("bias_mant", vec![1i64, 2].into()),
            ("thresold", Column::Uniform(1)),
        ])
        .unwrap_err();
        let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
        for wanted in
            ["no register `thresold`", "`vth` is missing", "dv of neuron 0 is 4096", "2 entries for 3"]
        {
            assert!(text.iter().any(|t| t.contains(wanted)), "{wanted}: {text:?}");
        }
        let errors = Parameters::new(
            ModelKind::ResetLif,
            2,
            [("vth", 1.into()), ("reset_interval", vec![1i64, 2].into())],
        );
        assert_eq!(errors.unwrap_err(), [ParameterError::OnePerCore { name: "reset_interval" }]);
    }

    #[test]
    fn selected_and_joined_registers_are_the_same_neurons() {
        let all = lif(vec![("vth", vec![1i64, 2, 3].into()), ("dv", 7.into())]).unwrap();
        let (a, b) = (all.select([0, 1]), all.select([2]));
        let joined = a.join(&b).unwrap();
        assert_eq!((joined.column("vth"), joined.core("dv")), (all.column("vth"), 7));
        assert_eq!(joined, all);
    }
}
