//! What calls are made on: somebody who owns things, a stranger, and the things, each made when an operation names it first.

use std::collections::BTreeMap;

use agora::{
    entity::{IdentityId, JobId, PaymentId, UserId, user_role::Role},
    platform::providers::payments::sandbox::Act,
};
use sea_orm::Value as Stored;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{
    auth::authenticator::{Authenticator, challenge, enable},
    goals,
    harness::{Client, Server, Template},
    payments, wallets,
};

/// What has to be there for a call to be done, beside what its operation names.
const NEEDS: &[(&str, &str)] = &[
    ("Mutation.accountDeleteCancel", "MY_DELETION"),
    ("Mutation.backupCodesRegenerate", "MY_APP_CODE"),
    ("Mutation.goalWithdraw", "CONTRIBUTION"),
    ("Mutation.notificationMarkAllRead", "MY_NOTIFICATION"),
    ("Mutation.reauthenticationCodeSend", "MY_LOST_PASSWORD"),
    ("Mutation.sessionsRevokeOthers", "MY_OTHER_SESSION"),
    ("Mutation.twoFactorCodeSend", "PROVEN_EMAIL"),
    ("Mutation.walletTransfer", "MY_MONEY"),
];

const SETTINGS: &[(&str, &str)] = &[
    ("GITHUB_CLIENT_ID", "client"),
    ("GITHUB_CLIENT_SECRET", "secret"),
    ("BANK_TRANSFER_ACCOUNT", "IBAN EG00"),
    // Nobody is asked: it is only there to have disputes that nobody tells of.
    ("PAYMOB_API_URL", "http://127.0.0.1:9/"),
    ("PAYMOB_PUBLIC_KEY", "public"),
    ("PAYMOB_SECRET_KEY", "secret"),
    ("PAYMOB_HMAC_SECRET", "hmac"),
    ("PAYMOB_INTEGRATION_IDS", "1"),
];

const PHONE: &str = "+201001234567";
const CENTS: &str = "amount: { amount: \"0.01\", currency: \"USD\" }";

fn needs(field: &str) -> impl Iterator<Item = &'static str> {
    NEEDS.iter().filter(move |(of, _)| *of == field).map(|(_, name)| *name)
}

/// The names of things in an operation.
fn names(operation: &str) -> Vec<String> {
    let name = |part: &str| part.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
    operation.split('$').skip(1).map(name).collect()
}

/// Who makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Nobody,
    Stranger,
    Owner,
}

impl Caller {
    /// In the order of the matrix.
    pub(crate) const ALL: [Self; 3] = [Self::Nobody, Self::Stranger, Self::Owner];
}

/// A server with an owner, what is theirs, and a stranger.
pub(crate) struct Scene {
    pub server: Server,
    pub owner: Person,
    pub stranger: Person,
}

/// What every scene starts from: made once in a process, because most of a scene's time goes into it.
struct Beginning {
    template: Template,
    owner: Client,
    stranger: Client,
}

impl Beginning {
    async fn make() -> Self {
        let server = Server::with(SETTINGS).await;
        let (owner, stranger) = (server.user("olivia").await, server.user("stranger").await);
        be_seen(&owner).await;
        be_seen(&stranger).await;
        Self { template: Template::of(server, SETTINGS).await, owner, stranger }
    }
}

impl Scene {
    pub(crate) async fn new() -> Self {
        static BEGINNING: OnceCell<Beginning> = OnceCell::const_new();
        let beginning = BEGINNING.get_or_init(|| Box::pin(Beginning::make())).await;
        let server = beginning.template.start().await;
        let owner = beginning.owner.clone().through(server.router.clone());
        let stranger = beginning.stranger.clone().through(server.router.clone());
        Self { server, owner: Person::new(&owner, &stranger), stranger: Person::new(&stranger, &owner) }
    }

    pub(crate) fn client(&self, caller: Caller) -> Client {
        match caller {
            Caller::Nobody => self.server.anonymous(),
            Caller::Stranger => self.stranger.client.clone(),
            Caller::Owner => self.owner.client.clone(),
        }
    }

    /// An operation as somebody makes it, with what it names and needs.
    pub(crate) async fn operation(&mut self, field: &str, operation: &str, caller: Caller) -> String {
        let mut operation = operation.to_owned();
        for name in needs(field).map(str::to_owned).chain(names(&operation)) {
            if let Some(own) = name.strip_prefix("MY_") {
                let value = match caller {
                    // Nobody has anything.
                    Caller::Nobody => self.owner.client.id.clone(),
                    Caller::Stranger => self.stranger.thing(&self.server, own).await,
                    Caller::Owner => self.owner.thing(&self.server, own).await,
                };
                operation = operation.replace(&format!("${name}"), &value);
            }
        }
        self.owner.operation(&self.server, field, &operation).await
    }
}

/// Makes a first call, by which a session is known to be in use.
pub(crate) async fn be_seen(client: &Client) {
    client.ok("{ me { id } }", Value::Null).await;
}

/// Somebody, and what is theirs.
pub(crate) struct Person {
    pub client: Client,
    friend: Client,
    staff: Option<Client>,
    things: BTreeMap<String, String>,
}

impl Person {
    pub(crate) fn new(client: &Client, friend: &Client) -> Self {
        Self { client: client.clone(), friend: friend.clone(), staff: None, things: BTreeMap::new() }
    }

    /// An operation on what is theirs.
    pub(crate) async fn operation(&mut self, server: &Server, field: &str, operation: &str) -> String {
        for name in needs(field).filter(|name| !name.starts_with("MY_")) {
            self.thing(server, name).await;
        }
        let mut filled = operation.to_owned();
        for name in names(operation) {
            filled = filled.replace(&format!("${name}"), &self.thing(server, &name).await);
        }
        filled
    }

    /// Something of theirs: its id, or whatever a call names it by.
    async fn thing(&mut self, server: &Server, name: &str) -> String {
        if let Some(made) = self.things.get(name) {
            return made.clone();
        }
        let made = match name {
            "ID" => self.client.id.clone(),
            "FRIEND" => self.friend.id.clone(),
            "POST" | "COMMENT" | "LIKED" | "LIKED_COMMENT" | "NOTIFICATION" | "JOB" => {
                Box::pin(self.talk(server, name)).await
            }
            "PAYMENT" | "PAID" | "DISPUTABLE" | "OPEN" | "TRANSFER" | "CASH" | "COLLECTED" | "METHOD" | "REFUND"
            | "GRANTED" => Box::pin(self.payment(server, name)).await,
            "MONEY" | "PAYOUT_METHOD" | "WITHDRAWAL" | "APPROVED" | "SENT" | "PROPOSED" => {
                Box::pin(self.in_wallet(server, name)).await
            }
            "GOAL" | "CONTRIBUTION" | "REMARK" | "PAID_OUT" => Box::pin(self.of_goal(server, name)).await,
            "APP_CODE" | "FIRST_APP_CODE" | "CHALLENGE" | "EMAIL_CODE" | "NEW_EMAIL_CODE" | "PHONE_CODE"
            | "RESET_CODE" => Box::pin(self.proof(server, name)).await,
            _ => Box::pin(self.account(server, name)).await,
        };
        self.things.insert(name.to_owned(), made.clone());
        made
    }

    async fn account(&mut self, server: &Server, name: &str) -> String {
        let now = server.clock.now();
        match name {
            "REFRESH" => self.client.refresh_token.clone().unwrap(),
            "SESSION" => {
                let sessions = self.client.ok("{ me { sessions { id } } }", Value::Null).await;
                text(&sessions["me"]["sessions"][0]["id"])
            }
            "OTHER_SESSION" => server.anonymous().login(&self.client.username).await.id,
            "DELETION" => done(&self.client, "accountDelete { ERRORS }").await,
            "IDENTITY" => {
                let identity = IdentityId(server.app.ids.next(now));
                let sql = "INSERT INTO identities (id, user_id, provider, subject, created_at, last_used_at) \
                           VALUES ($2, $1, 'github', '1', $3, $3)";
                self.store(server, sql, vec![identity.0.into(), now.into()]).await;
                identity.to_string()
            }
            "LOST_PASSWORD" => {
                self.store(server, "UPDATE credentials SET password_hash = NULL WHERE user_id = $1", Vec::new()).await
            }
            "PROVEN_EMAIL" => {
                let sql = "UPDATE credentials SET email_confirmed_at = $2 WHERE user_id = $1";
                self.store(server, sql, vec![now.into()]).await
            }
            "SUSPENDED" => {
                let sql = "INSERT INTO suspensions (user_id, reason, created_at) VALUES ($1, 'spam', $2)";
                self.store(server, sql, vec![now.into()]).await
            }
            "WITH_APP" => {
                let sql = "INSERT INTO two_factors (user_id, secret, last_step, created_at, enabled_at) \
                           VALUES ($1, $2, 0, $3, $3)";
                self.store(server, sql, vec![vec![7_u8; 20].into(), now.into()]).await
            }
            other => panic!("nobody has a {other}"),
        }
    }

    /// Writes what no call writes, about this person: `$1`; gives their id.
    async fn store(&self, server: &Server, sql: &str, values: Vec<Stored>) -> String {
        let id: UserId = self.client.id.parse().unwrap();
        let values: Vec<Stored> = std::iter::once(id.0.into()).chain(values).collect();
        server.write(sql, values).await;
        self.client.id.clone()
    }

    async fn proof(&mut self, server: &Server, name: &str) -> String {
        let (client, email) = (&self.client, format!("{}@example.org", self.client.username));
        match name {
            "FIRST_APP_CODE" => Authenticator::set_up(client).await.code(server),
            "APP_CODE" => enable(server, client).await.0.code(server),
            "CHALLENGE" => {
                self.thing(server, "APP_CODE").await;
                let challenge = challenge(&server.anonymous(), &self.client.username).await;
                text(&challenge["challengeToken"])
            }
            "EMAIL_CODE" => {
                done(client, "emailVerificationSend(input: {}) { ERRORS }").await;
                server.last_sent(&email).await.code()
            }
            "NEW_EMAIL_CODE" => {
                done(client, "emailChangeRequest(input: { email: \"new@example.org\" }) { ERRORS }").await;
                server.last_sent("new@example.org").await.code()
            }
            "PHONE_CODE" => {
                let send = format!("phoneVerificationSend(input: {{ phone: \"{PHONE}\" }}) {{ ERRORS }}");
                done(client, &send).await;
                server.last_sent(PHONE).await.code()
            }
            _ => {
                let send = format!("passwordResetRequest(input: {{ email: \"{email}\" }}) {{ ERRORS }}");
                done(&server.anonymous(), &send).await;
                server.last_sent(&email).await.code()
            }
        }
    }

    async fn talk(&mut self, server: &Server, name: &str) -> String {
        match name {
            "POST" => self.client.publish("a post").await,
            "COMMENT" => {
                let post = self.thing(server, "POST").await;
                self.client.comment(&post, "a comment").await
            }
            "LIKED" => {
                let post = self.client.publish("a post that is liked").await;
                self.client.like(&post).await;
                self.friend.like(&post).await;
                post
            }
            "LIKED_COMMENT" => {
                let post = self.client.publish("a post").await;
                let comment = self.client.comment(&post, "a comment that is liked").await;
                for client in [&self.client, &self.friend] {
                    done(client, &format!("commentLike(input: {{ id: \"{comment}\" }}) {{ ERRORS }}")).await;
                }
                comment
            }
            "NOTIFICATION" => {
                let post = self.client.publish("a post").await;
                self.friend.like(&post).await;
                server.run_jobs().await;
                let list = self.client.ok("{ me { notifications { nodes { id } } } }", Value::Null).await;
                text(&list["me"]["notifications"]["nodes"][0]["id"])
            }
            _ => {
                let post = self.client.publish("a post").await;
                server.run_jobs().await;
                self.friend.like(&post).await;
                let rows = server.app.db.rows("SELECT id FROM jobs WHERE state = 'queued'", Vec::new()).await.unwrap();
                let job = JobId(rows[0].try_get_by_index(0).unwrap());
                let sql = "UPDATE jobs SET state = 'dead', attempts = 10 WHERE state = 'queued'";
                server.write(sql, Vec::new()).await;
                job.to_string()
            }
        }
    }

    async fn payment(&mut self, server: &Server, name: &str) -> String {
        match name {
            "OPEN" => text(&payments::deposit(&self.client, "9.00", name).await["payment"]["id"]),
            "PAID" => {
                let payment = payments::deposit(&self.client, "5.00", name).await["payment"].clone();
                payments::act(server, &payment, &Act::card(payments::GOOD)).await;
                text(&payment["id"])
            }
            "PAYMENT" => text(&payments::paid(server, &self.client, "5.00", name).await["id"]),
            "DISPUTABLE" => {
                let payment = text(&payments::paid(server, &self.client, "5.00", name).await["id"]);
                let id: PaymentId = payment.parse().unwrap();
                let sql = "UPDATE payments SET provider = 'paymob' WHERE id = $2 AND payer_id = $1";
                self.store(server, sql, vec![id.0.into()]).await;
                payment
            }
            "TRANSFER" => self.bank_transfer(name).await,
            "CASH" | "COLLECTED" => {
                // Nothing that can be bought at the door is here yet.
                let payment = self.bank_transfer(name).await;
                let id: PaymentId = payment.parse().unwrap();
                let sql = "UPDATE payments SET provider = 'cash_on_delivery' WHERE id = $2 AND payer_id = $1";
                self.store(server, sql, vec![id.0.into()]).await;
                if name == "COLLECTED" {
                    let staff = self.staff(server).await;
                    done(&staff, &format!("adminPaymentCollect(input: {{ id: \"{payment}\" }}) {{ ERRORS }}")).await;
                }
                payment
            }
            "METHOD" => {
                // The first one is the default.
                done(&self.client, "paymentMethodAdd(input: { provider: WALLET, kind: WALLET }) { ERRORS }").await;
                let card = "provider: SANDBOX, kind: CARD, token: \"tok_4242424242424242\"";
                let add = format!("paymentMethodAdd(input: {{ {card} }}) {{ paymentMethod {{ id }} ERRORS }}");
                done(&self.client, &add).await
            }
            "REFUND" => {
                let payment = self.thing(server, "PAYMENT").await;
                let input = format!("{CENTS}, reason: \"too much\", idempotencyKey: \"{name}\"");
                let ask = format!(
                    "paymentRefundRequest(input: {{ id: \"{payment}\", {input} }}) {{ refund {{ id }} ERRORS }}"
                );
                done(&self.client, &ask).await
            }
            "GRANTED" => {
                let (staff, payment) = (self.staff(server).await, self.bank_transfer(name).await);
                let input = format!("reference: \"1\", idempotencyKey: \"{payment}\"");
                done(&staff, &format!("adminPaymentConfirm(input: {{ id: \"{payment}\", {input} }}) {{ ERRORS }}"))
                    .await;
                let input =
                    format!("{CENTS}, destination: SOURCE, reason: \"too much\", idempotencyKey: \"{payment}\"");
                let give =
                    format!("paymentRefund(input: {{ id: \"{payment}\", {input} }}) {{ refund {{ id }} ERRORS }}");
                let refund = done(&staff, &give).await;
                server.run_jobs().await;
                refund
            }
            other => panic!("nobody has a {other}"),
        }
    }

    async fn bank_transfer(&self, key: &str) -> String {
        text(&payments::deposit_by(&self.client, "BANK_TRANSFER", "9.00", key).await["payment"]["id"])
    }

    /// Somebody who decides about their money.
    async fn staff(&mut self, server: &Server) -> Client {
        if self.staff.is_none() {
            self.staff = Some(server.staff(&format!("by_{}", self.client.username), Role::Administrator).await);
        }
        self.staff.clone().unwrap()
    }

    async fn in_wallet(&mut self, server: &Server, name: &str) -> String {
        match name {
            "MONEY" => {
                wallets::fund(server, &self.client, 1000, "USD").await;
                "10.00".to_owned()
            }
            "PAYOUT_METHOD" => {
                self.thing(server, "MONEY").await;
                wallets::add_method(&self.client, "USD").await
            }
            "PROPOSED" => wallets::propose_by_hand(server, &self.client.id).await,
            _ => {
                let method = self.thing(server, "PAYOUT_METHOD").await;
                let withdrawal = wallets::withdraw(&self.client, &method, "1.00", name).await;
                if name == "APPROVED" || name == "SENT" {
                    wallets::approve_by_hand(server, &withdrawal).await;
                }
                if name == "SENT" {
                    let staff = self.staff(server).await;
                    let sent = format!(
                        "adminWithdrawalMarkPaid(input: {{ id: \"{withdrawal}\", reference: \"1\" }}) {{ ERRORS }}"
                    );
                    done(&staff, &sent).await;
                }
                withdrawal
            }
        }
    }

    async fn of_goal(&mut self, server: &Server, name: &str) -> String {
        match name {
            "GOAL" => goals::begin(&self.client, &json!({})).await,
            "CONTRIBUTION" => {
                self.thing(server, "MONEY").await;
                let gift =
                    goals::gift(&self.thing(server, "GOAL").await, "1.00", name, &json!({ "provider": "WALLET" }));
                text(&goals::contribute(&self.client, &gift).await["contribution"]["id"])
            }
            "REMARK" => {
                let contribution = self.thing(server, "CONTRIBUTION").await;
                let input = format!("contributionId: \"{contribution}\", body: \"so kind\"");
                let remark = format!("contributionCommentCreate(input: {{ {input} }}) {{ comment {{ id }} ERRORS }}");
                done(&self.client, &remark).await
            }
            _ => {
                self.thing(server, "CONTRIBUTION").await;
                let goal = self.thing(server, "GOAL").await;
                text(&goals::withdraw(&self.client, &goal, Some("0.01"), name).await["withdrawal"]["id"])
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Makes a call that has to be done, `ERRORS` in it replaced by their selection; gives the id of what it gives, if it was
/// asked for.
async fn done(client: &Client, call: &str) -> String {
    let data = client.ok(&format!("mutation {{ {} }}", call.replace("ERRORS", "errors { code }")), Value::Null).await;
    let payload = data.as_object().unwrap().values().next().unwrap();
    assert_eq!(payload["errors"], json!([]), "{call}");
    let given = payload.as_object().unwrap().values().find_map(|value| value.get("id"));
    given.map(text).unwrap_or_default()
}
