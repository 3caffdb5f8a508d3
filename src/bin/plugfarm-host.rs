//! The agent of a Wazo host, its root helper, and what an administrator asks of them: parse, dispatch, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    plugfarm::cli::host::main()
}
