//! The guide to one's own routing shows the example's code and what it prints.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use spikemesh_router::deadlock::{Switching, prove};
use spikemesh_router::{LinkClass, LocalClass, MeshSpec, Topology, broken};

const GUIDE: &str = include_str!("../../docs/guide/your-own-routing.md");
const EXAMPLE: &str = include_str!("../examples/your_own_routing.rs");

/// The lines between the two marks of a section of the example, without their common indent.
fn section(name: &str) -> String {
    let mark = format!("// [{name}]");
    let mut lines = EXAMPLE.lines().skip_while(|line| line.trim() != mark).skip(1).peekable();
    let indent = lines.peek().unwrap().len() - lines.peek().unwrap().trim_start().len();
    let lines = lines.take_while(|line| line.trim() != mark);
    lines.map(|line| line.get(indent..).unwrap_or("").to_owned() + "\n").collect()
}

/// The contents of the code blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    GUIDE.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_guide_shows_the_code_of_the_example() {
    assert_eq!(blocks("rust"), ["strategy", "proof", "route"].map(section));
}

#[test]
fn the_guide_shows_what_the_prover_says() {
    let link = |name: &str| LinkClass { name: name.into(), latency_ps: 0, flit_ps: 0 };
    let local = LocalClass { name: "core".into(), inject_ps: 0, eject_ps: 0, flit_ps: 0, loopback_ps: 0 };
    let spec = MeshSpec {
        width: 2,
        height: 2,
        endpoints_per_router: 1,
        east_west: link("east_west"),
        north_south: link("north_south"),
        local,
    };
    let topology = Topology::mesh(&spec).unwrap();
    let proof = prove(&topology, &broken::UnrestrictedAdaptive, Switching::wormhole()).unwrap();
    assert!(blocks("text")[0].contains(&proof.to_string()), "{proof}");
}
