//! `spikemesh new`.

use super::print;
use crate::error::{Error, ErrorKind};
use std::path::PathBuf;

/// Arguments of `new`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What to start from
    template: Template,
    /// Folder to make
    folder: PathBuf,
    /// Neurons of the random network
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    neurons: u32,
    /// Recurrent synapses of each neuron of the random network
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    fan_in: u32,
    /// Seed of the random network
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Template {
    /// A generated random network of any size
    Random,
    /// A network of your own from a NIR file, driven by images
    Images,
    /// A network of your own from a NIR file, driven by spike trains in CSV
    Spikes,
}

const RANDOM: &str = include_str!("templates/random.toml");
const IMAGES: &str = include_str!("templates/images.toml");
const SPIKES: &str = include_str!("templates/spikes.toml");

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let folder = &arguments.folder;
    let path = folder.join("run.toml");
    if path.exists() {
        return Err(Error::one(
            ErrorKind::Usage,
            path.display().to_string(),
            "there is a configuration already",
            "name another folder",
        ));
    }
    let inputs = (arguments.neurons / 10).max(1);
    if matches!(arguments.template, Template::Random) && arguments.fan_in > arguments.neurons {
        let what =
            format!("{} distinct synapses a neuron from {} neurons", arguments.fan_in, arguments.neurons);
        return Err(Error::one(
            ErrorKind::Usage,
            "--fan-in",
            what,
            "choose a fan-in of at most the number of neurons",
        ));
    }
    let text = match arguments.template {
        Template::Random => RANDOM
            .replace("{neurons}", &arguments.neurons.to_string())
            .replace("{inputs}", &inputs.to_string())
            .replace("{fan_in}", &arguments.fan_in.to_string())
            .replace("{input_fan_in}", &arguments.fan_in.min(inputs).div_ceil(4).to_string())
            .replace("{side}", &side(arguments.neurons).to_string())
            .replace("{seed}", &arguments.seed.to_string()),
        Template::Images => IMAGES.to_owned(),
        Template::Spikes => SPIKES.to_owned(),
    };
    std::fs::create_dir_all(folder).map_err(|e| Error::file(folder, "create", &e))?;
    std::fs::write(&path, text).map_err(|e| Error::file(&path, "write", &e))?;
    if let Template::Spikes = arguments.template {
        let path = folder.join("spikes.csv");
        std::fs::write(&path, "tick,input\n0,0\n3,0\n5,1\n").map_err(|e| Error::file(&path, "write", &e))?;
    }
    print(&format!("{}\nnext: spikemesh run {}\n", path.display(), path.display())).map(|()| 0)
}

/// Side of a square mesh with one 256-neuron core a router that has some room for the network.
fn side(neurons: u32) -> u64 {
    let cores = u64::from(neurons).div_ceil(128);
    let side = cores.isqrt();
    if side * side < cores { side + 1 } else { side }.max(2)
}
