//! Proving who we are, in each way that a server may ask for.

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::ChannelBinding as Binding;
use postgres_protocol::authentication::sasl::SCRAM_SHA_256;
use postgres_protocol::authentication::sasl::SCRAM_SHA_256_PLUS;
use postgres_protocol::authentication::sasl::ScramSha256;
use postgres_protocol::message::backend::AuthenticationSaslBody;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use fallible_iterator::FallibleIterator;
use secrecy::ExposeSecret;

use super::Talk;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::address::ChannelBinding;
use crate::sink::postgres::error::ConnectError;

/// Answers what the server asks until it is content.
pub(super) async fn authenticate(talk: &mut Talk, address: &Address) -> Result<(), ConnectError> {
    let must_bind = address.channel_binding() == ChannelBinding::Require;
    let asked = talk.next().await?;
    if must_bind && !matches!(asked, Message::AuthenticationSasl(_)) {
        return Err(talk.refuse(
            "`channel_binding=require`, but the server does not ask for a password by SCRAM",
        ));
    }
    match asked {
        Message::AuthenticationOk => return Ok(()),
        Message::AuthenticationCleartextPassword => {
            let password = password(talk, address)?;
            put_password(talk, password.as_bytes())?;
        }
        Message::AuthenticationMd5Password(body) => {
            let password = password(talk, address)?;
            let hash = md5_hash(address.user().as_bytes(), password.as_bytes(), body.salt());
            put_password(talk, hash.as_bytes())?;
        }
        Message::AuthenticationSasl(body) => scram(talk, address, &body).await?,
        Message::AuthenticationGss
        | Message::AuthenticationSspi
        | Message::AuthenticationKerberosV5
        | Message::AuthenticationScmCredential => {
            return Err(talk.refuse(
                "the server asks for Kerberos or the like, which is not supported; let it ask this \
                 user for a password (`scram-sha-256`)",
            ));
        }
        _ => return Err(talk.garbled()),
    }
    talk.send().await?;
    match talk.next().await? {
        Message::AuthenticationOk => Ok(()),
        _ => Err(talk.garbled()),
    }
}

fn password<'a>(talk: &Talk, address: &'a Address) -> Result<&'a str, ConnectError> {
    let found = address.password(&talk.stream.host);
    found.map(ExposeSecret::expose_secret).ok_or_else(|| {
        talk.refuse(
            "the server asks for a password and none was given; put it into the environment \
             (`PGPASSWORD`) or the password file (`~/.pgpass`)",
        )
    })
}

fn put_password(talk: &mut Talk, password: &[u8]) -> Result<(), ConnectError> {
    frontend::password_message(password, &mut talk.out)
        .map_err(|_| talk.refuse("the password has a NUL byte"))
}

/// Leaves nothing to send: the server's last message both proves that it knows the password too and
/// is followed by its consent.
async fn scram(
    talk: &mut Talk,
    address: &Address,
    offer: &AuthenticationSaslBody,
) -> Result<(), ConnectError> {
    let (mechanism, binding) = mechanism(talk, address, offer)?;
    let password = password(talk, address)?;
    let mut scram = ScramSha256::new(password.as_bytes(), binding);
    frontend::sasl_initial_response(mechanism, scram.message(), &mut talk.out)
        .map_err(|_| talk.garbled())?;
    talk.send().await?;
    let Message::AuthenticationSaslContinue(body) = talk.next().await? else {
        return Err(talk.garbled());
    };
    scram.update(body.data()).map_err(|_| talk.garbled())?;
    frontend::sasl_response(scram.message(), &mut talk.out).map_err(|_| talk.garbled())?;
    talk.send().await?;
    let Message::AuthenticationSaslFinal(body) = talk.next().await? else {
        return Err(talk.garbled());
    };
    scram.finish(body.data()).map_err(|_| {
        talk.refuse("the server does not know the password itself: it may be an impostor")
    })
}

/// Which of the offered mechanisms is used, and what it is bound to.
fn mechanism(
    talk: &Talk,
    address: &Address,
    offer: &AuthenticationSaslBody,
) -> Result<(&'static str, Binding), ConnectError> {
    let offered =
        |name: &str| offer.mechanisms().any(|offered| Ok(offered == name)).unwrap_or(false);
    let wanted = address.channel_binding();
    let end_point = talk.stream.end_point.clone().filter(|_| wanted != ChannelBinding::Disable);
    let can_bind = offered(SCRAM_SHA_256_PLUS);
    match end_point {
        Some(end_point) if can_bind => {
            return Ok((SCRAM_SHA_256_PLUS, Binding::tls_server_end_point(end_point)));
        }
        _ if wanted == ChannelBinding::Require => {
            let why = if !talk.stream.is_encrypted() {
                "the connection is not encrypted"
            } else if can_bind {
                "the kind of the server's certificate does not allow it"
            } else {
                "the server does not offer it"
            };
            return Err(talk.refuse(&format!("`channel_binding=require`, but {why}")));
        }
        _ if !offered(SCRAM_SHA_256) => {
            return Err(talk.refuse("the server asks for a password by a method that is not known"));
        }
        // Said only where it is true: the server takes it for proof that its offer was tampered with.
        Some(_) => return Ok((SCRAM_SHA_256, Binding::unrequested())),
        None => {}
    }
    Ok((SCRAM_SHA_256, Binding::unsupported()))
}
