//! `spikemesh models`: every neuron model with its registers, and a page for each with a plot of its response.

use super::output::refuse_existing;
use super::print;
use crate::error::{Error, ErrorKind, nearest};
use crate::report::{Line, line_plot};
use serde_json::json;
use spikemesh_cores::{Discipline, Example, ModelKind, Per};
use std::fmt::Write;
use std::path::PathBuf;

/// Arguments of `models`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// One model, in full
    name: Option<String>,
    /// Print as one JSON object
    #[arg(long)]
    json: bool,
    /// Write the response of the model's example as SVG
    #[arg(long, value_name = "FILE", requires = "name")]
    plot: Option<PathBuf>,
    /// Write over a --plot file or into a --pages folder that is there already
    #[arg(long)]
    force: bool,
    /// Write a page and a plot for every model into a folder, and an index
    #[arg(long, value_name = "DIR", conflicts_with_all = ["name", "json"])]
    pages: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let named = [
        ("the file for the plot", arguments.plot.as_deref()),
        ("the folder for the pages", arguments.pages.as_deref()),
    ];
    refuse_existing(&named, arguments.force)?;
    if let Some(folder) = &arguments.pages {
        std::fs::create_dir_all(folder).map_err(|e| Error::file(folder, "make", &e))?;
        for (name, text) in pages() {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|e| Error::file(&path, "write", &e))?;
        }
        return print(&format!("{} pages in {}\n", ModelKind::ALL.len(), folder.display())).map(|()| 0);
    }
    let Some(name) = &arguments.name else {
        let text = if arguments.json {
            let all: Vec<_> = ModelKind::ALL.iter().map(|kind| object(*kind)).collect();
            serde_json::to_string_pretty(&json!({ "schema": 1, "models": all }))
                .expect("invariant: a list of models is valid JSON")
                + "\n"
        } else {
            list()
        };
        return print(&text).map(|()| 0);
    };
    let Some(kind) = ModelKind::by_name(name) else {
        let names = ModelKind::ALL.iter().map(|kind| kind.info().name);
        let hint = match nearest(name, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("models are {}", names.collect::<Vec<_>>().join(", ")),
        };
        return Err(Error::one(ErrorKind::Invalid, name.clone(), format!("there is no model `{name}`"), hint));
    };
    if let Some(path) = &arguments.plot {
        std::fs::write(path, plot(kind)).map_err(|e| Error::file(path, "write", &e))?;
    }
    if arguments.json {
        let text = serde_json::to_string_pretty(&object(kind)).expect("invariant: a model is valid JSON");
        return print(&(text + "\n")).map(|()| 0);
    }
    print(&describe(kind)).map(|()| 0)
}

/// All models with their registers, one line each.
fn list() -> String {
    let mut out = String::new();
    for kind in ModelKind::ALL {
        let info = kind.info();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{:<21} {}", info.name, info.title);
        let registers = info.registers.iter().map(|register| match register.default {
            Some(default) => format!("{}={default}", register.name),
            None => register.name.to_owned(),
        });
        let mut line = String::from("   ");
        for register in registers {
            if line.len() + register.len() > 110 {
                out += &line;
                out += "\n";
                line = String::from("   ");
            }
            line += " ";
            line += &register;
        }
        out += &line;
        out += "\n";
    }
    out +=
        "`spikemesh models NAME` shows equation, ranges and source; registers without a value must be given\n";
    out
}

fn discipline(discipline: Discipline) -> &'static str {
    match discipline {
        Discipline::PerTick => "per tick: inputs of a tick are summed, then all neurons step",
        Discipline::AxonBits => "per tick: an axon is one bit a tick, a second event for it merges",
        Discipline::PerEvent => {
            "per event: every event acts, and may fire, at once; a tick is the time reference"
        }
    }
}

/// A model in full, as text.
fn describe(kind: ModelKind) -> String {
    let info = kind.info();
    let mut out = format!("{}: {}\n\n{}\n", info.name, info.title, kind.documentation());
    let _ = writeln!(out, "events     {}", discipline(info.discipline));
    let _ = writeln!(out, "channels   {}", info.channels.join(", "));
    let _ = writeln!(out, "variables  {}\nregisters", info.variables.join(", "));
    for register in info.registers {
        let default = register.default.map_or("required".to_owned(), |d| format!("default {d}"));
        let per = if register.per == Per::Core { ", one a core" } else { "" };
        let _ = writeln!(
            out,
            "  {:<20} {} to {}, {default}{per}: {}",
            register.name, register.least, register.most, register.about
        );
    }
    out
}

fn object(kind: ModelKind) -> serde_json::Value {
    let info = kind.info();
    let registers = info.registers.iter().map(|r| {
        json!({
            "name": r.name, "least": r.least, "most": r.most, "default": r.default,
            "per": if r.per == Per::Core { "core" } else { "neuron" }, "about": r.about,
        })
    });
    json!({
        "name": info.name, "title": info.title, "equation": info.equation, "source": info.source,
        "channels": info.channels, "variables": info.variables, "events": discipline(info.discipline),
        "registers": registers.collect::<Vec<_>>(),
    })
}

/// The response of the model's example.
fn plot(kind: ModelKind) -> String {
    let (info, response) = (kind.info(), kind.example());
    let lines = info.variables.iter().zip(&response.variables);
    let lines: Vec<_> = lines.map(|(name, values)| Line { name, values }).collect();
    let ticks = info.example.ticks;
    line_plot(info.name, &lines, &response.spikes, (ticks / 4, ticks - ticks / 4))
}

/// Every page and plot, by file name.
fn pages() -> Vec<(String, String)> {
    let mut index = String::from(
        "# Neuron models\n\nWritten by `spikemesh models --pages docs/models --force`; a test holds pages and plots to what the \
         program writes.\n\n| model | what it is | source |\n|---|---|---|\n",
    );
    let mut pages = Vec::new();
    for kind in ModelKind::ALL {
        let info = kind.info();
        let _ = writeln!(index, "| [`{0}`]({0}.md) | {1} | {2} |", info.name, info.title, info.source);
        let Example { registers, drive, ticks } = info.example;
        let given: Vec<_> = registers.iter().map(|(name, value)| format!("`{name}` {value}")).collect();
        let drive: Vec<_> =
            drive.iter().zip(info.channels).map(|(d, channel)| format!("{d} on `{channel}`")).collect();
        let mut page = format!("# `{}`\n\n{}.\n\n{}\n", info.name, info.title, kind.documentation());
        let _ = writeln!(page, "![response]({}.svg)\n", info.name);
        let _ = writeln!(
            page,
            "One neuron with {}, driven with {} in ticks {} to {} of {ticks}: {} spikes.\n",
            given.join(", "),
            drive.join(", "),
            ticks / 4,
            ticks - ticks / 4 - 1,
            kind.example().spikes.len()
        );
        let _ = writeln!(
            page,
            "Events: {}. Variables: {}.\n",
            discipline(info.discipline),
            info.variables.join(", ")
        );
        page += "| register | range | default | per | meaning |\n|---|---|---|---|---|\n";
        for r in info.registers {
            let default = r.default.map_or("required".to_owned(), |d| d.to_string());
            let per = if r.per == Per::Core { "core" } else { "neuron" };
            // A bar in a cell would end it.
            let about = r.about.replace('|', "\\|");
            let _ =
                writeln!(page, "| `{}` | {} to {} | {default} | {per} | {about} |", r.name, r.least, r.most);
        }
        pages.push((format!("{}.md", info.name), page));
        pages.push((format!("{}.svg", info.name), plot(*kind)));
    }
    pages.push(("README.md".to_owned(), index));
    pages
}
