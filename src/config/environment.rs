//! The names of every environment variable that the farm reads. Nothing else may be read from the environment.

/// The folder of the farm's state.
pub const DATA_DIR: &str = "PLUGFARM_DATA_DIR";
/// The configuration file.
pub const CONFIG: &str = "PLUGFARM_CONFIG";
/// What is logged, in the syntax of tracing's `EnvFilter`.
pub const LOG: &str = "PLUGFARM_LOG";
/// The Docker engine's address; Docker's own variable.
pub const DOCKER_HOST: &str = "DOCKER_HOST";
/// Any value but the empty one switches colour off; see no-color.org.
pub const NO_COLOR: &str = "NO_COLOR";
