//! Real cities of twelve countries, and how addresses are written there. Facts, in two lists of our
//! own: where a city is, how many people live there (thousands, rounded), how its postcodes begin.

use std::sync::LazyLock;

/// A country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166-1: `US`.
    pub code: &'static str,
    /// Its name in English.
    pub name: &'static str,
    /// House number and street: `{n} {s}`.
    pub street: &'static str,
    /// The whole address: `{street}, {city}, {state} {postcode}`.
    pub line: &'static str,
    /// Names of streets, with commas between them.
    pub streets: &'static str,
}

/// A city.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct City {
    /// Its country.
    pub country: &'static Country,
    /// Its name, as it is written there.
    pub name: &'static str,
    /// The code of its state: `TX`.
    pub state_code: &'static str,
    /// The name of its state, or what stands for one.
    pub state: &'static str,
    /// Its postcodes: `#` is a digit, `@` a letter.
    pub postcode: &'static str,
    /// Millionths of a degree, north positive.
    pub latitude: i64,
    /// Millionths of a degree, east positive.
    pub longitude: i64,
    /// Thousands of people.
    pub people: u32,
}

/// All countries.
pub static COUNTRIES: LazyLock<Vec<Country>> = LazyLock::new(|| {
    rows(include_str!("places/countries.txt")).filter_map(|row| country(&row)).collect()
});

/// All cities, by country.
pub static CITIES: LazyLock<Vec<City>> = LazyLock::new(|| {
    rows(include_str!("places/cities.txt")).filter_map(|row| city(&row)).collect()
});

fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('|').collect())
}

fn country(row: &[&'static str]) -> Option<Country> {
    let &[code, name, street, line, streets] = row else { return None };
    Some(Country { code, name, street, line, streets })
}

fn city(row: &[&'static str]) -> Option<City> {
    let &[country, name, state_code, state, postcode, latitude, longitude, people] = row else {
        return None;
    };
    let country = COUNTRIES.iter().find(|each| each.code == country)?;
    let (latitude, longitude) = (millionths(latitude)?, millionths(longitude)?);
    let people = people.parse().ok()?;
    Some(City { country, name, state_code, state, postcode, latitude, longitude, people })
}

/// `40.75` as 40,750,000.
fn millionths(text: &str) -> Option<i64> {
    let (whole, hundredths) = text.split_once('.')?;
    let digits: i64 = format!("{whole}{hundredths:0<6}").parse().ok()?;
    Some(digits)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::CITIES;
    use super::COUNTRIES;

    #[test]
    fn every_line_of_the_lists_is_read_and_makes_sense() {
        let lines = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(COUNTRIES.len(), lines(include_str!("places/countries.txt")));
        assert_eq!(CITIES.len(), lines(include_str!("places/cities.txt")));
        let names: BTreeSet<_> =
            CITIES.iter().map(|city| (city.country.code, city.state_code, city.name)).collect();
        assert_eq!(names.len(), CITIES.len(), "no city twice");
        for city in CITIES.iter() {
            assert!(city.latitude.abs() < 70_000_000 && city.longitude.abs() < 180_000_000);
            assert!(city.people > 0 && !city.state.is_empty() && !city.state_code.is_empty());
            assert!(city.postcode.contains('#'), "{}", city.name);
        }
        for country in COUNTRIES.iter() {
            assert!(CITIES.iter().any(|city| city.country == country), "{}", country.name);
            assert!(country.street.contains("{n}") && country.street.contains("{s}"));
            assert!(country.line.contains("{street}") && country.line.contains("{postcode}"));
            assert!(country.streets.split(',').count() >= 10);
        }
        let states: BTreeSet<_> = CITIES
            .iter()
            .filter(|city| city.country.code == "US")
            .map(|city| city.state_code)
            .collect();
        assert_eq!(states.len(), 51, "all states, and the District of Columbia");
        let denver = CITIES.iter().find(|city| city.name == "Denver").unwrap();
        assert_eq!((denver.latitude, denver.longitude), (39_740_000, -104_970_000));
        let london = CITIES.iter().find(|city| city.state == "England").unwrap();
        assert_eq!(london.longitude, -80_000);
    }
}
