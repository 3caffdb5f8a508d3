//! Arguments of `package`.

use std::path::PathBuf;

use clap::Args;

use crate::model::DebianVersion;

/// Arguments of `package`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PackageArgs {
    /// The folder that holds the compiled programs, plugfarm and plugfarm-host
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) programs: PathBuf,
    /// The folder to write the packages to
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) to: PathBuf,
    /// A package that the programs' libraries are in, such as `libc6 (>= 2.36)`; give it once for each
    #[arg(long = "library", value_name = "RELATION")]
    pub(in crate::cli) libraries: Vec<String>,
    /// The packages' version; without it, the program's own
    #[arg(long, value_name = "VERSION")]
    pub(in crate::cli) package_version: Option<DebianVersion>,
    /// The time of every file, in seconds since 1970
    #[arg(
        long,
        env = "SOURCE_DATE_EPOCH",
        value_name = "SECONDS",
        default_value_t = 0
    )]
    pub(in crate::cli) time: i64,
}
