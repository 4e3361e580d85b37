//! An authenticator app, and what people do with it.

use serde_json::{Value, json};
use totp_rs::Totp;

use crate::harness::{Client, Server, client::PASSWORD};

pub(crate) const SETUP: &str =
    "mutation { twoFactorSetup { errors { code path message } setup { secret otpauthUri qrCode } } }";
pub(crate) const ENABLE: &str = "mutation($code: String!) { twoFactorEnable(input: { code: $code }) { \
    errors { code path message } backupCodes } }";
pub(crate) const DISABLE: &str = "mutation($code: String!) { twoFactorDisable(input: { code: $code }) { \
    errors { code path message } user { id } } }";
pub(crate) const REGENERATE: &str = "mutation { backupCodesRegenerate { errors { code path message } backupCodes } }";
pub(crate) const LOGIN: &str = "mutation($login: String!, $password: String!) { login(input: { login: $login, password: $password }) { \
    errors { code path message } result { __typename ... on Session { accessToken refreshToken requiresTwoFactorSetup user { id } } \
    ... on TwoFactorChallenge { challengeToken methods expiresAt } } } }";
pub(crate) const VERIFY: &str = "mutation($token: String!, $method: TwoFactorMethod!, $code: String!) { \
    twoFactorVerify(input: { challengeToken: $token, method: $method, code: $code }) { errors { code path message } \
    session { accessToken refreshToken user { id username } } } }";
pub(crate) const SEND: &str = "mutation($token: String!, $method: TwoFactorMethod!) { \
    twoFactorCodeSend(input: { challengeToken: $token, method: $method }) { errors { code path message } expiresAt } }";
pub(crate) const REAUTHENTICATE: &str = "mutation($input: ReauthenticateInput!) { reauthenticate(input: $input) { \
    errors { code path message } freshUntil } }";
pub(crate) const STATUS: &str = "{ me { twoFactor { isEnabled enabledAt isRequired backupCodesLeft methods } } }";

/// An app that has somebody's secret.
pub(crate) struct Authenticator(Totp);

impl Authenticator {
    /// Sets it up, without switching it on.
    pub(crate) async fn set_up(client: &Client) -> Self {
        let data = client.ok(SETUP, Value::Null).await;
        let uri = data["twoFactorSetup"]["setup"]["otpauthUri"].as_str().unwrap_or_else(|| panic!("{data}"));
        Self(Totp::from_url(uri).unwrap())
    }

    /// What it shows at the server's time.
    pub(crate) fn code(&self, server: &Server) -> String {
        self.code_in(server, 0)
    }

    /// What it will show in so many seconds.
    pub(crate) fn code_in(&self, server: &Server, seconds: i64) -> String {
        let at = server.clock.now().timestamp() + seconds;
        self.0.generate(at.cast_unsigned()).to_string()
    }

    /// Six digits that it does not show about now.
    pub(crate) fn wrong(&self, server: &Server) -> String {
        let near = [-60, -30, 0, 30, 60].map(|seconds| self.code_in(server, seconds));
        (0..10).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
    }
}

/// Switches the second factor on, and lets its first code grow old; gives the app and the backup codes.
pub(crate) async fn enable(server: &Server, client: &Client) -> (Authenticator, Vec<String>) {
    let app = Authenticator::set_up(client).await;
    let data = client.ok(ENABLE, json!({ "code": app.code(server) })).await;
    let codes = data["twoFactorEnable"]["backupCodes"].as_array().unwrap_or_else(|| panic!("{data}"));
    let codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    server.advance(30);
    (app, codes)
}

/// Gives the password; gives the challenge that comes back.
pub(crate) async fn challenge(client: &Client, login: &str) -> Value {
    let data = client.ok(LOGIN, json!({ "login": login, "password": PASSWORD })).await;
    assert_eq!(data["login"]["result"]["__typename"], "TwoFactorChallenge", "{data}");
    data["login"]["result"].clone()
}

/// The variables of an answer to a challenge.
pub(crate) fn answer(challenge: &Value, method: &str, code: &str) -> Value {
    json!({ "token": challenge["challengeToken"], "method": method, "code": code })
}

/// Answers a challenge; gives the session, or null.
pub(crate) async fn verify(client: &Client, challenge: &Value, method: &str, code: &str) -> Value {
    client.ok(VERIFY, answer(challenge, method, code)).await["twoFactorVerify"]["session"].clone()
}

/// Runs a statement that no call of the graph makes (yet).
pub(crate) async fn execute(server: &Server, sql: &str) {
    let changed = server.write(sql, Vec::new()).await;
    assert_eq!(changed, 1, "{sql}");
}

/// The kinds of a person's activity, oldest first.
pub(crate) async fn activity(server: &Server, username: &str) -> Vec<String> {
    let sql = format!(
        "SELECT a.kind FROM activities a JOIN users u ON u.id = a.user_id WHERE u.username_key = '{username}' \
         ORDER BY a.created_at, a.id"
    );
    let rows = server.app.db.rows(sql, Vec::new()).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}
