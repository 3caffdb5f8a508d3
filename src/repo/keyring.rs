//! The farm's own package: its keys, its sources and its pin, so that hosts follow key changes by plain `apt upgrade`.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::num::NonZeroU32;

use bytes::Bytes;

use super::admit::stanza;
use super::catalog::Banned;
use super::draft::Draft;
use super::entry::Published;
use super::event::Action;
use super::storage::{Content, Expected, Write};
use super::withdraw::pins;
use super::{RepoError, Repository, layout};
use crate::deb::Spool;
use crate::deb::package::{
    Compression, Copyright, PackageSpec, assemble, conffiles, content_digest, copyright,
};
use crate::deb::payload::Payload;
use crate::deb::read::{ReadLimits, read_summary};
use crate::deb::scripts::ScriptSet;
use crate::evidence::{KeyringFacts, PAYLOAD_TYPE, envelope, keyring_statement};
use crate::model::{
    Architecture, Channel, DebianVersion, Sha256, Signer, Suite, Target, Timestamp,
};

impl Repository {
    /// Adds the keyring package to `suite` unless its present content is there. Its version counts its changes, over all
    /// releases, so that a host which moves to the next release never holds a higher one: `1+deb12`, `2+deb13`.
    pub(super) fn renew_keyring(
        &self,
        draft: &mut Draft<'_>,
        suite: &Suite,
        signer: &dyn Signer,
    ) -> Result<(), RepoError> {
        if suite.channel.is_preview() {
            // Its hosts have the channels that the keyring package names, too.
            return Ok(());
        }
        let (target, now) = (suite.target, draft.now);
        let name = self.settings().farm.keyring_package();
        let history = draft.history(&name)?;
        let highest = history
            .iter()
            .map(|own| serial(&own.published.version))
            .max();
        let ending = format!("+deb{}", target.release());
        let newest = history
            .into_iter()
            .map(|own| own.published)
            .rfind(|own| own.version.as_str().ends_with(&ending));

        let (mut payload, mut spool) = (Payload::default(), Spool::new(Cursor::new(Vec::new())));
        for (path, bytes) in self.keyring_files(target, &draft.catalog.withdrawn) {
            payload.insert_file(&path, 0o644, &bytes, &mut spool)?;
        }
        let next = version(highest.unwrap_or(0) + 1, target)?;
        let spec = self.keyring_spec(&name, next, &payload, now);
        let content = content_digest(&spec, &payload)?;
        let published = match newest.filter(|newest| newest.content == content) {
            Some(newest) => newest,
            None => {
                let mut deb = Cursor::new(Vec::new());
                let compression = Compression::for_payload(payload.bytes(), NonZeroU32::MIN);
                assemble(&spec, payload, &mut spool, compression, &mut deb)?;
                let deb = Bytes::from(deb.into_inner());
                let mut published = published(&spec, content, &deb, now)?;
                let (digest, evidence) = self.attest_keyring(&published, signer)?;
                published.statement = Some(digest);
                draft.wave.push(evidence);
                let (key, expected) = (published.filename.clone(), published.expected());
                draft
                    .wave
                    .push(Write::immutable(key, Content::Bytes(deb), expected));
                published
            }
        };
        draft.publish(Action::Keyring, suite, published, None)
    }

    /// Has a statement signed about a keyring package, without which the signer lets none in; gives its digest, and the
    /// statement on its way to its place.
    pub(super) fn attest_keyring(
        &self,
        own: &Published,
        signer: &dyn Signer,
    ) -> Result<(Sha256, Write), RepoError> {
        let settings = self.settings();
        let statement = keyring_statement(&KeyringFacts {
            farm: settings.farm.clone(),
            version: own.version.clone(),
            deb: own.artifact(),
            archive: Sha256::of(&settings.archive_keyring),
            statement: Sha256::of(settings.statement_pem.as_bytes()),
        });
        let signatures = signer.sign_statement(PAYLOAD_TYPE, &statement)?;
        let evidence = envelope(&statement, &signatures);
        let expected = Expected::of(&evidence);
        let key = layout::attestation(own.sha256);
        let write = Write::immutable(key, Content::Bytes(evidence.into()), expected);
        Ok((expected.sha256, write))
    }

    fn keyring_files(&self, target: Target, withdrawn: &[Banned]) -> Vec<(String, Vec<u8>)> {
        let (farm, settings) = (&self.settings().farm, self.settings());
        let followed = settings.channels.last().cloned();
        let suite = Suite {
            target,
            channel: followed.unwrap_or_else(Channel::stable),
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
        let mut files = vec![
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
        ];
        // Of what is said of one package, the first counts: this name comes before the other one's.
        let path = format!("etc/apt/preferences.d/plugfarm-{farm}-withdrawn.pref");
        files.extend(pins(withdrawn, target).map(|text| (path, text.into_bytes())));
        files
    }

    fn keyring_spec(
        &self,
        name: &str,
        version: DebianVersion,
        payload: &Payload,
        time: Timestamp,
    ) -> PackageSpec {
        let farm = &self.settings().farm;
        let maintainer = &self.settings().maintainer;
        PackageSpec {
            package: name.to_owned(),
            version,
            architecture: Architecture::All,
            maintainer: maintainer.clone(),
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
            conffiles: conffiles(payload, &BTreeSet::new()),
            changes: vec!["Keys and sources of the farm.".to_owned()],
            copyright: copyright(&Copyright {
                name: name.to_owned(),
                author: Some(maintainer.clone()),
                ..Copyright::default()
            }),
            time,
        }
    }
}

fn published(
    spec: &PackageSpec,
    content: Sha256,
    deb: &[u8],
    now: Timestamp,
) -> Result<Published, RepoError> {
    let expected = Expected::of(deb);
    let (package, version) = (&spec.package, &spec.version);
    let filename = layout::pool(package, version, spec.architecture, expected.sha256);
    let control = read_summary(deb, &ReadLimits::default())?.control;
    Ok(Published {
        package: package.clone(),
        version: version.clone(),
        architecture: spec.architecture,
        plugin_version: None,
        preview: false,
        imported: false,
        commit: None,
        source: None,
        content,
        statement: None,
        sha256: expected.sha256,
        size: expected.size,
        stanza: stanza(&control, &filename, expected),
        filename,
        published: now,
    })
}

fn version(serial: u32, target: Target) -> Result<DebianVersion, RepoError> {
    let text = format!("{serial}+deb{}", target.release());
    Ok(DebianVersion::new(&text)?)
}

fn serial(version: &DebianVersion) -> u32 {
    let text = version.as_str();
    text.split_once('+')
        .and_then(|(serial, _)| serial.parse().ok())
        .unwrap_or(0)
}
