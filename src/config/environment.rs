//! The names of every environment variable that the farm reads. Nothing else may be read from the environment.

/// The folder of the farm's state.
pub const DATA_DIR: &str = "PLUGFARM_DATA_DIR";
/// The configuration file.
pub const CONFIG: &str = "PLUGFARM_CONFIG";
/// The file of the passphrase of the secret keys; in a systemd unit, `%d/` and the name of a credential.
pub const PASSPHRASE_FILE: &str = "PLUGFARM_PASSPHRASE_FILE";
/// The address of the farm that is asked.
pub const FARM: &str = "PLUGFARM_FARM";
/// The token by which that farm knows who asks.
pub const TOKEN: &str = "PLUGFARM_TOKEN";
/// The file of that token.
pub const TOKEN_FILE: &str = "PLUGFARM_TOKEN_FILE";
/// What is logged, in the syntax of tracing's `EnvFilter`.
pub const LOG: &str = "PLUGFARM_LOG";
/// The uuid of a Wazo: what the events of its services say they come from. Wazo's own variable.
pub const XIVO_UUID: &str = "XIVO_UUID";
/// The version of a Wazo, where no service of it is asked for it. wazo-plugind's own variable.
pub const WAZO_VERSION: &str = "WAZO_VERSION";
/// Who called `sudo`, and so does what the command does.
pub const SUDO_USER: &str = "SUDO_USER";
/// Who is logged in.
pub const USER: &str = "USER";
/// The proxy to farms that speak TLS; other programs' variable, as the next ones.
pub const HTTPS_PROXY: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];
/// The proxy to farms that do not. In capitals it could be a header of a request's, where the farm is a web server's child.
pub const HTTP_PROXY: [&str; 1] = ["http_proxy"];
/// The hosts that no proxy is asked for.
pub const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];
/// The Docker engine's address; Docker's own variable.
pub const DOCKER_HOST: &str = "DOCKER_HOST";
/// Any value but the empty one switches colour off; see no-color.org.
pub const NO_COLOR: &str = "NO_COLOR";
/// What the making of an image gets of the farm's environment: where programs are, where there is room, and how the network
/// is reached. Anything else could change what comes out: with `PYTHONDONTWRITEBYTECODE`, other bytecode lies in the image.
pub const BOOTSTRAP: [&str; 6] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];
