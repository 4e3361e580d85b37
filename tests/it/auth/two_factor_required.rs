//! Roles that must have a second factor: without it they can set it up, and nothing else.

use agora::domain::auth::{Register, create_administrator};
use serde_json::{Value, json};

use super::authenticator::{
    Authenticator, DISABLE, ENABLE, LOGIN, REAUTHENTICATE, REGENERATE, STATUS, challenge, enable, execute, verify,
};
use crate::harness::{Client, Server, Socket, client::PASSWORD, user_error};

const REFRESH: &str = "mutation($token: String!) { tokenRefresh(input: { refreshToken: $token }) { errors { code } \
    session { accessToken refreshToken requiresTwoFactorSetup } } }";

/// What holds unless the operator says otherwise; the harness demands nothing.
const DEMANDED: &[(&str, &str)] = &[("TWO_FACTOR_REQUIRED_ROLES", "")];

/// An administrator who has no second factor, signed in.
async fn administrator(server: &Server) -> Client {
    let command = Register {
        username: "root_user".to_owned(),
        email: "root_user@example.org".to_owned(),
        password: PASSWORD.into(),
        first_name: String::new(),
        last_name: String::new(),
    };
    create_administrator(&server.app, command).await.unwrap();
    server.anonymous().login("root_user").await
}

#[tokio::test]
async fn without_it_everything_else_is_refused() {
    let server = Server::with(DEMANDED).await;
    let administrator = administrator(&server).await;
    let post = server.user("amina").await.publish("a post").await;
    let before = server.rows().await;
    for operation in [
        "{ me { notifications { nodes { id } } } }",
        "{ me { notificationUnreadCount } }",
        "mutation { profileUpdate(input: { bio: \"x\" }) { errors { code } } }",
        "mutation { postCreate(input: { body: \"x\" }) { errors { code } } }",
        "mutation { postLike(input: { id: \"$POST\" }) { errors { code } } }",
        "mutation { postShare(input: { id: \"$POST\" }) { errors { code } } }",
        "mutation { commentCreate(input: { target: { postId: \"$POST\" }, body: \"x\" }) { errors { code } } }",
        "mutation { notificationMarkAllRead { errors { code } } }",
        "mutation { twoFactorDisable(input: { code: \"123456\" }) { errors { code } } }",
        "mutation { backupCodesRegenerate { errors { code } } }",
    ] {
        let operation = operation.replace("$POST", &post);
        assert_eq!(administrator.refused(&operation, Value::Null).await, "TWO_FACTOR_SETUP_REQUIRED", "{operation}");
    }
    let mut socket = Socket::open(server.listen().await, administrator.access_token.as_deref()).await;
    socket.subscribe("1", "subscription { notificationReceived { phase } }", json!({})).await;
    let answer = socket.next().await;
    assert_eq!(answer["payload"][0]["extensions"]["code"], "TWO_FACTOR_SETUP_REQUIRED", "{answer}");
    assert_eq!(server.rows().await, before);
    // Leaving is always possible.
    administrator.ok("mutation { logout { ended } }", Value::Null).await;
}

#[tokio::test]
async fn once_it_is_set_up_a_refreshed_session_may_do_everything() {
    let server = Server::with(DEMANDED).await;
    let mut administrator = administrator(&server).await;
    let login = json!({ "login": "root_user", "password": PASSWORD });
    let data = server.anonymous().ok(LOGIN, login).await;
    assert_eq!(data["login"]["result"]["requiresTwoFactorSetup"], true);
    // Also when the sign-in is no longer recent.
    server.advance(301);
    assert_eq!(administrator.refused(super::authenticator::SETUP, Value::Null).await, "REAUTHENTICATION_REQUIRED");
    let proof = json!({ "input": { "password": PASSWORD } });
    assert_eq!(administrator.user_errors(REAUTHENTICATE, proof).await, []);

    let app = Authenticator::set_up(&administrator).await;
    assert_eq!(administrator.user_errors(ENABLE, json!({ "code": app.code(&server) })).await, []);
    let status = administrator.ok(STATUS, Value::Null).await["me"]["twoFactor"].clone();
    assert_eq!((&status["isRequired"], &status["isEnabled"]), (&json!(true), &json!(true)));

    let token = json!({ "token": administrator.refresh_token.clone().unwrap() });
    let session = administrator.ok(REFRESH, token).await["tokenRefresh"]["session"].clone();
    assert_eq!(session["requiresTwoFactorSetup"], false);
    administrator = administrator.token(session["accessToken"].as_str().unwrap());
    administrator.publish("it works").await;

    // It can't be switched off again.
    server.advance(30);
    let before = server.rows().await;
    let errors = administrator.user_errors(DISABLE, json!({ "code": app.code(&server) })).await;
    assert_eq!(errors, user_error("TWO_FACTOR_REQUIRED", ""));
    assert_eq!(server.rows().await, before);
    assert_eq!(administrator.user_errors(REGENERATE, Value::Null).await, []);
    // And the next sign-in asks for it.
    let open = challenge(&server.anonymous(), "root_user").await;
    let session = verify(&server.anonymous(), &open, "TOTP", &app.code(&server)).await;
    server.anonymous().token(session["accessToken"].as_str().unwrap()).publish("signed in").await;
}

#[tokio::test]
async fn which_roles_must_have_it_is_the_operator_s_choice() {
    for (settings, refused) in [
        (DEMANDED, true),
        (&[("TWO_FACTOR_REQUIRED_ROLES", "administrator")], false),
        (&[("TWO_FACTOR_REQUIRED_ROLES", "seller,owner")], true),
    ] {
        let server = Server::with(settings).await;
        server.user("olivia").await;
        let sql = "INSERT INTO user_roles (user_id, role, created_at) \
                   SELECT id, 'owner', created_at FROM users WHERE username = 'olivia'";
        execute(&server, sql).await;
        let owner = server.anonymous().login("olivia").await;
        let answer = owner.send("{ me { notificationUnreadCount } }", Value::Null).await;
        let code = answer.body["errors"][0]["extensions"]["code"].as_str();
        assert_eq!(code, refused.then_some("TWO_FACTOR_SETUP_REQUIRED"), "{settings:?}");
    }
}

#[tokio::test]
async fn whoever_loses_it_by_a_role_s_demand_is_held_to_it_at_the_next_refresh() {
    let server = Server::with(DEMANDED).await;
    let olivia = server.user("olivia").await;
    let (app, _) = enable(&server, &olivia).await;
    let sql = "INSERT INTO user_roles (user_id, role, created_at) \
               SELECT id, 'administrator', created_at FROM users WHERE username = 'olivia'";
    execute(&server, sql).await;
    // The session is older than the role; the demand holds all the same.
    let errors = olivia.user_errors(DISABLE, json!({ "code": app.code(&server) })).await;
    assert_eq!(errors, user_error("TWO_FACTOR_REQUIRED", ""));
}
