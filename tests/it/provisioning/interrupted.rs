//! Set-up and clean cut short after each of their statements.

use loadgen::scenario::Provision;
use loadgen::sink::postgres::provision::Provisioner;
use loadgen::sink::postgres::provision::Servers;

use super::START;
use super::admin_login;
use super::clean;
use super::cut::Cut;
use super::server::Server;
use super::server::connector;
use super::set_up;
use super::shared_objects;
use super::world;

/// Sets up, or cleans, through a road that breaks after 1, 2, 3, ... statements, until one gets
/// through; that must take more than `statements_min`.
async fn at_every_statement(provision: Provision, is_clean: bool, statements_min: usize) {
    let server = Server::start(&[]);
    let mut domain = world::domain("broken");
    if provision == Provision::Schemas {
        "broken".clone_into(&mut domain.namespace);
    }
    let scenario = world::scenario(provision, vec![domain]);
    let before = shared_objects(&server).await;
    for limit in 1.. {
        assert!(limit < 100, "set-up never ends");
        if is_clean {
            set_up(&scenario, admin_login(&server)).await.unwrap();
        }
        let road = Cut::before(server.port, limit).await;
        let mut login = tokio_postgres::Config::new();
        login.host("127.0.0.1").port(road.port).user("postgres").dbname("postgres");
        login.password(super::server::ADMIN_PASSWORD);
        let connect = connector(login);
        let provisioner = Provisioner::new(&scenario, 0, Servers::new(&connect)).unwrap();
        let got_through = if is_clean {
            provisioner.clean().await.is_ok()
        } else {
            provisioner.setup(&world::passwords(&scenario), START, false).await.is_ok()
        };
        assert_eq!(got_through, road.statements() < limit, "after {limit} statements");

        if !is_clean {
            let repeated = set_up(&scenario, admin_login(&server)).await;
            assert!(repeated.is_ok(), "after {limit} statements: {repeated:?}");
            let again = set_up(&scenario, admin_login(&server)).await.unwrap();
            assert_eq!(again.made, Vec::<String>::new());
        }
        let cleaned = clean(&scenario, admin_login(&server)).await;
        assert!(cleaned.is_ok(), "clean after {limit} statements: {cleaned:?}");
        assert_eq!(shared_objects(&server).await, before, "after {limit} statements");
        if got_through {
            assert!(limit > statements_min, "only {limit} statements were seen");
            return;
        }
    }
}

#[tokio::test]
async fn set_up_of_databases_can_be_cut_short_anywhere_and_repeated() {
    at_every_statement(Provision::Databases, false, 8).await;
}

#[tokio::test]
async fn set_up_of_schemas_can_be_cut_short_anywhere_and_repeated() {
    at_every_statement(Provision::Schemas, false, 3).await;
}

#[tokio::test]
async fn clean_can_be_cut_short_anywhere_and_repeated() {
    at_every_statement(Provision::Databases, true, 5).await;
}
