//! The farm and its client: parse, dispatch, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    plugfarm::cli::main()
}
