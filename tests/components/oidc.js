// A strict issuer of OpenID Connect (npm oidc-provider) whose people sign in without a browser: the `login_hint` of the
// request names them. Everything else is as it comes: PKCE is demanded, codes work once, claims are in the user info.
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

// NODE_PATH does not serve ES modules.
const { Provider } = await import(pathToFileURL(`${process.env.COMPONENTS_CACHE}/node_modules/oidc-provider/lib/index.js`));

const people = {
  amina: { email: "amina@example.org", email_verified: true, name: "Amina El Sayed", given_name: "Amina" },
  bilal: { email: "bilal@example.org", email_verified: false, name: "Bilal" },
};

const jwk = (kid, type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }),
  kid, alg, use: "sig",
});

const client = (name, method, alg) => ({
  client_id: `${name}-client`,
  client_secret: "a client's secret: +/=&%",
  redirect_uris: [`https://agora.example/oauth/callback/${name}`],
  token_endpoint_auth_method: method,
  id_token_signed_response_alg: alg,
  response_types: ["code"],
  grant_types: ["authorization_code"],
});

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      client("company", "client_secret_basic", "RS256"),
      client("posting", "client_secret_post", "ES256"),
    ],
    jwks: {
      keys: [jwk("rsa", "rsa", { modulusLength: 2048 }, "RS256"), jwk("ec", "ec", { namedCurve: "P-256" }, "ES256")],
    },
    cookies: { keys: ["only for tests"] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "given_name"] },
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    findAccount: (_, sub) => people[sub] && { accountId: sub, claims: () => ({ sub, ...people[sub] }) },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    // Everybody agrees to what is asked for.
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  server.on("request", async (request, response) => {
    if (!request.url.startsWith("/interaction/")) return answer(request, response);
    const { params } = await provider.interactionDetails(request, response);
    const result = people[params.login_hint]
      ? { login: { accountId: params.login_hint } }
      : { error: "access_denied", error_description: "nobody of this name" };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  });
  writeFileSync(process.argv[2], `COMPONENT_OIDC_ISSUER=${issuer}\n`);
});
