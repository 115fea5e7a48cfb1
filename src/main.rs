//! The program `spikemesh`; everything is in [`spikemesh::cli`].

use spikemesh::ErrorKind;
use std::process::ExitCode;

fn main() -> ExitCode {
    // A panic is a bug of ours; its message is out already, its exit code is made ours.
    let code = std::panic::catch_unwind(|| spikemesh::cli::main(std::env::args_os()));
    code.unwrap_or(ErrorKind::Bug.exit_code()).into()
}
