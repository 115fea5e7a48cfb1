//! The program `spikemesh`; everything is in [`spikemesh::cli`].

fn main() -> std::process::ExitCode {
    spikemesh::cli::main(std::env::args_os()).into()
}
