//! What of somebody's money they take along, and what of it stays when they are gone.

use std::collections::BTreeSet;

use agora::{
    domain::DOMAINS,
    entity::user_role::Role,
    platform::providers::payments::sandbox::{Act, Deed},
};
use serde_json::{Value, json};

use super::{DELETE, erase_due, take_along};
use crate::{
    goals::{begin, contribute, gift, withdraw},
    harness::{Client, Server},
    payments::{GOOD, act, assert_books, confirm, deposit},
    wallets::{ADD_METHOD, CANCEL, TRANSFER, WITHDRAW, dollars, transfer_input, withdraw_input},
};

/// Somebody, and what others must not read of theirs.
struct Person {
    client: Client,
    /// Of their bank account.
    number: &'static str,
    /// Of their saved card.
    card: &'static str,
    goal: String,
    withdrawal: Value,
    /// What opened the page of their payment.
    secret: String,
}

impl Person {
    async fn new(server: &Server, name: &str, number: &'static str, card: &'static str) -> Self {
        let client = server.user(name).await;
        let goal = begin(&client, &json!({ "story": "It leaks." })).await;
        Self { client, number, card, goal, withdrawal: Value::Null, secret: String::new() }
    }

    /// A text of this person's own.
    fn own(&self, what: &str) -> String {
        format!("{}\u{2019}s {what}", self.client.username)
    }

    async fn call(&self, field: &str, kind: &str, input: Value) -> Value {
        let query = format!("mutation($input: {kind}!) {{ {field}(input: $input) {{ errors {{ code path }} }} }}");
        let payload = self.client.ok(&query, json!({ "input": input })).await[field].clone();
        assert_eq!(payload["errors"], json!([]), "{field}: {payload}");
        payload
    }

    /// Pays in by a card, and hands it on; then the provider gives it back, and their bank disputes the rest in vain: so they
    /// owe something, for a while.
    async fn lose(&self, server: &Server, other: &Self) {
        let paid = deposit(&self.client, "1.00", "my key, lost").await["payment"].clone();
        act(server, &paid, &Act::card(GOOD)).await;
        assert_eq!(confirm(&self.client, &paid).await["state"], "COMPLETED");
        let [_, _, available] = dollars(&self.client).await;
        let handed = transfer_input(&other.client.id, &available, "USD", "my key, handed on");
        assert!(self.client.user_errors(TRANSFER, handed).await.is_empty());
        let (sandbox, secret) = (server.app.payments.sandbox().unwrap(), paid["nextAction"]["clientSecret"].as_str());
        for deed in [Deed::Refund(Some(90)), Deed::Dispute(None), Deed::Decide(true)] {
            sandbox.behind_our_back(secret.unwrap(), deed).await.unwrap();
        }
        for _ in 0..2 {
            server.advance(6);
            server.run_jobs().await;
        }
    }

    /// Pays in by a card and by a bank, saves the card, and has some of it back.
    async fn pay_in(&mut self, server: &Server, staff: &Client) {
        let token = format!("tok_{}", self.card);
        let card = json!({ "provider": "SANDBOX", "kind": "CARD", "token": token, "idempotencyKey": "my key, card" });
        self.call("paymentMethodAdd", "PaymentMethodAddInput", card).await;
        let paid = deposit(&self.client, "50.00", "my key, deposit").await["payment"].clone();
        paid["nextAction"]["clientSecret"].as_str().unwrap().clone_into(&mut self.secret);
        act(server, &paid, &Act::card(GOOD)).await;
        assert_eq!(confirm(&self.client, &paid).await["state"], "COMPLETED");
        let by_bank = "mutation($key: String!) { walletDeposit(input: { amount: { amount: \"2.00\", currency: \"USD\" }, \
                       provider: BANK_TRANSFER, idempotencyKey: $key }) { payment { id } } }";
        let by_bank = self.client.ok(by_bank, json!({ "key": "my key, bank" })).await;
        let prove = "mutation($id: ID!, $note: String!) { paymentProofAdd(input: { id: $id, note: $note }) { errors { code } } }";
        let id = &by_bank["walletDeposit"]["payment"]["id"];
        self.client.ok(prove, json!({ "id": id, "note": self.own("slip") })).await;
        let ask = "mutation($id: ID!, $reason: String!, $key: String!) { paymentRefundRequest(input: { id: $id, amount: { \
                   amount: \"1.00\", currency: \"USD\" }, reason: $reason, idempotencyKey: $key }) { refund { id } } }";
        let variables = json!({ "id": paid["id"], "reason": self.own("reason"), "key": "my key, refund" });
        let asked = self.client.ok(ask, variables).await;
        let grant = "mutation($id: ID!) { paymentRefundGrant(input: { id: $id }) { errors { code } } }";
        let granted = staff.ok(grant, json!({ "id": asked["paymentRefundRequest"]["refund"]["id"] })).await;
        assert_eq!(granted["paymentRefundGrant"]["errors"], json!([]));
    }

    /// Gives to somebody's goal, says something about it, and hands them money.
    async fn give(&self, other: &Self) {
        let more = json!({ "provider": "WALLET", "message": self.own("wish"), "isAnonymous": true });
        let given = contribute(&self.client, &gift(&other.goal, "10.00", "my key, gift", &more)).await;
        let comment = json!({ "contributionId": given["contribution"]["id"], "body": "Good luck!" });
        self.call("contributionCommentCreate", "ContributionCommentCreateInput", comment).await;
        let handed = transfer_input(&other.client.id, "1.00", "USD", "my key, transfer");
        assert!(self.client.user_errors(TRANSFER, handed).await.is_empty());
    }

    /// Tells of the goal, takes out of it what was given, and has some of it paid out.
    async fn take_out(&mut self, staff: &Client) {
        let news = json!({ "goalId": self.goal, "title": "News", "body": "It goes well." });
        self.call("goalNewsPublish", "GoalNewsPublishInput", news).await;
        assert_eq!(withdraw(&self.client, &self.goal, None, "my key, goal").await["errors"], json!([]));
        let bank = json!({ "holder": self.own("name"), "account": { "accountNumber": self.number }, "bankName": self.own("bank"),
                           "country": "EG", "currency": "USD" });
        let added = self.client.ok(ADD_METHOD, json!({ "input": bank })).await;
        let method = added["payoutMethodAdd"]["payoutMethod"]["id"].as_str().unwrap_or_else(|| panic!("{added}"));
        let input = withdraw_input(method, "3.00", "USD", "my key, withdrawal");
        let asked = self.client.ok(WITHDRAW, input).await["walletWithdraw"].clone();
        self.withdrawal = asked["withdrawal"]["id"].clone();
        let adjust =
            "mutation($input: AdminWalletAdjustInput!) { adminWalletAdjust(input: $input) { errors { code } } }";
        let input = json!({ "userId": self.client.id, "amount": { "amount": "1.00", "currency": "USD" },
                            "direction": "CREDIT", "reason": "a mistake of ours", "idempotencyKey": format!("my key, {}", self.client.id) });
        assert_eq!(staff.ok(adjust, json!({ "input": input })).await["adminWalletAdjust"]["errors"], json!([]));
    }
}

/// Amina and basma, who have done all that can be done with money, each with the other; and staff.
async fn two_lives() -> (Server, Person, Person) {
    let server = Server::with(&[("BANK_TRANSFER_ACCOUNT", "Agora, IBAN EG00"), ("FEE_GOAL", "7.5")]).await;
    let staff = server.staff("treasurer", Role::Administrator).await;
    let mut amina = Person::new(&server, "amina", "1122334455", "4242424242424242").await;
    let mut basma = Person::new(&server, "basma", "9988776655", "5555555555554444").await;
    amina.lose(&server, &basma).await;
    basma.lose(&server, &amina).await;
    amina.pay_in(&server, &staff).await;
    basma.pay_in(&server, &staff).await;
    amina.give(&basma).await;
    basma.give(&amina).await;
    amina.take_out(&staff).await;
    basma.take_out(&staff).await;
    for _ in 0..3 {
        server.advance(6);
        server.run_jobs().await;
    }
    assert_books(&server.app).await;
    (server, amina, basma)
}

/// Every name and every value of some rows, as they are read.
fn text_of<'a>(rows: impl IntoIterator<Item = &'a Value>) -> String {
    let fields = rows.into_iter().flat_map(|row| row.as_object().unwrap());
    let lines = fields.map(|(name, value)| format!("{name}: {}", value.as_str().unwrap_or(&value.to_string())));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn every_file_about_money_has_one_s_own_rows_nobody_else_s_and_no_secret() {
    let (server, amina, basma) = two_lives().await;
    let answers = "SELECT provider_answer FROM payments WHERE provider = 'sandbox'";
    let answers = server.app.db.rows(answers, Vec::new()).await.unwrap();
    let answers: Vec<String> = answers.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    let archives = [take_along(&server, &amina.client).await, take_along(&server, &basma.client).await];
    let mut money = [String::new(), String::new()];
    let of_money = DOMAINS.iter().filter(|domain| ["wallets", "payments", "goals"].contains(&domain.name));
    for table in of_money.flat_map(|domain| domain.exports) {
        let rows = archives.each_ref().map(|archive| &archive.iter().find(|(file, _)| file == table.file).unwrap().1);
        assert!(rows.iter().all(|rows| !rows.is_empty()), "{} has nothing in it", table.file);
        let ids = rows.map(|rows| rows.iter().filter_map(|row| row["id"].as_str()).collect::<BTreeSet<_>>());
        assert!(ids[0].is_disjoint(&ids[1]), "{}: {ids:?}", table.file);
        for (text, rows) in money.iter_mut().zip(rows) {
            text.push_str(&text_of(rows));
        }
    }
    for (money, archive, me, other) in
        [(&money[0], &archives[0], &amina, &basma), (&money[1], &archives[1], &basma, &amina)]
    {
        for own in [me.own("slip"), me.own("reason"), me.own("wish"), me.own("bank")] {
            assert!(money.contains(&own), "{own}: {money}");
        }
        assert!(money.contains(&me.number[6..]) && money.contains(&me.card[12..]), "the last four are theirs: {money}");
        // Neither anybody else, nor what opens something: at a bank, at a provider, or here.
        let mut never = vec![other.client.username.clone(), me.number.to_owned(), me.card.to_owned(), me.own("name")];
        never.extend(["my key", "hash", "secret", "idempotency", "sealed", "tok_", "sbxcard"].map(str::to_owned));
        for text in never {
            assert!(!money.contains(&text), "{text}: {money}");
        }
        let all: String = archive.iter().map(|(_, rows)| text_of(rows)).collect();
        for secret in answers.iter().chain([&me.secret, &other.secret]) {
            assert!(secret.len() > 8 && !all.contains(secret), "{secret}: {all}");
        }
    }
}

#[tokio::test]
async fn what_stays_of_who_is_gone_has_no_name() {
    let (server, amina, basma) = two_lives().await;
    assert!(server.places_of("amina").await.len() > 10, "nothing is found, whatever there is");
    amina.client.ok(CANCEL, json!({ "id": amina.withdrawal })).await;
    let [_, held, available] = dollars(&amina.client).await;
    assert_eq!(held, "0.00");
    let all = transfer_input(&basma.client.id, &available, "USD", "all of it");
    assert!(amina.client.user_errors(TRANSFER, all).await.is_empty());
    assert_eq!(amina.client.user_errors(DELETE, Value::Null).await, []);
    server.advance(14 * 86_400);
    assert_eq!(erase_due(&server).await, 1);
    server.run_jobs().await;
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
    for text in ["amina", amina.number] {
        assert_eq!(server.places_of(text).await, Vec::<String>::new(), "{text}");
    }
    let unnamed = "SELECT COUNT(*) FROM goals WHERE owner_id IS NULL";
    assert_eq!((server.count(unnamed).await, server.count("SELECT COUNT(*) FROM goals").await), (1, 2));
    assert_books(&server.app).await;
}
