//! The farm's own package: its keys, its sources and its pin, so that hosts follow key changes by plain `apt upgrade`.

use std::io::Cursor;
use std::num::NonZeroU32;

use super::admit::stanza;
use super::state::{Published, SuiteState};
use super::{RepoError, Repository, files, layout};
use crate::deb::Spool;
use crate::deb::package::{
    Compression, Copyright, PackageSpec, assemble, conffiles, content_digest, copyright,
};
use crate::deb::payload::Payload;
use crate::deb::read::{ReadLimits, read_summary};
use crate::deb::scripts::ScriptSet;
use crate::evidence::Artifact;
use crate::model::{Architecture, DebianVersion, Suite, Target, Timestamp};

impl Repository {
    /// Adds the keyring package to `state` when its content is new. Its version counts its changes: `1+deb12`, `2+deb12`.
    pub(super) fn renew_keyring(
        &self,
        state: &mut SuiteState,
        now: Timestamp,
    ) -> Result<bool, RepoError> {
        let target = state.suite.target;
        let name = self.settings.farm.keyring_package();
        let newest = self.history(&name, target)?.pop();
        let serial = newest.as_ref().map_or(0, |newest| serial(&newest.version));
        let (mut payload, mut spool) = (Payload::default(), Spool::new(Cursor::new(Vec::new())));
        for (path, bytes) in self.keyring_files(target) {
            payload.insert_file(&path, 0o644, &bytes, &mut spool)?;
        }
        let mut spec = self.keyring_spec(&name, target, &payload, now)?;
        let content = content_digest(&spec, &payload).map_err(|error| RepoError::Keyring {
            reason: error.to_string(),
        })?;
        if let Some(newest) = newest.filter(|newest| newest.content == content) {
            let here = state
                .packages
                .iter()
                .any(|published| published.sha256 == newest.sha256);
            if !here {
                state.packages.push(newest);
            }
            return Ok(!here);
        }
        spec.version = version(serial + 1, target)?;
        let mut bytes = Cursor::new(Vec::new());
        let compression = Compression::for_payload(payload.bytes(), NonZeroU32::MIN);
        let written = assemble(&spec, payload, &mut spool, compression, &mut bytes)?;
        let bytes = bytes.into_inner();
        let filename = layout::pool(&name, &spec.version, Architecture::All, written.sha256);
        files::create(
            &self.root.join(&filename),
            &mut bytes.as_slice(),
            written.sha256,
        )?;
        files::replace(&self.keyring_path(target), &bytes)?;
        let control = read_summary(bytes.as_slice(), &ReadLimits::default())?.control;
        let deb = Artifact {
            name: filename.clone(),
            sha256: written.sha256,
            size: written.size,
        };
        state.packages.push(Published {
            package: name,
            version: spec.version,
            architecture: Architecture::All,
            plugin_version: None,
            commit: None,
            content,
            sha256: written.sha256,
            size: written.size,
            stanza: stanza(&control, &filename, &deb),
            filename,
            published: now,
        });
        Ok(true)
    }

    fn keyring_files(&self, target: Target) -> Vec<(String, Vec<u8>)> {
        let (farm, settings) = (&self.settings.farm, &self.settings);
        let suite = Suite {
            target,
            channel: settings.channel.clone(),
        };
        let keyring = format!("usr/share/keyrings/plugfarm-{farm}.gpg");
        let sources = format!(
            "# The plugins that the farm {farm} builds and signs.\nTypes: deb\nURIs: {}\nSuites: {suite}\n\
             Components: {}\nSigned-By: /{keyring}\n",
            self.url(),
            layout::COMPONENT,
        );
        // Plugins and the farm's own packages come from the farm; nothing of Debian's is ever replaced by it.
        let origin = farm.origin();
        let pin = format!(
            "Package: *\nPin: release o={origin}\nPin-Priority: -1\n\n\
             Package: wazo-plugind-* plugfarm-*\nPin: release o={origin}\nPin-Priority: 500\n"
        );
        vec![
            (keyring, settings.archive_keyring.clone()),
            (
                format!("usr/share/plugfarm/{farm}/statement.pem"),
                settings.statement_pem.clone().into(),
            ),
            (
                format!("etc/apt/sources.list.d/plugfarm-{farm}.sources"),
                sources.into(),
            ),
            (
                format!("etc/apt/preferences.d/plugfarm-{farm}.pref"),
                pin.into(),
            ),
        ]
    }

    fn keyring_spec(
        &self,
        name: &str,
        target: Target,
        payload: &Payload,
        time: Timestamp,
    ) -> Result<PackageSpec, RepoError> {
        let farm = &self.settings.farm;
        Ok(PackageSpec {
            package: name.to_owned(),
            version: version(1, target)?,
            architecture: Architecture::All,
            maintainer: self.settings.maintainer.clone(),
            depends: Vec::new(),
            section: "misc".to_owned(),
            homepage: None,
            fields: Vec::new(),
            description: crate::deb::control::description(
                &format!("keys and sources of the plugin farm {farm}"),
                "apt trusts the farm's repository by the archive key in this package, and follows the farm when it \
                 changes its keys. A pin keeps the repository to plugins.",
            ),
            scripts: ScriptSet::default(),
            conffiles: conffiles(payload, &std::collections::BTreeSet::new()),
            changes: vec!["Keys and sources of the farm.".to_owned()],
            copyright: copyright(&Copyright {
                name: name.to_owned(),
                author: Some(self.settings.maintainer.clone()),
                ..Copyright::default()
            }),
            time,
        })
    }
}

fn version(serial: u32, target: Target) -> Result<DebianVersion, RepoError> {
    DebianVersion::new(&format!("{serial}+deb{}", target.release())).map_err(|error| {
        RepoError::Keyring {
            reason: error.to_string(),
        }
    })
}

fn serial(version: &DebianVersion) -> u32 {
    let text = version.as_str();
    text.split_once('+')
        .and_then(|(serial, _)| serial.parse().ok())
        .unwrap_or(0)
}
