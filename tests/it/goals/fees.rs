//! Lines of fees: frozen, and taken back in parts.

use agora::{
    domain::fees::{self, NewFee},
    entity::{Currency, Money, fee_line::FeeKind},
    error::{Error, UserErrorCode},
};

use super::assert_sound;
use crate::harness::{Server, refused_by_the_database};

#[tokio::test]
async fn a_fee_is_taken_back_in_parts_that_sum_to_it_and_never_more() {
    let server = Server::start().await;
    let app = &server.app;
    let base = Money::new(1003, Currency::parse("USD").unwrap());
    let new = NewFee { kind: FeeKind::Goal, reference: "post_1", base, rate: 75_000 };
    let line = app.db.transact(async |tx| fees::charge_in(app, &tx, new).await).await.unwrap();
    assert_eq!(line.fee, 75);
    let back = async |part| app.db.transact(async |tx| fees::reverse_in(app, &tx, line.id, part).await).await;
    let mut sum = 0;
    for part in [Some(1), Some(333), Some(6), Some(600)] {
        sum += back(part).await.unwrap().fee;
        assert_sound(&server).await;
    }
    for too_much in [Some(64), Some(0), Some(-1), Some(i64::MAX)] {
        match back(too_much).await.unwrap_err() {
            Error::User(errors) => assert_eq!(errors[0].code, UserErrorCode::AmountTooLarge),
            other => panic!("{other}"),
        }
    }
    sum += back(None).await.unwrap().fee;
    assert_eq!(sum, -75);
    assert!(back(None).await.is_err());
    assert_sound(&server).await;
}

#[tokio::test]
async fn a_line_can_t_be_changed_and_a_wrong_one_is_named() {
    let server = Server::start().await;
    let app = &server.app;
    let base = Money::new(10_000, Currency::parse("KWD").unwrap());
    let new = NewFee { kind: FeeKind::Digital, reference: "post_1", base, rate: 75_000 };
    app.db.transact(async |tx| fees::charge_in(app, &tx, new).await).await.unwrap();
    for sql in ["UPDATE fee_lines SET fee = fee + 1", "DELETE FROM fee_lines"] {
        refused_by_the_database(app, sql).await;
    }
    // What can still be done behind everybody's back is to add one.
    let sql = "INSERT INTO fee_lines (id, kind, reference, currency, base, rate, fee, created_at) \
               SELECT $1, kind, reference, currency, base, rate, fee + 1, created_at FROM fee_lines";
    let id = app.ids.next(server.clock.now());
    server.write(sql, vec![id.into()]).await;
    let found = app.db.snapshot(async |tx| agora::domain::ledger::check(&tx, agora::domain::goals::RULES).await);
    assert!(found.await.unwrap()[0].to_string().contains("rounded half up"));
}
