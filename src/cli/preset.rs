//! `spikemesh preset`.

use super::print;
use crate::chip::ChipSpec;
use crate::energy::EnergyTable;
use crate::error::{Error, ErrorKind};

/// Commands of `preset`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List all chips and price tables
    List,
    /// Print a chip, to be copied and edited
    Show {
        /// Name of the preset
        name: String,
        /// Print its price table instead
        #[arg(long)]
        prices: bool,
    },
}

pub(super) fn run(command: &Command) -> Result<u8, Error> {
    match command {
        Command::List => {
            let mut out = String::from("chips (preset show NAME):\n");
            for (name, _) in ChipSpec::presets() {
                out += &format!("  {name:<20} {}\n", ChipSpec::preset(name)?.summary);
            }
            out += "price tables (preset show NAME --prices):\n";
            for (name, _) in EnergyTable::tables() {
                let table = EnergyTable::load(name, "".as_ref())?;
                out += &format!(
                    "  {name:<20} {} of {} causes priced\n",
                    table.priced(),
                    crate::energy::CAUSES.len()
                );
            }
            print(&out)?;
        }
        Command::Show { name, prices } => {
            let list = if *prices { EnergyTable::tables() } else { ChipSpec::presets() };
            let Some((_, text)) = list.iter().find(|(known, _)| known == name) else {
                // The readers know how to say what there is.
                let error = if *prices {
                    EnergyTable::load(name, "".as_ref()).err()
                } else {
                    ChipSpec::preset(name).err()
                };
                return Err(error.unwrap_or_else(|| {
                    Error::one(
                        ErrorKind::Invalid,
                        name.clone(),
                        "no such preset",
                        "see `spikemesh preset list`",
                    )
                }));
            };
            print(text)?;
        }
    }
    Ok(0)
}
