//! The roles of a domain: owner group, application login, capture login.

use postgres_protocol::password::scram_sha_256;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use tokio_postgres::Client;

use crate::scenario::Domain;
use crate::sink::postgres::catalogue::FoundRole;
use crate::sink::postgres::catalogue::Login;
use crate::sink::postgres::mark;
use crate::sink::postgres::provision::Passwords;
use crate::sink::postgres::provision::Setup;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::provision::SetupReport;
use crate::sink::postgres::provision::scripts;
use crate::sink::postgres::provision::session::alone;
use crate::sink::postgres::provision::session::atomically;
use crate::sink::postgres::quote;

/// From this version on, a role with CREATEROLE may change logins that have REPLICATION.
const REPLICATION_IS_NO_PRIVILEGE_OF_SUPERUSERS: i32 = 160_000;
/// SQLSTATE of what one may not do.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// Makes what is missing of a domain's roles and gives its logins their passwords.
pub(super) async fn make(
    setup: &mut Setup<'_>,
    domain: &Domain,
    passwords: Option<&Passwords>,
) -> Result<(), SetupError> {
    let Setup { provisioner, control, login, shared, report } = setup;
    let roles = &domain.roles;
    let mark = mark::comment(&provisioner.scenario.name, &domain.schema.name);
    let mut statements = Vec::new();
    for (role, script) in [
        (&roles.owner, scripts::OWNER),
        (&roles.application, scripts::LOGIN),
        (&roles.capture, scripts::LOGIN),
    ] {
        if !shared.roles.contains_key(role) {
            statements.extend(script.render(&[("role", role), ("mark", &mark)])?);
            let made = FoundRole { is_ours: true, has_replication: false };
            shared.roles.insert(role.clone(), made);
            report.made.push(format!("role `{role}`"));
        }
    }
    let capture_has_replication =
        shared.roles.get(&roles.capture).is_some_and(|found| found.has_replication);
    if let Some(passwords) = passwords {
        statements.extend(password(&roles.application, &passwords.application)?);
        let is_out_of_reach = capture_has_replication
            && !login.is_superuser
            && login.version < REPLICATION_IS_NO_PRIVILEGE_OF_SUPERUSERS;
        if is_out_of_reach {
            let (capture, user) = (&roles.capture, &login.user);
            report.notes.push(format!(
                "the password of `{capture}` was left as it is: on this server only a superuser \
                 may change a login that has REPLICATION, and `{user}` is none"
            ));
        } else {
            statements.extend(password(&roles.capture, &passwords.capture)?);
        }
    }
    if !login.is_superuser {
        statements.extend(scripts::JOIN_OWNER.render(&[("owner", &roles.owner)])?);
    }
    let doing = format!("make the roles of `{}`", domain.schema.name);
    atomically(control, &doing, &statements).await?;
    if !capture_has_replication {
        give_replication(control, login, &roles.capture, report).await?;
    }
    Ok(())
}

fn password(role: &str, password: &SecretString) -> Result<Vec<String>, SetupError> {
    let verifier = scram_sha_256(password.expose_secret().as_bytes());
    Ok(scripts::PASSWORD.render(&[("role", role), ("verifier", &verifier)])?)
}

/// Who may give REPLICATION differs between versions and clouds, so it is tried.
async fn give_replication(
    control: &Client,
    login: &Login,
    capture: &str,
    report: &mut SetupReport,
) -> Result<(), SetupError> {
    let doing = format!("let `{capture}` read the write-ahead log");
    let script = if login.is_rds { scripts::REPLICATION_RDS } else { scripts::REPLICATION };
    let statements = script.render(&[("role", capture)])?;
    match alone(control, &doing, &statements.join(";")).await {
        Err(error) if error.is(INSUFFICIENT_PRIVILEGE) => {
            let user = &login.user;
            report.notes.push(format!(
                "`{capture}` cannot read the write-ahead log, because `{user}` may not give \
                 REPLICATION; let a superuser run `ALTER ROLE {} REPLICATION`",
                quote::identifier(capture)
            ));
            Ok(())
        }
        other => other,
    }
}
