//! `spikemesh new`.

use super::{load_network, print};
use crate::config::RunConfig;
use crate::error::{Error, ErrorKind};
use crate::mapper::{Partition, smallest_mesh};
use crate::sanafe::{RandomGraph, write_files};
use std::path::PathBuf;

/// Arguments of `new`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What to start from
    template: Template,
    /// Folder to make
    folder: PathBuf,
    /// Neurons of the random network [default: 10000; 1024 for sanafe-random]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    neurons: Option<u32>,
    /// Synapses of each neuron of the random network: recurrent ones that it has, or (sanafe-random) ones that it sends
    #[arg(long, visible_alias = "fanout", value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    fan_in: u32,
    /// Seed of the random network
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
    /// Cores, of 128 (sanafe-random)
    #[arg(long, value_name = "N", default_value_t = 8)]
    cores: u32,
    /// Cores that a neuron reaches; 0 for all (sanafe-random)
    #[arg(long, value_name = "N", default_value_t = 0)]
    dest_cores: u32,
    /// Spikes a step of a lone neuron (sanafe-random)
    #[arg(long, value_name = "RATE", default_value_t = 0.03)]
    rate: f64,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Template {
    /// A generated random network of any size
    Random,
    /// A random network of SANA-FE's benchmark, on Loihi and placed as SANA-FE does both
    SanafeRandom,
    /// A network of your own from a NIR file, driven by images
    Images,
    /// A network of your own from a NIR file, driven by spike trains in CSV
    Spikes,
}

const SANAFE: &str = include_str!("templates/sanafe.toml");
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
    let text = match arguments.template {
        Template::Random => random(arguments)?,
        Template::SanafeRandom => sanafe_random(arguments)?,
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

/// The template of a random network, with a mesh that it fits.
fn random(arguments: &Arguments) -> Result<String, Error> {
    let Arguments { fan_in, seed, .. } = *arguments;
    let neurons = arguments.neurons.unwrap_or(10_000);
    if fan_in > neurons {
        let what = format!("{fan_in} distinct synapses a neuron from {neurons} neurons");
        let hint = "choose a fan-in of at most the number of neurons";
        return Err(Error::one(ErrorKind::Usage, "--fan-in", what, hint));
    }
    let inputs = (neurons / 10).max(1);
    let text = RANDOM
        .replace("{neurons}", &neurons.to_string())
        .replace("{inputs}", &inputs.to_string())
        .replace("{fan_in}", &fan_in.to_string())
        .replace("{input_fan_in}", &fan_in.min(inputs).div_ceil(4).to_string())
        .replace("{seed}", &seed.to_string());
    // How many cores it takes is known only by cutting it, on a mesh that is surely large enough.
    let roomy = text.replace("[{width}, {height}]", "[512, 512]");
    let config = RunConfig::parse("template", &roomy, "".as_ref(), "random")?;
    let parts = Partition::new(&load_network(&config)?, &config.chip, &config.map)?.parts.len();
    let (width, height) = smallest_mesh(parts as u64, u64::from(config.chip.cores_per_router));
    Ok(text.replace("{width}", &width.to_string()).replace("{height}", &height.to_string()))
}

/// Writes the files of a network of SANA-FE's benchmark; returns the template with its places.
fn sanafe_random(arguments: &Arguments) -> Result<String, Error> {
    let Arguments { fan_in, seed, cores, dest_cores, rate, ref folder, .. } = *arguments;
    let neurons = arguments.neurons.unwrap_or(1024);
    let graph = RandomGraph::new(neurons, cores, fan_in, dest_cores, rate, seed.into())?;
    std::fs::create_dir_all(folder).map_err(|e| Error::file(folder, "create", &e))?;
    Ok(SANAFE.to_owned() + &write_files(&graph, folder)?)
}
