//! A bucket of an S3 server: objects are read, by requests that are signed as the service wants them.

use std::io::Read as _;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use aws_config::BehaviorVersion;
use aws_config::Region;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sigv4::http_request::PayloadChecksumKind;
use aws_sigv4::http_request::PercentEncodingMode;
use aws_sigv4::http_request::SignableBody;
use aws_sigv4::http_request::SignableRequest;
use aws_sigv4::http_request::SigningSettings;
use aws_sigv4::http_request::UriPathNormalizationMode;
use aws_sigv4::http_request::sign;
use aws_sigv4::sign::v4::SigningParams;
use ureq::Agent;

use crate::ledger::hash::half;
use crate::ledger::hash::hash;
use crate::observe::objects::store::Listed;
use crate::observe::objects::store::is_listed;
use crate::scenario::Bucket as Address;
use crate::sink::http::agent;
use crate::sink::http::escaped;
use crate::sink::http::of_machine;

/// How long a server may take to hand over an object.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);
/// So often something is asked for that is refused for the moment: after pauses that double, and as long as the
/// refusals have not taken longer.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);
const AGAIN_WITHIN: Duration = Duration::from_secs(10);
/// Credentials that end sooner are asked for anew.
const SOON: Duration = Duration::from_mins(2);
/// Where none is asked for.
const ANY_REGION: &str = "us-east-1";
/// Of what a server says of a refusal.
const SHOWN_MAX: u64 = 300;
const SAID_MAX: usize = 300;
/// Of a part of a list: a thousand names of a kilobyte, and as much again for what is said of them.
const PAGE_MAX: u64 = 4 << 20;

/// A bucket that is read.
#[derive(Debug)]
pub(in crate::observe) struct Bucket {
    address: Address,
    region: String,
    provider: Option<SharedCredentialsProvider>,
    credentials: Option<Credentials>,
    agent: Agent,
}

/// Why something was not handed over.
struct Refused {
    why: String,
    /// The same may be answered a moment later.
    is_passing: bool,
}

impl Refused {
    /// By a status, for a reason.
    fn by(status: u16, why: String) -> Self {
        // Too much at once, and what a server says of its own troubles.
        Self { why, is_passing: matches!(status, 408 | 429 | 500 | 502..=504) }
    }
}

impl From<String> for Refused {
    /// Of what would go wrong again.
    fn from(why: String) -> Self {
        Self { why, is_passing: false }
    }
}

impl Bucket {
    /// Finds region and credentials, as all tools of AWS do.
    pub(super) async fn open(address: &Address) -> Result<Self, String> {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        if let Some(region) = &address.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let config = Box::pin(loader.load()).await;
        let region = match config.region().filter(|region| !region.as_ref().is_empty()) {
            Some(region) => region.to_string(),
            None if address.is_local => ANY_REGION.to_owned(),
            None => {
                return Err(
                    "no AWS region is known: write `region`, or set `AWS_REGION`".to_owned()
                );
            }
        };
        let agent = agent(of_machine(), ANSWER_WITHIN);
        let provider = config.credentials_provider();
        let address = address.clone();
        let mut bucket = Self { address, region, provider, credentials: None, agent };
        bucket.credentials().await?;
        Ok(bucket)
    }

    pub(super) fn uri(&self, path: &str) -> String {
        let prefix = &self.address.prefix;
        let between = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
        format!("s3://{}/{prefix}{between}{path}", self.address.name)
    }

    /// Asks, and again where that may help: of a list in many parts, one that is refused would undo all the others.
    async fn again<T>(
        &mut self,
        ask: impl AsyncFn(&mut Self) -> Result<T, Refused>,
    ) -> Result<T, String> {
        let (begun, mut pause) = (Instant::now(), PAUSE);
        for _ in 1..TRIES {
            match ask(self).await {
                Err(refused) if refused.is_passing && begun.elapsed() < AGAIN_WITHIN => {}
                done => return done.map_err(|refused| refused.why),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        ask(self).await.map_err(|refused| refused.why)
    }

    /// What a server answers.
    async fn ask(
        &mut self,
        method: &str,
        url: &str,
    ) -> Result<ureq::http::Response<ureq::Body>, Refused> {
        let credentials = self.credentials().await?;
        self.agent.run(self.signed(method, url, credentials)?).map_err(|error| {
            let base = url.split('?').next().unwrap_or(url);
            Refused { why: format!("no S3 server answers at `{base}`: {error}"), is_passing: true }
        })
    }

    /// Whether an object is there.
    pub(super) async fn has(&mut self, uri: &str) -> Result<bool, String> {
        let url = self.url(self.key(uri)?);
        let has = async |bucket: &mut Self| {
            let answer = bucket.ask("HEAD", &url).await?;
            match answer.status().as_u16() {
                200 => Ok(true),
                404 => Ok(false),
                status => {
                    let why =
                        format!("the S3 server did not say whether `{uri}` is there: {status}");
                    Err(Refused::by(status, why))
                }
            }
        };
        self.again(has).await
    }

    /// An object, and one byte more than `most` of it at most; `None`: there is none.
    pub(super) async fn get(&mut self, uri: &str, most: u64) -> Result<Option<Vec<u8>>, String> {
        let url = self.url(self.key(uri)?);
        self.again(async |bucket: &mut Self| bucket.object((uri, &url), most).await).await
    }

    async fn object(
        &mut self,
        (uri, url): (&str, &str),
        most: u64,
    ) -> Result<Option<Vec<u8>>, Refused> {
        let mut answer = self.ask("GET", url).await?;
        let status = answer.status().as_u16();
        let mut bytes = Vec::new();
        let limit = if status == 200 { most + 1 } else { SHOWN_MAX };
        let read = answer.body_mut().as_reader().take(limit).read_to_end(&mut bytes);
        read.map_err(|error| Refused {
            why: format!("`{url}` cannot be read to its end: {error}"),
            is_passing: true,
        })?;
        let said = String::from_utf8_lossy(&bytes);
        let why = match status {
            200 => return Ok(Some(bytes)),
            404 if said.contains("NoSuchBucket") => {
                format!("there is no bucket `{}` at `{url}`", self.address.name)
            }
            404 => return Ok(None),
            403 => format!(
                "the S3 server refused `{uri}` (403): it needs `s3:GetObject` for these credentials, and \
                 `s3:ListBucket` to say that an object is not there"
            ),
            _ => format!("the S3 server did not hand over `{uri}`: {status}: {said}"),
        };
        Err(Refused::by(status, why))
    }

    /// The addresses of all objects whose names begin as is said. A list may have hundreds of parts.
    pub(super) async fn list(
        &mut self,
        found: &mut Listed,
        is_to_stop: impl Fn() -> bool,
    ) -> Result<(), String> {
        let mut more = None;
        loop {
            if is_to_stop() {
                return Err("nobody waits for the list any more".to_owned());
            }
            let page = self.again(async |bucket: &mut Self| bucket.page(more.as_deref()).await);
            let page = page.await?;
            let all = contents(&page)
                .map(|(key, version)| (format!("s3://{}/{key}", self.address.name), version));
            // A name that ends so stands for a folder.
            found.extend(all.filter(|(name, _)| !name.ends_with('/')));
            is_listed(found)?;
            if parts(&page, "IsTruncated").next().as_deref() != Some("true") {
                return Ok(());
            }
            more = parts(&page, "NextContinuationToken").next();
            if more.is_none() {
                return Err(
                    "the S3 server says that there is more, and not how to ask for it".to_owned()
                );
            }
        }
    }

    /// A part of the list, behind the one that ended with `more`.
    async fn page(&mut self, more: Option<&str>) -> Result<String, Refused> {
        // Sorted, as a signature wants it.
        let more = more.map(|more| format!("continuation-token={}&", escaped(more, b"")));
        let (more, prefix) = (more.unwrap_or_default(), escaped(&self.address.prefix, b""));
        let base = self.url("");
        let url = format!("{base}?{more}list-type=2&prefix={prefix}");
        let mut answer = self.ask("GET", &url).await?;
        let mut text = String::new();
        let read = answer.body_mut().as_reader().take(PAGE_MAX).read_to_string(&mut text);
        read.map_err(|error| Refused {
            why: format!("the list of `{base}` cannot be read to its end: {error}"),
            is_passing: true,
        })?;
        let status = answer.status().as_u16();
        let why = match status {
            200 => return Ok(text),
            404 => format!("there is no bucket `{}` at `{base}`", self.address.name),
            403 => format!(
                "the S3 server refused to list `s3://{}` (403): it needs `s3:ListBucket` for these credentials",
                self.address.name
            ),
            status => {
                let said: String = text.chars().take(SAID_MAX).collect();
                format!("the S3 server did not list `{base}`: {status}: {said}")
            }
        };
        Err(Refused::by(status, why))
    }

    fn key<'a>(&self, uri: &'a str) -> Result<&'a str, String> {
        let Address { name: bucket, prefix, .. } = &self.address;
        let path = ["s3://", "s3a://", "s3n://"].iter().find_map(|way| uri.strip_prefix(way));
        let key = path.and_then(|path| path.strip_prefix(bucket.as_str())?.strip_prefix('/'));
        let key = key.filter(|key| key.starts_with(prefix.as_str()));
        key.ok_or_else(|| format!("`{uri}` is not in the lake at `s3://{bucket}/{prefix}`"))
    }

    fn url(&self, key: &str) -> String {
        let Address { name: bucket, endpoint, .. } = &self.address;
        let mut url = match endpoint {
            Some(endpoint) => format!("{}/{bucket}/", endpoint.trim_end_matches('/')),
            // A name with dots fits no certificate.
            None if bucket.contains('.') => {
                format!("https://s3.{}.amazonaws.com/{bucket}/", self.region)
            }
            None => format!("https://{bucket}.s3.{}.amazonaws.com/", self.region),
        };
        url.push_str(&escaped(key, b"/"));
        url
    }

    fn signed(
        &self,
        method: &str,
        url: &str,
        credentials: Credentials,
    ) -> Result<ureq::http::Request<()>, String> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let identity = credentials.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(|error| error.to_string())?;
        let body = SignableBody::Bytes(&[]);
        let signable = SignableRequest::new(method, url, std::iter::empty(), body);
        let signable = signable.map_err(|error| format!("`{url}` cannot be signed: {error}"))?;
        let signed = sign(signable, &params.into())
            .map_err(|error| format!("`{url}` cannot be signed: {error}"))?;
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in signed.output().headers() {
            request = request.header(name, value);
        }
        request.body(()).map_err(|error| format!("`{url}` is no address: {error}"))
    }

    async fn credentials(&mut self) -> Result<Credentials, String> {
        let is_good =
            |it: &Credentials| it.expiry().is_none_or(|expiry| expiry > SystemTime::now() + SOON);
        if let Some(known) = self.credentials.as_ref().filter(|it| is_good(it)) {
            return Ok(known.clone());
        }
        let found = match &self.provider {
            Some(provider) => Box::pin(provider.provide_credentials()).await.map_err(|error| {
                // Its own words are about the chain of providers; what broke one of them is behind that.
                std::error::Error::source(&error)
                    .map_or_else(|| error.to_string(), ToString::to_string)
            }),
            None => Err("nobody was asked".to_owned()),
        };
        let any = || Credentials::new("loadgen", "loadgen", None, None, "loadgen");
        let found = found.or_else(|why| if self.address.is_local { Ok(any()) } else { Err(why) });
        let found = found.map_err(|why| {
            format!(
                "no AWS credentials are found ({why}): set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, \
                 or `AWS_PROFILE`, or run where a role is given"
            )
        })?;
        self.credentials = Some(found.clone());
        Ok(found)
    }
}

/// The name of each object in a list of S3, and a number that is another one once what it holds is.
fn contents(page: &str) -> impl Iterator<Item = (String, u64)> + '_ {
    page.split("<Contents>").skip(1).filter_map(|of| {
        let of = of.split("</Contents>").next()?;
        let said = ["ETag", "Size", "LastModified"].map(|name| parts(of, name).next());
        let version = half(hash(0, said.map(Option::unwrap_or_default).join("\n").as_bytes()));
        Some((parts(of, "Key").next()?, version))
    })
}

/// What stands in each element of this name, in a list of S3.
fn parts<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let begins = page.split('<').filter_map(move |it| it.strip_prefix(name)?.strip_prefix('>'));
    begins.map(plain)
}

/// Text without the signs of XML.
fn plain(text: &str) -> String {
    let signs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    signs.iter().fold(text.to_owned(), |text, (sign, letter)| text.replace(sign, letter))
}

#[cfg(test)]
mod tests {
    use super::contents;
    use super::parts;

    #[test]
    fn a_list_is_taken_apart() {
        let page = "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated>\
                    <Contents><Key>a/1 &amp;amp; 2</Key><Size>7</Size></Contents><Contents><Key>a/b</Key><ETag>&quot;1&quot;</ETag></Contents>\
                    <NextContinuationToken>x+/=</NextContinuationToken></ListBucketResult>";
        assert_eq!(parts(page, "Key").collect::<Vec<_>>(), ["a/1 &amp; 2", "a/b"]);
        let other = page.replace("&quot;1&quot;", "&quot;2&quot;");
        let (known, changed): (Vec<_>, Vec<_>) =
            (contents(page).collect(), contents(&other).collect());
        assert_eq!((known.len(), &known[0]), (2, &changed[0]));
        assert_eq!(known[1].0, changed[1].0);
        assert_ne!(known[1].1, changed[1].1);
        assert_eq!(parts(page, "IsTruncated").collect::<Vec<_>>(), ["true"]);
        assert_eq!(parts(page, "NextContinuationToken").collect::<Vec<_>>(), ["x+/="]);
        assert_eq!(parts(page, "Prefix").count(), 0);
    }
}
