//! The passwords of logins that are made.

use secrecy::SecretString;

use crate::cli::Refusal;
use crate::cli::place::Place;
use crate::embedded::random_hex;
use crate::scenario::PostgresTarget;
use crate::scenario::Provision;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::sink::postgres::provision::Passwords;

/// Passwords for the logins of each domain: the scenario's, or generated ones, which are also
/// returned by login.
#[expect(clippy::type_complexity, reason = "used once, in the line that calls it")]
pub(super) fn passwords(
    scenario: &Scenario,
    place: &Place,
) -> Result<(Vec<Passwords>, Vec<(String, SecretString)>), Refusal> {
    let mut generated = Vec::new();
    let mut all = Vec::new();
    for domain in &scenario.domains {
        let makes_roles = matches!(
            &scenario.targets[domain.target].kind,
            TargetKind::Postgres(PostgresTarget { provision: Provision::Databases, .. })
        ) && place.address(domain.target).is_some();
        let mut password = |given: &Option<SecretString>, login: &str| {
            if let Some(given) = given {
                return Ok(given.clone());
            }
            let made = random_hex(16).map_err(|error| Refusal::setup(&error))?;
            let made = SecretString::from(made);
            if makes_roles {
                generated.push((login.to_owned(), made.clone()));
            }
            Ok(made)
        };
        all.push(Passwords {
            application: password(&scenario.cdc.application_password, &domain.roles.application)?,
            capture: password(&scenario.cdc.password, &domain.roles.capture)?,
        });
    }
    Ok((all, generated))
}
